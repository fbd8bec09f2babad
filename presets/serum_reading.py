"""A sound in Serum's terms as a Patch: what it carries, what became something near, what is lost."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cache

import numpy as np

from presets.patch import Asset, Patch
from presets.schema import OWN, Parameter, Value, wavetable_synth
from presets.serum1_matrix import NONE, Slot
from presets.serum_effects import read_effects
from presets.serum_motion import read_lfos, read_slots
from presets.serum_sound import (
    INIT_LFO,
    LETTERS,
    Sound,
    Table,
    decode,
    entry,
    init_raw,
    init_sound,
    is_far,
    rows,
    second_filter,
    serum,
    shown,
    switch_routes,
)
from presets.serum_writing import VOLUME_DB, drive_gain_db
from presets.tables import FRAME_SIZE, table_frames
from presets.vital import Reading, sub_frames
from presets.vital_shapes import nearest_table

OFF_INIT = 1e-3  # of a knob's travel: what is further off was set by somebody
SAME_SHAPE = 1e-3  # of a point of a drawn LFO
EFFECTS = {
    "Dist": "Dist Enable", "Flg": "Flg Enable", "Phs": "Phs Enable", "Cho": "Cho Enable", "Dly": "Dly Enable",
    "Comp": "Comp Enable", "Rev": "Rev Enable", "EQ": "EQ Enable", "Fil": "FX Fil Enable", "Hyp": "Hyp Enable",
}  # fmt: skip


def sound_to_reading(sound: Sound, note: int = 60, voice_filters: int = 1, *, own: bool = True) -> Reading:
    """The sound in the schema's words.

    Args:
        voice_filters: how many filters a voice of that Serum has.
        own: keep embedded tables as the patch's own data; without it they become the standard ones most like them.
    """
    if voice_filters > 1 and sound.raws.get("Filter2 On", 0.0) < 0.5 <= sound.raws.get("FX Fil Enable", 0.0):
        switch_routes(sound)  # its second filter is the one among the effects
        voice_filters = 1
    reader = Reader(sound, voice_filters, own)
    for part in (
        read_filter_types,
        read_rows,
        read_oscillators,
        read_sub,
        read_noise,
        read_filters,
        read_voice,
    ):
        part(reader)
    read_effects(reader)
    read_lfos(reader)
    read_slots(reader)
    return reader.reading(note)


# -- what is in use ------------------------------------------------------------------------------------------------


def active_controls(sound: Sound) -> set[str]:
    """Controls in use: off Serum's init, with their section on; routings as `slot 3`, drawn LFOs as `LFO1 shape`."""
    init = init_sound()
    active = {n for n, raw in sound.raws.items() if abs(raw - init_raw(n)) > OFF_INIT}
    active |= {n for n, choice in sound.choices.items() if choice != init.choices.get(n)}
    active |= {n for n, value in sound.switches.items() if value != init.switches.get(n, 0.0)}
    idle = re.compile(serum()["idle"]["match"])
    active = {n for n in active if not idle.match(n) and is_on(sound, n) and not _is_idle_source(sound, n)}
    return active | _active_parts(sound) | sound.foreign


def _active_parts(sound: Sound) -> set[str]:
    """Those that are no knobs."""
    out = {f"slot {n}" for n, slot in enumerate(sound.slots, 1) if is_live(sound, slot)}
    sources = _used_sources(sound)
    for number, lfo in sound.lfos.items():
        if f"LFO {number}" not in sources:
            continue
        if not _same_curve(lfo.curve, INIT_LFO.curve):
            out.add(f"LFO{number} shape")
        if (lfo.hz, lfo.dotted, lfo.triplet, lfo.retrigger, lfo.envelope) != (False,) * 5:
            out.add(f"LFO{number} mode")
        numbers = {"smooth": lfo.smooth, "Delay": lfo.delay, "Rise": lfo.rise, "Rate": lfo.rate - 0.5}
        out |= {f"LFO{number} {name}" for name, value in numbers.items() if abs(value) > OFF_INIT}
    tables = {f"table {o}": t for o, t in sound.tables.items() if not _is_init_table(t)}
    out |= {name for name in tables if is_on(sound, name)}
    if sound.noise and is_on(sound, "noise"):
        out.add("noise sample")
    order = [name for name in sound.order if sound.raws.get(EFFECTS[name], 0.0) >= 0.5]
    if order != sorted(order, key=init_sound().order.index):
        out.add("effects order")
    return out


