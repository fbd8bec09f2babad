"""The schema in Serum's terms and back: every row, every choice, real presets and patches drawn at random."""

import json
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.sample import fresh_patch
from presets.errors import PresetError
from presets.patch import Patch
from presets.schema import (
    DIVISIONS,
    LFO_SHAPES,
    MOD_DESTINATIONS,
    MOD_SOURCES,
    N_MOD_SLOTS,
    OWN,
    wavetable_synth,
)
from presets.serum1 import decode_serum1, read_serum1
from presets.serum1_binding import (
    patch_to_serum1,
    serum1_by_parameter,
    serum1_raw_values,
    serum1_template,
    serum1_to_patch,
)
from presets.serum1_layout import parameter, parameters, tables
from presets.serum1_matrix import Slot
from presets.serum2 import decode_serum2, read_serum2
from presets.serum2_binding import knobs, patch_to_serum2, serum2_template, serum2_to_patch
from presets.serum_crossing import serum1_to_serum2
from presets.serum_effects import threshold_db, threshold_raw
from presets.serum_motion import curve_of, points_of, rotated, straightened, thinned
from presets.serum_reading import active_controls, sound_to_reading
from presets.serum_sound import decode, encode, init_sound, ladder_beats, ladder_raw, rows, serum
from presets.serum_writing import amount_raw, patch_to_sound, placed
from presets.tables import table_frames
from presets.vital import LFO_POINTS, parse, patch_to_vital
from presets.vital_shapes import line_curve
from tests.presets.serum_files import DATA, FXP, SERUM2

SCHEMA = wavetable_synth()
LAWS = rows()
RAWS = (0.0, 0.18, 0.5, 0.77, 1.0)
DISPLAYS = json.loads((DATA / "display_curves.json").read_text())
SLOTS = [f"mod{n}" for n in range(1, N_MOD_SLOTS + 1)]
PARTS = {  # parameters with code of their own
    *(f"{slot}.{key}" for slot in SLOTS for key in ("source", "destination", "amount", "bipolar")),
    *(f"osc{n}.{key}" for n in (1, 2) for key in ("table", "position", "warp", "warp_amount", "route")),
    *(f"filter{n}.{key}" for n in (1, 2) for key in ("type", "keytrack")), "filter2.after_filter1",
    *(f"lfo{n}.{key}" for n in (1, 2) for key in ("shape", "mode", "phase", "division")),
    *("sub.shape", "sub.route", "noise.kind", "noise.keytrack", "noise.loop", "noise.route"),
    *("distortion.kind", "distortion.drive", "distortion.filter", "chorus.cutoff", "chorus.spread", "chorus.voices"),
    *("delay.style", "delay.time", "delay.time_right", "delay.division", "delay.division_right", "reverb.decay"),
    *("voice.polyphony", "voice.legato", "voice.transpose", "voice.tune", "voice.bpm", "volume.level", "flanger.center"),
    *(name for name in SCHEMA.defaults if name.startswith(("compressor.", "eq."))),
}  # fmt: skip
REPORTED = {  # what Serum has no place for
    *(f"{slot}.curve" for slot in SLOTS),
    *(f"osc{n}.{key}" for n in (1, 2) for key in ("morph", "morph_amount", "smooth")),
    *("sub.semitone", "sub.fine", "sub.phase", "sub.phase_random", "sub.keytrack"),
    *(f"env{n}.delay" for n in (1, 2, 3)), *(f"lfo{n}.stereo" for n in (1, 2)), "voice.velocity_track",
    *("phaser.blend", "reverb.predelay"),
    *(f"reverb.{band}_shelf_{key}" for band in ("low", "high") for key in ("freq", "gain")),
}  # fmt: skip


def there(patch, **options):
    """Through an .fxp file and back."""
    data, report = patch_to_serum1(patch, **options)
    return serum1_to_patch(decode_serum1(data)).patch, report


def there2(patch):
    """Through a .SerumPreset file and back."""
    data, report = patch_to_serum2(patch)
    return serum2_to_patch(decode_serum2(data)).patch, report


def turn(a, b):
    """How far apart two phases in degrees are."""
    return abs((float(a) - float(b) + 180) % 360 - 180)


# -- the tables ----------------------------------------------------------------------------------------------------


def test_every_parameter_is_bound_written_by_a_part_or_reported():
    said = [set(LAWS), PARTS - set(LAWS), REPORTED - set(LAWS)]
    assert set().union(*said) >= set(SCHEMA.defaults)
    assert not PARTS & REPORTED


