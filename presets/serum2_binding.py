"""Serum 2: Patch -> .SerumPreset and back, by the table in bindings/serum2.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import Any

from presets.knob_laws import KNOB_LAWS
from presets.laws import Law
from presets.patch import Patch
from presets.serum1_curves import Curve, Lfo
from presets.serum1_matrix import NONE, STRAIGHT, Slot
from presets.serum2 import Curve2, Serum2, Slot2, decode_serum2
from presets.serum_reading import sound_to_reading
from presets.serum_sound import TRIANGLE, Report, Sound, Table, init_raw, init_sound, named_routes
from presets.serum_writing import patch_to_sound
from presets.vital import Reading

AUTHOR = "WhisperSynth"
VOICE_FILTERS = 2
N_LFOS, N_SLOTS, N_MACROS = 10, 64, 8
ROUTED = {"osc1": 0, "osc2": 1, "osc3": 2, "sub": 4, "noise": 3}  # canonical section -> its RoutingSlot
OSCILLATORS = {"A": 0, "B": 1, "C": 2}
FLAGS = {"kParamBeatSync": ("hz", 1.0), "kParamDotted": ("dotted", 0.0), "kParamTriplets": ("triplet", 0.0)}
LFO_MODES = {"Envelope": (True, True), "Free": (False, False), "": (True, False)}
COMPRESSOR_AS_SERUM1 = {
    "kParamGain0": 4.6,
    "kParamGain2": 4.6,
    "kParamRatioBelow": 0.75,
    "kParamCompensatedWetDry": 0.0,
}
CHAOTIC = ("Lorenz", "Rossler", "RandomSH")
FOREIGN_REVERB = "kParamType"


# -- the table -----------------------------------------------------------------------------------------------------


@cache
def serum2() -> dict[str, Any]:
    """bindings/serum2.toml, as parsed."""
    return tomllib.loads(resources.files("presets").joinpath("bindings", "serum2.toml").read_text("utf-8"))


@cache
def knobs() -> Mapping[str, Law]:
    """Serum 1's name -> module, parameter and law, for what is no effect."""
    table, out = serum2(), dict[str, Law]()
    out |= table["fixed"]
    for letter, i in OSCILLATORS.items():
        out |= _filled(table["osc"], o=letter, i=i)
    for k in range(VOICE_FILTERS):
        out |= _filled(table["filter"], f="2" if k else "", k=k)
    for family, count in (("env", 3), ("macro", N_MACROS), ("lfo", N_LFOS)):
        for k in range(count):
            out |= {n: law for n, law in _filled(table[family], n=k + 1, k=k).items()}
    del out["Env1 Hld"]  # which Serum 1 spells Env1 Hold
    return out


def _filled(rows: Mapping[str, Law], **places: object) -> dict[str, Law]:
    return {name.format(**places): {**law, "at": law["at"].format(**places)} for name, law in rows.items()}


def stored(law: Law, raw: float) -> float:
    """What Serum 2 stores for a knob at raw 0..1."""
    return KNOB_LAWS[law.get("law", "span")].decode(raw, law)


def raw_of(law: Law, value: float) -> float:
    """The opposite of stored."""
    return min(max(KNOB_LAWS[law.get("law", "span")].encode(value, law), 0.0), 1.0)


def _is_written_alone(name: str) -> bool:
    """LFOs are written with their shapes."""
    return name.startswith("LFO")


# -- writing -------------------------------------------------------------------------------------------------------


@cache
def _template_bytes() -> bytes:
    return resources.files("presets").joinpath("bindings", "serum2_init.SerumPreset").read_bytes()


def serum2_template() -> Serum2:
    """Serum 2's init patch, open for editing; raises PresetError when a package is missing."""
    return decode_serum2(_template_bytes())


