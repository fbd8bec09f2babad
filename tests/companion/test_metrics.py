import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.hearing.audio import SAMPLE_RATE
from companion.judging import metrics
from companion.judging.metrics import Measures, Reference, gap, gap_terms, measure


def tone(hz: float, seconds: float = 1.0, channels: int = 2) -> np.ndarray:
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    saw = sum(np.sin(2 * np.pi * hz * n * t) / n for n in range(1, 12) if n * hz < 20_000)
    return np.tile((0.2 * saw * np.exp(-t)).astype(np.float32), (channels, 1))


def noise(seed: int, seconds: float = 1.0, channels: int = 2) -> np.ndarray:
    shape = channels, int(seconds * SAMPLE_RATE)
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32) * np.float32(0.1)


SOUNDS = {
    "tone": tone(110),
    "noise": noise(1),
    "click": np.pad(noise(2, 0.01), ((0, 0), (1000, 40_000))),
    "quiet": tone(300) * np.float32(1e-4),
    "short": tone(500, 0.02),
}


# --- the same numbers as librosa's -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def librosa():
    return pytest.importorskip("librosa", reason="librosa comes with the [dev] extra")


@pytest.mark.parametrize("name", SOUNDS)
@pytest.mark.parametrize("index", range(3))
def test_mels_equal_librosa(librosa, name, index):
    window, hop, n_mels = [(441, 220, 32), (1102, 441, 64), (4410, 2205, 128)][index]
    mel = librosa.feature.melspectrogram(
        y=SOUNDS[name], sr=44100, n_fft=window, hop_length=hop, n_mels=n_mels
    )
    theirs = librosa.power_to_db(mel, ref=np.max)
    np.testing.assert_allclose(metrics.mels_db(SOUNDS[name])[index], theirs.swapaxes(1, 2), atol=0.01)


@pytest.mark.parametrize("name", SOUNDS)
def test_mfcc_equals_librosa(librosa, name):
    mono = SOUNDS[name][0]
    theirs = librosa.feature.mfcc(y=mono, sr=44100, n_mfcc=20, n_fft=2205, hop_length=441, n_mels=128)
    np.testing.assert_allclose(metrics.mfcc(mono), theirs.T, atol=0.01)


