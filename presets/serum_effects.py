"""Serum's effects where a row of the table does not say it all: each written and read, one after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from presets.knob_laws import KNOB_LAWS
from presets.laws import Law, hz_to_midi, midi_to_hz
from presets.schema import DIVISIONS, Value
from presets.serum_sound import ladder_beats, ladder_raw, serum, shown
from presets.tempo import division_beats

if TYPE_CHECKING:
    from presets.serum_reading import Reader
    from presets.serum_writing import Writer

VITAL_ORDER = ("Cho", "Comp", "Dly", "Dist", "EQ", "Flg", "Phs", "Rev")  # as Vital's own chain goes
SECTIONS = {
    "Cho": "chorus", "Comp": "compressor", "Dly": "delay", "Dist": "distortion", "EQ": "eq", "Flg": "flanger",
    "Phs": "phaser", "Rev": "reverb",
}  # fmt: skip
DEFAULT_BPM = 120.0
SAME_LENGTH = 0.01  # of a note value


def write_effects(w: Writer) -> None:
    """What the rows left."""
    for section, write in WRITERS.items():
        if w.patch[f"{section}.on"]:
            write(w)
    fx_filter = (
        ("Fil",) if w.voice_filters == 1 else ()
    )  # first, for Vital's second filter comes before effects
    w.sound.order = (*fx_filter, *VITAL_ORDER, *(n for n in ("Fil", "Hyp") if n not in fx_filter))


def read_effects(r: Reader) -> None:
    for section, read in READERS.items():
        if r.values[f"{section}.on"]:
            read(r)
    read_hyper(r)
    read_order(r)


def interpolated(x: float, xs: Sequence[float], ys: Sequence[float]) -> float:
    """Along a table whose xs rise or fall."""
    pairs = sorted(zip(xs, ys, strict=True))
    return float(np.interp(x, [a for a, _ in pairs], [b for _, b in pairs]))


# -- distortion ----------------------------------------------------------------------------------------------------

DRIVE_RAWS = (0.0, 0.25, 0.5, 0.75, 1.0)
ORDERS = {"none": "Off", "pre": "Pre", "post": "Post"}


def write_distortion(w: Writer) -> None:
    w.choose("Dist_Mode", "distortions", "distortion.kind")
    drives = serum()["drives"][w.sound.choices["Dist_Mode"]]
    row, drive = w.patch.schema["distortion.drive"], w.patch.number("distortion.drive")
    w.sound.raws["Dist_Drv"] = interpolated(drive, drives, DRIVE_RAWS)
    reached = min(max(drive, min(drives)), max(drives))
    if abs(reached - drive) > 1.0:
        w.near(f"Vital's distortion.drive of {shown(row, drive)} became {shown(row, reached)}")
    order = ORDERS[str(w.patch["distortion.filter"])]
    w.sound.choices["Dist_PrePost"] = order
    if order != "Off":
        w.near("Vital's distortion.filter_resonance became the width of Serum's filter")


def read_distortion(r: Reader) -> None:
    mode = r.choose("distortion.kind", "Dist_Mode", "distortions")
    r.put("distortion.drive", interpolated(r.raw("Dist_Drv"), DRIVE_RAWS, serum()["drives"][mode]))
    order = r.choice("Dist_PrePost")
    r.put("distortion.filter", {entry: name for name, entry in ORDERS.items()}[order])
    if order != "Off":
        r.near("distortion.filter", "The width of Serum's distortion filter became its resonance", "Dist_BW")
    if order != "Off" and r.raw("Dist_L/B/H") > 0.25:
        r.near("distortion.filter", "Serum's distortion filter became a low-pass", "Dist_L/B/H")


# -- chorus --------------------------------------------------------------------------------------------------------

CHORUS_FILTER: Law = {"law": "exponential", "low": 50.0, "ratio": 400.0}
SPREAD_ST = 96.0  # how far apart Vital's chorus filters stand at full spread
LEAST_HZ = 20.0
N_CHORUS_VOICES = 8  # Vital's number for as many delays as Serum has


def write_chorus(w: Writer) -> None:
    """Vital's wet chorus lies between two cutoffs; Serum has the upper one."""
    top = hz_to_midi(w.patch.number("chorus.cutoff")) + SPREAD_ST * w.patch.number("chorus.spread") / 100
    raw = KNOB_LAWS["exponential"].encode(min(midi_to_hz(top), 20_000.0), CHORUS_FILTER)
    w.sound.raws["Cho_Filt"] = min(max(raw, 0.0), 1.0)
    w.near("Vital's chorus became Serum's, which has four delays")


