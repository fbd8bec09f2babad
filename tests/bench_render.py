"""How fast `export render` is beside one engine alone on the same patches: python tests/bench_render.py [--clips N] [--every N] [--workers N]

Of the engine alone only loading and playing count, of the command everything from its start to its end.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from companion.hosts.vital import VitalHost
from export.render import RENDER_RATE, draw_clip
from presets.patch import Patch

SEED = 77
ROOT = Path(__file__).parent.parent


class TimedHost(VitalHost):
    """Counts the seconds of every patch, and of those that were dropped."""

    spent: list[float]

    def render_patch(self, patch: Patch, *how: float) -> NDArray[np.float32]:
        began = time.perf_counter()
        audio = super().render_patch(patch, *how)  # type: ignore[arg-type]
        self.spent.append(time.perf_counter() - began)
        return audio


def engine_alone(n: int, every: int) -> tuple[float, float]:
    """Clips a second of one engine that does nothing else: the dropped patches counted, and not."""
    host = TimedHost(RENDER_RATE, rinses=False)
    drawn = kept = 0.0
    numbers = range(0, n, every)
    for i in numbers:
        host.spent = []
        draw_clip(np.random.default_rng([SEED, i]), host)
        drawn, kept = drawn + sum(host.spent), kept + host.spent[-1]
    return len(numbers) / drawn, len(numbers) / kept


def command(n: int, workers: int) -> float:
    """Clips a second of the whole command."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["render", "--out", folder, "--n", n, "--seed", SEED, "--workers", workers]
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "export", *map(str, words)], cwd=ROOT, check=True, capture_output=True
        )
        return n / (time.perf_counter() - began)


def main() -> None:
    """Prints the rates, and what share of workers times the engine's own the command reaches."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=10_240)
    parser.add_argument(
        "--every", type=int, default=8, help="of the clips, the engine alone plays one in so many"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    ours = command(given.clips, given.workers)
    print(f"export render: {ours:.1f} clips/s with {given.workers} workers", flush=True)
    for rate, what in zip(
        engine_alone(given.clips, given.every), ("every patch drawn", "only those that are kept"), strict=True
    ):
        share = ours / (given.workers * rate)
        print(
            f"one engine alone, {what}: {rate:.1f}; the command reaches {share:.2f} of {given.workers} such"
        )


if __name__ == "__main__":
    main()
