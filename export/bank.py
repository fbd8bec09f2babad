"""bank: rendered shards -> the sound bank of a model bundle (see companion.proposing.bank)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from companion.proposing.bank import FILE, coarse, pack_sentence
from companion.proposing.tokens import Vocabulary
from export.dataset import Clips, features

N_DIMS = 48
FIT_CLIPS = 8_000  # enough for the principal components
CHUNK = 1_024


def write_bank(clips: Clips, bundle: Path, seed: int = 0, words: Vocabulary | None = None) -> Path:
    """Codes every clip and writes `bank.npz`."""
    rng = np.random.default_rng(seed)
    fit = rng.choice(len(clips), min(FIT_CLIPS, len(clips)), replace=False)
    sample = coarse(features(clips.mel[np.sort(fit)]))
    mean = sample.mean(axis=0)
    _, _, axes = np.linalg.svd(sample - mean, full_matrices=False)
    basis = axes[:N_DIMS].T.astype(np.float16).astype(np.float32)
    chunks = [slice(i, i + CHUNK) for i in range(0, len(clips), CHUNK)]
    code = np.concatenate([(coarse(features(clips.mel[c])) - mean) @ basis for c in chunks])
    scale = np.abs(code).max(axis=0) / 127
    packed = [pack_sentence(clips.tokens[i, : clips.length[i]].tolist(), words) for i in range(len(clips))]
    sentence = np.zeros((len(clips), max(map(len, packed))), np.uint8)
    for row, said in zip(sentence, packed, strict=True):
        row[: len(said)] = said
    path = bundle / FILE
    np.savez_compressed(
        path, sentence=sentence, length=np.array([len(p) for p in packed], np.uint8), code=np.round(code / scale).astype(np.int8),
        scale=scale.astype(np.float32), mean=mean.astype(np.float32), basis=basis.astype(np.float16),
    )  # fmt: skip
    return path