@pytest.mark.parametrize("name", SOUNDS)
def test_envelope_equals_librosa(librosa, name):
    mono = SOUNDS[name][0]
    theirs = librosa.feature.rms(y=mono, frame_length=2205, hop_length=1102)[0]
    np.testing.assert_allclose(metrics.rms_envelope(mono), theirs, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", SOUNDS)
def test_cumulative_spectra_equal_librosa(librosa, name):
    mono = SOUNDS[name][0]
    magnitudes = np.abs(librosa.stft(mono, n_fft=2205, hop_length=882)).T
    shares = magnitudes / np.clip(magnitudes.sum(axis=1, keepdims=True), 1e-6, None)
    np.testing.assert_allclose(metrics.cumulative_spectra(mono), np.cumsum(shares, axis=1), atol=1e-4)


def test_warping_equals_librosa(librosa):
    a, b = metrics.mfcc(SOUNDS["tone"][0]), metrics.mfcc(SOUNDS["noise"][0])[:70]
    cost = np.abs(a[:, None] - b[None]).mean(axis=2)
    total = librosa.sequence.dtw(C=cost, weights_mul=np.array([2, 1, 1]), backtrack=False)[-1, -1]
    assert metrics.dtw_distance(a, b) == pytest.approx(total / (len(a) + len(b)), rel=1e-6)


# --- the measures ----------------------------------------------------------------------------------------------------


def warp_slowly(a: np.ndarray, b: np.ndarray) -> float:
    total = np.full((len(a) + 1, len(b) + 1), np.inf)
    for i, x in enumerate(a, 1):
        for j, y in enumerate(b, 1):
            local = float(np.mean(np.abs(x - y)))
            before = total[i - 1, j - 1] + 2 * local, total[i - 1, j] + local, total[i, j - 1] + local
            total[i, j] = local if i == j == 1 else min(before)
    return float(total[-1, -1]) / (len(a) + len(b))


@given(n=st.integers(1, 12), m=st.integers(1, 12), seed=st.integers(0, 2**32 - 1))
def test_warping_is_the_textbook_recurrence(n, m, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((n, 3)), rng.standard_normal((m, 3))
    assert metrics.dtw_distance(a, b) == pytest.approx(warp_slowly(a, b))


@pytest.mark.parametrize("name", SOUNDS)
def test_a_sound_is_nothing_away_from_itself(name):
    found = measure(SOUNDS[name], SOUNDS[name])
    assert found.distances() == pytest.approx(dict.fromkeys(found.distances(), 0), abs=1e-4)
    assert found.loudness_db == 0


def test_level_alone_changes_loudness_only():
    found = measure(SOUNDS["tone"], SOUNDS["tone"] / 4)
    assert found.loudness_db == pytest.approx(-12.04, abs=0.01)
    assert found.mss < 1e-3 and found.wmfcc < 1e-3 and found.sot < 1e-5


def test_silence_is_far_away():
    found = measure(SOUNDS["tone"], np.zeros_like(SOUNDS["tone"]))
    assert found.mss > 40 and found.rms == 0 and found.loudness_db == -math.inf


def test_mono_folds_both():
    wide = np.stack([tone(110)[0], tone(220)[0]])
    assert measure(wide, metrics.fold_mono(wide)).mss == pytest.approx(0, abs=1e-3)
    assert measure(wide, wide[::-1]).mss > 1
    assert measure(metrics.fold_mono(wide), wide).mss == pytest.approx(0, abs=1e-3)


def test_answers_are_cut_and_filled_to_the_target():
    target = tone(110)
    long = np.concatenate([target, noise(3)], axis=1)
    assert measure(target, long).mss == pytest.approx(0, abs=1e-3)
    assert measure(target, target[:, :20_000]).rms < 0.99


# What metrics.md lists for Vital's init patch at C4, 2 s in 4 s.
SCALE = {"same": ({}, 60, 0.11), "semitone": ({}, 61, 3.6), "octave": ({}, 72, 5.8)}
UNISON = {"osc_1_unison_voices": 7.0}


def play(controls: dict[str, float], note: int = 60, seconds: float = 2.0) -> np.ndarray:
    vita = pytest.importorskip("vita", reason="the Vital engine has no wheel for this platform")
    synth = vita.Synth()
    synth.load_init_preset()
    for name, value in controls.items():
        synth.get_controls()[name].set(value)
    return np.asarray(synth.render(note, 0.8, seconds, 2 * seconds), np.float32)


@pytest.mark.parametrize("name", SCALE)
def test_the_known_scale(name):
    controls, note, wanted = SCALE[name]
    assert measure(play({}), play(controls, note)).mss == pytest.approx(wanted, abs=0.1)


def test_new_phases_measure_little():
    assert 0.5 < measure(play(UNISON), play(UNISON)).mss < 2.5


# --- the gap ---------------------------------------------------------------------------------------------------------

FLOOR = Measures(mss=1, wmfcc=2, sot=0.01, rms=0.99, loudness_db=0)
INIT = Measures(mss=21, wmfcc=12, sot=0.21, rms=0.79, loudness_db=3)


def between(share: float) -> Measures:
    return Measures(1 + 20 * share, 2 + 10 * share, 0.01 + 0.2 * share, 0.99 - 0.2 * share, 0)


@given(st.integers(-100, 300).map(lambda percent: percent / 100))
def test_the_gap_is_linear_and_clipped(share):
    assert gap(between(share), FLOOR, INIT) == pytest.approx(min(2, max(0, share)), abs=1e-6)


def test_a_measure_with_a_high_floor_is_left_out():
    vague = replace(FLOOR, rms=0.85)
    assert set(gap_terms(between(0.5), vague, INIT)) == {"mss", "wmfcc", "sot"}
    assert gap(replace(between(0.5), rms=0), vague, INIT) == pytest.approx(0.5)


def test_a_gap_of_nothing_is_no_number():
    assert math.isnan(gap(FLOOR, INIT, INIT))


def test_worse_is_taken_measure_by_measure():
    a, b = replace(INIT, mss=0), replace(FLOOR, mss=5)
    assert metrics.worse(a, b) == replace(INIT, mss=5)


def test_a_reference_keeps_its_features():
    reference = Reference(SOUNDS["tone"])
    assert reference.measure(SOUNDS["noise"]) == measure(SOUNDS["tone"], SOUNDS["noise"])
