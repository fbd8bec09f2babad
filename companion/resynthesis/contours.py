"""Amplitude envelopes: the engine's curve, and fitting it to how loud a clip is over time.

Measured on the engine: the amplitude is the square of envelope 1, and a stretch of it with curve `c` % follows
(1 - exp(p t)) / (1 - exp(p)) with p = c / 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from companion.hearing.bands import ENVELOPE_HOP_S, Floats
from presets.patch import Patch
from presets.schema import Value

RANGE_DB = 75.0  # a contour is compared down to this far under its peak
LINEAR_WEIGHT = 30.0  # how many dB a full step of linear amplitude counts as
MIN_S = 0.0005
ATTACKS_S = (0.0005, 0.005, 0.012, 0.025, 0.05, 0.1, 0.18, 0.3, 0.55, 1.0)
DECAYS_S = (0.03, 0.06, 0.1, 0.17, 0.28, 0.45, 0.7, 1.1, 1.8, 3.0, 5.5, 10.0)
SUSTAINS = (0.0, 0.12, 0.25, 0.4, 0.55, 0.7, 0.85, 1.0)
CURVES = (-10.0, -30.0)
RELEASES_S = (0.01, 0.03, 0.06, 0.09, 0.13, 0.18, 0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 6.0, 9.0)
TAILS_DB = (-14.0, -18.0, -22.0, -26.0, -31.0, -37.0, -44.0, -52.0)  # of reverb at note-off, under the note
TAILS_S = (0.3, 0.5, 0.8, 1.2, 1.8, 2.8, 4.5, 8.0)  # to 60 dB less
FLAT_DB = 3.0  # a sound this near its peak still stands
MOST_FLAT_S = 0.4  # for which sounds stand before they fall by themselves
SPACE_PENALTY = 0.4  # dB a reverb must save to be worth it
BEND_PENALTY = (
    0.15  # dB that another curve than Vital's own must save, and a decay where the note could just stay
)
RELEASE_PENALTY = (
    0.5  # the same after note-off, where smoothing makes a plain end look bent; where it ends is heard
)

# Reverb of the engine at size 50, mid band: 60 dB of decay take 1.3 times the decay knob, and at decay 1 s the tail starts so far
# under the note (mixed evenly, growing with longer decays).
T60_PER_DECAY = 1.3
EVEN_TAIL_DB = -10.0
TAIL_DB_PER_OCTAVE = 2.8


@dataclass(frozen=True)
class Contour:
    """Envelope 1 and the reverb's tail, as knobs."""

    attack: float = MIN_S
    """s"""
    decay: float = 1.0
    """s"""
    sustain: float = 1.0
    """0..1, of the envelope; the amplitude is its square."""
    release: float = 0.09
    """s"""
    hold: float = 0.0
    """s"""
    decay_curve: float = -10.0
    """%"""
    release_curve: float = -10.0
    """%"""
    tail_db: float | None = None
    """Reverb right after note-off under the note, or None without reverb."""
    tail_s: float = 1.0
    """Seconds in which it falls by 60 dB."""

    @classmethod
    def read(cls, patch: Patch, n: int = 1) -> Contour:
        """Envelope `n` of a patch; with the first, its reverb."""
        keys = ("attack", "decay", "release", "hold", "decay_curve", "release_curve")
        contour = cls(
            sustain=patch.number(f"env{n}.sustain") / 100, **{k: patch.number(f"env{n}.{k}") for k in keys}
        )
        tail = tail_of(patch) if n == 1 else None
        return replace(contour, tail_db=tail[0], tail_s=tail[1]) if tail else contour

    def values(self) -> dict[str, Value]:
        """As parameters; the reverb only where there is one."""
        out: dict[str, Value] = {
            f"env1.{k}": _held(getattr(self, k), 0.0, top)
            for k, top in (("attack", 16.0), ("decay", 16.0), ("release", 16.0), ("hold", 4.0))
        }
        out |= {"env1.sustain": 100 * _held(self.sustain, 0.0, 1.0), "env1.decay_curve": self.decay_curve,
                "env1.release_curve": self.release_curve}  # fmt: skip
        return out | (reverb_values(self.tail_db, self.tail_s) if self.tail_db is not None else {})

    def amplitude(self, times_s: Floats, note_off_s: float) -> Floats:
        """What the envelope, with its reverb, makes of a steady tone."""
        amplitude = self.level(times_s, note_off_s) ** 2
        if self.tail_db is None:
            return np.asarray(amplitude)
        at_off = float(self._held_level(np.array([note_off_s]))[0])
        tail = at_off**2 * 10 ** (
            (self.tail_db - 60 * np.maximum(times_s - note_off_s, 0) / self.tail_s) / 20
        )
        return np.asarray(np.sqrt(amplitude**2 + np.where(times_s > note_off_s, tail, 0.0) ** 2))

    def level(self, times_s: Floats, note_off_s: float) -> Floats:
        """The envelope itself, 0..1."""
        held = self._held_level(np.minimum(times_s, note_off_s))
        at_off = float(self._held_level(np.array([note_off_s]))[0])
        after = np.clip((times_s - note_off_s) / max(self.release, MIN_S), 0, 1)
        return np.asarray(
            np.where(times_s <= note_off_s, held, at_off * (1 - curve(after, self.release_curve / 5)))
        )

    def _held_level(self, times_s: Floats) -> Floats:
        rise = np.clip(times_s / max(self.attack, MIN_S), 0, 1)
        fall = np.clip((times_s - self.attack - self.hold) / max(self.decay, MIN_S), 0, 1)
        return np.asarray(rise * (1 - (1 - self.sustain) * curve(fall, self.decay_curve / 5)))