def _same_curve(a: object, b: object) -> bool:
    rows_a, rows_b = ([getattr(c, k) for k in ("x", "y", "tension")] for c in (a, b))
    return all(
        len(p) == len(q) and np.allclose(p, q, atol=SAME_SHAPE) for p, q in zip(rows_a, rows_b, strict=True)
    )


def _is_init_table(table: Table) -> bool:
    if table.frames is None:
        return not table.name
    return len(table.frames) == 1 and bool(np.allclose(table.frames[0], init_saw(), atol=2e-3))


@cache
def init_saw() -> Asset:
    """The frame of Serum's init patch (2048,)."""
    i = np.arange(FRAME_SIZE)
    return np.asarray(np.where(i < 1024, i / 1024, (i - 2047) / 1024), np.float32)


def is_on(sound: Sound, name: str) -> bool:
    """Whether the section of a control is on."""
    for pattern, gate in _gates():
        if not pattern.match(name):
            continue
        if "on" in gate and name != gate["on"] and sound.raws.get(str(gate["on"]), 0.0) < 0.5:
            return False
        if "used" in gate and gate["used"] not in _used_sources(sound):
            return False
        if "not" in gate and not _differs(sound, *gate["not"]):  # type: ignore[misc]
            return False
    return True


@cache
def _gates() -> tuple[tuple[re.Pattern[str], dict[str, object]], ...]:
    return tuple((re.compile(gate["match"]), gate) for gate in serum()["gates"])


def _differs(sound: Sound, name: str, value: float | str) -> bool:
    if isinstance(value, str):
        return sound.choices.get(name) != value
    held = sound.raws.get(name, sound.switches.get(name, 0.0))
    return abs(float(held) - value) > OFF_INIT


def _used_sources(sound: Sound) -> set[str]:
    return {
        name for slot in sound.slots if slot.amount and not slot.bypass for name in (slot.source, slot.aux)
    }


def _is_idle_source(sound: Sound, name: str) -> bool:
    """A macro or LFO that goes nowhere."""
    number = re.match(r"(Macro|LFO) ?(\d)", name)
    return bool(number) and (number[1] == "LFO" or f"{number[1]} {number[2]}" not in _used_sources(sound))  # type: ignore[index]


def is_live(sound: Sound, slot: Slot) -> bool:
    """Whether a routing moves something that sounds."""
    moves = slot.source != NONE and slot.destination and slot.amount * slot.out and not slot.bypass
    return bool(moves) and is_on(sound, slot.destination)


# -- the reader ----------------------------------------------------------------------------------------------------


