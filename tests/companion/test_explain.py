"""The words cover the whole schema, and the figures in them are what the engine does."""

import itertools
import math
import re

import numpy as np
import pytest
import vita
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.hosts.vital import VitalHost
from companion.telling.explain import explain, how_to_change
from companion.telling.gist import settings_that_matter
from companion.telling.movement import move, native_range
from companion.telling.phrases import CHOICES, DESTINATIONS, SOURCES, TITLES, WAVES
from companion.telling.wording import wave_words
from companion.telling.words import grade, hz_text, rate_text, score_text, seconds_text, semitones_text
from presets.patch import Patch
from presets.schema import MOD_DESTINATIONS, MOD_SOURCES, OWN, wavetable_synth
from presets.tables import TABLE_NAMES, table_frames
from presets.vital import destination_controls

SCHEMA = wavetable_synth()
ASSETS = {
    "osc1.table": table_frames("brass"),
    "osc2.table": table_frames("brass"),
    "sub.shape": table_frames("brass")[:1],
    "noise.kind": np.zeros((1, 100), np.float32),
    "lfo1.shape": np.zeros((2, 3), np.float32),
    "lfo2.shape": np.zeros((2, 3), np.float32),
}
EVERYTHING_ON = {  # each section on, each source in use, each choice one under which the rest matters
    **{row.name: True for row in SCHEMA if row.key == "on"},
    **{f"mod{n}.source": s for n, s in enumerate(("env2", "env3", "lfo1", "lfo2", "lfo1", "macro1", "lfo1", "lfo2"), 1)},
    **{f"mod{n}.destination": d for n, d in enumerate(("filter1.cutoff", "osc1.position", "osc2.level", "osc1.pitch", "eq.band_freq", "volume.level", "delay.mix", "voice.tune"), 1)},
    **{f"mod{n}.amount": 20 for n in range(1, 9)},
    **{f"osc{n}.{key}": value for n in (1, 2) for key, value in (("voices", 5), ("warp", "sync"), ("morph", "smear"))},
    **{f"env{n}.sustain": 50 for n in (1, 2, 3)},
    **{f"eq.{band}_gain": 3 for band in ("low", "band", "high")},
    "distortion.filter": "pre",
    "osc1.position": 50,
}  # fmt: skip


BROKEN = re.compile(r"[{}]|None|\bnan\b|\.\.| ,| \.")  # what a phrase with a hole looks like


def patch(values=None, **fields):
    return Patch(values or {}, assets=ASSETS, **fields)


def text_of(values):
    paragraphs = [f"{p.title}: {p.text}" for p in explain(patch(values))]
    return "\n".join([*paragraphs, how_to_change(patch(values))])


# -- the whole schema ---------------------------------------------------------------------------------------------


def test_every_section_is_explained():
    titles = [paragraph.title for paragraph in explain(patch({**EVERYTHING_ON, "macro.m1": 50}))]
    slots = {f"mod{n}" for n in range(1, 9)}  # told where they lead, unless they are moved themselves
    assert set(titles[1:]) == {TITLES[s] for s in SCHEMA.sections() if s not in slots}
    assert all(SCHEMA[row.name].section in TITLES for row in SCHEMA)


@pytest.mark.parametrize(
    "row", [r for r in SCHEMA if r.key not in ("on", "source", "destination")], ids=lambda r: r.name
)
def test_every_parameter_is_heard_in_the_words(row):
    values = dict(EVERYTHING_ON)
    for name, allowed in row.when:  # formant filters for vowels, for instance
        if not name.startswith("mod*") and values.get(name, SCHEMA[name].default) not in allowed:
            values[name] = sorted(allowed, key=str)[0]
    assert patch(values).matters(row.name)
    texts = {text_of({**values, row.name: value}) for value in states(row)}
    assert len(texts) == len(states(row))


def states(row):
    if row.kind == "switch":
        return [False, True]
    if row.kind == "choice":
        return list(row.choices)
    return [row.low, row.raw_to_value(0.35), row.raw_to_value(0.7), row.high]


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("table", [*TABLE_NAMES, OWN])
def test_every_wavetable_is_a_sound_in_words(n, table):
    assert table in WAVES
    positions = [0, 50, 100]
    told = [wave_words(patch({f"osc{n}.table": table}), f"osc{n}", p) for p in positions]
    assert len(set(told)) == (1 if table == OWN else 3)


