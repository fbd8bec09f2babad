"""The Schema of any plugin: its own parameters by their own names, where no binding says what they mean.

A row is named `plugin.` and the plugin's parameter, and `value_to_raw` of a row is the plugin's raw value, whatever unit a
better informed Schema gives the row. So the same functions serve a Schema made here and a learnt one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from presets.patch import Patch
from presets.schema import Parameter, Schema, Value

SECTION = "plugin"
MOST_STEPS = 128  # a parameter with more is a continuous one
_PREFIX = f"{SECTION}."


@dataclass(frozen=True)
class Control:
    """A parameter as a plugin shows it."""

    name: str
    default: float
    """Raw, 0..1."""
    n_steps: int
    """Values it can have; a large number for a continuous one."""


def plugin_schema(name: str, controls: Iterable[Control]) -> Schema:
    """One row a control, in raw values: a switch for two steps, an integer for a few, else a number 0..1."""
    return Schema(name, tuple(map(_row, controls)))


def _row(control: Control) -> Parameter:
    name, last = _PREFIX + control.name, control.n_steps - 1
    if control.n_steps == 2:
        return Parameter(name, "switch", control.default >= 0.5)
    if 2 < control.n_steps <= MOST_STEPS:
        return Parameter(name, "integer", round(control.default * last), high=float(last))
    return Parameter(name, "continuous", float(f"{control.default:.6g}"))


def is_of_plugin(patch: Patch) -> bool:
    """Whether a patch's Schema is a plugin's own, not the canonical one."""
    return any(row.section == SECTION for row in patch.schema)


def raw_values(patch: Patch) -> dict[str, float]:
    """The plugin's parameter -> raw value, of a patch whose Schema is a plugin's."""
    return {row.key: row.value_to_raw(patch[row.name]) for row in patch.schema if row.section == SECTION}


def patch_of(schema: Schema, raws: Mapping[str, float], note: int = 60) -> Patch:
    """The patch of raw values by the plugin's names; the opposite of raw_values, to six digits."""
    values: dict[str, Value] = {
        row.name: row.check(row.raw_to_value(raws[row.key])) for row in schema if row.key in raws
    }
    return Patch(values, note=note, schema=schema)
