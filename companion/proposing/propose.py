"""Who proposes patches for a heard note: the model, the sound bank, the sketch (recipes) and the resynthesis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from companion.hearing.bands import envelope_of
from companion.hearing.ear import NoteOffGuess
from companion.hearing.listen import Heard
from companion.hearing.melody import Melody
from companion.proposing.bank import Bank
from companion.proposing.model import PatchModel
from companion.recipes.motion import Pulse
from companion.recipes.sketch import sketch
from companion.resynthesis.frame_plan import FIXED_NOTE
from companion.resynthesis.resynth import resynthesise
from companion.resynthesis.standing import StandingFilter
from companion.resynthesis.wager import lets_go
from presets.laws import midi_to_hz
from presets.patch import RECIPE, Patch
from presets.tidy import tidied

LIKELY = 0.1  # a pitch guess less confident than this is no hypothesis for the model
N_NOTES = 3
N_BANK = 6
N_SKETCH = 5
UNPITCHED = FIXED_NOTE  # where a sound without pitch is put
TUNE = "voice.tune"


@dataclass(frozen=True)
class Question:
    """A note to find patches for."""

    audio: NDArray[np.float32]
    """(2, n) at 44.1 kHz, from its onset."""
    mel: NDArray[np.float32]
    """Its features, (N_MELS, N_FRAMES)."""
    keys: tuple[float, ...]
    """MIDI numbers with fraction that play it, likeliest first; empty: no pitch."""
    moments: tuple[NoteOffGuess, ...]
    """When the key may have been released, likeliest first."""
    n: int
    """Patches wanted of the model."""
    seed: int
    through: bool = False
    """Whether a resynthesis goes through the whole clip rather than let go at the note-off."""
    octaves_under: int = 0
    """How far it sounds under its keys."""
    melody: Melody | None = None
    """What its pitch does; None where it stays."""

    @property
    def notes(self) -> tuple[int, ...]:
        """The keys as MIDI notes, likeliest first."""
        return tuple(dict.fromkeys(round(p) for p in self.keys)) or (UNPITCHED,)

    @property
    def cents(self) -> float:
        """How far the likeliest key lies from its note."""
        return 100 * (self.keys[0] - round(self.keys[0])) if self.keys else 0.0

    def tuned(self, patch: Patch) -> Patch:
        """The patch without leftovers, in the clip's tuning: a note is whole, the rest of the pitch is the patch's.

        Its note is one of those heard, also where the model has no word for it (under 21, over 108).
        """
        note = min(self.notes, key=lambda n: abs(n - patch.note)) if self.keys else patch.note
        return tidied(patch).with_values({TUNE: round(self.cents, 1)}, note=note)


def ask(heard: Heard, n: int, seed: int) -> Question:
    """The question that a heard note puts: `n` patches wanted of the model."""
    guess = heard.note_offs[0]
    through = not lets_go(heard.audio, heard.mel, heard.belief, guess)
    return Question(
        heard.audio, heard.mel, heard.keys, heard.moments, n, seed, through, heard.octaves_under, heard.melody
    )


Proposer = Callable[[Question], Sequence[Patch]]


def from_model(model: PatchModel) -> Proposer:
    """The model's own patches: the likeliest one and samples around it."""

    def propose(q: Question) -> list[Patch]:
        hidden = model.hear(q.mel)
        spoken = model.speak(hidden, q.n, q.seed, notes=q.notes[:N_NOTES] if q.keys else None)
        return [q.tuned(s.sentence.patch) for s in spoken]

    return propose


def from_bank(bank: Bank) -> Proposer:
    """Patches whose sound, rendered before, was nearest; moved to the clip's note."""

    def propose(q: Question) -> list[Patch]:
        near = bank.nearest(q.mel, N_BANK, q.notes[:1] if q.keys else ())
        return [q.tuned(s.patch.with_values(note=q.notes[0])) for s in near]

    return propose


def from_sketch(q: Question) -> list[Patch]:
    """Recipes drawn from an analysis of the clip; where its pitch or its loudness moves, also such as move with it."""
    key = q.keys[0] if q.keys else float(UNPITCHED)
    still = sketch(q.audio, key, q.moments, N_SKETCH)
    key, period_s = (q.melody.note + 12 * q.octaves_under, q.melody.period_s) if q.melody else (key, None)
    pulse = Pulse.of(envelope_of(q.audio, midi_to_hz(key)), q.moments[0].time_s, period_s)
    if q.melody is None and pulse is None:
        return still
    return still + sketch(q.audio, key, q.moments, N_SKETCH, q.melody, pulse)


def from_resynthesis(q: Question) -> list[Patch]:
    """The clip's own wavetable."""
    return [_resynthesis(q, q.audio)]


def behind_the_filter(q: Question, recipe: Patch) -> list[Patch]:
    """The clip's own wavetable behind the low-pass of a recipe that comes near the clip; none where it has none."""
    standing = StandingFilter.of(recipe)
    if standing is None or not q.keys:
        return []
    before = standing.undone(q.audio, q.notes[0])
    return [] if before is None else [standing.put_into(_resynthesis(q, before))]


def _resynthesis(q: Question, audio: NDArray[np.float32]) -> Patch:
    return resynthesise(audio, q.keys[0] if q.keys else None, q.moments[0].time_s, q.through, q.octaves_under)


def proposers(kind: str, model: PatchModel, bank: Bank | None) -> list[list[Proposer]]:
    """Who is asked for a kind of answer: groups whose patches compete together, quickest first.

    A resynthesis alone asks for recipes, too: what they find out helps it (`behind_the_filter`).
    """
    recipe: list[list[Proposer]] = [[from_sketch, from_model(model), *([from_bank(bank)] if bank else [])]]
    resynth: list[list[Proposer]] = [[from_resynthesis]]
    return recipe if kind == RECIPE else resynth + recipe