def patch_to_serum2(patch: Patch, template: Serum2 | None = None) -> tuple[bytes, tuple[str, ...]]:
    """The patch as a .SerumPreset file, and in sentences what became something else or is lost.

    Args:
        template: what stays where the patch says nothing; it is changed. None: Serum 2's init patch.

    Raises:
        PresetError: the template cannot hold it, or a package that the format needs is missing.
    """
    sound, report = patch_to_sound(patch, VOICE_FILTERS)
    preset = template or serum2_template()
    write_sound(sound, preset, report)
    return preset.encode(), report.lines()


def write_sound(sound: Sound, preset: Serum2, report: Report, author: str = AUTHOR) -> None:
    """Sets everything that a Sound says in a preset; raises PresetError."""
    _write_knobs(sound, preset)
    positions = _write_effects(sound, preset)
    _write_menus(sound, preset)
    _write_routes(sound, preset)
    for number in range(1, N_LFOS + 1):
        _write_lfo(preset, number, sound.lfos.get(number))
    for number in range(1, N_SLOTS + 1):
        slot = sound.slots[number - 1] if number <= len(sound.slots) else None
        preset.set_slot(number, _slot2(slot, positions, report) if slot else Slot2())
    for oscillator, table in sound.tables.items():
        _write_table(preset, oscillator, table)
    _write_chaos(sound, preset)
    if sound.noise:
        preset.module("Oscillator3/NoiseOsc3")["relativePathToNoiseSample"] = sound.noise
    preset.set_text("presetName", sound.name or AUTHOR)
    preset.set_text("presetAuthor", author)
    preset.set_text("presetDescription", sound.comment)
    tags = [
        "Wavetable",
        *(["Embedded-Data"] if sound.tables else []),
        "Mono" if sound.switches["mono"] else "Poly",
    ]
    preset.head["tags"] = preset.tree["tags"] = tags


def _write_table(preset: Serum2, oscillator: str, table: Table) -> None:
    if table.frames is not None:
        preset.set_table(oscillator, table.frames)
    elif table.name:
        preset.name_table(oscillator, table.name, 1)
        module = preset.module(f"Oscillator{'abc'.index(oscillator)}/WTOsc{'abc'.index(oscillator)}")
        del module["numFrames"]  # only the file knows


def _write_chaos(sound: Sound, preset: Serum2) -> None:
    """Serum 1's chaos is what LFO 9 and 10 of Serum 2 can be, as its own importer makes them."""
    used = {name for slot in sound.slots for name in (slot.source, slot.aux)}
    for n, kind in ((1, "Lorenz"), (2, "Rossler")):
        if f"Chaos {n}" not in used:
            continue
        held = float(sound.switches[f"chaos{n}_hold"]) >= 0.5
        values: dict[str, float | str] = {
            "kParamType": "RandomSH" if held else kind, "kParamRate": 100 * sound.raws[f"Chaos{n} Rate"] ** 5,
            "kParamRate10x": 1.0, "kParamBeatSync": sound.raws[f"Chaos{n} BPM"], "kParamDotted": 1.0,
            "kParamTriplets": 1.0, "kParamDefaultMode": 0.0, "kParamMono": float(sound.switches[f"chaos{n}_mono"]),
        }  # fmt: skip
        for name, value in values.items():
            preset.set_parameter(f"LFO{n + 7}", name, value)


def _write_knobs(sound: Sound, preset: Serum2) -> None:
    for name, law in knobs().items():
        if name in sound.raws and not _is_written_alone(name):
            preset.set_parameter(law["at"], law["param"], stored(law, sound.raws[name]))
    for name, place in serum2()["switches"].items():
        if name in sound.switches:
            preset.set_parameter(place["at"], place["param"], float(sound.switches[name]))
    preset.set_parameter("Global0", "kParamS1Compatibility", 1.0)  # as Serum's own importer does
    for letter, i in OSCILLATORS.items():
        mode = sound.switches.get(f"unison_mode_{letter.lower()}", "Linear")
        spelled = serum2()["unison_modes"][mode]
        preset.set_parameter(f"Oscillator{i}", "kParamDetuneMode", spelled if mode != "Linear" else None)


