import numpy as np
import pytest

from companion.hearing.audio import SAMPLE_RATE
from export.yin import cents_between, f0_yin


def tone(hz: float, seconds: float = 1.0) -> np.ndarray:
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    saw = sum(np.sin(2 * np.pi * hz * n * t) / n for n in range(1, 12) if n * hz < 20_000)
    return np.tile((0.2 * saw * np.exp(-t)).astype(np.float32), (2, 1))


NOISE = np.random.default_rng(1).standard_normal((2, SAMPLE_RATE)).astype(np.float32)


@pytest.mark.parametrize("hz", [32.7, 65.4, 110, 261.6, 1000, 2093])
def test_yin_finds_a_tone_to_five_cents(hz):
    found = f0_yin(tone(hz))
    assert found is not None and abs(cents_between(hz, found)) < 5


@pytest.mark.parametrize(
    "audio", [NOISE, np.zeros((2, 40_000), np.float32), tone(100, 0.02)], ids=["noise", "silence", "short"]
)
def test_yin_finds_nothing_where_nothing_is(audio):
    assert f0_yin(audio) is None


def test_the_gliding_is_not_stable():
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    assert f0_yin(np.sin(2 * np.pi * (100 * t + 100 * t**2)).astype(np.float32)[None]) is None
