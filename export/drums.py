"""drums: unpitched sounds by formula, to tell notes from. One function a kind: rng -> float32 (SAMPLE_RATE,), a second."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from companion.hearing.audio import SAMPLE_RATE

Floats = NDArray[np.float64]

N = SAMPLE_RATE
TIME_S = np.arange(N) / SAMPLE_RATE


def fall(rng: np.random.Generator, slowest: float, quickest: float) -> Floats:
    """An exponential decay of a rate in 1/s between two."""
    return np.asarray(np.exp(-TIME_S * rng.uniform(slowest, quickest)))


def swept(
    rng: np.random.Generator,
    hz: tuple[float, float],
    above_hz: tuple[float, float],
    rate: tuple[float, float],
) -> Floats:
    """A sine that falls to a frequency from one above it."""
    curve = rng.uniform(*above_hz) * fall(rng, *rate) + rng.uniform(*hz)
    return np.asarray(np.sin(2 * np.pi * np.cumsum(curve) / N))


def hiss(rng: np.random.Generator, *kinds: str) -> Floats:
    """White noise through a filter of one of the kinds, peak 1."""
    noise = rng.standard_normal(N)
    kind = str(rng.choice(kinds))
    if kind != "none":
        low = float(np.exp(rng.uniform(np.log(150), np.log(9000))))
        edges = [low, min(low * rng.uniform(1.5, 4), 20000)] if kind == "bandpass" else low
        noise = sosfilt(butter(2, edges, kind, fs=N, output="sos"), noise)
    return np.asarray(noise / np.abs(noise).max())


def kick(rng: np.random.Generator) -> Floats:
    click = rng.uniform(0, 0.3) * rng.standard_normal(N) * fall(rng, 60, 300)
    return swept(rng, (35, 80), (60, 600), (15, 80)) * fall(rng, 3, 18) + click


def tom(rng: np.random.Generator) -> Floats:
    skin = rng.uniform(0.05, 0.3) * rng.standard_normal(N) * fall(rng, 20, 80)
    return swept(rng, (70, 200), (20, 150), (8, 40)) * fall(rng, 5, 15) + skin


def snare(rng: np.random.Generator) -> Floats:
    body = rng.uniform(0.1, 0.7) * np.sin(2 * np.pi * rng.uniform(140, 260) * TIME_S) * fall(rng, 15, 40)
    return np.asarray(body + hiss(rng, "highpass", "bandpass") * fall(rng, 6, 30))


def hat(rng: np.random.Generator) -> Floats:
    return hiss(rng, "highpass") * fall(rng, 5, 120)


def metal(rng: np.random.Generator) -> Floats:
    squares = np.sign(np.sin(2 * np.pi * rng.uniform(300, 9000, 6)[:, None] * TIME_S))
    return np.asarray(squares.mean(axis=0) * fall(rng, 5, 60))


def clap(rng: np.random.Generator) -> Floats:
    starts = np.cumsum(rng.uniform(0.005, 0.015, 4))[:, None]
    hands = np.where(starts <= TIME_S, np.exp(-(TIME_S - starts) * rng.uniform(20, 90, (4, 1))), 0)
    return np.asarray(hiss(rng, "bandpass") * hands.max(axis=0))


def noise(rng: np.random.Generator) -> Floats:
    shape = np.minimum(1, TIME_S / rng.uniform(0.001, 0.4)) * (fall(rng, 1, 12) if rng.random() < 0.5 else 1)
    return np.asarray(hiss(rng, "lowpass", "highpass", "bandpass", "none") * shape)


DRUMS: tuple[Callable[[np.random.Generator], Floats], ...] = (kick, tom, snare, hat, metal, clap, noise)
