"""distil: clips -> the same clips, said as what sounds nearest to them.

A label is what a designer dialled, cut to the model's words: rendered again it is often no nearer than the model's own
answers, because words round and leave out. Here every clip is answered by the model, the answers and the label are rendered
from their words alone, the best is turned a little further, and that becomes what the clip is to be called: training
on it is best-of-n distillation, a last stage on sound.
"""

from __future__ import annotations

import multiprocessing as mp
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from companion.hearing.features import FEATURE_TOP, clip_features
from companion.hosts.vital import VitalHost
from companion.proposing.bank import coarse
from companion.proposing.model import PatchModel
from companion.proposing.tokens import vocabulary
from export.progress import track
from export.render import CLIP_S, RENDER_RATE, SCHEMA, audible, peak, turned_down, unpack_mel
from presets.patch import Patch
from presets.txt import patch_to_text

Mel = NDArray[np.float32]
N_SAID, N_TURNED = 16, 16
MOST_KNOBS = 4  # turned at once
STEP_RAW = 0.08  # standard deviation of a turn
RANGE = 1.5  # of the features: 60 dB under the loudest bin


@dataclass(frozen=True)
class Best:
    """What a clip is to be called."""

    patch: Patch
    note_off_s: float
    was: float
    """How far the label's own sound is from the clip; see `Ear`."""
    now: float


class Ear:
    """How far sounds are from one clip, by features alone: in bins, in broad bands and times, and in where the energy lies."""

    def __init__(self, target: Mel) -> None:
        self._target = self._look(target)
        silence = self._look(np.full_like(target, FEATURE_TOP - RANGE))
        self._scale = self._measures(silence)

    @staticmethod
    def _look(mel: Mel) -> tuple[Mel, Mel, Mel]:
        floored = np.maximum(mel, FEATURE_TOP - RANGE)
        power = 10 ** (2 * (floored - FEATURE_TOP))  # amplitude: features are log10 of power / 4
        share = np.cumsum(power, axis=0) / power.sum(axis=0)
        return floored, coarse(mel), np.asarray(share, np.float32)

    def _measures(self, other: tuple[Mel, Mel, Mel]) -> NDArray[np.float64]:
        pairs = zip(self._target, other, strict=True)
        return np.array([float(np.abs(a - b).mean()) for a, b in pairs]) + 1e-9

    def __call__(self, mel: Mel) -> float:
        """0 the same, 1 as far as silence; one of three measures far off counts less than all a little."""
        shares = np.minimum(self._measures(self._look(mel)) / self._scale, 2.0)
        return float(np.sqrt(shares).mean() ** 2)


@dataclass(frozen=True)
class Studio:
    """What answers and what plays."""

    model: PatchModel
    host: VitalHost


def distil(row: dict[str, Any], studio: Studio, n_said: int = N_SAID, n_turned: int = N_TURNED) -> Best:
    """The best words for a shard's row: of the label, `n_said` answers, and `n_turned` small turns of the best so far."""
    words, mel = studio.model.words, unpack_mel(row["mel"])
    ear, rng = Ear(mel), np.random.default_rng(row["id"])
    label = words.decode(row["tokens"])

    def judge(patch: Patch) -> tuple[float, Patch]:
        said = words.decode(words.encode(patch, label.note_off_s)).patch  # what is left of it in words
        audio = studio.host.render_patch(said, said.note, row["note_off_s"], CLIP_S, row["velocity"])
        near = ear(clip_features(audio, RENDER_RATE)) if audible(audio) else np.inf
        return near, turned_down(said, peak(audio))

    was, best = first = judge(label.patch)
    answers = studio.model.speak(
        studio.model.hear(mel), n_said, seed=int(rng.integers(2**31)), notes=[row["note"]]
    )
    now, best = min([first, *(judge(a.sentence.patch) for a in answers)], key=lambda pair: pair[0])
    for _ in range(n_turned):
        now, best = min((now, best), judge(turned(best, rng)), key=lambda pair: pair[0])
    return Best(best, label.note_off_s, was, now)


def turned(patch: Patch, rng: np.random.Generator) -> Patch:
    """A few of the knobs that matter and can be said, turned a little."""
    values = dict(patch.values)
    rows = [r for r in patch.schema if r.kind == "continuous" and r.bins and patch.schema.matters(r, values)]
    n = min(int(rng.integers(1, MOST_KNOBS + 1)), len(rows))
    for i in rng.choice(len(rows), n, replace=False):
        row = rows[i]
        values[row.name] = row.raw_to_value(row.value_to_raw(values[row.name]) + rng.normal(0, STEP_RAW))
    return patch.with_values(values)


@cache
def _studio(bundle: Path | None) -> Studio:
    """One a worker process."""
    return Studio(PatchModel(bundle), VitalHost(RENDER_RATE))


def distil_shard(
    source: Path,
    out: Path,
    bundle: Path | None = None,
    n_said: int = N_SAID,
    n_turned: int = N_TURNED,
) -> tuple[float, float]:
    """Makes the shard of the same name in `out`, whole or not at all; mean distance of its labels and of what replaces them."""
    path = out / source.name
    if path.exists():
        return np.nan, np.nan
    rows, found = pq.read_table(source).to_pylist(), []
    for row in rows:
        best = distil(row, _studio(bundle), n_said, n_turned)
        row |= {"tokens": vocabulary().encode(best.patch, best.note_off_s), "txt": patch_to_text(best.patch)}
        found.append((best.was, best.now))
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), partial, compression="zstd")
    partial.replace(path)
    was, now = np.array(found)[np.isfinite(found).all(axis=1)].mean(axis=0)
    return float(was), float(now)


def _work(job: tuple[Path, Path, Path | None, int, int]) -> tuple[float, float]:
    return distil_shard(*job)


def run(
    folder: Path,
    out: Path,
    bundle: Path | None = None,
    n_said: int = N_SAID,
    n_turned: int = N_TURNED,
    workers: int | None = None,
) -> Iterator[tuple[float, float]]:
    """Distils every shard of a folder on every core, yielding what each won; run again to continue.

    Raises:
        FileNotFoundError: no shard in the folder.
    """
    shards = sorted(folder.glob("clips-*.parquet"))
    if not shards:
        raise FileNotFoundError(f"no clips in {folder}; run `python -m export render` first")
    out.mkdir(parents=True, exist_ok=True)
    for stale in out.glob("*.tmp"):
        stale.unlink()
    jobs = [(shard, out, bundle, n_said, n_turned) for shard in shards]
    with mp.get_context("spawn").Pool(workers or os.cpu_count() or 1) as processes:
        yield from track(processes.imap_unordered(_work, jobs), len(jobs), "distilling")
