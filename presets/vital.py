"""Vital: Patch -> .vital text and back, by the table in bindings/vital.toml.

A .vital file is JSON: `settings` holds every control by name, beside `lfos` (8 shapes), `modulations` (64 slots),
`sample` and `wavetables` (3). See docs/formats.md for what each field means.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from presets.errors import PresetError
from presets.laws import LAWS, Law
from presets.patch import Asset, Patch
from presets.schema import DIVISIONS, N_MOD_SLOTS, OWN, Value, wavetable_synth
from presets.tables import FRAME_SIZE, table_frames
from presets.vital_binding import (
    FULL_SPAN,
    N_LFOS,
    N_SLOTS,
    binding,
    control_ranges,
    destination_controls,
    init_controls,
    rows,
)
from presets.vital_check import MAX_POINTS, MAX_SAMPLES, check, parse
from presets.vital_frames import heard_frames

AUTHOR = "WhisperSynth"
SYNTH_VERSION = "1.5.3"  # a released Vital: it refuses newer files, and the engine writes 99999.9.9
SAMPLE_RATE = 44_100
OSCILLATORS = {"osc1": 0, "osc2": 1, "sub": 2}  # section -> index of its wavetable
TABLE_OF = {"osc1": "osc1.table", "osc2": "osc2.table", "sub": "sub.shape"}


# -- writing ------------------------------------------------------------------------------------------------------


def patch_to_vital(patch: Patch, *, compact: bool = False) -> str:
    """The patch as .vital text.

    Args:
        compact: only the frames that are heard (`presets.vital_frames`), packed at positions 0..n-1 instead of spread
            over 0..256. Loading is three times faster or more; on disk the knob should span the whole table.
    """
    settings: dict[str, Any] = dict(init_controls())
    for name, law in rows().items():
        _write_row(settings, law, name, patch[name])
    _keep_in_range(settings)
    _write_filters(settings, patch)
    spans = _write_wavetables(settings, patch, compact)
    _write_modulations(settings, patch, spans)
    settings["lfos"] = [_lfo(patch, n) for n in range(1, N_LFOS + 1)]
    settings["sample"] = _sample(patch)
    document = {
        "author": AUTHOR,
        "comments": patch.comment,
        "preset_name": patch.name,
        "preset_style": "",
        **{f"macro{n}": f"MACRO {n}" for n in range(1, 5)},
        "synth_version": SYNTH_VERSION,
        "settings": settings,
    }
    return json.dumps(document)


def _write_row(settings: dict[str, Any], law: Law, name: str, value: Value) -> None:
    control, kind = str(law["control"]), law["law"]
    if kind in ("octave", "semitone"):  # two canonical rows share one control: they add up
        settings[control] = settings[control] + float(value) * (12 if kind == "octave" else 1)
    elif kind == "index":
        settings[control] = float(wavetable_synth()[name].choices.index(str(value)))
    elif kind == "division":
        n = DIVISIONS.index(str(value))
        settings[law["prefix"] + law["sync"]] = float(n and 1 + (n - 1) % 3)
        if n:
            settings[control] = float(law["first"] + (n - 1) // 3)
    else:
        settings[control] = LAWS[kind].encode(float(value), law)


def _keep_in_range(settings: dict[str, Any]) -> None:
    """Brings every control into Vital's range: transpositions by octaves, what a rounded unit left over by clipping."""
    ranges = control_ranges()
    for control in {str(law["control"]) for law in rows().values()}:
        low, high = ranges[control]
        value = settings[control]
        if control.startswith("osc") and control.endswith("transpose"):
            value += 12 * math.ceil((low - value) / 12) if value < low else 0
            value -= 12 * math.ceil((value - high) / 12) if value > high else 0
        settings[control] = min(max(value, low), high)


def _write_filters(settings: dict[str, Any], patch: Patch) -> None:
    for n in (1, 2):
        for key, native in binding()["filter"]["type"][patch[f"filter{n}.type"]].items():
            settings[f"filter_{n}_{key}"] = float(native)


def _write_wavetables(settings: dict[str, Any], patch: Patch, compact: bool) -> dict[str, int]:
    """Writes the three tables; returns how many frames each oscillator's position knob spans."""
    tables, spans = [], {}
    for section in OSCILLATORS:
        frames, name = oscillator_frames(patch, section)
        if compact:
            frames = heard_frames(patch, section, frames)
        spans[section] = len(frames) - 1 if compact else FULL_SPAN
        tables.append(_wavetable(frames, name, spans[section]))
    for n, section in ((1, "osc1"), (2, "osc2")):
        settings[f"osc_{n}_wave_frame"] = patch.number(f"{section}.position") / 100 * spans[section]
    settings["osc_3_wave_frame"] = 0.0
    settings["wavetables"] = tables
    return spans


_FRAMES = ((1, FULL_SPAN + 1), (FRAME_SIZE, FRAME_SIZE))
_POINTS = ((1, MAX_POINTS), (3, 3))
OWN_SIZES = {  # a patch's own data -> how many rows and columns Vital can hold
    "osc1.table": _FRAMES, "osc2.table": _FRAMES, "sub.shape": _FRAMES,
    "noise.kind": ((1, 2), (1, MAX_SAMPLES)), "lfo1.shape": _POINTS, "lfo2.shape": _POINTS,
}  # fmt: skip


