"""Pitch that moves is heard as it was dialled, and drawn into a recipe."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from companion.engines import Engines
from companion.hearing.audio import SAMPLE_RATE, Clip
from companion.hearing.bands import envelope_of
from companion.hearing.listen import Heard, listen
from companion.hearing.melody import Melody
from companion.judging.judge import Judge
from companion.match import Matcher, MatchOptions
from companion.recipes.motion import Pulse, sung
from companion.recipes.sketch import sketch
from presets.patch import Patch

pytest.importorskip("vita", reason="the Vital engine has no wheel for this platform")

NOTE, NOTE_S, TOTAL_S = 52, 1.6, 2.4
SOUND = {
    "osc1.table": "sine_to_saw",
    "osc1.position": 80.0,
    "filter1.on": True,
    "filter1.cutoff": 2500.0,
    "env1.release": 0.15,
}
LFO = {"mod1.source": "lfo1", "mod1.destination": "voice.pitch"}
VIBRATO = {**LFO, "lfo1.shape": "sine", "lfo1.rate": 5.5, "mod1.amount": 1.2, "mod1.bipolar": True}
ARPEGGIO = {**LFO, "lfo1.shape": "square", "lfo1.rate": 4.0, "mod1.amount": 12.5}
FIFTHS = ARPEGGIO | {"mod1.amount": 7.3}
GLIDE = {"mod1.source": "env2", "mod1.destination": "voice.pitch", "mod1.amount": 12.5, "env2.attack": 0.0,
         "env2.decay": 0.5, "env2.sustain": 0.0}  # fmt: skip


@pytest.fixture(scope="module")
def engines():
    engines = Engines(2)
    yield engines
    engines.close()


def heard(engines: Engines, **values: object) -> Heard:
    return listen(Clip("clip", engines.render(Patch(SOUND | values), NOTE, NOTE_S, TOTAL_S)))


def test_a_steady_pitch_is_no_melody_and_noise_has_none(engines) -> None:
    assert heard(engines).melody is None
    noise = np.random.default_rng(0).standard_normal((2, SAMPLE_RATE)).astype(np.float32)
    assert listen(Clip("noise", 0.3 * noise)).melody is None


def test_vibrato_is_heard_with_its_speed_and_as_a_sine(engines) -> None:
    melody = heard(engines, **VIBRATO).melody
    assert melody is not None and melody.period_s == pytest.approx(1 / 5.5, rel=0.03)
    assert melody.sine is not None
    assert melody.sine[0] == pytest.approx(0.576, abs=0.2)  # 1.2 % of 96 semitones, to both sides


def test_a_glide_goes_its_way_once(engines) -> None:
    melody = heard(engines, **GLIDE).melody
    assert melody is not None and melody.period_s is None and melody.sine is None
    assert melody.steps[0] > 9 and abs(melody.steps[-1]) < 0.3
    assert np.diff(melody.steps).max() < 0.3  # down, all the way


def test_an_arpeggio_jumps_and_begins_anew(engines) -> None:
    melody = heard(engines, **ARPEGGIO).melody
    assert melody is not None and melody.period_s == pytest.approx(0.25, rel=0.03) and melody.sine is None
    places, steps = melody.points(0.05).T
    assert (np.diff(places) == 0).any() and np.ptp(steps) == pytest.approx(12, abs=0.5)
    assert places[0] == 0 and places[-1] == 1 and (np.diff(places) >= 0).all()


def test_a_pitch_that_is_never_still_is_followed_though_the_sound_has_none(engines) -> None:
    zigzag = {**LFO, "lfo1.shape": "triangle", "lfo1.rate": 3.0, "mod1.amount": 25.0, "mod1.bipolar": True}
    audio = engines.render(Patch(SOUND | zigzag), 64, 0.33, 1.0)
    found = listen(Clip("zigzag", audio))
    assert not found.keys and found.melody is not None
    pitch = found.melody.note + found.melody.steps
    assert pitch.min() == pytest.approx(52, abs=2) and pitch.max() == pytest.approx(76, abs=2)


def test_the_user_s_note_is_the_one_to_count_from(engines) -> None:
    fifths = engines.render(Patch(SOUND | FIFTHS), NOTE, NOTE_S, TOTAL_S)
    found = listen(Clip("fifths", fifths)).melody
    told = listen(Clip("fifths", fifths), NOTE + 12).melody
    assert found is not None and told is not None
    assert round(told.note) == NOTE + 12 and round(found.note) in (NOTE, NOTE + 7)
    n = min(len(found.steps), len(told.steps))
    assert np.median(np.abs(found.note + found.steps - told.note - told.steps)[:n]) < 0.3  # the same notes


def test_a_sound_of_a_few_ms_has_neither_melody_nor_pulse(engines) -> None:
    for n in (1, 300, 900, 2000):
        audio = engines.render(Patch(SOUND), NOTE, NOTE_S, TOTAL_S)[:, :n]
        assert listen(Clip("bit", audio)).melody is None
        assert Pulse.of(envelope_of(audio, 165.0), n / SAMPLE_RATE) is None


def test_a_restless_pitch_still_fits_an_lfo() -> None:
    steps = np.cumsum(np.tile([3.0, 0.2, -3.0, -0.3], 21))
    places, drawn = Melody(np.arange(84) * 0.03, steps, None, 60.0).points(0.05).T
    assert (
        len(places) <= 100 and (np.diff(places) >= 0).all() and np.ptp(drawn) == pytest.approx(np.ptp(steps))
    )


def test_a_cycle_of_few_moments_has_no_holes() -> None:
    for period_s in np.linspace(0.09, 0.3, 40):
        curve = Melody(np.arange(8) * 0.03, np.arange(8) % 3.0, float(period_s), 60.0).points(0.05)
        assert np.isfinite(curve).all() and (np.diff(curve[:, 0]) >= 0).all()


@pytest.mark.parametrize("moving", [VIBRATO, GLIDE, FIFTHS], ids=["vibrato", "glide", "fifths"])
def test_recipes_that_move_with_the_clip_come_nearer(engines, moving) -> None:
    note = heard(engines, **moving)
    judge = Judge(note.audio, NOTE, note.moments, engines)
    still, sings = (
        min(
            c.heard
            for c in judge(
                sketch(note.audio, melody.note if melody else note.keys[0], note.moments, 5, melody)
            )
        )
        for melody in (None, note.melody)
    )
    assert sings < 0.85 * still


def test_what_has_its_lfo_taken_stays_as_it_is() -> None:
    melody = Melody(np.arange(4.0), np.array([0.0, 1.0, 2.0, 3.0]), None, 60.0)
    one = Patch({"mod1.source": "lfo1", "mod1.destination": "filter1.cutoff"})
    assert sung(one, melody)["mod2.source"] == "lfo2"
    taken = one.with_values({"mod2.source": "lfo2", "mod2.destination": "filter1.drive"})
    assert sung(taken, melody) is taken
    curve = sung(Patch(), melody).assets["lfo1.shape"]
    assert curve[:, 1].min() >= 0 and curve[:, 1].max() <= 1


def test_a_glide_is_in_the_recipe_of_a_match(engines, tmp_path: Path) -> None:
    wavfile.write(
        tmp_path / "glide.wav", SAMPLE_RATE, engines.render(Patch(SOUND | GLIDE), NOTE, NOTE_S, TOTAL_S).T
    )
    *_, last = Matcher(engines=engines).match(tmp_path / "glide.wav", MatchOptions(kind="recipe", seconds=0))
    best = last.candidates[0].patch
    moves = [
        n
        for n in range(1, 9)
        if best[f"mod{n}.destination"] == "voice.pitch" and best[f"mod{n}.source"] != "none"
    ]
    assert moves and last.candidates[0].heard < 0.14
