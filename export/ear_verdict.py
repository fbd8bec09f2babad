"""ear_verdict: how well note-offs were heard: how often rightly, how much belief lay there, and what a confidence is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from companion.hearing.ear import FRAME_S, PEAK_FRAMES, guesses_of
from companion.hearing.features import CLIP_S, N_FRAMES

HIT_S = 0.04
STEPS = (0.0, 0.3, 0.5, 0.7, 0.85, 0.95, 1.01)  # of confidence
LEAST = 1e-3  # share of the belief at the truth, so that one great surprise is not all


@dataclass(frozen=True)
class Verdict:
    """Figures over clips."""

    hits: float
    """Share of guesses within HIT_S of the truth."""
    log_likelihood: float
    """Mean logarithm of the belief within HIT_S of the truth."""
    calibration: tuple[tuple[float, float, int], ...]
    """For steps of confidence: its mean, the share of hits, and clips."""
    temperature: float
    """What dividing the scores by would make likeliest; 1 where confidences are what they say."""

    def __str__(self) -> str:
        """Give a line a figure."""
        rows = [f"  sure {mean:.2f}: right {hits:.2f} of {n}" for mean, hits, n in self.calibration]
        head = f"right {self.hits:.3f}, log-likelihood {self.log_likelihood:.3f}, temperature {self.temperature:.2f}"
        return "\n".join([head, *rows])


def verdict(scores: NDArray[np.float32], note_offs_s: NDArray[np.float32]) -> Verdict:
    """Judge scores (n, N_FRAMES) by when the keys were released, at the clip's end at the latest."""
    truth_s = np.minimum(note_offs_s, CLIP_S)
    beliefs = softmax(scores, axis=1)
    guesses = [guesses_of(belief, CLIP_S, count=1)[0] for belief in beliefs]
    confidences = np.array([guess.confidence for guess in guesses])
    hits = np.abs(np.array([guess.time_s for guess in guesses]) - truth_s) <= HIT_S
    places = np.digitize(confidences, STEPS)
    rows = [
        (confidences[places == p].mean(), hits[places == p].mean(), int((places == p).sum()))
        for p in set(places)
    ]
    best = minimize_scalar(lambda t: -likelihood(scores / t, truth_s), bounds=(0.3, 3.0), method="bounded")
    return Verdict(float(hits.mean()), likelihood(scores, truth_s), tuple(sorted(rows)), float(best.x))


def likelihood(scores: NDArray[np.float32], truth_s: NDArray[np.float32]) -> float:
    """Mean logarithm of the belief near the truth."""
    middle = np.minimum(np.round(truth_s / FRAME_S), N_FRAMES - 1)
    near = np.abs(np.arange(N_FRAMES) - middle[:, None]) <= PEAK_FRAMES
    return float(np.log((softmax(scores, axis=1) * near).sum(axis=1) + LEAST).mean())
