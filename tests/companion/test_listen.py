from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from companion.hearing.audio import SAMPLE_RATE, Clip, read_clip
from companion.hearing.features import CLIP_S
from companion.hearing.listen import Kind, listen, octaves_under
from presets.laws import midi_to_hz

NOTES = Path(__file__).parents[1] / "data" / "notes"
SEMITONES = {"CanaryWharfLead": -24, "KorgM1Organ2": -12, "SalmoBass": -12, "VermExplodeLead": -24}
RNG_SEED = 5
AUDIBLE_NOTE_OFFS = ["CanaryWharfLead_53_1.8", "KorgM1Organ2_43_1.8", "NavigatorSynthBrass_48_0.8", "UmbraLead_55_0.3",
                     "VermExplodeLead_48_0.8", "PS-20-Piano_36_0.8", "Z3taTwang_60_1.8"]  # fmt: skip


def note_clips() -> list[Path]:
    return sorted(path for path in NOTES.glob("*.flac") if "Kick" not in path.stem)


def saw(hz: float, seconds: float) -> np.ndarray:
    phase = 2 * np.pi * hz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = np.sum([np.sin(n * phase) / n for n in range(1, 30)], axis=0)
    fade = np.minimum(1, np.arange(len(wave), 0, -1) / 441)
    return (0.2 * wave * fade).astype(np.float32)


def clip_of(*waves: np.ndarray) -> Clip:
    return Clip("made", np.concatenate(waves)[None].astype(np.float32))