def test_the_tables_name_what_serum_has():
    names = {row.name for row in parameters()}
    destinations = {law["control"] for law in serum()["destinations"].values()}
    for control in {law["control"] for law in LAWS.values()} | destinations:
        assert control in names, control
    for control in destinations | set(serum()["destinations_read"]) - {"MasterVol"}:
        assert parameter(control).menu is not None, control
    filters = serum()["filters"]
    assert {*filters["read"], *filters["morphs"]} <= set(parameter("Fil Type").choices)
    assert {v.lstrip("~") for v in filters["write"].values()} <= set(parameter("Fil Type").choices)
    assert set(filters["write"]) == set(SCHEMA["filter1.type"].choices)
    assert (
        set(serum()["distortions"]["read"]) == set(parameter("Dist_Mode").choices) == set(serum()["drives"])
    )
    assert set(serum()["sub_shapes"]["read"]) == set(parameter("SubOscShape").choices)
    assert set(serum()["sources"]["write"]) == set(MOD_SOURCES) - {"none"}
    assert set(serum()["destinations"]) <= set(MOD_DESTINATIONS)


@pytest.mark.parametrize("name", LAWS)
def test_a_row_goes_there_and_back(name):
    row, law = SCHEMA[name], LAWS[name]
    for raw in RAWS:
        native = encode(law, decode(row, law, raw))
        assert 0 <= native <= 1
        if row.kind == "continuous":
            assert decode(row, law, native) == pytest.approx(decode(row, law, raw), rel=1e-9, abs=1e-9)
        value = row.raw_to_value(raw)
        back = decode(row, law, encode(law, value))
        ends = sorted((decode(row, law, 0.0), decode(row, law, 1.0)))
        if law["law"] == "turned":
            assert turn(back, value) == pytest.approx(0, abs=1e-6)
        elif row.kind == "switch":
            assert back == value
        else:
            wanted = min(max(value, ends[0]), ends[1])
            wanted = round(wanted) if law["law"] == "steps" else wanted
            assert back == pytest.approx(wanted, rel=1e-6, abs=1e-6)


# -- display texts -------------------------------------------------------------------------------------------------

OURS = {  # Serum's display -> our unit, where the two differ; the first that matches
    r"[AB] Pan|Noise Pan|Sub Osc Pan": lambda x: 2 * x,
    r"[AB] UniDet": lambda x: 100 * x,
    r"[AB] Phase": lambda x: (x + 180) % 360,
    r"Sub Osc Level": lambda x: 20 * math.log10(max(x, 1e-9)) - 3.7,
    r"Env1 Sus": lambda x: 100 * 10 ** (x / 40),
    r"A curve1": lambda x: -87.5 * (x / 100 - 0.5) + 15,
    r"[DR] curve1": lambda x: -87.5 * (x / 100 - 0.5) + 10,
    r". curve[23]": lambda x: -87.5 * (x / 100 - 0.5),
    r"(FX )?Fil Driv.*": lambda x: x / 5,
    r"LFO. smooth": lambda x: 1000 * x,
    r"Cho_Dep": lambda x: 100 * x / 26,
    r"Phs_Dpth": lambda x: 0.48 * x,
    r"Phs_Stereo": lambda x: 0.04 * x,
    r"Flg_Stereo": lambda x: 0.2 * x,
    r"Flg_Feed": lambda x: 2 * x - 100,
    r"(Dist|Phs|Flg)_Wet": lambda x: 100 * math.sin(math.pi * x / 200) ** 2,
    r"(Cho|Dly)_Wet|Verb Wet": lambda x: 200 / math.pi * math.asin(math.sin(math.pi * x / 200) ** 2),
    r"VerbLoCt": lambda x: 440 * 2 ** ((30 + 0.6 * x - 69) / 12),
    r"VerbHiCt": lambda x: 440 * 2 ** ((128 - 0.35 * x - 69) / 12),
    r"Spin Depth": lambda x: 100 * (x / 100) ** 2,
    r"Spin Rate": lambda x: 20 * (x / 100) ** 4,
    r"Dly_BW": lambda x: 100 * (x - 0.8) / 7.4,
    r"Dist_BW": lambda x: 100 - 100 * math.sqrt((x - 0.075) / 7.5),
    r"FX Fil Freq": lambda x: 440 * 2 ** ((x - 69) / 12),
}  # fmt: skip
NAMES_IN_FORMULAS = {"log10": lambda x: math.log10(max(x, 1e-9)), "log2": math.log2, "floor": math.floor}


def displayed(curve, n):
    """What Serum shows at raw n, from the sheet's formula: the last part of it that is one."""
    for part in reversed(re.split(r"[;,]", curve)):
        text = re.split(r"[=~]", part.split(" (")[0])[-1].strip().replace("^", "**")
        text = re.sub(r"(?<![a-z\d])([\d.]+)(n|l|\()", r"\1*\2", text)
        try:
            names = NAMES_IN_FORMULAS | {"n": n, "round": lambda x: math.floor(x + 0.5)}
            return float(eval(text, {"__builtins__": {}}, names))
        except (SyntaxError, NameError, TypeError):
            continue
    raise AssertionError(curve)


