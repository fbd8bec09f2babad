"""A plugin's own process: loads one VST3 or Audio Unit with pedalboard and does what it is asked over a pipe.

Run by its path, `python -P worker.py`, by `companion.hosts.plugin`; imports nothing of this project. A plugin that crashes
or hangs takes this process with it, and nothing else. Everything runs on the main thread, as plugins demand.

A message is a JSON head (u32 length, text) and bytes (u32 length, body). Plugins print as they like, so the pipe is a
copy of stdout and stdout itself is pointed at stderr.
"""

from __future__ import annotations

import faulthandler
import json
import os
import re
import signal
import struct
from collections.abc import Callable
from typing import IO, Any

import numpy as np

Head = dict[str, Any]
Answer = tuple[Head, bytes]

_LENGTHS = struct.Struct("<II")  # of head and body
BUFFER = 1024  # samples a plugin renders at once
GRACE_S = 5.0  # beyond the limit of a request, then this process ends itself though nobody is left to end it
SHORT_NOTE_S = 0.02  # lets a plugin take over what was set: some do so only while they play
QUIET = 1e-4  # -80 dBFS
QUIET_STEP_S = 0.1
MAX_QUIET_S = 2.0  # waited for a tail to end
NOTE, VELOCITY = 60, 1  # of the short note
NOTE_ON, NOTE_OFF, CONTROL = 0x90, 0x80, 0xB0
ALL_SOUND_OFF, ALL_NOTES_OFF = 120, 123


def write_message(stream: IO[bytes], head: Head, body: bytes = b"") -> None:
    """Sends one message."""
    text = json.dumps(head).encode()
    stream.write(_LENGTHS.pack(len(text), len(body)) + text + body)
    stream.flush()


def read_message(stream: IO[bytes]) -> Answer | None:
    """The next message; None when the other side has gone."""
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    n_head, n_body = _LENGTHS.unpack(lengths)
    head, body = stream.read(n_head), stream.read(n_body)
    return (json.loads(head), body) if len(body) == n_body and len(head) == n_head else None


class Worker:
    """Holds the plugin. Each method without underscore answers one request of that name."""

    def __init__(self) -> None:
        self._plugin: Any = None
        self._rows: list[Any] = []
        self._channels = 2
        self._rate = 44_100
        self._is_stale = True  # whether what was set may not have been taken over yet

    def names(self, head: Head, _: bytes) -> Answer:
        """The plugins in a file."""
        return {"names": _plugin_class(head["path"]).get_plugin_names_for_file(head["path"])}, b""

    def load(self, head: Head, _: bytes) -> Answer:
        """Opens the plugin and says what it is."""
        self._rate = head["sample_rate"]
        self._plugin = _plugin_class(head["path"])(
            head["path"], plugin_name=head["name"], initialization_timeout=head["warm_up_s"]
        )
        self._refresh()
        plugin = self._plugin
        if plugin.is_instrument:
            self._find_channels()
        return {
            "name": plugin.name,
            "version": plugin.version,
            "maker": plugin.manufacturer_name,
            "identifier": plugin.identifier,
            "is_instrument": plugin.is_instrument,
            "channels": self._channels,
            "parameters": [_describe(row) for row in self._rows],
        }, b""

    def set(self, head: Head, body: bytes) -> Answer:
        """Sets raw values: `indices` of parameters, and the values as float32."""
        for index, raw in zip(head["indices"], np.frombuffer(body, "<f4").tolist(), strict=True):
            self._rows[index].raw_value = raw
        self._is_stale = True
        return {}, b""

    def values(self, head: Head, _: bytes) -> Answer:
        """Every raw value as float32."""
        return {}, np.array([row.raw_value for row in self._rows], "<f4").tobytes()

    def texts(self, head: Head, _: bytes) -> Answer:
        """What a parameter shows at raw values; None where the plugin fails at it."""
        return {"texts": [_text(self._rows[head["index"]], raw) for raw in head["raws"]]}, b""

    def shown(self, head: Head, body: bytes) -> Answer:
        """What parameters show, each at a raw value: `indices`, and the values as float32."""
        raws = np.frombuffer(body, "<f4").tolist()
        pairs = zip(head["indices"], raws, strict=True)
        return {"texts": [_text(self._rows[index], raw) for index, raw in pairs]}, b""

    def state(self, head: Head, _: bytes) -> Answer:
        """The whole state, as pedalboard carries it."""
        self._settle()
        return {}, bytes(self._plugin.raw_state)

    def set_state(self, head: Head, body: bytes) -> Answer:
        """The opposite of `state`."""
        self._plugin.raw_state = body
        return self._replaced()

    def preset(self, head: Head, _: bytes) -> Answer:
        """The whole state in the form of a .vstpreset."""
        self._settle()
        return {}, bytes(self._plugin.preset_data)

    def set_preset(self, head: Head, body: bytes) -> Answer:
        """The opposite of `preset`."""
        self._plugin.preset_data = body
        return self._replaced()

    def render(self, head: Head, _: bytes) -> Answer:
        """Plays MIDI `events` [[bytes, seconds], ...] for `total_s`: float32 (channels, n)."""
        if head["fresh"]:
            self._play([], QUIET_STEP_S, reset=True)
            self._refresh()
        self._settle()
        late = self._plugin.reported_latency_samples  # which a host takes off
        total_s = head["total_s"] + late / self._rate
        audio = self._play([(bytes(message), at) for message, at in head["events"]], total_s)
        self._is_stale = True  # what still sounds would ring into the next
        n = round(head["total_s"] * self._rate)
        audio = np.pad(audio[:, late : late + n], ((0, 0), (0, max(0, n - (audio.shape[1] - late)))))
        return {"shape": audio.shape}, audio.tobytes()

    def _replaced(self) -> Answer:
        self._refresh()
        self._is_stale = True
        return {}, b""

    def _refresh(self) -> None:
        self._rows = list(self._plugin._parameters)  # as `parameters`, which would ask each for 1,001 texts

    def _find_channels(self) -> None:
        for channels in (2, 1):
            self._channels = channels
            try:
                self._play([], QUIET_STEP_S)
                return
            except ValueError as error:  # it has another number of outputs
                complaint = error
        raise complaint

    def _settle(self) -> None:
        """Lets what was set be taken over, and what was played end."""
        if not self._is_stale or not self._plugin.is_instrument:
            return
        silence = [(bytes([CONTROL, cc, 0]), 0.0) for cc in (ALL_SOUND_OFF, ALL_NOTES_OFF)]
        self._play(silence, QUIET_STEP_S)
        note = [(bytes([NOTE_ON, NOTE, VELOCITY]), 0.0), (bytes([NOTE_OFF, NOTE, 0]), SHORT_NOTE_S)]
        events, waited_s = note, 0.0
        while np.abs(self._play(events, QUIET_STEP_S)).max() > QUIET and waited_s < MAX_QUIET_S:
            events, waited_s = silence, waited_s + QUIET_STEP_S
        self._is_stale = False

    def _play(self, events: list[tuple[bytes, float]], seconds: float, reset: bool = False) -> Any:
        return self._plugin(
            events,
            duration=seconds,
            sample_rate=self._rate,
            num_channels=self._channels,
            buffer_size=BUFFER,
            reset=reset,
        )


