"""Whether a resynthesis lets go at the likeliest note-off, where nobody can tell when the key was released.

The ear gives every moment a chance (`companion.hearing.ear`). A patch that lets go at one moment is wrong where the truth is
another: at the clip's own note-off, and at durations that were not heard. So is one that goes through the whole clip. By
how many decibels shows in the clip's own spectrogram, without a render; chosen is what is least wrong on the average.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.hearing.audio import SAMPLE_RATE
from companion.hearing.ear import FRAME_S, NoteOffGuess
from companion.hearing.features import N_FRAMES, N_MELS
from companion.resynthesis.partials import Floats
from companion.resynthesis.release import fit_release
from companion.resynthesis.resynth import let_be_heard

Doubles = NDArray[np.float64]
Plan = Callable[[ArrayLike], Doubles]
"""Key held for so many seconds (d,) -> how loud each band of a patch is then (d, n, N_BANDS), in dB, every STEP_S."""

STEP_S = 0.02
N_BANDS = 20
RANGE_DB = 80.0
SPAN_DB = 40.0  # of one unit of a feature
UNHEARD_S = (0.5, 1.0, 2.0)  # durations at which a patch is to be right, too
HEARD = 1.5  # weight of being right at the clip's own note-off
TEMPER = 0.7  # power of the chances: an ear that is sure is sometimes sure of a knee of the sound's own
FALL_DB_S = 60.0  # what a release of so many seconds falls by, in them
UNSEEN_S = 0.1  # so near the clip's end no release shows,
UNSEEN_RELEASE_S = 0.3  # which is then taken for this long


def lets_go(audio: Floats, mel: Floats, belief: Floats, guess: NoteOffGuess) -> bool:
    """Whether to let go at the likeliest moment is less wrong, on the average, than to go through the whole clip.

    Args:
        audio: (2, n) at 44.1 kHz, from the note's onset.
        mel: its features, (N_MELS, N_FRAMES).
        belief: the chance of each frame of FRAME_S to be the one of the note-off.
        guess: the likeliest. (To choose among the next likeliest, too, was found to be worse.)
    """
    level_db = levels(mel, audio.shape[1] / SAMPLE_RATE)
    truths_s, chances = coarse(belief, len(level_db))
    slow = let_be_heard(fit_release(audio, guess.time_s), audio.shape[1] / SAMPLE_RATE - guess.time_s)
    plans = letting_go(level_db, guess.time_s), going_through(level_db, slow.release)
    at_guess, through = (float(chances @ wrong(plan, level_db, truths_s)) for plan in plans)
    return at_guess < through


def levels(mel: Floats, duration_s: float) -> Doubles:
    """How loud each band of a clip is (n, N_BANDS), in dB under the clip's loudest mel band and moment, every STEP_S."""
    level_db = np.maximum(SPAN_DB * (mel - mel.max()), -RANGE_DB).astype(np.float64)
    per = round(STEP_S / FRAME_S)
    coarser = level_db.reshape(N_BANDS, N_MELS // N_BANDS, N_FRAMES // per, per).mean(axis=(1, 3))
    return np.asarray(coarser[:, : math.ceil(duration_s / STEP_S)].T)


def coarse(belief: Floats, n: int) -> tuple[Doubles, Doubles]:
    """Moments (t,) every other step and their tempered chances (t,), of a belief a frame."""
    per = round(2 * STEP_S / FRAME_S)
    mass = np.add.reduceat(belief[: n * per // 2].astype(np.float64), np.arange(0, n * per // 2, per))
    chances = np.maximum(mass, 0) ** TEMPER
    times_s = (np.arange(len(mass), dtype=np.float64) + 0.5) * per * FRAME_S
    return times_s, np.asarray(chances / max(float(chances.sum()), 1e-12))


def wrong(plan: Plan, level_db: Doubles, truths_s: Doubles) -> Doubles:
    """By how many dB a plan is wrong if the truth is (t,): heard, and at other durations."""
    heard = np.abs(plan(truths_s) - level_db).mean(axis=(-1, -2))
    elsewhere = plan(UNHEARD_S)
    true = (letting_go(level_db, truth_s)(UNHEARD_S) for truth_s in truths_s)
    return np.asarray(HEARD * heard + [np.abs(elsewhere - t).mean() for t in true])


def letting_go(level_db: Doubles, off_s: float) -> Plan:
    """A patch whose sound stands still where the clip is at `off_s`, until it lets go as the clip does from there."""
    n = len(level_db)
    off = min(round(off_s / STEP_S), n - 1)
    after = level_db[np.minimum(off + np.arange(n), n - 1)] - level_db[off]
    if (n - off) * STEP_S < UNSEEN_S:
        after = np.zeros_like(level_db) - FALL_DB_S / UNSEEN_RELEASE_S * STEP_S * np.arange(n)[:, None]

    def plan(held_s: ArrayLike) -> Doubles:
        steps, key = np.arange(n), steps_of(held_s)
        there = level_db[np.minimum(np.minimum(steps, off), key)]
        return np.asarray(np.maximum(there + after[np.clip(steps - key, 0, n - 1)], -RANGE_DB))

    return plan


def going_through(level_db: Doubles, release_s: float) -> Plan:
    """A patch that goes through the whole clip, and is released slowly wherever the key is."""

    def plan(held_s: ArrayLike) -> Doubles:
        spent_s = np.maximum(np.arange(len(level_db)) - steps_of(held_s), 0) * STEP_S
        return np.asarray(np.maximum(level_db - FALL_DB_S / release_s * spent_s[..., None], -RANGE_DB))

    return plan


def steps_of(seconds: ArrayLike) -> NDArray[np.int64]:
    """Seconds (d,) as steps (d, 1)."""
    return np.asarray(np.rint(np.asarray(seconds)[:, None] / STEP_S), np.int64)
