"""Whether a sound does what one key of a synth cannot do.

A preset plays one note from one key: its spectrum moves along one path, and its level rises once or in a pattern. Speech,
a melody, a drum loop or a crowd does more. No sign is proof (an arpeggio has many notes, too), so they are weighed together,
by weights fitted on sounds that a synth can make and sounds that it cannot (`nearness.json`), and count only where a search
for the knobs has failed as well (`nearness.py`). docs/score.md has the rates of right and wrong alarms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from companion.hearing.audio import SAMPLE_RATE, Audio
from companion.hearing.features import resample
from companion.hearing.pitch import PITCH_RATE, STEPS_PER_ST, Salience, salience
from companion.hearing.segment import levels_db
from companion.judging.metrics import Scale, fold_mono, mel_power

LONG_SCALE = Scale(4410, 2205, 128, 4608)
LOUDNESS = 0.25  # power of an energy that counts as loudness
N_STATES = 2  # spectra between which a sound may move
LEVEL_HOP = 4  # of 5 ms
RANGE_DB = 50.0

SIGNS = ("states", "pitches", "rises")


def chance(signs: Mapping[str, float], weights: Sequence[float], bias: float) -> float:
    """The chance (0..1) that it is more than one key does: a logistic regression on SIGNS."""
    z = sum(weight * signs[name] for weight, name in zip(weights, SIGNS, strict=True)) + bias
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, z))))


def signs_of(clip: Audio) -> dict[str, float]:
    """The signs of a clip `(2, n)` at 44.1 kHz."""
    mono = fold_mono(clip)
    found = salience(resample(mono, SAMPLE_RATE, PITCH_RATE))
    return {"states": states(mono), "pitches": pitches(found), "rises": rises(clip)}


def states(mono: Audio) -> float:
    """log10 of the share of its loudness that N_STATES spectra, each at its own level over time, leave over."""
    loudness = mel_power(mono[0], LONG_SCALE) ** LOUDNESS
    energies: NDArray[np.float64] = np.linalg.svd(loudness, compute_uv=False).astype(np.float64) ** 2
    return math.log10(float(energies[N_STATES:].sum() / max(float(energies.sum()), 1e-12)) + 1e-6)


def pitches(found: Salience) -> float:
    """Entropy in nats of how long, how loud and how clearly each of the twelve pitch classes is heard."""
    top = found.strengths.argmax(axis=1)
    clearly = np.sqrt(found.energies) * np.maximum(found.strengths.max(axis=1), 0)  # noise falls under 0
    classes = np.round(top / STEPS_PER_ST).astype(int) % 12
    heard = np.bincount(classes, weights=clearly, minlength=12).astype(np.float64)
    shares = heard / max(float(heard.sum()), 1e-12)
    return float(-(shares * np.log(shares + 1e-9)).sum())


def rises(clip: Audio) -> float:
    """How often the level comes up, in ranges of RANGE_DB added up."""
    levels = levels_db(clip)[::LEVEL_HOP]
    levels = np.maximum(levels - levels.max(), -RANGE_DB)
    return float(np.maximum(np.diff(levels), 0).sum() / RANGE_DB)