def test_no_phrase_is_for_a_choice_that_does_not_exist():
    def rows(name):
        family, _, key = name.partition(".")
        return [
            r for r in SCHEMA if r.key == key and family in ("*", r.section, r.section.rstrip("0123456789"))
        ]

    for name, phrases in CHOICES.items():
        assert rows(name) and all(set(phrases) == set(row.choices) for row in rows(name))
    assert set(SOURCES) == set(MOD_SOURCES[1:])


@pytest.mark.parametrize("destination", MOD_DESTINATIONS)
def test_every_destination_is_told_for_every_way_to_move_it(destination):
    told = [
        routing_words(s, destination, b, a)
        for s, b, a in itertools.product(("random", "note"), (False, True), (-9, 9))
    ]
    assert len(set(told)) == len(told)


@pytest.mark.parametrize("source", MOD_SOURCES[1:])
def test_every_source_is_told(source):
    assert routing_words(source, "filter1.cutoff", False, 9).startswith("moves its cutoff from 900 Hz to ")


def routing_words(source, destination, bipolar, amount):
    """What is said after the source's name where a routing leads."""
    slot = "mod8"
    base = {name: value for name, value in EVERYTHING_ON.items() if not name.startswith("mod")}
    others = {
        "source": "lfo1",
        "destination": "chorus.mix",
        "amount": 50,
    }  # so that LFOs and slots are there to be moved
    targets = {f"mod{n}.{key}": value for n in range(1, 8) for key, value in others.items()} | {
        "mod1.source": "lfo2"
    }
    middle = {"filter1.cutoff": 900, "osc1.level": -12, "osc2.level": -12, "osc1.position": 50, "osc2.position": 50,
              "sub.level": -12, "noise.level": -12, "env1.attack": 0.1, "osc1.pan": 5, "osc2.pan": 5, "filter1.drive": 9,
              "filter1.mix": 50, "distortion.mix": 50, "phaser.mix": 50, "flanger.mix": 50}  # fmt: skip
    moved = {
        f"{slot}.source": source,
        f"{slot}.destination": destination,
        f"{slot}.amount": amount,
        f"{slot}.bipolar": bipolar,
    }
    text = text_of({**base, **targets, **middle, **moved})
    assert not BROKEN.search(text)
    sentence = (
        rf"{SOURCES[source][0]} ((?:moves|swings) (?:its|the|how)[^:]* (?:by|from|between) .*?)\.(?: |$)"
    )
    return re.findall(sentence, text, re.M)[0]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=len(SCHEMA), max_size=len(SCHEMA)))
def test_any_patch_can_be_explained(raws):
    values = {row.name: row.raw_to_value(raw) for row, raw in zip(SCHEMA, raws, strict=True)}
    text = text_of(values)
    assert not BROKEN.search(text)
    assert all(paragraph.text.endswith(".") for paragraph in explain(patch(values)))
    assert len(settings_that_matter(patch(values))) == 5


def test_the_last_line_says_what_to_turn():
    values = {"filter1.on": True, "filter1.type": "lp24", "filter1.cutoff": 900}
    assert (
        text_of(values)
        .splitlines()[-1]
        .startswith("To make it brighter, raise filter 1's cutoff (now 900 Hz);")
    )
    assert "lower envelope 1's attack (now 1 s)" in how_to_change(patch({"env1.attack": 1}))


def test_a_patch_reads_as_a_sound_designer_would_say_it():
    text = text_of({
        "osc1.position": 69, "osc1.voices": 5, "osc1.detune": 12,
        "filter1.on": True, "filter1.type": "lp24", "filter1.cutoff": 900,
        "mod1.source": "env2", "mod1.destination": "filter1.cutoff", "mod1.amount": 25, "env2.sustain": 0, "env2.decay": 0.3,
    })  # fmt: skip
    for words in (
        "A saw wave (basic shapes, position 69 %)",
        "Stacked into five voices, slightly out of tune, wide and shimmering (12 % detune).",
        "A 24 dB low-pass at 900 Hz takes the top off",
        "Envelope 2 moves its cutoff from 900 Hz to 5.7 kHz (32 semitones): it opens and gets brighter, "
        "at once, then back over 300 ms.",
    ):
        assert words in text


