"""What an LFO does in a recipe: pitch that goes a melody's way, loudness that comes and goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import grey_closing

from companion.hearing.bands import ENVELOPE_HOP_S, Floats
from companion.hearing.melody import MOST_POINTS, Melody, period_of, thinned
from presets.laws import LAWS
from presets.patch import Patch
from presets.schema import OWN, Value

PITCH_SPAN_ST = 96.0  # that a routing of 100 % moves
VOLUME_SPAN = 7399.44  # the same, in the engine's own scale of volumes
LONGEST_REST_S = 0.4  # a pause as long is one
DEEP_DB, DEEP_SHARE = 10.0, 0.1  # so far under what stands, for so much of the time: no beating
LEAST_RESTS = 2
QUIETEST_DB = -40.0
DRAWN_DB = 1.5  # that a drawn level may be off

Shape = Mapping[str, Value] | NDArray[np.floating]
"""Of an LFO: its knobs, or points to draw, (n, 3)."""


@dataclass(frozen=True)
class Pulse:
    """A loudness that comes and goes while the key is held."""

    still: Floats
    """The RMS envelope (every 5 ms) without it."""
    levels_db: Floats
    """(n,) what it takes off, every 5 ms while the key is held: 0 or less."""
    period_s: float
    """After which it begins anew."""

    @classmethod
    def of(cls, envelope: Floats, note_off_s: float, period_s: float | None = None) -> Pulse | None:
        """The pulse of an RMS envelope (every 5 ms); None where it has none, or none that begins anew.

        Args:
            period_s: of what else moves.
        """
        n = round(note_off_s / ENVELOPE_HOP_S)
        still = np.asarray(grey_closing(envelope, (round(LONGEST_REST_S / ENVELOPE_HOP_S),), mode="nearest"))
        quietest = 10 ** (QUIETEST_DB / 20)
        levels_db = 20 * np.log10(np.clip(envelope / np.maximum(still, 1e-9), quietest, 1))[:n]
        rests = levels_db < -DEEP_DB
        if rests.mean() < DEEP_SHARE or np.count_nonzero(np.diff(rests.astype(int)) == -1) < LEAST_RESTS:
            return None
        period_s = period_s or period_of(levels_db, ENVELOPE_HOP_S)
        return cls(still, levels_db, period_s) if period_s else None

    def points(self) -> Floats:
        """A curve over one cycle (n, 2): place 0..1 and level in dB."""
        n = max(3, round(self.period_s / ENVELOPE_HOP_S))
        bins = (np.arange(len(self.levels_db)) * ENVELOPE_HOP_S / self.period_s * n).astype(int) % n
        levels = np.array([np.median(self.levels_db[bins == i]) for i in np.unique(bins)])
        x = (np.arange(len(levels)) + 0.5) / len(levels)
        curve = np.column_stack([[0.0, *x, 1.0], [levels[0], *levels, levels[-1]]])
        off_db = DRAWN_DB
        while len(thin := thinned(curve, off_db)) > MOST_POINTS:
            off_db *= 1.5
        return thin


def sung(patch: Patch, melody: Melody) -> Patch:
    """The patch with a pitch that an LFO moves: a sine, or a drawn curve; unchanged where none is free."""
    repeats = melody.period_s is not None
    if melody.vibrato:
        reach_st, phase = melody.vibrato
        shape: Shape = {"shape": "sine", "phase": phase % 360}
    else:
        reach_st, curve = melody.reach, melody.points()
        curve[:, 1] = 0.5 + curve[:, 1] / (2 * reach_st)
        shape = curve
    return moved(patch, "voice.pitch", 200 * reach_st / PITCH_SPAN_ST, melody.duration_s, repeats, shape)


def pulsing(patch: Patch, pulse: Pulse) -> Patch:
    """The patch with a volume that an LFO moves; unchanged where none is free."""
    points = pulse.points()
    encode = LAWS["volume_db"].encode
    native = np.array([encode(patch.number("volume.level") + db, {}) for db in points[:, 1]])
    depth = float(np.ptp(native))
    curve = np.column_stack([points[:, 0], (native.max() - native) / depth, np.zeros(len(points))])
    amount = -100 * depth / VOLUME_SPAN
    return moved(patch, "volume.level", amount, pulse.period_s, True, curve)


def moved(
    patch: Patch, destination: str, amount: float, duration_s: float, repeats: bool, shape: Shape
) -> Patch:
    """The patch with a knob that the first free LFO moves; unchanged where none is free.

    Args:
        amount: %; to both sides, but where it takes away.
        duration_s: of a cycle.
    """
    lfo = next((name for name in ("lfo1", "lfo2") if name not in patch.sources), None)
    if lfo is None or "none" not in patch.sources:
        return patch
    slot, assets = f"mod{patch.sources.index('none') + 1}", dict(patch.assets)
    if not isinstance(shape, Mapping):
        assets[f"{lfo}.shape"] = np.asarray(shape, np.float32)
        shape = {"shape": OWN}
    values: dict[str, Value] = {
        f"{lfo}.mode": "trigger" if repeats else "one_shot", f"{lfo}.rate": 1 / duration_s,
        **{f"{lfo}.{key}": value for key, value in shape.items()},
        f"{slot}.source": lfo, f"{slot}.destination": destination, f"{slot}.amount": amount, f"{slot}.bipolar": amount > 0,
    }  # fmt: skip
    return patch.with_values(values, assets=assets)
