"""The model at run time: features -> sentences, with ONNX Runtime and the grammar mask, so that every output is a patch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from companion.errors import ModelError
from companion.proposing.tokens import BOS, EOS, NOTE_LOW, PAD, Sentence, Speaker, Vocabulary, vocabulary

MODELS = Path(__file__).parents[1] / "models"
DEFAULT_BUNDLE = "wavetable-synth"
ENCODER, DECODER, CARD = "encoder.onnx", "decoder.onnx", "model.json"
DIGESTS = "sha256"  # in the card: file -> its digest
N_THREADS = 2
TEMPERATURE = 0.9
TOP_P = 0.95


@dataclass(frozen=True)
class Spoken:
    """A sentence and how sure the model was of it."""

    sentence: Sentence
    log_p: float
    """Mean log-probability a token, under the grammar, at temperature 1."""


class PatchModel:
    """A model bundle: `encoder.onnx`, `decoder.onnx` (merged, with key-value cache), `model.json`.

    Raises:
        ModelError: the bundle is missing, damaged, or speaks another schema.
    """

    def __init__(self, folder: Path | None = None, words: Vocabulary | None = None) -> None:
        """Opens a bundle; `words` is the vocabulary it was trained for, the canonical one unless given."""
        self.folder = folder or MODELS / DEFAULT_BUNDLE
        self.words: Vocabulary = words or vocabulary()
        self.card = _read_card(self.folder, self.words)
        _check_files(self.folder, self.card)
        ort.disable_telemetry_events()  # on Windows, where no variable does it; see companion/__init__.py
        options = ort.SessionOptions()
        options.intra_op_num_threads = N_THREADS
        options.enable_cpu_mem_arena = False  # which keeps 25 MB, and saves 16 ms of a match
        options.log_severity_level = 3
        options.add_session_config_entry(
            "session.intra_op.allow_spinning", "0"
        )  # waits cost half of all cycles
        try:
            self._encoder, self._decoder = (
                ort.InferenceSession(self.folder / name, options, providers=["CPUExecutionProvider"])
                for name in (ENCODER, DECODER)
            )
        except Exception as error:  # onnxruntime raises its own unexported family
            raise ModelError(
                f"the model in {self.folder} is damaged ({type(error).__name__}); install whispersynth again"
            ) from None
        past = [i for i in self._decoder.get_inputs() if i.name.startswith("past_key_values")]
        self._past = {i.name: (int(i.shape[1]), int(i.shape[3])) for i in past}  # name -> (heads, head size)
        self._present = [o.name for o in self._decoder.get_outputs()[1:]]

    def hear(self, mel: NDArray[np.float32]) -> NDArray[np.float32]:
        """Encoder states (1, n_positions, d_model) of features (n_mels, n_frames)."""
        (hidden,) = self._encoder.run(None, {"input_features": mel[None]})
        return np.asarray(hidden)

    def speak(
        self,
        hidden: NDArray[np.float32],
        n: int,
        seed: int = 0,
        notes: Collection[int] | None = None,
        temperature: float = TEMPERATURE,
        top_p: float = TOP_P,
    ) -> list[Spoken]:
        """`n` sentences: the greedy one first, the rest sampled.

        Args:
            notes: the only MIDI notes it may say; None leaves the note to the model.
        """
        rng = np.random.default_rng(seed)
        speakers = [Speaker(self.words) for _ in range(n)]
        decoder = _Decoder(self._decoder, self._past, self._present, np.repeat(hidden, n, axis=0))
        said = np.full(n, BOS, np.int64)
        done, log_p, length = np.zeros(n, bool), np.zeros(n), np.zeros(n)
        for step in range(self.words.longest):
            ids, allowed = self.words.next_words(speakers)
            if step == 0 and notes is not None:
                allowed &= self._note_mask(notes)[ids]
            logits = np.where(allowed, np.take_along_axis(decoder.step(said), ids, axis=-1), -np.inf)
            p = _softmax(logits)
            place = _choose(p if step == 0 else _softmax(logits / temperature), rng, top_p)
            place[0] = int(p[0].argmax())
            said = ids[np.arange(n), place]
            log_p += np.where(done, 0.0, np.log(p[np.arange(n), place] + 1e-12))
            length += ~done
            for i in np.flatnonzero(~done):
                if said[i] == EOS:
                    done[i] = True
                else:
                    speakers[i].say(int(said[i]))
            if done.all():
                break
            said = np.where(done, PAD, said)
        return [
            Spoken(s.sentence(), float(lp / max(ln, 1)))
            for s, lp, ln in zip(speakers, log_p, length, strict=True)
        ]

    def logits(self, hidden: NDArray[np.float32], ids: NDArray[np.int64]) -> list[NDArray[np.float32]]:
        """Logits (1, vocabulary) after each of the given tokens, without mask: what parity is measured on."""
        decoder = _Decoder(self._decoder, self._past, self._present, hidden)
        return [decoder.step(np.array([token], np.int64)) for token in ids]

    def _note_mask(self, notes: Collection[int]) -> NDArray[np.bool_]:
        mask = np.zeros(self.words.size, bool)
        low, high = Speaker(self.words).allowed()
        for note in notes:
            mask[int(np.clip(low + note - NOTE_LOW, low, high - 1))] = True
        return mask


class _Decoder:
    """One batch being decoded: keeps the key-value cache between steps."""

    def __init__(
        self, session: Any, past: dict[str, tuple[int, int]], present: list[str], hidden: NDArray[np.float32]
    ) -> None:
        self._session, self._names, self._hidden = session, present, hidden
        n = len(hidden)
        self._cache = {
            name: np.zeros((n, heads, 0, size), np.float32) for name, (heads, size) in past.items()
        }
        self._first = True

    def step(self, said: NDArray[np.int64]) -> NDArray[np.float32]:
        """Logits (n, vocabulary) after one more token each."""
        feed = {
            "input_ids": said[:, None],
            "encoder_hidden_states": self._hidden,
            "use_cache_branch": np.array([not self._first]),
            **self._cache,
        }
        logits, *present = self._session.run(None, feed)
        for name, value in zip(self._names, present, strict=True):
            if self._first or ".decoder." in name:  # later steps give back only dummies for the encoder's
                self._cache[name.replace("present", "past_key_values")] = value
        self._first = False
        return np.asarray(logits[:, -1], np.float32)


def _softmax(logits: NDArray[np.float32] | NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.exp(logits - logits.max(axis=-1, keepdims=True), dtype=np.float64)
    return np.asarray(x / x.sum(axis=-1, keepdims=True))


def _choose(p: NDArray[np.float64], rng: np.random.Generator, top_p: float) -> NDArray[np.int64]:
    """One draw a row from the most likely tokens that together hold `top_p` (nucleus sampling, Holtzman et al. 2020)."""
    order = np.argsort(-p, axis=-1)
    ranked = np.take_along_axis(p, order, axis=-1)
    before = np.cumsum(ranked, axis=-1) - ranked
    ranked = np.where(before < top_p, ranked, 0.0)
    cumulative = np.cumsum(ranked, axis=-1)
    draw = rng.random(len(p))[:, None] * cumulative[:, -1:]
    return np.take_along_axis(order, (cumulative < draw).sum(axis=-1, keepdims=True), axis=-1)[:, 0]


def digest(path: Path) -> str:
    """SHA-256 of a file of the bundle, as the card has it (15 ms for 15 MB)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_files(folder: Path, card: dict[str, Any]) -> None:
    """Damaged weights may load and make nonsense; a card without digests, of an older bundle, vouches for nothing."""
    for name, expected in card.get(DIGESTS, {}).items():
        try:
            found = digest(folder / name)
        except OSError as error:
            raise ModelError(
                f"{folder / name} cannot be read ({error.strerror}); install whispersynth again"
            ) from None
        if found != expected:
            raise ModelError(
                f"the model in {folder} is damaged ({name} is not what was shipped); install whispersynth again"
            )


def _read_card(folder: Path, words: Vocabulary) -> dict[str, Any]:
    path = folder / CARD
    try:
        card = dict(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        raise ModelError(
            f"there is no model in {folder}; install whispersynth again or name a folder with {CARD}"
        ) from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read ({error}); install whispersynth again") from None
    if not isinstance(card.get(DIGESTS, {}), dict):
        raise ModelError(f"{path} is damaged ({DIGESTS} is no table); install whispersynth again")
    if card.get("schema_hash") != words.schema.hash or card.get("vocabulary") != words.size:
        raise ModelError(
            f"the model in {folder} was trained for another schema ({card.get('schema_hash')} with {card.get('vocabulary')} words, "
            f"this is {words.schema.hash} with {words.size}); "
            "train it again with `python -m export train` or install whispersynth again"
        )
    return card
