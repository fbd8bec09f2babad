"""What Vital plays of a wavetable: between keyframes it builds frames of its own, and of those it fades none.

Measured on the engine: a position is rounded to one of FULL_SPAN + 1 frames; one between two keyframes has the square of
the mean root of their amplitudes and the phase between theirs, harmonic by harmonic (-130 dB from what it plays).
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt

from presets.patch import Asset, Patch
from presets.schema import OWN
from presets.tables import table_frames
from presets.vital_binding import FULL_SPAN

N_MOVED = 65  # frames of a table that something moves through: every fourth of those the engine would build


def heard_frames(patch: Patch, section: str, frames: Asset) -> Asset:
    """The frames (n, size) of an oscillator's table that can be heard: one, where nothing moves the position."""
    if len(frames) == 1:
        return frames
    if not patch.is_moved(f"{section}.position"):
        return between(frames, math.floor(patch.number(f"{section}.position") / 100 * FULL_SPAN + 0.5))[None]
    if len(frames) >= N_MOVED // 2:
        return frames
    table = str(patch[f"{section}.table"])
    return spread(frames) if table == OWN else _spread_table(table)


def between(frames: Asset, index: int) -> npt.NDArray[np.float32]:
    """The frame (size,) that the engine plays at `index` 0..FULL_SPAN of keyframes (n, size) over all of it."""
    at = index / FULL_SPAN * (len(frames) - 1)
    low = min(int(at), len(frames) - 1)
    if not (share := at - low):
        return np.asarray(frames[low], np.float32)
    first, second = np.fft.rfft(frames[low]), np.fft.rfft(frames[low + 1])
    amplitude = ((1 - share) * np.sqrt(np.abs(first)) + share * np.sqrt(np.abs(second))) ** 2
    phase = np.where(first == 0, np.angle(second), np.angle(first) + share * np.angle(first.conj() * second))
    return np.asarray(np.fft.irfft(amplitude * np.exp(1j * phase)), np.float32)


def spread(frames: Asset) -> npt.NDArray[np.float32]:
    """N_MOVED frames, evenly over those the engine builds of keyframes (n, size)."""
    return np.stack([between(frames, i) for i in range(0, FULL_SPAN + 1, FULL_SPAN // (N_MOVED - 1))])


@cache
def _spread_table(table: str) -> Asset:
    """The same of a standard table; read-only, so that it is encoded once."""
    frames = spread(table_frames(table))
    frames.setflags(write=False)
    return frames
