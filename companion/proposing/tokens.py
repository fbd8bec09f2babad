"""Patch <-> sentence: note, note-off, then each parameter that matters, in schema order, as a token of its own vocabulary.

The grammar tells which tokens may follow a prefix, so that whatever is sampled from it is a valid patch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from companion.errors import WhisperSynthError
from presets.patch import Patch
from presets.schema import OWN, Parameter, Schema, Value, wavetable_synth

PAD, BOS, EOS = 0, 1, 2
N_SPECIAL = 3
NOTE_LOW, NOTE_HIGH = 21, 108  # a piano's range
NOTE_OFF_BINS = 32
NOTE_OFF_LOW_S, NOTE_OFF_HIGH_S = 0.08, 2.5  # log-spaced


@dataclass(frozen=True)
class Sentence:
    """What a sentence says."""

    patch: Patch
    note_off_s: float
    """When the key was released, seconds after note-on."""


@dataclass
class Speaker:
    """Where one sentence stands: what was said and which row comes next. Mutable; one a sequence while decoding."""

    vocabulary: Vocabulary
    values: dict[str, Value] = field(default_factory=dict)
    note: int = 60
    note_off_s: float = 1.0
    position: int = 0
    """0: the note, 1: note-off, then 2 + index of the next spoken row."""

    def allowed(self) -> tuple[int, int]:
        """Token ids low..high-1 that may come next; (EOS, EOS + 1) at the end."""
        v = self.vocabulary
        if self.position == 0:
            return v.note_offset, v.note_offset + NOTE_HIGH - NOTE_LOW + 1
        if self.position == 1:
            return v.note_off_offset, v.note_off_offset + NOTE_OFF_BINS
        while self.position - 2 < len(v.rows):
            i = self.position - 2
            row = v.rows[i]
            if v.schema.matters(row, self.values):
                return v.offsets[i], v.offsets[i] + v.sizes[i]
            self.values[row.name] = row.default
            self.position += 1
        return EOS, EOS + 1

    def say(self, token: int) -> None:
        """Takes the next token (one that `allowed` names)."""
        v, low = self.vocabulary, self.allowed()[0]
        if self.position == 0:
            self.note = NOTE_LOW + token - low
        elif self.position == 1:
            self.note_off_s = token_to_note_off(token - low)
        elif low != EOS:
            row = v.rows[self.position - 2]
            self.values[row.name] = row.token_to_value(token - low)
        self.position += 1

    def sentence(self) -> Sentence:
        """The patch said so far; what was not said has its default."""
        return Sentence(Patch(self.values, note=self.note, schema=self.vocabulary.schema), self.note_off_s)


def note_off_to_token(note_off_s: float) -> int:
    """Nearest note-off bin."""
    x = np.log(note_off_s / NOTE_OFF_LOW_S) / np.log(NOTE_OFF_HIGH_S / NOTE_OFF_LOW_S)
    return int(np.clip(round(float(x) * (NOTE_OFF_BINS - 1)), 0, NOTE_OFF_BINS - 1))


def token_to_note_off(token: int) -> float:
    """Seconds of a note-off bin; the opposite of note_off_to_token."""
    return float(NOTE_OFF_LOW_S * (NOTE_OFF_HIGH_S / NOTE_OFF_LOW_S) ** (token / (NOTE_OFF_BINS - 1)))


class Vocabulary:
    """Token ids of a schema: special, notes, note-offs, then one block a spoken row (`own` last and never said)."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.rows: tuple[Parameter, ...] = tuple(r for r in schema if r.bins)
        self.note_offset = N_SPECIAL
        self.note_off_offset = self.note_offset + NOTE_HIGH - NOTE_LOW + 1
        sizes = [r.n_tokens - (r.choices[-1:] == (OWN,)) for r in self.rows]
        starts = np.cumsum([self.note_off_offset + NOTE_OFF_BINS, *sizes])
        self.sizes: tuple[int, ...] = tuple(sizes)
        self.offsets: tuple[int, ...] = tuple(int(x) for x in starts[:-1])
        self.size = int(starts[-1])

    @property
    def longest(self) -> int:
        """Most tokens a sentence can have, BOS and EOS included."""
        return len(self.rows) + 4

    def encode(self, patch: Patch, note_off_s: float) -> list[int]:
        """Token ids of a patch, BOS first and EOS last; values that are not spoken are left out.

        Raises:
            WhisperSynthError: the patch brings its own data, which has no word.
        """
        note = int(np.clip(patch.note, NOTE_LOW, NOTE_HIGH))
        ids = [BOS, self.note_offset + note - NOTE_LOW, self.note_off_offset + note_off_to_token(note_off_s)]
        values = dict(self.schema.defaults)
        for row, offset in zip(self.rows, self.offsets, strict=True):
            if not self.schema.matters(row, values):
                continue
            value = patch[row.name]
            if value == OWN:
                raise WhisperSynthError(
                    f"{row.name} is the patch's own data, which the model cannot say; use a standard choice"
                )
            token = row.value_to_token(value)
            values[row.name] = row.token_to_value(token)
            ids.append(offset + token)
        return [*ids, EOS]

    def decode(self, ids: Sequence[int]) -> Sentence:
        """The sentence of token ids (BOS and EOS optional).

        Raises:
            WhisperSynthError: a token is not allowed where it stands.
        """
        speaker = Speaker(self)
        for position, token in enumerate(i for i in ids if i not in (PAD, BOS)):
            low, high = speaker.allowed()
            if not low <= token < high:
                raise WhisperSynthError(
                    f"token {token} at {position} is outside {low}..{high - 1}; the model does not fit this schema"
                )
            if token == EOS:
                break
            speaker.say(token)
        return speaker.sentence()

    def next_words(self, speakers: Sequence[Speaker]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Token ids each sequence may say next, and which of them count: (n_sequences, most), dozens of thousands."""
        low, high = np.array([speaker.allowed() for speaker in speakers]).T[:, :, None]
        ids = low + np.arange(int((high - low).max()))
        return np.minimum(ids, self.size - 1), ids < high

    def blocks(self) -> Iterator[tuple[str, int, int]]:
        """(name, first id, size) of each block of the vocabulary."""
        yield "note", self.note_offset, NOTE_HIGH - NOTE_LOW + 1
        yield "note_off", self.note_off_offset, NOTE_OFF_BINS
        for row, offset, size in zip(self.rows, self.offsets, self.sizes, strict=True):
            yield row.name, offset, size


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary of the canonical schema."""
    return Vocabulary(wavetable_synth())
