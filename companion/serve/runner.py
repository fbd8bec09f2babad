"""Drives the engine's process: one job at a time, from the queue to its result, whatever the engine does."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from companion.serve.jobs import QUEUED, Job, Jobs
from companion.serve.link import Child, Gone, Message
from companion.serve.places import Places

START_S = 120.0  # for the model and the engines to load on a busy machine
SILENCE_S = 120.0  # without a word from the engine, beyond the job's own seconds, it hangs
CANCEL_S = 10.0
MAX_TRIES = 5  # where another program keeps taking the names
PAUSES_S = (1.0, 5.0, 15.0, 60.0)  # before an engine that does not start is tried again
PROGRESS_S = 0.1  # between two events of progress

WORKER = (sys.executable, "-m", "companion.serve.worker")


class Broken(Exception):
    """The engine says why it cannot work."""


class Runner:
    """A thread that takes jobs from the queue as long as there are any."""

    def __init__(
        self,
        jobs: Jobs,
        places: Places,
        tell: Callable[[Job], None],
        worker: Sequence[str] = WORKER,
        finished: Callable[[Job], None] = lambda job: None,
        synth: str = "",
    ) -> None:
        self._jobs, self._places, self._tell, self._worker = jobs, places, tell, worker
        self._finished = finished
        self._synth = (synth,) if synth else ()  # whose matcher is opened before the first job comes
        self._child: Child | None = None
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="runner", daemon=True)
        self._running: Job | None = None
        self._cancel = threading.Event()
        self.ready = False
        self.paused = ""
        """Why no job is taken, in a sentence; empty when all is well."""
        self.restarts = -1

    def start(self) -> None:
        """Begins; the engine is loaded before the first job comes."""
        self._thread.start()

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    @property
    def engine_pid(self) -> int | None:
        """Process id of the engine, when there is one."""
        return self._child.pid if self._child is not None and self._child.alive else None

    def current(self) -> Job | None:
        """The job that runs, with how far it is."""
        return self._running

    def cancel(self, number: int) -> bool:
        """Asks the engine to drop the running job; False if it is another one."""
        running, child = self._running, self._child
        if running is None or running.id != number or child is None:
            return False
        self._cancel.set()
        try:
            child.send({"do": "cancel"})
        except Gone:
            return False
        return True

    def stop(self) -> None:
        """Ends the engine; a job that runs goes back to the queue."""
        self._stopping.set()
        self._wake.set()
        self._thread.join()

    # -- the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                self._ensure_child()
                failures, self.paused = 0, ""
                self._work_through()
            except (Gone, Broken, OSError) as error:
                failures += 1
                self.paused = str(error) or "the engine ended while it was loading; it is started again"
                self._drop_child()
                self._stopping.wait(PAUSES_S[min(failures, len(PAUSES_S)) - 1])
            except Exception as error:  # a full disk, a locked ledger: the queue is on disk, so try again
                failures += 1
                self.paused = f"{type(error).__name__}: {error}"
                self._drop_child()
                self._put_back()
                self._stopping.wait(PAUSES_S[min(failures, len(PAUSES_S)) - 1])
        self._drop_child()
        self._put_back()

    def _ensure_child(self) -> None:
        if self._child is not None and self._child.alive:
            return
        self._drop_child()
        self._child = Child((*self._worker, str(self._places.folder), *self._synth), self._places.log)
        self.restarts += 1
        until = time.monotonic() + START_S
        while not self._stopping.is_set() and time.monotonic() < until:
            message = self._child.receive(0.2)
            if message and message["at"] == "broken":
                raise Broken(message["error"])
            if message and message["at"] == "ready":
                self.ready = True
                return
        if not self._stopping.is_set():
            raise Broken("the engine did not load in time; it is started again")

    def _work_through(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            job = self._jobs.take()
            if job is None:
                self._wake.wait(1.0)
                if self._child is None or not self._child.alive:
                    return
                continue
            self._running = job
            self._cancel.clear()
            self._say(job)
            job = self._follow(job)
            self._running = None
            self._say(job)
            if job.has_ended:
                self._finished(job)
            if self._child is None:
                return

    def _follow(self, job: Job) -> Job:
        """One job to its end, or back to the queue."""
        assert self._child is not None
        try:
            self._child.send({"do": "match", "id": job.id, "request": _asked(job)})
            while True:
                message = self._next(job)
                if message["at"] in ANSWERS:
                    ended = ANSWERS[message["at"]](self, self._running or job, message)
                    if ended is not None:
                        return ended
        except Gone:
            self._drop_child()
            if self._stopping.is_set():
                return self._jobs.settle(self._jobs.get(job.id) or job)
            if self._cancel.is_set():
                return self._undo(job)
            return self._jobs.settle(self._jobs.get(job.id) or job, crashed=True)

    def _next(self, job: Job) -> Message:
        """The engine's next word; one that has nothing to say any more is ended."""
        assert self._child is not None
        limit = SILENCE_S + float(job.request.options.get("seconds", 2.0))
        began = time.monotonic()
        while True:
            message = self._child.receive(0.1)
            if message is not None:
                return message
            waited = time.monotonic() - began
            late = waited > (CANCEL_S if self._cancel.is_set() else limit)
            if late or self._stopping.is_set():
                self._child.kill() if late else self._child.stop()
                raise Gone

    def _on_stage(self, job: Job, message: Message) -> None:
        before = self._running or job
        self._running = replace(job, stage=message["stage"], progress=float(message["progress"]))
        now = time.monotonic()
        if before.stage != message["stage"] or now - self._told >= PROGRESS_S:
            self._say(self._running)

    def _on_plan(self, job: Job, message: Message) -> None:
        assert self._child is not None
        if self._cancel.is_set():
            self._child.send({"do": "drop"})
            return
        planned = self._jobs.plan(job, message["plan"])
        self._running = replace(planned, stage="saving", progress=0.99)
        self._child.send({"do": "go"})

    def _on_done(self, job: Job, message: Message) -> Job:
        return self._jobs.finish(self._jobs.get(job.id) or job)

    def _on_failed(self, job: Job, message: Message) -> Job:
        settled = self._jobs.settle(
            self._jobs.get(job.id) or job
        )  # what was published before it failed is taken back
        if (message.get("again") and job.attempts < MAX_TRIES) or settled.state != QUEUED:
            return settled
        return self._jobs.fail(settled, str(message["error"]))

    def _on_cancelled(self, job: Job, message: Message) -> Job:
        return self._undo(job)

    def _undo(self, job: Job) -> Job:
        """Takes back what was published, and the job with it."""
        settled = self._jobs.settle(self._jobs.get(job.id) or job)
        return self._jobs.cancel(settled) if settled.state == QUEUED else settled

    _told = 0.0

    def _say(self, job: Job) -> None:
        self._told = time.monotonic()
        self._tell(job)

    def _drop_child(self) -> None:
        if self._child is not None:
            self._child.stop() if self.ready else self._child.kill()  # while it loads it hears nothing
            self._child = None
        self.ready = False

    def _put_back(self) -> None:
        job, self._running = self._running, None
        current = job and self._jobs.get(job.id)
        if current is not None and current.state == "running":
            self._say(self._jobs.settle(current))


ANSWERS: dict[str, Callable[[Any, Job, Message], Job | None]] = {
    "stage": Runner._on_stage, "plan": Runner._on_plan, "done": Runner._on_done, "failed": Runner._on_failed,
    "cancelled": Runner._on_cancelled,
}  # fmt: skip


def _asked(job: Job) -> dict[str, Any]:
    return {key: value for key, value in job.request.to_json().items() if value not in ("", None)}
