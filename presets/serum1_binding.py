"""Serum 1: Patch -> .fxp and back, and a Patch as raw values for a hosted Serum."""

from __future__ import annotations

import math
from functools import cache
from importlib import resources

from presets.patch import Patch
from presets.serum1 import OSCILLATORS, Serum1, decode_serum1
from presets.serum1_curves import Lfo
from presets.serum1_layout import menu_size, parameter, parameters
from presets.serum1_matrix import Slot
from presets.serum_reading import sound_to_reading
from presets.serum_sound import (
    INIT_LFO,
    Report,
    Sound,
    Table,
    init_sound,
    ladder_raw,
    serum,
)
from presets.serum_writing import patch_to_sound
from presets.vital import Reading

AUTHOR = "WhisperSynth"
MAX_NAME = 33  # bytes
NO_SOUND = ("Mod Wheel", "Pitch Bend", "Bypass", "LFO Bus")


# -- raw values ----------------------------------------------------------------------------------------------------


def serum1_raw_values(patch: Patch, *, bpm: float | None = None) -> dict[str, float]:
    """Raw 0..1 of every parameter by which a hosted Serum 1 can be set, by the names of the newest build.

    Names are those of `presets.serum1_layout.parameters()` (its rows have aliases); all are given, those that the
    patch does not mean at Serum's own init, so that setting them leaves nothing of the sound before. What is no
    sound (Mod Wheel, Pitch Bend, Bypass, LFO Bus) and the matrix (Mod 1 amt ..) are left out.

    A plugin's parameters do not say everything: wavetables, drawn LFO shapes, sources and destinations of the matrix,
    mono and legato, and whether an LFO runs in Hz stand only in its state (`patch_to_serum1`); `serum1_by_parameter`
    reports what of that a patch uses. LFO rates are given as steps of the tempo, as a fresh Serum reads them.

    Args:
        bpm: the host's tempo; None: the patch's.
    """
    return serum1_by_parameter(patch, bpm=bpm)[0]


def serum1_by_parameter(
    patch: Patch, *, bpm: float | None = None
) -> tuple[dict[str, float], tuple[str, ...]]:
    """As serum1_raw_values, and in sentences what became something else or cannot be said by parameters."""
    sound, report = patch_to_sound(patch)
    raws = dict(sound.raws)
    for name, choice in sound.choices.items():
        choices = parameter(name).choices
        raws[name] = choices.index(choice) / (len(choices) - 1)
    for number, lfo in sound.lfos.items():
        raws[f"LFO{number} Rate"] = _tempo_raw(lfo, bpm or patch.number("voice.bpm"))
        raws |= {
            f"LFO{number} smooth": lfo.smooth,
            f"LFO{number} Rise": lfo.rise,
            f"LFO{number} Delay": lfo.delay,
        }
    _report_state(sound, report)
    known = {row.name for row in parameters()}
    kept = {
        name: raw for name, raw in raws.items() if name in known and not name.startswith((*NO_SOUND, "Mod"))
    }
    return kept, report.lines()


def _tempo_raw(lfo: Lfo, bpm: float) -> float:
    """A rate as a step of the tempo."""
    if not lfo.hz:
        return lfo.rate
    beats = bpm / 60 / max(100 * lfo.rate**4, 1e-4)
    lengths = serum()["ladders"]["lfo"]["beats"]
    return ladder_raw("lfo", min(lengths, key=lambda x: abs(math.log(x / beats)))) or 0.0


def _report_state(sound: Sound, report: Report) -> None:
    """What only a state holds."""
    if sound.slots:
        report.lost.append(f"{len(sound.slots)} routings are left out: a plugin's matrix is no parameter")
    if any(table.frames is not None for table in sound.tables.values()):
        report.lost.append("The wavetables are left out: load the .wav beside the patch in Serum")
    if sound.switches["mono"]:
        report.lost.append("Mono is left out: it is no parameter; switch it on in Serum")
    if any(lfo.hz for lfo in sound.lfos.values()):
        report.approximated.append("LFO rates became the nearest note values: Hz is no parameter")


# -- .fxp ----------------------------------------------------------------------------------------------------------


@cache
def _template_bytes() -> bytes:
    return resources.files("presets").joinpath("bindings", "serum1_init.fxp").read_bytes()


def serum1_template() -> Serum1:
    """Serum's init patch, open for editing: of format 0.156, which every Serum since 2018 reads."""
    return decode_serum1(_template_bytes())


