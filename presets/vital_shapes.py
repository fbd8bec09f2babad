"""Foreign wavetables, samples and LFO shapes, and the standard ones most like them."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presets.patch import Asset
from presets.schema import LFO_SHAPES, NOISES, OWN, SUB_SHAPES
from presets.tables import FRAME_SIZE, TABLE_NAMES, table_frames
from presets.vital import LFO_POINTS, NOISE_SLOPES, sub_frames
from presets.vital_binding import FULL_SPAN

N_HARMONICS = 64  # compared when a foreign table is matched to a standard one
N_OWN_FRAMES = 65  # a foreign table with unevenly placed frames is read at so many places
CURVED = 0.01  # power below which Vital draws a straight line
NOISE_LOW_HZ, NOISE_HIGH_HZ = 100.0, 10_000.0  # where the fall of a spectrum is taken

Frames = NDArray[np.float32]
Curve = NDArray[np.float64]


# -- wavetables ---------------------------------------------------------------------------------------------------


def keyframes(table: Mapping[str, Any]) -> tuple[NDArray[np.int64], Frames]:
    """Positions (n,) 0..256 and frames (n, 2048) a wavetable's first wave source stores; empty when it has none."""
    for component in _components(table):
        stored = [k for k in component.get("keyframes", []) if "wave_data" in k]
        if stored:
            frames = [np.frombuffer(base64.b64decode(k["wave_data"]), "<f4") for k in stored]
            return np.array([int(k["position"]) for k in stored]), np.stack(frames)
    return np.zeros(0, np.int64), np.zeros((0, FRAME_SIZE), np.float32)