def _write_effects(sound: Sound, preset: Serum2) -> dict[str, int]:
    """The main rack anew; where each effect stands in it."""
    rack, positions = preset.module("FXRack0"), dict[str, int]()
    rack["FX"] = []
    for name in sound.order:
        effect = serum2()["effects"].get(name)
        if effect is None or sound.raws[effect["on"]] < 0.5:
            continue
        positions[name] = len(rack["FX"])
        values: dict[str, float | str] = {
            law["param"]: stored(law, sound.raws[knob]) for knob, law in effect["knobs"].items()
        }
        if name == "Comp":
            values |= COMPRESSOR_AS_SERUM1
        if name == "Rev":
            values |= _reverb(sound)
        if name == "Dist" and sound.choices["Dist_Mode"] == "Diode 1":
            values["kParamDrive"] = 12.5 + 87.5 * sound.raws["Dist_Drv"]  # as Serum 2's importer does
        rack["FX"].append({"type": effect["type"], effect["module"]: {"plainParams": values}})
    return positions


def _reverb(sound: Sound) -> dict[str, float | str]:
    if sound.switches["reverb_hall"]:
        return {"kParamType": "kHall"}
    return {"kParamType": "kPlate", "kParamDelay": 0.0, "kParamPreDelay": 0.25 * sound.raws["Decay"] ** 2}


def _write_menus(sound: Sound, preset: Serum2) -> None:
    for name, menu in serum2()["menus"].items():
        chosen = sound.choices.get(name)
        if chosen is None:
            continue
        value = _entries(menu).get(_neutral(chosen))
        if value is None:
            continue
        if "at" in menu:
            preset.set_parameter(menu["at"], menu["param"], value)
            if name.startswith("WarpOsc"):
                preset.set_parameter(menu["at"], "kParamWarpVar", serum2()["windows"].get(chosen))
        else:
            _set_in_rack(preset, menu, value)


def _set_in_rack(preset: Serum2, menu: Mapping[str, Any], value: float | str) -> None:
    module = serum2()["effects"][menu["effect"]]["module"]
    for place, (found, _) in enumerate(preset.effects(0)):
        if found == module:
            preset.set_effect(0, place, menu["param"], value)


def _neutral(chosen: str) -> str:
    """FM and its like are named after the other oscillator."""
    return chosen.replace("from A", "other").replace("from B", "other")


@cache
def _filters() -> dict[str, str]:
    from presets.serum1_layout import parameter

    return dict(zip(parameter("Fil Type").choices, serum2()["filters"]["names"], strict=True))


def _entries(menu: Mapping[str, Any]) -> dict[str, Any]:
    return _filters() if menu["entries"] == "filters" else serum2()["entries"][menu["entries"]]


def _write_routes(sound: Sound, preset: Serum2) -> None:
    routes = named_routes(sound)
    for section, number in ROUTED.items():
        destination, balance = serum2()["routes"][routes.get(section, "effects")]
        preset.set_parameter(f"RoutingSlot{number}", "kParamRoutingDest", destination)
        preset.set_parameter(f"RoutingSlot{number}", "kParamFilterBalance", balance or None)


def _write_lfo(preset: Serum2, number: int, lfo: Lfo | None) -> None:
    path = f"LFO{number - 1}"
    preset.set_curve(number, None if lfo is None else _curve2(lfo.curve))
    values: dict[str, float | str | None] = dict.fromkeys(
        (*FLAGS, "kParamRate", "kParamSmooth", "kParamRise")
    )
    values |= dict.fromkeys(("kParamDelay", "kParamMode", "kParamDefaultMode", "kParamAnchored"))
    if lfo is not None:
        mode = {flags: name for name, flags in LFO_MODES.items()}.get((lfo.retrigger, lfo.envelope), "")
        values |= {
            "kParamRate": 100 * lfo.rate**4, "kParamSmooth": 100 * lfo.smooth, "kParamRise": 4 * lfo.rise,
            "kParamDelay": 4 * lfo.delay, "kParamBeatSync": float(not lfo.hz), "kParamDotted": float(lfo.dotted),
            "kParamTriplets": float(lfo.triplet), "kParamMode": mode or None,
            "kParamDefaultMode": float(not mode), "kParamAnchored": float(lfo.anchor),
        }  # fmt: skip
    for name, value in values.items():
        preset.set_parameter(path, name, value)


