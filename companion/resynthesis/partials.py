"""Partials of a sound on a grid: complex amplitudes of the harmonics of a base frequency at given moments.

The analysis side of the resynthesis; `companion.resynthesis.tableplay` is its opposite.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from companion.hearing.audio import SAMPLE_RATE

Floats = NDArray[np.float32]
Complexes = NDArray[np.complex64]

PERIODS = 2  # of the base frequency in a window: a Hann window of two just tells neighbouring harmonics apart
OVERSAMPLING = 4  # makes linear interpolation between samples good to 0.4 dB at 20 kHz
HIGHEST_HZ = 22_000.0
N_HARMONICS = 1023  # what a frame of 2048 samples can carry


def project(audio: Floats, times_s: Floats, base_hz: float) -> Complexes:
    """Complex peak amplitudes (channels, times, N_HARMONICS) of the harmonics 1, 2, ... of `base_hz`.

    The phases are those a steady partial would have had at time 0, so that a partial on the grid has the same phase at
    all times. The windows are cut at the ends of the audio.
    """
    per_period = 1 << int(np.ceil(np.log2(SAMPLE_RATE / base_hz)))
    periods = np.arange(-PERIODS * per_period // 2, PERIODS * per_period // 2) / per_period
    window = np.hanning(len(periods) + 1)[:-1].astype(np.float32)
    window *= 2 / window.sum()
    at = (times_s[:, None] + periods[None] / base_hz) * (SAMPLE_RATE * OVERSAMPLING)
    cut = _cut(_oversampled(audio), at) * window
    n = min(N_HARMONICS, per_period // 2 - 1, int(HIGHEST_HZ / base_hz))
    harmonics = np.arange(1, n + 1)
    spectra = scipy.fft.rfft(cut, axis=-1)[..., PERIODS * harmonics]
    turns = (harmonics * PERIODS / 2)[None] - np.outer(times_s * base_hz, harmonics)
    out = np.zeros((*spectra.shape[:2], N_HARMONICS), np.complex64)
    out[..., :n] = spectra * np.exp(2j * np.pi * (turns % 1.0)).astype(np.complex64)
    return out


def _oversampled(audio: Floats) -> Floats:
    """Audio at OVERSAMPLING times the rate, by a Fourier transform long enough that the ends do not meet."""
    n = audio.shape[-1]
    padded = scipy.fft.next_fast_len(n + 2048, real=True)
    spectrum = scipy.fft.rfft(audio, padded)
    up: Floats = scipy.fft.irfft(spectrum, OVERSAMPLING * padded)[..., : OVERSAMPLING * n]
    return up * np.float32(OVERSAMPLING)


def _cut(audio: Floats, at: NDArray[np.float64]) -> Floats:
    """Values (channels, *at.shape) of audio at fractional sample indices; 0 outside."""
    index = np.floor(at).astype(np.int32)
    part = (at - index).astype(np.float32)
    inside = (index >= 0) & (index < audio.shape[-1] - 1)
    index = np.clip(index, 0, audio.shape[-1] - 2)
    left = (1 - part) * inside
    right = part * inside
    return np.stack([channel[index] * left + channel[index + 1] * right for channel in audio])