SHOWN = [
    n for n, law in LAWS.items() if law["control"] in DISPLAYS and "vowel" not in n and "transpose" not in n
]


@pytest.mark.parametrize("name", SHOWN)
def test_serum_shows_the_number(name):
    """At every tenth of the knob, what Serum's read-out says is what we take it for."""
    law, row = LAWS[name], SCHEMA[name]
    convert = next((f for pattern, f in OURS.items() if re.fullmatch(pattern, law["control"])), float)
    for n in np.linspace(0.1, 1, 10):
        shown = convert(displayed(DISPLAYS[law["control"]]["curve"], float(n)))
        assert float(decode(row, law, float(n))) == pytest.approx(shown, rel=2e-3, abs=1e-3)


def test_most_rows_are_checked_against_a_display():
    assert len(SHOWN) > 100


def test_the_knobs_without_a_formula():
    law = LAWS["noise.transpose"]  # n >= .5: 96 (n - .5) st; below: 100 log2(2 n)
    assert [round(decode(SCHEMA["noise.transpose"], law, n)) for n in (1.0, 0.75, 0.5, 0.4, 0.25)] == [
        48,
        24,
        0,
        -32,
        -100,
    ]
    assert threshold_db(0.5) == pytest.approx(-18.1, abs=0.1)
    assert threshold_raw(threshold_db(0.3)) == pytest.approx(0.3)


def test_the_ladders_hold_every_division():
    for ladder, table in serum()["ladders"].items():
        assert table["steps"] == sorted(table["steps"])
        for beats in table["beats"]:
            assert ladder_beats(ladder, ladder_raw(ladder, beats)) == pytest.approx(beats)
    assert ladder_beats("lfo", 0.5) == 1.0  # Serum shows 1/4 in the middle
    assert [ladder_beats("lfo", k / 228) for k in (0, 14, 79, 95, 112, 128, 144)] == [
        128,
        64,
        4,
        2,
        1,
        0.5,
        0.25,
    ]


# -- whole patches -------------------------------------------------------------------------------------------------

ON = {f"{s}.on": True for s in SCHEMA.sections() if f"{s}.on" in SCHEMA}
MOVED = {f"mod{n}.source": s for n, s in enumerate(("env2", "env3", "lfo1", "lfo2"), 1)} | {
    f"mod{n}.amount": 30.0 for n in range(1, 5)
}


def at_raw(raw):
    """A patch with everything on and every bound number at one place of its range."""
    numbers = [n for n in LAWS if SCHEMA[n].kind in ("continuous", "integer")]
    return Patch({n: SCHEMA[n].raw_to_value(raw) for n in numbers} | ON | MOVED)


@pytest.mark.parametrize("through", [there, there2], ids=["serum1", "serum2"])
@pytest.mark.parametrize("raw", RAWS)
def test_numbers_come_back_from_a_file_or_are_reported(through, raw):
    patch = at_raw(raw)
    back, report = through(patch)
    told = " ".join(report)
    for name, law in LAWS.items():
        row = SCHEMA[name]
        if row.kind == "switch" or not patch.matters(name) or law.get("ends") or name.endswith(".phase"):
            continue
        off = abs(row.value_to_raw(back[name]) - row.value_to_raw(patch[name]))
        assert off < 0.021 or name in told, (name, patch[name], back[name])
    beside = [p.number("osc1.phase") - p.number("sub.phase") for p in (patch, back)]
    assert turn(*beside) == pytest.approx(0, abs=0.1)


CHOICES = {
    "osc1.warp": 0, "filter1.type": 0, "sub.shape": 0, "distortion.kind": 0, "distortion.filter": 0, "delay.style": 0,
    "lfo1.shape": 0, "lfo1.mode": 0, "lfo1.division": 0, "delay.division": 0, "osc1.route": 0, "noise.route": 0,
    "compressor.mode": 0, "eq.low_mode": 0, "eq.high_mode": 0,
}  # fmt: skip


@pytest.mark.parametrize("through", [there, there2], ids=["serum1", "serum2"])
@pytest.mark.parametrize("name", CHOICES)
def test_choices_come_back_or_are_reported(through, name):
    gates = ON | {"osc2.on": False, "filter2.on": False}
    lfo = {"mod1.source": "lfo1", "mod1.destination": "osc1.pan", "mod1.amount": 20.0}
    for choice in SCHEMA[name].choices:
        if choice == OWN:
            continue
        if "route" in name or (name == "osc1.warp" and "osc" in choice):
            gates = ON
        back, report = through(Patch(gates | lfo | {name: choice}))
        section, told = name.partition(".")[0], " ".join(report)
        assert back[name] == choice or name in told or f"Vital's {section}" in told, (
            choice,
            back[name],
            report,
        )


def test_a_distortion_of_each_kind_keeps_its_drive():
    for kind in ("soft_clip", "hard_clip", "linear_fold", "sine_fold", "down_sample"):
        back, _ = there(Patch({"distortion.on": True, "distortion.kind": kind, "distortion.drive": 4.0}))
        assert back.number("distortion.drive") == pytest.approx(4.0, abs=0.05)