def _curve2(curve: Curve) -> Curve2:
    """Serum 2 stores a tension more than there are segments."""
    return Curve2(curve.x, curve.y, (*curve.tension, 0.5))


def _slot2(slot: Slot, positions: Mapping[str, int], report: Report) -> Slot2:
    target = _target(slot.destination, positions)
    if target is None and not (slot.destination and slot.source != NONE):
        return Slot2()
    if target is None:
        report.lost.append(
            f"The routing from {slot.source} to {slot.destination} is left out: Serum 2 has no name for it"
        )
        return Slot2()
    module, instance, param, local = target
    travel = serum2()["travel"].get(param, 1.0)
    values: dict[str, float | str] = {"kParamAmount": 100 * slot.amount * travel}
    if slot.out < 1:
        values["kParamOut"] = 100 * slot.out
    if slot.bypass:
        values["kParamBypass"] = 1.0
    if slot.bipolar:
        values["kParamBipolar"] = 1.0
    if slot.aux_inverted:
        values["kParamAuxInverted"] = 1.0
    sources = serum2()["sources"]
    return Slot2(
        sources[slot.source], sources[slot.aux], module, instance, param, local, tuple(sorted(values.items()))
    )


def _target(control: str, positions: Mapping[str, int]) -> tuple[str, int, str, int] | None:
    """Module, instance, parameter and its number of a destination."""
    law = knobs().get(control)
    if law is not None and "id" in law:
        word = law["at"].rpartition("/")[2]
        return word.rstrip("0123456789"), int(word[len(word.rstrip("0123456789")) :]), law["param"], law["id"]
    for name, effect in serum2()["effects"].items():
        found = effect["knobs"].get(control)
        if found and "id" in found and name in positions:
            return effect["module"], positions[name], found["param"], found["id"]
    return None


# -- reading -------------------------------------------------------------------------------------------------------


def serum2_to_patch(preset: Serum2, note: int = 60, *, own: bool = True) -> Reading:
    """Reads a preset into the canonical schema, saying what it carries, approximates and loses.

    Args:
        own: keep embedded wavetables as the patch's own data; without it they become the standard ones most like them.

    Raises:
        PresetError: the preset is damaged.
    """
    return sound_to_reading(read_sound(preset), note, VOICE_FILTERS, own=own)


def read_sound(preset: Serum2) -> Sound:
    """A preset in Serum's terms; raises PresetError."""
    sound = init_sound()
    known: set[tuple[str, str]] = set()
    _read_knobs(preset, sound, known)
    _read_menus(preset, sound, known)
    _read_effects(preset, sound)
    _read_routes(preset, sound, known)
    sound.lfos = {n: _read_lfo(preset, n, known) for n in range(1, N_LFOS + 1)}
    sound.slots = [_read_slot(preset.slot(n)) for n in range(1, N_SLOTS + 1)]
    _read_chaos(preset, sound, known)
    for letter in OSCILLATORS:
        sound.tables[letter.lower()] = Table(preset.table(letter.lower()), preset.table_path(letter.lower()))
    sound.noise = str(preset.module("Oscillator3/NoiseOsc3").get("relativePathToNoiseSample", ""))
    sound.name, sound.author = preset.text("presetName"), preset.text("presetAuthor")
    sound.comment = preset.text("presetDescription")
    _note_foreign(preset, sound, known)
    return sound


