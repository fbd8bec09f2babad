"""Every row of the Vital binding against the engine: what it stores, what it shows, and what is read back."""

import itertools
import json
import math
import re

import numpy as np
import pytest

from presets.laws import midi_to_hz
from presets.patch import Patch
from presets.schema import DIVISIONS, N_MOD_SLOTS, OWN, wavetable_synth
from presets.vital import patch_to_vital, vital_to_patch
from presets.vital_binding import (
    binding,
    control_ranges,
    default_controls,
    init_controls,
    rows,
    safe_destinations,
    safe_sources,
)

SCHEMA = wavetable_synth()
BOUND = {name: law for name, law in rows().items() if not name.startswith("mod")}
NUMBERS = [n for n in BOUND if SCHEMA[n].kind in ("continuous", "integer")]
CHOICES = [n for n in BOUND if SCHEMA[n].kind in ("choice", "switch")]
SLOTS = [f"mod{n}" for n in range(1, N_MOD_SLOTS + 1)]
ELSEWHERE = {  # parameters that are no single control of Vital's
    *(f"{slot}.{key}" for slot in SLOTS for key in ("source", "destination", "amount", "bipolar", "curve")),
    *(
        "osc1.table",
        "osc2.table",
        "sub.shape",
        "lfo1.shape",
        "lfo2.shape",
        "noise.kind",
        "filter1.type",
        "filter2.type",
    ),
}
RAWS = (0.0, 0.18, 0.5, 0.77, 1.0)
FREE = {name: "free" for name in SCHEMA.defaults if ".division" in name}


def at_raw(raw):
    """A patch with every bound number at one place of its range."""
    return Patch({n: SCHEMA[n].raw_to_value(raw) for n in NUMBERS} | FREE)


def choice_at(row, index):
    options = [c for c in row.choices if c != OWN] if row.kind == "choice" else [False, True]
    return options[index % len(options)]


@pytest.fixture(scope="module")
def engine(host):
    """The engine's control values and display texts after loading a patch."""

    def look(patch):
        host.set_text(patch_to_vital(patch))
        controls = host._synth.get_controls()
        names = {str(law["control"]) for law in rows().values()} | {
            str(law["prefix"] + law["sync"]) for law in rows().values() if "sync" in law
        }
        return {name: (controls[name].value(), controls[name].get_text()) for name in names}

    return look


@pytest.fixture(scope="module")
def numbers(engine):
    """Raw -> the patch with every number there, what the engine holds, and the patch read back from the file."""
    patches = {raw: at_raw(raw) for raw in RAWS}
    return {raw: (p, engine(p), vital_to_patch(patch_to_vital(p)).patch) for raw, p in patches.items()}


@pytest.fixture(scope="module")
def choices(engine):
    """The same for choices and switches: as many patches as the longest list has entries."""
    most = max(len(SCHEMA[n].choices) for n in CHOICES)
    patches = [Patch({n: choice_at(SCHEMA[n], i) for n in CHOICES}) for i in range(most)]
    return [(p, engine(p), vital_to_patch(patch_to_vital(p), own=True).patch) for p in patches]


# -- the tables ---------------------------------------------------------------------------------------------------


def test_every_parameter_has_a_place_in_vital():
    assert set(BOUND) | ELSEWHERE == set(SCHEMA.defaults)
    assert not set(BOUND) & ELSEWHERE


def test_the_control_tables_are_the_engines(host):
    details = {n: host._synth.get_control_details(n) for n in host._synth.get_controls()}
    assert control_ranges() == {n: pytest.approx((d.min, d.max), rel=1e-6) for n, d in details.items()}
    assert default_controls() == {n: pytest.approx(d.default_value, rel=1e-6) for n, d in details.items()}
    assert init_controls().keys() == details.keys()


def test_the_routing_tables_are_the_engines():
    import vita

    assert safe_sources() == set(vita.get_modulation_sources())
    assert safe_destinations() == set(vita.get_modulation_destinations())


