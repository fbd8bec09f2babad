"""What every door opens on: the queue, the engine, the instruments, the library, and what happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from companion.disk.library import Library
from companion.errors import WhisperSynthError
from companion.serve.bridge import Bridge
from companion.serve.events import Events
from companion.serve.instruments import Instruments
from companion.serve.jobs import BOUND, CANCELLED, DONE, QUEUED, RUNNING, Job, Jobs
from companion.serve.ledger import Ledger
from companion.serve.places import Places
from companion.serve.requests import JobRequest, from_json
from companion.serve.runner import WORKER, Runner
from companion.serve.stage import EngineStage, MidiStage, PluginStage, Stage
from companion.serve.sweep import sweep
from companion.telling.complaints import describe, say

OLD_ENGINE_S = 20.0  # for an orphaned engine to notice that its server has gone
VIRTUAL = "virtual"
PROMPT = {
    "seconds": 1.2,
    "candidates": 8,
}  # of a match that is loaded at once, where nobody says otherwise: somebody waits


class NotFound(WhisperSynthError):
    """Nothing of that number."""


@dataclass(frozen=True)
class Settings:
    """How a service is run."""

    bound: int = BOUND
    """Clips that may wait."""
    plugin: Path | None = None
    """A VST3 or Audio Unit that patches are loaded into."""
    midi: str | None = None
    """A MIDI port that patches are sent to; `virtual`: one of our own."""
    midi_map: str | None = None
    out: str = ""
    """Folder for results where a job names none."""
    install: bool = False
    """Every job's best patch also goes to the synth's user folder."""
    options: Mapping[str, Any] | None = None
    """Of matches, where a job names none."""
    worker: Sequence[str] = WORKER


class Service:
    """Open once; every method may be called from any thread.

    Raises:
        WhisperSynthError: another one runs on this data folder.
    """

    def __init__(self, places: Places, settings: Settings | None = None) -> None:
        self.places, self.settings = places.prepare(), settings or Settings()
        self._lock = _only_one(self.places)
        try:
            self.ledger = Ledger(places.ledger)
            self.jobs = Jobs(self.ledger, self.settings.bound)
            self.library = Library(self.ledger)
            self.events = Events()
            with FileLock(places.engine_lock).acquire(timeout=OLD_ENGINE_S):
                self.recovered = self.jobs.recover()
        except Timeout:
            self._lock.release()
            raise WhisperSynthError(
                "the engine of an earlier whispersynth still runs; wait a moment, or end it by hand"
            ) from None
        except BaseException:
            self._lock.release()
            raise
        self._engine = EngineStage(places)
        self.bridge = Bridge(self.events)
        self.instruments = Instruments({"engine": self._engine}, self.bridge, self.events)
        synth = str((self.settings.options or {}).get("synth", ""))
        self.runner = Runner(self.jobs, places, self._tell, self.settings.worker, self._finished, synth)

    def start(self) -> None:
        """Begins to work through the queue."""
        threading.Thread(target=self._prepare, daemon=True, name="prepare").start()
        self.runner.start()

    def _prepare(self) -> None:
        import companion.match  # noqa: F401  (a second, which the first clip need not wait)

        with suppress(WhisperSynthError, OSError):
            self._engine.open()
        for name, given, opened in (
            ("plugin", self.settings.plugin, self._open_plugin),
            ("midi", self.settings.midi, self._open_midi),
        ):
            try:
                if given is not None:
                    self.instruments.stages[name] = opened()
            except Exception as error:
                self.notice(describe(error))
                say(describe(error))
        with suppress(OSError):
            sweep(self.recovered)

    def _open_plugin(self) -> Stage:
        from companion.hosts.plugin import PluginHost

        assert self.settings.plugin is not None
        return PluginStage(PluginHost(self.settings.plugin, on_notice=self.notice))

    def _open_midi(self) -> Stage:
        from companion.midi.ports import open_output

        port = self.settings.midi
        return MidiStage(open_output(None if port == VIRTUAL else port), self.settings.midi_map)

    def stop(self) -> None:
        """Ends everything; what waited or ran is in the queue for the next time."""
        self.events.close()
        self.runner.stop()
        self.instruments.close()
        self.ledger.close()
        self._lock.release()

    # -- jobs ------------------------------------------------------------------------------------------------------

    def submit(self, body: Mapping[str, Any]) -> tuple[Job, bool]:
        """Queues what a client asks for: the job, and whether it is new.

        Raises:
            RequestError, ClipError, OptionError: it makes no sense.
            QueueFull: later, perhaps.
        """
        request = self._with_defaults(from_json(dict(body)))
        if known := self.jobs.with_key(request.key):
            return known, False
        _check(request)
        job, is_new = self.jobs.add(request)
        if is_new:
            self.runner.wake()
            self._tell(job)
        return job, is_new

    def _with_defaults(self, request: JobRequest) -> JobRequest:
        settings = self.settings
        prompt = PROMPT if request.load else {}
        return replace(
            request,
            out=request.out or settings.out,
            install=request.install or settings.install,
            options={**prompt, **(settings.options or {}), **request.options},
        )

    def job(self, number: int) -> Job:
        """A job as it stands.

        Raises:
            NotFound: there is none.
        """
        job = self.jobs.get(number)
        if job is None:
            raise NotFound(f"there is no job {number}; GET /jobs lists those there are")
        return self._as_it_runs(job)

    def listed(self, state: str, limit: int, before: int) -> list[Job]:
        """Jobs, newest first."""
        return [self._as_it_runs(job) for job in self.jobs.listed(state, limit, before)]

    def _as_it_runs(self, job: Job) -> Job:
        running = self.runner.current()
        if running is None or running.id != job.id or job.state != RUNNING:
            return job
        return replace(job, stage=running.stage, progress=running.progress)

    def cancel(self, number: int) -> Job:
        """Drops a job that has not ended."""
        job = self.job(number)
        if job.state == QUEUED:
            job = self.jobs.cancel(job)
            self._tell(job)
        elif job.state == RUNNING and self.runner.cancel(number):
            self.events.wait(0, 0.5, lambda event: _is_end(event, number))
        return self.job(number)

    def wait(self, number: int, seconds: float) -> Job:
        """A job when it has ended or the time is up."""
        until = time.monotonic() + seconds
        while not (job := self.job(number)).has_ended and (left := until - time.monotonic()) > 0:
            self.events.wait(self.events.last, min(left, 0.5), lambda event: _is_end(event, number))
            if self.events.closing:
                break
        return job

    def status(self) -> dict[str, Any]:
        """How it stands."""
        queued, running = self.jobs.count(QUEUED), self.jobs.count(RUNNING)
        return {
            "queued": queued, "running": running, "room": max(self.settings.bound - queued - running, 0),
            "paused": self.runner.paused or False, "ready": self.runner.ready, "bridge": self.bridge.is_there,
            "target": self.instruments.target(), "events": self.events.last, "done": self.jobs.count(DONE),
            "failed": self.jobs.count("failed"), "cancelled": self.jobs.count(CANCELLED),
            "engine_pid": self.runner.engine_pid, "engine_restarts": max(self.runner.restarts, 0),
        }  # fmt: skip

    def _tell(self, job: Job) -> None:
        self.events.publish("job", job=job.to_json())

    def _finished(self, job: Job) -> None:
        if job.state == DONE and job.request.load and job.result and job.result["candidates"]:
            threading.Thread(target=self._load_quietly, args=(job.id,), daemon=True).start()

    def _load_quietly(self, number: int) -> None:
        with suppress(Exception):
            self.load(number)

    def notice(self, text: str) -> None:
        """Tells whoever listens."""
        self.events.publish("notice", text=text)

    # -- into an instrument, and back ---------------------------------------------------------------------------------

    def load(self, number: int, rank: int = 1, target: str = "auto") -> dict[str, Any]:
        """Sets a job's patch where it is to be heard.

        Raises:
            NotFound: no such job or candidate.
            HostError: it cannot be set there.
        """
        job = self.job(number)
        return self.instruments.load(job.to_json(), _candidate(job, rank), target)

    def undo(self, target: str = "auto") -> dict[str, Any]:
        """Brings back what was there before the last load.

        Raises:
            HostError: nothing was.
        """
        return self.instruments.undo(target)

    def install(self, number: int, rank: int = 1) -> dict[str, Any]:
        """Saves a job's patch to its synth's user folder.

        Raises:
            NotFound, StoreError, PresetError.
        """
        from companion.disk.install import install_file
        from companion.disk.store import read_patch

        job = self.job(number)
        files = {kind: Path(path) for kind, path in _candidate(job, rank)["files"].items()}
        patch = read_patch(files["txt"])
        installed = [str(path) for file in files.values() if (path := install_file(patch, file))]
        if job.result and "match" in job.result:
            self.library.add_installed(int(job.result["match"]), rank, installed)
        return {"installed": installed}

    def ask_selected(self) -> dict[str, Any]:
        """Asks the DAW for the selected clip: the bridge, or an installed AbletonOSC.

        Raises:
            HostError: neither answers.
        """
        if self.bridge.is_there:
            return {"via": "bridge", "request": self.bridge.ask_selected()}
        from companion.serve.ableton_osc import selected_clip

        job, _ = self.submit({**selected_clip(), "source": "live"})
        return {"via": "AbletonOSC", "job": job.to_json()}


def _only_one(places: Places) -> FileLock:
    lock = FileLock(places.server_lock)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise WhisperSynthError(
            f"whispersynth serve or watch runs already on {places.folder}; use that one, or end it first"
        ) from None
    return lock


def _check(request: JobRequest) -> None:
    """What can be known before the engine sees it."""
    from companion.hearing.audio import check_file, check_times

    check_file(request.clip)
    check_times(request.start_s, request.end_s)
    request.match_options()


def _candidate(job: Job, rank: int) -> dict[str, Any]:
    if job.result is None:
        raise NotFound(f"job {job.id} is {job.state}, so it has no patch; wait until it is done")
    for candidate in job.result["candidates"]:
        if candidate["rank"] == rank:
            return dict(candidate)
    raise NotFound(f"job {job.id} has no candidate {rank}; it has {len(job.result['candidates'])}")


def _is_end(event: Mapping[str, Any], number: int) -> bool:
    return (
        event["type"] == "job"
        and event["job"]["id"] == number
        and event["job"]["state"] not in (QUEUED, RUNNING)
    )