def _read_knobs(preset: Serum2, sound: Sound, known: set[tuple[str, str]]) -> None:
    for name, law in knobs().items():
        known.add((law["at"], law["param"]))
        value = _value(preset, law["at"], law["param"])
        sound.raws[name] = raw_of(law, float(value)) if isinstance(value, float | int) else init_raw(name)
    for name, place in serum2()["switches"].items():
        known.add((place["at"], place["param"]))
        value = _value(preset, place["at"], place["param"])
        sound.switches[name] = float(value) if isinstance(value, float | int) else place.get("default", 0.0)
    modes = {spelled: mode for mode, spelled in serum2()["unison_modes"].items()}
    for letter, i in OSCILLATORS.items():
        known.add((f"Oscillator{i}", "kParamDetuneMode"))
        spelled = str(_value(preset, f"Oscillator{i}", "kParamDetuneMode") or "")
        if letter != "C":
            sound.switches[f"unison_mode_{letter.lower()}"] = modes.get(spelled, "Linear")
        if str(_value(preset, f"Oscillator{i}", "kParamType") or "kOsc_WT") != "kOsc_WT":
            _leave_out(sound, letter, i)


def _leave_out(sound: Sound, letter: str, i: int) -> None:
    """An oscillator that plays no wavetable."""
    name = f"Osc {letter} On"
    if sound.raws.get(name, 0.0) >= 0.5:
        sound.foreign.add(f"Oscillator{i} kParamType")
    sound.raws[name] = 0.0


def _value(preset: Serum2, path: str, name: str) -> float | str | None:
    """What is stored; None where nothing is, or where an older preset has no such module."""
    module: Any = preset.tree
    for key in path.split("/"):
        module = module.get(key) if isinstance(module, dict) else None
    plain = module.get("plainParams") if isinstance(module, dict) else None
    value = plain.get(name) if isinstance(plain, dict) else None
    return value if isinstance(value, float | int | str) else None


def _read_menus(preset: Serum2, sound: Sound, known: set[tuple[str, str]]) -> None:
    for name, menu in serum2()["menus"].items():
        if "at" not in menu:
            continue
        known |= {(menu["at"], menu["param"]), (menu["at"], "kParamWarpVar")}
        value = _value(preset, menu["at"], menu["param"])
        sound.choices.setdefault(name, sound.choices.get(name.replace("Fil2", "Fil"), ""))
        if value is not None:
            _choose(sound, name, menu, value)
        var = _value(preset, menu["at"], "kParamWarpVar")
        if sound.choices[name] == "Sync" and isinstance(var, float | int):
            sound.choices[name] = "Sync Window" if var > 0.75 else "Sync 1/2 Win." if var > 0.25 else "Sync"


def _choose(sound: Sound, name: str, menu: Mapping[str, Any], value: float | str) -> None:
    entries = {_entry_key(v): k for k, v in reversed(_entries(menu).items())}
    if name.startswith("WarpOsc"):
        entries |= serum2()["entries"]["warps_read"]
    chosen = entries.get(_entry_key(value))
    if chosen is None:
        sound.foreign.add(f"{name} {value}")
        return
    other = "from A" if name == "WarpOscB" else "from B"
    sound.choices[name] = chosen.replace("other", other)


def _entry_key(value: float | str) -> float | str:
    return value if isinstance(value, str) else round(float(value), 3)


def _read_effects(preset: Serum2, sound: Sound) -> None:
    """The main rack; a second effect of a kind, and other racks, are foreign."""
    table = serum2()["effects"]
    by_module = {effect["module"]: name for name, effect in table.items()}
    order: list[str] = []
    for rack in range(3):
        for module, values in preset.effects(rack):
            name = by_module.get(module)
            if values.get("kParamEnable", 1.0) == 0.0:
                continue
            if rack or name is None or name in order:
                sound.foreign.add(f"{module} of rack {rack}")
                continue
            order.append(name)
            _read_effect(sound, name, table[name], values)
    sound.order = (*order, *(name for name in sound.order if name not in order))


