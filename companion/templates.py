"""What oscillators, noise, filters and EQ of the engine do to the bands of a note, estimated without rendering.

Filters are a table measured once in the engine on a quiet saw, at five resonances; EQ curves are formulas fitted to it
within 1 dB. Estimates choose what to render; what is kept is decided by rendering.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from companion.bands import Floats, decibels, edges
from presets.laws import hz_to_midi
from presets.patch import Patch
from presets.tables import N_FRAMES, TABLE_NAMES, table_frames
from presets.vital import noise_samples, sub_frames

OSC_DB = -12.04  # of a sine frame of peak 1 at oscillator level 0 dB and volume 0 dB, before its -3 dB of RMS
FLOOR_DB = -100.0


# --- oscillators -----------------------------------------------------------------------------------------------------


def frame_bands(frames: np.ndarray[Any, Any], ratio: float = 1.0) -> Floats:
    """Power in each band of frames `(n, 2048)` played at `ratio` times the fundamental: `(n, n_bands)`."""
    spectra = np.square(np.abs(np.fft.rfft(frames, axis=1)[:, 1:]) * (2 / frames.shape[1])) / 2
    place = np.searchsorted(edges(), np.arange(1, spectra.shape[1] + 1) * ratio) - 1
    out = np.zeros((len(frames), len(edges()) - 1))
    valid = (place >= 0) & (place < out.shape[1])
    for row, line in zip(out, spectra, strict=True):
        np.add.at(row, place[valid], line[valid])
    return out


@cache
def table_bands() -> Floats:
    """Power of every frame of every standard table, `(n_tables, n_frames, n_bands)`."""
    return np.stack([frame_bands(table_frames(name)) for name in TABLE_NAMES])


@cache
def table_bands_at(name: str, ratio: float) -> Floats:
    """Power of a table's frames at another pitch, `(n_frames, n_bands)`."""
    return frame_bands(table_frames(name), ratio)


@cache
def sub_bands(shape: str, ratio: float) -> Floats:
    """Power of a sub shape at a ratio to the fundamental, `(n_bands,)`."""
    return np.asarray(frame_bands(sub_frames(shape), ratio)[0])


def position_bands(name: str, position: float, ratio: float = 1.0) -> Floats:
    """Power of a table at a position 0..100 %, between its frames, `(n_bands,)`."""
    rows = table_bands()[TABLE_NAMES.index(name)] if ratio == 1 else table_bands_at(name, ratio)
    place = min(max(position, 0.0), 100.0) / 100 * (N_FRAMES - 1)
    left = min(int(place), N_FRAMES - 2)
    share = place - left
    return np.asarray((1 - share) * rows[left] + share * rows[left + 1])


@cache
def _noise_density(kind: str) -> tuple[Floats, Floats]:
    samples = noise_samples(kind)[0].astype(np.float64)
    spectrum = np.square(np.abs(np.fft.rfft(samples) / len(samples))) * 2
    return np.concatenate([[0.0], np.cumsum(spectrum)]), np.arange(len(spectrum) + 1, dtype=np.float64)


def noise_bands(kind: str, f0_hz: float) -> Floats:
    """Power of a noise kind in each band, `(n_bands,)`."""
    total, hz = _noise_density(kind)
    return np.asarray(np.diff(np.interp(edges() * f0_hz, hz, total)))


# --- filters ---------------------------------------------------------------------------------------------------------


@cache
def _filters() -> dict[str, Any]:
    data = json.loads(resources.files("presets").joinpath("bindings/vital_filters.json").read_text("utf-8"))
    return {
        "octaves": np.array(data["octaves"]),
        "resonance": np.array(data["resonance"], float),
        "response": {k: np.array(v, float) for k, v in data["response_db"].items()},
    }


def known_filters() -> tuple[str, ...]:
    """Filter types whose response is known."""
    return tuple(_filters()["response"])


def filter_power(kind: str, resonance: float, cutoffs: Floats, hz: Floats) -> Floats:
    """Response as power at `hz` for cutoffs as MIDI notes, `(n_cutoffs, n_bands)`."""
    octaves = (69 + 12 * np.log2(hz / 440)[None, :] - cutoffs[:, None]) / 12
    return np.asarray(10 ** (filter_db(kind, resonance, octaves) / 10))


def filter_db(kind: str, resonance: float, octaves: Floats) -> Floats:
    """Response in dB at distances in octaves from the cutoff; the slope goes on beyond four octaves."""
    data = _filters()
    rows, grid = data["response"][kind], data["octaves"]
    place = float(np.interp(resonance, data["resonance"], np.arange(len(rows))))
    left = min(int(place), len(rows) - 2)
    row = (1 - place + left) * rows[left] + (place - left) * rows[left + 1]
    inside = np.interp(octaves, grid, row)
    low = (row[4] - row[0]) * (np.minimum(octaves, grid[0]) - grid[0])  # four steps are an octave
    high = np.minimum(row[-3] - row[-7], 0) * (np.maximum(octaves, grid[-1]) - grid[-1])
    return np.asarray(np.maximum(inside + low + high, FLOOR_DB))


def cutoff_midi(patch: Patch, n: int) -> float:
    """Where filter n stands at the patch's note, as a MIDI note, before modulation."""
    keytrack = patch.number(f"filter{n}.keytrack") / 100
    return hz_to_midi(patch.number(f"filter{n}.cutoff")) + keytrack * (patch.note - 60)


# --- EQ --------------------------------------------------------------------------------------------------------------


def eq_db(patch: Patch, hz: Floats) -> Floats:
    """Response in dB of a patch's EQ."""
    if not patch["eq.on"]:
        return np.zeros(len(hz))
    total = bell_db(patch.number("eq.band_freq"), patch.number("eq.band_gain"), hz)
    if patch["eq.low_mode"] == "shelf":
        total = total + shelf_db(patch.number("eq.low_freq"), patch.number("eq.low_gain"), hz, -1)
    if patch["eq.high_mode"] == "shelf":
        total = total + shelf_db(patch.number("eq.high_freq"), patch.number("eq.high_gain"), hz, 1)
    return total


def shelf_db(freq_hz: float, gain_db: float, hz: Floats, side: int) -> Floats:
    """A shelf at 10 % resonance, below (`side` -1) or above (1) its frequency."""
    corner = 10 ** -(0.03 + (0.014 if gain_db > 0 else 0.036) * abs(gain_db))
    distance = hz / (freq_hz * corner) if side < 0 else freq_hz / (hz * corner)
    boost = decibels(1 + (10 ** (abs(gain_db) / 10) - 1) / (1 + distance**2))
    return boost if gain_db > 0 else -boost


def bell_db(freq_hz: float, gain_db: float, hz: Floats) -> Floats:
    """The middle band at 20 % resonance."""
    gain = 10 ** (abs(gain_db) / 10)
    width = 2.6 / np.maximum((hz / freq_hz - freq_hz / hz) ** 2, 1e-6)
    if gain_db > 0:
        return decibels((1 + gain * width) / (1 + width))
    return -decibels((1 + width) / (1 + width / gain))