def _own(patch: Patch, name: str) -> Asset:
    """A patch's own data.

    Raises:
        PresetError: Vital could not hold it.
    """
    asset = patch.assets[name]
    sizes = zip(asset.shape, OWN_SIZES[name], strict=False)
    if asset.ndim != 2 or not all(low <= size <= high for size, (low, high) in sizes):
        wanted = " by ".join(f"{low} to {high}" if low < high else f"{low}" for low, high in OWN_SIZES[name])
        raise PresetError(f"{name} has data of size {asset.shape}; Vital holds {wanted}")
    if not np.isfinite(asset).all():
        raise PresetError(f"{name} has data that are no numbers; make them anew")
    return asset


def _own_title(patch: Patch) -> str:
    """What Vital shows for a patch's own waves, samples and shapes."""
    return patch.name or "Own"


def oscillator_frames(patch: Patch, section: str) -> tuple[Asset, str]:
    """Frames (n, 2048) an oscillator plays and the table's name; one frame when it is off."""
    choice = str(patch[TABLE_OF[section]])
    if not patch[f"{section}.on"]:
        return table_frames("basic_shapes")[:1], "Init"
    if choice == OWN:
        return _own(patch, TABLE_OF[section]), _own_title(patch)
    return (sub_frames(choice) if section == "sub" else table_frames(choice)), choice.replace(
        "_", " "
    ).title()


