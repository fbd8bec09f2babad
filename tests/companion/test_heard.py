"""Gain and pitch are applied to what is heard: measured on tones and on a real note."""

from pathlib import Path

import numpy as np
import pytest

from companion.errors import ClipError
from companion.hearing.audio import SAMPLE_RATE, Clip, read_clip
from companion.hearing.heard import Treatment, heard
from companion.hearing.listen import listen

NOTES = Path(__file__).parents[1] / "data" / "notes"
SECONDS = 2


def tone(hz: float) -> Clip:
    t = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE
    return Clip("tone", np.stack([np.sin(2 * np.pi * hz * t)] * 2).astype(np.float32) * 0.5)


def frequency_hz(clip: Clip) -> float:
    """The strongest partial, by a parabola through the spectrum's peak."""
    x = clip.samples[0]
    spectrum = np.log(np.abs(np.fft.rfft(x * np.hanning(len(x)))) + 1e-12)
    k = int(spectrum.argmax())
    before, at, after = spectrum[k - 1 : k + 2]
    return float((k + 0.5 * (before - after) / (before - 2 * at + after)) * SAMPLE_RATE / len(x))


def rms(clip: Clip) -> float:
    return float(np.sqrt(np.mean(clip.samples**2)))


@pytest.mark.parametrize("gain_db", [-70.0, -6.02, 12.0])
def test_gain(gain_db):
    clip = tone(440.0)
    assert rms(heard(clip, Treatment(gain_db))) == pytest.approx(rms(clip) * 10 ** (gain_db / 20), rel=1e-5)


def test_a_gain_of_minus_infinity_is_silence():
    assert heard(tone(440.0), Treatment(-np.inf)).is_silent


@pytest.mark.parametrize("pitch_st", [-24, -12, -0.37, 0.5, 7, 12, 24])
@pytest.mark.parametrize("keeps_length", [False, True])
def test_pitch(pitch_st, keeps_length):
    clip = tone(330.0)
    played = heard(clip, Treatment(pitch_st=pitch_st, keeps_length=keeps_length))
    cents = 1200 * np.log2(frequency_hz(played) / 330.0) - 100 * pitch_st
    assert abs(cents) < 1
    speed = 1 if keeps_length else 2 ** (pitch_st / 12)
    assert played.duration_s == pytest.approx(SECONDS / speed, rel=1e-3)
    assert 20 * np.log10(rms(played) / rms(clip)) == pytest.approx(0, abs=0.5)
    assert len(played.warnings) == keeps_length


@pytest.mark.parametrize("keeps_length", [False, True])
def test_a_real_note_is_heard_where_it_was_transposed_to(keeps_length):
    clip = read_clip(NOTES / "UmbraLead_55_0.3.flac")
    assert listen(clip).pitches[0] == pytest.approx(55, abs=0.5)
    lower = heard(clip, Treatment(pitch_st=-5, keeps_length=keeps_length))
    assert listen(lower).pitches[0] == pytest.approx(50, abs=0.5)


def test_nothing_asked_is_nothing_done():
    clip = tone(440.0)
    assert heard(clip, Treatment()) == clip


def test_pitched_down_there_is_nothing_above_half_of_the_slower_rate():
    assert heard(tone(440.0), Treatment(pitch_st=-12)).rate_hz == SAMPLE_RATE // 2


@pytest.mark.parametrize(
    "wrong", [{"gain_db": 60}, {"gain_db": np.nan}, {"pitch_st": 200}, {"pitch_st": np.nan}]
)
def test_what_no_daw_does_is_refused(wrong):
    with pytest.raises(ClipError, match="out of range"):
        Treatment(**wrong)
