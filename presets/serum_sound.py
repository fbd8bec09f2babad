"""A sound in Serum's own terms, whichever Serum: knobs by Serum 1's names, menus, routings, LFOs, tables.

Between the canonical schema and the two file formats: bindings/serum.toml relates it to the schema, and each format
writes and reads it (`serum1_binding.py`, `serum2_binding.py`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from presets.knob_laws import KNOB_LAWS
from presets.laws import Law
from presets.schema import Parameter, Value, wavetable_synth
from presets.serum1 import Frames
from presets.serum1_curves import Curve, Lfo
from presets.serum1_layout import parameters, tables
from presets.serum1_matrix import Slot
from presets.txt import value_text

LETTERS = {"osc1": "A", "osc2": "B"}  # canonical section -> Serum's oscillator
NEAR = "~"  # before an entry of a table that is only like what it stands for
N_STEPS = 228  # of a knob that walks a ladder of tempi
FAR = 0.02  # of a knob's travel: what counts as another setting
TRIANGLE = Curve((0.0, 0.5, 1.0), (1.0, 0.0, 1.0), (0.5, 0.5))  # Serum's own LFO: up, then down
INIT_LFO = Lfo(TRIANGLE, 0.5, 0.0, 0.0, 0.0, True, False, False, False, False, False)


@dataclass(frozen=True)
class Table:
    """What an oscillator plays."""

    frames: Frames | None = None
    """Embedded, float32 (n_frames, 2048); None for a table by name."""
    name: str = ""
    """Path in Serum's Tables folder; "" without frames is Serum's own saw."""


@dataclass
class Sound:
    """Whatever is not named is at Serum's init."""

    raws: dict[str, float]
    """Knobs and switches, 0..1."""
    choices: dict[str, str]
    """Menus by entry."""
    switches: dict[str, float | str]
    """What is no parameter in Serum 1, as `presets.serum1_state.State.switch` gives it."""
    slots: list[Slot] = field(default_factory=list)
    lfos: dict[int, Lfo] = field(default_factory=dict)
    """By number, from 1."""
    tables: dict[str, Table] = field(default_factory=dict)
    """By oscillator, `a` and `b`."""
    noise: str = ""
    """The noise sample's path."""
    routes: dict[str, str] = field(default_factory=dict)
    """Canonical section -> canonical route, where two filters make it more than a switch."""
    foreign: set[str] = field(default_factory=set)
    """What is set and has no name here."""
    order: tuple[str, ...] = ()
    """Effects, first to last."""
    name: str = ""
    author: str = ""
    comment: str = ""


@dataclass
class Report:
    """What a crossing changed; each a sentence."""

    approximated: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def lines(self) -> tuple[str, ...]:
        """All of it, what is lost last."""
        return (*dict.fromkeys(self.approximated), *dict.fromkeys(self.lost))


@cache
def serum() -> dict[str, Any]:
    """bindings/serum.toml, as parsed."""
    return tomllib.loads(resources.files("presets").joinpath("bindings", "serum.toml").read_text("utf-8"))


@cache
def rows(voice_filters: int = 1) -> dict[str, Law]:
    """Canonical parameter -> its law, with the whole control name under `control`.

    Args:
        voice_filters: 1 where the second filter stands among the effects (Serum 1), 2 where it is another of a voice's.
    """
    return {row.name: law for row in wavetable_synth() if (law := _law(row, voice_filters)) is not None}


def _law(row: Parameter, voice_filters: int) -> Law | None:
    family = row.section.rstrip("0123456789")
    number = row.section[len(family) :]
    section = "filter1" if family == "filter" and voice_filters > 1 else row.section
    table: Mapping[str, Any] = serum().get(family, {}) | serum().get(section, {})
    if row.key not in table:
        return None
    law = table[row.key]
    control = law["control"].format(n=number, o=LETTERS.get(row.section, ""))
    if family == "filter" and section != row.section:
        control = second_filter(control)
    return {**law, "control": control}


def second_filter(control: str) -> str:
    """The control of a second voice filter like one of the first's: `Fil Cutoff` -> `Fil2 Cutoff`."""
    word, _, rest = control.partition(" ")
    return f"{word}2 {rest}"