class Reader:
    """Reads part after part, noting which of Serum's controls it took."""

    def __init__(self, sound: Sound, voice_filters: int, own: bool) -> None:
        self.sound = sound
        self.voice_filters = voice_filters
        self.keep_own = own
        self.laws = rows(voice_filters)
        self.values: dict[str, Value] = dict(wavetable_synth().defaults)
        self.assets: dict[str, Asset] = {}
        self.lfos: dict[int, str] = {}
        self.eq_band = ""
        self._last = ""  # the control taken last
        self._covered: set[str] = set()
        self._near: set[str] = set()
        self._gone: set[str] = set()
        self._notes: list[tuple[str, str]] = []
        self._lost: list[str] = []

    # what is taken

    def cover(self, *controls: str) -> None:
        self._covered.update(controls)

    def raw(self, control: str) -> float:
        """A knob's raw, which is covered thereby."""
        self.cover(control)
        self._last = control
        return self.sound.raws.get(control, 0.0)

    def choice(self, control: str) -> str:
        self.cover(control)
        return self.sound.choices[control]

    def switch(self, name: str) -> float:
        self.cover(name)
        return float(self.sound.switches.get(name, 0.0))

    # what is told

    def near(self, name: str, text: str, *controls: str) -> None:
        """Tells, if the parameter matters, that controls became something near."""
        self._notes.append((name, text))
        self.cover(*controls)
        self._near.update(controls)

    def lose(self, text: str, *controls: str) -> None:
        self._lost.append(text)
        self._gone.update(controls)

    # what is set

    def number(self, name: str) -> float:
        return float(self.values[name])

    def put(self, name: str, value: Value, quiet: bool = False) -> None:
        """Sets a parameter, clipped to its range, and tells when that makes a difference."""
        row = wavetable_synth()[name]
        if row.kind in ("switch", "choice"):
            self.values[name] = value
            return
        clipped = min(max(float(value), row.low), row.high)
        if (
            not quiet
            and abs(clipped - float(value)) > 0.01 * max(1.0, abs(clipped))
            and is_audible(row, value)
        ):
            self._notes.append(
                (name, f"Serum's {name} of {shown_far(row, value)} became {shown(row, clipped)}")
            )
            self._near.add(self._last)
        self.values[name] = round(clipped) if row.kind == "integer" else clipped

    def put_law(self, name: str, raw: float) -> None:
        """Sets a parameter by its row's law."""
        self.put(name, decode(wavetable_synth()[name], self.laws[name], raw))

    def own(self, name: str, asset: Asset) -> None:
        self.values[name] = OWN
        self.assets[name] = np.ascontiguousarray(asset, np.float32)

    def choose(self, name: str, control: str, table: str) -> str:
        """Sets a choice by a table; Serum's entry."""
        chosen = self.choice(control)
        value, exact = entry(serum()[table]["read"][chosen])
        self.values[name] = value
        if not exact:
            self.near(name, f"Serum's {control} {chosen} became {name} {value}", control)
        return chosen

    # the matrix

    def numbered_slots(self) -> Iterator[tuple[int, Slot]]:
        """Routings in use."""
        return ((n, slot) for n, slot in enumerate(self.sound.slots, 1) if is_live(self.sound, slot))

    def live_slots(self) -> list[Slot]:
        return [slot for _, slot in self.numbered_slots()]

    def source(self, name: str) -> str | None:
        """The schema's word for a source; None when it has none."""
        if name.startswith("LFO "):
            return self.lfos.get(int(name[4:]))
        table = serum()["sources"]
        words: dict[str, str] = {native: word for word, native in table["write"].items()} | table["near"]
        return words.get(name)

    def destination(self, control: str) -> tuple[str, float]:
        """The schema's word for a destination and Serum's amount for Vital's amount 1; "" when it has none."""
        if control in ("EQ FrqL", "EQ FrqH") and control != self.eq_band:
            return "", 1.0
        lfo = re.fullmatch(r"LFO(\d) Rate", control)
        if lfo:
            word = self.lfos.get(int(lfo[1]))
            return (f"{word}.rate" if word else ""), 1.386
        return self._destinations().get(control, ("", 1.0))

    def _destinations(self) -> dict[str, tuple[str, float]]:
        table = serum()["destinations"]
        known = {
            law["control"]: (word, float(law.get("scale", 1.0))) for word, law in reversed(table.items())
        }
        known |= {
            c: (law["to"], float(law.get("scale", 1.0))) for c, law in serum()["destinations_read"].items()
        }
        known["Mast.Tun"] = ("voice.pitch", float(table["voice.pitch"]["scale"]))
        known["EQ FrqH"] = known["EQ FrqL"]
        if self.values["sub.on"] and self.sound.raws.get("Osc C On", 0.0) >= 0.5:
            known |= {"C Vol": ("sub.level", 1.0), "C CoarsePit": ("sub.pitch", known["A CoarsePit"][1])}
        if self.voice_filters > 1:
            scale = float(table["filter1.cutoff"]["scale"])
            known |= {self.laws["filter2.cutoff"]["control"]: ("filter2.cutoff", scale)}
            known |= {self.laws["filter2.resonance"]["control"]: ("filter2.resonance", 1.0)}
        return known

    # the end

    def reading(self, note: int) -> Reading:
        sound = self.sound
        comment = f"{sound.comment}\nby {sound.author}".strip() if sound.author else sound.comment
        patch = Patch(self.values, note=note, assets=self.assets, name=sound.name, comment=comment)
        active = active_controls(sound)
        covered = (self._covered - self._gone) & active
        told = [text for name, text in self._notes if name.startswith("mod ") or patch.matters(name)]
        lost = [
            *self._lost,
            *(f"Serum's {name} has no word here" for name in sorted(active - covered - self._gone)),
        ]
        return Reading(
            patch, tuple(dict.fromkeys(told)), tuple(lost), len(active), frozenset(covered), "Serum", frozenset(active),
            frozenset(self._near & covered),
        )  # fmt: skip


