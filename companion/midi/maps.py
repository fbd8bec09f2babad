"""Maps: which parameter goes out as which control change, read from TOML.

name = "My synth"
channel = 1                                   # for every control that names none
[controls]
"filter1.cutoff" = { cc = 74, curve = "log", low = 20, high = 20000 }
"osc1.level"     = { cc = 20, bits = 14, curve = "gain", off_with = "osc1.on" }
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from companion.errors import MidiError
from presets.schema import Schema

SHIPPED = ("serum2", "serum1", "general")
MAX_BYTES = 2**20
N_CHANNELS = 16
LAST_CC = 119  # 120 to 127 are channel mode messages: all notes off and the like
RESERVED_CCS = {
    0: "selects a bank", 6: "is data entry", 32: "selects a bank", 38: "is data entry", 64: "is the sustain pedal",
    96: "increments", 97: "decrements", 98: "selects an NRPN", 99: "selects an NRPN", 100: "selects an RPN",
    101: "selects an RPN",
}  # fmt: skip
BITS = (7, 14)
LSB_OFFSET = 32  # the low seven bits of a 14-bit controller go out as CC + 32
LAST_14_BIT_CC = LSB_OFFSET - 1
SERUMS = {"serum1": 1, "serum2": 2}  # curve -> filters that a voice of that synth has
CURVES = ("schema", "linear", "log", "gain", *SERUMS)
MOST_CURVE = 16.0
FREE_PARAMETERS = frozenset(f"macro.m{n}" for n in range(1, 9))  # a synth may have more macros than a patch


@dataclass(frozen=True)
class Control:
    """One row of a map."""

    parameter: str
    """Canonical name, as `filter1.cutoff`."""
    cc: int
    """0..119; of a 14-bit controller, the one of the upper seven bits."""
    channel: int = 1
    """1..16."""
    bits: int = 7
    """7 or 14."""
    curve: str | float = "schema"
    """How a value becomes a position 0..1: `schema` as the parameter's own knob, `linear`, `log`, `gain` (dB to the
    square root of amplitude), the exponent of the synth's knob: value = low + (high - low) * position ** curve; or
    `serum1`, `serum2`: where a preset for that synth has the knob named `control`."""
    low: float | None = None
    """Value at position 0; None: the schema's."""
    high: float | None = None
    """Value at position 1."""
    off_with: str = ""
    """A switch; while it is off in the patch, position 0 is sent."""
    control: str = ""
    """Serum 1's name of the knob, `Fil Cutoff`, which Serum 2 kept; a second filter's is `Fil2 Cutoff`."""
    label: str = ""
    """What the synth calls it."""
    serum2: int | None = None
    """Serum 2's own number of the parameter, for a `.SerumMIDIMap`."""

    @property
    def ccs(self) -> tuple[int, ...]:
        """Every controller number it takes."""
        return (self.cc,) if self.bits == 7 else (self.cc, self.cc + LSB_OFFSET)

    @property
    def title(self) -> str:
        """The synth's name for it, else the canonical one."""
        return self.label or self.parameter


@dataclass(frozen=True)
class MidiMap:
    """A named list of controls, in the order in which they are sent."""

    name: str
    controls: tuple[Control, ...]
    synth: str = ""
    """What to open in teach mode, in a person's words."""
    learn: str = ""
    """How the synth learns a controller, in a person's words."""
    text: str = field(default="", repr=False, compare=False)
    """The TOML it was read from."""

    def __iter__(self) -> Iterator[Control]:
        return iter(self.controls)

    def on_channel(self, channel: int) -> MidiMap:
        """The same map, all of it on one channel 1..16."""
        _check_channel("the map", channel)
        moved = [Control(**{**_as_dict(c), "channel": channel}) for c in self.controls]
        _check_clashes(self.name, moved)
        return MidiMap(self.name, tuple(moved), self.synth, self.learn, self.text)

    def check_against(self, schema: Schema) -> None:
        """Raises MidiError for a parameter, or a switch, that a schema does not have."""
        known = set(schema.defaults)
        for control in self.controls:
            if control.parameter not in known | FREE_PARAMETERS:
                raise MidiError(
                    f"the MIDI map {self.name!r} names {control.parameter!r}, which the patch does not have; "
                    f"correct the name, or choose another map with --map"
                )
            if control.off_with and control.off_with not in known:
                raise MidiError(
                    f"{control.parameter} in the MIDI map {self.name!r} is off with {control.off_with!r}, which the patch "
                    f"does not have; correct the name"
                )


def _as_dict(control: Control) -> dict[str, Any]:
    return {f.name: getattr(control, f.name) for f in fields(control)}


# -- reading ------------------------------------------------------------------------------------------------------


def find_map(name: str) -> MidiMap:
    """A shipped map by name, or the map of a TOML file.

    Raises:
        MidiError: there is none, or it makes no sense.
    """
    if name in SHIPPED:
        return parse_map((files("companion.midi") / "maps" / f"{name}.toml").read_text("utf-8"), name)
    path = Path(name)
    if path.suffix.lower() != ".toml":
        raise MidiError(
            f"there is no MIDI map {name!r}; give one of {', '.join(SHIPPED)}, or a .toml file of your own"
        )
    return read_map(path)


