"""Tempo: what is nearly a note value becomes one, and the engine plays it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from presets.errors import PresetError
from presets.patch import Patch
from presets.schema import DIVISIONS
from presets.tempo import TOLERANCE, division_beats, division_seconds, nearest_division, snap_to_tempo

LFO = {"mod1.source": "lfo1", "mod1.destination": "osc1.level", "mod1.amount": -70}
DELAY = {"delay.on": True}


@pytest.mark.parametrize(
    ("division", "beats"), [("1/4", 1), ("4/1", 16), ("1/8d", 0.75), ("1/2t", 4 / 3), ("1/32", 1 / 8)]
)
def test_lengths(division, beats):
    assert division_beats(division) == pytest.approx(beats)
    assert division_seconds(division, 90) == pytest.approx(beats * 2 / 3)


def test_neighbours_lie_further_apart_than_the_tolerance_reaches():
    lengths = np.sort([division_beats(d) for d in DIVISIONS[1:]])
    assert (lengths[1:] / lengths[:-1]).min() > (1 + TOLERANCE) ** 2


@pytest.mark.parametrize("division", DIVISIONS[1:])
@pytest.mark.parametrize("off", [-0.05, 0, 0.05])
def test_near_a_division_is_the_division(division, off):
    assert nearest_division(division_seconds(division, 133) * (1 + off), 133) == (
        division,
        pytest.approx(abs(off)),
    )


def test_rates_and_times_snap():
    patch = snap_to_tempo(
        Patch({**LFO, **DELAY, "lfo1.rate": 2.08, "delay.time": 0.36, "delay.time_right": 0.3}), 120
    )
    assert (patch["lfo1.division"], patch["lfo1.rate"]) == ("1/4", 2.0)
    assert (patch["delay.division"], patch["delay.time"]) == ("1/8d", 0.375)
    assert (patch["delay.division_right"], patch["delay.time_right"]) == ("free", 0.3)  # 10 % off any
    assert patch["voice.bpm"] == 120.0


def test_what_cannot_be_heard_is_left_alone():
    patch = snap_to_tempo(Patch({"lfo1.rate": 2, "delay.time": 0.5}), 120)
    assert (patch["lfo1.division"], patch["delay.division"]) == ("free", "free")


def test_a_division_keeps_at_another_tempo():
    patch = snap_to_tempo(Patch({**LFO, "lfo1.division": "1/8", "lfo1.rate": 4, "voice.bpm": 120}), 90)
    assert (patch["lfo1.division"], patch["lfo1.rate"]) == ("1/8", 3.0)


def test_a_division_longer_than_the_longest_delay():
    assert snap_to_tempo(Patch({**DELAY, "delay.division": "2/1"}), 40)["delay.time"] == 4.0


@pytest.mark.parametrize("bpm", [0, -3, 1000, float("nan")])
def test_a_tempo_is_a_tempo(bpm):
    with pytest.raises(PresetError, match=r"voice\.bpm"):
        snap_to_tempo(Patch(), bpm)


@given(st.floats(0.0079, 400), st.floats(0.002, 4), st.floats(20, 300))
def test_snapping_moves_little_and_once(rate, time, bpm):
    patch = Patch({**LFO, **DELAY, "lfo1.rate": rate, "delay.time": time})
    snapped = snap_to_tempo(patch, bpm)
    for name in ("lfo1.rate", "delay.time"):
        assert abs(np.log(snapped.number(name) / patch.number(name))) < 0.065
    assert snap_to_tempo(snapped, snapped.number("voice.bpm")) == snapped


def test_the_engine_plays_the_division(host):
    free = Patch({**LFO, "lfo1.shape": "square", "lfo1.rate": 3.1, "env1.attack": 0})
    host.set_patch(snap_to_tempo(free, 93))  # 1/8 is 3.1 Hz
    host.set_patch(snap_to_tempo(free, 186))  # 1/4 is
    assert host._synth.get_controls()["beats_per_minute"].value() == pytest.approx(3.1)
    audio = host.render(84, 1.9, 1.9)[0]
    level = np.abs(audio[: len(audio) // 441 * 441].reshape(-1, 441)).max(axis=1)
    strength = np.abs(np.fft.rfft((level - level.mean()) * np.hanning(len(level)), 8192))
    assert (np.argmax(strength[120:]) + 120) * 100 / 8192 == pytest.approx(3.1, rel=0.04)
