"""Vital: Patch -> .vital text and back, by the table in bindings/vital.toml.

A .vital file is JSON: `settings` holds every control by name, beside `lfos` (8 shapes), `modulations` (64 slots),
`sample` and `wavetables` (3). See docs/formats.md for what each field means.
"""

from __future__ import annotations

import base64
import json
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presets.errors import PresetError
from presets.laws import LAWS, Law
from presets.patch import Asset, Patch
from presets.schema import (
    DIVISIONS,
    LFO_SHAPES,
    MOD_DESTINATIONS,
    N_MOD_SLOTS,
    NOISES,
    OWN,
    SUB_SHAPES,
    Value,
    wavetable_synth,
)
from presets.tables import table_frames

SYNTH_VERSION = "1.5.3"  # a released Vital: it refuses files newer than itself, and the engine writes 99999.9.9
FRAME_SIZE = 2048
FULL_SPAN = 256  # Vital's wave_frame range
SAMPLE_RATE = 44_100
N_OSCILLATORS = 3
N_LFOS = 8
N_SLOTS = 64
OSCILLATORS = {"osc1": 0, "osc2": 1, "sub": 2}  # section -> index of its wavetable
TABLE_OF = {"osc1": "osc1.table", "osc2": "osc2.table", "sub": "sub.shape"}


@cache
def binding() -> dict[str, Any]:
    """The binding table, as parsed."""
    return tomllib.loads(resources.files("presets").joinpath("bindings/vital.toml").read_text("utf-8"))


@cache
def init_controls() -> Mapping[str, float]:
    """Vital's init patch, every control by name, with free rates, fixed phases and LFO smoothing at its least."""
    text = resources.files("presets").joinpath("bindings/vital_init.json").read_text("utf-8")
    return {k: float(v) for k, v in json.loads(text).items()}


@cache
def rows() -> dict[str, Law]:
    """Canonical parameter -> its law, with the whole native control name under `control`."""
    table, out = binding(), {}
    whole = ("voice", "volume", "macro")
    for row in wavetable_synth():
        family = row.section.rstrip("0123456789")
        law = table.get(family, {}).get(row.key)
        if law is None or "law" not in law:
            continue
        place = table["sections"].get(family, {"native": family})
        number = f"_{row.section[len(family):]}" if "numbers" in place else ""
        prefix = "" if family in whole else f"{place['native']}{number}_"
        out[row.name] = {**law, "control": prefix + law["control"], "prefix": prefix}
    return out


@cache
def destination_controls() -> dict[str, str]:
    """Modulation destination -> native control."""
    special, out = binding()["mod"]["destinations"], {}
    for name in MOD_DESTINATIONS:
        if name in special:
            out[name] = special[name]
        elif name.startswith("mod"):
            out[name] = f"modulation_{name[3]}_amount"
        else:
            out[name] = str(rows()[name]["control"])
    return out


# -- writing ------------------------------------------------------------------------------------------------------