def curve(x: Floats, power: float) -> Floats:
    """The engine's curve from 0 to 1."""
    if abs(power) < 0.01:
        return x
    return np.asarray(np.expm1(power * x) / math.expm1(power))


def reverb_values(tail_db: float, tail_s: float) -> dict[str, Value]:
    """Reverb whose tail starts at `tail_db` under the note and takes `tail_s` to fall by 60 dB."""
    decay = _held(tail_s / T60_PER_DECAY, 0.1, 20.0)
    at_even = EVEN_TAIL_DB + TAIL_DB_PER_OCTAVE * math.log2(decay)
    mix = math.atan(10 ** ((tail_db - at_even) / 20)) * 2 / math.pi
    return {"reverb.on": True, "reverb.decay": decay, "reverb.mix": _held(100 * mix, 1.0, 90.0)}


def tail_of(patch: Patch) -> tuple[float, float] | None:
    """The opposite of reverb_values: `(tail_db, tail_s)` of a patch, None without reverb."""
    if not patch["reverb.on"] or patch.number("reverb.mix") < 0.5:
        return None
    decay, mix = patch.number("reverb.decay"), min(patch.number("reverb.mix"), 95.0) / 100
    tail_db = (
        EVEN_TAIL_DB + TAIL_DB_PER_OCTAVE * math.log2(decay) + 20 * math.log10(math.tan(mix * math.pi / 2))
    )
    return tail_db, decay * T60_PER_DECAY


def _held(x: float, low: float, high: float) -> float:
    return min(max(float(x), low), high)


# --- fitting ---------------------------------------------------------------------------------------------------------


def fit_contour(envelope: Floats, note_off_s: float, space: bool | None = None) -> Contour:
    """The contour nearest to an RMS envelope (every 5 ms): coarse grids, then steps that halve.

    Args:
        space: whether the tail may be a reverb; None lets the fit decide.
    """
    times, wanted = _sampled(envelope, note_off_s)
    held = times < note_off_s - 0.005
    if held.sum() < 3:  # nothing to go by
        return Contour()
    early, loud = times[held], wanted[held]
    begun = [_grid_held(early, loud, note_off_s), *_flat_held(early, loud, note_off_s)]
    keys: tuple[str, ...] = ("attack", "decay", "sustain", "hold")
    best = min(
        (_descend(one, early, loud, note_off_s, keys) for one in begun),
        key=lambda one: _cost_of(one, early, loud, note_off_s),
    )
    if (~held).sum() < 4:
        return best
    best = _grid_tail(best, times, wanted, note_off_s, space)
    keys = ("release", "tail_db", "tail_s") if best.tail_db is not None else ("release",)
    return _descend(best, times, wanted, note_off_s, keys)


def nudge_contour(start: Contour, envelope: Floats, note_off_s: float) -> Contour:
    """The contour nearest to an RMS envelope in small steps from `start`, whose curves and kind of tail stay."""
    times, wanted = _sampled(envelope, note_off_s)
    keys: tuple[str, ...] = ("attack", "decay", "sustain", "hold", "release")
    if start.tail_db is not None:
        keys += ("tail_db", "tail_s")
    return _descend(start, times, wanted, note_off_s, keys)


def away(contour: Contour, envelope: Floats, note_off_s: float) -> float:
    """How far a contour is from an RMS envelope if the key was let go then: what fit_contour minimises."""
    return _cost_of(contour, *_sampled(envelope, note_off_s), note_off_s)


def _sampled(envelope: Floats, note_off_s: float) -> tuple[Floats, Floats]:
    """Times and dB: every 5 ms at both edges, in growing steps after them."""
    steps = np.unique(np.round(np.concatenate([np.arange(12), np.geomspace(12, 600, 34)])).astype(int))
    off = round(note_off_s / ENVELOPE_HOP_S)
    index = np.concatenate([steps[steps < off - 1], off + steps])
    index = index[index < len(envelope)]
    db = 20 * np.log10(np.maximum(envelope[index], 1e-9))
    times = (index + 0.5) * ENVELOPE_HOP_S
    return times, np.maximum(db, db.max() - RANGE_DB)


def _spans(times: Floats) -> Floats:
    """How much of the time each sample stands for, summing to 1; edges count more than their length."""
    spans = np.gradient(times) + 0.01
    return np.asarray(spans / spans.sum())