def test_the_init_file_differs_from_vitals_only_where_it_says():
    off = {
        n
        for n, v in init_controls().items()
        if not math.isclose(v, default_controls()[n], rel_tol=1e-6, abs_tol=1e-9)
    }
    assert all(re.search(r"_sync$|_random_phase$|^lfo_\d_smooth_time$", n) for n in off)


@pytest.mark.parametrize("name", BOUND)
def test_controls_exist_and_hold_the_whole_range(name):
    law, row = BOUND[name], SCHEMA[name]
    low, high = control_ranges()[str(law["control"])]
    if row.kind == "continuous":
        patch = Patch({name: row.low}), Patch({name: row.high})
        for p in patch:
            assert low <= json.loads(patch_to_vital(p))["settings"][law["control"]] <= high


# -- numbers ------------------------------------------------------------------------------------------------------

BY_KEY = {  # what Vital shows -> our unit, where the two differ
    "position": lambda x: x / 2.56,
    "level": lambda x: 20 * math.log10(max(x, 1e-6)),
    "mix": lambda x: x,
    "rate": lambda x: 1 / x,
    "stereo": lambda x: 200 * x,
    "blend": lambda x: 50 * x,
    "smooth": lambda x: 1000 * x,
    "amp": lambda x: x,
}
BY_NAME = {
    "volume.level": lambda x: x,
    "reverb.chorus_rate": lambda x: x,
    "lfo1.phase": lambda x: 360 * x,
    "lfo2.phase": lambda x: 360 * x,
    "osc1.blend": lambda x: x,
    "osc2.blend": lambda x: x,
    "filter1.cutoff": lambda x: midi_to_hz(x + 60),
    "filter2.cutoff": lambda x: midi_to_hz(x + 60),
    **dict.fromkeys(("distortion.mix", "compressor.mix", "delay.spread", "chorus.spread", "filter1.vowel", "filter2.vowel"), lambda x: 100 * x),
    **{f"env{n}.sustain": lambda x: 100 * x for n in (1, 2, 3)},
    **{f"env{n}.{stage}_curve": lambda x: 5 * x for n in (1, 2, 3) for stage in ("attack", "decay", "release")},
    **{f"macro.m{n}": lambda x: 100 * x for n in range(1, 5)},
}  # fmt: skip
LEAST_SHOWN = {"smooth": 0.98, "glide": 0.00098}  # Vital's own least, which we call 0


def shown(name, text):
    """What Vital shows for a parameter, in our unit."""
    number = float(re.match(r"-?[\d.]+", text)[0])
    row = SCHEMA[name]
    if name in BY_NAME:
        return BY_NAME[name](number)
    if row.key in BY_KEY:
        return BY_KEY[row.key](number)
    return midi_to_hz(number) if row.unit == "Hz" else number


@pytest.mark.parametrize("name", [n for n in NUMBERS if BOUND[n]["law"] not in ("octave", "semitone")])
def test_vital_shows_the_number(name, numbers):
    row, law = SCHEMA[name], BOUND[name]
    for raw, (patch, held, _) in numbers.items():
        value = shown(name, held[str(law["control"])][1])
        if name == "chorus.voices":  # Vital has 4, 8, 12 and 16
            assert abs(value - patch.number(name)) <= 2
        elif patch[name] == 0 and row.key in LEAST_SHOWN:
            assert value == pytest.approx(LEAST_SHOWN[row.key], rel=0.01)
        else:
            assert value == pytest.approx(
                patch.number(name), rel=2e-3, abs=2e-3 * (row.high - row.low) * (raw == 0) + 2e-5
            ), raw