def patch_to_serum1(patch: Patch, template: Serum1 | None = None) -> tuple[bytes, tuple[str, ...]]:
    """The patch as an .fxp file, and in sentences what became something else or is lost.

    Args:
        template: what stays where the patch says nothing (a preset of the user's, or a state captured from a running
            Serum); it is changed. None: Serum's init patch.

    Raises:
        PresetError: the template cannot hold it.
    """
    sound, report = patch_to_sound(patch)
    preset = template or serum1_template()
    write_sound(sound, preset, report)
    return preset.encode(), report.lines()


def write_sound(sound: Sound, preset: Serum1, report: Report, author: str = AUTHOR) -> None:
    """Sets everything that a Sound says in a preset; raises PresetError."""
    state = preset.state
    _write_knobs(sound, preset, report)
    if not state.layout.is_old:
        for name, value in sound.switches.items():
            if name in _known_switches():
                state.set_switch(name, value)
    _write_matrix(sound, preset, report)
    for number in range(1, state.layout.n_lfos + 1):
        preset.set_lfo(number, sound.lfos.get(number, INIT_LFO))
    for oscillator in OSCILLATORS:
        _write_table(preset, oscillator, sound.tables.get(oscillator))
    if sound.noise:
        preset.name_noise(sound.noise)
    state.set_fx_order(sound.order)
    preset.name = _fitting(sound.name or "WhisperSynth", MAX_NAME)
    state.set_text("author", _fitting(author, 47))
    state.set_text("description", _fitting(sound.comment, 135))


@cache
def _known_switches() -> frozenset[str]:
    return frozenset(serum()["init_switches"])


def _write_knobs(sound: Sound, preset: Serum1, report: Report) -> None:
    state = preset.state
    known = {row.name for row in parameters()[: state.layout.parameters]}
    for name, raw in sound.raws.items():
        if name in known and not name.startswith(("Mod", "LFO")):
            state.set_raw(name, raw)
    for name, choice in sound.choices.items():
        if name not in known:
            continue
        row = parameter(name)
        if choice in row.choices[: menu_size(row, state.format)]:
            state.set_choice(name, choice)
        else:
            report.approximated.append(
                f"Serum's {name} {choice} is not in this version of Serum and is left out"
            )


def _write_matrix(sound: Sound, preset: Serum1, report: Report) -> None:
    room = preset.state.layout.n_slots
    for number in range(1, room + 1):
        slot = sound.slots[number - 1] if number <= len(sound.slots) else Slot()
        preset.set_slot(number, slot)
    for slot in sound.slots[room:]:
        report.lost.append(
            f"The routing from {slot.source} to {slot.destination} is left out: {room} slots are taken"
        )


def _write_table(preset: Serum1, oscillator: str, table: Table | None) -> None:
    if table is not None and table.frames is not None:
        preset.set_table(oscillator, table.frames)
    else:
        preset.name_table(oscillator, table.name if table else "")


def _fitting(text: str, n_bytes: int) -> str:
    """The beginning of a text, in one line."""
    line = " ".join(text.replace("\0", " ").split())
    return line.encode("utf-8", "replace")[:n_bytes].decode("utf-8", "ignore")


# -- reading -------------------------------------------------------------------------------------------------------


def serum1_to_patch(preset: Serum1, note: int = 60, *, own: bool = True) -> Reading:
    """Reads a preset into the canonical schema, saying what it carries, approximates and loses.

    Args:
        own: keep embedded wavetables as the patch's own data; without it they become the standard ones most like them.

    Raises:
        PresetError: the preset is damaged.
    """
    return sound_to_reading(read_sound(preset), note, own=own)


def read_sound(preset: Serum1) -> Sound:
    """A preset in Serum's terms; raises PresetError."""
    state, sound = preset.state, init_sound()
    menus = {row.name for row in parameters() if row.choices}
    for name, raw in state.raws().items():
        if name in menus:
            sound.choices[name] = state.choice(name)
        else:
            sound.raws[name] = raw
    if not state.layout.is_old:
        sound.switches |= {name: state.switch(name) for name in serum()["init_switches"]}
    numbers = range(1, state.layout.n_slots + 1)
    sound.slots = [preset.slot(number) for number in numbers]
    used = {name for slot in sound.slots for name in (slot.source, slot.aux)}
    sound.lfos = {n: preset.lfo(n) for n in range(1, state.layout.n_lfos + 1) if f"LFO {n}" in used}
    sound.tables = {o: Table(preset.table(o), state.text(f"table_{o}")) for o in OSCILLATORS}
    sound.noise, sound.order = state.text("noise"), state.fx_order()
    sound.name, sound.author, sound.comment = (state.text(k) for k in ("name", "author", "description"))
    return sound
