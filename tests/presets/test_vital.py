"""The .vital codec: a file Vital opens, the same patch when read back, and real presets read into the schema."""

import base64
import itertools
import json

import numpy as np
import pytest

from export.sample import sample_patches
from presets.errors import PresetError
from presets.patch import Patch
from presets.schema import LFO_SHAPES, N_MOD_SLOTS, NOISES, OWN, SUB_SHAPES, wavetable_synth
from presets.tables import TABLE_NAMES, table_frames
from presets.vital import parse, patch_to_vital, sub_frames, vital_to_patch

SCHEMA = wavetable_synth()
SAMPLED = sample_patches(3, 24)
RESYNTH = {"osc1.table": OWN, "sub.on": True, "sub.shape": OWN, "noise.on": True, "noise.kind": OWN, "lfo1.shape": OWN,
           "mod1.source": "lfo1", "mod1.amount": 20.0}  # fmt: skip


def resynth(seed=0):
    rng = np.random.default_rng(seed)
    assets = {
        "osc1.table": rng.uniform(-1, 1, (9, 2048)),
        "sub.shape": rng.uniform(-1, 1, (1, 2048)),
        "noise.kind": 0.2 * np.sin(np.arange(9000) / 7)[None],
        "lfo1.shape": [[0, 0.2, 0], [0.3, 1, 2], [1, 0, 0]],
    }
    return Patch(
        RESYNTH, assets={k: np.asarray(a, np.float32) for k, a in assets.items()}, name="own", comment="mine"
    )


def assert_sounds_like(audio, other, db=1.5):
    """Levels in 24 bands agree on average, where there is sound at all."""
    levels = []
    for power in (np.abs(np.fft.rfft(a.mean(axis=0))) ** 2 for a in (audio, other)):
        edges = np.geomspace(20, len(power) - 1, 25).astype(int)
        levels.append(
            np.array([10 * np.log10(power[a:b].sum() + 1e-9) for a, b in itertools.pairwise(edges)])
        )
    heard = levels[1] > levels[1].max() - 30
    assert np.abs(levels[0] - levels[1])[heard].mean() < db


# -- writing ------------------------------------------------------------------------------------------------------


def test_a_file_that_vital_opens():
    document = json.loads(patch_to_vital(Patch(name="Dub Bass", comment="from a clip")))
    assert document["synth_version"] == "1.5.3"  # released: Vital refuses presets newer than itself
    assert (document["preset_name"], document["author"], document["comments"]) == (
        "Dub Bass",
        "WhisperSynth",
        "from a clip",
    )
    assert [document[f"macro{n}"] for n in range(1, 5)] == [f"MACRO {n}" for n in range(1, 5)]
    settings = document["settings"]
    assert (len(settings["lfos"]), len(settings["modulations"]), len(settings["wavetables"])) == (8, 64, 3)
    assert all(table["version"] == "1.5.3" for table in settings["wavetables"])


@pytest.mark.parametrize("text", ["ünï→😀", 'a "quote" \\ and\nlines', "x" * 5000])
def test_names_and_comments_come_back(text, host):
    written = patch_to_vital(Patch(name=text, comment=text))
    host.set_text(written)
    back = vital_to_patch(written).patch
    assert (back.name, back.comment) == (text, text)


@pytest.mark.parametrize("patch", [*SAMPLED, resynth()])
def test_whatever_is_written_passes_the_checker_and_loads(patch, host):
    for compact in (False, True):
        text = patch_to_vital(patch, compact=compact)
        parse(text)
        assert host._synth.load_json(text)


def test_the_knob_spans_the_whole_table_on_disk():
    still = Patch({"osc1.position": 50, "osc1.table": "pwm"})
    moved = still.with_values({"mod1.source": "lfo1", "mod1.destination": "osc1.position"})
    for patch, compact, knob, places in (
        (still, False, 128, [0, 256]),
        (moved, False, 128, [0, 256]),
        (still, True, 0, [0, 0]),
        (moved, True, 32, [0, 64]),
    ):
        settings = json.loads(patch_to_vital(patch, compact=compact))["settings"]
        keyframes = settings["wavetables"][0]["groups"][0]["components"][0]["keyframes"]
        assert settings["osc_1_wave_frame"] == knob
        assert [keyframes[0]["position"], keyframes[-1]["position"]] == places


