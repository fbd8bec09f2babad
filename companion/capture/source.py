"""What a stream takes its samples from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from companion.capture.options import Device
from companion.capture.ring import Block

MOST_CHANNELS = 2


class Source(Protocol):
    """A running device."""

    def read(self) -> tuple[Block, bool]:
        """What has come since (n, n_channels), and whether the driver lost some; raises when the device is gone."""

    @property
    def server_overruns(self) -> int:
        """Times a sound server said that it was late."""

    def close(self) -> None:
        """Ends it."""


@dataclass(frozen=True)
class Found:
    """A device, and how to start it."""

    device: Device
    start: Callable[[], Source]


def n_recorded(device: Device) -> int:
    """How many of its channels are recorded: the first."""
    return min(device.n_channels, MOST_CHANNELS)
