"""Modulation, LFOs and tempo as the engine plays them."""

import json

import numpy as np
import pytest

from presets.patch import Patch
from presets.schema import DIVISIONS, LFO_SHAPES, MOD_DESTINATIONS, MOD_SOURCES, OWN, wavetable_synth
from presets.tempo import division_seconds
from presets.vital import LFO_POINTS, destination_controls, patch_to_vital
from presets.vital_binding import binding
from presets.vital_shapes import line_curve

SCHEMA = wavetable_synth()
RATE = 44_100
BRIGHT = {
    "osc1.table": "sine_to_saw",
    "osc1.position": 100,
    "osc2.table": "sine_to_saw",
    "osc2.position": 100,
}
NEEDS = {  # what must be so for a destination to be heard
    "filter1.drive": {"filter1.type": "ladder_lp24"},
    "osc1.position": {"osc1.position": 0},
    "osc2.position": {"osc2.position": 0},
    "osc1.warp_amount": {"osc1.warp": "sync"},
    "osc2.warp_amount": {"osc2.warp": "sync"},
    "osc1.morph_amount": {"osc1.morph": "low_pass"},
    "osc2.morph_amount": {"osc2.morph": "low_pass"},
    "osc1.detune": {"osc1.voices": 4},
    "osc2.detune": {"osc2.voices": 4},
    "env1.decay": {"env1.sustain": 0, "env1.decay": 0.1},
    "env1.release": {"env1.release": 0.01},
    "lfo1.rate": {"mod2.source": "lfo1", "mod2.destination": "osc1.level", "mod2.amount": -60},
    "lfo2.rate": {"mod2.source": "lfo2", "mod2.destination": "osc1.level", "mod2.amount": -60},
    **{
        f"mod{n}.amount": {f"mod{n}.source": "env3", f"mod{n}.destination": "osc1.level"} for n in range(1, 5)
    },
    **{f"filter2.{key}": {"osc1.route": "filter2"} for key in ("cutoff", "resonance")},
    "distortion.mix": {"distortion.drive": 20},
    "chorus.mix": {"chorus.mix": 0},
    "delay.feedback": {"delay.time": 0.05},
    "reverb.decay": {"reverb.mix": 80, "reverb.decay": 0.1},
    "eq.band_freq": {"eq.band_gain": 15, "eq.band_freq": 200},
}