def read_chorus(r: Reader) -> None:
    top = hz_to_midi(KNOB_LAWS["exponential"].decode(r.raw("Cho_Filt"), CHORUS_FILTER))
    low = hz_to_midi(LEAST_HZ)
    r.put("chorus.cutoff", midi_to_hz((top + low) / 2))
    r.put("chorus.spread", 100 * (top - low) / 2 / SPREAD_ST)
    r.put("chorus.voices", N_CHORUS_VOICES)
    read_rate(r, "chorus.rate", "Cho_Rate", "Cho_BPM_Sync")


def read_rate(r: Reader, name: str, control: str, sync: str) -> None:
    """A rate that follows the tempo is read at 120 beats a minute."""
    if r.raw(sync) < 0.5:
        return
    beats = ladder_beats("effect", r.raw(control))
    r.put(name, DEFAULT_BPM / 60 / beats)
    r.near(
        name, f"Serum's {control} of {beats:g} beats became a free {name}, right at 120 bpm", control, sync
    )


FLANGER_HZ = midi_to_hz(34.0)  # where Serum's flanger stands. M


def write_flanger(w: Writer) -> None:
    row, center = w.patch.schema["flanger.center"], w.patch.number("flanger.center")
    if abs(hz_to_midi(center) - hz_to_midi(FLANGER_HZ)) > 1:
        w.near(f"Vital's flanger.center of {shown(row, center)} became {shown(row, FLANGER_HZ)}")


def read_flanger(r: Reader) -> None:
    r.put("flanger.center", FLANGER_HZ)
    read_rate(r, "flanger.rate", "Flg_Rate", "Flg_BPM_Sync")


def write_phaser(w: Writer) -> None:
    row, blend = w.patch.schema["phaser.blend"], w.patch.number("phaser.blend")
    if blend != row.default:
        w.lose(f"Vital's phaser.blend of {shown(row, blend)} is left out: Serum's phaser has its own")


def read_phaser(r: Reader) -> None:
    read_rate(r, "phaser.rate", "Phs_Rate", "Phs_BPM_Sync")


# -- delay ---------------------------------------------------------------------------------------------------------

SIDES = (("L", "delay.time", "delay.division"), ("R", "delay.time_right", "delay.division_right"))
FREE: Law = {"low": 0.001, "span": 0.5, "exponent": 4.0}  # s
LONGEST = 1.5  # times as long by the knob beside it


def write_delay(w: Writer) -> None:
    style = str(w.patch["delay.style"])
    w.sound.choices["Dly_Mode"] = "Ping-Pong" if "ping" in style else "Normal"
    w.sound.raws["Dly_Link"] = float(style == "mono")
    if style == "mid_ping_pong":
        w.near("Vital's delay.style mid_ping_pong became Serum's Ping-Pong")
    times = [_seconds(w, time, division) for _, time, division in SIDES]
    divisions = [str(w.patch[division]) for _, _, division in SIDES]
    used = 1 if style == "mono" else 2
    synced = any(d != "free" for d in divisions[:used]) or max(times[:used]) > LONGEST * 0.501
    w.sound.raws["Dly_BPM_Sync"] = float(synced)
    for (side, name, _), seconds, division in list(zip(SIDES, times, divisions, strict=True))[:used]:
        (_write_length if synced else _write_free)(w, side, name, seconds)
        if synced and division == "free":
            beats = seconds * w.patch.number("voice.bpm") / 60
            w.near(f"Vital's {name} of {seconds:.3g} s became {beats:.3g} beats, right at the patch's tempo")


def _seconds(w: Writer, time: str, division: str) -> float:
    if w.patch[division] == "free":
        return w.patch.number(time)
    return division_beats(str(w.patch[division])) * 60 / w.patch.number("voice.bpm")


def _write_free(w: Writer, side: str, name: str, seconds: float) -> None:
    offset = 1.0 if seconds <= 0.501 else LONGEST
    raw = max((seconds / offset - FREE["low"]) / FREE["span"], 0.0) ** (1 / FREE["exponent"])
    w.sound.raws[f"Dly_Tim{side}"] = min(raw, 1.0)
    w.sound.raws[f"Dly_Off {side}"] = offset - 0.5


