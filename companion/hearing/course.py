"""Something that moves while a sound lasts, and begins anew or not: as moments, as a sine, as the points of an LFO."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_CYCLES = 1.6  # that are heard of what repeats
SAME_SHARE = 0.3  # a cycle differs from the one before by less than this share of what moves at all
LEAST_PERIOD_S = 0.09
JUMP = 12.0  # grains from moment to moment: more, beside moments that move less than half of it, is no glide
MOST_POINTS = 100  # of an LFO
SINE_SHARE = 0.9  # of what moves; a square has 0.81 of it in its fundamental


@dataclass(frozen=True)
class Course:
    """What moves."""

    times_s: Floats
    """(n,) evenly spaced moments, from 0."""
    steps: Floats
    """(n,) how far it is from its middle."""
    period_s: float | None
    """After which it begins anew; None: it goes its way once."""

    def at(self, times_s: Floats) -> Floats:
        """How far it is from its middle."""
        nearest = np.abs(np.asarray(times_s)[:, None] - self.times_s).argmin(axis=1)
        return np.asarray(self.steps[nearest])

    @cached_property
    def reach(self) -> float:
        """The farthest that it goes from its middle."""
        return float(np.abs(self.steps).max())

    @property
    def duration_s(self) -> float:
        """Of one cycle, or of all of it."""
        return self.period_s or float(self.times_s[-1] + self.times_s[1])

    @cached_property
    def sine(self) -> tuple[float, float] | None:
        """How far to either side and the phase (degrees, from the lowest) of a sine that it is; None for anything else."""
        if self.period_s is None:
            return None
        turn = 2 * np.pi * self.times_s / self.period_s
        wave = 2 * np.mean((self.steps - self.steps.mean()) * np.exp(-1j * turn))
        if 0.5 * abs(wave) ** 2 < SINE_SHARE * self.steps.var():
            return None
        return float(abs(wave)), float(np.degrees(np.angle(wave)) + 180)

    def points(self, grain: float) -> Floats:
        """A curve over its duration (n, 2): place 0..1 and step; jumps are two points at one place.

        Args:
            grain: that straight lines may be off; more where there would be too many.
        """
        x, y = self._folded()
        step = np.abs(np.diff(y))
        beside = np.maximum(np.append(0.0, step[:-1]), np.append(step[1:], 0.0))
        jumps = np.flatnonzero((step > JUMP * grain) & (beside < 0.5 * step)) + 1
        bounds = [0.0, *(0.5 * (x[jumps - 1] + x[jumps])), 1.0]
        parts = [
            np.column_stack([[start, *u, end], [v[0], *v, v[-1]]])
            for u, v, start, end in zip(
                np.split(x, jumps), np.split(y, jumps), bounds[:-1], bounds[1:], strict=True
            )
        ]
        if 2 * len(parts) > MOST_POINTS:
            parts = [np.concatenate(parts)]
        while len(curve := np.concatenate([thinned(part, grain) for part in parts])) > MOST_POINTS:
            grain *= 2
        return curve

    def _folded(self) -> tuple[Floats, Floats]:
        """Places 0..1 and steps there, of one cycle or of all."""
        if self.period_s is None:
            return self.times_s / self.duration_s, self.steps
        n = max(3, round(self.period_s / self.times_s[1]))
        bins = (self.times_s / self.period_s * n).astype(int) % n
        seen = np.unique(bins)  # a cycle that is a few moments long may miss a place
        return (seen + 0.5) / n, np.array([np.median(self.steps[bins == i]) for i in seen])


def thinned(curve: Floats, off: float) -> Floats:
    """Those points of a curve (n, 2) from which straight lines are nowhere off by more (Ramer 1972, Douglas and Peucker 1973)."""
    x, y = curve.T
    kept, todo = {0, len(curve) - 1}, [(0, len(curve) - 1)]
    while todo:
        a, b = todo.pop()
        away = np.abs(np.interp(x[a : b + 1], x[[a, b]], y[[a, b]]) - y[a : b + 1])
        worst = a + int(away.argmax())
        if away[worst - a] > off and worst not in (a, b):
            kept.add(worst)
            todo += [(a, worst), (worst, b)]
    return np.asarray(curve[sorted(kept)])


def period_of(steps: Floats, hop_s: float) -> float | None:
    """After how many seconds a path (n,) begins anew; None where it does not."""
    lags = np.arange(1, int(len(steps) / LEAST_CYCLES) + 1)
    off = np.array([np.abs(steps[lag:] - steps[:-lag]).mean() for lag in lags])
    moved = float(np.abs(steps - np.median(steps)).mean())
    for i in range(1, len(off) - 1):  # it has left, and is back
        returns = off[i] <= off[i - 1] and off[i] < off[i + 1]
        if returns and off[i] < SAME_SHARE * moved < 0.5 * off[:i].max() and lags[i] * hop_s > LEAST_PERIOD_S:
            return finer(steps, int(lags[i])) * hop_s
    return None


def finer(steps: Floats, lag: int) -> float:
    """A period of `lag` moments, measured over as many cycles as are heard."""
    period = float(lag)
    for cycles in range(2, len(steps) // lag):
        near = round(period * cycles) + np.arange(-1, 2)
        off = [np.abs(steps[k:] - steps[:-k]).mean() for k in near if k < len(steps) - 2]
        if len(off) == len(near):
            period = float(near[int(np.argmin(off))]) / cycles
    return period
