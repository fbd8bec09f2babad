"""The tables of the Serum 1 codec: its parameters, and where things stand in each kind of state."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from presets.errors import PresetError

N_EARLY = 228  # parameters that stand in the first block, and all that the oldest states have
WORD = 4  # bytes of a float32 or uint32


def _text(name: str) -> str:
    return resources.files("presets").joinpath("bindings", name).read_text("utf-8")


@cache
def tables() -> dict[str, Any]:
    """bindings/serum1_state.toml, as parsed."""
    return tomllib.loads(_text("serum1_state.toml"))


@cache
def place(name: str) -> int:
    """Offset of a named place in the state."""
    return int(tables()["places"][name])


@dataclass(frozen=True)
class Parameter:
    """One host parameter."""

    index: int
    name: str
    kind: str
    """continuous, stepped, enum or bool."""
    default: float
    """Raw, 0..1."""
    choices: tuple[str, ...] = ()
    """Menu entries of the newest format."""
    aliases: tuple[str, ...] = ()
    mirror: tuple[Any, ...] = ()
    """A second copy of the value: ("float" | "byte", offset), ("lfo", number, field) or ("slot", number, field)."""
    menu: int | None = None
    """Its place in the menu of modulation destinations; None when that is not known."""

    @property
    def offset(self) -> int:
        """Of its float in the state."""
        if self.index < N_EARLY:
            return place("parameters") + WORD * self.index
        return place("more_parameters") + WORD * (self.index - N_EARLY)


def _tuples(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}


@cache
def parameters() -> tuple[Parameter, ...]:
    """All 316, in the order of their index."""
    rows = json.loads(_text("serum1_parameters.json"))
    return tuple(Parameter(index, **_tuples(row)) for index, row in enumerate(rows))


@cache
def _by_name() -> Mapping[str, Parameter]:
    named = {alias: row for row in parameters() for alias in row.aliases}
    return MappingProxyType(named | {row.name: row for row in parameters()})


def parameter(name: str) -> Parameter:
    """The parameter of that name or alias.

    Raises:
        PresetError: there is none.
    """
    try:
        return _by_name()[name]
    except KeyError:
        raise PresetError(
            f"{name!r} is no parameter of Serum 1; see presets/bindings/serum1_parameters.json"
        ) from None


@dataclass(frozen=True)
class Layout:
    """One kind of state."""

    bytes: int
    formats: tuple[float, float]
    """Lowest and highest format number, both included."""
    parameters: int
    """How many there are; also the destination of an empty slot."""
    menu: int
    """Menu position of an empty slot's destination."""
    known: bool
    """Whether real files of that kind were at hand."""

    @property
    def is_old(self) -> bool:
        """228 parameters, 16 slots, 4 LFOs, no switches."""
        return self.parameters == N_EARLY

    @property
    def has_blocks(self) -> bool:
        """Curves stand in blocks at the end."""
        return self.bytes > place("blocks")

    @property
    def n_slots(self) -> int:
        return 16 if self.is_old else 32

    @property
    def n_lfos(self) -> int:
        return 4 if self.is_old else 8

    @property
    def switches(self) -> int:
        """Offset of the block of switches."""
        return place("more_parameters") + WORD * (self.parameters + 2 - N_EARLY)


@cache
def layouts() -> tuple[Layout, ...]:
    """Every kind of state there is a table for."""
    return tuple(Layout(**_tuples(row)) for row in tables()["layouts"])


def find_layout(n_bytes: int, number: float) -> Layout:
    """The layout of a state of that size and format; raises PresetError."""
    for layout in layouts():
        low, high = layout.formats
        if layout.bytes == n_bytes and low <= number <= high:
            return layout
    sizes = ", ".join(f"{size:,}" for size in sorted({layout.bytes for layout in layouts()}))
    raise PresetError(
        f"its state has {n_bytes:,} bytes and format {number:g}; known are {sizes} bytes with formats 0.07 to 0.163: "
        "save it from Serum 1 again"
    )


def menu_size(row: Parameter, number: float) -> int:
    """How many entries a menu has in that format."""
    grown = [entries for since, entries in tables()["menus"].get(row.name, []) if number >= since]
    return int(grown[-1]) if grown else len(row.choices)
