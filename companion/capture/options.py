"""What can be asked of a capture, and what is heard of it."""

from __future__ import annotations

from dataclasses import dataclass

from companion.errors import OptionError

LONGEST_S = 600.0
LOWEST_DB, HIGHEST_DB = -120.0, 0.0
RANGES: dict[str, tuple[float, float, str]] = {
    "seconds": (0.05, LONGEST_S, "s"),
    "threshold_db": (LOWEST_DB, HIGHEST_DB, "dB"),
    "pre_roll_s": (0.0, 10.0, "s"),
    "silence_s": (0.05, 60.0, "s"),
    "wait_s": (0.1, 24 * 3600.0, "s"),
}


@dataclass(frozen=True)
class CaptureOptions:
    """When a capture begins and ends; validated on construction."""

    seconds: float | None = None
    """Length; None: until it is silent, at most 600 s."""
    trigger: bool = True
    """Begin when it gets loud; else at once, which needs `seconds`."""
    threshold_db: float = -50.0
    """Loud and silent meet here: peak of a sample, full scale 0."""
    pre_roll_s: float = 0.2
    """Kept from before it got loud."""
    silence_s: float = 1.5
    """It ends when nothing was loud for this long."""
    wait_s: float = 60.0
    """Given up when it does not get loud for this long."""

    def __post_init__(self) -> None:
        for name, (low, high, unit) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:  # NaN too
                raise OptionError(
                    f"{name.rpartition('_')[0] or name} {value:g} {unit} is out of range; give {low:g} to {high:g}"
                )
        if not self.trigger and self.seconds is None:
            raise OptionError("a capture without a trigger has no end; give it seconds")


@dataclass(frozen=True)
class Progress:
    """How far a capture is."""

    state: str
    """`opening`, `waiting` for sound, `recording` or `done`."""
    recorded_s: float = 0.0
    level_db: float = LOWEST_DB
    """Peak since the last report."""
    dropped: int = 0
    """Frames that found no room in the ring buffer: lost by this program."""
    device_overruns: int = 0
    """Times the driver said that it lost some."""
    server_overruns: int = 0
    """Times the JACK server was late."""


@dataclass(frozen=True)
class Device:
    """Something to record from."""

    name: str
    system: str
    """JACK, ALSA, CoreAudio, WASAPI."""
    n_channels: int
    rate_hz: int
    """The one it runs at."""
    use: str = ""
    """What it is good for, in a person's words."""
    fits: bool = False
    """It carries the sound itself: a virtual cable, a loopback or a JACK client."""