def _cost(model_db: Floats, wanted: Floats, weights: Floats) -> Floats:
    """Mean difference in dB and in linear amplitude, along the last axis; the best common gain is free."""
    top = wanted.max()
    model = np.maximum(model_db, -RANGE_DB)
    audible = weights * (wanted > top - 40)
    gain = ((wanted - model) * audible).sum(-1, keepdims=True) / audible.sum()
    model = np.maximum(model + gain, top - RANGE_DB)
    linear = np.abs(10 ** ((model - top) / 20) - 10 ** ((wanted - top) / 20))
    return np.asarray(((np.abs(model - wanted) + LINEAR_WEIGHT * linear) * weights).sum(-1))


def _cost_of(contour: Contour, times: Floats, wanted: Floats, note_off_s: float) -> float:
    amplitude = contour.amplitude(times, note_off_s)
    return float(_cost(20 * np.log10(np.maximum(amplitude, 1e-6)), wanted, _spans(times)))


@cache
def _held_grid() -> tuple[Floats, ...]:
    mesh = np.meshgrid(ATTACKS_S, DECAYS_S, SUSTAINS, CURVES, indexing="ij")
    return tuple(m.ravel()[:, None] for m in mesh)


def _grid_held(times: Floats, wanted: Floats, note_off_s: float) -> Contour:
    attack, decay, sustain, bend = _held_grid()
    rise = np.clip(times / attack, 0, 1)
    fall = np.clip((times - attack) / decay, 0, 1)
    level = rise * (1 - (1 - sustain) * np.expm1(bend / 5 * fall) / np.expm1(bend / 5))
    costs = _cost(40 * np.log10(np.maximum(level, 1e-3)), wanted, _spans(times))
    costs = costs + BEND_PENALTY * ((bend[:, 0] != CURVES[0]) + (sustain[:, 0] < 1.0))
    i = int(costs.argmin())
    return Contour(
        float(attack[i, 0]), float(decay[i, 0]), float(sustain[i, 0]), decay_curve=float(bend[i, 0])
    )


def _flat_held(times: Floats, wanted: Floats, note_off_s: float) -> list[Contour]:
    """The best that stays at its height for as long as the sound does, then falls; none where a key would have to be let go for that."""
    stays_s = float(times[wanted > wanted.max() - FLAT_DB][-1])
    if stays_s > MOST_FLAT_S:
        return []
    options = [Contour(decay=d, sustain=s, hold=stays_s) for d in DECAYS_S[::2] for s in SUSTAINS[:4]]
    return [min(options, key=lambda one: _cost_of(one, times, wanted, note_off_s))]


def _grid_tail(
    held: Contour, times: Floats, wanted: Floats, note_off_s: float, space: bool | None
) -> Contour:
    dry = [replace(held, release=r, release_curve=c) for r in RELEASES_S for c in CURVES]
    wet = [
        replace(held, release=r, tail_db=d, tail_s=s)
        for r in RELEASES_S[:11:2]
        for d in TAILS_DB
        for s in TAILS_S
    ]
    options = {None: dry + wet, True: wet, False: dry}[space]
    after = times - note_off_s
    late = after > 0
    at_off = held.amplitude(np.array([note_off_s]), note_off_s)[0]
    x = np.maximum(after[late], 0)
    release = np.array([[o.release] for o in options])
    bend = np.array([[o.release_curve / 5] for o in options])
    level = (1 - np.expm1(bend * np.clip(x / release, 0, 1)) / np.expm1(bend)) ** 4
    tail_db = np.array([[-200.0 if o.tail_db is None else o.tail_db] for o in options])
    tail_s = np.array([[o.tail_s] for o in options])
    late_db = 10 * np.log10(np.maximum(at_off**2 * (level + 10 ** (tail_db / 10 - 6 * x / tail_s)), 1e-12))
    early_db = 20 * np.log10(np.maximum(held.amplitude(times[~late], note_off_s), 1e-6))
    model = np.concatenate([np.broadcast_to(early_db, (len(options), len(early_db))), late_db], axis=1)
    costs = _cost(model, wanted, _spans(times)) + SPACE_PENALTY * (tail_db[:, 0] > -200)
    costs = costs + RELEASE_PENALTY * (bend[:, 0] != CURVES[0] / 5)
    return options[int(costs.argmin())]


def _descend(
    start: Contour, times: Floats, wanted: Floats, note_off_s: float, keys: tuple[str, ...]
) -> Contour:
    """Coordinate steps: factors for seconds, sums for the rest, halved four times."""
    best, cost = start, _cost_of(start, times, wanted, note_off_s)
    for step in (0.4, 0.2, 0.1, 0.05):
        for key in keys:
            for sign in (1, -1):
                trial = replace(best, **{key: _moved(key, getattr(best, key), sign * step)})
                trial_cost = _cost_of(trial, times, wanted, note_off_s)
                if trial_cost < cost:
                    best, cost = trial, trial_cost
    return best


def _moved(key: str, value: float, step: float) -> float:
    if key == "sustain":
        return _held(value + step / 2, 0, 1)
    if key == "tail_db":
        return value + 12 * step
    if key == "hold":
        return max(0.0, value + step / 8)
    return max(value, 0.001) * 2 ** (2 * step)
