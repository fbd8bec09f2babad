"""A Patch in Serum's terms (`Sound`), and what had to become something else on the way."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from presets.patch import Asset, Patch
from presets.schema import OWN, Value
from presets.serum1 import Frames
from presets.serum1_matrix import Slot
from presets.serum_effects import write_effects
from presets.serum_motion import write_lfos, write_slots
from presets.serum_sound import (
    LETTERS,
    Report,
    Sound,
    Table,
    decode,
    encode,
    entry,
    init_sound,
    is_far,
    rows,
    second_filter,
    serum,
    shown,
)
from presets.vital import LFO_POINTS, oscillator_frames, sub_frames
from presets.vital_morphs import BAKED, baked
from presets.vital_shapes import louder_db, nearest_sub
from presets.wav import MAX_FRAMES

__all__ = ["LFO_POINTS", "Writer", "patch_to_sound"]

NOTE_PIVOT_ST = 3.5  # Vital's key tracking turns around note 60, a bipolar Note around 63.5
KEY_SPAN_ST = 127.0  # what the source Note goes through
FULL_TRACK = 95.0  # % from where a filter's own switch will do
MOVED_FRAMES = 129  # at most, of a table that something moves: a step every 0.8 % of the knob
ON_FRAME = 0.05  # of a frame: as near as a position must be to one
DRIVE_GAIN_DB = 0.6  # how much louder a dB of drive makes Serum's filter, and not Vital's
VOLUME_DB = 1.68  # Vital's volume for Serum's master at 0 dB, when both play the same as loud
SILENT_DB = -39.99


def patch_to_sound(patch: Patch, voice_filters: int = 1) -> tuple[Sound, Report]:
    """The patch in Serum's terms.

    Args:
        voice_filters: how many filters a voice of that Serum has.
    """
    writer = Writer(_rearranged(patch, voice_filters), voice_filters)
    for part in (write_rows, write_oscillators, write_sub, write_noise, write_filters, write_voice):
        part(writer)
    write_effects(writer)
    write_lfos(writer)
    write_slots(writer)
    writer.sound.name, writer.sound.comment = patch.name, patch.comment
    return writer.sound, writer.report


class Writer:
    """A sound in the making."""

    def __init__(self, patch: Patch, voice_filters: int) -> None:
        self.patch = patch
        self.is_serum2 = voice_filters > 1
        in_series = patch["filter1.on"] and patch["filter2.on"] and patch["filter2.after_filter1"]
        self.voice_filters = 1 if in_series else voice_filters  # how Serum 2 puts two in series is not known
        self.sound = init_sound()
        self.report = Report()
        self.sub_is_third = bool(patch["sub.on"]) and self.is_serum2 and not has_plain_sub(patch)
        self.third: dict[str, str] = {}  # destinations of a sub that became a third oscillator
        self.eq_band = "EQ FrqL"  # where the middle band of the EQ went

    def near(self, text: str) -> None:
        """Tells of something that became something else."""
        self.report.approximated.append(text)

    def lose(self, text: str) -> None:
        self.report.lost.append(text)

    def choose(self, control: str, table: str, name: str) -> None:
        """Sets a menu to the entry that a table has for the value of a choice."""
        value = str(self.patch[name])
        chosen, exact = entry(serum()[table]["write"][value])
        self.sound.choices[control] = chosen
        if not exact:
            self.near(f"Vital's {name} {value} became Serum's {chosen}")


# -- what stands in another place ----------------------------------------------------------------------------------


def _rearranged(patch: Patch, voice_filters: int) -> Patch:
    """The same sound with a lone second filter as the first, and a sub that Serum's cannot play as an oscillator."""
    if voice_filters == 1 and patch["filter2.on"] and not patch["filter1.on"]:
        patch = _moved(patch, "filter2", "filter1").with_values({"filter2.on": False})
        patch = patch.with_values({r: "filter1" for r in _routes(patch) if patch[r] == "filter2"})
    if voice_filters == 1 and patch["sub.on"] and not patch["osc2.on"] and not has_plain_sub(patch):
        patch = _sub_as_oscillator(patch)
    return patch