def _write_length(w: Writer, side: str, name: str, seconds: float) -> None:
    """A note value and what it is multiplied by, 0.75 to 1.5."""
    beats = seconds * w.patch.number("voice.bpm") / 60
    lengths = serum()["ladders"]["delay"]["beats"]
    length = min(lengths, key=lambda x: (not 0.74 < beats / x <= LONGEST + 1e-6, abs(math.log(beats / x))))
    w.sound.raws[f"Dly_Tim{side}"] = ladder_raw("delay", length) or 0.0
    w.sound.raws[f"Dly_Off {side}"] = min(max(beats / length - 0.5, 0.0), 1.0)


def read_delay(r: Reader) -> None:
    mode, linked = r.choice("Dly_Mode"), r.raw("Dly_Link") >= 0.5
    plain = "mono" if linked else "stereo"
    r.put("delay.style", {"Ping-Pong": "ping_pong"}.get(mode, plain))
    if mode == "Tap->Delay":
        r.near("delay.style", "Serum's delay mode Tap->Delay became a plain delay", "Dly_Mode")
    synced = r.raw("Dly_BPM_Sync") >= 0.5
    for side, time, division in SIDES:
        knob = "L" if linked else side
        raw, offset = r.raw(f"Dly_Tim{knob}"), 0.5 + r.raw(f"Dly_Off {knob}")
        if synced:
            _read_length(r, time, division, ladder_beats("delay", raw) * offset)
        else:
            r.put(time, (FREE["low"] + FREE["span"] * raw ** FREE["exponent"]) * offset)


def _read_length(r: Reader, time: str, division: str, beats: float) -> None:
    r.put(time, beats * 60 / DEFAULT_BPM)
    r.put(division, near_division(beats))
    if r.values[division] == "free":
        r.near(time, f"Serum's delay of {beats:.3g} beats became a free {time}, right at 120 bpm")


def near_division(beats: float) -> str:
    """The division of that length; `free` when there is none."""
    best = min(DIVISIONS[1:], key=lambda d: abs(math.log(division_beats(d) / beats)))
    return best if abs(division_beats(best) / beats - 1) <= SAME_LENGTH else DIVISIONS[0]


# -- reverb --------------------------------------------------------------------------------------------------------

DECAY: Law = {"low": 0.8, "span": 11.2}  # s, as Serum shows it
ENDLESS_S, LONGEST_S = 12.4, 60.0
PLATE_PREDELAY_S = 0.25  # of the knob that is the Hall's decay


def write_reverb(w: Writer) -> None:
    size, decay = w.patch.number("reverb.size") / 100, w.patch.number("reverb.decay")
    falls = decay * _vital_factor(size)
    knob = 12.5 - (2000 / max(falls, 1e-3)) ** (1 / 3)
    raw = min(max((knob - DECAY["low"]) / DECAY["span"], 0.0), 1.0)
    w.sound.raws["Decay"] = raw
    back = _serum_falls(size, raw) / _vital_factor(size)
    row = w.patch.schema["reverb.decay"]
    if abs(row.value_to_raw(back) - row.value_to_raw(decay)) > 0.05:
        w.near(f"Vital's reverb.decay of {shown(row, decay)} became {shown(row, back)}")
    w.near("Vital's reverb became Serum's Hall, which is another algorithm")
    if w.patch.number("reverb.predelay") > 0.005:
        row = w.patch.schema["reverb.predelay"]
        w.lose(
            f"Vital's reverb.predelay of {shown(row, w.patch[row.name])} is left out: Serum's Hall has none"
        )


def _vital_factor(size: float) -> float:
    """Time in which Vital's tail falls by 60 dB, in decays."""
    table = serum()["reverb_time"]
    return float(np.interp(size, table["vital_sizes"], table["vital_factor"]))


def _serum_falls(size: float, raw: float) -> float:
    table, knob = serum()["reverb_time"], DECAY["low"] + DECAY["span"] * raw
    least = float(np.interp(size, table["sizes"], table["least_s"]))
    return LONGEST_S if knob >= ENDLESS_S else min(max(least, 2000 / (12.5 - knob) ** 3), LONGEST_S)


