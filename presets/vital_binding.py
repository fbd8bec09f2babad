"""The Vital binding tables: what Vital calls things, what they may be, and which canonical parameter is which."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from presets.laws import Law
from presets.schema import MOD_DESTINATIONS, wavetable_synth

FULL_SPAN = 256  # Vital's wave_frame range
N_OSCILLATORS = 3
N_LFOS = 8
N_SLOTS = 64
WHOLE_NAMES = ("voice", "volume", "macro")  # sections whose rows name a whole control


def _text(name: str) -> str:
    return resources.files("presets").joinpath("bindings", name).read_text("utf-8")


@cache
def binding() -> dict[str, Any]:
    """The binding table, as parsed."""
    return tomllib.loads(_text("vital.toml"))


@cache
def init_controls() -> Mapping[str, float]:
    """Vital's init patch, every control by name, with free rates, fixed phases and LFO smoothing at its least."""
    return {k: float(v) for k, v in json.loads(_text("vital_init.json")).items()}


@cache
def _controls() -> Mapping[str, tuple[float, float, float]]:
    return {
        k: (float(a), float(b), float(c)) for k, (a, b, c) in json.loads(_text("vital_controls.json")).items()
    }


@cache
def control_ranges() -> Mapping[str, tuple[float, float]]:
    """Lowest and highest value of every control, as the engine states them."""
    return {name: (low, high) for name, (low, high, _) in _controls().items()}


@cache
def default_controls() -> Mapping[str, float]:
    """What the engine takes for a control that a preset does not name: Vital's own init patch."""
    return {name: default for name, (_, _, default) in _controls().items()}


@cache
def safe_sources() -> frozenset[str]:
    """Modulation sources the engine knows."""
    return frozenset(json.loads(_text("vital_sources.json")))


@cache
def safe_destinations() -> frozenset[str]:
    """Controls a modulation may move; a few others crash the engine."""
    return frozenset(json.loads(_text("vital_destinations.json")))


@cache
def rows() -> dict[str, Law]:
    """Canonical parameter -> its law, with the whole native control name under `control`."""
    table, out = binding(), dict[str, Law]()
    for row in wavetable_synth():
        family = row.section.rstrip("0123456789")
        law = table.get(family, {}).get(row.key)
        if law is None or "law" not in law:
            continue
        place = table["sections"].get(family, {"native": family})
        number = f"_{row.section[len(family) :]}" if "numbers" in place else ""
        prefix = "" if family in WHOLE_NAMES else f"{place['native']}{number}_"
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
