"""What an LFO does in a recipe: pitch that goes a melody's way, loudness that comes and goes, a timbre that wobbles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import grey_closing

from companion.hearing.bands import ENVELOPE_HOP_S, Floats
from companion.hearing.course import Course, period_of
from presets.laws import LAWS
from presets.patch import Patch
from presets.schema import OWN, Value
from presets.tables import N_FRAMES

# What a routing of 100 % moves: semitones, frames, and the engine's own scale of volumes.
SPANS = {
    "voice.pitch": 96.0,
    "filter1.cutoff": 128.0,
    "osc1.position": N_FRAMES - 1.0,
    "volume.level": 7399.44,
}
GRAINS = {"voice.pitch": 0.05, "filter1.cutoff": 1.0, "osc1.position": 0.25}  # that a drawn curve may be off
LEVEL_GRAIN_DB = 1.5
LONGEST_REST_S = 0.4  # a pause as long is one
DEEP_DB, DEEP_SHARE = 10.0, 0.1  # so far under what stands, for so much of the time: no beating
LEAST_RESTS = 2
QUIETEST_DB = -40.0

Shape = Mapping[str, Value] | NDArray[np.floating]
"""Of an LFO: its knobs, or points to draw, (n, 2), 0..1."""


@dataclass(frozen=True)
class Pulse:
    """A loudness that comes and goes while the key is held."""

    still: Floats
    """The RMS envelope (every 5 ms) without it."""
    levels: Course
    """What it takes off, in dB: 0 or less."""

    @classmethod
    def of(cls, envelope: Floats, note_off_s: float, period_s: float | None = None) -> Pulse | None:
        """The pulse of an RMS envelope (every 5 ms); None where it has none, or none that begins anew.

        Args:
            period_s: of what else moves.
        """
        n = min(round(note_off_s / ENVELOPE_HOP_S), len(envelope))
        if n == 0:
            return None
        still = np.asarray(grey_closing(envelope, (round(LONGEST_REST_S / ENVELOPE_HOP_S),), mode="nearest"))
        quietest = 10 ** (QUIETEST_DB / 20)
        shares = np.clip(envelope / np.maximum(still, 1e-9), quietest, 1)[:n]
        levels_db = np.asarray(20 * np.log10(shares), np.float64)
        rests = levels_db < -DEEP_DB
        if rests.mean() < DEEP_SHARE or np.count_nonzero(np.diff(rests.astype(int)) == -1) < LEAST_RESTS:
            return None
        period_s = period_s or period_of(levels_db, ENVELOPE_HOP_S)
        times_s = ENVELOPE_HOP_S * np.arange(float(n))
        return cls(still, Course(times_s, levels_db, period_s)) if period_s else None


def sung(patch: Patch, melody: Course) -> Patch:
    """The patch with a pitch that an LFO moves by semitones; unchanged where none is free."""
    return _swung(patch, "voice.pitch", melody)


def wobbling(patch: Patch, knob: str, course: Course) -> Patch:
    """The patch with a cutoff (by semitones) or a position (by frames) that an LFO moves; unchanged where none is free."""
    return _swung(patch, knob, course)


def pulsing(patch: Patch, pulse: Pulse) -> Patch:
    """The patch with a volume that an LFO moves; unchanged where none is free."""
    places, levels_db = pulse.levels.points(LEVEL_GRAIN_DB).T
    encode = LAWS["volume_db"].encode
    native = np.array([encode(patch.number("volume.level") + db, {}) for db in levels_db])
    depth = float(np.ptp(native))
    curve = np.column_stack([places, (native.max() - native) / depth])
    return moved(patch, "volume.level", -100 * depth / SPANS["volume.level"], pulse.levels, curve)


def _swung(patch: Patch, knob: str, course: Course) -> Patch:
    """The patch with a knob that swings to both sides: as a sine, or as it is drawn."""
    if course.sine:
        reach, phase = course.sine
        return moved(patch, knob, 200 * reach / SPANS[knob], course, {"shape": "sine", "phase": phase % 360})
    places, steps = course.points(GRAINS[knob]).T
    curve = np.column_stack([places, 0.5 + steps / (2 * course.reach)])
    return moved(patch, knob, 200 * course.reach / SPANS[knob], course, curve)


def moved(patch: Patch, knob: str, amount: float, course: Course, shape: Shape) -> Patch:
    """The patch with a knob that the first free LFO moves; unchanged where none is free.

    Args:
        amount: %; to both sides, but where it takes away.
        course: says how long the LFO takes, and whether it begins anew.
    """
    lfo = next((name for name in ("lfo1", "lfo2") if name not in patch.sources), None)
    if lfo is None or "none" not in patch.sources:
        return patch
    slot, assets = f"mod{patch.sources.index('none') + 1}", dict(patch.assets)
    if not isinstance(shape, Mapping):
        assets[f"{lfo}.shape"] = np.column_stack([shape, np.zeros(len(shape))]).astype(np.float32)
        shape = {"shape": OWN}
    values: dict[str, Value] = {
        f"{lfo}.mode": "trigger" if course.period_s else "one_shot", f"{lfo}.rate": 1 / course.duration_s,
        **{f"{lfo}.{key}": value for key, value in shape.items()},
        f"{slot}.source": lfo, f"{slot}.destination": knob, f"{slot}.amount": amount, f"{slot}.bipolar": amount > 0,
    }  # fmt: skip
    return patch.with_values(values, assets=assets)
