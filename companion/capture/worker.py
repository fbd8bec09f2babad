"""The process that records: a task as a line of JSON on stdin, reports as lines of JSON on stdout.

After the task, a line `stop` ends the recording and keeps it; `cancel`, or the end of stdin, gives it up.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from companion.capture.gate import DONE, Gate
from companion.capture.options import LOWEST_DB, CaptureOptions, Progress
from companion.capture.stream import Stream, find_devices
from companion.capture.wav_file import WavFile
from companion.errors import WhisperSynthError

REPORT_S = 0.1
FLUSH_S = 1.0
POLL_S = 0.01
Report = Callable[[dict[str, Any]], None]


def main() -> None:
    """Does the task on stdin."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to every process at once; the parent decides
    report = _reporter()
    try:
        task = json.loads(sys.stdin.readline())
        TASKS[task.pop("task")](report, **task)
    except (WhisperSynthError, OSError) as error:
        report({"error": str(error)})


def _reporter() -> Report:
    """Writes to the real stdout; whatever drivers print goes to stderr."""
    stream: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def report(message: dict[str, Any]) -> None:
        stream.write(json.dumps(message) + "\n")
        stream.flush()

    return report


def _list(report: Report) -> None:
    report({"devices": [asdict(found.device) for found in find_devices()]})


class _Orders:
    """What the parent wants, by a thread that waits for it."""

    def __init__(self) -> None:
        self.order = ""
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        self.order = sys.stdin.readline().strip() or "cancel"


def _capture(report: Report, device: str, part: str, options: dict[str, Any]) -> None:
    wanted, orders = CaptureOptions(**options), _Orders()
    gc.disable()  # nothing here makes cycles, and a collection can take milliseconds
    with Stream(device) as stream:
        gate = Gate(wanted, stream.rate_hz, stream.n_channels)
        with WavFile(Path(part), stream.rate_hz, stream.n_channels) as wav:
            recording = Recording(stream, gate, wav)
            while gate.state != DONE and not orders.order and not stream.error:
                time.sleep(POLL_S)
                recording.move()
                recording.tell(report)
            recording.move()
        report(
            recording.summary(orders.order)
        )  # before the device is closed, which a dead server can make hang


class Recording:
    """Moves what came from the stream through the gate into the file."""

    def __init__(self, stream: Stream, gate: Gate, wav: WavFile) -> None:
        self.stream, self.gate, self.wav = stream, gate, wav
        self._peak = self._loudest = 0.0
        self._told_at = self._flushed_at = time.monotonic()

    def move(self) -> None:
        """Takes what is there."""
        block = self.stream.read()
        peak = float(np.abs(block).max(initial=0.0))
        kept = self.gate.feed(block)
        self._peak = max(self._peak, peak)
        self._loudest = max(self._loudest, float(np.abs(kept).max(initial=0.0)))
        if len(kept):
            self.wav.write(kept)

    def tell(self, report: Report) -> None:
        """Reports, and makes sure of what is written, now and then."""
        now = time.monotonic()
        if now - self._told_at >= REPORT_S and self.gate.state != DONE:  # its end is told by the summary
            report({"progress": asdict(self.progress())})
            self._told_at, self._peak = now, 0.0
        if now - self._flushed_at >= FLUSH_S:
            self.wav.flush()
            self._flushed_at = now

    def progress(self) -> Progress:
        """How far it is."""
        stream = self.stream
        return Progress(
            self.gate.state, self.wav.n_frames / stream.rate_hz, level_db(self._peak), stream.ring.dropped,
            stream.device_overruns, stream.server_overruns,
        )  # fmt: skip

    def summary(self, order: str) -> dict[str, Any]:
        """The last report."""
        return {
            "done": asdict(self.progress()) | {"state": DONE, "level_db": level_db(self._loudest)},
            "n_frames": self.wav.n_frames,
            "rate_hz": self.stream.rate_hz,
            "n_channels": self.stream.n_channels,
            "gave_up": self.gate.gave_up,
            "order": order,
            "broke_off": self.stream.error,
            "device": self.stream.device.name,
        }


def level_db(peak: float) -> float:
    """dB of a peak, no lower than the lowest."""
    return max(20 * float(np.log10(max(peak, 1e-9))), LOWEST_DB)


TASKS: dict[str, Callable[..., None]] = {"list": _list, "capture": _capture}

if __name__ == "__main__":
    main()
