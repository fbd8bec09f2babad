"""Refuses .vital texts that could crash the engine: it reads wave data, point lists and numbers without looking.

Everything the engine reads has a rule here; what it ignores only has to be plain JSON of a sane depth. The limits are
Vital's own (its parameter table, its array sizes) or what its editor can make.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from presets.errors import PresetError
from presets.tables import FRAME_SIZE
from presets.vital_binding import (
    FULL_SPAN,
    N_LFOS,
    N_OSCILLATORS,
    N_SLOTS,
    control_ranges,
    safe_destinations,
    safe_sources,
)

MAX_TEXT = 64 * 2**20  # characters; the longest real presets have 10 million
MAX_DEPTH = 20  # real presets nest 9 deep
MAX_POINTS = 100  # of a drawn line
MAX_SAMPLES = 1_764_000  # 40 s at 44.1 kHz, where the engine cuts a mono sample
MAX_PARTS = 64  # groups of a wavetable, components of a group
MAX_LEVEL = 16.0  # +24 dB
MAX_START = (
    4_000_000  # samples into an audio file; with the smallest window the engine's index still fits an int
)
OLDEST = (0, 9)  # older files are rewritten by the engine in ways that trust them
SLACK = 1e-6  # of a range: files store float32

_TEXT_KEYS = ("author", "comments", "preset_name", "preset_style", "macro1", "macro2", "macro3", "macro4")


def parse(text: str) -> dict[str, Any]:
    """The document of a .vital text, checked (see `check`).

    Raises:
        PresetError: not JSON, not a Vital preset, or something in it could crash the engine.
    """
    if len(text) > MAX_TEXT:
        raise PresetError(
            f"this is not a Vital preset: its text is over {MAX_TEXT >> 20} MB; export it from Vital again"
        )
    try:
        text.encode()
        document = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise PresetError(
            f"this is not a Vital preset: its text is not JSON ({error}); export it from Vital again"
        ) from None
    check(document)
    return dict(document)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def check(document: Any) -> None:
    """Refuses a document that the engine could crash on or that is no Vital preset.

    Raises:
        PresetError: what is wrong and where.
    """
    if not isinstance(document, dict) or not isinstance(document.get("settings"), dict):
        raise PresetError("this is not a Vital preset: it has no settings; export it from Vital again")
    _check_depth(document)
    _check_version(document.get("synth_version"), "synth_version")
    for key in _TEXT_KEYS:
        _check_text(document.get(key, ""), key)
    settings = document["settings"]
    _check_controls(settings)
    _check_list(settings, "lfos", N_LFOS, _check_line)
    _check_list(settings, "modulations", N_SLOTS, _check_slot)
    _check_list(settings, "wavetables", N_OSCILLATORS, _check_wavetable)
    _check_sample(settings.get("sample"))


# -- pieces -------------------------------------------------------------------------------------------------------


def _damaged(what: str) -> NoReturn:
    raise PresetError(f"this Vital preset is damaged: {what}; export it from Vital again")


def _short(value: Any) -> str:
    return repr(value)[:40]


def _check_depth(document: Any) -> None:
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in (node.values() if isinstance(node, dict) else node)]
        level = [node for node in level if isinstance(node, (dict, list))]
        if not level:
            return
    _damaged(f"it nests deeper than {MAX_DEPTH} levels")


def _check_version(version: Any, where: str) -> None:
    match = (
        re.match(r"(\d{1,6})\.(\d{1,6})", version) if isinstance(version, str) and len(version) < 40 else None
    )
    if match is None:
        _damaged(f"{where} is {_short(version)}, not a version such as '1.5.3'")
    if (int(match[1]), int(match[2])) < OLDEST:
        raise PresetError(
            f"this Vital preset was saved by Vital {version}, before 0.9; open and save it in a newer Vital"
        )


def _check_text(value: Any, where: str) -> None:
    if not isinstance(value, str):
        _damaged(f"{where} is {_short(value)}, not text")
    try:
        value.encode()
    except UnicodeEncodeError:
        _damaged(f"{where} holds half a character")


def _check_number(value: Any, low: float, high: float, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        _damaged(f"{where} is {_short(value)}, not a number")
    slack = SLACK * (high - low)
    if not low - slack <= value <= high + slack:  # False for NaN too
        _damaged(f"{where} is {_short(value)}; it goes from {low:g} to {high:g}")


def _check_whole(value: Any, low: int, high: int, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        _damaged(f"{where} is {_short(value)}, not a whole number")
    if not low <= value <= high:
        _damaged(f"{where} is {_short(value)}; it goes from {low} to {high}")
    return value


Item = Callable[[Mapping[str, Any], str], None]


def _check_list(parent: Mapping[str, Any], key: str, longest: int, item: Item, at: str = "") -> None:
    where, entries = f"{at}{key}", parent.get(key, [])
    if not isinstance(entries, list) or len(entries) > longest:
        _damaged(f"{where} should be a list of up to {longest}")
    for i, entry in enumerate(entries):
        if not isinstance(entry, dict):
            _damaged(f"{where}[{i}] is {_short(entry)}, not an object")
        item(entry, f"{where}[{i}]")


def _check_bytes(value: Any, where: str) -> bytes:
    try:
        return (
            base64.b64decode(value, validate=True)
            if isinstance(value, str)
            else _damaged(f"{where} is {_short(value)}, not text")
        )
    except (binascii.Error, ValueError):
        _damaged(f"{where} is not base64")


# -- what the engine reads ----------------------------------------------------------------------------------------


def _check_controls(settings: Mapping[str, Any]) -> None:
    for name, (low, high) in control_ranges().items():
        if name in settings:
            _check_number(settings[name], low, high, name)


def _check_slot(slot: Mapping[str, Any], where: str) -> None:
    source, destination = slot.get("source"), slot.get("destination")
    _check_text(source, f"{where}.source")
    _check_text(destination, f"{where}.destination")
    for name, known in ((source, safe_sources()), (destination, safe_destinations())):
        if name and name not in known:
            raise PresetError(
                f"this Vital preset routes {_short(source)} to {_short(destination)} in {where}, and the engine "
                f"cannot take {_short(name)}; remove that routing in Vital"
            )
    if "line_mapping" in slot:
        _check_line(slot["line_mapping"], f"{where}.line_mapping")


def _check_line(line: Any, where: str) -> None:
    """An LFO shape, a modulation's curve or a drawn cycle: num_points points (x, y) and as many powers."""
    if not isinstance(line, dict):
        _damaged(f"{where} is {_short(line)}, not an object")
    points, powers = line.get("points"), line.get("powers")
    n = _check_whole(line.get("num_points"), 1, MAX_POINTS, f"{where}.num_points")
    if (
        not isinstance(points, list)
        or not isinstance(powers, list)
        or len(points) != 2 * n
        or len(powers) != n
    ):
        _damaged(f"{where} has points that do not add up to its num_points of {n}")
    for numbers, low, high in ((points, -1, 2), (powers, -100, 100)):
        for value in numbers:
            _check_number(value, low, high, f"{where} point")
    _check_text(line.get("name", ""), f"{where}.name")


