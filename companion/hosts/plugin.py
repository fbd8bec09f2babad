"""Any VST3 or Audio Unit, hosted in a process of its own: whatever the plugin does there harms nothing here.

    with PluginHost(Path("Serum.vst3"), on_notice=print) as host:
        host.set_values({"A Vol": 0.8})
        audio = host.render(note=60, note_s=0.5, total_s=1.0)

Parameters are set by raw values only: what a plugin shows as text differs between builds, and goes wrong. A worker that
crashes or hangs is started anew, the patch in hand is set again, what was asked is asked once more, and `on_notice` hears
of it. The patch in hand is the last state that was set and every value set since.
"""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from companion.errors import HostError
from companion.hearing.audio import SAMPLE_RATE
from companion.hosts import worker
from companion.hosts.worker import CONTROL, NOTE_OFF, NOTE_ON, Answer, Head
from presets.patch import Patch
from presets.plugin_schema import Control, plugin_schema, raw_values
from presets.schema import Schema

Audio = NDArray[np.float32]
Event = tuple[bytes, float]
"""A MIDI message and when, in seconds."""
ControlChange = tuple[float, int, int]
"""When in seconds, controller 0..127, value 0..127."""

VELOCITY = 0.8
FULL_VELOCITY = 127
N_TRIES = 2  # of a request: a plugin that fails twice at the same thing will fail again

# Shown as parameters, and none: what a host or the MIDI wrapper adds. Full names, in lower case.
PSEUDO = re.compile(
    r"midi cc .*|midi ch\.? ?\d+ cc \d+|cc ?\d+|midi (channel|program).*|(master |soft |host )?bypass"
    r"|(program|preset|patch)( change| number| select)?|buffer size|sample rate|p\d\d\d|"
)


@dataclass(frozen=True)
class Timeouts:
    """How long a request may take before the worker counts as hung, in seconds."""

    load_s: float = 90.0
    """Some plugins read samples for 20 seconds."""
    warm_up_s: float = 10.0
    """Waited, while it loads, for the plugin's first sound."""
    call_s: float = 15.0
    render_s: float = 6.0
    """For a render, besides `per_second`."""
    per_second: float = 4.0
    """For each second of sound."""


@dataclass(frozen=True)
class PluginParameter:
    """One that can be heard, as the plugin names it."""

    name: str
    """Unique: a second `Level` is `Level (2)`."""
    index: int
    """Among all that the plugin shows."""
    label: str
    """Unit, as the plugin states it; often empty."""
    raw: float
    """0..1 when it was loaded."""
    default: float
    n_steps: int
    """Values it can have; a large number for a continuous one."""
    is_discrete: bool


@dataclass(frozen=True)
class PluginInfo:
    """What a plugin says of itself."""

    path: Path
    name: str
    version: str
    maker: str
    identifier: str
    is_instrument: bool
    channels: int
    """1 or 2: what its output has."""
    parameters: tuple[PluginParameter, ...]
    """In its order, without those that set nothing in the sound (bypass, programs, MIDI controllers)."""
    left_out: tuple[str, ...]
    """Those that were left out, but for MIDI controllers, which come by the thousand."""


class WorkerFailure(HostError):
    """The worker crashed, hung or could not be started."""


class PatchFailure(HostError):
    """The plugin failed again and again at one thing; it runs, with the patch before."""


