"""Listening to a clip: the first clear note in it, its pitch, when its key was released, and what kind of clip it is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from companion.hearing.audio import SAMPLE_RATE, Audio, Clip
from companion.hearing.ear import CERTAIN, NoteOffGuess, guesses_of, kind_chances, note_off_belief
from companion.hearing.features import CLIP_S, N_FRAMES, N_MELS, clip_features, resample
from companion.hearing.melody import Melody, melody_of
from companion.hearing.pitch import (
    NO_PITCH,
    PITCH_RATE,
    Floats,
    PitchGuess,
    Salience,
    guess_pitches,
    salience,
)
from companion.hearing.segment import bands_of, differ, find_note, gap_end, parts

BELIEF = 0.5  # power of a confidence: to be right where the guess is wrong costs less than it wins elsewhere
LATE, HELD = 0.75, 0.6  # shares of the clip: a note-off later than one is weighed against one at the other
SURE = 0.5  # chance from which a sound is not taken for one note
PROBABLE = 0.5  # confidence from which a note-off ends what is heard as melody
SURE_CHORD = 0.85  # the same, of a chord in which no pitch stands out
LIKELY = 0.03  # confidence of the least likely pitch passed on
CUT_S = 0.2  # a clip longer than a note by less is still one note's length
LEAD_S = 0.01  # silence before the note that is no silence but a slow attack
FADE_S = 0.005
LOWEST_KEY = 21  # of a piano; what sounds lower is played with a key octaves above
OWN_TUNING_ST = 0.49  # the fraction that a note given by the user may be off


class Kind(Enum):
    """What a clip is taken for; the value is the sentence that warns of it."""

    NOTE = ""
    CHORD = "This sounds like a chord: it is matched as one sound; a clip of a single note matches better."
    LOOP = "This sounds like a loop or melody: {what} was matched; choose a note with --start and --end."
    UNPITCHED = "No clear pitch was found (drums or noise?): the note is a guess; --note says otherwise."
    SILENCE = "The clip is silent (nothing over -70 dBFS), so there is no patch; check the file, or --start and --end."


@dataclass(frozen=True)
class Heard:
    """What was heard in a clip."""

    audio: Audio
    """(2, n) at SAMPLE_RATE from the note's onset, at most CLIP_S long; both channels equal for a mono clip."""
    start_s: float
    """Where in the file the note begins."""
    kind: Kind
    guesses: tuple[PitchGuess, ...]
    """Pitches, likeliest first; empty without one."""
    note_offs: tuple[NoteOffGuess, ...]
    """When the key was released, likeliest first."""
    warnings: tuple[str, ...]
    mel: Floats = field(default_factory=lambda: np.zeros((N_MELS, N_FRAMES), np.float32))
    """Its features."""
    belief: Floats = field(default_factory=lambda: np.zeros(N_FRAMES, np.float32))
    """The chance of each frame of the features to be the one of the note-off."""
    octaves_under: int = 0
    """How far it sounds under the key that plays it."""
    melody: Melody | None = None
    """What its pitch does; None where it stays."""

    @property
    def is_silent(self) -> bool:
        """Nothing to match."""
        return self.kind is Kind.SILENCE

    @property
    def pitches(self) -> tuple[float, ...]:
        """MIDI numbers with fraction, likeliest first; empty without a pitch."""
        return tuple(guess.note for guess in self.guesses)

    @property
    def keys(self) -> tuple[float, ...]:
        """The keys, with fraction, that are to play the pitches."""
        return tuple(pitch + 12 * self.octaves_under for pitch in self.pitches)

    @property
    def note_off_s(self) -> float:
        """The likeliest note-off, seconds after the onset."""
        return self.note_offs[0].time_s

    @property
    def moments(self) -> tuple[NoteOffGuess, ...]:
        """When the key may have been released, with chances that add up to 1: what a patch has to be right for."""
        return moments(self.note_offs[0], self.audio.shape[1] / SAMPLE_RATE)


def moments(guess: NoteOffGuess, duration_s: float) -> tuple[NoteOffGuess, ...]:
    """A note-off guess, and where it is not sure one far from it that a patch must be right for as well.

    A wrong guess is nearly always too early, at a knee of the sound's own; one at the clip's end is too late.
    """
    if guess.confidence >= CERTAIN:
        return (NoteOffGuess(guess.time_s, 1.0),)
    early = guess.time_s < LATE * duration_s
    other_s = (guess.time_s + duration_s) / 2 if early else HELD * duration_s
    chance = max(guess.confidence, 0.5) ** BELIEF
    return (NoteOffGuess(guess.time_s, chance), NoteOffGuess(other_s, 1 - chance))


