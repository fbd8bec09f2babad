"""A Serum 1 preset as one of Serum 2 and the other way: knob by knob, without the canonical schema between."""

from __future__ import annotations

from dataclasses import dataclass

from presets import serum1_binding, serum2_binding
from presets.serum1 import Serum1
from presets.serum1_layout import parameters, tables
from presets.serum1_matrix import NONE, Slot
from presets.serum2 import Serum2
from presets.serum_reading import active_controls, is_live
from presets.serum_sound import Report, serum, switch_routes

PARTS = (
    "slot ",
    "table ",
    "LFO",
    "noise sample",
    "effects order",
    "unison_mode_",
)  # of a Sound, that both have
BY_ROUTE = ("sub_direct", "noise_direct", "OscA>Fil", "OscB>Fil", "OscN>Fil", "OscS>Fil")
CHAOS = tuple(f"{word}{n}{rest}" for n in (1, 2) for word, rest in (("Chaos", " BPM"), ("Chaos", " Rate"), ("chaos", "_mono"), ("chaos", "_hold")))  # fmt: skip


@dataclass(frozen=True)
class Crossing:
    """A file of the other Serum."""

    data: bytes
    lost: tuple[str, ...]
    """Sentences."""
    n_active: int
    """Settings in use."""
    n_lost: int


def serum1_to_serum2(preset: Serum1) -> Crossing:
    """A .SerumPreset of a Serum 1 preset; raises PresetError."""
    sound, report, target = serum1_binding.read_sound(preset), Report(), serum2_binding.serum2_template()
    active = active_controls(sound)
    known = {*BY_ROUTE, *CHAOS, "reverb_hall", *serum2_binding.knobs(), *serum2_binding.serum2()["menus"]}
    known |= set(serum2_binding.serum2()["switches"])
    for effect in serum2_binding.serum2()["effects"].values():
        known |= {effect["on"], *effect["knobs"]}
    lost = _report_unknown(active, known, "Serum 2", report)
    serum2_binding.write_sound(sound, target, report, sound.author)
    for k in range(4):
        target.module(f"Macro{k}")["name"] = preset.state.text(f"macro{k + 1}")
    return Crossing(target.encode(), report.lines(), len(active), lost)


def serum2_to_serum1(preset: Serum2) -> Crossing:
    """An .fxp of a Serum 2 preset, whose third oscillator, second filter and so on have no place there.

    Raises:
        PresetError: the preset is damaged.
    """
    sound, report, target = serum2_binding.read_sound(preset), Report(), serum1_binding.serum1_template()
    active = active_controls(sound)
    known = {row.name for row in parameters()[: target.state.layout.parameters]} | set(
        serum()["init_switches"]
    )
    lost = _report_unknown(active, known, "Serum 1", report)
    sources = set(tables()["sources"]["new"])
    kept = [slot for slot in sound.slots if is_live(sound, slot)]
    sound.slots = [
        _in_serum1(slot) for slot in kept if {slot.source, slot.aux} <= sources and slot.destination in known
    ]
    for slot in kept:
        if {slot.source, slot.aux} <= sources and slot.destination in known:
            continue
        report.lost.append(
            f"The routing from {slot.source} to {slot.destination} is left out: Serum 1 has no such thing"
        )
        lost += 1
    sound.lfos = {n: lfo for n, lfo in sound.lfos.items() if n <= target.state.layout.n_lfos}
    sound.tables = {o: table for o, table in sound.tables.items() if o != "c"}
    switch_routes(sound)
    serum1_binding.write_sound(sound, target, report, sound.author)
    return Crossing(target.encode(), report.lines(), len(active), lost)


def _in_serum1(slot: Slot) -> Slot:
    return slot if slot.source != NONE else Slot()


def _report_unknown(active: set[str], known: set[str], synth: str, report: Report) -> int:
    """Tells of what the other Serum has no place for; how much that is."""
    unknown = [name for name in sorted(active) if name not in known and not name.startswith(PARTS)]
    report.lost.extend(
        f"Serum's {name} is left out: {synth} has no place for it, or none that is known" for name in unknown
    )
    return len(unknown)