def test_a_silent_patch_and_an_idle_routing_are_named():
    assert "it makes no sound" in text_of({"osc1.on": False})
    idle = text_of({"mod1.source": "env2", "mod1.destination": "osc2.level", "mod1.amount": 50})
    assert "Envelope 2 points at oscillator 2 level, which is off." in idle


# -- the figures --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def engine():
    return vita.Synth()


@pytest.mark.parametrize("destination", MOD_DESTINATIONS)
def test_the_range_a_routing_spans_is_the_engines(engine, destination):
    details = engine.get_control_details(destination_controls()[destination])
    assert native_range(destination) == pytest.approx((details.min, details.max))


def pitch_hz(values):
    audio = VitalHost().render_patch(Patch({"osc1.position": 0, **values}), 60, 0.5, 0.5)
    return sine_hz(audio[0, 4_000:])


def sine_hz(audio):
    """Frequency of a sine: its upward zero crossings, to a fraction of a sample."""
    before = np.flatnonzero((audio[:-1] < 0) & (audio[1:] >= 0))
    crossings = before - audio[before] / (audio[before + 1] - audio[before])
    return 44_100 * (len(crossings) - 1) / (crossings[-1] - crossings[0])


@pytest.mark.parametrize("bipolar", [False, True])
@pytest.mark.parametrize("destination", ["osc1.pitch", "voice.pitch", "osc1.fine", "voice.tune"])
def test_the_engine_moves_the_pitch_as_far_as_the_words_say(bipolar, destination):
    slot = {"lfo1.shape": "square", "lfo1.rate": 0.05, "mod1.source": "lfo1", "mod1.destination": destination,
            "mod1.amount": 12.5, "mod1.bipolar": bipolar}  # fmt: skip
    highest, lowest = pitch_hz(slot), pitch_hz({**slot, "lfo1.phase": 180})
    said = move(Patch(slot), 1)
    in_semitones = 0.01 if destination.endswith(("fine", "tune")) else 1
    assert 12 * math.log2(highest / lowest) == pytest.approx((said.end - said.start) * in_semitones, abs=0.05)
    assert said.start == pytest.approx(-said.end if bipolar else 0, abs=1e-9)


def loudest(values):
    return float(np.abs(VitalHost().render_patch(Patch(values), 60, 0.4, 0.4)[:, 8_000:]).max())


def test_the_engine_lifts_a_level_as_far_as_the_words_say():
    slot = {"osc1.level": -20, "mod1.source": "macro1", "mod1.destination": "osc1.level", "mod1.amount": 30}
    said = move(Patch(slot), 1)
    ratio = loudest({**slot, "macro.m1": 100}) / loudest(slot)
    assert 20 * math.log10(ratio) == pytest.approx(said.end - said.start, abs=0.2)


@pytest.mark.parametrize(("curve", "early"), [(60, True), (-60, False)])
def test_a_curve_bends_the_way_the_words_say(curve, early):
    attack = {"env1.attack": 0.8, "env1.attack_curve": curve}
    audio = VitalHost().render_patch(Patch(attack), 60, 0.8, 0.8)
    half_way, end = (float(np.abs(audio[:, at : at + 2_000]).max()) for at in (16_000, 33_000))
    assert (half_way > end / 2) == early
    assert ("mostly at its beginning" in text_of(attack)) == early


# -- words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (hz_text(900), "900 Hz"),
        (hz_text(82.4), "82 Hz"),
        (hz_text(999.9), "1 kHz"),
        (hz_text(12_345), "12 kHz"),
        (hz_text(0.25), "0.25 Hz"),
        (seconds_text(0.0005), "0.5 ms"),
        (seconds_text(0.25), "250 ms"),
        (seconds_text(0.9999), "1 s"),
        (seconds_text(12), "12 s"),
        (semitones_text(-12), "12 semitones (an octave)"),
        (semitones_text(1), "1 semitone"),
        (semitones_text(0.5), "0.5 semitones"),
        (rate_text(0.25), "once every 4 s"),
        (rate_text(1), "once a second"),
        (rate_text(5), "5 times a second"),
        (rate_text(110), "at 110 Hz"),
        (score_text(0), "as good as identical (0.00)"),
        (score_text(0.12), "very close (0.12)"),
        (score_text(7), "not this sound (7.00)"),
        (score_text(0.3, "only the character"), "only the character (0.30)"),
        (grade(5, ((1, "low"), (9, "high"))), "high"),
    ],
)
def test_figures_in_words(made, expected):
    assert made == expected