class PluginHost:
    """One plugin in its own process. Safe to share between threads: requests wait for one another."""

    def __init__(
        self,
        path: Path | str,
        plugin_name: str | None = None,
        *,
        sample_rate: int = SAMPLE_RATE,
        timeouts: Timeouts | None = None,
        on_notice: Callable[[str], None] | None = None,
    ) -> None:
        """Starts the worker and loads the plugin.

        Args:
            path: a `.vst3` or `.component`.
            plugin_name: which, where the file has several.
            on_notice: hears a sentence when the worker had to be started anew; `notices` keeps them too.

        Raises:
            HostError: there is no such plugin, or it does not load.
        """
        self.path = Path(os.path.abspath(Path(path).expanduser()))
        if not self.path.exists():
            raise HostError(f"there is no plugin at {self.path}; `whispersynth synths` lists what was found")
        self.sample_rate = sample_rate
        self.timeouts = timeouts or Timeouts()
        self.notices: list[str] = []
        self.n_restarts = 0
        self._plugin_name = plugin_name
        self._on_notice = on_notice
        self._lock = threading.RLock()
        self._patch = _PatchInHand()
        self._process = _Process()
        try:
            self.info = self._load()
        except BaseException:
            self.close()
            raise
        self._by_name = {p.name: p for p in self.info.parameters}

    # -- what it is ---------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def parameters(self) -> tuple[PluginParameter, ...]:
        return self.info.parameters

    @property
    def pid(self) -> int:
        """Of the worker's process."""
        return self._process.pid

    # -- the patch ----------------------------------------------------------------------------------------------

    def set_values(self, values: Mapping[str, float]) -> None:
        """Sets raw values 0..1 by name.

        Raises:
            HostError: a name the plugin does not have, a value out of range, or the plugin failed twice.
        """
        for name, raw in values.items():
            if not 0 <= raw <= 1:
                raise HostError(f"{name} is set to {raw}; raw values go from 0 to 1")
        indices = [self.parameter(name).index for name in values]
        raws = np.array(list(values.values()), "<f4")
        self._change("set", raws.tobytes(), {"indices": indices}, lambda patch: patch.with_values(values))

    def values(self) -> dict[str, float]:
        """Every parameter's raw value, as the plugin gives it back."""
        _, body = self._ask("values")
        raws = np.frombuffer(body, "<f4")
        return {p.name: float(raws[p.index]) for p in self.parameters}

    def texts(self, name: str, raws: Sequence[float]) -> list[str | None]:
        """What a parameter shows at raw values; None where the plugin cannot say."""
        head, _ = self._ask("texts", {"index": self.parameter(name).index, "raws": list(map(float, raws))})
        texts: list[str | None] = head["texts"]
        return texts

    def shown(self, values: Mapping[str, float]) -> dict[str, str | None]:
        """What each parameter shows at a raw value; None where the plugin cannot say."""
        indices = [self.parameter(name).index for name in values]
        raws = np.array(list(values.values()), "<f4")
        head, _ = self._ask("shown", {"indices": indices}, raws.tobytes())
        return dict(zip(values, head["texts"], strict=True))

    @cached_property
    def schema(self) -> Schema:
        """Its parameters as a Schema in raw values; the defaults are what it had when it was loaded."""
        return plugin_schema(self.name, (Control(p.name, p.raw, p.n_steps) for p in self.parameters))

    def set_patch(self, patch: Patch) -> None:
        """Sets a patch of this plugin's Schema, or of a learnt one; what its Schema leaves out stays."""
        self.set_values(raw_values(patch))

    def parameter(self, name: str) -> PluginParameter:
        """The parameter of a name; raises HostError."""
        try:
            return self._by_name[name]
        except KeyError:
            raise HostError(
                f"{self.name} has no parameter {name!r}; `whispersynth synths --parameters` lists them"
            ) from None

    def state(self) -> bytes:
        """The whole state, read after a short note: some plugins take values over only while they play."""
        return self._ask("state")[1]

    def set_state(self, state: bytes) -> None:
        """The opposite of `state`; bytes of another plugin may crash it, which is survived."""
        self._change("set_state", state, {}, lambda patch: _PatchInHand("set_state", state))

    def preset(self) -> bytes:
        """The whole state as the bytes of a `.vstpreset`. Raises HostError for an Audio Unit."""
        return self._ask("preset")[1]

    def set_preset(self, preset: bytes) -> None:
        """The opposite of `preset`."""
        self._change("set_preset", preset, {}, lambda patch: _PatchInHand("set_preset", preset))

    # -- sound --------------------------------------------------------------------------------------------------

    def render(
        self,
        note: int,
        note_s: float,
        total_s: float,
        velocity: float = VELOCITY,
        controls: Iterable[ControlChange] = (),
        fresh: bool = False,
    ) -> Audio:
        """Plays one note of the patch in hand: float32 (2, total_s * sample_rate); a mono plugin on both channels.

        Args:
            controls: control changes sent meanwhile, on the first channel.
            fresh: have the plugin re-created first, which can take seconds, so that nothing of what was played
                before is in the sound.
        """
        strength = max(1, round(velocity * FULL_VELOCITY))
        events = [(bytes([CONTROL, cc, value]), at) for at, cc, value in controls]
        notes = [(bytes([NOTE_ON, note, strength]), 0.0), (bytes([NOTE_OFF, note, 0]), note_s)]
        return self.render_midi([*events, *notes], total_s, fresh)

    def render_midi(self, events: Iterable[Event], total_s: float, fresh: bool = False) -> Audio:
        """Plays MIDI messages, those of equal time in their order: float32 (2, total_s * sample_rate)."""
        if not self.info.is_instrument:
            raise HostError(f"{self.name} is an effect, so it plays no notes; give an instrument")
        timed = sorted(events, key=lambda event: event[1])
        asked = {"events": [[list(message), at] for message, at in timed], "total_s": total_s, "fresh": fresh}
        head, body = self._ask("render", asked)
        audio = np.frombuffer(body, np.float32).reshape(head["shape"])
        if not np.isfinite(audio).all():
            audio = np.nan_to_num(audio, posinf=0.0, neginf=0.0)
        return np.ascontiguousarray(np.broadcast_to(audio, (2, audio.shape[1])))

    # -- the worker ---------------------------------------------------------------------------------------------

    def _limit_s(self, do: str, head: Head) -> float:
        limits = self.timeouts
        if do == "load":
            return limits.load_s
        if do != "render":
            return limits.call_s
        again_s = limits.load_s if head["fresh"] else 0.0
        return again_s + limits.render_s + limits.per_second * float(head["total_s"])

    def _load(self) -> PluginInfo:
        head = {
            "path": str(self.path),
            "name": self._plugin_name,
            "sample_rate": self.sample_rate,
            "warm_up_s": self.timeouts.warm_up_s,
        }
        try:
            answer, _ = self._process.ask("load", head, b"", self._limit_s("load", head))
        except WorkerFailure as error:
            raise WorkerFailure(
                f"{self.path.name} cannot be loaded: it {error}; update it, or choose another plugin"
            ) from error
        except HostError as error:
            raise HostError(f"{self.path.name} cannot be loaded: {error}") from error
        return _info(self.path, answer)

    def _ask(self, do: str, head: Head | None = None, body: bytes = b"") -> Answer:
        """Asks; of a worker that fails at it, once more after a restart."""
        with self._lock:
            head = head or {}
            for n_left in reversed(range(N_TRIES)):
                try:
                    return self._process.ask(do, head, body, self._limit_s(do, head))
                except WorkerFailure as failure:
                    self._restart(str(failure))
                    if not n_left:
                        raise PatchFailure(
                            f"{self.info.name} failed {N_TRIES} times at the same thing ({failure}); it was started "
                            "anew with the patch before; try another patch"
                        ) from failure
            raise AssertionError("one of them returns or raises")

    def _change(
        self, do: str, body: bytes, head: Head, change: Callable[[_PatchInHand], _PatchInHand]
    ) -> None:
        """Changes the patch in hand, which stays as it was when that fails."""
        with self._lock:
            self._ask(do, head, body)
            self._patch = change(self._patch)

    def _restart(self, why: str) -> None:
        """A new worker with the patch in hand. Raises HostError when the plugin no longer loads."""
        self._process.kill()
        self._process = _Process()
        self.n_restarts += 1
        self.info = self._load()
        for do, head, body in self._patch.requests(lambda name: self.parameter(name).index):
            self._process.ask(do, head, body, self._limit_s(do, head))
        notice = f"{self.info.name} {why}; it was started anew and its patch set again"
        self.notices.append(notice)
        if self._on_notice:
            self._on_notice(notice)

    def close(self) -> None:
        """Ends the worker."""
        self._process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_process"):
            self.close()


