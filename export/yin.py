"""The fundamental of a sound by YIN, for judging: an estimator of its own, not the one that the matcher hears with."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from companion.hearing.audio import SAMPLE_RATE, Audio
from companion.judging.metrics import Array, fold_mono

F0Estimator = Callable[[Audio], float | None]

YIN_LOWEST_HZ, YIN_HIGHEST_HZ = 24.0, 4200.0
YIN_WINDOW = 4096  # samples summed for each lag
YIN_HOP = 1024
YIN_THRESHOLD = 0.15  # aperiodicity under which a lag is taken
YIN_RANGE_DB = 25.0  # frames this far under the loudest are not listened to
STABLE_CENTS = 50.0
STABLE_SHARE = 0.6  # of the frames listened to, within STABLE_CENTS of their median


def yin_difference(frames: Array, n_lags: int) -> NDArray[np.float64]:
    """The cumulative-mean-normalised difference function `(n_frames, n_lags)` of `(n_frames, window + n_lags)`.

    De Cheveigne and Kawahara 2002, equation 8; correlations by FFT.
    """
    wide = frames.astype(np.float64)
    size = fft.next_fast_len(wide.shape[1], real=True)
    spectra = fft.rfft(wide, size, axis=1), fft.rfft(wide[:, :YIN_WINDOW], size, axis=1)
    correlation = fft.irfft(spectra[0] * np.conj(spectra[1]), size, axis=1)[:, :n_lags]
    energy = np.cumsum(np.pad(wide**2, ((0, 0), (1, 0))), axis=1)
    window_energy = (energy[:, YIN_WINDOW:] - energy[:, :-YIN_WINDOW])[:, :n_lags]
    difference = np.maximum(window_energy[:, :1] + window_energy - 2 * correlation, 0)
    mean = np.cumsum(difference[:, 1:], axis=1) / np.arange(1, n_lags)
    return np.hstack([np.ones((len(frames), 1)), difference[:, 1:] / np.maximum(mean, 1e-12)])


def _first_dip(curve: NDArray[np.float64], shortest: int) -> float | None:
    """The lag of the first dip under the threshold, between samples by a parabola; None where there is none."""
    below = np.flatnonzero(curve[shortest:-1] < YIN_THRESHOLD)
    if not below.size:
        return None
    lag = int(below[0]) + shortest
    while lag + 2 < len(curve) and curve[lag + 1] < curve[lag]:
        lag += 1
    left, middle, right = curve[lag - 1 : lag + 2]
    bend = left - 2 * middle + right
    return lag + (0.5 * (left - right) / bend if bend > 0 else 0.0)


def f0_yin(audio: Audio) -> float | None:
    """The fundamental in Hz of `(channels, n_samples)` by YIN, or None where most loud frames do not agree on one."""
    mono = fold_mono(audio)[0]
    n_lags = math.ceil(SAMPLE_RATE / YIN_LOWEST_HZ) + 2
    if len(mono) < YIN_WINDOW + n_lags:
        return None
    frames = np.lib.stride_tricks.sliding_window_view(mono, YIN_WINDOW + n_lags)[::YIN_HOP]
    energy = np.square(frames).sum(axis=1)
    loud = frames[(energy > energy.max() * 10 ** (-YIN_RANGE_DB / 10)) & (energy > 1e-8)]
    if not len(loud):
        return None
    dips = [_first_dip(curve, int(SAMPLE_RATE / YIN_HIGHEST_HZ)) for curve in yin_difference(loud, n_lags)]
    notes = 12 * np.log2([SAMPLE_RATE / dip for dip in dips if dip])
    if not notes.size:
        return None
    median = float(np.median(notes))
    agreeing = notes[np.abs(notes - median) * 100 < STABLE_CENTS]
    return float(2 ** (np.median(agreeing) / 12)) if len(agreeing) >= STABLE_SHARE * len(dips) else None


def cents_between(a_hz: float, b_hz: float) -> float:
    """Cents from `a_hz` up to `b_hz`."""
    return 1200 * math.log2(b_hz / a_hz)