def rest(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


@pytest.mark.parametrize("path", note_clips(), ids=lambda path: path.stem)
def test_real_notes(path):
    name, note, _ = path.stem.rsplit("_", 2)
    heard = listen(read_clip(path))
    assert heard.kind is Kind.NOTE
    assert heard.warnings == ()
    assert heard.start_s < 0.02
    assert heard.audio.shape[0] == 2
    assert heard.pitches[0] == pytest.approx(int(note) + SEMITONES.get(name, 0), abs=0.2)


@pytest.mark.parametrize("name", AUDIBLE_NOTE_OFFS)
def test_note_offs(name):
    heard = listen(read_clip(NOTES / f"{name}.flac"))
    held_s = float(name.rsplit("_", 1)[1])
    assert heard.note_off_s == pytest.approx(held_s, abs=0.04)
    confidences = [guess.confidence for guess in heard.note_offs]
    assert confidences == sorted(confidences, reverse=True)


@pytest.mark.parametrize("path", note_clips()[::2], ids=lambda path: path.stem)
@pytest.mark.parametrize("noise", [0.0, 0.001])
def test_note_after_a_rest(path, noise):
    clip = read_clip(path)
    samples = np.concatenate([rest(0.737)[None], clip.samples], axis=1)
    samples += noise * np.random.default_rng(RNG_SEED).standard_normal(samples.shape)
    heard = listen(replace(clip, samples=samples.astype(np.float32)))
    assert heard.start_s == pytest.approx(0.737, abs=0.03)
    assert heard.audio.shape[1] <= CLIP_S * SAMPLE_RATE
    assert heard.pitches[0] == pytest.approx(listen(clip).pitches[0], abs=0.2)


def test_a_click_is_no_note():
    click = np.concatenate([rest(0.3), np.full(20, 0.1, np.float32), rest(0.3)])
    heard = listen(clip_of(click, saw(220, 1.0), rest(0.5)))
    assert heard.start_s == pytest.approx(len(click) / SAMPLE_RATE, abs=0.01)


def test_the_first_of_several_notes():
    heard = listen(clip_of(saw(220, 0.6), rest(0.5), saw(330, 0.6), rest(1.2)))
    assert heard.kind is Kind.LOOP
    assert heard.audio.shape[1] / SAMPLE_RATE == pytest.approx(1.1, abs=0.02)
    assert heard.pitches[0] == pytest.approx(57, abs=0.1)
    assert heard.note_off_s == pytest.approx(0.6, abs=0.05)
    assert "only its first note" in heard.warnings[0]


def test_start_is_counted_in_the_file(tmp_path):
    heard = listen(replace(clip_of(rest(0.2), saw(220, 0.6)), start_s=5.0))
    assert heard.start_s == pytest.approx(5.2, abs=0.01)


def test_melody():
    heard = listen(clip_of(*[saw(hz, 0.3) for hz in (220, 330, 262, 392, 220) * 2]))
    assert heard.kind is Kind.LOOP
    assert heard.audio.shape[1] / SAMPLE_RATE == pytest.approx(0.3, abs=0.05)


def test_a_melody_as_long_as_one_note_is_kept_whole():
    heard = listen(clip_of(*[saw(hz, 0.3) for hz in (220, 330, 262, 392)]))
    assert heard.kind is Kind.LOOP
    assert heard.audio.shape[1] / SAMPLE_RATE == pytest.approx(1.2)
    assert "all of it" in heard.warnings[0]


def test_one_note_that_pulses_is_one_note():
    wave = saw(110, 2.0) * (0.1 + 0.9 * (np.arange(2 * SAMPLE_RATE) % (SAMPLE_RATE // 5) < SAMPLE_RATE // 10))
    heard = listen(clip_of(wave.astype(np.float32)))
    assert heard.kind is Kind.NOTE
    assert heard.audio.shape[1] / SAMPLE_RATE == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize("intervals", [(0, 4, 7), (0, 3, 7), (0, 3, 7, 10)])
def test_chord(intervals):
    heard = listen(clip_of(np.sum([saw(220 * 2 ** (st / 12), 1.0) for st in intervals], axis=0)))
    assert heard.kind is Kind.CHORD
    assert "chord" in heard.warnings[0]


def test_noise_and_drums_have_no_pitch():
    rng = np.random.default_rng(RNG_SEED)
    snare = rng.standard_normal(SAMPLE_RATE) * np.exp(-np.arange(SAMPLE_RATE) / 3000)
    for clip in (clip_of(0.2 * rng.standard_normal(SAMPLE_RATE)), clip_of(0.3 * snare)):
        heard = listen(clip)
        assert heard.kind is Kind.UNPITCHED
        assert heard.pitches == ()
        assert "--note" in heard.warnings[0]
    assert listen(read_clip(NOTES / "OrganicKick_48_0.3.flac")).kind is Kind.UNPITCHED


def test_silence():
    heard = listen(clip_of(rest(1.0)))
    assert heard.is_silent
    assert "silent" in heard.warnings[0]
    assert heard.note_off_s == 1.0


def test_key_held_to_the_end():
    assert listen(clip_of(saw(220, 0.7))).note_off_s == pytest.approx(0.7, abs=0.05)
    assert listen(clip_of(saw(220, 5.0))).note_off_s == pytest.approx(CLIP_S, abs=0.1)


def test_the_users_note_is_kept():
    clip = clip_of(saw(223, 1.0))
    assert listen(clip, 57).pitches[0] == pytest.approx(listen(clip).pitches[0])
    (other,) = listen(clip, 69).pitches
    assert other == pytest.approx(69.23, abs=0.05)
    assert round(other) == 69
    noise = clip_of(0.2 * np.random.default_rng(0).standard_normal(SAMPLE_RATE))
    assert listen(noise, 40).pitches == (40.0,)
    assert listen(noise, 40).warnings == ()


@pytest.mark.parametrize(("pitch", "octaves"), [(20.6, 0), (20.4, 1), (12.1, 1), (3.0, 2)])
def test_what_sounds_under_a_piano_is_played_with_a_key_above(pitch, octaves):
    assert octaves_under(pitch) == octaves


def test_a_very_low_sound_has_a_key_that_can_be_played():
    clip = clip_of(saw(midi_to_hz(16), 1.5))
    heard = listen(clip)
    assert heard.pitches[0] == pytest.approx(16, abs=0.2)
    assert heard.keys[0] == pytest.approx(28, abs=0.2)
    assert listen(clip, 16).keys[0] == pytest.approx(16, abs=0.5)


@pytest.mark.parametrize("seconds", [0.02, 0.03, 0.05, 0.11])
def test_shortest_clips(seconds):
    heard = listen(clip_of(saw(440, seconds)))
    assert heard.audio.shape[1] > 0
    assert 0 < heard.note_off_s <= seconds + 0.01
    assert heard.pitches[0] == pytest.approx(69, abs=0.5)