def spectrum(audio):
    """Levels in dB, 24 times by 12 bands: what a listener could tell apart."""
    mono = audio.mean(axis=0)
    power = (
        np.abs(np.fft.rfft(mono[: len(mono) // 24 * 24].reshape(24, -1) * np.hanning(len(mono) // 24))) ** 2
    )
    edges = np.geomspace(1, power.shape[1] - 1, 13).astype(int)
    return np.array(
        [10 * np.log10(power[:, a:b].sum(axis=1) + 1e-4) for a, b in zip(edges, edges[1:] + 1, strict=False)]
    )


def slot(source, destination, amount, n=5, **more):
    """A routing in a slot that no destination names."""
    return {f"mod{n}.source": source, f"mod{n}.destination": destination, f"mod{n}.amount": amount, **more}


@pytest.mark.parametrize("destination", MOD_DESTINATIONS)
def test_every_destination_moves_the_sound(destination, play):
    section = destination.partition(".")[0]
    on = {f"{section}.on": True} if f"{section}.on" in SCHEMA else {}
    alone = {"osc1.on": section not in ("osc2", "sub", "noise")}
    base = Patch({**BRIGHT, **alone, **on, **NEEDS.get(destination, {})})
    high = destination in SCHEMA and SCHEMA[destination].value_to_raw(base[destination]) > 0.6

    def sound(amount):
        audio = play(base.with_values(slot("env2", destination, amount)), 48, 0.25, 0.5)
        if destination.endswith(".phase"):  # heard by nobody, but seen
            return 10 * audio
        return spectrum(audio[:1] if destination.endswith("pan") else audio)

    still, again, moved = sound(0), sound(0), sound(-70 if high else 70)
    assert np.abs(moved - still).mean() > 0.3 + 2 * np.abs(still - again).mean()


@pytest.mark.parametrize("destination", MOD_DESTINATIONS)
def test_routings_are_written(destination):
    settings = json.loads(patch_to_vital(Patch(slot("env2", destination, 50))))["settings"]
    assert settings["modulations"][4] == {
        "source": "env_2",
        "destination": destination_controls()[destination],
    }
    assert settings["modulation_5_amount"] == 0.5
    assert sum(bool(m["source"]) for m in settings["modulations"]) == 1


@pytest.mark.parametrize("source", MOD_SOURCES[1:])
def test_every_source_is_taken_by_the_engine(source, host):
    host.set_patch(Patch(slot(source, "filter1.cutoff", 40, n=1)))
    held = json.loads(host._synth.to_json())["settings"]["modulations"][0]
    assert (held["source"], held["destination"]) == (binding()["mod"]["sources"][source], "filter_1_cutoff")


@pytest.mark.parametrize(
    "source", [s for s in MOD_SOURCES[1:] if s not in ("mod_wheel", "aftertouch", "random")]
)
def test_sources_that_a_note_carries_move_the_sound(source, play):
    base = Patch(
        {**BRIGHT, "filter1.on": True, "filter1.cutoff": 150, **{f"macro.m{n}": 80 for n in range(1, 5)}}
    )
    still, moved = (
        spectrum(play(base.with_values(slot(source, "filter1.cutoff", a)), 60, 0.3, 0.4)) for a in (0, 60)
    )
    assert np.abs(moved - still).mean() > 1


@pytest.mark.parametrize(
    ("change", "louder"), [({"mod1.bipolar": True}, -6), ({"mod1.curve": 60}, 6), ({"mod1.curve": -60}, -3)]
)
def test_bipolar_goes_below_and_curve_bends(change, louder, play):
    base = Patch({"osc1.level": -20, "macro.m1": 30, **slot("macro1", "osc1.level", 60, n=1)})
    plain, changed = (
        10 * np.log10(np.square(play(p, 48, 0.2, 0.2)).mean()) for p in (base, base.with_values(change))
    )
    assert (changed - plain) * np.sign(louder) > abs(louder)


# -- LFOs ---------------------------------------------------------------------------------------------------------


def level_over_time(audio):
    """Amplitude every 5 ms of a steady high tone, 1 the most."""
    window = RATE // 200
    peaks = np.abs(audio[0][: audio.shape[1] // window * window].reshape(-1, window)).max(axis=1)
    return peaks / peaks.max()


def lfo_on_level(**values):
    return {
        "osc1.level": 0,
        "env1.attack": 0,
        "lfo1.rate": 2,
        **slot("lfo1", "osc1.level", -100, n=1),
        **values,
    }


def assert_follows(heard, level):
    glide = 20  # windows (100 ms) in which the engine still glides to where the LFO starts
    held, drawn = np.sqrt(heard[glide:]), level[glide:]  # amplitude is the level squared
    assert np.abs(held * (drawn @ drawn) / (held @ drawn) - drawn).mean() < 0.05


@pytest.mark.parametrize("shape", [s for s in LFO_SHAPES if s != OWN])
def test_lfo_shapes(shape, play):
    heard = level_over_time(play(Patch(lfo_on_level(**{"lfo1.shape": shape})), 84, 0.5, 0.5))
    assert_follows(heard, 1 - line_curve(LFO_POINTS[shape], shape == "sine", len(heard)))


def test_a_drawn_lfo(play):
    points = np.array([[0, 1, 0], [0.25, 0, 0], [0.75, 1, 3], [1, 0, 0]], np.float32)
    patch = Patch(lfo_on_level(**{"lfo1.shape": OWN}), assets={"lfo1.shape": points})
    heard = level_over_time(play(patch, 84, 0.5, 0.5))
    assert_follows(heard, 1 - line_curve(points, False, len(heard)))


# -- tempo --------------------------------------------------------------------------------------------------------


def lfo_hz(host, seconds=2.0):
    audio = host.render(84, seconds, seconds)[0]
    window = RATE // 500
    level = np.abs(audio[: len(audio) // window * window].reshape(-1, window)).max(axis=1)
    strength = np.abs(np.fft.rfft((level - level.mean()) * np.hanning(len(level)), 16_384))
    return (np.argmax(strength[40:]) + 40) * 500 / 16_384


@pytest.mark.parametrize("division", ["1/4", "1/8d", "1/8t", "1/16"])
@pytest.mark.parametrize("bpm", [90, 150])
def test_an_lfo_division_follows_the_tempo_of_the_file(division, bpm, host):
    host.set_patch(
        Patch(lfo_on_level(**{"lfo1.shape": "square", "lfo1.division": division, "voice.bpm": bpm}))
    )
    assert lfo_hz(host) == pytest.approx(1 / division_seconds(division, bpm), rel=0.03)


def test_set_bpm_and_the_file_are_one_control(host):
    patch = Patch(lfo_on_level(**{"lfo1.shape": "square", "lfo1.division": "1/4", "voice.bpm": 180}))
    host.set_patch(patch)
    host._synth.set_bpm(240)
    assert host._synth.get_controls()["beats_per_minute"].value() == pytest.approx(4)
    assert lfo_hz(host) == pytest.approx(4, rel=0.03)
    host.set_patch(patch)  # a file's tempo counts again
    assert lfo_hz(host) == pytest.approx(3, rel=0.03)


@pytest.mark.parametrize("division", ["1/4", "1/8", "1/8d", "1/4t", "1/16"])
def test_a_delay_division_is_as_long_as_it_says(division, play):
    click = {"env1.attack": 0, "env1.decay": 0.01, "env1.sustain": 0, "env1.decay_curve": 0}
    patch = Patch({**click, "delay.on": True, "delay.mix": 50, "delay.division": division, "voice.bpm": 140})
    audio = play(patch, 84, 0.05, 0.9)[0]
    level = np.abs(audio[: len(audio) // 220 * 220].reshape(-1, 220)).max(axis=1)
    echo = np.argmax(level[8:]) + 8 - np.argmax(level[:8])
    assert echo * 220 / RATE == pytest.approx(division_seconds(division, 140), abs=0.012)


def test_every_division_is_a_length():
    lengths = [division_seconds(d, 120) for d in DIVISIONS[1:]]
    assert lengths[DIVISIONS.index("1/4") - 1] == 0.5
    assert len(set(lengths)) == len(lengths)