@pytest.mark.parametrize(("position", "amount"), [(0, 0), (33, 0), (68.75, -30), (100, -30)])
def test_full_and_compact_sound_the_same(position, amount, play):
    tables = {
        "osc1.table": "fm_growl",
        "osc1.position": position,
        "osc2.on": True,
        "osc2.table": "pwm",
        "osc2.position": position,
    }
    patch = Patch(
        {**tables, "mod1.source": "lfo1", "mod1.destination": "osc1.position", "mod1.amount": amount}
    )
    assert_sounds_like(
        play(patch_to_vital(patch), 48, 0.4, 0.6), play(patch_to_vital(patch, compact=True), 48, 0.4, 0.6)
    )


def test_an_oscillator_that_is_off_costs_no_frames():
    tables = json.loads(patch_to_vital(Patch({"osc1.on": False, "osc1.table": "pwm"})))["settings"][
        "wavetables"
    ]
    assert [len(t["groups"][0]["components"][0]["keyframes"]) for t in tables] == [1, 1, 1]


def test_a_slot_without_a_source_is_not_written():
    patch = Patch(
        {"mod1.destination": "osc1.level", "mod1.amount": 50, "mod2.source": "env2", "mod2.amount": 10}
    )
    used = [m for m in json.loads(patch_to_vital(patch))["settings"]["modulations"] if m["source"]]
    assert used == [{"source": "env_2", "destination": "filter_1_cutoff"}]


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("osc1.table", np.zeros((300, 2048)), "1 to 257 by 2048"),
        ("osc1.table", np.zeros((2, 1024)), "2048"),
        ("osc2.table", np.zeros(2048), "2048"),
        ("sub.shape", np.full((1, 2048), np.nan), "no numbers"),
        ("noise.kind", np.zeros((3, 100)), "1 to 2"),
        ("noise.kind", np.zeros((1, 0)), "1 to 2"),
        ("lfo1.shape", np.zeros((101, 3)), "1 to 100 by 3"),
        ("lfo2.shape", np.full((2, 3), np.inf), "no numbers"),
    ],
)
def test_data_that_vital_cannot_hold_is_refused(name, data, why):
    on = {"osc2.on": True, "sub.on": True, "noise.on": True}
    patch = Patch({**on, name: OWN}, assets={name: data.astype(np.float32)})
    with pytest.raises(PresetError, match=why) as error:
        patch_to_vital(patch)
    assert str(error.value).startswith(name)


# -- back ---------------------------------------------------------------------------------------------------------


def assert_same(back, patch):
    for row in SCHEMA:
        if row.kind == "continuous":
            assert back.number(row.name) == pytest.approx(
                patch.number(row.name), rel=2e-3, abs=1e-4 * (row.high - row.low)
            ), row.name
        else:
            assert back[row.name] == patch[row.name], row.name
    assert back.assets.keys() == patch.assets.keys()
    for name, asset in patch.assets.items():
        np.testing.assert_allclose(back.assets[name], asset, atol=1e-4)


@pytest.mark.parametrize("patch", SAMPLED)
def test_sampled_patches_come_back(patch):
    reading = vital_to_patch(patch_to_vital(patch), note=patch.note)
    assert_same(reading.patch.canonical(), patch.canonical())
    assert (reading.lost, reading.approximated) == ((), ())
    assert reading.coverage == 1


def test_own_data_comes_back():
    assert_same(vital_to_patch(patch_to_vital(resynth()), own=True).patch.canonical(), resynth().canonical())


@pytest.mark.parametrize("section", ["osc1", "osc2"])
@pytest.mark.parametrize("table", TABLE_NAMES)
def test_every_table_comes_back(section, table):
    patch = Patch({f"{section}.on": True, f"{section}.table": table, f"{section}.position": 31.25})
    for own in (False, True):
        back = vital_to_patch(patch_to_vital(patch), own=own).patch
        assert (back[f"{section}.table"], back[f"{section}.position"]) == (table, 31.25)


