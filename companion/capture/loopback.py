"""What an output plays, by soundcard: loopbacks of WASAPI on Windows, monitors of PulseAudio and PipeWire on Linux.

PortAudio as it comes with sounddevice has neither. The system resamples to RATE_HZ where an output runs at another rate.
"""

from __future__ import annotations

import os
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any

from companion.capture.devices import use_of
from companion.capture.options import Device
from companion.capture.ring import Block
from companion.capture.source import Found, n_recorded

RATE_HZ = 48_000  # the library does not tell the output's own; this is the most common one
SYSTEMS = {"win32": "WASAPI", "linux": "PulseAudio"}


def find() -> list[Found]:
    """Every output that can be listened to; none where the library, or the sound server, is not there."""
    library = _library()
    if library is None:
        return []
    return [
        Found(device, partial(LoopbackSource, device, entry))
        for entry in library.all_microphones(include_loopback=True)
        if entry.isloopback and (device := _describe(entry))
    ]


def _describe(entry: Any) -> Device:
    named = entry.name if sys.platform == "linux" else f"Loopback of {entry.name}"
    system = SYSTEMS[sys.platform]
    return Device(named, system, entry.channels, RATE_HZ, *use_of(named, system))


def _library() -> Any:
    if sys.platform not in SYSTEMS or (sys.platform == "linux" and not _pulse_answers()):
        return None
    try:
        import soundcard
    except Exception:  # not installed, or no server after all: these devices are missing then, and no more
        return None
    return soundcard


def _pulse_answers() -> bool:
    """Whether a server can be there: the library starts one, or fails late, where none is."""
    folder = os.environ.get("PULSE_RUNTIME_PATH") or f"{os.environ.get('XDG_RUNTIME_DIR', '')}/pulse"
    return bool(os.environ.get("PULSE_SERVER")) or Path(folder, "native").exists()


class LoopbackSource:
    """A running loopback."""

    server_overruns = 0

    def __init__(self, device: Device, entry: Any) -> None:
        self._recorder = entry.recorder(samplerate=RATE_HZ, channels=n_recorded(device))
        self._recorder.__enter__()

    def read(self) -> tuple[Block, bool]:
        """What has come, after waiting for it, and whether the system says that it lost some (Windows does)."""
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            block: Block = self._recorder.record(numframes=None)
        return block, any("discontinuity" in str(w.message) for w in told)

    def close(self) -> None:
        """Ends it."""
        self._recorder.__exit__(None, None, None)
