"""What the pitch of a note does while it sounds: steps of an arpeggio, vibrato, a glide.

The likeliest path through the salience of every moment (Viterbi; Forney 1973), where staying is free, gliding costs by
the semitone and a jump costs the same however far it goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from companion.hearing.audio import Audio
from companion.hearing.pitch import (
    LOWEST_HZ,
    N_CANDIDATES,
    NO_PITCH,
    PITCH_RATE,
    STEPS_PER_ST,
    Salience,
    hz_to_note,
    place_of,
    salience,
)

Floats = NDArray[np.float64]

SPAN_ST = 26  # from the note, up and down
GLIDE_COST, JUMP_COST = 0.02, 0.25  # of strength: a semitone, and the most that a step costs
AWAY_COST = 0.002  # a semitone from the note
FINE_HOP = 110  # samples: 10 ms, once it is known that the pitch moves
CLEAR = 0.3  # strength of a path from which a sound that has no pitch of its own has one that moves
ELSEWHERE_ST = (
    11.5  # from its note, where a pitch is mostly: the note is but a divisor of those that are played
)
FARTHEST_ST = 48.0  # from the note, that is drawn
AUDIBLE = 0.03  # of the loudest moment's amplitude; under it the pitch is not asked
MOVES_ST = 0.4  # between the lowest and the highest, one in twenty moments left out at either end
GAINS = 0.01  # of strength, mean over the sound, by which the path must be better than standing still
LEAST_CYCLES = 1.6  # that are heard of what repeats
SAME_SHARE = 0.3  # a cycle differs from the one before by less than this share of what moves at all
JUMP_ST = 0.6  # from moment to moment: more, beside moments that move less than half of it, is no glide
LEAST_PERIOD_S = 0.09
MOST_POINTS = 100  # of an LFO
DRAWN_ST = (
    0.05  # that a curve may be off where it is drawn with fewer points; more where they would be too many
)
SINE_SHARE = 0.9  # of what moves; a square has 0.81 of it in its fundamental


@dataclass(frozen=True)
class Melody:
    """A pitch that moves."""

    note: float
    """MIDI number, with fraction, from which its steps are counted."""
    times_s: Floats
    """(n,) evenly spaced moments, from 0."""
    steps: Floats
    """(n,) semitones above the note."""
    period_s: float | None
    """After which it begins anew; None: it goes its way once."""

    def at(self, times_s: Floats) -> Floats:
        """Semitones above the note."""
        nearest = np.abs(np.asarray(times_s)[:, None] - self.times_s).argmin(axis=1)
        return np.asarray(self.steps[nearest])

    @cached_property
    def reach(self) -> float:
        """The farthest that it goes from the note, in semitones."""
        return float(np.abs(self.steps).max())

    @property
    def duration_s(self) -> float:
        """Of one cycle, or of all of it."""
        return self.period_s or float(self.times_s[-1] + self.times_s[1])

    @cached_property
    def vibrato(self) -> tuple[float, float] | None:
        """Semitones to either side and the phase (degrees, from the lowest) of a sine that it is; None for anything else."""
        if self.period_s is None:
            return None
        turn = 2 * np.pi * self.times_s / self.period_s
        wave = 2 * np.mean((self.steps - self.steps.mean()) * np.exp(-1j * turn))
        if 0.5 * abs(wave) ** 2 < SINE_SHARE * self.steps.var():
            return None
        return float(abs(wave)), float(np.degrees(np.angle(wave)) + 180)

    def points(self) -> NDArray[np.float32]:
        """A curve over its duration (n, 3): place 0..1, semitones, 0 for straight lines; jumps are two points at one place."""
        x, y = self._folded()
        step = np.abs(np.diff(y))
        beside = np.maximum(np.append(0.0, step[:-1]), np.append(step[1:], 0.0))
        jumps = np.flatnonzero((step > JUMP_ST) & (beside < 0.5 * step)) + 1
        bounds = [0.0, *(0.5 * (x[jumps - 1] + x[jumps])), 1.0]
        parts = [
            np.column_stack([[start, *u, end], [v[0], *v, v[-1]]])
            for u, v, start, end in zip(
                np.split(x, jumps), np.split(y, jumps), bounds[:-1], bounds[1:], strict=True
            )
        ]
        off_st, curve = DRAWN_ST, np.zeros((0, 2))
        while len(curve) == 0 or len(curve) > MOST_POINTS:
            curve = np.concatenate([thinned(part, off_st) for part in parts])
            off_st *= 2
            if off_st > FARTHEST_ST:  # more jumps than points
                parts = [np.concatenate(parts)]
        return np.column_stack([curve, np.zeros(len(curve))]).astype(np.float32)

    def _folded(self) -> tuple[Floats, Floats]:
        """Places 0..1 and semitones there, of one cycle or of all."""
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


@dataclass(frozen=True)
class Path:
    """The likeliest pitch of every moment until the last that is heard."""

    places: NDArray[np.int64]
    """(n,) candidates."""
    strengths: Floats
    """(n, N_CANDIDATES) of all."""
    loud: NDArray[np.float32]
    """(n,) amplitudes under the loudest."""
    heard: NDArray[np.bool_]
    """(n,) those loud enough."""

    def strength(self, places: NDArray[np.int64] | int) -> float:
        """How strongly candidates speak, mean over the moments as they are loud."""
        return float(self.loud @ self.strengths[np.arange(len(self.loud)), places] / self.loud.sum())

    @property
    def next_heard(self) -> NDArray[np.int64]:
        """(n,) of each moment the first from there on that is heard: where it is silent, the pitch is on its way."""
        at = np.flatnonzero(self.heard)
        return np.asarray(at[np.minimum(np.searchsorted(at, np.arange(len(self.heard))), len(at) - 1)])

    @property
    def range_st(self) -> float:
        """Between the lowest and the highest, one in twenty moments left out at either end."""
        low, high = np.percentile(self.places[self.heard], (5, 95))
        return float(high - low) / STEPS_PER_ST


def melody_of(low: Audio, found: Salience, note: float | None, until_s: float) -> Melody | None:
    """What the pitch of a sound (channels, n) at PITCH_RATE does until then; None where it stays, or where none is heard.

    Args:
        found: its salience.
        note: its pitch; None: it has none, unless one that moves.
    """
    home = None if note is None else place_of(note)
    path = path_of(found, home, until_s)
    if path is None or path.range_st < MOVES_ST or path.strength(path.places) < (NO_PITCH if note else CLEAR):
        return None
    if home is not None and path.strength(path.places) < path.strength(home) + GAINS:
        return None
    found = salience(low[:, : round(until_s * PITCH_RATE) + 1], FINE_HOP)
    path = path_of(found, home, until_s)
    if path is None or path.range_st < MOVES_ST:
        return None
    places = path.places[path.next_heard]
    middle = float(hz_to_note(LOWEST_HZ) + np.median(places) / STEPS_PER_ST)
    if note is None or abs(middle - note) > ELSEWHERE_ST:
        note = float(round(middle))
    steps = median_filter((places - place_of(note)) / STEPS_PER_ST, 3, mode="mirror")
    times_s = found.times_s[: len(steps)].astype(np.float64)
    steps = np.clip(steps, -FARTHEST_ST, FARTHEST_ST)
    return Melody(note, times_s, steps, period_of(steps, float(times_s[1])))


def path_of(found: Salience, home: int | None, until_s: float) -> Path | None:
    """The path of a salience until then; None where hardly anything is heard."""
    loud = np.sqrt(found.energies / max(float(found.energies.max()), 1e-20))
    heard = (found.times_s <= until_s) & (loud > AUDIBLE)
    if np.count_nonzero(heard) < 4:
        return None
    end = int(np.flatnonzero(heard)[-1]) + 1
    strengths = found.strengths[:end].astype(np.float64)
    return Path(path_through(strengths, loud[:end], home), strengths, loud[:end], heard[:end])


def path_through(strengths: Floats, loud: NDArray[np.float32], home: int | None) -> NDArray[np.int64]:
    """The best candidate at each moment (n,), of strengths (n, N_CANDIDATES) that count as they are loud.

    Args:
        home: the candidate that it is not to go far from; None: it goes where it likes.
    """
    low, high = 0, N_CANDIDATES
    if home is not None:
        low, high = (
            max(0, home - SPAN_ST * STEPS_PER_ST),
            min(N_CANDIDATES, home + SPAN_ST * STEPS_PER_ST + 1),
        )
    place = np.arange(low, high)
    away = np.zeros(len(place)) if home is None else np.abs(place - home)
    worth = (strengths[:, low:high] - AWAY_COST / STEPS_PER_ST * away) * loud[:, None]
    slope = GLIDE_COST / STEPS_PER_ST * np.arange(len(place))
    best = worth.copy()
    for i in range(1, len(best)):
        before = best[i - 1]
        up = np.maximum.accumulate(before + slope) - slope
        down = np.maximum.accumulate((before - slope)[::-1])[::-1] + slope
        best[i] += np.maximum(np.maximum(up, down), before.max() - JUMP_COST)
    path = np.empty(len(best), np.int64)
    path[-1] = best[-1].argmax()
    for i in range(len(best) - 1, 0, -1):
        far = GLIDE_COST / STEPS_PER_ST * np.abs(np.arange(len(place)) - path[i])
        path[i - 1] = (best[i - 1] - np.minimum(far, JUMP_COST)).argmax()
    return path + low


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