def test_the_settings_that_matter_come_in_order_of_weight():
    values = {"osc1.position": 69, "filter1.on": True, "filter1.type": "lp24", "filter1.cutoff": 900, "env1.release": 0.3,
              "mod1.source": "env2", "mod1.destination": "filter1.cutoff", "mod1.amount": 40, "reverb.on": True}  # fmt: skip
    assert settings_that_matter(patch(values)) == (
        "osc1 saw wave",
        "filter1 lp24 at 900 Hz",
        "amp attack 0.5 ms, release 300 ms",
        "env2 moves filter1 cutoff +51 semitones",
        "reverb 1 s, 25 % mix",
    )


def test_a_plain_patch_has_five_settings_too_and_a_resynth_names_its_waves():
    assert len(settings_that_matter(Patch())) == 5
    assert settings_that_matter(patch({"osc1.table": OWN}))[0] == "osc1 17 waves of the clip's own"


PLAYED = {
    "osc1.table": OWN, "osc2.on": True, "osc2.table": OWN, "osc1.route": "effects", "osc2.route": "effects",
    "osc1.octave": -3, "osc2.octave": -3, "osc2.pan": 100, "lfo1.shape": OWN, "lfo1.mode": "hold", "lfo1.rate": 0.5,
    "mod1.source": "lfo1", "mod1.destination": "osc1.position", "mod2.source": "lfo1", "mod2.destination": "osc2.position",
    "mod3.source": "env3", "mod3.destination": "mod1.amount", "mod3.amount": -40,
    "mod4.source": "env2", "mod4.destination": "osc2.position", "mod4.amount": -20,
}  # fmt: skip


def test_how_a_resynth_plays_its_clip_is_one_paragraph_and_no_setting_that_matters():
    resynth = patch(PLAYED)
    told = {paragraph.title: paragraph.text for paragraph in explain(resynth)}
    assert told["The clip's course"].startswith("LFO 1, envelope 2 and envelope 3 are drawn from the clip: they play its waves "
                                                "through over 2 s, and on into its own ending")  # fmt: skip
    assert told["The clip's course"].endswith("or send the oscillators through a filter.")
    assert told["Oscillator 2"] == "As oscillator 1, but: It sits 100 % to the right."
    assert not {"LFO 1", "Envelope 2", "Routing 1"} & set(told)
    matter = settings_that_matter(resynth)
    assert matter[:2] == ("osc1 and osc2 17 waves of the clip's own", "lfo1 plays them through in 2 s")
    assert not any("moves" in setting for setting in matter)


def test_a_resynth_behind_a_filter_is_shaped_with_it():
    filtered = patch(PLAYED | {"osc1.route": "filter1", "osc2.route": "filter1", "filter1.on": True})
    told = {paragraph.title: paragraph.text for paragraph in explain(filtered)}
    assert told["The clip's course"].endswith("or with filter 1, which they go through.")


def test_what_plays_in_a_preset_from_elsewhere_is_told_in_full():
    told = {paragraph.title for paragraph in explain(patch(PLAYED), "A Vital preset.")}
    assert {"LFO 1", "Envelope 2", "Routing 1"} <= told and "The clip's course" not in told


def test_a_sound_that_dies_away_is_made_longer_by_its_decay():
    assert "raise envelope 1's decay" in how_to_change(patch({"env1.sustain": 0, "env1.decay": 0.2}))
    assert "raise envelope 1's release" in how_to_change(patch({"env1.sustain": 80, "env1.decay": 0.2}))


def test_zero_has_no_sign():
    assert "at 0 dB" in text_of({"volume.level": -0.0}) and "-0 " not in text_of({"volume.level": -0.0})


def test_every_destination_has_words():
    keys = {name.partition(".")[2] for name in MOD_DESTINATIONS} - {"cutoff"}
    assert keys <= set(DESTINATIONS) and {"cutoff.low", "cutoff.band", "cutoff.high"} <= set(DESTINATIONS)
