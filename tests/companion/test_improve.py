"""Corrections by ear: each puts right what was put wrong, and none touches the structure it was not asked about."""

import numpy as np
import pytest

from companion.hosts.vital import VitalHost
from companion.judging.distance import Distance
from companion.recipes.templates import filter_power
from companion.refining.improve import improve
from companion.resynthesis.contours import Contour, reverb_values, tail_of
from presets.patch import Patch

NOTE, NOTE_S, TOTAL_S = 48, 0.6, 1.2
SAW = {"osc1.table": "basic_shapes", "osc1.position": 68.75}
LOWPASS = SAW | {
    "filter1.on": True,
    "filter1.type": "lp24",
    "filter1.cutoff": 1500.0,
    "filter1.resonance": 0.0,
}


@pytest.fixture(scope="module")
def host():
    return VitalHost()


def render(host, patch):
    return host.render_patch(patch, NOTE, NOTE_S, TOTAL_S)


@pytest.mark.parametrize("right, wrong", [
    (LOWPASS, {"filter1.cutoff": 400.0}),
    (LOWPASS, {"filter1.on": False}),
    (LOWPASS | {"env1.attack": 0.2}, {"env1.attack": 0.01}),
    (LOWPASS | {"env1.release": 0.3}, {"env1.release": 0.02}),
    (LOWPASS | {"env1.decay": 0.3, "env1.sustain": 30.0}, {"env1.sustain": 100.0}),
    (SAW, {"osc1.position": 0.0}),
    (SAW | {"eq.on": True, "eq.high_gain": -12.0}, {"eq.high_gain": 0.0}),
    (LOWPASS | {"noise.on": True, "noise.level": -10.0, "noise.route": "effects"}, {"noise.on": False}),
], ids=lambda case: ",".join(case))  # fmt: skip
def test_puts_right_what_is_wrong(host, right, wrong):
    target = render(host, Patch(right, note=NOTE))
    start = Patch(right | wrong, note=NOTE)
    distance, before = Distance(target), render(host, start)
    best = min(distance(render(host, patch)) for patch in improve(start, before, target, NOTE_S))
    assert best < 0.6 * distance(before)


def test_has_little_to_say_about_the_sound_itself(host):
    patch = Patch(LOWPASS, note=NOTE)
    audio = render(host, patch)
    assert len(improve(patch, audio, audio, NOTE_S)) <= 4  # envelopes alone, which cost nothing to try


def test_silence_is_no_trouble(host):
    patch = Patch(SAW, note=NOTE)
    silence = np.zeros((2, 44100), np.float32)
    audio = render(host, patch)
    assert all(
        p.note == NOTE for a, b in ((silence, audio), (audio, silence)) for p in improve(patch, a, b, NOTE_S)
    )


def test_contour_is_the_engine_s_envelope(host):
    values = {
        "env1.attack": 0.1,
        "env1.hold": 0.05,
        "env1.decay": 0.3,
        "env1.sustain": 60.0,
        "env1.release": 0.2,
    }
    patch = Patch({"osc1.table": "basic_shapes", **values}, note=81)
    audio = host.render_patch(patch, 81, NOTE_S, TOTAL_S)[0, : 240 * 220].reshape(240, 220)
    times = (np.arange(240) + 0.5) * 220 / 44100
    model = Contour.read(patch).amplitude(times, NOTE_S)
    heard = np.sqrt((audio.astype(float) ** 2).mean(axis=1))
    assert np.abs(heard / heard.max() - model / model.max()).max() < 0.05


@pytest.mark.parametrize("kind, octave, expected_db", [("lp24", 1, -23), ("lp12", 2, -25), ("hp12", -2, -25)])
def test_filter_responses_fall_away_from_the_cutoff(kind, octave, expected_db):
    hz = np.array([440.0 * 2.0**octave])
    assert 10 * np.log10(filter_power(kind, 0.0, np.array([69.0]), hz)[0, 0]) == pytest.approx(
        expected_db, abs=1.5
    )


@pytest.mark.parametrize("tail_db, tail_s", [(-20.0, 1.0), (-30.0, 3.0)])
def test_reverb_is_read_as_it_was_written(tail_db, tail_s):
    assert tail_of(Patch(reverb_values(tail_db, tail_s))) == pytest.approx((tail_db, tail_s))
