"""An open device: its driver buffers, a thread of ours empties that into the ring."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from typing import Self

from companion.capture import loopback, portaudio
from companion.capture.devices import choose
from companion.capture.ring import Block, Ring
from companion.capture.source import Found, n_recorded

RING_S = 30.0
POLL_S = 0.01
STALL_S = 3.0  # without a sample: a running device sends silence too
PRIORITY = 5  # below whatever else is in real time
NICENESS = -11  # what desktop sound servers give themselves; only where the user may


def find_devices() -> list[Found]:
    """Everything to record from; raises CaptureError."""
    return [*portaudio.find(), *loopback.find()]


class Stream:
    """Records into `ring` from construction until `close`."""

    def __init__(self, name: str) -> None:
        """Opens a device by name; raises CaptureError."""
        threads = _threads()  # before the libraries start their own
        found = find_devices()
        chosen = found[choose([f.device for f in found], name)]
        self.device = chosen.device
        self.n_channels, self.rate_hz = n_recorded(self.device), self.device.rate_hz
        self.ring = Ring(round(RING_S * self.rate_hz), self.n_channels)
        self.device_overruns = 0
        self.error = ""
        """Why it ended by itself."""
        _be_prompt()
        self._source = chosen.start()
        _put_first_in_line(_threads() - threads)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._pump, name="capture")
        self._thread.start()

    def _pump(self) -> None:
        came_at = time.monotonic()
        try:
            while not self._closing.is_set():
                block, overrun = self._source.read()
                self.device_overruns += overrun
                if len(block):
                    self.ring.write(block)
                    came_at = time.monotonic()
                elif time.monotonic() - came_at > STALL_S:
                    raise RuntimeError(f"no sample for {STALL_S:g} s")
                time.sleep(POLL_S)
        except Exception as error:  # of the library: the device is gone
            self.error = f"{self.device.name} stopped ({error})"

    def read(self) -> Block:
        """What has come since, (n, n_channels)."""
        return self.ring.read()

    @property
    def server_overruns(self) -> int:
        """Of the sound server, since the beginning."""
        return self._source.server_overruns

    def close(self) -> None:
        """Ends it."""
        self._closing.set()
        self._thread.join()
        with suppress(Exception):  # a device that is gone cannot be closed either
            self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _put_first_in_line(threads: set[int]) -> None:
    """Has threads go before every ordinary one, as JACK itself does where its server runs in real time."""
    for thread in threads:
        with suppress(OSError):  # most users may not
            os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(PRIORITY))


def _threads() -> set[int]:
    """Of this process, where the system lists them."""
    return {int(name) for name in os.listdir("/proc/self/task")} if sys.platform == "linux" else set()


def _be_prompt() -> None:
    """Asks the system to run this process before busy ones; the threads of the library inherit it."""
    if sys.platform != "win32":
        with suppress(OSError):  # most users may not
            os.nice(NICENESS - os.nice(0))