def decode(row: Parameter, law: Law, raw: float) -> Value:
    """The value a knob at `raw` stands for, as the law has it: it may lie beyond the row's range."""
    value = KNOB_LAWS[law["law"]].decode(raw, law)
    return bool(value) if row.kind == "switch" else round(value) if row.kind == "integer" else value


def encode(law: Law, value: Value) -> float:
    """The knob's raw 0..1 for a value; the opposite of decode."""
    return min(max(KNOB_LAWS[law["law"]].encode(float(value), law), 0.0), 1.0)


def is_far(row: Parameter, value: Value, other: Value) -> bool:
    """Whether two values of a row are more than 2 % of its travel apart."""
    if row.kind in ("switch", "choice", "integer"):
        return value != other
    return abs(row.value_to_raw(value) - row.value_to_raw(other)) > FAR


def entry(text: str) -> tuple[str, bool]:
    """A table's entry and whether it is exact."""
    return text.removeprefix(NEAR), not text.startswith(NEAR)


def shown(row: Parameter, value: Value) -> str:
    """A value as people read it, to three digits."""
    return value_text(row, float(f"{float(value):.3g}") if row.kind == "continuous" else value)


@cache
def _init_parts() -> tuple[dict[str, float], dict[str, str], dict[str, float | str]]:
    raws = {row.name: row.default for row in parameters() if not row.choices}
    menus = {
        row.name: row.choices[round(row.default * (len(row.choices) - 1))]
        for row in parameters()
        if row.choices
    }
    return raws, menus, dict(serum()["init_switches"])


def init_raw(name: str) -> float:
    """Where Serum's init has a knob: those of a third oscillator or a second filter stand where the first one's do."""
    raws, _, _ = _init_parts()
    like = {"C": "A", "Osc": ""}  # a third oscillator is off
    word, _, rest = name.partition(" ")
    first = f"{like.get(word, word.replace('Fil2', 'Fil').replace('OscC', 'OscA'))} {rest}".strip()
    return raws.get(name, raws.get(first, 0.0))


def init_sound() -> Sound:
    """Serum's init patch."""
    raws, menus, switches = _init_parts()
    return Sound(dict(raws), dict(menus), dict(switches), order=tuple(tables()["effects"]["init"]))


# -- routes: by switch in Serum 1, by name in Serum 2 ---------------------------------------------------------------

SWITCHES = {"osc1": "OscA>Fil", "osc2": "OscB>Fil", "sub": "OscS>Fil", "noise": "OscN>Fil"}


def named_routes(sound: Sound) -> dict[str, str]:
    """Canonical section -> canonical route of a sound; from its switches if it has no names."""
    if sound.routes:
        return dict(sound.routes)
    out = {s: "filter1" if sound.raws[switch] >= 0.5 else "effects" for s, switch in SWITCHES.items()}
    return out | {s: "direct" for s in ("sub", "noise") if float(sound.switches[f"{s}_direct"]) >= 0.5}


def switch_routes(sound: Sound) -> None:
    """Turns the names of a sound's routes into switches."""
    for section, route in sound.routes.items():
        if section in SWITCHES:
            sound.raws[SWITCHES[section]] = float(route in ("filter1", "filter2", "both"))
        if f"{section}_direct" in sound.switches:
            sound.switches[f"{section}_direct"] = float(route == "direct")
    sound.routes = {}


# -- tempo ----------------------------------------------------------------------------------------------------------


def ladder_beats(ladder: str, raw: float) -> float:
    """Length in beats that a knob stands for."""
    table = serum()["ladders"][ladder]
    step = round(raw * N_STEPS)
    reached = [beats for first, beats in zip(table["steps"], table["beats"], strict=True) if step >= first]
    return float(reached[-1] if reached else table["beats"][0])


def ladder_raw(ladder: str, beats: float) -> float | None:
    """The middle of a length's steps, 0..1; None when the ladder has it not. The opposite of ladder_beats."""
    table = serum()["ladders"][ladder]
    ends = [*table["steps"][1:], N_STEPS + 1]
    for first, end, length in zip(table["steps"], ends, table["beats"], strict=True):
        if abs(length / beats - 1) < 1e-3:
            return float((first + end - 1) // 2) / N_STEPS
    return None
