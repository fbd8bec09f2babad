"""Watching a folder: every clip that appears goes into the queue, once, under its name."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from companion.errors import StoreError, WhisperSynthError
from companion.serve.arrivals import Arrivals, Stamp

LOOK_S = 0.5  # between looks while something is going on
IDLE_S = (
    2.0  # and at least so often: not every file system sends notices, and none do before they are asked for
)
FULL_S = 2.0  # waited when the queue is full


class Full(WhisperSynthError):
    """The queue has no room just now."""


class Submit(Protocol):
    """Puts a clip into the queue; the job. Raises Full, or WhisperSynthError for a clip that will never do."""

    def __call__(self, path: Path, /) -> dict[str, Any]: ...


@dataclass
class Tally:
    """What became of the files so far."""

    sent: int = 0
    again: int = 0
    """The same content as an earlier one."""
    own: int = 0
    """Written by a match."""
    refused: list[str] = field(default_factory=list)


class WatchMemory:
    """What lay in a folder when it was first watched: on disk, so that a restart matches what came in between."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = sqlite3.connect(
                path, timeout=10.0, isolation_level=None, check_same_thread=False
            )  # made in one thread, then used by the watch's alone
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS folders (folder TEXT PRIMARY KEY, since REAL NOT NULL)"
            )
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS files (folder TEXT, path TEXT, size INTEGER, mtime_ns INTEGER,"
                " PRIMARY KEY (folder, path))"
            )
        except sqlite3.Error as error:
            raise StoreError(
                f"{path} cannot be used ({error}); move it away, and a new one is made"
            ) from error

    def known(
        self, folder: Path, now_there: Callable[[], dict[str, Stamp]], existing: bool
    ) -> dict[str, Stamp]:
        """The files to leave alone; at the first time those that are there, or none if `existing` ones are wanted."""
        self._db.execute("BEGIN IMMEDIATE")
        if self._db.execute("SELECT 1 FROM folders WHERE folder = ?", (str(folder),)).fetchone() is None:
            self._db.execute("INSERT INTO folders VALUES (?, ?)", (str(folder), time.time()))
            rows = [] if existing else [(str(folder), p, s.size, s.mtime_ns) for p, s in now_there().items()]
            self._db.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", rows)
        elif existing:
            self._db.execute("DELETE FROM files WHERE folder = ?", (str(folder),))
        self._db.execute("COMMIT")
        left = self._db.execute(
            "SELECT path, size, mtime_ns FROM files WHERE folder = ?", (str(folder),)
        ).fetchall()
        return {path: Stamp(size, mtime_ns) for path, size, mtime_ns in left}

    def remember(self, folder: Path, path: Path) -> None:
        """A file that was dealt with, as it looks now."""
        with suppress(OSError):
            state = path.stat()
            self._db.execute(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)",
                (str(folder), str(path), state.st_size, state.st_mtime_ns),
            )

    def close(self) -> None:
        """Closes the file."""
        self._db.close()


class Watch:
    """A folder that is watched; `run` in a thread, or on its own."""

    def __init__(
        self, arrivals: Arrivals, memory: WatchMemory, submit: Submit, say: Callable[[str], None]
    ) -> None:
        self._arrivals, self._memory, self._submit, self._say = arrivals, memory, submit, say
        self.tally = Tally()
        self.looks = 0
        """At the folder, so far."""
        self._stop = threading.Event()
        self._moved = threading.Event()

    def run(self) -> None:
        """Until `stop`."""
        notices = threading.Thread(target=self._listen, daemon=True, name="notices")
        notices.start()
        while not self._stop.is_set():
            self._moved.clear()
            for path in self._arrivals.look():
                if not self._send(path):
                    break
            self.looks += 1
            self._moved.wait(LOOK_S if self._arrivals.waiting else IDLE_S)
            self._stop.wait(LOOK_S / 2)  # five hundred files at once wake it five hundred times

    def stop(self) -> None:
        """Ends `run`."""
        self._stop.set()
        self._moved.set()

    def _send(self, path: Path) -> bool:
        """One clip into the queue; False: stop and look again later."""
        while not self._stop.is_set():
            try:
                job = self._submit(path)
            except Full:
                self._stop.wait(FULL_S)
                continue
            except WhisperSynthError as error:
                self._refuse(path, error)
            else:
                self._count(path, job)
            self._arrivals.take(path)
            self._memory.remember(self._arrivals.folder, path)
            return True
        return False

    def _count(self, path: Path, job: dict[str, Any]) -> None:
        if job.get("is_new", True):
            self.tally.sent += 1
        else:
            self.tally.again += 1
            self._say(f"{path.name}: the same sound as {Path(job['clip']).name}, which is matched already")

    def _refuse(self, path: Path, error: WhisperSynthError) -> None:
        if getattr(error, "is_own", False):
            self.tally.own += 1
            return
        self.tally.refused.append(path.name)
        self._say(f"{path.name}: {error}")

    def _listen(self) -> None:
        """The system's notices wake the look; without them the clock does."""
        with suppress(Exception):
            for _ in _notices(self._arrivals.folder, self._stop):
                self._moved.set()


def _notices(folder: Path, stop: threading.Event) -> Iterator[object]:
    try:
        from watchfiles import watch
    except ModuleNotFoundError:
        return iter(())
    return watch(folder, stop_event=stop, watch_filter=None, debounce=200, step=50, recursive=True)
