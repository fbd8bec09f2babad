"""Words allow for the floor; what no key of a synth makes is told, and what it makes is not."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from companion.hearing.audio import Clip
from companion.hearing.listen import Heard, listen
from companion.hosts.vital import SAMPLE_RATE, VitalHost
from companion.judging.board import Candidate
from companion.judging.makeable import signs_of
from companion.judging.nearness import KNOBS, NO_RESYNTH, RECORDING, Calibration, Nearness
from companion.telling.words import GAP_WORDS
from presets.patch import Patch
from presets.schema import OWN

WIDE: dict[str, object] = {"osc1.voices": 9, "osc1.detune": 50.0, "osc1.width": 100.0, "osc1.position": 69.0}
OWN_TABLE = np.sin(2 * np.pi * np.arange(2048) / 2048).astype(np.float32)[None]


def heard(audio: np.ndarray) -> Heard:
    return listen(Clip("a clip", np.asarray(audio, np.float32), 0.0, ()))


def notes(*played: int, **values: object) -> np.ndarray:
    """One note after the other, in 2.4 s together."""
    host, each_s = VitalHost(), 2.4 / len(played)
    patch = Patch({"osc1.position": 69.0, **values})  # type: ignore[arg-type]
    return np.concatenate([host.render_patch(patch, note, 0.7 * each_s, each_s) for note in played], axis=1)


def answer(score: float, kind: str = "recipe") -> Candidate:
    own = {"assets": {"osc1.table": OWN_TABLE}} if kind == "resynth" else {}
    patch = Patch({"osc1.table": OWN} if own else {}, note=48, **own)  # type: ignore[arg-type]
    assert patch.kind == kind
    return Candidate(patch, score, notes(48))


@pytest.fixture(scope="module")
def tone() -> Nearness:
    return Nearness(heard(notes(48)))


@pytest.fixture(scope="module")
def melody() -> Nearness:
    return Nearness(heard(notes(48, 55, 51, 58, 50, 61, 53, 56)))


def test_the_shipped_calibration_makes_sense() -> None:
    known = Calibration.shipped()
    assert len(known.bounds) == len(GAP_WORDS) - 1 and all(
        a < b for a, b in pairwise((0.0, *known.bounds, 2.0))
    )
    assert 0 < known.alarm < 1 and known.far >= known.bounds[2]


def test_words_get_worse_with_the_score(tone: Nearness) -> None:
    said = [
        candidate.words for candidate in tone.told(answer(score) for score in (0.0, 0.12, 0.28, 0.6, 1.4))
    ]
    assert said == [words for _, words in GAP_WORDS]


def test_a_wide_sound_has_a_floor_that_recipes_are_allowed(tone: Nearness) -> None:
    wide = Nearness(heard(notes(48, **WIDE)))
    assert wide.floor > tone.floor + 0.03
    assert wide.gap(answer(0.2)) < tone.gap(answer(0.2))
    assert wide.gap(answer(0.2, "resynth")) == tone.gap(answer(0.2, "resynth"))


def test_what_is_as_good_as_identical_differs_in_nothing(tone: Nearness) -> None:
    far, same = answer(0.5), answer(0.0)
    assert tone.told([same])[0].differs == ()
    assert len(tone.told([far])[0].differs) <= 2


def test_a_melody_has_more_pitches_and_states_than_a_note() -> None:
    one, many = (signs_of(heard(notes(*played)).audio) for played in ((48,), (48, 55, 51, 58, 50)))
    assert all(many[name] > one[name] for name in ("pitches", "states", "rises"))


@pytest.mark.parametrize("n_samples", [2205, SAMPLE_RATE])
def test_noise_and_silence_have_signs_too(n_samples: int) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (2, n_samples)).astype(np.float32)
    assert all(np.isfinite(list(signs_of(audio).values())).all() for audio in (noise, 0 * noise))


def test_what_no_knobs_make_is_told(melody: Nearness) -> None:
    assert melody.warnings([answer(0.1, "resynth"), answer(0.9)]) == (KNOBS + RECORDING,)
    assert melody.warnings([answer(0.9)]) == (KNOBS + NO_RESYNTH,)


def test_what_a_recipe_comes_near_is_not_doubted(melody: Nearness) -> None:
    assert melody.warnings([answer(0.1, "resynth"), answer(0.2)]) == ()


def test_a_note_is_not_doubted_however_far_the_recipe(tone: Nearness) -> None:
    assert tone.warnings([answer(0.1, "resynth"), answer(0.9)]) == ()


def test_a_resynth_that_stays_far_is_told(tone: Nearness) -> None:
    (told,) = tone.warnings([answer(0.9, "resynth"), answer(0.95)])
    assert told.startswith("This synth cannot make this sound")


def test_no_answers_no_words(tone: Nearness) -> None:
    assert tone.told([]) == () and tone.warnings([]) == ()


def test_mono_clips_have_a_floor_too() -> None:
    quiet = np.zeros((2, SAMPLE_RATE), np.float32)
    assert Calibration.shipped().floor_of(quiet) == Calibration.shipped().floor_of(quiet[:1]) >= 0


def test_a_recipe_that_comes_close_is_proof_that_the_synth_makes_it(tone: Nearness) -> None:
    far = answer(1.0, "resynth")
    assert tone.warnings([answer(0.15), far]) == ()
    assert tone.warnings([answer(0.9), far])[0].startswith("This synth cannot make this sound")