def test_the_reverbs_tail_comes_back():
    for size, decay in ((20.0, 1.0), (50.0, 3.0), (80.0, 8.0)):
        back, report = there(Patch({"reverb.on": True, "reverb.size": size, "reverb.decay": decay}))
        off = abs(math.log2(back.number("reverb.decay") / decay))
        assert off < 0.1 or any("reverb.decay" in text for text in report)


@pytest.mark.parametrize("mode", ["multiband", "single"])
def test_the_compressor_comes_back_as_loud(mode):
    patch = Patch({"compressor.on": True, "compressor.mode": mode, "compressor.band_upper_ratio": 0.75})
    back, _ = there(patch)
    assert back["compressor.mode"] == mode
    for key in ("attack", "release", "band_upper_threshold", "band_upper_ratio"):
        assert back.number(f"compressor.{key}") == pytest.approx(patch.number(f"compressor.{key}"), rel=0.02)
    again, _ = there(back)
    for band in ("low", "band", "high"):
        gain = f"compressor.{band}_gain"
        assert again.number(gain) == pytest.approx(back.number(gain), abs=0.3)


def test_three_bands_of_eq_on_two():
    gains = {"eq.on": True, "eq.low_gain": 3.0, "eq.band_gain": -4.0}
    back, report = there(Patch(gains))
    assert [back.number(f"eq.{band}_gain") for band in ("low", "band", "high")] == pytest.approx([3, -4, 0])
    assert not report
    back, report = there(Patch(gains | {"eq.high_gain": 5.0}))
    assert back.number("eq.high_gain") == pytest.approx(5) and back.number("eq.band_gain") == 0
    assert any("eq.band_gain of -4 dB is left out" in text for text in report)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_patches_drawn_from_the_priors(seed):
    """What a row carries comes back, in both Serums, or a sentence tells of it."""
    patch = Patch(fresh_patch(np.random.default_rng(seed)))
    for through in (there, there2):
        back, report = through(patch)
        told = " ".join(report)
        for name in patch.active():
            row, law = SCHEMA[name], LAWS.get(name)
            if law is None or law.get("ends") or row.section in ("filter2", "sub") or name.endswith(".phase"):
                continue
            if row.section == "filter1" and "filter2 became" in told:
                continue
            if row.section.startswith("lfo") and row.section not in {back[f"{m}.source"] for m in SLOTS}:
                continue  # it moves nothing that Serum could
            moved = f"Vital's {row.section}" in told or "keytrack" in name or "cutoff" in name
            off = abs(row.value_to_raw(back[name]) - row.value_to_raw(patch[name]))
            assert off < 0.021 or name in told or moved, (name, patch[name], back[name], report)


def test_twice_is_once():
    """A patch that came from Serum goes there and back unchanged."""
    for seed in range(6):
        first, _ = there(Patch(fresh_patch(np.random.default_rng(seed))))
        again, report = there(first)
        for name, value in first.active().items():
            row = SCHEMA[name]
            if row.kind in ("continuous", "integer") and row.section not in ("compressor",):
                off = abs(row.value_to_raw(again[name]) - row.value_to_raw(value))
                assert off < 0.03 or name in " ".join(report), (name, value, again[name])


# -- tables --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("position", [0.0, 3.0, 25.0, 50.0, 66.6, 99.0, 100.0])
def test_the_frame_that_vital_plays_is_the_one_serum_lands_on(position):
    frames = table_frames("pwm")
    for moved in (False, True):
        spread, raw = placed(frames, position / 100, moved)
        hit = spread[min(len(spread) - 1, math.floor(raw * len(spread) + 1e-9))]
        at = position / 100 * (len(frames) - 1)
        low = min(int(at), len(frames) - 2)
        wanted = frames[low] + (at - low) * (frames[low + 1] - frames[low])
        step = np.abs(np.diff(frames, axis=0)).max()
        assert len(spread) <= 256
        assert np.abs(hit - wanted).max() < 0.08 * step


@pytest.mark.parametrize("through", [there, there2], ids=["serum1", "serum2"])
def test_own_tables_cross_whole(through):
    rng = np.random.default_rng(0)
    frames = {f"osc{n}.table": rng.uniform(-1, 1, (5 * n, 2048)).astype(np.float32) for n in (1, 2)}
    values = {name: OWN for name in frames} | {"osc2.on": True, "osc1.position": 50.0, "osc2.position": 100.0}
    back, _ = through(Patch(values, assets=frames))
    for name, asset in frames.items():
        assert np.array_equal(back.assets[name], asset)
        assert back.number(name.replace("table", "position")) == values[name.replace("table", "position")]


