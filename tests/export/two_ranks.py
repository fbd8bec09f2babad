"""What each process of test_ranks.py does: `torchrun --nproc-per-node 2 two_ranks.py CLIPS OUT`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

import export.train
from export.train import TrainOptions, load_progress, train

TINY: dict[str, Any] = {
    "base": "scratch",
    "d_model": 64,
    "layers": 1,
    "warmup": 1,
    "held_out": 8,
    "threads": 1,
}
LONG = 40
SAVE_EVERY = 4


def clean(mel: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
    """In the place of the noise, which each rank draws for itself."""
    return mel


def one_step(clips: Path, out: Path, batch_size: int, bf16: bool) -> Path:
    """A run of a single step without noise."""
    export.train.roughen = clean
    return train(TrainOptions((clips,), out, steps=1, batch_size=batch_size, bf16=bf16, **TINY))


def main(clips: Path, out: Path) -> None:
    noisy = export.train.roughen
    for bf16 in (False, True):
        one_step(clips, out / f"one-{bf16}", 8, bf16)
    export.train.roughen = noisy
    long = TrainOptions(
        (clips,), out / "long", steps=LONG, batch_size=8, save_every=SAVE_EVERY, stream=16, **TINY
    )
    begun = load_progress(long.out / "checkpoint").step
    start, rank = os.environ["TORCHELASTIC_RESTART_COUNT"], os.environ["RANK"]
    (out / f"start-{start}-rank-{rank}").write_text(f"{os.getpid()} {begun}")
    train(long)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