def read_map(path: Path) -> MidiMap:
    """The map of a TOML file; raises MidiError."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise MidiError(
                f"{path} is larger than {MAX_BYTES // 2**20} MiB, which no MIDI map is; give another file"
            )
        return parse_map(data.decode("utf-8-sig"), str(path))
    except FileNotFoundError:
        raise MidiError(
            f"{path} does not exist; check the path, or write one with `whispersynth midi map`"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise MidiError(f"{path} cannot be read as a MIDI map ({error}); give another file") from None


def parse_map(text: str, source: str) -> MidiMap:
    """The map in a TOML text; `source` names it in errors.

    Raises:
        MidiError: what is wrong, and where.
    """
    try:
        tree = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise MidiError(f"the MIDI map {source} is no TOML ({error}); correct it") from None
    rows = tree.get("controls")
    if not isinstance(rows, dict) or not rows:
        raise MidiError(f"the MIDI map {source} has no [controls]; add at least one")
    words = {key: _word(tree, key, source) for key in ("name", "synth", "learn")}
    channel = _whole(tree.get("channel", 1), f"the channel of the MIDI map {source}")
    given = {"channel": channel, "curve": tree.get("curve", "schema")}
    controls = [_control(name, row, given) for name, row in rows.items()]
    _check_clashes(source, controls)
    return MidiMap(words["name"] or source, tuple(controls), words["synth"], words["learn"], text)


def _word(tree: Mapping[str, Any], key: str, source: str) -> str:
    value = tree.get(key, "")
    if not isinstance(value, str):
        raise MidiError(f"{key} in the MIDI map {source} is {value!r}; it must be a text")
    return value


def _whole(value: Any, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise MidiError(f"{what} is {value!r}; it must be a whole number")
    return value


def _control(parameter: str, row: Any, given: dict[str, Any]) -> Control:
    known = {f.name for f in fields(Control)} - {"parameter"}
    if not isinstance(row, dict) or "cc" not in row or set(row) - known:
        raise MidiError(
            f"{parameter} in the MIDI map is {row!r}; it must have a cc and may have {', '.join(sorted(known - {'cc'}))}"
        )
    control = Control(parameter, **{**given, **row})
    _check_numbers(control)
    _check_curve(control)
    for key in ("off_with", "control", "label"):
        if not isinstance(getattr(control, key), str):
            raise MidiError(f"{key} of {parameter} is {getattr(control, key)!r}; it must be a text")
    return control


def _check_channel(what: str, channel: int) -> None:
    if not 1 <= _whole(channel, f"the channel of {what}") <= N_CHANNELS:
        raise MidiError(f"the channel of {what} is {channel}; MIDI channels go from 1 to {N_CHANNELS}")


def _check_numbers(control: Control) -> None:
    what = control.parameter
    _check_channel(what, control.channel)
    if _whole(control.bits, f"bits of {what}") not in BITS:
        raise MidiError(f"bits of {what} is {control.bits}; a control change has 7 or 14")
    last = LAST_CC if control.bits == 7 else LAST_14_BIT_CC
    if not 0 <= _whole(control.cc, f"cc of {what}") <= last:
        raise MidiError(f"cc of {what} is {control.cc}; with {control.bits} bits it goes from 1 to {last}")
    taken = [RESERVED_CCS[cc] for cc in control.ccs if cc in RESERVED_CCS]
    if taken:
        raise MidiError(f"cc {control.cc} of {what} {taken[0]}, which no parameter may; choose another")
    if control.serum2 is not None and not 0 <= _whole(control.serum2, f"serum2 of {what}") < 2**31:
        raise MidiError(f"serum2 of {what} is {control.serum2}; it must be a parameter's number in Serum 2")


def _check_curve(control: Control) -> None:
    what, curve = control.parameter, control.curve
    number = isinstance(curve, int | float) and not isinstance(curve, bool) and 0 < curve <= MOST_CURVE
    if not number and curve not in CURVES:
        raise MidiError(
            f"curve of {what} is {curve!r}; it can be {', '.join(CURVES)} or an exponent up to {MOST_CURVE:g}"
        )
    for key, value in (("low", control.low), ("high", control.high)):
        plain = value is None or (isinstance(value, int | float) and not isinstance(value, bool))
        if not plain or (value is not None and not math.isfinite(value)):
            raise MidiError(f"{key} of {what} is {value!r}; it must be a number in the parameter's unit")
    if curve in ("schema", *SERUMS) and (control.low, control.high) != (None, None):
        raise MidiError(
            f"{what} has the curve {curve!r}, which has no range; give another, or leave low and high out"
        )
    if (curve in SERUMS) != bool(control.control):
        raise MidiError(
            f"{what} needs the curve 'serum1' or 'serum2' together with a control; give both, or neither"
        )


def _check_clashes(source: str, controls: list[Control]) -> None:
    taken: dict[tuple[int, int], str] = {}
    for control in controls:
        for cc in control.ccs:
            other = taken.setdefault((control.channel, cc), control.parameter)
            if other != control.parameter:
                raise MidiError(
                    f"{control.parameter} and {other} both take CC {cc} on channel {control.channel} in the MIDI map "
                    f"{source}; give one of them another"
                )