def test_a_table_of_one_frame_too_many_is_read_a_little_wider():
    frames = np.linspace(-1, 1, 257)[:, None] * np.ones((1, 2048), np.float32)
    spread, raw = placed(frames.astype(np.float32), 0.5, False)
    assert spread.shape == (256, 2048) and abs(float(spread[round(raw * 255)].mean())) < 0.005
    assert spread[0, 0] == -1 and spread[-1, 0] == pytest.approx(1)


def test_a_filter_of_the_spectrum_becomes_part_of_the_table(play):
    values = {
        "osc1.table": "sine_to_saw",
        "osc1.position": 100.0,
        "osc1.morph": "low_pass",
        "osc1.morph_amount": 35.0,
    }
    back, report = there(Patch(values))
    assert (
        report == ("Vital's osc1.morph low_pass became part of its table",) and back["osc1.morph"] == "none"
    )
    a, b = (np.abs(np.fft.rfft(play(p, 45, 0.6, 0.6).mean(axis=0))) for p in (Patch(values), back))
    assert np.abs(a - b).sum() / a.sum() < 0.1
    moved = {"mod1.source": "env2", "mod1.destination": "osc1.morph_amount", "mod1.amount": 20.0}
    assert any("morph low_pass is left out" in text for text in there(Patch(values | moved))[1])


def test_a_sub_with_frames_of_its_own():
    frame = np.sin(3 * np.linspace(0, 2 * np.pi, 2048, endpoint=False)).astype(np.float32)[None]
    patch = Patch(
        {"sub.on": True, "sub.shape": OWN, "sub.fine": 7.0, "sub.octave": -2}, assets={"sub.shape": frame}
    )
    first, _ = there(patch)
    assert first["osc2.on"] and not first["sub.on"]
    assert np.array_equal(first.assets["osc2.table"], frame) and first.number("osc2.fine") == pytest.approx(
        7, abs=1e-3
    )
    second, report = there2(patch)
    assert second["sub.on"] and np.array_equal(second.assets["sub.shape"], frame) and not report
    full = patch.with_values({"osc2.on": True})
    assert any("sub.shape own is left out" in text for text in there(full)[1])


# -- LFOs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("through", [there, there2], ids=["serum1", "serum2"])
@pytest.mark.parametrize("phase", [0.0, 90.0, 200.0])
def test_a_drawn_lfo_crosses_with_its_phase(through, phase):
    points = np.array([[0, 0.2, 0], [0.25, 0.9, 0], [0.25, 0.1, 0], [0.7, 0.5, 0], [1, 0.2, 0]], np.float32)
    values = {
        "lfo1.shape": OWN,
        "lfo1.phase": phase,
        "mod1.source": "lfo1",
        "mod1.amount": 50.0,
        "filter1.on": True,
    }
    back, _ = through(Patch(values, assets={"lfo1.shape": points}))
    drawn = np.roll(line_curve(points, False, 720), -round(2 * phase))
    assert np.abs(line_curve(back.assets["lfo1.shape"], False, 720) - drawn).mean() < 0.01


def test_a_bend_keeps_its_ends_and_its_way():
    points = np.array([[0, 0, 6.0], [0.5, 1, -6.0], [1, 0, 0]])
    assert points_of(curve_of(points)) == pytest.approx(points)
    straight = straightened(points, False)
    assert np.abs(line_curve(straight, False, 400) - line_curve(points, False, 400)).max() < 0.05


@pytest.mark.parametrize("shape", [s for s in LFO_SHAPES if s != OWN])
def test_a_cycle_turned_is_the_cycle(shape):
    points = straightened(np.array(LFO_POINTS[shape], float), shape == "sine")
    turned = rotated(points, 0.3)
    assert turned[0, 0] == 0 and turned[-1, 0] == 1 and (np.diff(turned[:, 0]) >= 0).all()
    levels = line_curve(points, False, 1000)
    assert np.abs(line_curve(turned, False, 1000) - np.roll(levels, -300)).mean() < 0.01


def test_thinning_leaves_out_what_matters_least():
    t = np.linspace(0, 1, 101)
    points = np.column_stack([t, np.where(t < 0.5, 0.0, 1.0), 0 * t])
    thin = thinned(points, 10)
    assert len(thin) == 10
    assert np.abs(line_curve(thin, False, 400) - line_curve(points, False, 400)).mean() < 0.01


def test_divisions_of_the_tempo_cross():
    for division in DIVISIONS[1:]:
        values = {
            "mod1.source": "lfo1",
            "mod1.destination": "osc1.pan",
            "mod1.amount": 10.0,
            "lfo1.division": division,
        }
        assert there(Patch(values))[0]["lfo1.division"] == division


def test_a_long_delay_follows_the_patchs_tempo():
    back, report = there(Patch({"delay.on": True, "delay.time": 1.4, "voice.bpm": 90.0}))
    assert any("2.1 beats, right at the patch's tempo" in text for text in report)
    assert back.number("delay.time") == pytest.approx(2.1 * 60 / 120, rel=0.01)  # as Serum would at 120
    free, report = there(Patch({"delay.on": True, "delay.time": 0.6}))
    assert free.number("delay.time") == pytest.approx(0.6, rel=1e-3) and not report


