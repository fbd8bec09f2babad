import numpy as np
import pytest

from companion.hearing.audio import SAMPLE_RATE
from companion.hearing.features import CLIP_S
from companion.hearing.pitch import PITCH_RATE, note_to_hz, salience
from companion.hearing.segment import (
    TAIL_S,
    bands_of,
    differ,
    find_note,
    gap_end,
    levels_db,
    onsets_s,
    other_note,
    parts,
    steps_s,
)


def saw(note: float, seconds: float, rate_hz: int = SAMPLE_RATE) -> np.ndarray:
    phase = 2 * np.pi * note_to_hz(note) * np.arange(round(seconds * rate_hz)) / rate_hz
    return (0.2 * np.sum([np.sin(n * phase) / n for n in range(1, 20)], axis=0)).astype(np.float32)


def rest(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def joined(*waves: np.ndarray) -> np.ndarray:
    return np.repeat(np.concatenate(waves)[None], 2, axis=0).astype(np.float32)


def test_levels():
    levels = levels_db(joined(rest(0.1), np.full(4410, 0.1, np.float32)))
    assert levels[0] == pytest.approx(-120)
    assert levels[-2] == pytest.approx(-20, abs=0.01)


@pytest.mark.parametrize("attack_s", [0.0, 0.1, 0.6])
def test_a_note_begins_where_it_leaves_the_silence(attack_s):
    wave = saw(48, 1.5)
    wave *= np.minimum(1, np.arange(len(wave)) / max(1, attack_s * SAMPLE_RATE))
    start, end = find_note(joined(rest(0.4), wave, rest(2.0)))
    assert start / SAMPLE_RATE == pytest.approx(0.4, abs=0.002 + attack_s / 100)
    assert end / SAMPLE_RATE == pytest.approx(0.4 + 1.5 + TAIL_S, abs=0.02)


def test_a_slow_attack_at_the_beginning_of_a_clip_is_kept():
    wave = saw(48, 2.0) * np.minimum(1, (np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE) ** 2).astype(np.float32)
    assert find_note(joined(wave))[0] == 0


def test_a_note_is_cut_at_the_length_of_a_clip():
    start, end = find_note(joined(saw(48, 4.0)))
    assert (start, end) == (0, round(CLIP_S * SAMPLE_RATE))


def test_noise_before_a_note_is_left_out():
    samples = joined(rest(0.5), saw(48, 1.0))
    samples += 0.002 * np.random.default_rng(0).standard_normal(samples.shape).astype(np.float32)
    assert find_note(samples)[0] / SAMPLE_RATE == pytest.approx(0.5, abs=0.01)


def test_gaps():
    note = saw(48, 0.4)
    assert gap_end(joined(note, rest(0.4), note)) == pytest.approx(0.8 * SAMPLE_RATE, abs=300)
    assert gap_end(joined(note, rest(0.1), note)) is None
    assert gap_end(joined(note, rest(0.6))) is None
    assert gap_end(joined(note, rest(0.4), 0.05 * note)) is None


def test_onsets():
    hit = saw(60, 0.2) * np.exp(-np.arange(round(0.2 * SAMPLE_RATE)) / 1500).astype(np.float32)
    found = onsets_s(bands_of(joined(hit, hit, hit, rest(0.2))))
    assert found == pytest.approx([0.0, 0.2, 0.4], abs=0.03)


def test_steps_are_found_and_glides_are_not():
    low = np.concatenate([saw(57, 0.4, PITCH_RATE), saw(60, 0.4, PITCH_RATE)])[None]
    assert steps_s(salience(low))[0] == pytest.approx(0.4, abs=0.07)
    notes = np.linspace(48, 55, 2 * PITCH_RATE)
    phase = 2 * np.pi * np.cumsum(440 * 2 ** ((notes - 69) / 12)) / PITCH_RATE
    glide = np.sum([np.sin(n * phase) / n for n in range(1, 15)], axis=0, dtype=np.float32)[None]
    assert steps_s(salience(glide)) == []


def test_intervals_between_notes_and_within_one():
    assert other_note(3) and other_note(-7) and other_note(1)
    assert not other_note(0.2) and not other_note(12) and not other_note(-19) and not other_note(24.1)


def test_parts_of_a_melody_differ_and_of_a_pulse_do_not():
    low = PITCH_RATE
    melody, pulse = (60, 64, 67), (60, 60, 60)
    for notes, wanted in ((melody, True), (pulse, False)):
        audio = joined(*[saw(note, 0.4) * np.linspace(1, 0.01, round(0.4 * SAMPLE_RATE)) for note in notes])
        heard = parts(audio, salience(np.concatenate([saw(note, 0.4, low) for note in notes])[None]))
        assert len(heard) == 3
        assert differ(heard[0], heard[1]) == wanted
        assert heard[0].start_s == 0.0
