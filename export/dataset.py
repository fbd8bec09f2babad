"""dataset: shards on disk -> batches of features and sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from companion.hearing.features import FEATURE_TOP, N_FRAMES, N_MELS
from companion.proposing.tokens import PAD
from export.render import MEL_STEP

IGNORE = -100  # transformers' label for "no loss here"
COLUMNS = ("mel", "tokens")  # of a shard, that training needs


@dataclass(frozen=True)
class Clips:
    """Every clip of a folder, in memory: 20 KB each."""

    mel: NDArray[np.uint8]
    """(n, n_mels, n_frames), packed as in export.render.pack_mel."""
    tokens: NDArray[np.int16]
    """(n, longest), padded with PAD."""
    length: NDArray[np.int16]
    """Tokens in each sentence."""

    def __len__(self) -> int:
        return len(self.length)


def load_clips(folders: list[Path], limit: int | None = None) -> Clips:
    """Reads shards in name order.

    Raises:
        FileNotFoundError: no shard in the folders.
    """
    paths = sorted(p for folder in folders for p in folder.glob("clips-*.parquet"))
    if not paths:
        raise FileNotFoundError(
            f"no clips in {', '.join(map(str, folders))}; run `python -m export render` first"
        )
    return table_clips(_read(paths, limit))


def _read(paths: list[Path], limit: int | None) -> Iterator[pa.Table]:
    seen = 0
    for path in paths:
        table = pq.read_table(path, columns=list(COLUMNS))
        yield table
        seen += len(table)
        if limit and seen >= limit:
            break


def table_clips(tables: Iterable[pa.Table]) -> Clips:
    """Clips of tables that have the COLUMNS."""
    mels, sentences = [], []
    for table in tables:
        mels.append(np.frombuffer(b"".join(table["mel"].to_pylist()), np.uint8).reshape(-1, N_MELS, N_FRAMES))
        sentences += table["tokens"].to_pylist()
    length = np.array([len(s) for s in sentences], np.int16)
    tokens = np.full((len(sentences), int(length.max())), PAD, np.int16)
    for row, sentence in zip(tokens, sentences, strict=True):
        row[: len(sentence)] = sentence
    return Clips(np.concatenate(mels), tokens, length)


def batches(
    clips: Clips, index: NDArray[np.int64], batch_size: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Row numbers of one epoch's batches: shuffled, then grouped by sentence length so that little is padding."""
    order = rng.permutation(index)
    for chunk in np.array_split(order, max(len(order) // (batch_size * 32), 1)):
        chunk = chunk[np.argsort(clips.length[chunk], kind="stable")]
        groups = [chunk[i : i + batch_size] for i in range(0, len(chunk), batch_size)]
        for g in rng.permutation(len(groups)):
            yield groups[g]


def features(packed: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Features (n, n_mels, n_frames) of packed ones."""
    return (FEATURE_TOP - packed.astype(np.float32) * MEL_STEP).astype(np.float32)


def roughen(mel: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """What a real clip adds to a clean render: a noise floor, an EQ tilt, a few ms of lead-in, a little grain."""
    n = len(mel)
    tilt = (
        rng.normal(0, 0.06, (n, 1, 1)) * np.linspace(-1, 1, N_MELS)[None, :, None]
    )  # 0.06 = 2.4 dB at the ends
    floor = FEATURE_TOP - rng.uniform(1.0, 2.0, (n, 1, 1)) * np.where(rng.random((n, 1, 1)) < 0.5, 1.0, 2.0)
    out = np.maximum(mel + tilt + rng.normal(0, 0.02, mel.shape), floor).astype(np.float32)
    for row, shift in zip(out, rng.integers(0, 3, n) * (rng.random(n) < 0.3), strict=True):
        if shift:
            row[:, shift:] = row[:, :-shift].copy()
            row[:, :shift] = row.min()
    return out
