"""Captures from the outside: starts the process that records, hears how it goes, and names the file."""

from __future__ import annotations

import itertools
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from companion.capture.options import CaptureOptions, Device, Progress
from companion.capture.wav_file import read_size
from companion.disk.batch import Batch, uninterrupted
from companion.disk.store import prepare_folder, safe_name, user_folder
from companion.errors import CaptureError, StoreError

HUNG_S = 30.0  # without a report, which come ten times a second; opening a device can take seconds
POLL_S = 0.1
CLOSE_S = 3.0
SILENT_DB = -70.0
FOLDER = "Captures"
BROKE_OFF: dict[str, Any] = {"broke off": True}
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Capture:
    """A recording that was saved."""

    path: Path
    """A WAV, 32-bit float, as it came from the device."""
    seconds: float
    rate_hz: int
    n_channels: int
    peak_db: float
    dropped: int
    """Frames lost by this program."""
    device_overruns: int
    """Times the driver said that it lost some."""
    server_overruns: int
    """Times the JACK server was late."""
    warnings: tuple[str, ...] = ()


def capture(
    device: str,
    options: CaptureOptions | None = None,
    out: Path | None = None,
    *,
    progress: Callable[[Progress], object] | None = None,
    stopping: Callable[[], bool] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Path:
    """Records from a device and returns the new WAV's path; see `record`, which tells more."""
    return record(device, options, out, progress=progress, stopping=stopping, cancelled=cancelled).path


def record(
    device: str,
    options: CaptureOptions | None = None,
    out: Path | None = None,
    *,
    progress: Callable[[Progress], object] | None = None,
    stopping: Callable[[], bool] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Capture:
    """Records from the device whose name contains `device`, into the WAV or folder `out`; nothing is overwritten.

    `progress` is called about ten times a second, in the caller's thread. As soon as `stopping` says so the recording ends and
    is kept; as soon as `cancelled` does it is given up.

    Raises:
        CaptureError: the device cannot be used, nothing came from it, or it was cancelled.
        StoreError: the file is there already, or cannot be written.
    """
    target = _Target(out, device)
    part = target.folder / f".{uuid4().hex}.part"
    task = {
        "task": "capture",
        "device": device,
        "part": str(part),
        "options": asdict(options or CaptureOptions()),
    }
    try:
        with _Worker(task) as worker:
            end = _follow(worker, progress or _nobody, stopping or _never, cancelled or _never)
        return _finish(end, part, target, device)
    finally:
        part.unlink(missing_ok=True)


def list_devices() -> list[Device]:
    """Everything to record from, as it is now; raises CaptureError."""
    with _Worker({"task": "list"}) as worker:
        for message in worker.messages():
            if message and "devices" in message:
                return [Device(**entry) for entry in message["devices"]]
    raise CaptureError("the system's sound devices cannot be listed; try again, or restart its sound server")


def _nobody(progress: Progress) -> None:
    """Hears nothing."""


def _never() -> bool:
    return False


# -- following ----------------------------------------------------------------------------------------------------


class _Worker:
    """The process, and a thread that waits for what it says."""

    def __init__(self, task: dict[str, Any]) -> None:
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "companion.capture.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if os.environ.get("WHISPERSYNTH_DEBUG") == "1" else subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            encoding="utf-8",
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, name="capture", daemon=True).start()
        self.order(json.dumps(task))

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def order(self, line: str) -> None:
        """Sends a line; one that has ended takes none, and has said why."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def messages(self) -> Iterator[dict[str, Any] | None]:
        """What it says, and None whenever it said nothing for a moment; ends when it ends, or hangs.

        Raises:
            CaptureError: it says what went wrong.
        """
        heard_at = time.monotonic()
        while time.monotonic() - heard_at < HUNG_S:
            try:
                line = self._lines.get(timeout=POLL_S)
            except queue.Empty:
                yield None
                continue
            if not line:
                return
            heard_at = time.monotonic()
            message = json.loads(line)
            if "error" in message:
                raise CaptureError(message["error"])
            yield message

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            self._process.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass(frozen=True)
class _End:
    """How it ended."""

    last: Progress
    summary: dict[str, Any] | None
    """None when the process broke off."""


def _follow(
    worker: _Worker,
    progress: Callable[[Progress], object],
    stopping: Callable[[], bool],
    cancelled: Callable[[], bool],
) -> _End:
    last, stopped = Progress("opening"), False
    messages = worker.messages()
    while True:
        try:
            if cancelled():
                raise CaptureError("the capture was cancelled; nothing was kept")
            if not stopped and stopping():
                worker.order("stop")
                stopped = True
            message = next(messages, BROKE_OFF)
            if message and "done" in message:
                last = Progress(**message["done"])
                progress(last)
                return _End(last, message)
            if message and "progress" in message:
                last = Progress(**message["progress"])
                progress(last)
            elif message:
                return _End(last, None)
        except KeyboardInterrupt:
            if last.state != "recording" or stopped:
                raise
            worker.order("stop")  # what was recorded is kept
            stopped = True


# -- naming -------------------------------------------------------------------------------------------------------


class _Target:
    """Where the file shall be."""

    def __init__(self, out: Path | None, device: str) -> None:
        named = out is not None and out.suffix.lower() == ".wav" and not out.is_dir()
        place = (out.parent if named else out) if out is not None else user_folder() / FOLDER
        self.folder = prepare_folder(place)
        self.name = out.name if out is not None and named else ""
        self.stem = safe_name(device)
        if self.name:
            self._refuse_if_there()

    def _refuse_if_there(self) -> None:
        path = self.folder / self.name
        if path.exists():
            raise StoreError(f"{path} is there already and was left as it is; give another name with --out")

    def publish(self, part: Path) -> Path:
        """Gives the finished file its name, in a folder the next free one."""
        if self.name:
            return self._adopt(part, self.name)
        for n in itertools.count(1):
            name = f"{self.stem} {n}.wav"
            if not (self.folder / name).exists():
                with suppress(StoreError):  # another capture took the name
                    return self._adopt(part, name)
        raise AssertionError("numbers do not end")

    def _adopt(self, part: Path, name: str) -> Path:
        with uninterrupted(), Batch(self.folder) as batch:
            copy = batch.adopt(part, name)
            batch.publish()
        return copy


def _finish(end: _End, part: Path, target: _Target, device: str) -> Capture:
    summary, last = end.summary, end.last
    if summary and summary["gave_up"]:
        raise CaptureError(
            f"nothing loud enough came from {summary['device']}; check that the sound is sent to it, or lower --threshold"
        )
    if summary and summary["order"] == "cancel":
        raise CaptureError("the capture was cancelled; nothing was kept")
    if summary and summary["order"] == "stop" and last.recorded_s == 0:
        raise CaptureError(
            f"it was stopped before anything loud came from {summary['device']}; nothing was kept"
        )
    if last.recorded_s == 0 or not part.exists():
        broke = summary["broke_off"] if summary else ""
        raise CaptureError(
            f"nothing could be recorded from {device}{f': {broke}' if broke else ''}; try again, or see `whispersynth capture --list`"
        )
    warnings = tuple(_warnings(end, summary["device"] if summary else device))
    size = read_size(part)  # of the file itself: a process that broke off told none
    return Capture(
        target.publish(part), size.seconds, size.rate_hz, size.n_channels, last.level_db,
        last.dropped, last.device_overruns, last.server_overruns, warnings,
    )  # fmt: skip


def _warnings(end: _End, device: str) -> Iterator[str]:
    last, summary = end.last, end.summary
    if summary is None:
        yield f"the recording broke off after {last.recorded_s:.1f} s, and what there was is kept; record it again"
    elif summary["broke_off"]:
        yield f"{summary['broke_off']} after {last.recorded_s:.1f} s; what there was is kept"
    if summary and last.level_db < SILENT_DB:
        yield f"what came from {device} is silent; check that the sound is sent to it"
    if last.dropped:
        yield f"{last.dropped} samples were dropped because this computer was too busy; record it again"
    if last.device_overruns:
        yield f"the driver lost samples {last.device_overruns} times; give it a larger buffer and record it again"
    if last.server_overruns:
        yield (
            f"the JACK server was late {last.server_overruns} times, which may have cost samples before they came here; "
            f"run it in real time or with a larger period"
        )