def _plugin_class(path: str) -> Any:
    import pedalboard
    from pedalboard import _pedalboard

    # While it loads, pedalboard asks each parameter that no pattern of this set matches for 1,001 texts: 12 s for Nekobi
    # with its 2,088 parameters, and the load fails where a text call does. Nothing here is set by text.
    unasked: set[re.Pattern[str]] = getattr(_pedalboard, "PARAMETER_NAME_REGEXES_TO_IGNORE", set())
    unasked.add(re.compile(""))
    name = "VST3Plugin" if path.lower().rstrip("/\\").endswith(".vst3") else "AudioUnitPlugin"
    if not hasattr(pedalboard, name):
        raise ValueError("Audio Units exist on macOS only")
    return getattr(pedalboard, name)


def _describe(row: Any) -> Head:
    return {
        "name": row.name,
        "label": row.label,
        "raw": row.raw_value,
        "default": row.default_raw_value,
        "n_steps": row.num_steps,
        "is_discrete": row.is_discrete,
        "is_automatable": row.is_automatable,
    }


def _text(row: Any, raw: float) -> str | None:
    try:
        return str(row.get_text_for_raw_value(raw))
    except Exception:  # Vital throws bad_alloc for four of its switches
        return None


def main() -> None:
    """Answers requests until the other side has gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the other side, which closes the pipe
    with os.fdopen(os.dup(1), "wb") as out, os.fdopen(os.dup(0), "rb") as requests:
        os.dup2(2, 1)
        worker = Worker()
        while message := read_message(requests):
            head, body = message
            faulthandler.dump_traceback_later(head["limit_s"] + GRACE_S, exit=True)
            work: Callable[[Head, bytes], Answer] = getattr(worker, head["do"])
            try:
                write_message(out, *work(head, body))
            except Exception as error:
                write_message(out, {"error": f"{type(error).__name__}: {error}"})
            faulthandler.cancel_dump_traceback_later()
        out.flush()
    os._exit(0)  # plugins are known to crash while they are taken down


if __name__ == "__main__":
    main()
