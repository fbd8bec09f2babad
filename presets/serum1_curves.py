"""Drawn curves of a Serum 1 state: eight LFOs, the remaps of both oscillators, two X-Shapers."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, fields

from presets.errors import PresetError
from presets.serum1_layout import place, tables
from presets.serum1_state import BLOCK_BYTES, State

GRAPHS = ("remap_a", "remap_b", "shaper1", "shaper2")
_PADDING = (0.4999999701976776, 1.0, 1.0)  # tension, x, y behind the last point, as Serum leaves them
_CLASSIC_SIZE = 65  # entries of an array in states below 172,736 bytes
_BLOCK_SIZE = 480
_BLOCK_ARRAYS = (0x0008, 0x0F08, 0x1E08)  # tension, x, y
_BLOCK_COUNT = 0x2D10
_DOUBLE = 8


@dataclass(frozen=True)
class Curve:
    """Points joined by segments, in Serum's own axes."""

    x: tuple[float, ...]
    """Time of each point, 0..1, not falling."""
    y: tuple[float, ...]
    """0 is the top of the picture and 1 the bottom: an LFO puts out 1 - y."""
    tension: tuple[float, ...]
    """One a segment, 0..1; 0.5 is straight."""


@dataclass(frozen=True)
class Lfo:
    """An LFO's shape and switches; the numbers are raw, 0..1."""

    curve: Curve
    rate: float
    smooth: float
    delay: float
    rise: float
    anchor: bool
    hz: bool
    """Rate in Hz; otherwise by tempo."""
    dotted: bool
    triplet: bool
    retrigger: bool
    """Starts with each note; with `envelope` it also stops at its end; with neither it runs free."""
    envelope: bool


_FLAGS = ("anchor", "hz", "dotted", "triplet", "retrigger", "envelope")
_NUMBERS = ("rate", "smooth", "delay", "rise")


@dataclass(frozen=True)
class _Place:
    """Where a curve stands."""

    arrays: tuple[int, int, int]
    """Offsets of tension, x, y."""
    size: int
    """Entries of each."""
    count: int
    """Offset of the number of segments."""
    form: str


def curve_names(state: State) -> tuple[str, ...]:
    """`lfo1` .. `lfo8` (4 in the oldest), `remap_a`, `remap_b`, `shaper1`, `shaper2`."""
    return tuple(f"lfo{k + 1}" for k in range(state.layout.n_lfos)) + GRAPHS


def _place(state: State, name: str) -> _Place:
    names = curve_names(state)
    if name not in names:
        raise PresetError(f"{name!r} is no curve of this preset; expected one of {', '.join(names)}")
    graph = name in GRAPHS
    number = GRAPHS.index(name) if graph else names.index(name)
    if state.layout.has_blocks:
        at = place("blocks") + BLOCK_BYTES * (number + 8 * graph)
        tension, x, y = (at + offset for offset in _BLOCK_ARRAYS)
        return _Place((tension, x, y), _BLOCK_SIZE, at + _BLOCK_COUNT, "<i")
    group, k = divmod(number, 4)
    base = place("graphs") if graph else tables()["places"]["curves"][group]
    counts = place("graph_counts") if graph else tables()["places"]["lfos"][group]
    tension, x, y = (base + _CLASSIC_SIZE * _DOUBLE * (k + 4 * j) for j in range(3))
    return _Place((tension, x, y), _CLASSIC_SIZE, counts + k, "<B")


def read_curve(state: State, name: str) -> Curve:
    """A curve by name, see curve_names; raises PresetError."""
    where = _place(state, name)
    n = state.read(where.count, where.form)
    if not 1 <= n < where.size:
        raise PresetError(f"{name} claims {n} segments of {where.size - 1}; do not trust the file")
    tension, x, y = (
        struct.unpack_from(f"<{size}d", state.data, at)
        for at, size in zip(where.arrays, (n, n + 1, n + 1), strict=True)
    )
    curve = Curve(x, y, tension)
    _check(name, curve)
    return curve


def write_curve(state: State, name: str, curve: Curve) -> None:
    """The opposite of read_curve: only points that differ are set. Raises PresetError."""
    where = _place(state, name)
    _check(name, curve)
    n = len(curve.tension)
    if not 1 <= n < where.size:
        raise PresetError(
            f"{name} has {n} segments; this preset takes 1 to {where.size - 1}: draw it with fewer"
        )
    left_over = max(
        0, min(state.read(where.count, where.form), where.size - 1) - n
    )  # points that were in use
    for at, values, padding in zip(where.arrays, (curve.tension, curve.x, curve.y), _PADDING, strict=True):
        struct.pack_into(f"<{len(values) + left_over}d", state.data, at, *values, *[padding] * left_over)
    state.write(where.count, where.form, n)


def _check(name: str, curve: Curve) -> None:
    values = (*curve.x, *curve.y, *curve.tension)
    if not len(curve.x) == len(curve.y) == len(curve.tension) + 1:
        raise PresetError(
            f"{name} has {len(curve.x)} x, {len(curve.y)} y and {len(curve.tension)} tensions; expected n+1, n+1, n"
        )
    if not all(0 <= value <= 1 for value in values):  # False for NaN too
        raise PresetError(f"{name} has a point that is not within 0 to 1; do not trust its source")
    if any(after < before for before, after in zip(curve.x, curve.x[1:], strict=False)):
        raise PresetError(f"{name} goes back in time; sort its points by x")


def read_lfo(state: State, number: int) -> Lfo:
    """An LFO, counted from 1; raises PresetError."""

    def number_of(field: str) -> float:
        return state.number(state.lfo_field(number, field), f"{field} of LFO {number}")

    def flag(field: str) -> bool:
        return bool(state.data[state.lfo_field(number, field)])

    curve = read_curve(state, f"lfo{number}")
    rate, smooth, delay, rise = (number_of(field) for field in _NUMBERS)
    return Lfo(curve, rate, smooth, delay, rise, *(flag(field) for field in _FLAGS))


def write_lfo(state: State, number: int, lfo: Lfo) -> None:
    """The opposite of read_lfo: only what differs is set. Raises PresetError."""
    before = read_lfo(state, number)
    if lfo.curve != before.curve:
        write_curve(state, f"lfo{number}", lfo.curve)
    for field in fields(Lfo)[1:]:
        value = getattr(lfo, field.name)
        if value == getattr(before, field.name):
            continue
        if field.name in _FLAGS:
            state.data[state.lfo_field(number, field.name)] = value
        else:
            _write_number(state, number, field.name, value)


def _write_number(state: State, number: int, field: str, value: float) -> None:
    if not (math.isfinite(value) and 0 <= value <= 1):
        raise PresetError(f"{field} of LFO {number} is {value}; expected a raw value from 0 to 1")
    spelled = field if field == "smooth" else field.capitalize()
    if field in ("rate", "smooth") or not _before_rise(state):
        state.set_raw(f"LFO{number} {spelled}", value)  # its mirror is the record
    else:
        state.write(state.lfo_field(number, field), "<f", value)


def _before_rise(state: State) -> bool:
    """Whether rise and delay are no parameters yet, only fields of the record."""
    return state.layout.parameters < 300