def has_plain_sub(patch: Patch) -> bool:
    """Whether Serum's sub can play what Vital's does."""
    return patch["sub.shape"] != OWN and not patch["sub.semitone"] and not patch["sub.fine"]


def _routes(patch: Patch) -> list[str]:
    return [f"{section}.route" for section in ("osc1", "osc2", "sub", "noise")]


def _moved(patch: Patch, section: str, to: str) -> Patch:
    """The patch with a section's values and what moves them in another section."""
    values: dict[str, Value] = {}
    for name, value in patch.values.items():
        first, _, key = name.partition(".")
        if first == section and f"{to}.{key}" in patch.schema:
            values[f"{to}.{key}"] = value
        elif str(value).startswith(f"{section}."):  # a routing's destination
            values[name] = f"{to}.{str(value).partition('.')[2]}"
    return patch.with_values(values)


def _sub_as_oscillator(patch: Patch) -> Patch:
    frames = patch.assets["sub.shape"] if patch["sub.shape"] == OWN else sub_frames(str(patch["sub.shape"]))
    moved = _moved(patch, "sub", "osc2")
    warps = {"fm_sub": "fm_osc", "rm_sub": "rm_osc"}
    values: dict[str, Value] = {"osc2.table": OWN, "osc2.position": 0.0, "sub.on": False, "sub.shape": "sine"}
    warp = warps.get(str(patch["osc1.warp"]), patch["osc1.warp"])
    return moved.with_values(
        {**values, "osc1.warp": warp}, assets={**patch.assets, "osc2.table": np.asarray(frames, np.float32)}
    )


# -- rows ----------------------------------------------------------------------------------------------------------


def write_rows(w: Writer) -> None:
    """Every row of the table that can be heard."""
    for name, law in rows(w.voice_filters).items():
        row, value = w.patch.schema[name], w.patch[name]
        if not w.patch.matters(name) or (row.section == "sub" and w.sub_is_third):
            continue
        raw = encode(law, value)
        if row.kind == "switch":
            raw = float(bool(value))
        w.sound.raws[law["control"]] = raw
        back = decode(row, law, raw)
        if law["law"] == "turned" or (law.get("ends") and raw in (0.0, 1.0)):
            continue
        if is_far(row, value, back):
            w.near(f"Vital's {name} of {shown(row, value)} became {shown(row, back)}")
        elif "near" in law and value != row.default:
            w.near(f"Vital's {name} became {law['near']}")


# -- oscillators ---------------------------------------------------------------------------------------------------


def write_oscillators(w: Writer) -> None:
    for section, letter in LETTERS.items():
        if not w.patch[f"{section}.on"]:
            continue
        _write_table(w, section, letter)
        _write_warp(w, section, letter)
        _write_phase(w, section, letter)
        w.sound.routes[section] = str(w.patch[f"{section}.route"])
        w.sound.raws[f"Osc{letter}>Fil"] = float(w.patch[f"{section}.route"] in ("filter1", "both"))
        w.sound.switches[f"unison_mode_{letter.lower()}"] = "Exp"  # how Vital spreads its voices
        morph = w.patch[f"{section}.morph"]
        if morph != "none" and not _is_baked(w, section):
            w.lose(f"Vital's {section}.morph {morph} is left out: Serum has no such stage")
        _report_route(w, section)


def _report_route(w: Writer, section: str) -> None:
    route = str(w.patch[f"{section}.route"])
    both = bool(w.patch["filter1.on"]) and bool(w.patch["filter2.on"])
    if route == "direct" and section in LETTERS and not w.is_serum2:
        w.near(f"Vital's {section}.route direct became the effects: Serum's oscillators go through them")
    elif w.voice_filters == 1 and both and route not in ("filter1", "direct"):
        w.near(f"Vital's {section}.route {route} became Serum's own filter and the one among its effects")


def _is_baked(w: Writer, section: str) -> bool:
    """Whether the morph can be part of the table: one of the filters, and nothing moves it."""
    return w.patch[f"{section}.morph"] in BAKED and not w.patch.is_moved(f"{section}.morph_amount")