def _read_effect(
    sound: Sound, name: str, effect: Mapping[str, Any], values: Mapping[str, float | str]
) -> None:
    sound.raws[effect["on"]] = 1.0
    laws = {law["param"]: (knob, law) for knob, law in effect["knobs"].items()}
    menus = {m["param"]: (n, m) for n, m in serum2()["menus"].items() if m.get("effect") == name}
    for param, value in values.items():
        if param in laws and not isinstance(value, str):
            sound.raws[laws[param][0]] = raw_of(laws[param][1], float(value))
        elif param in menus:
            _choose(sound, *menus[param], value)
        elif param == FOREIGN_REVERB:
            sound.switches["reverb_hall"] = float(value == "kHall")
            if value not in ("kHall", "kPlate"):
                sound.foreign.add(f"{effect['module']} {value}")
        elif name == "Rev" and param == "kParamPreDelay" and not isinstance(value, str):
            sound.raws["Decay"] = min(max(value / 0.25, 0.0), 1.0) ** 0.5  # the knob is the Hall's decay
        elif param not in COMPRESSOR_AS_SERUM1 and param != "kParamEnable":
            sound.foreign.add(f"{effect['module']} {param}")
    if name == "Dist" and sound.choices["Dist_Mode"] == "Diode 1":
        sound.raws["Dist_Drv"] = min(
            max((sound.raws["Dist_Drv"] - 0.125) / 0.875, 0.0), 1.0
        )  # as it is written


def _read_routes(preset: Serum2, sound: Sound, known: set[tuple[str, str]]) -> None:
    """Where the noise and the sub go by default is not known; taken for the effects."""
    destinations = {"kRoutingDestFilter": "", "kRoutingDestDirect": "direct", "kRoutingDestMaster": "effects"}
    for section, number in ROUTED.items():
        path = f"RoutingSlot{number}"
        known |= {(path, "kParamRoutingDest"), (path, "kParamFilterBalance")}
        stored_at = str(
            _value(preset, path, "kParamRoutingDest") or ("kRoutingDestFilter" if not number else "")
        )
        balance = float(_value(preset, path, "kParamFilterBalance") or 0.0)
        through = "filter1" if balance < 25 else "filter2" if balance > 75 else "both"
        sound.routes[section] = destinations.get(stored_at, "effects") or through


def _read_lfo(preset: Serum2, number: int, known: set[tuple[str, str]]) -> Lfo:
    path = f"LFO{number - 1}"

    def value(name: str, default: float) -> float:
        known.add((path, name))
        held = _value(preset, path, name)
        return default if held is None or isinstance(held, str) else float(held)

    known |= {(path, name) for name in ("kParamMode", "kParamDefaultMode", "kParamAnchored")}
    mode = LFO_MODES.get(str(_value(preset, path, "kParamMode") or ""), LFO_MODES[""])
    drawn = preset.curve(number)
    curve = TRIANGLE if drawn is None else Curve(drawn.x, drawn.y, drawn.tension[: len(drawn.x) - 1])
    unit = {name: min(max(x, 0.0), 1.0) for name, x in (
        ("rate", (max(value("kParamRate", 6.25), 0.0) / 100) ** 0.25), ("smooth", value("kParamSmooth", 0.0) / 100),
        ("delay", value("kParamDelay", 0.0) / 4), ("rise", value("kParamRise", 0.0) / 4),
    )}  # fmt: skip
    hz = value("kParamBeatSync", 1.0) < 0.5
    dotted, triplet = value("kParamDotted", 0.0) >= 0.5, value("kParamTriplets", 0.0) >= 0.5
    return Lfo(
        curve, unit["rate"], unit["smooth"], unit["delay"], unit["rise"], True, hz, dotted, triplet, *mode
    )


def _read_chaos(preset: Serum2, sound: Sound, known: set[tuple[str, str]]) -> None:
    """LFO 9 and 10 as Serum 2's importer makes them of Serum 1's chaos are that again."""
    for n in (1, 2):
        path, chaos = f"LFO{n + 7}", f"Chaos {n}"
        kind = _value(preset, path, "kParamType")
        if kind not in CHAOTIC:
            continue
        known |= {(path, name) for name in _stored_names(preset, path)}
        renamed = {f"LFO {n + 8}": chaos}
        sound.slots = [
            replace(s, source=renamed.get(s.source, s.source), aux=renamed.get(s.aux, s.aux))
            for s in sound.slots
        ]
        rate, synced = (_value(preset, path, name) for name in ("kParamRate", "kParamBeatSync"))
        sound.raws[f"Chaos{n} Rate"] = min(float(rate or 0.1) / 100, 1.0) ** 0.2
        sound.raws[f"Chaos{n} BPM"] = float(synced or 0.0)
        sound.switches[f"chaos{n}_hold"] = float(kind == "RandomSH")
        sound.switches[f"chaos{n}_mono"] = float(_value(preset, path, "kParamMono") or 0.0)