def is_audible(row: Parameter, value: Value) -> bool:
    """Whether it matters that a value lies beyond a row: not when it is a level too low to hear."""
    return not (row.unit == "dB" and float(value) < row.low)


def shown_far(row: Parameter, value: Value) -> str:
    return f"{float(value):.3g} {row.unit}".strip()


# -- rows ----------------------------------------------------------------------------------------------------------


def read_rows(r: Reader) -> None:
    """Every row of the table whose section is on; LFOs are read with their shapes."""
    schema = wavetable_synth()
    for name, law in r.laws.items():
        row = schema[name]
        if row.section.startswith("lfo"):
            continue
        if not schema.matters(row, r.values) and not row.section.startswith("env"):
            continue
        value = decode(row, law, r.raw(law["control"]))
        if law.get("ends"):
            value = min(max(float(value), row.low), row.high)
        r.put(name, value)
        if "near" in law and is_far(row, r.values[name], row.default):
            r.near(name, f"Serum's {law['control']} became {name}, {law['near']}", law["control"])


# -- oscillators ---------------------------------------------------------------------------------------------------


def read_oscillators(r: Reader) -> None:
    for section, letter in LETTERS.items():
        r.cover(f"Osc {letter} On")
        if not r.values[f"{section}.on"]:
            continue
        _read_table(r, section, letter)
        _read_warp(r, section, letter)
        _read_unison(r, section, letter)
        _read_route(r, section, f"Osc{letter}>Fil", False)


def _read_route(r: Reader, section: str, control: str, direct: bool) -> None:
    if section in r.sound.routes:
        r.values[f"{section}.route"] = r.sound.routes[section]
        r.cover(control, f"route {section}")
        return
    filtered = r.raw(control) >= 0.5
    second = r.voice_filters == 1 and r.sound.raws.get("FX Fil Enable", 0.0) >= 0.5
    through = filtered and (bool(r.values["filter1.on"]) or not second)
    r.values[f"{section}.route"] = (
        "direct" if direct else "filter1" if through else "filter2" if second else "effects"
    )


def _read_table(r: Reader, section: str, letter: str) -> None:
    table, knob = r.sound.tables.get(letter.lower(), Table()), r.raw(f"{letter} WTPos")
    r.cover(f"table {letter.lower()}")
    frames, exact = known_frames(table)
    if frames is None:
        name = named_table(table.name)
        r.put(f"{section}.table", name)
        r.put(f"{section}.position", 100 * knob)
        text = f"Serum's table {table.name} is not in the file and became {name}"
        r.near(f"{section}.table", text, f"table {letter.lower()}")
        return
    if not exact:
        r.near(f"{section}.table", f"Serum's table {table.name} was made anew", f"table {letter.lower()}")
    frame = min(len(frames) - 1, math.floor(knob * len(frames) + 1e-6))
    position = 100 * frame / max(len(frames) - 1, 1)
    if not r.keep_own:
        near = nearest_table(frames[frame])
        r.put(f"{section}.table", near.table)
        r.put(f"{section}.position", near.position)
        r.near(
            f"{section}.table",
            f"Serum's table became {near.table} at {near.position:.0f} %",
            f"table {letter.lower()}",
        )
        return
    r.own(f"{section}.table", frames)
    r.put(f"{section}.position", position)


def known_frames(table: Table) -> tuple[Asset | None, bool]:
    """What a table holds and whether that is exact; None for one of Serum's own that is not known here."""
    if table.frames is not None:
        return table.frames, True
    stem = table.name.rpartition("/")[2].removesuffix(".wav").lower()
    shapes = serum()["tables"]["shapes"].get(stem)
    if shapes is None:
        return None, False
    return np.stack([shape_frame(shape) for shape in shapes]), not table.name


@cache
def shape_frame(shape: str) -> Asset:
    """One frame (2048,) of a plain shape: a name of `sub_frames`, `pulse25` (a quarter of the cycle), `half`."""
    if shape.startswith("pulse"):
        return _pulse(float(shape[5:]) / 100)
    if shape == "half":  # half square, half ramp
        t = np.linspace(-1, 1, FRAME_SIZE, endpoint=False)
        return np.asarray(np.where(t < 0, -1.0, 1 - 2 * t) / 1.0, np.float32)
    return np.asarray(sub_frames(shape)[0])


