"""Where patches are heard: the embedded engine, a hosted plugin, a MIDI port, the DAW; loading, and taking it back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from companion.errors import HostError, WhisperSynthError
from companion.serve.bridge import Bridge
from companion.serve.events import Events
from companion.serve.stage import MAX_UNDO, Stage
from companion.telling.complaints import describe

TARGETS = ("auto", "engine", "plugin", "midi", "live")
MISSING = "no {target} is open; start with `whispersynth serve --{target}`"
TURN_S = 10.0  # waited for another load to end


class Instruments:
    """One load or undo at a time."""

    def __init__(self, stages: dict[str, Stage], bridge: Bridge, events: Events) -> None:
        self.stages, self.bridge, self._events = stages, bridge, events
        self._loaded: list[str] = []
        self._turn = threading.Lock()

    def target(self, asked: str = "auto") -> str:
        """Where a load goes.

        Raises:
            WhisperSynthError: there is no such target.
        """
        if asked not in TARGETS:
            raise WhisperSynthError(f"there is no target {asked[:40]!r}; choose from {', '.join(TARGETS)}")
        if asked != "auto":
            return asked
        if self.bridge.is_there:
            return "live"
        return next(name for name in ("plugin", "midi", "engine") if name in self.stages)

    def load(self, job: Mapping[str, Any], candidate: Mapping[str, Any], target: str) -> dict[str, Any]:
        """Sets a job's candidate.

        Raises:
            HostError: it cannot be set there.
        """
        began, target = time.perf_counter(), self.target(target)
        with self._my_turn(), self._told(target, job["id"]):
            ok, text = self._load(job, candidate, target)
            if ok:
                self._loaded = [*self._loaded, target][-MAX_UNDO:]
        seconds = round(time.perf_counter() - began, 3)
        answer = {"target": target, "loaded": ok, "seconds": seconds, "text": text}
        self._events.publish(
            "loaded" if ok else "not loaded", **answer, job=job["id"], rank=candidate["rank"]
        )
        return answer

    def undo(self, target: str) -> dict[str, Any]:
        """Brings back what was there before the last load.

        Raises:
            HostError: nothing was.
        """
        with self._my_turn():
            target = self._loaded[-1] if target == "auto" and self._loaded else self.target(target)
            ok, text = self.bridge.ask("undo") if target == "live" else (True, self._stage(target).undo())
            if ok and target in self._loaded:
                del self._loaded[len(self._loaded) - 1 - self._loaded[::-1].index(target)]
        answer = {"target": target, "undone": ok, "text": text}
        self._events.publish("undone", **answer)
        return answer

    def close(self) -> None:
        """Ends their processes."""
        for stage in self.stages.values():
            with suppress(Exception):
                stage.close()

    def _load(self, job: Mapping[str, Any], candidate: Mapping[str, Any], target: str) -> tuple[bool, str]:
        files = candidate["files"]
        if target != "live":
            return True, self._stage(target).load(files)
        from companion.live.parameters import shown_parameters

        told = {"rank": candidate["rank"], "files": files, "parameters": shown_parameters(files)}
        return self.bridge.ask("load", job=job, **told)

    def _stage(self, target: str) -> Stage:
        if target not in self.stages:
            raise HostError(MISSING.format(target=target))
        return self.stages[target]

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=TURN_S):
            raise HostError("another patch is being loaded; try again in a while")
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def _told(self, target: str, number: int) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._events.publish("not loaded", target=target, job=number, text=describe(error))
            raise
