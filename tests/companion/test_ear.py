from pathlib import Path

import numpy as np
import pytest

from companion.hearing.audio import SAMPLE_RATE, read_clip
from companion.hearing.ear import (
    OFF_BANDS,
    WEIGHTS,
    convolve,
    guess_note_offs,
    guesses_of,
    kind_chances,
    kind_signs,
    note_off_belief,
    read_weights,
)
from companion.hearing.features import N_FRAMES, N_MELS, clip_features, resample
from companion.hearing.pitch import PITCH_RATE, note_to_hz, salience
from companion.hearing.segment import bands_of

NOTES = Path(__file__).parents[1] / "data" / "notes"


def held(seconds: float, release_s: float) -> np.ndarray:
    """A saw whose level falls by 60 dB in `release_s` after `seconds`."""
    time_s = np.arange(round(2.5 * SAMPLE_RATE)) / SAMPLE_RATE
    wave = np.sum([np.sin(2 * np.pi * 110 * n * time_s) / n for n in range(1, 60)], axis=0)
    return (0.2 * wave * 10 ** (-3 * np.maximum(time_s - seconds, 0) / release_s))[None].astype(np.float32)


@pytest.mark.parametrize("seconds", [0.1, 0.2, 0.5, 1.1, 2.0])
@pytest.mark.parametrize("release_s", [0.05, 0.3, 1.0])
def test_the_knee_of_a_sustained_tone(seconds, release_s):
    first, *_ = guess_note_offs(clip_features(held(seconds, release_s), SAMPLE_RATE), 2.5)
    assert first.time_s == pytest.approx(seconds, abs=0.05)
    assert first.confidence > 0.3


def test_guesses_are_apart_sorted_and_inside_the_clip():
    mel = clip_features(read_clip(NOTES / "SweetestStrings_60_0.8.flac").samples, SAMPLE_RATE)
    guesses = guess_note_offs(mel, 1.5, count=3)
    times = [guess.time_s for guess in guesses]
    assert max(times) <= 1.5
    assert np.diff(sorted(times)).min(initial=1.0) > 0.03
    assert [g.confidence for g in guesses] == sorted((g.confidence for g in guesses), reverse=True)


def test_belief_is_a_distribution_whatever_the_clip():
    for mel in (
        np.zeros((N_MELS, N_FRAMES)),
        np.random.default_rng(0).uniform(-0.5, 1.5, (N_MELS, N_FRAMES)),
    ):
        belief = note_off_belief(mel.astype(np.float32))
        assert belief.shape == (N_FRAMES,)
        assert belief.sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("dilation", [1, 3])
def test_convolution_equals_the_definition(dilation):
    rng = np.random.default_rng(0)
    signal, weight, bias = rng.normal(size=(3, 40)), rng.normal(size=(2, 3, 5)), rng.normal(size=2)
    given = convolve(signal, weight, bias, dilation)
    padded = np.pad(signal, ((0, 0), (2 * dilation, 2 * dilation)))
    wanted = [[bias[o] + sum(weight[o, :, tap] @ padded[:, t + tap * dilation] for tap in range(5)) for t in range(40)]
              for o in range(2)]  # fmt: skip
    np.testing.assert_allclose(given, wanted, atol=1e-9)


def test_weights_are_small_and_fit():
    weights = read_weights()
    assert weights["off_first"].shape[1] == OFF_BANDS
    assert WEIGHTS.stat().st_size < 400_000


def test_what_is_cut_off_is_no_note_off():
    belief = np.zeros(N_FRAMES, np.float32)
    belief[[40, 41, 42, 180]] = 0.1, 0.2, 0.1, 0.6
    (first, *_), (late, *_) = guesses_of(belief, 1.0), guesses_of(belief, 2.5)
    assert (first.time_s, first.confidence) == pytest.approx((0.41, 1.0))
    assert (late.time_s, late.confidence) == pytest.approx((1.8, 0.6))


def saws(*notes: int) -> np.ndarray:
    time_s = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    waves = [np.sin(2 * np.pi * note_to_hz(note) * n * time_s) / n for note in notes for n in range(1, 20)]
    return np.sum(waves, axis=0)[None].astype(np.float32)


def hat() -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal(SAMPLE_RATE)
    return (np.diff(noise, prepend=0) * np.exp(-np.arange(SAMPLE_RATE) / 2000))[None].astype(np.float32)


@pytest.mark.parametrize(
    ("audio", "kind"),
    [(saws(48), 0), (saws(48, 60), 0), (saws(48, 51, 55), 1), (saws(55, 59, 62, 65), 1), (hat(), 2)],
    ids=["note", "octave", "minor", "seventh", "hat"],
)
def test_kinds(audio, kind):
    found = salience(resample(audio, SAMPLE_RATE, PITCH_RATE))
    assert kind_signs(found, bands_of(audio)).shape == read_weights()["kind"].shape[1:]
    chances = kind_chances(found, bands_of(audio))
    assert chances.sum() == pytest.approx(1, abs=1e-5)
    assert chances.argmax() == kind
