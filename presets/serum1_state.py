"""The state of a Serum 1 preset: bytes that stay as they are but for what is set."""

from __future__ import annotations

import math
import struct
from typing import Any

from presets.errors import PresetError
from presets.serum1_layout import (
    Layout,
    Parameter,
    find_layout,
    layouts,
    menu_size,
    parameter,
    parameters,
    place,
    tables,
)

N_EFFECTS = 10
_FLOAT = "<f"


class State:
    """A state open for editing: parameters, menus, switches, texts and the order of effects.

    Between the known places lies memory that Serum never set; it is kept.
    """

    def __init__(self, data: bytes) -> None:
        """Raises PresetError: no known layout, or a parameter or switch that is no number."""
        if len(data) < min(layout.bytes for layout in layouts()):
            raise PresetError(f"its state has only {len(data)} bytes; copy the file again")
        self.data = bytearray(data)
        self.format = round(self.number(place("format"), "its format"), 3)
        self.layout: Layout = find_layout(len(data), self.format)
        for row in parameters()[: self.layout.parameters]:
            self.number(row.offset, row.name)
        for name in () if self.layout.is_old else tables()["switches"]:
            self.number(self._switch(name)[1], name)

    # -- numbers ------------------------------------------------------------------------------------------------

    def read(self, offset: int, form: str) -> Any:
        """One number of the state."""
        return struct.unpack_from(form, self.data, offset)[0]

    def write(self, offset: int, form: str, value: float) -> None:
        struct.pack_into(form, self.data, offset, value)

    def number(self, offset: int, what: str, form: str = _FLOAT) -> float:
        """A float that is finite; raises PresetError."""
        value = float(self.read(offset, form))
        if not math.isfinite(value):
            raise PresetError(f"{what} is {value}, which is no number; do not trust the file")
        return value

    # -- parameters ---------------------------------------------------------------------------------------------

    def row(self, name: str) -> Parameter:
        """The parameter of that name; raises PresetError when this state has it not."""
        row = parameter(name)
        if row.index >= self.layout.parameters:
            raise PresetError(
                f"{name!r} is not in a preset of format {self.format:g}; start from a newer one"
            )
        return row

    def raw(self, name: str) -> float:
        """A parameter's raw value 0..1; one beyond is read as the end that is nearest."""
        return min(1.0, max(0.0, self.number(self.row(name).offset, name)))

    def raws(self) -> dict[str, float]:
        """Every parameter this state has."""
        return {row.name: self.raw(row.name) for row in parameters()[: self.layout.parameters]}

    def set_raw(self, name: str, raw: float) -> None:
        """Set a parameter to raw 0..1, and the copies of it that stand elsewhere; raises PresetError."""
        row = self.row(name)
        if not 0 <= raw <= 1:  # False for NaN too
            raise PresetError(f"{name} is {raw}; expected a raw value from 0 to 1")
        self.write(row.offset, _FLOAT, raw)
        if row.mirror:
            self._set_mirror(row, raw)

    def _set_mirror(self, row: Parameter, raw: float) -> None:
        kind, at, *field = row.mirror
        if kind == "byte":
            self.data[at] = round(raw * max(1, menu_size(row, self.format) - 1))
        elif kind == "float":
            self.write(at, _FLOAT, raw)
        elif kind == "slot":
            amount = field == ["amount"]
            self.write(self.slot(at) + (4 if amount else 8), _FLOAT, 2 * raw - 1 if amount else raw)
        else:
            self.write(self.lfo_field(at, field[0]), _FLOAT, raw)

    def choice(self, name: str) -> str:
        """The menu entry a parameter stands on."""
        row = self._menu(name)
        return row.choices[round(self.raw(name) * (menu_size(row, self.format) - 1))]

    def set_choice(self, name: str, choice: str) -> None:
        """Raises PresetError when the menu of this format has no such entry."""
        row = self._menu(name)
        known = row.choices[: menu_size(row, self.format)]
        if choice not in known:
            raise PresetError(
                f"{name} is {choice!r}; in format {self.format:g} it is one of {', '.join(known)}"
            )
        self.set_raw(name, known.index(choice) / (len(known) - 1))

    def _menu(self, name: str) -> Parameter:
        row = self.row(name)
        if not row.choices:
            raise PresetError(f"{name} has no menu; set its raw value")
        return row

    # -- switches -----------------------------------------------------------------------------------------------

    def _switch(self, name: str) -> tuple[dict[str, Any], int]:
        rows = tables()["switches"]
        if name not in rows:
            raise PresetError(f"{name!r} is no switch of Serum 1; expected one of {', '.join(rows)}")
        if self.layout.is_old:
            raise PresetError(f"where {name} stands in a state of {self.layout.bytes:,} bytes is not known")
        return rows[name], self.layout.switches + rows[name]["at"]

    def switch(self, name: str) -> float | str:
        """The value of what is no host parameter: a choice, or a number in the unit its name says."""
        row, at = self._switch(name)
        raw = min(1.0, max(0.0, self.number(at, name)))
        if "choices" in row:
            return str(row["choices"][round(raw * (len(row["choices"]) - 1))])
        steps = row.get("steps")
        raw = round(raw * steps) / steps if steps else raw
        return float(row.get("low", 0.0) + row.get("span", 1.0) * raw)

    def set_switch(self, name: str, value: float | str) -> None:
        """The opposite of switch; raises PresetError."""
        row, at = self._switch(name)
        if value == self.switch(name):
            return  # a value off the grid stays as it was stored
        raw = self._switch_raw(name, row, value)
        self.write(at, _FLOAT, raw)
        if "mirror" in row:
            self.data[row["mirror"]] = round(raw)

    def _switch_raw(self, name: str, row: dict[str, Any], value: float | str) -> float:
        choices = row.get("choices", [])
        low, span = float(row.get("low", 0.0)), float(row.get("span", 1.0))
        if value in choices:
            return float(choices.index(value) / (len(choices) - 1))
        if choices or isinstance(value, str) or not low <= value <= low + span:
            expected = ", ".join(choices) or f"{low:g} to {low + span:g}"
            raise PresetError(f"{name} is {value!r}; expected {expected}")
        raw, steps = (value - low) / span, row.get("steps")
        return round(raw * steps) / steps if steps else raw

    # -- texts and effects --------------------------------------------------------------------------------------

    def text(self, name: str) -> str:
        """A text up to its NUL; see `texts` in the table for names."""
        at, size = _text_place(name)
        return bytes(self.data[at : at + size]).split(b"\0")[0].decode("utf-8", "surrogateescape")

    def set_text(self, name: str, text: str) -> None:
        """Raises PresetError for a text that does not fit."""
        at, size = _text_place(name)
        if text == self.text(name):
            return  # what stands behind the NUL stays
        self.data[at : at + size] = _encode_text(name, text, size - 1).ljust(size, b"\0")

    def fx_order(self) -> tuple[str, ...]:
        """The effects as they stand in the rack, first to last; raises PresetError."""
        places = struct.unpack_from(f"<{N_EFFECTS}i", self.data, place("fx_order"))
        if sorted(places) != list(range(N_EFFECTS)):
            raise PresetError(f"its order of effects {places} makes no sense; do not trust the file")
        names = tables()["effects"]["names"]
        return tuple(names[places.index(k)] for k in range(N_EFFECTS))

    def set_fx_order(self, order: tuple[str, ...]) -> None:
        """The opposite of fx_order; raises PresetError."""
        names = tables()["effects"]["names"]
        if sorted(order) != sorted(names):
            raise PresetError(f"effects {order} are not each of {', '.join(names)} once")
        places = [order.index(name) for name in names]
        struct.pack_into(f"<{N_EFFECTS}i", self.data, place("fx_order"), *places)

    # -- where slots and LFOs stand -----------------------------------------------------------------------------

    def slot(self, number: int) -> int:
        """Offset of a matrix slot, counted from 1; raises PresetError."""
        if not 1 <= number <= self.layout.n_slots:
            raise PresetError(f"slot {number} is not 1 to {self.layout.n_slots}, which this preset has")
        half, k = divmod(number - 1, 16)
        return int(tables()["places"]["slots"][half]) + SLOT_BYTES * k

    def lfo_field(self, number: int, field: str) -> int:
        """Offset of a field of an LFO's record, counted from 1; raises PresetError."""
        if not 1 <= number <= self.layout.n_lfos:
            raise PresetError(f"LFO {number} is not 1 to {self.layout.n_lfos}, which this preset has")
        in_record, width, in_block = LFO_FIELDS[field]
        if self.layout.has_blocks:
            return place("blocks") + BLOCK_BYTES * (number - 1) + in_block
        group, k = divmod(number - 1, 4)
        return int(tables()["places"]["lfos"][group]) + in_record + width * k


