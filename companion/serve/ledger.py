"""The one file that remembers: jobs, what they wrote, and the library of matches (SQLite, write-ahead log)."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from companion.errors import StoreError

LEDGER_VERSION = 2
BUSY_S = 10.0  # waited for another process that is writing
TABLES = """
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT UNIQUE,               -- the client's own name for the request
    fingerprint TEXT NOT NULL,     -- the same content asked for in the same way
    content TEXT NOT NULL,         -- SHA-256 of the clip
    request TEXT NOT NULL,         -- JSON
    state TEXT NOT NULL,           -- queued, running, done, failed, cancelled
    attempts INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    plan TEXT,                     -- JSON: what is about to be published
    result TEXT,                   -- JSON
    error TEXT NOT NULL DEFAULT '',
    created REAL NOT NULL,
    started REAL,
    ended REAL
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, id);
CREATE INDEX IF NOT EXISTS jobs_by_fingerprint ON jobs (fingerprint);
CREATE TABLE IF NOT EXISTS outputs (
    path TEXT PRIMARY KEY,
    content TEXT NOT NULL,
    job INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS outputs_by_content ON outputs (content);
CREATE TABLE IF NOT EXISTS matches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job INTEGER UNIQUE,            -- exactly one match a job, NULL: made by `whispersynth match`
    clip TEXT NOT NULL,
    name TEXT NOT NULL,
    content TEXT NOT NULL,
    source TEXT NOT NULL,
    note INTEGER NOT NULL,
    note_off_s REAL NOT NULL,
    seconds REAL NOT NULL,
    warnings TEXT NOT NULL,        -- JSON
    folder TEXT NOT NULL,
    created REAL NOT NULL,
    favourite INTEGER NOT NULL DEFAULT 0,  -- rank of the favourite candidate, 0: none
    notes TEXT NOT NULL DEFAULT '',
    hidden REAL                    -- when the user took it off the list, NULL: shown
);
CREATE TABLE IF NOT EXISTS candidates (
    match INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    kind TEXT NOT NULL,
    score REAL NOT NULL,
    settings TEXT NOT NULL,        -- what matters most in it, in words
    files TEXT NOT NULL,           -- JSON
    installed TEXT NOT NULL,       -- JSON: copies in synths' folders
    words TEXT NOT NULL DEFAULT '',  -- how near it comes, '' where nobody said
    PRIMARY KEY (match, rank)
);
"""


class Ledger:
    """One connection, used by one thread at a time.

    Raises:
        StoreError: the file cannot be opened, or is of a newer version.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        try:
            self._connection = sqlite3.connect(
                path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
            )
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")  # a commit outlives a power cut too
            self._set_up()
        except sqlite3.Error as error:
            raise StoreError(
                f"{path} cannot be used ({error}); move it away, and a new one is made"
            ) from error

    def _set_up(self) -> None:
        with self.change() as c:
            version = c.execute("PRAGMA user_version").fetchone()[0]
            if version > LEDGER_VERSION:
                raise StoreError("the library was written by a newer whispersynth; update this one")
            if version == 1:
                c.execute("ALTER TABLE candidates ADD COLUMN words TEXT NOT NULL DEFAULT ''")
            for statement in TABLES.split(";"):
                c.execute(statement)
            c.execute(f"PRAGMA user_version = {LEDGER_VERSION}")

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it or nothing."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, question: str, *values: object) -> list[sqlite3.Row]:
        """The rows of a SELECT."""
        with self._lock:
            return self._connection.execute(question, values).fetchall()

    def row(self, question: str, *values: object) -> sqlite3.Row | None:
        """The first of them."""
        return next(iter(self.rows(question, *values)), None)

    def close(self) -> None:
        """Closes the file; what was committed is there."""
        with self._lock:
            self._connection.close()