@pytest.mark.parametrize(
    ("name", "choice"),
    [("sub.shape", s) for s in SUB_SHAPES[:-1]]
    + [("noise.kind", n) for n in NOISES[:-1]]
    + [("lfo1.shape", s) for s in LFO_SHAPES[:-1]],
)
def test_every_standard_shape_comes_back(name, choice):
    patch = Patch({"sub.on": True, "noise.on": True, "mod1.source": "lfo1", "mod1.amount": 20, name: choice})
    for own in (False, True):
        assert vital_to_patch(patch_to_vital(patch), own=own).patch[name] == choice


# -- reading others' presets --------------------------------------------------------------------------------------


def edited(**settings):
    """A plain preset of Vital's own making: the init patch with some settings changed."""
    document = json.loads(patch_to_vital(Patch()))
    document["settings"].update(settings)
    return json.dumps(document | {"author": "somebody"})


def routed(*routings, **settings):
    """The same with (source, destination, amount) routings."""
    slots = [{"source": s, "destination": d} for s, d, _ in routings]
    amounts = {f"modulation_{n}_amount": a for n, (_, _, a) in enumerate(routings, 1)}
    return edited(modulations=slots, **amounts, **settings)


def test_real_presets_are_read_and_written_again(real_texts, host):
    for name, text in real_texts.items():
        reading = vital_to_patch(text)
        assert reading.patch.comment.lower().endswith("by instatetragrammaton"), name
        assert 0.7 < reading.coverage <= 1, name
        assert len(reading.lost) + len(reading.covered) == reading.n_active > 10
        for own in (False, True):
            host.set_text(patch_to_vital(vital_to_patch(text, own=own).patch))


def test_a_preset_that_the_schema_holds_whole_sounds_the_same(real_texts, play):
    document = json.loads(real_texts["Thaisync"])
    document["settings"].update({f"osc_{n}_random_phase": 0 for n in (1, 2, 3)})
    text = json.dumps(document)
    assert_sounds_like(play(vital_to_patch(text, own=True).patch, 48, 0.6, 0.8), play(text, 48, 0.6, 0.8))


def test_the_author_is_kept():
    assert vital_to_patch(edited()).patch.comment == "by somebody"


def test_settings_left_out_are_vitals_own():
    document = json.loads(edited())
    for name in ("osc_1_random_phase", "osc_1_level", "lfo_1_sync"):
        del document["settings"][name]
    back = vital_to_patch(json.dumps(document)).patch
    assert (back["osc1.phase_random"], round(back.number("osc1.level"), 1)) == (100.0, -6.0)
    assert back["lfo1.division"] != "free"


def test_a_third_oscillator_takes_the_place_of_one_that_is_off():
    text = edited(osc_2_on=0, osc_3_on=1, osc_3_distortion_type=4, osc_3_distortion_amount=0.3)
    patch = vital_to_patch(text).patch
    assert (patch["osc2.on"], patch["osc2.warp"], patch["osc2.warp_amount"], patch["sub.on"]) == (
        True,
        "bend",
        30.0,
        False,
    )


@pytest.mark.parametrize(("native", "warp"), [(7, "fm_sub"), (8, "fm_osc"), (10, "rm_sub"), (11, "rm_osc")])
def test_fm_follows_the_oscillator_it_named(native, warp):
    """Oscillators 1 and 3 stay, 2 becomes the sub: what was the first other one is now the sub."""
    text = edited(osc_2_on=0, osc_3_on=1, osc_3_distortion_type=4, osc_1_distortion_type=native)
    assert vital_to_patch(text).patch["osc1.warp"] == warp


def test_the_helpers_in_use_keep_their_settings():
    text = routed(
        ("lfo_5", "osc_1_level", -0.4),
        ("env_6", "filter_1_cutoff", 0.2),
        lfo_5_sync=0,
        lfo_5_frequency=3,
        env_6_decay=0.5,
    )
    patch = vital_to_patch(text).patch
    lfo, env = str(patch["mod1.source"]), str(patch["mod2.source"])
    assert (patch[f"{lfo}.rate"], patch[f"{env}.decay"]) == (8.0, 0.0625)
    assert [patch["mod1.amount"], patch["mod2.amount"]] == [-40.0, 20.0]