@cache
def sub_frames(shape: str) -> Asset:
    """One frame (1, 2048) of a sub oscillator's shape, band-limited, peak 1."""
    n = np.arange(1, FRAME_SIZE // 2)
    odd = n % 2 == 1
    amplitude = {
        "sine": (n == 1) * 1.0,
        "triangle": odd * np.where(n % 4 == 1, 1.0, -1.0) / n**2,
        "saw": 1.0 / n,
        "square": odd / n,
        "pulse": 2 * np.sin(np.pi * n * 0.25) / n,
    }[shape]
    spectrum = np.zeros(FRAME_SIZE // 2 + 1, complex)
    spectrum[1:-1] = -1j * amplitude
    frame = np.fft.irfft(spectrum)
    return np.ascontiguousarray((frame / np.abs(frame).max()).astype(np.float32)[None])


def _wavetable(frames: Asset, name: str, span: int) -> dict[str, Any]:
    last = max(len(frames) - 1, 1)
    keyframes = [
        {"position": round(i * span / last), "wave_data": data}
        for i, data in enumerate(_frames_base64(frames))
    ]
    component = {"interpolation": 1, "interpolation_style": 1, "keyframes": keyframes, "type": "Wave Source"}
    return {
        "author": "",
        "full_normalize": False,
        "groups": [{"components": [component]}],
        "name": name,
        "remove_all_dc": False,
        "version": SYNTH_VERSION,
    }


_BASE64_CACHE: dict[int, tuple[Asset, list[str]]] = {}


def _frames_base64(frames: Asset) -> list[str]:
    """Each frame as base64 of float32; standard tables (read-only arrays) are encoded once."""
    cached = _BASE64_CACHE.get(id(frames))
    if cached is not None and cached[0] is frames:
        return cached[1]
    out = [base64.b64encode(np.ascontiguousarray(f, "<f4").tobytes()).decode() for f in frames]
    if not frames.flags.writeable:
        _BASE64_CACHE[id(frames)] = (frames, out)
    return out


def _write_modulations(settings: dict[str, Any], patch: Patch, spans: Mapping[str, int]) -> None:
    slots = [{"source": "", "destination": ""} for _ in range(N_SLOTS)]
    sources = binding()["mod"]["sources"]
    for n in range(1, N_MOD_SLOTS + 1):
        source, destination = str(patch[f"mod{n}.source"]), str(patch[f"mod{n}.destination"])
        if source == "none" or not patch.matters(f"mod{n}.destination"):
            continue
        slots[n - 1] = {"source": sources[source], "destination": destination_controls()[destination]}
        amount = patch.number(f"mod{n}.amount") / 100
        amount *= _span_share(patch, destination, spans)
        settings[f"modulation_{n}_amount"] = amount
        settings[f"modulation_{n}_bipolar"] = float(bool(patch[f"mod{n}.bipolar"]))
        settings[f"modulation_{n}_power"] = patch.number(f"mod{n}.curve") / 10
    settings["modulations"] = slots


def _span_share(patch: Patch, destination: str, spans: Mapping[str, int]) -> float:
    """How much of Vital's frames a position spans, 1 but for a compact table; the same for the amount of its routing."""
    for _ in range(N_MOD_SLOTS):  # amounts may move amounts, even in a circle
        section, _, key = destination.partition(".")
        if key != "amount":
            return spans[section] / FULL_SPAN if key == "position" else 1.0
        destination = str(patch[f"{section}.destination"])
    return 1.0


LFO_POINTS: dict[str, tuple[tuple[float, float, float], ...]] = {  # time 0..1, level 0..1, curve power
    "sine": ((0, 0, 0), (0.5, 1, 0), (1, 0, 0)),
    "triangle": ((0, 0, 0), (0.5, 1, 0), (1, 0, 0)),
    "saw_up": ((0, 0, 0), (1, 1, 0)),
    "saw_down": ((0, 1, 0), (1, 0, 0)),
    "square": ((0, 1, 0), (0.5, 1, 0), (0.5, 0, 0), (1, 0, 0)),
    "pulse": ((0, 1, 0), (0.25, 1, 0), (0.25, 0, 0), (1, 0, 0)),
    "steps": tuple(
        point
        for i, level in enumerate((0.6, 0.1, 0.9, 0.35, 0.75, 0.0, 1.0, 0.45))
        for point in ((i / 8, level, 0.0), ((i + 1) / 8, level, 0.0))
    ),
}


def _lfo(patch: Patch, n: int) -> dict[str, Any]:
    shape = str(patch[f"lfo{n}.shape"]) if n <= 2 else "triangle"
    points: Any = _own(patch, f"lfo{n}.shape") if shape == OWN else LFO_POINTS[shape]
    return {
        "name": _own_title(patch) if shape == OWN else shape.replace("_", " ").title(),
        "num_points": len(points),
        "points": [float(x) for t, level, _ in points for x in (t, 1 - level)],  # drawn with y downwards
        "powers": [float(p) for _, _, p in points],
        "smooth": shape == "sine",
    }


def _sample(patch: Patch) -> dict[str, Any]:
    kind = str(patch["noise.kind"])
    if not patch["noise.on"]:
        return _encoded_sample("white", 2)
    if kind != OWN:
        return _encoded_sample(kind, SAMPLE_RATE)
    return _sample_json(_own(patch, "noise.kind"), _own_title(patch))


@cache
def _encoded_sample(kind: str, n: int) -> dict[str, Any]:
    return _sample_json(noise_samples(kind)[:, :n], kind.title())


def _sample_json(samples: Asset, name: str) -> dict[str, Any]:
    def pcm(x: Asset) -> str:
        return base64.b64encode((np.clip(x, -1, 1) * 32767).astype("<i2").tobytes()).decode()

    out: dict[str, Any] = {
        "name": name, "length": samples.shape[1], "sample_rate": SAMPLE_RATE, "samples": pcm(samples[0]),
    }  # fmt: skip
    if len(samples) > 1:
        out["samples_stereo"] = pcm(samples[1])
    return out


NOISE_SLOPES = {"white": 0.0, "pink": -0.5, "brown": -1.0, "blue": 0.5}  # amplitude = frequency ** slope


@cache
def noise_samples(kind: str) -> Asset:
    """One second (1, 44100) of looping noise: white, pink (-3 dB/octave), brown (-6) or blue (+3), peak 0.9."""
    slope = NOISE_SLOPES[kind]
    rng = np.random.default_rng(0)
    spectrum = np.fft.rfft(rng.standard_normal(SAMPLE_RATE))
    f = np.arange(len(spectrum))
    spectrum *= np.where(f >= 20, (np.maximum(f, 20) / 1000.0) ** slope, 0.0)
    noise = np.fft.irfft(spectrum, SAMPLE_RATE)
    return np.ascontiguousarray((0.9 * noise / np.abs(noise).max()).astype(np.float32)[None])


# -- reading ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reading:
    """A preset read into the canonical schema."""

    patch: Patch
    approximated: tuple[str, ...] = ()
    """Sentences: what became what."""
    lost: tuple[str, ...] = ()
    """Native controls in use that the schema has no word for."""
    n_active: int = 0
    """Controls in use (off their init value, section on)."""
    covered: frozenset[str] = field(default=frozenset())
    """Those of them the schema carries."""
    synth: str = "Vital"
    """Whose preset it was."""
    active: frozenset[str] = field(default=frozenset())
    """The controls in use, where the reader tells."""
    near: frozenset[str] = field(default=frozenset())
    """Those carried that are only near the original, where the reader tells."""

    @property
    def coverage(self) -> float:
        """Share of the controls in use that the schema carries, 0..1."""
        return len(self.covered) / self.n_active if self.n_active else 1.0


def vital_to_patch(text: str, note: int = 60, *, own: bool = False) -> Reading:
    """Reads a preset into the canonical schema, saying what it carries, approximates and loses.

    Args:
        own: keep the preset's own wavetables, sample and drawn LFOs as the patch's own data; without it they become
            the standard ones most like them, which is what a model can say.

    Raises:
        PresetError: see `presets.vital_check.parse`.
    """
    from presets.vital_reading import read  # reading is rarer than writing and needs the spectral matching

    return read(parse(text), note, own)


__all__ = [
    "AUTHOR", "FULL_SPAN", "LFO_POINTS", "NOISE_SLOPES", "OSCILLATORS", "SYNTH_VERSION", "TABLE_OF", "Reading",
    "binding", "check", "destination_controls", "init_controls", "noise_samples", "oscillator_frames", "parse",
    "patch_to_vital", "rows", "sub_frames", "vital_to_patch",
]  # fmt: skip
