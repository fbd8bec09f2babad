"""How a clip lets go: the release of envelope 1, fitted to its loudness after note-off."""

from __future__ import annotations

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from companion.hearing.audio import SAMPLE_RATE
from companion.resynthesis.contours import Contour, curve
from companion.resynthesis.partials import Floats

Doubles = NDArray[np.float64]

HOP, WINDOW = 220, 882  # 5 ms steps, 20 ms windows
RANGE_DB = 70.0
SECONDS = np.geomspace(0.005, 16, 60)
BENDS = (0.0, -5.0, -10.0, -15.0, -20.0, -30.0)  # %
WEIGHT_DB = 60.0  # a step counts less the fainter it is, down to this


def fit_release(audio: Floats, note_off_s: float) -> Contour:
    """An envelope that is up at once, stays up and lets go as the clip does; Vital's own release if it does not end."""
    levels = loudness(audio)
    off = round(note_off_s * SAMPLE_RATE / HOP)
    before = levels[max(0, off - 3) : off + 1].max(initial=0.0)
    after = levels[off:]
    if len(after) < 4 or before <= 0:
        return Contour(attack=0.0)
    wanted = np.maximum(20 * np.log10(after / before + 1e-9), -RANGE_DB)
    weights = 10 ** (np.maximum(wanted, -WEIGHT_DB) / 40)
    spent = np.clip(np.arange(len(after)) * HOP / SAMPLE_RATE / SECONDS[:, None], 0, 1)
    costs = np.array([(np.abs(_decibels(spent, bend) - wanted) * weights).mean(axis=1) for bend in BENDS])
    bend, seconds = np.unravel_index(int(costs.argmin()), costs.shape)
    return Contour(attack=0.0, release=float(SECONDS[seconds]), release_curve=BENDS[bend])


def _decibels(spent: Doubles, bend: float) -> Doubles:
    """Level of the engine's release when a share 0..1 of it is spent."""
    amplitude = np.maximum(1 - curve(spent, bend / 5), 0) ** 2
    return np.asarray(np.maximum(20 * np.log10(amplitude + 1e-9), -RANGE_DB))


def loudness(audio: Floats) -> Doubles:
    """Root of the power in 20 ms around each step of HOP samples, both channels together."""
    power = (audio.astype(np.float64) ** 2).sum(axis=0)
    window = scipy.signal.get_window("hann", WINDOW)
    smooth = scipy.signal.oaconvolve(power, window / window.sum(), mode="same")[::HOP]
    return np.asarray(np.sqrt(np.maximum(smooth, 1e-14)))