def test_routings_to_routings_follow_their_slot():
    text = routed(
        ("lift", "osc_1_level", 0.1), ("lfo_1", "osc_1_level", -0.4), ("env_2", "modulation_2_amount", 0.3)
    )
    patch = vital_to_patch(text).patch
    assert (patch["mod1.source"], patch["mod2.destination"]) == ("lfo1", "mod1.amount")


def test_of_too_many_routings_the_sounds_own_are_kept():
    hands = [("macro_control_1", "osc_1_level", 0.1)] * 6
    patch = vital_to_patch(routed(*hands, *[("env_2", "filter_1_cutoff", 0.2)] * 6)).patch
    sources = [patch[f"mod{n}.source"] for n in range(1, N_MOD_SLOTS + 1)]
    assert sources.count("env2") == 6 and sources.count("macro1") == 2


def test_synced_rates_are_read_at_the_presets_tempo():
    text = routed(
        ("lfo_1", "osc_1_level", -0.4),
        beats_per_minute=1.5,
        lfo_1_sync=2,
        lfo_1_tempo=8,
        delay_on=1,
        delay_sync=1,
        delay_tempo=9,
    )
    patch = vital_to_patch(text).patch
    assert (patch["voice.bpm"], patch["lfo1.division"], patch["delay.division"]) == (90.0, "1/4d", "1/8")
    assert patch.number("lfo1.rate") == pytest.approx(1.5 / 1.5)
    assert patch.number("delay.time") == pytest.approx(60 / 90 / 2)


def test_silent_oscillators():
    """Off when nothing lifts them; when something does, it lifts them to where it did."""
    assert vital_to_patch(edited(osc_1_level=0)).patch["osc1.on"] is False
    assert vital_to_patch(edited(osc_1_level=0, osc_2_on=1, osc_2_distortion_type=7)).patch["osc1.on"] is True
    assert (
        vital_to_patch(routed(("env_2", "osc_1_level", 0), osc_1_level=0)).patch["osc1.on"] is True
    )  # by a hand, later
    lifted = vital_to_patch(routed(("env_2", "osc_1_level", 0.6), osc_1_level=0)).patch
    assert (lifted["osc1.on"], lifted["osc1.level"], lifted["mod1.amount"]) == (
        True,
        -40.0,
        pytest.approx(50),
    )


def test_a_quiet_wavetable_becomes_a_quieter_oscillator():
    document = json.loads(edited())
    frame = 0.25 * table_frames("sine_to_saw")[0]
    document["settings"]["wavetables"][0]["groups"][0]["components"][0]["keyframes"] = [
        {"position": 0, "wave_data": base64.b64encode(frame.tobytes()).decode()}
    ]
    assert vital_to_patch(json.dumps(document)).patch.number("osc1.level") == pytest.approx(-6 - 12, abs=0.3)


def test_what_is_near_is_said():
    text = routed(("random_2", "osc_1_level", 0.2), osc_1_destination=8, filter_1_on=1, filter_1_blend=0.5)
    reading = vital_to_patch(text)
    said = "; ".join(reading.approximated)
    assert "osc1.route" in said and "filter1" in said and "random_2" in said
    assert reading.patch["osc1.route"] == "effects"


def test_what_is_lost_is_named():
    reading = vital_to_patch(edited(filter_fx_on=1, osc_1_detune_power=3.0))
    assert {"filter_fx_on", "osc_1_detune_power"} <= set(reading.lost)
    assert reading.coverage < 1


def test_sub_shapes_have_the_harmonics_they_are_named_for():
    spectra = {s: np.abs(np.fft.rfft(sub_frames(s)[0]))[1:9] for s in SUB_SHAPES[:-1]}
    levels = {s: a / a[0] for s, a in spectra.items()}
    np.testing.assert_allclose(levels["saw"], 1 / np.arange(1, 9), atol=1e-3)
    np.testing.assert_allclose(levels["square"], [1, 0, 1 / 3, 0, 1 / 5, 0, 1 / 7, 0], atol=1e-3)
    np.testing.assert_allclose(levels["triangle"], [1, 0, 1 / 9, 0, 1 / 25, 0, 1 / 49, 0], atol=1e-3)
    assert levels["sine"][1:].max() < 1e-6
    assert levels["pulse"][3] < 1e-3  # a quarter pulse has no fourth harmonic
