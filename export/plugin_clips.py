"""Clips of a hosted plugin, as `export.render` makes them of the embedded engine: shards, on every core, to be gone on with.

Apart from `export.learn` because the processes that render need no torch.
"""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from companion.errors import WhisperSynthError
from companion.hearing.audio import SAMPLE_RATE
from companion.hearing.features import CLIP_S, clip_features
from companion.hosts.plugin import VELOCITY, PluginHost
from companion.judging.metrics import is_silent
from companion.proposing.tokens import Vocabulary
from export.progress import track
from export.render import Clip, shards, write_shard
from export.sample import NOTES, Rng, sample_note_off, sample_value
from presets.patch import Patch
from presets.schema import Schema

N_TRIES = 200  # patches drawn for one that sounds
N_TIMED = 12  # clips that are timed to know how many there is time for


@dataclass(frozen=True)
class Source:
    """What clips are made of."""

    plugin: Path
    plugin_name: str | None
    schema: Schema
    seed: int = 0
    workers: int = 0
    """Processes; 0: one a core."""

    @property
    def n_workers(self) -> int:
        return self.workers or os.cpu_count() or 1


def draw_clip(rng: Rng, host: PluginHost, schema: Schema) -> Clip:
    """Draws and renders until a patch sounds.

    Raises:
        WhisperSynthError: none does.
    """
    for _ in range(N_TRIES):
        values = {row.name: sample_value(row, rng) if row.bins else row.default for row in schema}
        note = int(np.clip(rng.normal(53, 12), *NOTES))
        patch, note_off_s = Patch(values, note=note, schema=schema), sample_note_off(rng)
        host.set_patch(patch)
        audio = host.render(note, note_off_s, CLIP_S, VELOCITY)
        if not is_silent(audio):
            return Clip(patch, note_off_s, VELOCITY, clip_features(audio, SAMPLE_RATE))
    raise WhisperSynthError(
        f"{host.name} was silent in {N_TRIES} patches drawn at random; it cannot be learnt"
    )


def seconds_a_clip(host: PluginHost, source: Source) -> float:
    """With every worker at it, timed on a few."""
    rng, began = np.random.default_rng([source.seed, 2**31]), time.perf_counter()
    for _ in range(N_TIMED):
        draw_clip(rng, host, source.schema)
    return (time.perf_counter() - began) / N_TIMED / source.n_workers


_HOST: PluginHost | None = None  # one a worker process


def render_shard(folder: Path, source: Source, shard: int, n: int) -> Path:
    """Makes one shard, whole or not at all."""
    global _HOST
    path = _shard(folder, source, shard)
    if path.exists():
        return path
    host = _HOST = _HOST or PluginHost(source.plugin, source.plugin_name)
    clips = (draw_clip(np.random.default_rng([source.seed, shard, i]), host, source.schema) for i in range(n))
    return write_shard(path, shard << 16, clips, Vocabulary(source.schema))


def _shard(folder: Path, source: Source, shard: int) -> Path:
    return folder / f"clips-{source.seed}-{shard:05d}.parquet"


def _work(job: tuple[Path, Source, int, int]) -> Path:
    return render_shard(*job)


def render(folder: Path, n_clips: int, source: Source) -> Iterator[Path]:
    """Renders on every core, yielding shards as they are done; what is there already is left as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.tmp"):
        stale.unlink()
    jobs = [(folder, source, shard, n) for shard, n in shards(n_clips)]
    if all(_shard(folder, source, shard).exists() for _, _, shard, _ in jobs):
        return
    n = min(source.n_workers, len(jobs))
    with mp.get_context("spawn").Pool(n, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as processes:
        yield from track(processes.imap_unordered(_work, jobs), len(jobs), "rendering")
