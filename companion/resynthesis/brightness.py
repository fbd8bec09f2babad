"""The bright layer: harmonics above what a clip could hold, for the notes below it.

A clip ends at 20 kHz, and so do frames taken from it: an octave lower they would end at 10 kHz and sound dull. The layer
carries what the clip has between the frames' highest harmonic and 20 kHz, and goes on above that with the slope of the
clip's own top, out of hearing until a lower note is played. It follows the clip's brightness over time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from companion.hearing.audio import SAMPLE_RATE
from companion.resynthesis.contours import Contour
from companion.resynthesis.frame_plan import Plan
from companion.resynthesis.partials import HIGHEST_HZ, N_HARMONICS, Complexes, Floats
from companion.resynthesis.tableplay import frames_of

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
    """0..1 at each held frame of the resynthesis."""
    release_share: float
    """0..1 of what it was at note-off, on the average over the release: what the top loses beyond envelope 1."""


def bright_layer(audio: Floats, plan: Plan, spectra: Complexes, contour: Contour) -> BrightLayer | None:
    """The layer of a clip (2, n) above the frames `spectra` (channels, frames, harmonics); None for a dull clip."""
    power = harmonic_power(audio[:, : max(int(plan.note_off_s * SAMPLE_RATE), 2048)], plan.note_hz)
    hz = np.asarray(plan.note_hz * np.arange(1, len(power) + 1), np.float64)
    top = np.flatnonzero(hz > SLOPE_FROM_HZ)
    if len(top) < FEWEST or power[top].max() < power.max() * 10 ** (-FAINTEST_DB / 10):
        return None
    amplitudes = np.concatenate([np.sqrt(2 * power), extended(hz[top], power[top], plan.note_hz)])
    in_frames = min(N_HARMONICS >> plan.octaves, int(HIGHEST_HZ / plan.note_hz))
    amplitudes[:in_frames] = 0
    phases = np.random.default_rng(0).random(len(amplitudes))
    frame = frames_of(np.asarray(amplitudes * np.exp(2j * np.pi * phases), np.complex64))
    lowest = int(SLOPE_FROM_HZ / plan.note_hz) << plan.octaves
    tops = np.sqrt((np.abs(spectra[..., lowest:]) ** 2).sum(axis=(0, 2)))
    held = tops[: plan.n_held]
    mean, peak = (max(float(x), 1e-12) for x in (np.sqrt((held**2).mean()), held.max()))
    return BrightLayer(
        frame * np.float32(peak / mean), np.asarray(held / peak), _release_share(tops, plan, contour)
    )


def _release_share(tops: Floats, plan: Plan, contour: Contour) -> float:
    weights = contour.amplitude(np.asarray(plan.times_s, np.float64), plan.note_off_s) ** 2 * np.gradient(
        plan.times_s
    )
    after = slice(plan.n_held, None)
    total = float(weights[after].sum())
    if total <= 0 or tops[plan.n_held - 1] <= 0:
        return 1.0
    power = float(weights[after] @ tops[after].astype(np.float64) ** 2) / total
    return min(1.0, float(np.sqrt(power)) / float(tops[plan.n_held - 1]))


def harmonic_power(audio: Floats, note_hz: float) -> NDArray[np.float64]:
    """Mean power around each harmonic of `note_hz` up to what can be seen, mean over channels."""
    n = audio.shape[1]
    power = (np.abs(scipy.fft.rfft(audio)) ** 2).mean(axis=0) * 2 / n**2
    total = np.concatenate([[0.0], np.cumsum(power, dtype=np.float64)])
    harmonics = np.arange(1, min(int(HIGHEST_SEEN_HZ / note_hz), N_HARMONICS) + 1)
    edges = (note_hz * n / SAMPLE_RATE * (np.append(harmonics, len(harmonics) + 1) - 0.5)).astype(int)
    return np.asarray(np.diff(total[np.minimum(edges, len(power))]))


def extended(hz: NDArray[np.float64], power: NDArray[np.float64], note_hz: float) -> NDArray[np.float64]:
    """Peak amplitudes of the harmonics above `hz[-1]`, on the line through the levels of those at `hz`."""
    octaves, level = np.log2(hz), 10 * np.log10(power + 1e-14)
    weights = 1 / hz / (1 / hz).sum()
    centre = weights @ octaves
    slope = weights @ ((octaves - centre) * level) / max(weights @ (octaves - centre) ** 2, 1e-9)
    slope = min(max(slope, STEEPEST_DB), FLATTEST_DB)
    above = np.arange(round(hz[-1] / note_hz) + 1, N_HARMONICS + 1) * note_hz
    levels = weights @ level + slope * (np.log2(above) - centre)
    return np.asarray(np.sqrt(2 * 10 ** (levels / 10)))
