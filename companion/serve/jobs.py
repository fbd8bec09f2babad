"""The queue, on disk: what is to be matched, what is being matched, and what became of it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from companion.disk.library import record
from companion.errors import WhisperSynthError
from companion.serve.ledger import Ledger
from companion.serve.requests import JobRequest, from_json
from companion.serve.sweep import free_names

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
STATES = (QUEUED, RUNNING, DONE, FAILED, CANCELLED)
ENDED = (DONE, FAILED, CANCELLED)
BOUND = 256
MAX_CRASHES = 2
BLOCK = 1 << 20
CRASHED = "the engine crashed {n} times on this clip, so it was given up; try a part of it, and report it with the clip"


class QueueFull(WhisperSynthError):
    """No room for another job just now."""


class OwnOutput(WhisperSynthError):
    """A file that a match wrote is no clip to match."""


@dataclass(frozen=True)
class Job:
    """A row of the queue."""

    id: int
    request: JobRequest
    state: str
    attempts: int
    crashes: int
    plan: dict[str, Any] | None
    result: dict[str, Any] | None
    error: str
    created: float
    started: float | None
    ended: float | None
    stage: str = ""
    progress: float = 0.0
    position: int = 0
    content: str = field(default="", repr=False)

    @property
    def has_ended(self) -> bool:
        """Nothing more will become of it."""
        return self.state in ENDED

    def to_json(self) -> dict[str, Any]:
        """As every door shows it."""
        request = self.request
        return {
            "id": self.id, "state": self.state, "stage": self.stage, "progress": round(self.progress, 3),
            "position": self.position, "attempts": self.attempts, "clip": request.path, "name": request.title,
            "source": request.source, "created": self.created, "started": self.started, "ended": self.ended,
            "error": self.error, "request": request.to_json(), "result": self.result,
        }  # fmt: skip


def content_of(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


class Jobs:
    """Every change is a transaction: a process may die between any two lines and nothing is lost or done twice."""

    def __init__(self, ledger: Ledger, bound: int = BOUND) -> None:
        self._ledger, self.bound = ledger, bound

    # -- asking ----------------------------------------------------------------------------------------------------

    def get(self, number: int) -> Job | None:
        """A job by its number."""
        row = self._ledger.row("SELECT * FROM jobs WHERE id = ?", number)
        return self._job(row) if row else None

    def with_key(self, key: str) -> Job | None:
        """The job made by an earlier sending of the same request."""
        row = key and self._ledger.row("SELECT * FROM jobs WHERE key = ?", key)
        return self._job(row) if row else None

    def listed(self, state: str = "", limit: int = 50, before: int = 0) -> list[Job]:
        """Jobs, newest first."""
        rows = self._ledger.rows(
            "SELECT * FROM jobs WHERE (? = '' OR state = ?) AND (? = 0 OR id < ?) ORDER BY id DESC LIMIT ?",
            state, state, before, before, limit,
        )  # fmt: skip
        return [self._job(row) for row in rows]

    def count(self, *states: str) -> int:
        """How many jobs are in one of the states."""
        marks = ", ".join("?" * len(states))
        row = self._ledger.row(f"SELECT count(*) FROM jobs WHERE state IN ({marks})", *states)
        return int(row[0]) if row else 0

    def is_output(self, path: Path, content: str) -> bool:
        """Whether a match wrote this file, or one with the same bytes."""
        found = self._ledger.row("SELECT 1 FROM outputs WHERE path = ? OR content = ?", str(path), content)
        return found is not None

    # -- changing --------------------------------------------------------------------------------------------------

    def add(self, request: JobRequest) -> tuple[Job, bool]:
        """Queues a request: the job, and whether it is new.

        Raises:
            OwnOutput: the clip was written by a match (asked only of requests made `once`).
            QueueFull: no room.
            OSError: the clip cannot be read.
        """
        if known := self.with_key(request.key):
            return known, False
        content = content_of(request.clip)
        fingerprint = request.fingerprint(content)
        if request.once and self.is_output(request.clip, content):
            raise OwnOutput(f"{request.path} was written by a match, so it is not matched again")
        with self._ledger.change() as c:
            if row := self._twin(c, request, fingerprint):
                return self._job(row), False
            if self.count(QUEUED, RUNNING) >= self.bound:
                raise QueueFull(f"{self.bound} clips are waiting already; send this one again in a while")
            c.execute(
                "INSERT INTO jobs (key, fingerprint, content, request, state, created) VALUES (?, ?, ?, ?, ?, ?)",
                (request.key or None, fingerprint, content, json.dumps(request.to_json()), QUEUED, time.time()),
            )  # fmt: skip
            number = int(c.execute("SELECT last_insert_rowid()").fetchone()[0])
        return self._known(number), True

    def _twin(self, c: sqlite3.Connection, request: JobRequest, fingerprint: str) -> sqlite3.Row | None:
        """The job that answers a request already."""
        if request.key:
            row = c.execute("SELECT * FROM jobs WHERE key = ?", (request.key,)).fetchone()
            if row:
                return row  # type: ignore[no-any-return]
        if not request.once:
            return None
        found: sqlite3.Row | None = c.execute(
            "SELECT * FROM jobs WHERE fingerprint = ? AND state IN (?, ?, ?) ORDER BY id LIMIT 1",
            (fingerprint, QUEUED, RUNNING, DONE),
        ).fetchone()
        return found

    def take(self) -> Job | None:
        """The oldest waiting job, now running."""
        with self._ledger.change() as c:
            row = c.execute("SELECT id FROM jobs WHERE state = ? ORDER BY id LIMIT 1", (QUEUED,)).fetchone()
            if row is None:
                return None
            c.execute(
                "UPDATE jobs SET state = ?, attempts = attempts + 1, started = ?, plan = NULL WHERE id = ?",
                (RUNNING, time.time(), row["id"]),
            )
        return self._known(row["id"])

    def plan(self, job: Job, plan: Mapping[str, Any]) -> Job:
        """Notes what is about to be published, before any of it is."""
        with self._ledger.change() as c:
            c.execute("UPDATE jobs SET plan = ? WHERE id = ?", (json.dumps(plan), job.id))
            c.executemany(
                "INSERT OR REPLACE INTO outputs (path, content, job) VALUES (?, ?, ?)",
                [(path, content, job.id) for path, content in plan["files"].items()],
            )
        return self._known(job.id)

    def finish(self, job: Job) -> Job:
        """The plan is carried out: the job is done and its match in the library, in one step."""
        assert job.plan is not None
        result = dict(job.plan["result"])
        with self._ledger.change() as c:
            result["match"] = record(c, result, job.content, job.request, job.id)
            c.execute(
                "UPDATE jobs SET state = ?, result = ?, plan = NULL, ended = ?, error = '' WHERE id = ?",
                (DONE, json.dumps(result), time.time(), job.id),
            )
        return self._known(job.id)

    def fail(self, job: Job, error: str) -> Job:
        """Nothing will become of it."""
        return self._end(job, FAILED, error)

    def cancel(self, job: Job) -> Job:
        """It is not wanted any more."""
        return self._end(job, CANCELLED, "")

    def _end(self, job: Job, state: str, error: str) -> Job:
        with self._ledger.change() as c:
            c.execute(
                "UPDATE jobs SET state = ?, error = ?, plan = NULL, ended = ? WHERE id = ? AND state IN (?, ?)",
                (state, error, time.time(), job.id, QUEUED, RUNNING),
            )
            c.execute("DELETE FROM outputs WHERE job = ?", (job.id,))
        return self._known(job.id)

    def put_back(self, job: Job, crashed: bool = False) -> Job:
        """Waits again, at its old place; given up after MAX_CRASHES crashes."""
        if crashed and job.crashes + 1 >= MAX_CRASHES:
            return self.fail(job, CRASHED.format(n=job.crashes + 1))
        with self._ledger.change() as c:
            c.execute(
                "UPDATE jobs SET state = ?, plan = NULL, crashes = crashes + ? WHERE id = ?",
                (QUEUED, int(crashed), job.id),
            )
            c.execute("DELETE FROM outputs WHERE job = ?", (job.id,))
        return self._known(job.id)

    def settle(self, job: Job, crashed: bool = False) -> Job:
        """What becomes of a job whose engine is gone: done if all it planned is there, else undone and queued again."""
        if job.plan is not None and all(_is_there(*file) for file in job.plan["files"].items()):
            return self.finish(job)
        for path, content in (job.plan or {"files": {}})["files"].items():
            if _is_there(path, content):
                with suppress(OSError):
                    Path(path).unlink()
        free_names(job.request)
        return self.put_back(job, crashed)

    def recover(self) -> list[Job]:
        """Settles what ran when the process before this one ended."""
        rows = self._ledger.rows("SELECT * FROM jobs WHERE state = ? ORDER BY id", RUNNING)
        return [self.settle(self._job(row)) for row in rows]

    # -- rows ------------------------------------------------------------------------------------------------------

    def _known(self, number: int) -> Job:
        job = self.get(number)
        assert job is not None
        return job

    def _job(self, row: sqlite3.Row) -> Job:
        job = Job(
            row["id"], from_json(_without_empty(json.loads(row["request"]))), row["state"], row["attempts"], row["crashes"],
            _loaded(row["plan"]), _loaded(row["result"]), row["error"], row["created"], row["started"], row["ended"],
            content=row["content"],
        )  # fmt: skip
        if job.has_ended:
            return replace(job, stage=job.state, progress=1.0)
        return replace(job, position=self._position(job)) if job.state == QUEUED else job

    def _position(self, job: Job) -> int:
        row = self._ledger.row(
            "SELECT count(*) FROM jobs WHERE id < ? AND state IN (?, ?)", job.id, QUEUED, RUNNING
        )
        return int(row[0]) if row else 0


def _without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in ("", None)}


def _loaded(text: str | None) -> dict[str, Any] | None:
    return None if text is None else dict(json.loads(text))


def _is_there(path: str, content: str) -> bool:
    try:
        return content_of(Path(path)) == content
    except OSError:
        return False
