"""The bright layer: harmonics above what a clip could hold, for the notes below it.

A clip ends at 20 kHz, and so do frames taken from it: an octave lower they would end at 10 kHz and sound dull. The layer
carries what the clip has between the frames' highest harmonic and 20 kHz, and goes on above that with the slope of the
clip's own top, out of hearing until a lower note is played. It follows the clip's brightness over time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft

from companion.audio import SAMPLE_RATE
from companion.partials import N_HARMONICS, Complexes, Floats
from companion.tableplay import frames_of

SLOPE_FROM_HZ = 4_000.0  # the clip's top, whose slope goes on
STEEPEST_DB, FLATTEST_DB = -30.0, -3.0  # an octave
FAINTEST_DB = 70.0  # a top so far under the strongest harmonic is none
FEWEST = 4  # harmonics that make a slope
HIGHEST_SEEN_HZ = 19_000.0


@dataclass(frozen=True)
class BrightLayer:
    """One frame on the note's own harmonics, and how loud it is over time."""

    frame: Floats
    """(2048,), amplitudes as they are in the clip at the loudest moment of its top."""
    loudness: Floats
    """0..1 at each frame of the resynthesis held."""


def bright_layer(audio: Floats, note_hz: float, note_off_s: float, spectra: Complexes, octaves: int) -> BrightLayer | None:
    """The layer of a clip (2, n), or None for a dull one.

    Args:
        spectra: (channels, frames held, harmonics) of the frames below it, on a grid `octaves` under `note_hz`.
    """
    power = harmonic_power(audio[:, : max(int(note_off_s * SAMPLE_RATE), 2048)], note_hz)
    hz = note_hz * np.arange(1, len(power) + 1)
    top = np.flatnonzero(hz > SLOPE_FROM_HZ)
    if len(top) < FEWEST or power[top].max() < power.max() * 10 ** (-FAINTEST_DB / 10):
        return None
    first = int(N_HARMONICS >> octaves)  # harmonics of the note that the frames have
    amplitudes = np.concatenate([np.sqrt(2 * power), extended(hz[top], power[top], note_hz)])
    amplitudes[:first] = 0
    phases = np.random.default_rng(0).random(len(amplitudes))
    frame = frames_of(np.asarray(amplitudes * np.exp(2j * np.pi * phases), np.complex64))
    lowest = int(SLOPE_FROM_HZ / note_hz) << octaves
    over_time = np.sqrt((np.abs(spectra[..., lowest:]) ** 2).sum(axis=(0, 2)))
    mean = max(float(np.sqrt((over_time**2).mean())), 1e-12)
    peak = max(float(over_time.max()), 1e-12)
    return BrightLayer(frame * np.float32(peak / mean), np.asarray(over_time / peak, np.float32))


def harmonic_power(audio: Floats, note_hz: float) -> Floats:
    """Mean power around each harmonic of `note_hz` up to what can be seen, mean over channels."""
    n = audio.shape[1]
    power = (np.abs(scipy.fft.rfft(audio)) ** 2).mean(axis=0) * 2 / n**2
    total = np.concatenate([[0.0], np.cumsum(power, dtype=np.float64)])
    harmonics = np.arange(1, min(int(HIGHEST_SEEN_HZ / note_hz), N_HARMONICS) + 1)
    edges = (note_hz * n / SAMPLE_RATE * (np.append(harmonics, len(harmonics) + 1) - 0.5)).astype(int)
    return np.diff(total[np.minimum(edges, len(power))])


def extended(hz: Floats, power: Floats, note_hz: float) -> Floats:
    """Peak amplitudes of the harmonics above `hz[-1]`, on the line through the levels of those at `hz`."""
    octaves, level = np.log2(hz), 10 * np.log10(power + 1e-14)
    weights = 1 / hz / (1 / hz).sum()
    centre = weights @ octaves
    slope = weights @ ((octaves - centre) * level) / max(weights @ (octaves - centre) ** 2, 1e-9)
    slope = min(max(slope, STEEPEST_DB), FLATTEST_DB)
    above = np.arange(round(hz[-1] / note_hz) + 1, N_HARMONICS + 1) * note_hz
    return np.sqrt(2 * 10 ** ((weights @ level + slope * (np.log2(above) - centre)) / 10))