@dataclass(frozen=True)
class _PatchInHand:
    """What a new worker is to be given."""

    base: str = ""
    """The request that set the whole state; empty: as it was loaded."""
    state: bytes = b""
    values: Mapping[str, float] = field(default_factory=dict)
    """Set since."""

    def with_values(self, values: Mapping[str, float]) -> _PatchInHand:
        return _PatchInHand(self.base, self.state, {**self.values, **values})

    def requests(self, index: Callable[[str], int]) -> Iterable[tuple[str, Head, bytes]]:
        if self.base:
            yield self.base, {}, self.state
        if self.values:
            raws = np.array(list(self.values.values()), "<f4")
            yield "set", {"indices": [index(name) for name in self.values]}, raws.tobytes()


class _Process:
    """A worker's process, and the thread that talks with it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", worker.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if os.environ.get("WHISPERSYNTH_DEBUG") == "1" else subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._questions: queue.SimpleQueue[tuple[Head, bytes] | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Answer | None] = queue.SimpleQueue()
        threading.Thread(target=self._talk, name="plugin", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, do: str, head: Head, body: bytes, limit_s: float) -> Answer:
        """One request and its answer.

        Raises:
            WorkerFailure: it crashed, or did not answer in time; it is dead then.
            HostError: the plugin refused.
        """
        self._questions.put(({**head, "do": do, "limit_s": limit_s}, body))
        try:
            answer = self._answers.get(timeout=limit_s)
        except queue.Empty:
            self.kill()
            raise WorkerFailure(f"did not answer for {limit_s:.3g} s") from None
        if answer is None:
            raise WorkerFailure(_cause(self._wait()))
        if "error" in answer[0]:
            raise HostError(str(answer[0]["error"]))
        return answer

    def _talk(self) -> None:
        """Hands on questions and answers, so that a worker that reads or writes nothing blocks nobody else."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        while (question := self._questions.get()) is not None:
            try:
                worker.write_message(stdin, *question)
                answer = worker.read_message(stdout)
            except (OSError, ValueError):
                answer = None
            self._answers.put(answer)

    def _wait(self) -> int:
        try:
            return self._process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.returncode

    def kill(self) -> None:
        """Ends it at once: a plugin has nothing to save, and one that hangs hears nothing."""
        self._questions.put(None)
        self._process.kill()
        self._process.wait()