def listen(clip: Clip, note: int | None = None) -> Heard:
    """Find the first clear note of a clip and say what it is; `note` is what the user says it is."""
    if clip.is_silent:
        part = both_channels(clip.samples[:, : round(CLIP_S * SAMPLE_RATE)])
        offs: tuple[NoteOffGuess, ...] = (NoteOffGuess(part.shape[1] / SAMPLE_RATE, 0.0),)
        return Heard(part, clip.start_s, Kind.SILENCE, (), offs, (Kind.SILENCE.value,))
    start, end = find_note(clip.samples)
    is_longer = clip.duration_s > CLIP_S + CUT_S
    if not is_longer:  # a clip of one note's length is one sound to its last sample, silence after it too
        start = start if start > LEAD_S * SAMPLE_RATE else 0
        end = min(clip.samples.shape[1], start + round(CLIP_S * SAMPLE_RATE))
    audio = both_channels(clip.samples[:, start:end])
    audio, what = first_part(audio, is_longer)
    low = resample(audio, SAMPLE_RATE, PITCH_RATE)
    found = salience(low)
    mel = clip_features(audio, SAMPLE_RATE)
    belief = note_off_belief(mel)
    offs = guesses_of(belief, audio.shape[1] / SAMPLE_RATE)
    kind = Kind.LOOP if what else kind_of(audio, found)
    has_pitch = kind is Kind.CHORD or not is_faint(found)
    guesses = likely(guess_pitches(audio, found=found)) if has_pitch else ()
    held_s = offs[0].time_s if offs[0].confidence > PROBABLE else audio.shape[1] / SAMPLE_RATE
    if note is not None:
        guesses = given(note, guesses)
    melody = melody_of(low, found, guesses[0].note if guesses else None, held_s, is_sure=note is not None)
    warnings = (kind.value.format(what=what),) if kind.value and not (note and kind is Kind.UNPITCHED) else ()
    under = octaves_under(guesses[0].note) if guesses and note is None else 0
    at_s = clip.start_s + start / SAMPLE_RATE
    return Heard(audio, at_s, kind, guesses, offs, warnings, mel, belief, under, melody)


def octaves_under(pitch: float) -> int:
    """How many octaves a pitch lies under the key that is taken to play it."""
    return max(0, math.ceil((LOWEST_KEY - round(pitch)) / 12))


def both_channels(samples: Audio) -> Audio:
    """Give samples (1 or 2, n) as (2, n)."""
    return np.repeat(samples, 2, axis=0) if samples.shape[0] == 1 else samples


def first_part(audio: Audio, is_longer: bool) -> tuple[Audio, str]:
    """Cut audio at its second note, if there is one, and say what was left; "" where it is one note.

    The notes of a clip that is short as a whole are kept together: a synth plays them with one key.
    """
    cut = gap_end(audio) if is_longer else None
    if cut is None:
        heard = parts(audio, salience(resample(audio, SAMPLE_RATE, PITCH_RATE)))
        others = [part.start_s for part in heard[1:] if differ(heard[0], part)]
        if not others:
            return audio, ""
        if not is_longer:
            return audio, "all of it"
        cut = round(others[0] * SAMPLE_RATE)
    fade = np.minimum(1, np.arange(cut, 0, -1) / (FADE_S * SAMPLE_RATE)).astype(np.float32)
    return audio[:, :cut] * fade, "only its first note"


def kind_of(audio: Audio, found: Salience) -> Kind:
    """Say what a single sound is; one note unless it is surely something else."""
    _, chord, unpitched = kind_chances(found, bands_of(audio))
    if unpitched > SURE or (is_faint(found) and chord < SURE_CHORD):
        return Kind.UNPITCHED
    return Kind.CHORD if chord > SURE else Kind.NOTE


def is_faint(found: Salience) -> bool:
    """Whether no pitch stands out."""
    return bool(found.average().max() < NO_PITCH)


def likely(guesses: tuple[PitchGuess, ...]) -> tuple[PitchGuess, ...]:
    """Leave out the unlikely guesses, but never the first."""
    return tuple(guess for n, guess in enumerate(guesses) if n == 0 or guess.confidence > LIKELY)


def given(note: int, guesses: tuple[PitchGuess, ...]) -> tuple[PitchGuess, ...]:
    """Put the pitch at the user's note first: as heard there, or else in the tuning of the likeliest pitch."""
    near = [guess for guess in guesses if abs(guess.note - note) <= OWN_TUNING_ST]
    tuning = guesses[0].note - round(guesses[0].note) if guesses else 0.0
    own = near[0] if near else PitchGuess(note + tuning, 1.0, 0.0)
    return (PitchGuess(own.note, 1.0, own.strength),)