@pytest.mark.parametrize("section", ["osc1", "osc2", "sub"])
def test_octave_and_semitone_add_up(section, engine):
    control = str(BOUND[f"{section}.octave"]["control"])
    for octave in range(-4, 5):
        for semitone in (-12, -7, -1, 0, 1, 11, 12):
            if abs(12 * octave + semitone) <= 48 and (octave, semitone) in {
                (-4, 0),
                (-3, -12),
                (-2, 7),
                (0, -1),
                (0, 12),
                (1, 0),
                (3, 11),
            }:
                patch = Patch({f"{section}.octave": octave, f"{section}.semitone": semitone})
                assert engine(patch)[control][0] == 12 * octave + semitone


@pytest.mark.parametrize("name", [n for n in NUMBERS if BOUND[n]["law"] not in ("octave", "semitone")])
def test_numbers_are_read_back(name, numbers):
    for patch, _, back in numbers.values():
        least = 2e-3 if name == "reverb.chorus_rate" else 1e-5  # its least is Vital's 2 ** -8 Hz, rounded
        assert back.number(name) == pytest.approx(patch.number(name), rel=least, abs=1e-9)


# -- choices ------------------------------------------------------------------------------------------------------

TEMPOS = (
    "Freeze",
    "32/1",
    "16/1",
    "8/1",
    "4/1",
    "2/1",
    "1/1",
    "1/2",
    "1/4",
    "1/8",
    "1/16",
    "1/32",
    "1/64",
)  # Vital's
SHOWN_AS = {
    "filter1": "FILTER 1", "filter2": "FILTER 2", "both": "FILTER 1+2", "effects": "EFFECTS", "direct": "DIRECT OUT",
    "fm_osc": "FM <- Osc", "fm_sub": "FM <- Osc", "fm_noise": "FM <- Sample",
    "rm_osc": "RM <- Osc", "rm_sub": "RM <- Osc", "rm_noise": "RM <- Sample",
    "time_skew": "Spectral Time Skew", "one_shot": "Envelope", "hold": "Sustain Envelope",
    "multiband": "Multiband", "low": "Low Band", "high": "High Band", "single": "Single Band",
    "bell": "Shelf",  # so Vital's own table names the bell
}  # fmt: skip


def choice_text(name, value):
    if isinstance(value, bool):
        return "On" if value else "Off"
    if value == "cut":
        return "High Pass" if name == "eq.low_mode" else "Low Pass"
    return SHOWN_AS.get(value, value.replace("_", " ").title())


@pytest.mark.parametrize("name", [n for n in CHOICES if BOUND[n]["law"] != "division"])
def test_vital_shows_the_choice(name, choices):
    for patch, held, back in choices:
        assert held[str(BOUND[name]["control"])][1] == choice_text(name, patch[name])
        assert back[name] == patch[name]


@pytest.mark.parametrize("name", FREE)
def test_divisions(name, choices):
    law = BOUND[name]
    sync = str(law["prefix"] + law["sync"])
    feels = {"": 1, "d": 2, "t": 3}
    for patch, held, back in choices:
        division = str(patch[name])
        assert back[name] == division
        if division == DIVISIONS[0]:
            assert held[sync][0] == 0
        else:
            assert held[sync][0] == feels[division.lstrip("0123456789/")]
            assert held[str(law["control"])][0] == TEMPOS.index(division.rstrip("dt"))
            if name.startswith("lfo"):  # for a delay, the engine's text counts from the wrong end
                assert held[str(law["control"])][1] == division.rstrip("dt")