def plugin_names(path: Path, timeouts: Timeouts | None = None) -> list[str]:
    """The plugins in a file, asked in a process of its own.

    Raises:
        HostError: it cannot be opened.
    """
    process = _Process()
    try:
        limit_s = (timeouts or Timeouts()).load_s
        names: list[str] = process.ask("names", {"path": str(path)}, b"", limit_s)[0]["names"]
        return names
    except HostError as error:
        raise type(error)(f"{path.name} cannot be opened: {error}") from error
    finally:
        process.kill()


def _cause(code: int) -> str:
    """Why a process ended."""
    if code >= 0:
        return f"crashed (code {code:#x})" if code else "ended"
    try:
        return f"crashed ({signal.Signals(-code).name})"
    except ValueError:
        return f"crashed (signal {-code})"


def _info(path: Path, answer: Head) -> PluginInfo:
    shown: list[dict[str, Any]] = answer["parameters"]
    kept, left_out, seen = [], [], dict[str, int]()
    for index, row in enumerate(shown):
        name = " ".join(row["name"].split())
        if PSEUDO.fullmatch(name.lower()) or not row["is_automatable"]:
            left_out += [name] if name and not name.lower().startswith("midi c") else []
            continue
        seen[name] = seen.get(name, 0) + 1
        unique = name if seen[name] == 1 else f"{name} ({seen[name]})"
        steps, discrete = int(row["n_steps"]), bool(row["is_discrete"])
        kept.append(
            PluginParameter(
                unique, index, row["label"] or "", float(row["raw"]), float(row["default"]), steps, discrete
            )
        )
    what = {
        key: answer[key] for key in ("name", "version", "maker", "identifier", "is_instrument", "channels")
    }
    return PluginInfo(path, **what, parameters=tuple(kept), left_out=tuple(left_out))
