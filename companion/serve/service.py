"""What every door opens on: the queue, the engine, the instruments, the library, and what happens."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from companion.complaints import describe
from companion.errors import HostError, WhisperSynthError
from companion.library import Library
from companion.serve.events import Events
from companion.serve.jobs import BOUND, CANCELLED, DONE, QUEUED, RUNNING, Job, Jobs
from companion.serve.ledger import Ledger
from companion.serve.places import Places
from companion.serve.requests import JobRequest, from_json
from companion.serve.runner import WORKER, Runner
from companion.serve.stage import EngineStage, PluginStage, Stage
from companion.serve.sweep import sweep

BRIDGE_S = 30.0  # after its last hello the bridge counts as gone
BRIDGE_ANSWER_S = 5.0
OLD_ENGINE_S = 20.0  # for an orphaned engine to notice that its server has gone
TARGETS = ("auto", "engine", "plugin", "live")


class NotFound(WhisperSynthError):
    """Nothing of that number."""


@dataclass(frozen=True)
class Settings:
    """How a service is run."""

    bound: int = BOUND
    """Clips that may wait."""
    plugin: Path | None = None
    """A VST3 or Audio Unit that patches are loaded into."""
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
        self.stages: dict[str, Stage] = {"engine": EngineStage(places)}
        self._bridge_seen = -BRIDGE_S
        self._loaded: list[str] = []
        self._loading = threading.RLock()
        synth = str((self.settings.options or {}).get("synth", ""))
        self.runner = Runner(self.jobs, places, self._tell, self.settings.worker, self._finished, synth)

    def start(self) -> None:
        """Begins to work through the queue."""
        threading.Thread(target=self._prepare, daemon=True, name="prepare").start()
        self.runner.start()

    def _prepare(self) -> None:
        engine = self.stages["engine"]
        assert isinstance(engine, EngineStage)
        with suppress(WhisperSynthError, OSError):
            engine.open()
        if self.settings.plugin is not None:
            try:
                from companion.hosts.plugin import PluginHost

                self.stages["plugin"] = PluginStage(PluginHost(self.settings.plugin, on_notice=self.notice))
            except Exception as error:
                self.notice(describe(error))
        with suppress(OSError):
            sweep(self.recovered)

    def stop(self) -> None:
        """Ends everything; what waited or ran is in the queue for the next time."""
        self.events.close()
        self.runner.stop()
        for stage in self.stages.values():
            with suppress(Exception):
                stage.close()
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
        return replace(
            request,
            out=request.out or settings.out,
            install=request.install or settings.install,
            options={**(settings.options or {}), **request.options},
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
            "paused": self.runner.paused or False, "ready": self.runner.ready, "bridge": self.has_bridge,
            "target": self._target("auto"), "events": self.events.last, "done": self.jobs.count(DONE),
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

    @property
    def has_bridge(self) -> bool:
        """Whether a DAW's script said hello lately."""
        return time.monotonic() - self._bridge_seen < BRIDGE_S

    def hello(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A bridge says it is there."""
        if not self.has_bridge:
            self.notice(f"{str(body.get('app', 'a DAW'))[:40]} is connected")
        self._bridge_seen = time.monotonic()
        return {"ok": True, "events": self.events.last}

    def _target(self, target: str) -> str:
        if target not in TARGETS:
            raise WhisperSynthError(f"there is no target {target[:40]!r}; choose from {', '.join(TARGETS)}")
        if target != "auto":
            return target
        return "live" if self.has_bridge else "plugin" if "plugin" in self.stages else "engine"

    def load(self, number: int, rank: int = 1, target: str = "auto") -> dict[str, Any]:
        """Sets a job's patch where it is to be heard.

        Raises:
            NotFound: no such job or candidate.
            HostError: it cannot be set there.
        """
        from companion.live.parameters import shown_parameters

        began = time.perf_counter()
        job, target = self.job(number), self._target(target)
        candidate = _candidate(job, rank)
        with self._loading:
            try:
                if target == "live":
                    ok, text = self._ask_bridge(
                        "load",
                        job=job.to_json(),
                        rank=rank,
                        files=candidate["files"],
                        parameters=shown_parameters(candidate["files"]),
                    )
                else:
                    ok, text = True, self._stage(target).load(candidate["files"])
            except Exception as error:
                self.events.publish("not loaded", target=target, job=number, text=describe(error))
                raise
            if ok:
                self._loaded.append(target)
        answer = {
            "target": target,
            "loaded": ok,
            "seconds": round(time.perf_counter() - began, 3),
            "text": text,
        }
        self.events.publish("loaded" if ok else "not loaded", **{**answer, "job": number, "rank": rank})
        return answer

    def undo(self, target: str = "auto") -> dict[str, Any]:
        """Brings back what was there before the last load.

        Raises:
            HostError: nothing was.
        """
        with self._loading:
            if target == "auto" and self._loaded:
                target = self._loaded[-1]
            target = self._target(target)
            if target == "live":
                ok, text = self._ask_bridge("undo")
            else:
                ok, text = True, self._stage(target).undo()
            if ok and target in self._loaded:
                self._loaded.reverse()
                self._loaded.remove(target)
                self._loaded.reverse()
        answer = {"target": target, "undone": ok, "text": text}
        self.events.publish("undone", **answer)
        return answer

    def _stage(self, target: str) -> Stage:
        if target not in self.stages:
            raise HostError("no plugin is hosted; start with `whispersynth serve --plugin PATH`")
        return self.stages[target]

    def install(self, number: int, rank: int = 1) -> dict[str, Any]:
        """Saves a job's patch to its synth's user folder.

        Raises:
            NotFound, StoreError, PresetError.
        """
        from companion.install import install_file
        from companion.store import read_patch

        job = self.job(number)
        files = {kind: Path(path) for kind, path in _candidate(job, rank)["files"].items()}
        patch = read_patch(files["txt"])
        installed = [str(path) for file in files.values() if (path := install_file(patch, file))]
        if job.result and "match" in job.result:
            self.library.add_installed(int(job.result["match"]), rank, installed)
        return {"installed": installed}

    # -- the bridge --------------------------------------------------------------------------------------------------

    def ask_selected(self) -> dict[str, Any]:
        """Asks the DAW for the selected clip: the bridge, or an installed AbletonOSC.

        Raises:
            HostError: neither answers.
        """
        if self.has_bridge:
            return {"via": "bridge", "request": self.events.publish("bridge", want="selected")}
        from companion.serve.ableton_osc import selected_clip

        job, _ = self.submit({**selected_clip(), "source": "live"})
        return {"via": "AbletonOSC", "job": job.to_json()}

    def answer(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What the bridge made of a request."""
        self._bridge_seen = time.monotonic()
        self.events.publish(
            "answer",
            request=int(body["request"]),
            ok=bool(body.get("ok")),
            text=str(body.get("text", ""))[:500],
        )
        return {"ok": True}

    def _ask_bridge(self, want: str, **what: Any) -> tuple[bool, str]:
        if not self.has_bridge:
            raise HostError("no DAW is connected; see docs/live.md, or load it with the target 'engine'")
        number = self.events.publish("bridge", want=want, **what)
        answer = self.events.wait(
            number, BRIDGE_ANSWER_S, lambda event: event["type"] == "answer" and event["request"] == number
        )
        if answer is None:
            return False, "the DAW has not answered; look there whether the patch is loaded"
        return bool(answer["ok"]), str(answer["text"])


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
    from companion.audio import check_file, check_times

    check_file(request.clip)
    check_times(request.start_s, request.end_s)
    request.match_options()
    if not os.access(request.clip, os.R_OK):
        raise WhisperSynthError(f"{request.path} may not be read by this user; change its permissions")


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
