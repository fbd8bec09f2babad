"""What the pitch of a note does while it sounds: steps of an arpeggio, vibrato, a glide.

The likeliest path through the salience of every moment (Viterbi; Forney 1973), where staying is free, gliding costs by
the semitone and a jump costs the same however far it goes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from companion.hearing.audio import Audio
from companion.hearing.course import Course, Floats, period_of
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

SPAN_ST = 26  # from the note, up and down
GLIDE_COST, JUMP_COST = 0.02, 0.25  # of strength: a semitone, and the most that a step costs
AWAY_COST = 0.002  # a semitone from the note
FINE_HOP = 110  # samples: 10 ms, once it is known that the pitch moves
CLEAR = 0.3  # strength of a path from which a sound that has no pitch of its own has one that moves
ELSEWHERE_ST = 11.5  # from its note, where a pitch mostly is: the note is but a common divisor
FARTHEST_ST = 48.0  # from the note, that is drawn
AUDIBLE = 0.03  # of the loudest moment's amplitude; under it the pitch is not asked
MOVES_ST = 0.4  # between the lowest and the highest, one in twenty moments left out at either end
GAINS = 0.01  # of strength, mean over the sound, by which the path must be better than standing still


@dataclass(frozen=True)
class Melody(Course):
    """A pitch that moves, in semitones."""

    note: float
    """MIDI number, with fraction, from which its steps are counted."""


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


def melody_of(
    low: Audio, found: Salience, note: float | None, until_s: float, is_sure: bool = False
) -> Melody | None:
    """What the pitch of a sound (channels, n) at PITCH_RATE does until then; None where it stays, or where none is heard.

    Args:
        found: its salience.
        note: its pitch; None: it has none, unless one that moves.
        is_sure: whether the note is the one to count from, wherever the pitch mostly is.
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
    if note is None or (abs(middle - note) > ELSEWHERE_ST and not is_sure):
        note = float(round(middle))
    steps = median_filter((places - place_of(note)) / STEPS_PER_ST, 3, mode="mirror")
    if np.ptp(steps) < MOVES_ST:
        return None
    times_s = found.times_s[: len(steps)].astype(np.float64)
    steps = np.clip(steps, -FARTHEST_ST, FARTHEST_ST)
    return Melody(times_s, steps, period_of(steps, float(times_s[1])), note)


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