@pytest.mark.parametrize("warp", ["fm_osc", "fm_sub"])
@pytest.mark.parametrize("section", ["osc1", "osc2"])
def test_fm_listens_to_the_oscillator_it_names(warp, section, host):
    other, third = {"osc1": ("osc2", "sub"), "osc2": ("osc1", "sub")}[section]
    modulator, bystander = (other, third) if warp == "fm_osc" else (third, other)
    patch = Patch(
        {
            "osc1.on": True,
            "osc2.on": True,
            "sub.on": True,
            f"{section}.warp": warp,
            f"{section}.warp_amount": 50,
        }
    )
    quiet = {"osc1.level": -40, "osc2.level": -40, "sub.level": -40, f"{section}.level": 0, "sub.octave": 0}

    def spectrum(**values):
        audio = host.render_patch(patch.with_values({**quiet, **values}), 48, 0.3, 0.3)[0]
        return 20 * np.log10(np.abs(np.fft.rfft(audio * np.hanning(len(audio))))[:4000] + 1e-1)

    def change(name):
        return np.abs(spectrum(**{f"{name}.semitone": 7}) - spectrum()).mean()

    assert change(modulator) > 3 * change(bystander)


# -- filters ------------------------------------------------------------------------------------------------------

BANDS_HZ = 40 * 2 ** (np.arange(28) / 3)  # thirds of an octave, 40 Hz to 20 kHz


@pytest.fixture(scope="module")
def responses(host):
    """Filter type -> what it does to noise, dB in each band, with its cutoff at 1 kHz."""
    base = Patch(
        {
            "osc1.on": False,
            "noise.on": True,
            "noise.level": -12,
            "filter1.cutoff": 1000,
            "filter1.resonance": 20,
        }
    )

    def bands(patch):
        audio = host.render_patch(patch, 60, 0.5, 0.5)[0][4410:]
        power, hz = np.abs(np.fft.rfft(audio)) ** 2, np.fft.rfftfreq(len(audio), 1 / 44_100)
        return np.array(
            [10 * np.log10(power[(hz >= a) & (hz < b)].mean()) for a, b in itertools.pairwise(BANDS_HZ)]
        )

    plain = bands(base)
    types = binding()["filter"]["type"]
    return {t: bands(base.with_values({"filter1.on": True, "filter1.type": t})) - plain for t in types}


def at_hz(response, hz):
    return response[np.searchsorted(BANDS_HZ, hz) - 1]


def kind_of(name):
    return re.search(r"lp|bp|hp|notch|peak|formant|comb|phaser", name)[0]


@pytest.mark.parametrize("name", binding()["filter"]["type"])
def test_a_filter_does_what_its_name_says(name, responses):
    low, middle, high = (at_hz(responses[name], hz) for hz in (60, 1000, 10_000))
    if kind_of(name) == "lp":
        assert low > high + 18 and middle > high
    elif kind_of(name) == "hp":
        assert high > low + 18 and middle > low
    elif kind_of(name) in ("bp", "peak"):
        assert middle > low + 3 and middle > high + 3
    elif kind_of(name) == "notch":
        assert middle < low - 6 and middle < high - 6
    else:
        assert np.ptp(responses[name]) > 6  # formants, combs and phasers colour


@pytest.mark.parametrize("family", ["lp", "hp", "dirty_lp", "ladder_lp", "digital_lp"])
def test_24_is_steeper_than_12(family, responses):
    far = 100 if family == "hp" else 8000
    gentle, steep = (at_hz(responses[f"{family}{slope}"], far) for slope in (12, 24))
    assert steep < gentle - 6


@pytest.mark.parametrize("hz", [300, 1500, 6000])
def test_cutoff_is_in_hertz(hz, host):
    patch = Patch(
        {
            "osc1.on": False,
            "noise.on": True,
            "filter1.on": True,
            "filter1.type": "lp12",
            "filter1.cutoff": hz,
            "filter1.resonance": 95,
        }
    )
    audio = host.render_patch(patch, 60, 1.0, 1.0)[0][4410:]
    spectrum, at = (
        np.abs(np.fft.rfft(audio * np.hanning(len(audio)))) ** 2,
        np.fft.rfftfreq(len(audio), 1 / 44_100),
    )
    near = (at > hz / 2) & (at < hz * 2)
    assert at[near][np.argmax(np.convolve(spectrum[near], np.ones(9), "same"))] == pytest.approx(hz, rel=0.03)
