"""An open device: PortAudio fills a buffer of its own in C, a thread empties it into the ring.

PortAudio's callbacks would need Python's lock within milliseconds; its blocking stream does not, so that a stall of
this process costs nothing until BUFFER_S are full.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from typing import Any, Self

from companion.capture.devices import INSTALL, JACK, NO_PORTAUDIO, choose, describe_devices
from companion.capture.options import Device
from companion.capture.ring import Block, Ring
from companion.errors import CaptureError

BUFFER_S = (2.0, 0.5, "high")  # tried in this order: drivers differ in what they take
RING_S = 30.0
POLL_S = 0.01
STALL_S = 3.0  # without a sample: a running device sends silence too
MOST_CHANNELS = 2
PRIORITY = 5  # below whatever else is in real time
NICENESS = -11  # what desktop sound servers give themselves; only where the user may


def sounddevice() -> Any:
    """The library; raises CaptureError where it, or PortAudio, is missing."""
    try:
        import sounddevice as library
    except ImportError:
        raise CaptureError(INSTALL) from None
    except OSError:
        raise CaptureError(NO_PORTAUDIO) from None
    return library


def find_devices() -> list[Device | None]:
    """Every device at PortAudio's place for it; its list is fixed when the library is imported."""
    library = sounddevice()
    return describe_devices(list(library.query_devices()), [api["name"] for api in library.query_hostapis()])


class Stream:
    """Records into `ring` from construction until `close`."""

    def __init__(self, name: str) -> None:
        """Opens a device by name; raises CaptureError."""
        threads = _threads()  # before the library starts its own
        devices = find_devices()
        place = choose(devices, name)
        device = devices[place]
        assert device is not None
        self.device = device
        self.n_channels = min(device.n_channels, MOST_CHANNELS)
        self.rate_hz = device.rate_hz
        self.ring = Ring(round(RING_S * self.rate_hz), self.n_channels)
        self.device_overruns = 0
        self.error = ""
        """Why it ended by itself."""
        _be_prompt()
        self._stream, self._buffer_s = self._open(place)
        self.xruns = Xruns() if device.system == JACK else None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._pump, name="capture")
        self._stream.start()
        _put_first_in_line(_threads() - threads)
        self._thread.start()

    def _open(self, place: int) -> tuple[Any, float | str]:
        library = sounddevice()
        wanted = {
            "device": place,
            "channels": self.n_channels,
            "samplerate": self.rate_hz,
            "dtype": "float32",
        }
        reason: Exception | None = None
        for buffer_s in BUFFER_S:
            try:
                return library.InputStream(latency=buffer_s, **wanted), buffer_s
            except (library.PortAudioError, ValueError) as error:
                reason = error
        raise CaptureError(
            f"{self.device.name} cannot be opened ({reason}); close other programs that use it, or choose another device"
        )

    def _pump(self) -> None:
        came_at = time.monotonic()
        try:
            while not self._closing.is_set():
                if self._move():
                    came_at = time.monotonic()
                elif time.monotonic() - came_at > STALL_S:
                    raise RuntimeError(f"no sample for {STALL_S:g} s")
                time.sleep(POLL_S)
        except Exception as error:  # of PortAudio: the device is gone
            self.error = f"{self.device.name} stopped ({error})"

    def _move(self) -> int:
        n = self._stream.read_available
        if n:
            block, overrun = self._stream.read(n)
            # The JACK part of PortAudio drops what its buffer has no room for without a word.
            full = isinstance(self._buffer_s, float) and n >= self._buffer_s * self.rate_hz
            self.device_overruns += bool(overrun) or (full and self.device.system == JACK)
            self.ring.write(block)
        elif not self._stream.active:
            raise RuntimeError("it is gone")
        return int(n)

    def read(self) -> Block:
        """What has come since, (n, n_channels)."""
        return self.ring.read()

    @property
    def server_overruns(self) -> int:
        """Of the JACK server, since the beginning."""
        return self.xruns.count if self.xruns else 0

    def close(self) -> None:
        """Ends it."""
        self._closing.set()
        self._thread.join()
        with suppress(Exception):  # a device that is gone cannot be closed either
            self._stream.close()
        if self.xruns:
            self.xruns.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Xruns:
    """Hears from the JACK server when it was late; without the package JACK-Client it hears nothing."""

    def __init__(self) -> None:
        self.count = 0
        self._client: Any = None
        with suppress(Exception):  # counting is an extra: recording goes on without
            import jack

            client = jack.Client("whispersynth-watch", no_start_server=True)
            client.set_xrun_callback(self._hear)
            client.activate()
            self._client = client

    def _hear(self, delayed_us: float) -> None:
        self.count += 1

    def close(self) -> None:
        """Lets the server go."""
        if self._client is not None:
            self._client.deactivate()
            self._client.close()


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