def _pulse(width: float) -> Asset:
    n = np.arange(1, FRAME_SIZE // 2)
    spectrum = np.zeros(FRAME_SIZE // 2 + 1, complex)
    spectrum[1:-1] = -1j * 2 * np.sin(np.pi * n * width) / n
    frame = np.fft.irfft(spectrum)
    return np.asarray(frame / np.abs(frame).max(), np.float32)


def named_table(path: str) -> str:
    """The standard table most like one of Serum's, going by its name."""
    words = serum()["tables"]["words"]
    return next((str(table) for word, table in words.items() if word in path.lower()), "sine_to_saw")


def _read_warp(r: Reader, section: str, letter: str) -> None:
    menu = r.choice(f"WarpOsc{letter}")
    other = "from A" if letter == "B" else "from B"
    known = serum()["warps"]["read"].get(menu.replace(other, "other"))
    if menu in ("Off", ""):
        return
    if known is None:
        r.lose(
            f"Serum's {section} warp {menu} is left out: Vital has none like it",
            f"WarpOsc{letter}",
            f"{letter} Warp",
        )
        return
    warp, exact = entry(known[0])
    r.put(f"{section}.warp", warp)
    r.put(f"{section}.warp_amount", 100 * amount_value(known[1], r.raw(f"{letter} Warp")))
    if not exact:
        r.near(f"{section}.warp", f"Serum's {section} warp {menu} became {warp}", f"WarpOsc{letter}")


def amount_value(name: str, raw: float) -> float:
    """Vital's amount 0..1 for Serum's; the opposite of presets.serum_writing.amount_raw."""
    law = serum()["amounts"][name]
    return float(min(max(law.get("low", 0.0) + law["span"] * raw, 0.0), 1.0) ** law.get("exponent", 1.0))


def _read_unison(r: Reader, section: str, letter: str) -> None:
    low = letter.lower()
    mode, range_st = str(r.sound.switches[f"unison_mode_{low}"]), r.switch(f"unison_range_{low}_st")
    r.cover(f"unison_mode_{low}")
    if r.number(f"{section}.voices") < 2:
        return
    if abs(range_st - 2) > 0.01:
        r.put(f"{section}.detune", r.number(f"{section}.detune") * range_st / 2)
    if mode != "Exp" and r.number(f"{section}.voices") > 2:
        text = f"Serum's {section} unison, spread {mode.lower()}, became Vital's, which gathers around the middle"
        r.near(f"{section}.detune", text, f"unison_mode_{low}")


def read_sub(r: Reader) -> None:
    r.cover("Osc S On", "Osc C On")
    if not r.values["sub.on"]:
        if r.sound.raws.get("Osc C On", 0.0) >= 0.5:
            _read_third(r)
        return
    r.choose("sub.shape", "SubOscShape", "sub_shapes")
    _read_route(r, "sub", "OscS>Fil", r.switch("sub_direct") >= 0.5)
    r.put("sub.phase", 0.0)  # M: it begins always at the same place


THIRD = ("level", "octave", "semitone", "fine", "pan", "phase", "phase_random", "keytrack")


def _read_third(r: Reader) -> None:
    """Serum 2's third oscillator is Vital's sub with a table of its own, which has one voice."""
    frames, _ = known_frames(r.sound.tables.get("c", Table()))
    if frames is None:
        frames = table_frames(named_table(r.sound.tables["c"].name))
    frame = frames[min(len(frames) - 1, math.floor(r.raw("C WTPos") * len(frames) + 1e-6))]
    r.put("sub.on", True)
    r.own("sub.shape", frame[None])
    r.cover("table c")
    for key in THIRD:
        law = rows()[f"osc1.{key}"]
        control = str(law["control"]).replace("A ", "C ", 1).replace("OscA", "OscC")
        r.put(f"sub.{key}", decode(wavetable_synth()[f"sub.{key}"], law, r.raw(control)))
    r.values["sub.route"] = r.sound.routes.get("osc3", "effects")
    r.near(
        "sub.shape", "Serum's oscillator C became Vital's sub: one frame, one voice", "table c", "C Unison"
    )


def read_noise(r: Reader) -> None:
    """Serum's samples are not in the file: what is noise by its name becomes noise, the rest is left out."""
    r.cover("Osc N On")
    if not r.values["noise.on"]:
        return
    _read_route(r, "noise", "OscN>Fil", r.switch("noise_direct") >= 0.5)
    r.put("noise.loop", r.switch("noise_one_shot") < 0.5)
    r.put("noise.keytrack", r.switch("noise_pitch_track") >= 0.5)
    r.cover("noise sample")
    path = r.sound.noise.lower()
    kind = next((str(k) for word, k in serum()["noises"]["words"].items() if word in path), None)
    others = any(r.values[f"{s}.on"] for s in ("osc1", "osc2", "sub"))
    if path and kind is None and others:
        controls = (
            "noise sample",
            "Osc N On",
            *(n for n in r.sound.raws if n.startswith(("Noise ", "OscN"))),
        )
        r.lose(
            f"Serum's sample {r.sound.noise} is not in the file and is left out",
            *controls,
            "noise_one_shot",
            "noise_pitch_track",
        )
        r.put("noise.on", False)
        return
    r.put("noise.kind", kind or "white")
    if path:
        r.near(
            "noise.kind",
            f"Serum's sample {r.sound.noise} is not in the file and became {kind or 'white'} noise",
            "noise sample",
        )


# -- filters -------------------------------------------------------------------------------------------------------


def _type_control(r: Reader, n: int) -> str:
    return "Fil Type" if n == 1 else second_filter("Fil Type") if r.voice_filters > 1 else "FX Fil Type"


def read_filter_types(r: Reader) -> None:
    """First of all, for whether a filter has a cutoff or a vowel depends on it."""
    for n in (1, 2):
        control, name = _type_control(r, n), f"filter{n}"
        if r.sound.raws.get(str(r.laws[f"{name}.on"]["control"]), 0.0) < 0.5:
            continue
        chosen = r.sound.choices[control]
        morph = serum()["filters"]["morphs"].get(chosen)
        if morph:
            var = r.raw(control.replace("Type", "Var"))
            became = morph[min(int(3 * var), 2)]
            r.values[f"{name}.type"] = became
            r.near(f"{name}.type", f"Serum's {control} {chosen} became {name}.type {became}", control)
        elif chosen in serum()["filters"]["read"]:
            r.choose(f"{name}.type", control, "filters")


def read_filters(r: Reader) -> None:
    for n in (1, 2):
        name, control = f"filter{n}", _type_control(r, n)
        r.cover(str(r.laws[f"{name}.on"]["control"]))
        if not r.values[f"{name}.on"]:
            continue
        chosen = r.sound.choices[control]
        if chosen not in serum()["filters"]["read"] | serum()["filters"]["morphs"]:
            r.put(f"{name}.on", False)
            prefix = control.removesuffix("Type")
            r.lose(
                f"Serum's filter {chosen} is left out: Vital has none like it",
                *(c for c in (*r.sound.raws, control) if c.startswith(prefix)),
            )
        elif r.values[f"{name}.type"] == "comb":  # Vital's feedback is none at 50 %, inverted below
            sign = -1 if "-" in chosen else 1
            r.put(f"{name}.resonance", 50 + sign * r.number(f"{name}.resonance") / 2)
    _read_tracking(r)
    if r.voice_filters == 1 and r.values["filter2.on"]:
        r.put("filter2.after_filter1", True)
        r.near(
            "filter2.type",
            "Serum's filter among the effects became filter2, one for each voice",
            "FX Fil Enable",
        )


def _read_tracking(r: Reader) -> None:
    names = {"filter1": "filter_keytrack"} | ({"filter2": "filter2_keytrack"} if r.voice_filters > 1 else {})
    for section, switch in names.items():
        if r.values[f"{section}.on"]:
            r.put(f"{section}.keytrack", 100 * r.switch(switch))


# -- the voice -----------------------------------------------------------------------------------------------------


def read_voice(r: Reader) -> None:
    mono = r.switch("mono") >= 0.5
    r.put("voice.polyphony", 1 if mono else round(r.switch("polyphony")))
    r.put("voice.legato", mono and r.switch("legato") >= 0.5)
    st = 128 * (r.raw("Mast.Tun") - 0.5)
    r.put("voice.transpose", round(st))
    cents = 100 * (st - round(st))
    if abs(r.switch("a4_hz") - 440) > 0.01:
        cents += 1200 * math.log2(r.switch("a4_hz") / 440)
    r.put("voice.tune", cents)
    patch = Patch(r.values, assets=r.assets)
    master_db = 60 * math.log10(max(r.raw("MasterVol"), 1e-3))
    r.put("volume.level", master_db + VOLUME_DB + drive_gain_db(patch))