def patch_to_vital(patch: Patch, *, compact: bool = False) -> str:
    """The patch as .vital text.

    Args:
        compact: frames packed at positions 0..n-1 instead of spread over 0..256. The sound is the same and loading is
            four times faster; on disk the knob should span the whole table.
    """
    settings: dict[str, Any] = dict(init_controls())
    for name, law in rows().items():
        _write_row(settings, law, name, patch[name])
    _write_filters(settings, patch)
    spans = _write_wavetables(settings, patch, compact)
    _write_modulations(settings, patch, spans)
    settings["lfos"] = [_lfo(patch, n) for n in range(1, N_LFOS + 1)]
    settings["sample"] = _sample(patch)
    document = {
        "author": "WhisperSynth",
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


def _write_filters(settings: dict[str, Any], patch: Patch) -> None:
    for n in (1, 2):
        for key, native in binding()["filter"]["type"][patch[f"filter{n}.type"]].items():
            settings[f"filter_{n}_{key}"] = float(native)


def _write_wavetables(settings: dict[str, Any], patch: Patch, compact: bool) -> dict[str, int]:
    """Writes the three tables; returns how many frames each oscillator's position knob spans."""
    tables, spans = [], {}
    for section in OSCILLATORS:
        frames, name = oscillator_frames(patch, section)
        spans[section] = len(frames) - 1 if compact else FULL_SPAN
        tables.append(_wavetable(frames, name, spans[section]))
    for n, section in ((1, "osc1"), (2, "osc2")):
        settings[f"osc_{n}_wave_frame"] = patch.number(f"{section}.position") / 100 * spans[section]
    settings["osc_3_wave_frame"] = 0.0
    settings["wavetables"] = tables
    return spans


def oscillator_frames(patch: Patch, section: str) -> tuple[Asset, str]:
    """Frames (n, 2048) an oscillator plays and the table's name; one frame when it is off."""
    choice = str(patch[TABLE_OF[section]])
    if not patch[f"{section}.on"]:
        return table_frames("basic_shapes")[:1], "Init"
    if choice == OWN:
        return patch.assets[TABLE_OF[section]], "Own"
    return (sub_frames(choice) if section == "sub" else table_frames(choice)), choice.replace("_", " ").title()


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
        {"position": round(i * span / last), "wave_data": data} for i, data in enumerate(_frames_base64(frames))
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
        if destination.endswith(".position"):  # the range in frames shrinks with a compact table
            amount *= spans[destination.partition(".")[0]] / FULL_SPAN
        settings[f"modulation_{n}_amount"] = amount
        settings[f"modulation_{n}_bipolar"] = float(bool(patch[f"mod{n}.bipolar"]))
        settings[f"modulation_{n}_power"] = patch.number(f"mod{n}.curve") / 10
    settings["modulations"] = slots


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
    points: Any = patch.assets[f"lfo{n}.shape"] if shape == OWN else LFO_POINTS[shape]
    return {
        "name": shape.replace("_", " ").title(),
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
    return _sample_json(patch.assets["noise.kind"], "Own")


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


@cache
def noise_samples(kind: str) -> Asset:
    """One second (1, 44100) of looping noise: white, pink (-3 dB/octave), brown (-6) or blue (+3), peak 0.9."""
    slope = {"white": 0.0, "pink": -0.5, "brown": -1.0, "blue": 0.5}[kind]
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

    @property
    def coverage(self) -> float:
        """Share of the controls in use that the schema carries, 0..1."""
        return len(self.covered) / self.n_active if self.n_active else 1.0


def parse(text: str) -> dict[str, Any]:
    """The document of a .vital text, checked (see `check`).

    Raises:
        PresetError: not JSON, not a Vital preset, or something in it would crash the engine.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PresetError(f"this is not a Vital preset: its text is not JSON ({error}); export it from Vital again") from None
    check(document)
    return dict(document)


_UNSAFE = re.compile(
    r"chorus_voices|compressor_enabled_bands|compressor_(band|high|low)_(lower|upper)_(ratio|threshold)|delay_style"
    r"|distortion_type|pitch_wheel|mod_wheel|stereo_mode"
)


def check(document: Any) -> None:
    """Refuses a document that the engine could crash on or that is no Vital preset.

    Raises:
        PresetError: what is wrong and where.
    """
    if not isinstance(document, dict) or not isinstance(document.get("settings"), dict):
        raise PresetError("this is not a Vital preset: it has no settings; export it from Vital again")
    settings = document["settings"]
    known = init_controls()
    for name in known:
        value = settings.get(name, known[name])
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise PresetError(f"this Vital preset is damaged: {name} is {str(value)[:40]!r}, not a number")
    _check_list(settings, "lfos", N_LFOS, _check_lfo)
    _check_list(settings, "modulations", N_SLOTS, _check_slot)
    _check_list(settings, "wavetables", N_OSCILLATORS, _check_table)


def _check_list(settings: Mapping[str, Any], key: str, longest: int, item: Any) -> None:
    entries = settings.get(key, [])
    if not isinstance(entries, list) or len(entries) > longest:
        raise PresetError(f"this Vital preset is damaged: {key} should be a list of up to {longest}")
    for i, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise PresetError(f"this Vital preset is damaged: {key}[{i}] is not an object")
        item(entry, f"{key}[{i}]")


def _check_lfo(lfo: Mapping[str, Any], where: str) -> None:
    n, points, powers = lfo.get("num_points"), lfo.get("points", []), lfo.get("powers", [])
    numbers = isinstance(points, list) and isinstance(powers, list) and all(
        isinstance(x, (int, float)) and math.isfinite(x) for x in (*points, *powers)
    )
    if not isinstance(n, int) or not 1 <= n <= 100 or not numbers or len(points) < 2 * n or len(powers) < n:
        raise PresetError(f"this Vital preset is damaged: {where} has points that do not add up")


def _check_slot(slot: Mapping[str, Any], where: str) -> None:
    source, destination = slot.get("source", ""), slot.get("destination", "")
    if not isinstance(source, str) or not isinstance(destination, str):
        raise PresetError(f"this Vital preset is damaged: {where} names no source or destination")
    if destination and (destination not in init_controls() or _UNSAFE.fullmatch(destination)):
        raise PresetError(f"this Vital preset routes to {destination[:60]!r} in {where}, which the engine cannot take; remove that routing in Vital")


def _check_table(table: Mapping[str, Any], where: str) -> None:
    for group in _objects(table.get("groups", []), where):
        for component in _objects(group.get("components", []), where):
            for keyframe in _objects(component.get("keyframes", []), where):
                position = keyframe.get("position", 0)
                if not isinstance(position, (int, float)) or not 0 <= position <= FULL_SPAN:
                    raise PresetError(f"this Vital preset is damaged: {where} has a keyframe at {str(position)[:20]}")
                data = keyframe.get("wave_data")
                if data is not None and (not isinstance(data, str) or len(data) != 4 * math.ceil(FRAME_SIZE * 4 / 3)):
                    raise PresetError(f"this Vital preset is damaged: {where} has a frame that is not {FRAME_SIZE} samples")


def _objects(entries: Any, where: str) -> Sequence[Mapping[str, Any]]:
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise PresetError(f"this Vital preset is damaged: {where} is not in the form Vital writes")
    return entries


def vital_to_patch(text: str, note: int = 60) -> Reading:
    """Reads a preset into the canonical schema, saying what it carries, approximates and loses.

    Raises:
        PresetError: see `parse`.
    """
    from presets.vital_reading import read  # reading is rarer than writing and needs the spectral matching

    return read(parse(text), note)


def decode_frames(table: Mapping[str, Any]) -> NDArray[np.float32]:
    """All stored keyframes (n, 2048) of a wavetable's first component; empty when it has none."""
    for group in table.get("groups", []):
        for component in group.get("components", []):
            data = [k["wave_data"] for k in component.get("keyframes", []) if "wave_data" in k]
            frames = [np.frombuffer(base64.b64decode(d), "<f4") for d in data]
            frames = [f for f in frames if len(f) == FRAME_SIZE and np.isfinite(f).all()]
            if frames:
                return np.stack(frames)
    return np.zeros((0, FRAME_SIZE), np.float32)


__all__ = [
    "LFO_SHAPES", "NOISES", "SUB_SHAPES", "Reading", "check", "decode_frames", "init_controls", "noise_samples",
    "parse", "patch_to_vital", "vital_to_patch",
]  # fmt: skip
