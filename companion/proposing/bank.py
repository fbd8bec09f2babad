"""The sound bank: patches rendered before, found again by their sound. The model imagines, the bank remembers.

`bank.npz` in the model bundle: `sentence` uint8 (n, longest), each token counted from the first one its grammar allows
there; `length`; `code` int8 (n, n_dims), principal components of the coarse spectrogram; `mean`, `basis`, `scale` of those.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from companion.errors import ModelError
from companion.hearing.features import FEATURE_TOP, N_FRAMES, N_MELS
from companion.proposing.tokens import EOS, NOTE_LOW, Sentence, Speaker, Vocabulary, vocabulary

FILE = "bank.npz"
COARSE = (40, 50)  # bands and times of the spectrogram that is compared
RANGE = 1.5  # of the features' log10 / 4 units: 60 dB under the loudest bin
NOTE_REACH = 3  # semitones that a remembered patch may be moved


def coarse(mel: NDArray[np.float32]) -> NDArray[np.float32]:
    """What is compared, of features (..., n_mels, n_frames): (..., prod(COARSE))."""
    floored = np.maximum(mel, FEATURE_TOP - RANGE)
    bands, times = COARSE
    pooled = floored.reshape(*mel.shape[:-2], bands, N_MELS // bands, times, N_FRAMES // times).mean(
        axis=(-3, -1)
    )
    return np.asarray(pooled.reshape(*mel.shape[:-2], -1), np.float32)


def pack_sentence(ids: list[int], words: Vocabulary | None = None) -> list[int]:
    """Token ids (BOS first, EOS last) as bytes; the opposite of unpack_sentence."""
    speaker, out = Speaker(words or vocabulary()), []
    for token in ids[1:-1]:
        out.append(token - speaker.allowed()[0])
        speaker.say(token)
    return out


def unpack_sentence(packed: NDArray[np.uint8], words: Vocabulary | None = None) -> Sentence:
    """What a packed sentence says."""
    speaker = Speaker(words or vocabulary())
    for byte in packed:
        low, high = speaker.allowed()
        if low == EOS or low + int(byte) >= high:
            raise ModelError("the sound bank does not fit this schema; install whispersynth again")
        speaker.say(low + int(byte))
    return speaker.sentence()


@dataclass(frozen=True)
class Bank:
    """Remembered sounds."""

    sentence: NDArray[np.uint8]
    length: NDArray[np.uint8]
    code: NDArray[np.int8]
    scale: NDArray[np.float32]
    mean: NDArray[np.float32]
    basis: NDArray[np.float32]
    words: Vocabulary = field(default_factory=vocabulary)
    """What the sentences are made of."""

    @classmethod
    def read(cls, folder: Path, words: Vocabulary | None = None) -> Bank | None:
        """The bank of a model bundle; None where it has none."""
        path = folder / FILE
        if not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as data:
                return cls(
                    **{
                        k: data[k].astype(np.float32) if data[k].dtype == np.float16 else data[k]
                        for k in data.files
                    },
                    words=words or vocabulary(),
                )
        except (OSError, ValueError, TypeError, EOFError, BadZipFile) as error:
            raise ModelError(
                f"{path} is damaged ({type(error).__name__}); install whispersynth again"
            ) from None

    def nearest(self, mel: NDArray[np.float32], n: int, notes: tuple[int, ...] = ()) -> list[Sentence]:
        """The `n` remembered sounds most like features (n_mels, n_frames), played near one of `notes` (any: empty)."""
        query = (coarse(mel) - self.mean) @ self.basis
        far = np.square(self.code * self.scale - query).sum(axis=1)
        if notes:
            played = self.sentence[:, 0].astype(int) + NOTE_LOW
            reachable = np.abs(played[:, None] - np.asarray(notes)).min(axis=1) <= NOTE_REACH
            far = np.where(reachable, far, np.inf)
        best = np.argsort(far)[:n]
        chosen = (self.sentence[i, : self.length[i]] for i in best if np.isfinite(far[i]))
        return [unpack_sentence(packed, self.words) for packed in chosen]