# -- the matrix ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("through", [there, there2], ids=["serum1", "serum2"])
@pytest.mark.parametrize("destination", MOD_DESTINATIONS)
def test_a_routing_comes_back_or_is_reported(through, destination):
    others = {1: "env3", 2: "lfo1", 3: "lfo2", 4: "macro1"}
    values = ON | {f"mod{n}.source": s for n, s in others.items()} | {f"mod{n}.amount": 20.0 for n in others}
    values |= {"osc1.voices": 3, "osc2.voices": 3, "osc1.warp": "pulse", "osc2.warp": "pulse"}
    values |= {"filter2.on": destination.startswith("filter2"), "eq.band_gain": 3.0, "mod5.source": "env2"}
    back, report = through(Patch(values | {"mod5.destination": destination, "mod5.amount": 12.0}))
    used = {
        str(back[f"{m}.destination"]): back.number(f"{m}.amount")
        for m in SLOTS
        if back[f"{m}.source"] == "env2"
    }
    told = any("mod5" in text for text in report)
    same = {"voice.tune": ("voice.pitch", 0.25)}.get(
        destination, (destination, 12.0)
    )  # of one and the same knob
    if destination.startswith("mod"):
        assert len(used) == 1 and next(iter(used)).startswith("mod")
    else:
        assert told or used.get(same[0]) == pytest.approx(same[1], rel=0.02), (used, report)


@pytest.mark.parametrize("source", MOD_SOURCES[1:])
def test_sources_come_back(source):
    values = {
        "mod1.source": source,
        "mod1.destination": "osc1.pan",
        "mod1.amount": -40.0,
        "mod1.bipolar": True,
    }
    for through in (there, there2):
        back, _ = through(Patch(values))
        assert back["mod1.source"] == source and back["mod1.bipolar"]
        assert back.number("mod1.amount") == pytest.approx(-40, rel=1e-3)


def test_a_routing_that_moves_a_routing_is_an_auxiliary_source():
    values = {"mod1.source": "lfo1", "mod1.destination": "osc1.fine", "mod2.source": "mod_wheel"}
    patch = Patch(values | {"mod2.destination": "mod1.amount", "mod2.amount": 25.0})
    data, _ = patch_to_serum1(patch)
    slot = decode_serum1(data).slot(1)
    assert (slot.source, slot.aux, slot.destination) == ("LFO 1", "Mod Wheel", "A Fine")
    assert slot.amount == pytest.approx(
        0.5
    )  # Vital's amounts go from -1 to 1, so half of it moves one by all
    back, _ = there(patch)
    assert back["mod2.destination"] == "mod1.amount" and back.number("mod2.amount") == pytest.approx(25)


@pytest.mark.parametrize("track", [-50.0, 30.0, 50.0, 100.0])
def test_key_tracking_turns_around_the_same_note(track):
    patch = Patch({"filter1.on": True, "filter1.cutoff": 500.0, "filter1.keytrack": track})
    back, report = there(patch)
    assert back.number("filter1.keytrack") == pytest.approx(track, abs=0.1) and not report
    assert back.number("filter1.cutoff") == pytest.approx(500, rel=1e-3)


def test_amounts_beyond_serums_are_told():
    values = {
        "mod1.source": "env2",
        "mod1.destination": "lfo1.rate",
        "mod1.amount": 100.0,
        "mod2.source": "lfo1",
    }
    _, report = there(Patch(values | {"mod2.destination": "osc1.pan", "mod2.amount": 10.0}))
    assert any("became Serum's most, 100 %" in text for text in report)


# -- raw values for a hosted Serum ---------------------------------------------------------------------------------


def test_raw_values_are_of_parameters_and_in_range():
    values = serum1_raw_values(Patch(ON))
    assert set(values) <= {row.name for row in parameters()}
    assert len(values) > 220 and all(0 <= raw <= 1 for raw in values.values())
    assert not any(name.startswith(("Mod", "Pitch Bend", "LFO Bus", "Bypass")) for name in values)


def test_raw_values_say_what_the_patch_says():
    patch = Patch({"osc1.level": -12.0, "filter1.on": True, "filter1.type": "ladder_lp24", "filter1.cutoff": 425.0,
                   "env1.attack": 1.0, "delay.on": True, "distortion.on": True, "distortion.kind": "sine_fold"})  # fmt: skip
    values = serum1_raw_values(patch)
    assert values["A Vol"] == pytest.approx(10 ** (-12 / 40))
    assert values["Fil Cutoff"] == pytest.approx(0.5, abs=1e-3)  # Serum shows 425 Hz there
    assert values["Fil Type"] == pytest.approx(3 / 95) and values["Dist_Mode"] == pytest.approx(6 / 15)
    assert values["Env1 Atk"] == pytest.approx(0.5) and values["Dly Enable"] == values["Filter On"] == 1.0
    assert values["Rev Enable"] == 0.0


