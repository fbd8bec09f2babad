"""ear_kinds: the weights that tell notes, chords and drums apart, from real presets, sums of them, and drums by formula."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from companion.hearing.audio import SAMPLE_RATE
from companion.hearing.ear import kind_signs
from companion.hearing.features import resample
from companion.hearing.pitch import HARD_PITCH, PITCH_RATE, salience
from companion.hearing.segment import bands_of, find_note
from companion.hosts.vital import VitalHost
from export.drums import DRUMS
from export.progress import track

CHORDS = ((0, 4, 7), (0, 3, 7), (0, 4), (0, 3), (0, 3, 7, 10), (0, 5, 10), (0, 4, 7, 11))
N_NOTES, N_CHORDS, N_DRUMS = 6, 5, 45  # examples of each preset, and of each drum
RIDGE = 1e-2  # chosen by leaving out presets


def signs_of(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """What tells kinds apart, of a sound (2, n) cut to its note."""
    start, end = find_note(audio)
    audio = audio[:, start:end]
    return kind_signs(salience(resample(audio, SAMPLE_RATE, PITCH_RATE)), bands_of(audio))


def kind_examples(folders: Sequence[Path], seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Signs (n, signs) and kinds (n,): notes and chords of every preset with a pitch, and drums by formula."""
    rng, host = np.random.default_rng(seed), VitalHost()
    signs, kinds = [], []
    paths = sorted(path for folder in folders for path in folder.rglob("*.vital"))
    for path in track(paths, len(paths), "kinds"):
        host.set_text(path.read_text("utf-8"))
        for together in ((0,),) * N_NOTES + tuple(rng.permutation(np.array(CHORDS, object))[:N_CHORDS]):
            root, held_s = int(rng.integers(36, 66)), float(rng.choice([0.3, 0.8, 1.6]))
            notes = [host.render(root + st, held_s, held_s + 0.4) * rng.uniform(0.7, 1.3) for st in together]
            mixed = np.sum(notes, axis=0, dtype=np.float32) / len(together)
            if salience(resample(mixed, SAMPLE_RATE, PITCH_RATE)).average().max() > HARD_PITCH:
                signs.append(signs_of(mixed))
                kinds.append(int(len(together) > 1))
    for _ in range(N_DRUMS):
        for drum in DRUMS:
            signs.append(signs_of(np.repeat(0.3 * drum(rng)[None], 2, axis=0).astype(np.float32)))
            kinds.append(2)
    return np.array(signs), np.array(kinds)


def fit_kinds(
    signs: NDArray[np.float32], kinds: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (3, signs) and biases (3,) of a ridge softmax regression on standardised signs, kinds weighed alike."""
    mean, spread = signs.mean(axis=0), signs.std(axis=0) + 1e-2
    scaled, truth = (signs - mean) / spread, np.eye(3)[kinds]
    share = (1 / np.bincount(kinds))[kinds] / 3

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        w = flat.reshape(3, -1)
        scores = scaled @ w[:, :-1].T + w[:, -1]
        log_p = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
        slope = (np.exp(log_p) - truth) * share[:, None]
        slopes = np.c_[slope.T @ scaled + 2 * RIDGE * w[:, :-1], slope.sum(axis=0)]
        cost = -(share @ log_p[np.arange(len(kinds)), kinds]) + RIDGE * (w[:, :-1] ** 2).sum()
        return float(cost), slopes.ravel()

    w = minimize(loss, np.zeros(3 * (signs.shape[1] + 1)), jac=True, method="L-BFGS-B").x.reshape(3, -1)
    weights = w[:, :-1] / spread
    return weights, w[:, -1] - weights @ mean
