import numpy as np
import pytest

from companion.hearing.audio import SAMPLE_RATE
from companion.judging.distance import MEASURES, Distance

vita = pytest.importorskip("vita", reason="the Vital engine has no wheel for this platform")


def play(note: int = 48, note_s: float = 0.8, **controls: float) -> np.ndarray:
    synth = vita.Synth()
    synth.load_init_preset()
    for name, value in controls.items():
        synth.get_controls()[name].set(value)
    return np.asarray(synth.render(note, 0.8, note_s, 1.5), np.float32)


def dark(cutoff: float) -> np.ndarray:
    return play(filter_1_on=1.0, filter_1_cutoff=cutoff)


@pytest.fixture(scope="module")
def target():
    return dark(60)


@pytest.fixture(scope="module", params=[False, True], ids=["full", "fast"])
def distance(request, target):
    return Distance(target, play(), fast=request.param)


def test_a_rerender_is_near_nothing_and_init_near_one(distance, target):
    assert distance(target) == pytest.approx(0, abs=1e-3)
    assert distance(dark(60)) < 0.1
    assert distance(play()) == pytest.approx(1, abs=0.06)  # and what its level costs


def test_nearer_settings_are_nearer(distance):
    scores = distance.many([dark(60), dark(63), dark(72), dark(96), play(note=60)])
    assert list(scores) == sorted(scores)


def test_silence_is_the_worst(distance, target):
    assert distance(np.zeros_like(target)) == 2
    assert distance(target * np.float32(1e-3)) == 2
    assert distance(np.full_like(target, np.nan)) == 2


def test_a_wrong_level_costs(distance, target):
    quiet, loud = distance.verdict(target / 4), distance.verdict(target * 4)
    assert quiet.score == pytest.approx(loud.score, abs=1e-3) == pytest.approx(0.115, abs=0.01)
    assert quiet.loudness_db == pytest.approx(-12.04, abs=0.01)


def test_quieter_is_not_better_for_a_wrong_sound(distance):
    wrong = play(note=60)
    assert distance(wrong / 10) > distance(wrong)


def test_a_verdict_names_its_parts(distance):
    verdict = distance.verdict(play(note=61))
    assert tuple(verdict.shares) == MEASURES
    assert all(0 <= share <= 2 for share in verdict.shares.values())


def test_a_release_that_is_missing_shows_in_the_envelope(target):
    shares = Distance(target, play()).verdict(play(note_s=0.4, filter_1_on=1.0, filter_1_cutoff=60)).shares
    assert shares["envelope"] > 0.5


def test_dying_away_is_far_from_a_sound_that_stays_though_the_init_patch_stays_too(target):
    dying = target * np.exp(-2 * np.arange(target.shape[1]) / SAMPLE_RATE).astype(np.float32)
    assert Distance(target, play())(dying) > 0.3


@pytest.mark.parametrize("n_samples", [800, 5000, 3 * SAMPLE_RATE])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_length_and_width(target, n_samples, channels):
    clip = np.resize(target[:channels], (channels, n_samples)).astype(np.float32)
    assert Distance(clip)(clip) == pytest.approx(0, abs=1e-3)
    assert 0 <= Distance(clip)(target) <= 2
    assert 0 <= Distance(target)(clip) <= 2


def test_without_the_init_patch_the_order_stays(target):
    scores = Distance(target).many([dark(60), dark(66), dark(80), play()])
    assert list(scores) == sorted(scores)