SLOT_BYTES = 40
BLOCK_BYTES = 0x2D28
# In a record of four LFOs: offset and bytes an LFO; in a block: offset.
LFO_FIELDS = {
    "rate": (0x04, 4, 0x2D1C),
    "anchor": (0x14, 1, 0x2D08),
    "hz": (0x18, 1, 0x2D09),
    "dotted": (0x1C, 1, 0x2D0A),
    "triplet": (0x20, 1, 0x2D0B),
    "retrigger": (0x24, 1, 0x2D0C),
    "envelope": (0x28, 1, 0x2D0D),
    "smooth": (0x60, 4, 0x2D20),
    "delay": (0x70, 4, 0x2D24),
    "rise": (0x80, 4, 0x2D28),
}


def _text_place(name: str) -> tuple[int, int]:
    places = tables()["texts"]
    if name not in places:
        raise PresetError(f"{name!r} is no text of Serum 1; expected one of {', '.join(places)}")
    at, size = places[name]
    return at, size


def _encode_text(name: str, text: str, max_bytes: int) -> bytes:
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise PresetError(f"{name} {text!r} cannot be written: {error.reason}; use other letters") from error
    if len(data) > max_bytes or b"\0" in data:
        raise PresetError(
            f"{name} {text[:40]!r} is {len(data)} bytes long; shorten it to {max_bytes}, without NUL"
        )
    return data