def test_what_parameters_cannot_say_is_told():
    values = {
        "mod1.source": "lfo1",
        "mod1.amount": 10.0,
        "filter1.on": True,
        "voice.polyphony": 1,
        "lfo1.rate": 2.0,
    }
    raws, report = serum1_by_parameter(Patch(values), bpm=120)
    assert ladder_beats("lfo", raws["LFO1 Rate"]) == 1.0  # 2 Hz at 120: a quarter
    text = " ".join(report)
    assert "1 routings are left out" in text and "Mono is left out" in text and "wavetables" in text


# -- templates and real presets ------------------------------------------------------------------------------------


def test_the_init_presets_are_init():
    preset = serum1_template()
    defaults = {row.name: row.default for row in parameters() if not row.choices}
    raws = preset.state.raws()
    assert {n: raws[n] for n in raws if n in defaults} == pytest.approx(
        {n: defaults[n] for n in raws if n in defaults}, abs=1e-6
    )
    assert not preset.slots() and preset.table("a") is None and preset.state.text("author") == ""
    assert not active_controls(init_sound())
    second = serum2_template()
    assert not second.slots() and not any(second.effects(rack) for rack in range(3))
    assert serum2_to_patch(second).coverage == 1.0


def test_a_users_own_preset_as_template_keeps_the_rest():
    template = read_serum1(DATA / "LatelyBassClone.fxp")
    size, labels = len(template.state.data), template.state.text("macro1")
    data, _ = patch_to_serum1(Patch({"filter1.on": True, "filter1.cutoff": 900.0}, name="mine"), template)
    preset = decode_serum1(data)
    assert len(preset.state.data) == size and preset.name == "mine" and preset.state.text("macro1") == labels
    assert serum1_to_patch(preset).patch.number("filter1.cutoff") == pytest.approx(900, rel=1e-4)
    assert not preset.slots()


@pytest.mark.parametrize("path", [*FXP, *SERUM2], ids=lambda path: path.stem)
def test_a_real_preset_crosses_and_sounds(path, play):
    reading = (
        serum1_to_patch(read_serum1(path)) if path.suffix == ".fxp" else serum2_to_patch(read_serum2(path))
    )
    assert reading.n_active > 10 and reading.coverage > 0.6 and reading.synth == "Serum"
    assert len(reading.lost) >= 1 or reading.coverage == 1.0
    assert max(np.abs(play(reading.patch, note, 1.0, 1.5)).max() for note in (36, 60)) > 10 ** (-50 / 20)


def test_seven_tenths_of_what_real_presets_use_crosses():
    readings = [serum1_to_patch(read_serum1(path)) for path in FXP]
    n_active = sum(r.n_active for r in readings)
    assert n_active > 200
    assert sum(len(r.covered) for r in readings) / n_active > 0.85
    assert sum(len(r.covered - r.near) for r in readings) / n_active > 0.7


def test_a_settings_section_must_be_on_to_count():
    sound = init_sound()
    sound.raws |= {"Fil Cutoff": 0.2, "B Vol": 0.1, "Verb Wet": 0.9, "Env2 Atk": 0.5}
    assert not active_controls(sound)
    sound.raws |= {"Filter On": 1.0, "Osc B On": 1.0}
    assert active_controls(sound) == {"Filter On", "Fil Cutoff", "Osc B On", "B Vol"}


def test_the_pitch_of_a_crossing_is_the_pitch(play):
    """Octave, semitone and fine of Serum's, heard in Vital."""
    patch = Patch({"osc1.octave": 1, "osc1.semitone": -5, "osc1.fine": 20.0, "osc1.table": "basic_shapes"})
    back, _ = there(patch)
    a, b = (play(p, 57, 1.0, 1.0).mean(axis=0) for p in (patch, back))
    spectra = [np.abs(np.fft.rfft(x * np.hanning(len(x)), 8 * len(x))) for x in (a, b)]
    assert int(np.argmax(spectra[0])) == int(np.argmax(spectra[1]))
    wanted = 220 * 2 ** ((12 - 5 + 0.2) / 12)
    assert np.argmax(spectra[0]) / (8 * len(a)) * 44_100 == pytest.approx(wanted, rel=2e-3)