def _components(table: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [c for group in table.get("groups", []) for c in group.get("components", [])]


def is_plain(table: Mapping[str, Any]) -> bool:
    """Whether a wavetable is its stored frames and nothing else (no modifier, no second source)."""
    return [c["type"] for c in _components(table)] == ["Wave Source"]


def frame_at(table: Mapping[str, Any], position: float) -> Frames:
    """What a wavetable plays at a position 0..256, before modifiers: (2048,); a saw for a table without frames."""
    places, frames = keyframes(table)
    if not len(frames):
        return np.asarray(sub_frames("saw")[0])
    style = next(c.get("interpolation_style", 1) for c in _components(table) if c.get("keyframes"))
    after = int(np.searchsorted(places, position, side="right"))
    low, high = max(after - 1, 0), min(after, len(frames) - 1)
    if style == 0 or places[high] == places[low]:
        return np.asarray(frames[low], np.float32)
    t = np.float32((position - places[low]) / (places[high] - places[low]))
    return np.asarray((1 - t) * frames[low] + t * frames[high], np.float32)


def full_scale(table: Mapping[str, Any]) -> float:
    """What Vital multiplies a wavetable's frames by: tables marked so are spread to full scale."""
    frames = keyframes(table)[1]
    span = float(np.max(frames.max(axis=1) - frames.min(axis=1), initial=0.0)) if len(frames) else 0.0
    return 2 / span if table.get("full_normalize") and span > 0 else 1.0


def louder_db(frame: Frames, than: Frames) -> float:
    """How much louder one cycle (2048,) is than another, without their offsets; 0 where one is silent."""
    a, b = (float(np.std(cycle, dtype=np.float64)) for cycle in (frame, than))
    return 20 * math.log10(a / b) if min(a, b) > 1e-4 else 0.0


def own_frames(table: Mapping[str, Any]) -> Asset:
    """Frames (n, 2048) spread evenly over the knob that play what the wavetable does."""
    places, frames = keyframes(table)
    even = np.round(np.linspace(0, FULL_SPAN, len(frames)))
    if len(frames) < 2 or np.abs(places - even).max() > 1:
        spread = np.linspace(0, FULL_SPAN, N_OWN_FRAMES if len(frames) > 1 else 1)
        frames = np.stack([frame_at(table, place) for place in spread])
    return np.asarray(frames * np.float32(full_scale(table)))


def harmonic_shape(frames: Frames) -> Curve:
    """Compressed harmonic magnitudes (n, N_HARMONICS) of frames (n, 2048), of length 1: what likeness is taken on."""
    magnitude = np.abs(np.fft.rfft(frames, axis=-1))[..., 1 : N_HARMONICS + 1] ** 0.5
    return np.asarray(magnitude / (np.linalg.norm(magnitude, axis=-1, keepdims=True) + 1e-9))


@cache
def _standard_shapes() -> Curve:
    return np.stack([harmonic_shape(table_frames(name)) for name in TABLE_NAMES])


@dataclass(frozen=True)
class Near:
    """The standard frame most like a foreign one."""

    table: str
    position: float
    """In %."""
    off: float
    """Distance 0..1."""
    louder_db: float
    """How much louder the foreign frame is."""


def nearest_table(frame: Frames) -> Near:
    """The standard frame most like this one (2048,)."""
    likeness = _standard_shapes() @ harmonic_shape(frame[None])[0]
    table, at = np.unravel_index(int(np.argmax(likeness)), likeness.shape)
    standard = table_frames(TABLE_NAMES[table])[at]
    position = 100 * float(at) / (likeness.shape[1] - 1)
    return Near(TABLE_NAMES[table], position, float(1 - likeness.max()), louder_db(frame, standard))


def written_table(table: Mapping[str, Any]) -> str | None:
    """The standard table that `patch_to_vital` wrote here, or None."""
    name = str(table.get("name", "")).lower().replace(" ", "_")
    if name not in TABLE_NAMES:
        return None
    frames, standard = keyframes(table)[1], table_frames(name)
    return name if frames.shape == standard.shape and np.allclose(frames, standard, atol=1e-4) else None


def nearest_sub(frame: Frames) -> tuple[str, float]:
    """Sub shape most like a frame (2048,), and its distance 0..1."""
    shape = harmonic_shape(frame[None])[0]
    likeness = {s: float(harmonic_shape(sub_frames(s))[0] @ shape) for s in SUB_SHAPES if s != OWN}
    best = max(likeness, key=lambda s: likeness[s])
    return best, 1 - likeness[best]


# -- samples ------------------------------------------------------------------------------------------------------


def sample_audio(sample: Mapping[str, Any]) -> Asset:
    """A preset's sample as float32 (channels, n)."""
    stored = [sample[key] for key in ("samples", "samples_stereo") if key in sample]
    pcm = [np.frombuffer(base64.b64decode(data), "<i2")[: sample["length"]] for data in stored]
    return (np.stack(pcm) / np.float32(32767)).astype(np.float32)


def nearest_noise(audio: Asset, rate_hz: float) -> tuple[str, float]:
    """Noise whose spectrum falls most like a sample's, and how far off a straight fall the sample is, in dB RMS."""
    mono = audio.mean(axis=0)
    f = np.fft.rfftfreq(len(mono), 1 / rate_hz)
    octaves = np.log2(np.maximum(f, 1e-3) / 1000)
    edges = np.arange(math.log2(NOISE_LOW_HZ / 1000), math.log2(NOISE_HIGH_HZ / 1000), 0.5)
    power = np.abs(np.fft.rfft(mono)) ** 2
    bands = [power[(octaves >= e) & (octaves < e + 0.5)] for e in edges]
    level = np.array([10 * np.log10(b.mean() + 1e-9) if len(b) else np.nan for b in bands])
    known = np.isfinite(level)
    if known.sum() < 3:
        return "white", np.inf
    slope, offset = np.polyfit(edges[known], level[known], 1)  # dB an octave
    off = float(np.std(level[known] - slope * edges[known] - offset))
    fall = {kind: 20 * exponent * np.log10(2) for kind, exponent in NOISE_SLOPES.items()}
    return min((k for k in NOISES if k != OWN), key=lambda k: abs(fall[k] - slope)), off


# -- LFO shapes ---------------------------------------------------------------------------------------------------


def line_points(line: Mapping[str, Any]) -> Curve:
    """A drawn line as (n, 3): time 0..1, level 0..1 upwards, curve power."""
    n = int(line["num_points"])
    points = np.asarray(line["points"][: 2 * n], float).reshape(n, 2)
    return np.column_stack([points[:, 0], 1 - points[:, 1], np.asarray(line["powers"][:n], float)])


def line_curve(points: Curve | Sequence[tuple[float, float, float]], smooth: bool, n: int = 64) -> Curve:
    """Levels (n,) along a drawn line, as Vital bends it."""
    table = np.asarray(points, float)
    times = np.linspace(0, 0.999, n)
    index = np.clip(np.searchsorted(table[:, 0], times, side="right") - 1, 0, max(len(table) - 2, 0))
    start, end = table[index], table[np.minimum(index + 1, len(table) - 1)]
    t = np.clip((times - start[:, 0]) / np.maximum(end[:, 0] - start[:, 0], 1e-6), 0, 1)
    if smooth:
        t = 0.5 - 0.5 * np.cos(np.pi * t)
    power = np.where(np.abs(start[:, 2]) < CURVED, CURVED, start[:, 2])
    t = np.expm1(np.clip(power, -100, 100) * t) / np.expm1(np.clip(power, -100, 100))
    return np.asarray(start[:, 1] + t * (end[:, 1] - start[:, 1]))


def nearest_lfo_shape(line: Mapping[str, Any]) -> tuple[str, float]:
    """LFO shape most like a drawn one, and the mean difference of their levels 0..1."""
    smooth = bool(line.get("smooth"))
    drawn = line_curve(line_points(line), smooth)
    shapes = [s for s in LFO_SHAPES if s != OWN]
    off = {s: float(np.abs(line_curve(LFO_POINTS[s], s == "sine") - drawn).mean()) for s in shapes}
    best = min(shapes, key=lambda s: off[s])
    return best, off[best]