def _check_sample(sample: Any) -> None:
    if not isinstance(sample, dict):
        _damaged(f"sample is {_short(sample)}, not an object")
    _check_text(sample.get("name", ""), "sample.name")
    length = _check_whole(sample.get("length"), 1, MAX_SAMPLES, "sample.length")
    _check_whole(sample.get("sample_rate"), 1, 768_000, "sample.sample_rate")
    for key in ("samples", "samples_stereo"):
        if key == "samples" or key in sample:
            n = len(_check_bytes(sample.get(key), f"sample.{key}")) // 2
            if n < length:
                _damaged(f"sample.length is {length} and sample.{key} has {n} samples")


def _check_wavetable(table: Mapping[str, Any], where: str) -> None:
    if {"num_points", "points", "powers"} <= table.keys():  # then the engine takes it for one drawn cycle
        _check_line(table, where)
        return
    _check_version(table.get("version"), f"{where}.version")
    for key in ("name", "author"):
        _check_text(table.get(key, ""), f"{where}.{key}")
    _check_list(table, "groups", MAX_PARTS, _check_group, f"{where}.")


def _check_group(group: Mapping[str, Any], where: str) -> None:
    _check_list(group, "components", MAX_PARTS, _check_component, f"{where}.")


def _check_frame(data: Any, where: str) -> None:
    """One cycle: 2048 float32 samples in base64."""
    frame = np.frombuffer(_check_size(data, FRAME_SIZE * 4, where), "<f4")
    if not (np.abs(frame) <= MAX_LEVEL).all():  # False for NaN too
        _damaged(f"{where} holds samples that are no number or beyond {MAX_LEVEL:g} times full scale")


