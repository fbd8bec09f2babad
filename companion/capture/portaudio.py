"""Devices by PortAudio: virtual cables, sound cards, JACK clients.

PortAudio fills a buffer of its own in C. Its callbacks would need Python's lock within milliseconds; a blocking stream does
not, so that a stall of this process costs nothing until BUFFER_S are full.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from companion.capture.devices import INSTALL, JACK, NO_PORTAUDIO, describe_devices
from companion.capture.options import Device
from companion.capture.ring import Block
from companion.capture.source import Found, n_recorded
from companion.errors import CaptureError

BUFFER_S = (2.0, 0.5, "high")  # tried in this order: drivers differ in what they take


def find() -> list[Found]:
    """Every input; PortAudio's list is fixed when the library is imported. Raises CaptureError."""
    library = _library()
    apis = [api["name"] for api in library.query_hostapis()]
    described = describe_devices(list(library.query_devices()), apis)
    return [Found(d, partial(PortAudioSource, d, place)) for place, d in enumerate(described) if d]


def _library() -> Any:
    try:
        import sounddevice
    except ImportError:
        raise CaptureError(INSTALL) from None
    except OSError:
        raise CaptureError(NO_PORTAUDIO) from None
    return sounddevice


class PortAudioSource:
    """A running input of PortAudio."""

    def __init__(self, device: Device, place: int) -> None:
        """Opens and starts it; raises CaptureError."""
        self._device = device
        self._stream, self._buffer_s = self._open(place)
        self._stream.start()
        self._xruns = Xruns() if device.system == JACK else None

    def _open(self, place: int) -> tuple[Any, float | str]:
        library, device = _library(), self._device
        reason: Exception | None = None
        for buffer_s in BUFFER_S:
            try:
                stream = library.InputStream(
                    device=place, channels=n_recorded(device), samplerate=device.rate_hz, dtype="float32",
                    latency=buffer_s,
                )  # fmt: skip
                return stream, buffer_s
            except (library.PortAudioError, ValueError) as error:
                reason = error
        raise CaptureError(
            f"{device.name} cannot be opened ({reason}); close other programs that use it, or choose another device"
        )

    def read(self) -> tuple[Block, bool]:
        """What has come, and whether the driver says that it lost some; raises when the device is gone."""
        n = self._stream.read_available
        if n:
            block, overrun = self._stream.read(n)
            return block, bool(overrun) or self._was_full(n)
        if not self._stream.active:
            raise RuntimeError("it is gone")
        return np.zeros((0, n_recorded(self._device)), np.float32), False

    def _was_full(self, n: int) -> bool:
        """The JACK part of PortAudio drops without a word what its buffer has no room for."""
        sized = isinstance(self._buffer_s, float) and self._device.system == JACK
        return sized and n >= float(self._buffer_s) * self._device.rate_hz

    @property
    def server_overruns(self) -> int:
        """Of the JACK server, since the beginning."""
        return self._xruns.count if self._xruns else 0

    def close(self) -> None:
        """Ends it."""
        self._stream.close()
        if self._xruns:
            self._xruns.close()


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