def read_reverb(r: Reader) -> None:
    size, raw = r.number("reverb.size") / 100, r.raw("Decay")
    hall = r.switch("reverb_hall") >= 0.5
    name = "Hall" if hall else "Plate"
    table = serum()["reverb_time"]
    falls = (
        _serum_falls(size, raw) if hall else float(np.interp(size, table["plate_sizes"], table["plate_s"]))
    )
    r.put("reverb.decay", falls / _vital_factor(size))
    if not hall:
        r.put("reverb.predelay", PLATE_PREDELAY_S * raw**2)
    r.put("reverb.high_shelf_gain", 0.0)  # M: Serum's tail is brighter than Vital's
    r.near(
        "reverb.size",
        f"Serum's reverb, a {name}, became Vital's, which is another algorithm",
        "VerbSize",
        "Decay",
    )


# -- compressor ----------------------------------------------------------------------------------------------------

BANDS = {"low": "CompMB L", "band": "CompMB M", "high": "CompMB H"}
TRIM_DB = {"low": -1.5, "band": -3.5, "high": 1.5}
DETECTOR_DB = 12.0  # how much lower Serum's single band hears the same sound. M
UPPER_DB, GAP_DB, LOWER_RATIO = 3.0, 5.0, 0.8  # M: Vital's multiband thresholds beside Serum's one
UNITY_DB, REFERENCE_DB, SLOPE, MOST_FALL_DB = 1.9, -17.6, 0.85, -22.0
OTT_RATIO = 0.75  # at which Serum's multiband works in full


def threshold_db(raw: float) -> float:
    """dB of Serum's threshold knob."""
    return float(np.interp(raw, serum()["thresholds"]["raws"], serum()["thresholds"]["db"]))


def threshold_raw(db: float) -> float:
    """The opposite of threshold_db."""
    return interpolated(db, serum()["thresholds"]["db"], serum()["thresholds"]["raws"])


def _band_gain_db(band: str, threshold: float, ratio: float) -> float:
    """Gain that Vital's band needs to be as loud as Serum's multiband without make-up."""
    depth = min(ratio / OTT_RATIO, 1.0)
    fall = max(MOST_FALL_DB, depth * SLOPE * min(0.0, threshold - REFERENCE_DB))
    return depth * TRIM_DB[band] + (1 - depth) * UNITY_DB + fall


def _band_knob_db(raw: float) -> float:
    return min(max(33 * math.log10(max(200 * raw, 5.0) / 100), -12.0), 10.0)


def _time_raw(percent: float, base_ms: float) -> float:
    """Serum's knob for Vital's 0..100 %: base exp(8 x - 4) ms."""
    ms = base_ms * math.exp(8 * percent / 100 - 4)
    return min(max(math.sqrt(max(ms - 0.1, 0.0) / 999.9), 0.0), 1.0)


def _time_percent(raw: float, base_ms: float) -> float:
    return 100 * (math.log(max(0.1 + 999.9 * raw**2, 0.05) / base_ms) + 4) / 8


def _gain_raw(db: float) -> float:
    return min(math.sqrt(max(10 ** (db / 20) - 1, 0.0) / 31), 1.0)


def write_compressor(w: Writer) -> None:
    """Serum has one threshold, one ratio and one gain, and a level for each band."""
    patch, raws = w.patch, w.sound.raws
    mode = str(patch["compressor.mode"])
    multiband = mode != "single"
    gains = {band: patch.number(f"compressor.{band}_gain") for band in BANDS}
    ratio = patch.number("compressor.band_upper_ratio")
    upper = patch.number("compressor.band_upper_threshold")
    threshold = upper - (UPPER_DB if multiband else DETECTOR_DB)
    raws["CmpMBnd"], raws["Cmp_Rat"], raws["Cmp_Thr"] = float(multiband), ratio, threshold_raw(threshold)
    raws["Cmp_Att"] = _time_raw(patch.number("compressor.attack"), 1.4)
    raws["Cmp_Rel"] = _time_raw(patch.number("compressor.release"), 28.0)
    if not multiband:
        raws["CmpGain"] = _gain_raw(gains["band"])
    else:
        over = {band: gains[band] - _band_gain_db(band, threshold, ratio) for band in BANDS}
        makeup = min(max(sum(over.values()) / len(over), 0.0), 30.1)
        raws["CmpGain"] = _gain_raw(makeup)
        for band, control in BANDS.items():
            raws[control] = min(10 ** (min(max(over[band] - makeup, -12.0), 10.0) / 33) / 2, 1.0)
    bands = f" of its {mode} band" if mode in ("low", "high") else ""
    w.near(f"Vital's compressor{bands} became Serum's, with one threshold and one ratio for all bands")


