import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.hearing import features


def tone(hz: float, rate_hz: int, seconds: float) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(int(seconds * rate_hz)) / rate_hz).astype(np.float32)


def sounds() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    n = features.N_SAMPLES
    decay = np.exp(-np.arange(n) / 4000).astype(np.float32)
    return {
        "noise": rng.standard_normal(n).astype(np.float32) * 0.2,
        "tone": tone(65.4, features.MODEL_RATE, features.CLIP_S) * decay,
        "short": tone(440, features.MODEL_RATE, 0.3),
        "long": rng.standard_normal(2 * n).astype(np.float32),
        "silence": np.zeros(n, np.float32),
        "quiet": rng.standard_normal(n).astype(np.float32) * 1e-4,
    }


def test_constants_agree():
    assert features.N_SAMPLES == features.N_FRAMES * features.HOP_LENGTH == 40_000


@pytest.mark.parametrize("name", sounds())
def test_log_mel_equals_whisper(name):
    transformers = pytest.importorskip("transformers", reason="transformers comes with the [train] extra")
    theirs = transformers.WhisperFeatureExtractor()
    theirs.n_samples = features.N_SAMPLES
    audio = sounds()[name]
    wanted = theirs(audio, sampling_rate=features.MODEL_RATE, return_tensors="np").input_features[0]
    given = features.log_mel(audio)
    assert given.shape == wanted.shape == (features.N_MELS, features.N_FRAMES)
    assert given.dtype == np.float32
    np.testing.assert_allclose(given, wanted, atol=1e-4)


def test_mel_filters_equal_whisper():
    audio_utils = pytest.importorskip(
        "transformers.audio_utils", reason="transformers comes with the [train] extra"
    )
    theirs = audio_utils.mel_filter_bank(
        features.N_BINS, features.N_MELS, 0.0, 8000.0, features.MODEL_RATE, norm="slaney", mel_scale="slaney"
    )
    np.testing.assert_allclose(features.mel_filters(), theirs.T, atol=1e-7)


@given(st.floats(0, 8000))
def test_mel_round_trip(hz):
    there = features.hz_to_mel(np.array(hz))
    assert features.mel_to_hz(there) == pytest.approx(hz, abs=1e-6)


@pytest.mark.parametrize("from_hz", [8000, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_resample_keeps_a_tone(from_hz):
    given = features.resample(tone(1000, from_hz, 0.5), from_hz, features.MODEL_RATE)
    wanted = tone(1000, features.MODEL_RATE, 0.5)
    assert given.dtype == np.float32
    assert abs(len(given) - len(wanted)) <= 1
    middle = slice(1000, 7000)
    assert np.abs(given[middle] - wanted[middle]).max() < 0.01


def test_resample_removes_what_would_alias():
    given = features.resample(tone(11_000, 44_100, 0.5), 44_100, features.MODEL_RATE)
    assert np.abs(given[1000:7000]).max() < 0.01


def test_clip_features_fold_channels_to_mono():
    left = tone(220, 44_100, 1.0)
    stereo = np.stack([left, np.zeros_like(left)])
    np.testing.assert_allclose(
        features.clip_features(stereo, 44_100), features.clip_features(left[None] / 2, 44_100), atol=1e-6
    )
