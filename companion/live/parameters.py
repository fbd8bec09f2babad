"""A saved patch as the parameters that a synth shows in a DAW: by plugin, name and raw value.

For sets in which a preset cannot be loaded by itself: whatever of it the user configured in Live is set one by one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import resources
from pathlib import Path

from companion.errors import WhisperSynthError
from presets.errors import PresetError

DIGITS = 6

Parameters = dict[str, float]


def shown_parameters(files: Mapping[str, str | Path]) -> dict[str, Parameters]:
    """Plugin -> name -> 0..1, of a patch's files by kind; only the plugins that the patch can be told to."""
    told: dict[str, Parameters] = {}
    for plugin, (kind, read) in READERS.items():
        if kind in files:
            with suppress(PresetError, WhisperSynthError, OSError, ValueError, KeyError, AttributeError):
                told[plugin] = {name: round(raw, DIGITS) for name, raw in read(Path(files[kind])).items()}
    return {plugin: parameters for plugin, parameters in told.items() if parameters}


def vital_parameters(path: Path) -> Parameters:
    """Of a .vital file, by the names that Vital shows; raw is linear over each range (mtytel/vital, value_bridge.h)."""
    from presets.vital_binding import control_ranges
    from presets.vital_check import parse

    settings = parse(path.read_text("utf-8"))["settings"]
    names = resources.files("presets").joinpath("bindings", "vital_display.json").read_text("utf-8")
    ranges, raws = control_ranges(), {}
    for control, shown in json.loads(names).items():
        value = settings.get(control)
        if control in ranges and isinstance(value, (int, float)):
            low, high = ranges[control]
            raws[shown] = min(max((value - low) / (high - low), 0.0), 1.0)
    return raws


def serum_parameters(path: Path) -> Parameters:
    """Of a .txt patch, by the names that Serum 1 shows."""
    from companion.disk.store import read_patch
    from presets.serum1_binding import serum1_raw_values

    return serum1_raw_values(read_patch(path))


READERS: dict[str, tuple[str, Callable[[Path], Parameters]]] = {
    "Vital": ("vital", vital_parameters),
    "Serum": ("txt", serum_parameters),
}