def _write_table(w: Writer, section: str, letter: str) -> None:
    frames, _ = oscillator_frames(w.patch, section)
    if _is_baked(w, section):
        morph = str(w.patch[f"{section}.morph"])
        frames = baked(frames, morph, w.patch.number(f"{section}.morph_amount") / 100)
        w.near(f"Vital's {section}.morph {morph} became part of its table")
    spread, raw = placed(
        frames, w.patch.number(f"{section}.position") / 100, w.patch.is_moved(f"{section}.position")
    )
    w.sound.tables[letter.lower()] = Table(spread)
    w.sound.raws[f"{letter} WTPos"] = raw


def placed(frames: Asset, position: float, is_moved: bool) -> tuple[Frames, float]:
    """Frames with others drawn between them, and the knob's raw, for a position 0..1 in the table.

    Serum plays the frame that its knob stands on; Vital goes smoothly from one to the next. So there are as many
    as it takes to hit the position, and as many as there may be when something moves it.
    """
    if len(frames) > MAX_FRAMES:
        frames = frames_at(frames, np.linspace(0, len(frames) - 1, MAX_FRAMES))
    n = len(frames) - 1
    if n < 1:
        return np.asarray(frames, np.float32), 0.0
    most = max((MOVED_FRAMES - 1) // n, 1)
    for between in (most,) if is_moved else (1, 2, 4, most):
        place = position * n * between
        if abs(place - round(place)) <= ON_FRAME and between <= most:
            break
    return between_frames(frames, between), round(place) / (n * between)


def between_frames(frames: Asset, k: int) -> Frames:
    """Frames (n, 2048) with k - 1 drawn between each two: (1 + k (n - 1), 2048)."""
    return frames_at(frames, np.arange(k * (len(frames) - 1) + 1) / k)


def frames_at(frames: Asset, places: NDArray[np.float64]) -> Frames:
    """What lies at places 0..n-1 between frames (n, 2048), n > 1: (len(places), 2048)."""
    low = np.minimum(places.astype(int), len(frames) - 2)
    t = (places - low)[:, None].astype(np.float32)
    return np.asarray((1 - t) * frames[low] + t * frames[low + 1], np.float32)


def _write_warp(w: Writer, section: str, letter: str) -> None:
    warp = str(w.patch[f"{section}.warp"])
    if warp == "none":
        return
    if warp not in serum()["warps"]["write"]:
        w.lose(f"Vital's {section}.warp {warp} is left out: Serum has none like it")
        return
    menu, amount = serum()["warps"]["write"][warp]
    chosen, exact = entry(menu)
    value = w.patch.number(f"{section}.warp_amount") / 100
    raw = amount_raw(amount, value)
    w.sound.choices[f"WarpOsc{letter}"] = chosen.replace("other", "from A" if letter == "B" else "from B")
    w.sound.raws[f"{letter} Warp"] = raw
    if not exact:
        w.near(f"Vital's {section}.warp {warp} became Serum's {chosen}")


def amount_raw(name: str, value: float) -> float:
    """Serum's amount 0..1 for Vital's 0..1."""
    law: Mapping[str, float] = serum()["amounts"][name]
    raw = (value ** (1 / law.get("exponent", 1.0)) - law.get("low", 0.0)) / law["span"]
    return float(min(max(raw, 0.0), 1.0))


def _write_phase(w: Writer, section: str, letter: str) -> None:
    """Serum's sub begins always at the same place, so oscillators are turned to stay where they were beside it."""
    if w.patch["sub.on"]:
        law = rows()[f"{section}.phase"]
        turned = (w.patch.number(f"{section}.phase") - w.patch.number("sub.phase")) % 360
        w.sound.raws[f"{letter} Phase"] = encode(law, turned)


def write_sub(w: Writer) -> None:
    if not w.patch["sub.on"]:
        return
    if w.sub_is_third:
        _write_third(w)
        return
    if w.patch["sub.shape"] == OWN:
        _write_own_sub(w)
    else:
        w.choose("SubOscShape", "sub_shapes", "sub.shape")
    route = str(w.patch["sub.route"])
    w.sound.routes["sub"] = route
    w.sound.raws["OscS>Fil"] = float(route in ("filter1", "both"))
    w.sound.switches["sub_direct"] = float(route == "direct")
    for name in ("sub.semitone", "sub.fine"):
        if w.patch[name]:
            row = w.patch.schema[name]
            w.lose(f"Vital's {name} of {shown(row, w.patch[name])} is left out: Serum's sub moves by octaves")
    if w.patch["sub.phase_random"]:
        w.lose("Vital's sub.phase_random is left out: Serum's sub begins always at the same place")
    _report_route(w, "sub")


SUB_LIKE = 0.15  # a frame this near (0..1) may pass for a plain shape


def _write_own_sub(w: Writer) -> None:
    """Serum's sub plays no tables: the shape most like it, or nothing."""
    frame = w.patch.assets["sub.shape"][0]
    shape, off = nearest_sub(frame)
    if off > SUB_LIKE:
        w.sound.raws["Osc S On"] = 0.0
        w.lose("Vital's sub.shape own is left out: Serum's sub plays no tables, and oscillator B is in use")
        return
    w.sound.choices["SubOscShape"] = serum()["sub_shapes"]["write"][shape]
    level = w.patch.number("sub.level") + louder_db(frame, sub_frames(shape)[0])
    w.sound.raws["Sub Osc Level"] = encode(rows()["sub.level"], level)
    w.near(f"Vital's sub.shape own became Serum's {w.sound.choices['SubOscShape']}: its sub plays no tables")


THIRD = ("level", "octave", "semitone", "fine", "pan", "phase_random", "keytrack")


def _write_third(w: Writer) -> None:
    """Serum 2 has a third oscillator, which plays what its sub cannot."""
    sound, shape = w.sound, str(w.patch["sub.shape"])
    frames = w.patch.assets["sub.shape"] if shape == OWN else sub_frames(shape)
    sound.raws |= {"Osc C On": 1.0, "C WTPos": 0.0, "C Phase": 0.5}
    sound.tables["c"] = Table(np.asarray(frames, np.float32))
    sound.routes["osc3"] = str(w.patch["sub.route"])
    for key in THIRD:
        law = rows()[f"osc1.{key}"]
        sound.raws[str(law["control"]).replace("A ", "C ", 1).replace("OscA", "OscC")] = encode(
            law, w.patch[f"sub.{key}"]
        )
    w.third = {"sub.level": "C Vol", "sub.pitch": "C CoarsePit"}


def write_noise(w: Writer) -> None:
    if not w.patch["noise.on"]:
        return
    kind, route = str(w.patch["noise.kind"]), str(w.patch["noise.route"])
    w.sound.noise = serum()["noises"]["write"][kind]
    if kind != "white":
        w.near(f"Vital's noise.kind {kind} became Serum's {w.sound.noise.rpartition('/')[2]}")
    w.sound.switches["noise_pitch_track"] = float(bool(w.patch["noise.keytrack"]))
    w.sound.switches["noise_one_shot"] = float(not w.patch["noise.loop"])
    w.sound.routes["noise"] = route
    w.sound.raws["OscN>Fil"] = float(route in ("filter1", "both"))
    w.sound.switches["noise_direct"] = float(route == "direct")
    _report_route(w, "noise")


# -- filters -------------------------------------------------------------------------------------------------------

COMBS = {True: "Cmb +", False: "Cmb -"}  # by the sign of what is fed back


def write_filters(w: Writer) -> None:
    for n in (1, 2):
        if w.patch[f"filter{n}.on"]:
            _write_filter(w, n)
    if not w.patch["filter2.on"]:
        return
    if w.voice_filters == 1:
        w.near("Vital's filter2 became the filter among Serum's effects, one for all voices")


def _write_filter(w: Writer, n: int) -> None:
    name = f"filter{n}"
    laws = rows(w.voice_filters)
    type_control = {1: "Fil Type", 2: second_filter("Fil Type") if w.voice_filters > 1 else "FX Fil Type"}[n]
    w.choose(type_control, "filters", f"{name}.type")
    if w.patch[f"{name}.type"] == "comb":  # Vital's feedback is none at 50 %, inverted below
        feedback = w.patch.number(f"{name}.resonance") / 50 - 1
        w.sound.choices[type_control] = COMBS[feedback >= 0]
        w.sound.raws[laws[f"{name}.resonance"]["control"]] = abs(feedback)
    _write_keytrack(w, n, laws[f"{name}.cutoff"])


def _write_keytrack(w: Writer, n: int, law: Mapping[str, object]) -> None:
    """Serum's filters follow the key wholly or not at all; in between the source Note does it."""
    track, control = w.patch.number(f"filter{n}.keytrack"), str(law["control"])
    if abs(track) <= 100 * FAR_TRACK:
        return
    is_effect = n == 2 and w.voice_filters == 1
    if track >= FULL_TRACK and not is_effect:
        w.sound.switches["filter_keytrack" if n == 1 else "filter2_keytrack"] = 1.0
        return
    span = float(str(law["span"]))
    w.sound.slots.append(Slot("Note", "none", control, track / 100 * KEY_SPAN_ST / span, bipolar=True))
    raw = w.sound.raws[control] + track / 100 * NOTE_PIVOT_ST / span
    w.sound.raws[control] = min(max(raw, 0.0), 1.0)


FAR_TRACK = 0.02


# -- the voice -----------------------------------------------------------------------------------------------------

NOT_IN_SERUM = {  # what is said when one of these is off its default
    "voice.velocity_track": "Serum's amplifier follows velocity only by a routing",
    "sub.keytrack": "Serum's sub follows the key",
    "env1.delay": "Serum's envelopes have no delay",
    "env2.delay": "Serum's envelopes have no delay",
    "env3.delay": "Serum's envelopes have no delay",
    "lfo1.stereo": "Serum's LFOs are the same on both sides",
    "lfo2.stereo": "Serum's LFOs are the same on both sides",
}
HARDLY = 0.02  # of a knob's travel


def write_voice(w: Writer) -> None:
    patch, sound = w.patch, w.sound
    voices = int(patch.number("voice.polyphony"))
    sound.switches["mono"] = float(voices == 1)
    sound.switches["polyphony"] = float(voices if voices > 1 else 8)
    sound.switches["legato"] = float(bool(patch["voice.legato"]) and voices == 1)
    sound.raws["Bend D"] = 1.0 - sound.raws["Bend U"]
    _write_tuning(w)
    _write_volume(w)
    for name, why in NOT_IN_SERUM.items():
        if name == "sub.keytrack" and w.sub_is_third:
            continue
        row, value = patch.schema[name], patch[name]
        if patch.matters(name) and abs(row.value_to_raw(value) - row.value_to_raw(row.default)) > HARDLY:
            w.lose(f"Vital's {name} of {shown(row, value)} is left out: {why}")


def _write_tuning(w: Writer) -> None:
    st = w.patch.number("voice.transpose") + w.patch.number("voice.tune") / 100
    w.sound.raws["Mast.Tun"] = 0.5 + st / 128


def drive_gain_db(patch: Patch) -> float:
    """How much louder Serum plays a patch than Vital for its filter's drive."""
    filtered = any(
        patch[f"{s}.on"] and patch[f"{s}.route"] in ("filter1", "both")
        for s in ("osc1", "osc2", "sub", "noise")
    )
    return DRIVE_GAIN_DB * patch.number("filter1.drive") if patch["filter1.on"] and filtered else 0.0


def _write_volume(w: Writer) -> None:
    level = w.patch.number("volume.level")
    master_db = level - drive_gain_db(w.patch) - VOLUME_DB
    w.sound.raws["MasterVol"] = min(10 ** (master_db / 60), 1.0)
    if master_db > 0.5:
        row = w.patch.schema["volume.level"]
        w.near(f"Vital's volume.level of {shown(row, level)} became {shown(row, level - master_db)}")