def _check_size(data: Any, size: int, where: str) -> bytes:
    content = _check_bytes(data, where)
    if len(content) != size:
        _damaged(f"{where} has {len(content)} bytes, not {size}")
    return content


def _check_audio(data: Any, where: str) -> None:
    """A recording a table is cut from: 16-bit samples in base64."""
    if len(_check_bytes(data, where)) > 2 * MAX_SAMPLES:
        _damaged(f"{where} is longer than {MAX_SAMPLES} samples")


Rule = tuple[float, float] | Callable[[Any, str], None]


@dataclass(frozen=True)
class _Part:
    """What a kind of wavetable component holds: key -> range or check."""

    own: Mapping[str, Rule]
    keyframe: Mapping[str, Rule]


_POWER = (-100.0, 100.0)
_WINDOW = (4.0, float(MAX_START))
_WAVE = _Part({"interpolation": (0, 1)}, {"wave_data": _check_frame})
COMPONENTS: dict[str, _Part] = {  # the engine follows a null pointer for any other type
    "Wave Source": _WAVE,
    "Shepard Tone Source": _WAVE,
    "Line Source": _Part({"num_points": (0, MAX_POINTS)}, {"line": _check_line, "pull_power": _POWER}),
    "Audio File Source": _Part(
        {
            "window_size": _WINDOW, "fade_style": (0, 3), "phase_style": (0, 2), "random_seed": (-(2**31), 2**31 - 1),
            "audio_sample_rate": (1, 768_000), "audio_file": _check_audio,
        },
        {"start_position": (0, MAX_START), "window_fade": (0, 1), "window_size": _WINDOW},
    ),
    "Phase Shift": _Part({"style": (0, 4)}, {"phase": (-1000, 1000), "mix": (0, 1)}),
    "Wave Window": _Part({"window_shape": (0, 4)}, {"left_position": (0, 1), "right_position": (0, 1)}),
    "Frequency Filter": _Part({"style": (0, 3)}, {"cutoff": (-20, 20), "shape": (0, 1)}),
    "Slew Limiter": _Part({}, {"up_run_rise": (0, 1000), "down_run_rise": (0, 1000)}),
    "Wave Folder": _Part({}, {"fold_boost": (0, 1000)}),
    "Wave Warp": _Part({}, {"horizontal_power": _POWER, "vertical_power": _POWER}),
}  # fmt: skip


def _check_component(component: Mapping[str, Any], where: str) -> None:
    kind = component.get("type")
    if not isinstance(kind, str) or kind not in COMPONENTS:
        _damaged(f"{where}.type is {_short(kind)}, which is no wavetable component")
    part = COMPONENTS[kind]
    _check_fields(component, {"interpolation_style": (0, 2), **part.own}, where)

    def keyframe(entry: Mapping[str, Any], at: str) -> None:
        _check_whole(entry.get("position"), 0, FULL_SPAN, f"{at}.position")
        _check_fields(entry, part.keyframe, at)

    _check_list(component, "keyframes", FULL_SPAN + 1, keyframe, f"{where}.")


def _check_fields(entry: Mapping[str, Any], rules: Mapping[str, Rule], where: str) -> None:
    for key, rule in rules.items():
        if key not in entry:
            continue  # the engine refuses by itself, or has a default
        if callable(rule):
            rule(entry[key], f"{where}.{key}")
        else:
            _check_number(entry[key], *rule, f"{where}.{key}")
