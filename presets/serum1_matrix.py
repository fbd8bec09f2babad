"""The modulation matrix of a Serum 1 state: 16 or 32 slots of 40 bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from presets.errors import PresetError
from presets.serum1_layout import parameter, parameters, tables
from presets.serum1_state import State

NONE = "none"
STRAIGHT = 128  # a curve byte
_UNKNOWN = "#"  # before the number of a source or destination that has no name here

# Offsets in a slot. Serum stores a destination twice: as its place in a menu and as a parameter's index.
_NOW, _AMOUNT, _OUT, _BIPOLAR = 0x00, 0x04, 0x08, 0x0C
_SOURCE, _AUX, _MENU, _DESTINATION, _FLAGS = 0x14, 0x16, 0x18, 0x1A, 0x1C
_CURVE, _AUX_CURVE = 0x20, 0x21
_AUX_INVERTED, _BYPASS = 1, 2  # bits of the flags
_RESTING = 0.5  # what Serum shows as the momentary output of an empty slot


@dataclass(frozen=True)
class Slot:
    """A routing; the default is an empty slot."""

    source: str = NONE
    aux: str = NONE
    """A second source that scales the first."""
    destination: str = ""
    """A parameter's name, or "" for none."""
    amount: float = 0.0
    """-1..1."""
    out: float = 1.0
    """0..1."""
    bipolar: bool = False
    aux_inverted: bool = False
    bypass: bool = False
    curve: int = STRAIGHT
    """0..255 as stored."""
    aux_curve: int = STRAIGHT


def read_slot(state: State, number: int) -> Slot:
    """A slot, counted from 1; raises PresetError."""
    at, data = state.slot(number), state.data
    flags = state.read(at + _FLAGS, "<H")
    return Slot(
        _source_name(state, state.read(at + _SOURCE, "<H")),
        _source_name(state, state.read(at + _AUX, "<H")),
        _destination_name(state, state.read(at + _DESTINATION, "<H")),
        state.number(at + _AMOUNT, f"the amount of slot {number}"),
        state.number(at + _OUT, f"the output of slot {number}"),
        bool(data[at + _BIPOLAR]),
        bool(flags & _AUX_INVERTED),
        bool(flags & _BYPASS),
        data[at + _CURVE],
        data[at + _AUX_CURVE],
    )


def write_slot(state: State, number: int, slot: Slot) -> None:
    """The opposite of read_slot: only what differs is set. Raises PresetError."""
    before, at = read_slot(state, number), state.slot(number)
    if slot == before:
        return
    _check(slot)
    if (slot.source, slot.destination) != (before.source, before.destination):
        state.write(at + _NOW, "<f", _RESTING if slot.source == NONE else 0.0)
    if slot.destination != before.destination:
        destination, menu = _destination(state, slot.destination)
        state.write(at + _DESTINATION, "<H", destination)
        state.write(at + _MENU, "<H", menu)
    for offset, name, old_name in ((_SOURCE, slot.source, before.source), (_AUX, slot.aux, before.aux)):
        if name != old_name:
            state.write(at + offset, "<H", _source(state, name))
    for field, raw, old in (
        ("amt", (slot.amount + 1) / 2, (before.amount + 1) / 2),
        ("out", slot.out, before.out),
    ):
        if raw != old:
            state.set_raw(_parameter_of(number, field), raw)
    if slot.bipolar != before.bipolar:
        state.data[at + _BIPOLAR] = slot.bipolar
    kept = state.read(at + _FLAGS, "<H") & ~(_AUX_INVERTED | _BYPASS)
    state.write(at + _FLAGS, "<H", kept | _AUX_INVERTED * slot.aux_inverted | _BYPASS * slot.bypass)
    state.data[at + _CURVE], state.data[at + _AUX_CURVE] = slot.curve, slot.aux_curve


def read_slots(state: State) -> dict[int, Slot]:
    """Number -> slot of those with a source."""
    slots = {number: read_slot(state, number) for number in range(1, state.layout.n_slots + 1)}
    return {number: slot for number, slot in slots.items() if slot.source != NONE}


def _check(slot: Slot) -> None:
    if not (math.fabs(slot.amount) <= 1 and 0 <= slot.out <= 1):
        raise PresetError(f"amount {slot.amount} or output {slot.out} is not -1 to 1 or 0 to 1")
    if not (0 <= slot.curve <= 255 and 0 <= slot.aux_curve <= 255):
        raise PresetError(f"curves {slot.curve} and {slot.aux_curve} are not 0 to 255")


def _parameter_of(number: int, field: str) -> str:
    """`Mod 9 amt`, `Mod10 amt`: as Serum spells them."""
    return f"Mod{number:2d} {field}"


def _sources(state: State) -> list[str]:
    names: list[str] = tables()["sources"]["old" if state.layout.is_old else "new"]
    return names


def _source_name(state: State, number: int) -> str:
    names = _sources(state)
    return names[number] if number < len(names) else f"{_UNKNOWN}{number}"


def _source(state: State, name: str) -> int:
    names = _sources(state)
    if name not in names:
        raise PresetError(f"{name!r} is no source of this preset; expected one of {', '.join(names)}")
    return names.index(name)


def _destination_name(state: State, number: int) -> str:
    if number == state.layout.parameters:
        return ""
    return parameters()[number].name if number < state.layout.parameters else f"{_UNKNOWN}{number}"


def _destination(state: State, name: str) -> tuple[int, int]:
    """Index and menu position."""
    if not name:
        return state.layout.parameters, state.layout.menu
    row = state.row(parameter(name).name)
    if row.menu is None:
        raise PresetError(f"{name} is not known to be a destination of Serum's matrix; choose another")
    return row.index, row.menu
