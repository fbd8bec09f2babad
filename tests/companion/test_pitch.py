from pathlib import Path

import numpy as np
import pytest

from companion.hearing.audio import SAMPLE_RATE, read_clip
from companion.hearing.pitch import (
    N_CANDIDATES,
    candidates_hz,
    combs,
    guess_pitches,
    hz_to_note,
    note_to_hz,
    window_shares,
)

NOTES = Path(__file__).parents[1] / "data" / "notes"
SEMITONES = {  # how far each preset sounds from the key
    "CanaryWharfLead": -24,
    "KorgM1Organ2": -12,
    "NavigatorSynthBrass": 0,
    "PS-20-Piano": 0,
    "SalmoBass": -12,
    "SweetestStrings": 0,
    "UmbraLead": 0,
    "VermExplodeLead": -24,
    "Z3taTwang": 0,
}


def partials(hz: float, amplitudes: list[float], seconds: float = 0.8) -> np.ndarray:
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    waves = [level * np.sin(2 * np.pi * n * hz * time_s + n) for n, level in enumerate(amplitudes, 1)]
    return np.sum(waves, axis=0, dtype=np.float32)[None] * 0.2


TIMBRES = {
    "sine": [1.0],
    "saw": [1 / n for n in range(1, 40)],
    "square": [n % 2 / n for n in range(1, 40)],
    "no fundamental": [0.0, 0.0] + [1 / n for n in range(3, 20)],
    "bass-heavy": [1.0] + [0.01 / n for n in range(2, 20)],
    "bright": [0.02, 0.05, 0.1, 0.3, 1.0, 1.0, 0.6, 0.4],
}


@pytest.mark.parametrize("timbre", TIMBRES)
@pytest.mark.parametrize("note", [28.3, 36, 45.5, 60, 77.2])
def test_pitch_to_the_cent(timbre, note):
    if timbre == "no fundamental" and note > 70:
        pytest.skip("too few partials under 5.5 kHz to tell")
    first, *_ = guess_pitches(partials(note_to_hz(note), TIMBRES[timbre]))
    assert first.note == pytest.approx(note, abs=0.02)
    assert first.confidence > 0.5


@pytest.mark.parametrize("clip", sorted(NOTES.glob("*.flac")), ids=lambda path: path.stem)
def test_pitch_of_real_presets(clip):
    name, note, _ = clip.stem.rsplit("_", 2)
    if name not in SEMITONES:
        pytest.skip("a drum has no pitch to find")
    audio = read_clip(clip).samples
    wanted = int(note) + SEMITONES[name]
    assert guess_pitches(audio)[0].note == pytest.approx(wanted, abs=0.2)


def test_detuned_unison():
    voices = [partials(note_to_hz(48 + cents / 100), TIMBRES["saw"]) for cents in (-20, -11, 0, 9, 21)]
    assert guess_pitches(np.sum(voices, axis=0))[0].note == pytest.approx(48, abs=0.12)


def test_vibrato():
    time_s = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    phase = (
        2 * np.pi * np.cumsum(note_to_hz(57) * 2 ** (0.3 / 12 * np.sin(2 * np.pi * 6 * time_s))) / SAMPLE_RATE
    )
    wave = np.sum([np.sin(n * phase) / n for n in range(1, 15)], axis=0, dtype=np.float32)[None]
    assert guess_pitches(wave)[0].note == pytest.approx(57, abs=0.1)


@pytest.mark.parametrize("seconds", [0.05, 0.12])
def test_short_pluck(seconds):
    wave = partials(note_to_hz(57), TIMBRES["saw"], seconds)
    assert guess_pitches(wave)[0].note == pytest.approx(57, abs=0.2)


def test_channels_that_cancel_in_mono():
    wave = partials(note_to_hz(50), TIMBRES["saw"])
    assert guess_pitches(np.concatenate([wave, -wave]))[0].note == pytest.approx(50, abs=0.02)


def test_under_noise():
    noise = np.random.default_rng(0).standard_normal(round(0.8 * SAMPLE_RATE)).astype(np.float32)
    assert guess_pitches(partials(note_to_hz(48), TIMBRES["saw"]) + 0.03 * noise)[0].note == pytest.approx(
        48, abs=0.05
    )


@pytest.mark.parametrize("seed", range(3))
def test_noise_has_no_pitch(seed):
    noise = np.random.default_rng(seed).standard_normal((2, SAMPLE_RATE)).astype(np.float32)
    assert guess_pitches(noise)[0].confidence < 0.3


def test_octaves_are_among_the_guesses():
    guesses = guess_pitches(partials(note_to_hz(48), TIMBRES["bass-heavy"]))
    assert guesses[0].hz == pytest.approx(note_to_hz(48), rel=1e-3)
    offered = [guess.note for guess in guesses]
    assert any(abs(note - 36) < 0.6 for note in offered) or any(abs(note - 60) < 0.6 for note in offered)
    confidences = [guess.confidence for guess in guesses]
    assert confidences == sorted(confidences, reverse=True)
    assert sum(confidences) <= 1 + 1e-6


@pytest.mark.parametrize("samples", [0, 1, 100, 882])
def test_silence_and_next_to_nothing(samples):
    silence = np.zeros((2, samples), np.float32)
    assert guess_pitches(silence) == ()
    guess_pitches(np.ones((1, samples), np.float32))


def test_notes_and_hz():
    assert note_to_hz(69) == pytest.approx(440)
    assert hz_to_note(note_to_hz(31.7)) == pytest.approx(31.7)


def test_every_comb_is_sharpest_at_its_own_pitch():
    assert combs().shape[0] == N_CANDIDATES == len(candidates_hz())
    np.testing.assert_allclose((np.maximum(combs(), 0) ** 2).sum(axis=1), 1, rtol=1e-4)
    np.testing.assert_allclose(window_shares().sum(axis=0), 1, rtol=1e-5)