def read_compressor(r: Reader) -> None:
    ratio, threshold = r.raw("Cmp_Rat"), threshold_db(r.raw("Cmp_Thr"))
    makeup = 20 * math.log10(1 + 31 * r.raw("CmpGain") ** 2)
    multiband = r.raw("CmpMBnd") >= 0.5
    r.put("compressor.mode", "multiband" if multiband else "single")
    r.put("compressor.attack", _time_percent(r.raw("Cmp_Att"), 1.4))
    r.put("compressor.release", _time_percent(r.raw("Cmp_Rel"), 28.0))
    upper = min(threshold + (UPPER_DB if multiband else DETECTOR_DB), 0.0)
    for band, control in BANDS.items():
        gain = makeup
        if multiband:
            gain += _band_gain_db(band, threshold, ratio) + _band_knob_db(r.raw(control))
        depth = min(ratio / OTT_RATIO, 1.0) if multiband else 0.0
        settings: dict[str, float] = {
            "gain": gain, "upper_threshold": upper, "upper_ratio": ratio, "lower_ratio": LOWER_RATIO * depth,
            "lower_threshold": upper - GAP_DB if multiband else -80.0,
        }  # fmt: skip
        for key, value in settings.items():
            r.put(f"compressor.{band}_{key}", value, quiet=True)
    r.near(
        "compressor.mode",
        "Serum's compressor became Vital's, which has two thresholds a band",
        "Cmp_Thr",
        "Cmp_Rat",
    )


# -- equaliser -----------------------------------------------------------------------------------------------------

EQ_FREQ: Law = {"law": "exponential", "low": 21.533, "ratio": 20_000 / 21.533}
SHELF_ST = -6.0  # where Vital's shelf stands for Serum's. M
EQ_GAIN: Law = {"low": -24.0, "span": 48.0}
PASS, SHELF, PEAK = "LPF", "Shelf", "Peak"  # the low band's `LPF` lets the high pass


def write_eq(w: Writer) -> None:
    """Vital's three bands on Serum's two: the middle one takes the place of a shelf that does nothing."""
    free = []
    for band, side in (("low", "L"), ("high", "H")):
        is_cut = w.patch[f"eq.{band}_mode"] == "cut"
        if is_cut or w.patch.number(f"eq.{band}_gain"):
            _write_band(w, band, side, PASS if is_cut else SHELF)
        else:
            free.append(side)
    notch = w.patch["eq.band_mode"] == "notch"
    if not notch and not w.patch.number("eq.band_gain"):
        return
    if not free:
        row = w.patch.schema["eq.band_gain"]
        w.lose(
            f"Vital's eq.band_gain of {shown(row, w.patch[row.name])} is left out: Serum's EQ has two bands"
        )
        return
    _write_band(w, "band", free[0], PEAK)
    w.eq_band = f"EQ Frq{free[0]}"
    if notch:
        w.sound.raws[f"EQ Vol{free[0]}"] = 0.0
        w.near("Vital's eq.band_mode notch became a peak of -24 dB")


def _write_band(w: Writer, band: str, side: str, kind: str) -> None:
    note = hz_to_midi(w.patch.number(f"eq.{band}_freq")) - (SHELF_ST if kind == SHELF else 0.0)
    raw = KNOB_LAWS["exponential"].encode(midi_to_hz(note), EQ_FREQ)
    resonance = math.sqrt(w.patch.number(f"eq.{band}_resonance") / 100)
    w.sound.choices[f"EQ Typ{side}"] = kind
    w.sound.raws[f"EQ Frq{side}"] = min(max(raw, 0.0), 1.0)
    w.sound.raws[f"EQ Vol{side}"] = KNOB_LAWS["span"].encode(w.patch.number(f"eq.{band}_gain"), EQ_GAIN)
    if kind != SHELF:
        table = serum()["eq_q"]["pass" if kind == PASS else "peak"]
        w.sound.raws[f"EQ Q {side}"] = interpolated(resonance, table["resonance"], table["q"])