def test_a_crossing_sounds_the_same_in_vital(play):
    """Through Serum's file and back: what both have law for is heard unchanged."""
    patch = Patch({"osc1.table": "pwm", "osc1.position": 31.25, "filter1.on": True, "filter1.type": "ladder_lp24",
                   "filter1.cutoff": 800.0, "filter1.resonance": 30.0, "mod1.source": "env2", "mod1.amount": 25.0,
                   "env2.sustain": 0.0, "env2.decay": 0.3, "env1.release": 0.2, "chorus.on": False})  # fmt: skip
    for through in (there, there2):
        a, b = (play(p, 48, 0.6, 1.0) for p in (patch, through(patch)[0]))
        a, b = (np.abs(np.fft.rfft(x.mean(axis=0))) for x in (a, b))
        assert np.abs(a - b).sum() / a.sum() < 0.1


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_any_state_is_read_whole(seed):
    """Knobs, menus and routings anywhere: a patch that Vital takes, and that goes back."""
    rng, preset = np.random.default_rng(seed), serum1_template()
    state = preset.state
    rows_ = parameters()[: state.layout.parameters]
    for row in rows_:
        if not row.choices:
            state.set_raw(row.name, float(rng.choice([0.0, 1.0, 0.5, rng.random()])))
        elif row.name != "Dist_Mode":
            state.set_raw(row.name, int(rng.integers(len(row.choices))) / (len(row.choices) - 1))
    targets = [row.name for row in rows_ if row.menu is not None]
    for number in range(1, 33):
        source, aux = (str(s) for s in rng.choice(tables()["sources"]["new"], 2))
        amount, out = float(rng.uniform(-1, 1)), float(rng.random())
        preset.set_slot(
            number,
            Slot(source, aux, str(rng.choice(targets)), amount, out, rng.random() < 0.5, rng.random() < 0.5),
        )
    reading = serum1_to_patch(preset)
    parse(patch_to_vital(reading.patch, compact=True))
    assert len(reading.covered) <= reading.n_active == len(reading.active)
    assert reading.near <= reading.covered <= reading.active
    patch_to_serum1(reading.patch)
    assert decode_serum2(serum1_to_serum2(preset).data).slots()


# -- errors --------------------------------------------------------------------------------------------------------


def test_a_template_that_cannot_hold_it_is_refused_in_a_sentence():
    frames = np.full((1, 2048), 40.0, np.float32)
    with pytest.raises(PresetError, match=r"; "):
        patch_to_serum1(Patch({"osc1.table": OWN}, assets={"osc1.table": frames}))


def test_serum2_rows_go_there_and_back():
    from presets.serum2_binding import raw_of, serum2, stored

    laws = dict(knobs()) | {k: law for e in serum2()["effects"].values() for k, law in e["knobs"].items()}
    for name, law in laws.items():
        for raw in (0.0, 0.25, 0.5, 1.0):
            value = stored(law, raw)
            assert stored(law, raw_of(law, value)) == pytest.approx(value, rel=1e-6, abs=1e-9), name


def test_amounts_of_warps_are_opposites():
    from presets.serum_reading import amount_value

    for name in serum()["amounts"]:
        for raw in (0.0, 0.3, 0.6):
            value = amount_value(name, raw)
            assert amount_raw(name, value) == pytest.approx(raw) or value in (0.0, 1.0)


def test_sound_of_two_filters():
    patch = Patch(
        {
            "filter1.on": True,
            "filter2.on": True,
            "filter2.cutoff": 2000.0,
            "filter2.type": "hp12",
            "osc1.route": "both",
        }
    )
    back, report = there2(patch)
    assert back["filter2.type"] == "hp12" and back.number("filter2.cutoff") == pytest.approx(2000, rel=1e-3)
    assert back["osc1.route"] == "both" and not report
    first, report = there(patch)
    assert first["filter2.on"] and any("filter2 became the filter among Serum's effects" in t for t in report)
    sound, _ = patch_to_sound(patch)
    assert sound.order[0] == "Fil" and sound_to_reading(sound).patch["filter2.on"]


def test_a_noise_by_name_stands_in_no_menu():
    data, _ = patch_to_serum1(Patch({"noise.on": True}))
    preset = decode_serum1(data)
    assert preset.state.text("noise") == "/Analog/BrightWhite.wav"
    positions = [preset.state.read(0x4208 + 4 * k, "<i") for k in range(6)]
    assert positions[2] == positions[5] == -1
    plain = decode_serum1(patch_to_serum1(Patch())[0])
    assert plain.state.text("noise") == serum1_template().state.text("noise") != ""


def test_the_oldest_states_are_read_and_written():
    """Of 228 parameters and 16 slots, without switches."""
    from tests.presets.test_serum1 import old_preset

    reading = serum1_to_patch(old_preset())
    assert reading.n_active > 10 and reading.coverage > 0.6
    values = {
        "mod1.source": "random",
        "mod1.destination": "osc1.fine",
        "mod1.amount": 5.0,
        "osc1.level": -12.0,
    }
    data, _ = patch_to_serum1(Patch(values), old_preset())
    back = serum1_to_patch(decode_serum1(data)).patch
    assert back.number("osc1.level") == pytest.approx(-12, abs=0.01) and back["mod1.source"] == "random"