def _read_slot(slot: Slot2) -> Slot:
    if not slot.source:
        return Slot()
    names = {number: name for name, number in serum2()["sources"].items()}
    values = dict(slot.values)

    def number(name: str, default: float) -> float:
        held = values.get(name, default)
        return default if isinstance(held, str) else float(held)

    source, aux = (names.get(k, f"#{k}") for k in (slot.source, slot.aux))
    amount = number("kParamAmount", 0.0) / 100 / serum2()["travel"].get(slot.parameter, 1.0)
    bent = {"kParamCurveIn", "kParamAuxCurve"} & {n for n, v in values.items() if v}
    return Slot(
        source, aux if slot.aux else NONE, _control(slot), min(max(amount, -1.0), 1.0),
        min(max(number("kParamOut", 100.0) / 100, 0.0), 1.0), number("kParamBipolar", 0.0) >= 0.5,
        number("kParamAuxInverted", 0.0) >= 0.5, number("kParamBypass", 0.0) >= 0.5, STRAIGHT - bool(bent),
    )  # fmt: skip


@cache
def _controls() -> dict[tuple[str, str], str]:
    """Module with its number, parameter -> Serum 1's name of the control; effects without a number."""
    out = {
        (law["at"].rpartition("/")[2], law["param"]): name for name, law in reversed(list(knobs().items()))
    }
    for effect in serum2()["effects"].values():
        out |= {(effect["module"], law["param"]): knob for knob, law in effect["knobs"].items()}
    return out


def _control(slot: Slot2) -> str:
    found = _controls().get((f"{slot.module}{slot.module_id}", slot.parameter))
    return found or _controls().get((slot.module, slot.parameter)) or f"{slot.module} {slot.parameter}"


def _note_foreign(preset: Serum2, sound: Sound, known: set[tuple[str, str]]) -> None:
    """What is set in a module that sounds, and stands in no table."""
    used = {name for slot in sound.slots for name in (slot.source, slot.aux)}
    for path, on in _sounding(sound, used):
        for name in _stored_names(preset, path) if on else ():
            if (path, name) not in known:
                sound.foreign.add(f"{path} {name}")


def _sounding(sound: Sound, used: set[str]) -> Iterator[tuple[str, bool]]:
    for letter, i in OSCILLATORS.items():
        on = sound.raws.get(f"Osc {letter} On", 0.0) >= 0.5
        yield from ((f"Oscillator{i}", on), (f"Oscillator{i}/WTOsc{i}", on))
    for i, letter in ((3, "N"), (4, "S")):
        yield f"Oscillator{i}", sound.raws[f"Osc {letter} On"] >= 0.5
    yield from (
        (f"VoiceFilter{k}", sound.raws.get(f"Filter{k + 1 if k else ''} On", 0.0) >= 0.5) for k in (0, 1)
    )
    yield from ((f"Env{k}", k == 0 or f"Env {k + 1}" in used) for k in range(4))
    yield from ((f"LFO{k}", f"LFO {k + 1}" in used) for k in range(N_LFOS))
    yield from ((f"RoutingSlot{number}", True) for number in range(7))


def _stored_names(preset: Serum2, path: str) -> list[str]:
    module: Any = preset.tree
    for key in path.split("/"):
        module = module.get(key, {}) if isinstance(module, dict) else {}
    plain = module.get("plainParams") if isinstance(module, dict) else None
    return list(plain) if isinstance(plain, dict) else []