def read_eq(r: Reader) -> None:
    peak = ""
    for band, side in (("low", "L"), ("high", "H")):
        kind = r.choice(f"EQ Typ{side}")
        if kind == PEAK and not peak:
            peak, band = side, "band"
        elif kind == PEAK:
            kind = SHELF
            r.near(f"eq.{band}_gain", f"Serum's second peak became a shelf of eq.{band}", f"EQ Typ{side}")
        _read_band(r, band, side, kind)
    r.eq_band = f"EQ Frq{peak}" if peak else ""


def _read_band(r: Reader, band: str, side: str, kind: str) -> None:
    note = hz_to_midi(KNOB_LAWS["exponential"].decode(r.raw(f"EQ Frq{side}"), EQ_FREQ))
    r.put(f"eq.{band}_freq", midi_to_hz(note + (SHELF_ST if kind == SHELF else 0.0)))
    gain = KNOB_LAWS["span"].decode(r.raw(f"EQ Vol{side}"), EQ_GAIN)
    r.put(f"eq.{band}_gain", 0.0 if kind == PASS else gain)
    resonance = 0.0
    if kind != SHELF:
        table = serum()["eq_q"]["pass" if kind == PASS else "peak"]
        resonance = interpolated(r.raw(f"EQ Q {side}"), table["q"], table["resonance"])
        if band != "band":
            r.put(f"eq.{band}_mode", "cut")
    elif abs(r.raw(f"EQ Q {side}") - 0.6) > 0.05:
        r.near(
            f"eq.{band}_resonance",
            f"Serum's EQ Q {side} is left out of a shelf: Vital's would ring",
            f"EQ Q {side}",
        )
    r.put(f"eq.{band}_resonance", 100 * resonance**2)


# -- hyper and order ------------------------------------------------------------------------------------------------

HYPER_MIX, DIMENSION_MIX = 0.55, 0.42  # of Vital's chorus, for as much to the sides. M
HYPER_CONTROLS = (
    "Hyp Enable", "Hyp_Wet", "Hyp_Rate", "Hyp_Detune", "Hyp_Unison", "Hyp_Retrig", "HypDim_Size", "HypDim_Mix",
)  # fmt: skip


def read_hyper(r: Reader) -> None:
    """Serum's Hyper and Dimension are Vital's chorus, when that is free."""
    if r.raw("Hyp Enable") < 0.5:
        return
    if r.values["chorus.on"]:
        r.lose("Serum's Hyper/Dimension is left out: Vital's chorus is in use", *HYPER_CONTROLS)
        return
    voices, size = int(r.choice("Hyp_Unison")), r.raw("HypDim_Size")
    mix = HYPER_MIX * r.raw("Hyp_Wet") * (voices > 0) + DIMENSION_MIX * r.raw("HypDim_Mix")
    settings: dict[str, Value] = {
        "on": True, "voices": 4 * min(max(math.ceil(voices / 2), 1), 3), "feedback": 0.0,
        "rate": 20 * r.raw("Hyp_Rate") ** 4 if voices else 0.3, "depth": 100 * r.raw("Hyp_Detune") if voices else 5.0,
        "delay1": 1 + 19 * size, "delay2": 2 + 19 * size, "mix": 100 * mix,
    }  # fmt: skip
    for key, value in settings.items():
        r.put(f"chorus.{key}", value, quiet=True)
    r.near("chorus.on", "Serum's Hyper/Dimension became Vital's chorus", *HYPER_CONTROLS)


def read_order(r: Reader) -> None:
    """Tells when two effects in use change places."""
    on = [name for name in r.sound.order if name in SECTIONS and r.values[f"{SECTIONS[name]}.on"]]
    r.cover("effects order")
    if on == sorted(on, key=VITAL_ORDER.index):
        return
    became = ", ".join(SECTIONS[name] for name in sorted(on, key=VITAL_ORDER.index))
    was = ", ".join(SECTIONS[name] for name in on)
    r.lose(f"Serum's effects go {was}; in Vital's own order they go {became}", "effects order")


WRITERS = {
    "distortion": write_distortion, "chorus": write_chorus, "flanger": write_flanger, "phaser": write_phaser,
    "delay": write_delay, "reverb": write_reverb, "compressor": write_compressor, "eq": write_eq,
}  # fmt: skip
READERS = {
    "distortion": read_distortion, "chorus": read_chorus, "flanger": read_flanger, "phaser": read_phaser,
    "delay": read_delay, "reverb": read_reverb, "compressor": read_compressor, "eq": read_eq,
}  # fmt: skip
