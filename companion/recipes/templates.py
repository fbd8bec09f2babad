"""What oscillators, noise, filters and EQ of the engine do to the bands of a note, estimated without rendering.

Filters are a table measured once in the engine on a quiet saw, at five resonances; EQ curves are formulas fitted to it
within 1 dB. Estimates choose what to render; what is kept is decided by rendering.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.hearing.bands import LAST_SINGLE, LOW_EDGES, Floats, decibels, edges
from presets.laws import followed, hz_to_midi
from presets.patch import Patch
from presets.schema import Value
from presets.tables import N_FRAMES, TABLE_NAMES, table_frames
from presets.vital import noise_samples, sub_frames

Lines = NDArray[np.complex128]

OSC_DB = -12.04  # of a sine frame of peak 1 at oscillator level 0 dB and volume 0 dB, before its -3 dB of RMS
FLOOR_DB = -100.0
N_LINES = len(LOW_EDGES) - 1 + LAST_SINGLE - 2  # bands that hold one harmonic
EQ_LOW_HZ = (82.0, 160.0, 320.0)
EQ_BAND_HZ = (350.0, 600.0, 1000.0, 1700.0, 3000.0)
EQ_HIGH_HZ = (1500.0, 2640.0, 5000.0, 8000.0)
EQ_MOST_DB = 14.0
EQ_RIDGE = np.diag([2e-4, 2e-4, 2e-4, 1e-9])  # keeps gains small where they make no difference


# --- oscillators -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """What a sound has in the bands: lines that add up with those of others in step, and power that just adds."""

    lines: Lines
    """Complex amplitude (RMS) of the harmonic of each band that has but one, `(..., n_bands)`."""
    rest: Floats
    """Power of the other bands, `(..., n_bands)`."""

    @property
    def power(self) -> Floats:
        """Power of the sound on its own."""
        return np.asarray(np.square(self.lines.real) + np.square(self.lines.imag) + self.rest)

    def __getitem__(self, index: Any) -> Source:
        return Source(self.lines[index], self.rest[index])


def source_of(frames: np.ndarray[Any, Any], ratio: float = 1.0) -> Source:
    """Frames `(n, 2048)` played at `ratio` times the fundamental from the middle of the cycle, where the engine begins."""
    spectra = np.fft.rfft(frames, axis=1)[:, 1:] * (np.sqrt(2) / frames.shape[1])
    numbers = np.arange(1, spectra.shape[1] + 1)
    spectra = spectra * np.where(numbers % 2, -1, 1)
    place = np.searchsorted(edges(), numbers * ratio) - 1
    lines = np.zeros((len(frames), len(edges()) - 1), complex)
    rest = np.zeros(lines.shape)
    single = (place >= 0) & (place < N_LINES)
    several = (place >= N_LINES) & (place < lines.shape[1])
    for row, power_row, line in zip(lines, rest, spectra, strict=True):
        np.add.at(row, place[single], line[single])
        np.add.at(power_row, place[several], np.abs(line[several]) ** 2)
    return Source(lines, rest)


@cache
def table_source(name: str, ratio: float = 1.0) -> Source:
    """All frames of a standard table at a ratio to the fundamental, `(n_frames, n_bands)`."""
    return source_of(table_frames(name), ratio)


@cache
def table_bands() -> Floats:
    """Power of every frame of every standard table, `(n_tables, n_frames, n_bands)`."""
    return np.stack([table_source(name).power for name in TABLE_NAMES])


@cache
def sub_source(shape: str, ratio: float) -> Source:
    """A sub shape at a ratio to the fundamental, `(n_bands,)`."""
    return source_of(sub_frames(shape), ratio)[0]


def source_at(name: str, positions: Floats, ratio: float = 1.0) -> Source:
    """A table at positions 0..16, between its frames as the engine does it, `(n_positions, n_bands)`."""
    source = table_source(name, ratio)
    left = np.clip(positions.astype(int), 0, N_FRAMES - 2)
    share = (positions - left)[:, None]
    return Source(*((1 - share) * x[left] + share * x[left + 1] for x in (source.lines, source.rest)))


@cache
def _noise_density(kind: str) -> tuple[Floats, Floats]:
    samples = noise_samples(kind)[0].astype(np.float64)
    spectrum = np.square(np.abs(np.fft.rfft(samples) / len(samples))) * 2
    return np.concatenate([[0.0], np.cumsum(spectrum)]), np.arange(len(spectrum) + 1, dtype=np.float64)


def noise_source(kind: str, f0_hz: float) -> Source:
    """A noise kind over a fundamental, `(n_bands,)`."""
    total, hz = _noise_density(kind)
    power = np.diff(np.interp(edges() * f0_hz, hz, total))
    return Source(np.zeros(len(power), complex), power)


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
    return followed(hz_to_midi(patch.number(f"filter{n}.cutoff")), keytrack, patch.note)


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


def fit_eq(rest_db: Floats, weights: Floats, hz: Floats) -> tuple[dict[str, Value], Floats]:
    """EQ values and their response that come nearest to `rest_db` at `hz`, up to a common gain."""
    shapes, places = _eq_shapes(tuple(hz.tolist())), list(product(EQ_LOW_HZ, EQ_BAND_HZ, EQ_HIGH_HZ))
    weighted = shapes * weights  # (n_places, 4, n_bands)
    gains = np.linalg.solve(weighted @ shapes.transpose(0, 2, 1) + EQ_RIDGE, (weighted @ rest_db)[..., None])[
        ..., 0
    ]
    gains[:, :3] = np.clip(gains[:, :3], -EQ_MOST_DB / 10, EQ_MOST_DB / 10)
    fitted = (gains[:, None] @ shapes)[:, 0]
    best = int((weights * (rest_db - fitted) ** 2).sum(axis=1).argmin())
    low, band, high = places[best]
    values: dict[str, Value] = {
        "eq.on": True, "eq.low_mode": "shelf", "eq.high_mode": "shelf", "eq.low_freq": low, "eq.band_freq": band,
        "eq.high_freq": high, "eq.low_resonance": 10.0, "eq.band_resonance": 20.0, "eq.high_resonance": 10.0,
        **{f"eq.{name}_gain": float(10 * gain) for name, gain in zip(("low", "band", "high"), gains[best], strict=False)},
    }  # fmt: skip
    return values, np.asarray(gains[best, :3] @ shapes[best, :3])


@lru_cache(8)
def _eq_shapes(hz: tuple[float, ...]) -> Floats:
    """The three bands at 10 dB and a constant, for every place of the bands: `(n_places, 4, n_bands)`."""
    f, one = np.array(hz), np.ones(len(hz))
    low = {place: shelf_db(place, 10, f, -1) for place in EQ_LOW_HZ}
    band = {place: bell_db(place, 10, f) for place in EQ_BAND_HZ}
    high = {place: shelf_db(place, 10, f, 1) for place in EQ_HIGH_HZ}
    return np.stack([np.stack([low[a], band[b], high[c], one]) for a, b, c in product(low, band, high)])
