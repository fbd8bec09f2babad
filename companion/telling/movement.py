"""What a routing slot does, in figures: from where to where it moves its destination.

A slot adds `amount` times the whole range of the native control, unipolar sources upwards from the set value, bipolar
ones half of that to both sides (measured on the engine; tests/companion/test_explain.py measures it again).
"""

from __future__ import annotations

from dataclasses import dataclass

from presets.laws import LAWS, Law
from presets.patch import Patch
from presets.schema import N_MOD_SLOTS, OWN
from presets.vital import rows

NATIVE_RANGES: dict[str, tuple[float, float]] = {
    "cutoff": (8.0, 136.0),
    "band_freq": (8.0, 136.0),
    "filter.drive": (0.0, 20.0),
    "distortion.drive": (-30.0, 30.0),
    "volume.level": (0.0, 7399.4404296875),
    "level": (0.0, 1.0),
    "position": (0.0, 256.0),
    "pitch": (-48.0, 48.0),
    "fine": (-1.0, 1.0),
    "tune": (-1.0, 1.0),
    "detune": (0.0, 10.0),
    "pan": (-1.0, 1.0),
    "phase": (0.0, 1.0),
    "warp_amount": (0.0, 1.0),
    "morph_amount": (0.0, 1.0),
    "resonance": (0.0, 1.0),
    "flanger.mix": (0.0, 0.5),
    "mix": (0.0, 1.0),
    "feedback": (-1.0, 1.0),
    "rate": (-7.0, 9.0),
    "attack": (0.0, 2.378420114517212),
    "decay": (0.0, 2.378420114517212),
    "release": (0.0, 2.378420114517212),
    "reverb.decay": (-6.0, 6.0),
    "amount": (-1.0, 1.0),
}  # of Vital's controls, by `family.key` or key
DRAWN = ("lfo1", "lfo2", "env2", "env3")  # what a resynthesis plays its clip with
_AMOUNT_LAW: Law = {"law": "linear", "scale": 0.01}
_SEMITONE_LAW: Law = {"law": "linear"}


@dataclass(frozen=True)
class Move:
    """One slot at work."""

    slot: int
    """1 to 8."""
    source: str
    """As `env2`."""
    destination: str
    """As `filter1.cutoff`."""
    start: float
    """Value of the destination when the source is at rest (unipolar) or at its lowest (bipolar)."""
    end: float
    """Value when the source is at its highest; in the destination's unit (pitch: semitones)."""
    bipolar: bool

    @property
    def section(self) -> str:
        """`filter1`."""
        return self.destination.partition(".")[0]

    @property
    def key(self) -> str:
        """`cutoff`."""
        return self.destination.partition(".")[2]

    @property
    def rises(self) -> bool:
        """Whether the source lifts the value."""
        return self.end >= self.start


def native_range(destination: str) -> tuple[float, float]:
    """Lowest and highest value of the native control behind a destination."""
    section, _, key = destination.partition(".")
    return NATIVE_RANGES.get(f"{section.rstrip('0123456789')}.{key}") or NATIVE_RANGES[key]


def move(patch: Patch, slot: int) -> Move | None:
    """What slot 1..8 does, or None when it is not in use."""
    source, destination = str(patch[f"mod{slot}.source"]), str(patch[f"mod{slot}.destination"])
    if source == "none":
        return None
    law, start = _law_and_value(patch, destination)
    low, high = native_range(destination)
    pair = LAWS[law["law"]]
    native, swing = pair.encode(start, law), patch.number(f"mod{slot}.amount") / 100 * (high - low)
    bipolar = bool(patch[f"mod{slot}.bipolar"])
    ends = (native - swing / 2, native + swing / 2) if bipolar else (native, native + swing)
    if not destination.endswith(".pitch"):  # pitch adds up and is not held to one control's range
        ends = (min(max(ends[0], low), high), min(max(ends[1], low), high))
    return Move(slot, source, destination, pair.decode(ends[0], law), pair.decode(ends[1], law), bipolar)


def moves(patch: Patch) -> list[Move]:
    """All slots in use, in order."""
    return [m for n in range(1, N_MOD_SLOTS + 1) if (m := move(patch, n)) is not None]


def plays_the_clip(patch: Patch, m: Move) -> bool:
    """Whether a movement is a resynth's way of playing its clip, rather than one to be heard for itself."""
    if m.source not in DRAWN:
        return False
    if m.key == "position":
        return patch[f"{m.section}.table"] == OWN
    if m.key == "amount":
        moved = move(patch, int(m.section.removeprefix("mod")))
        return moved is not None and moved.key != "amount" and plays_the_clip(patch, moved)
    return m.source.startswith("lfo") and patch[f"{m.source}.shape"] == OWN


def _law_and_value(patch: Patch, destination: str) -> tuple[Law, float]:
    section, _, key = destination.partition(".")
    if destination == "voice.pitch":
        return _SEMITONE_LAW, patch.number("voice.transpose")
    if key == "pitch":
        return _SEMITONE_LAW, 12 * patch.number(f"{section}.octave") + patch.number(f"{section}.semitone")
    if key == "amount":
        return _AMOUNT_LAW, patch.number(destination)
    return rows()[destination], patch.number(destination)
