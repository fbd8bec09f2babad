"""render: play patches with the embedded engine on every core and store clips as Parquet shards.

A shard is a function of (seed, shard number): a finished file is never made again, an unfinished one never counts.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from companion.hearing.features import FEATURE_TOP, N_FRAMES, N_MELS, clip_features
from companion.hosts.vital import VitalHost
from companion.proposing.tokens import Vocabulary, vocabulary
from export.processes import fresh_processes
from export.progress import track
from export.sample import sample_note_off, sample_patches, sample_sound
from export.storage import Storage
from presets.patch import Patch
from presets.schema import wavetable_synth
from presets.txt import patch_to_text

RENDER_RATE = 16_000  # what the model hears; the engine at 44.1 kHz, resampled, differs by 0.4 dB in log-mel and costs twice
CLIP_S = 2.5
SHARD_CLIPS = 256
SILENT_DBFS = -55.0
LOUDEST = 0.99  # peak of the patch as saved
ENGINE_LIMIT = 2.09  # the engine cuts its output off at 2.1
VOLUME = "volume.level"
RULES = (SILENT_DBFS, LOUDEST, ENGINE_LIMIT)
MEL_STEP = 2.0 / 255  # features span 2.0 (80 dB); a byte keeps 0.3 dB
SCHEMA = pa.schema(
    [
        ("id", pa.int64()), ("note", pa.int16()), ("note_off_s", pa.float32()), ("velocity", pa.float32()),
        ("tokens", pa.list_(pa.int16())), ("mel", pa.binary()), ("txt", pa.string()),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Clip:
    """One rendered training example."""

    patch: Patch
    note_off_s: float
    velocity: float
    mel: NDArray[np.float32]
    """(n_mels, n_frames), as the model hears it."""


def peak(audio: NDArray[np.float32]) -> float:
    """Largest sample, 1 at full scale."""
    return max(float(audio.max()), -float(audio.min()))


def audible(audio: NDArray[np.float32]) -> bool:
    """Neither silent nor, above full scale, bent by the engine."""
    rms_db = 10 * np.log10(float(np.vdot(audio, audio)) / audio.size + 1e-20)
    return rms_db > SILENT_DBFS and peak(audio) < ENGINE_LIMIT


def turned_down(patch: Patch, loudest: float) -> Patch:
    """The patch, its volume lowered by as much as its render comes too near full scale."""
    over_db = 20 * np.log10(max(loudest / LOUDEST, 1.0))
    return patch.with_values({VOLUME: patch.number(VOLUME) - over_db}) if over_db else patch


def draw_clip(rng: np.random.Generator, host: VitalHost, pool: Sequence[Patch] = ()) -> Clip:
    """Samples and renders until a patch can be heard; one that would clip is turned down."""
    while True:
        sample, note_off_s = sample_sound(rng, pool), sample_note_off(rng)
        velocity = float(rng.uniform(0.5, 1.0))
        audio = host.render_patch(sample.heard, sample.said.note, note_off_s, CLIP_S, velocity)
        if audible(audio):
            said = turned_down(sample.said, peak(audio))
            return Clip(said, note_off_s, velocity, clip_features(audio, RENDER_RATE))


def pack_mel(mel: NDArray[np.float32]) -> bytes:
    """Features to one byte a bin, relative to their own maximum."""
    return np.clip(np.round((mel.max() - mel) / MEL_STEP), 0, 255).astype(np.uint8).tobytes()


def unpack_mel(data: bytes) -> NDArray[np.float32]:
    """Features (n_mels, n_frames) of packed ones; the opposite of pack_mel."""
    return (FEATURE_TOP - np.frombuffer(data, np.uint8).reshape(N_MELS, N_FRAMES) * MEL_STEP).astype(
        np.float32
    )


def sample_to(folder: Path, n: int, seed: int = 0, pool: Sequence[Patch] = ()) -> Path:
    """Draws `n` audible patches and writes them as text, one file a patch, for people to read; existing ones stay."""
    folder.mkdir(parents=True, exist_ok=True)
    host = VitalHost(RENDER_RATE)
    for i in track(range(n), n, "sampling"):
        path = folder / f"patch-{seed}-{i:06d}.txt"
        if not path.exists():
            clip = draw_clip(np.random.default_rng([seed, i]), host, pool)
            partial = path.with_suffix(".tmp")
            partial.write_text(patch_to_text(clip.patch))
            partial.replace(path)
    write_manifest(folder, plan(seed, n, pool))
    return folder


def shard_name(seed: int, shard: int) -> str:
    """File name of a shard."""
    return f"clips-{seed}-{shard:05d}.parquet"


def render_shard(
    folder: Path,
    seed: int,
    shard: int,
    pool: Sequence[Patch] = (),
    n: int = SHARD_CLIPS,
    size: int = SHARD_CLIPS,
) -> Path:
    """Makes one shard, whole or not at all: `n` clips, numbered as if each before it had `size`."""
    path = folder / shard_name(seed, shard)
    if path.exists():
        return path
    return write_shard(path, shard * size, draw_shard(seed, shard * size, pool, n), vocabulary())


def draw_shard(seed: int, first: int, pool: Sequence[Patch], n: int) -> Iterator[Clip]:
    """`n` clips from number `first`, by an engine of their own (0.1 s): one that has played before sounds a little
    different, so that the shard would depend on what was made earlier.

    Nothing is rinsed within a shard: log-mel of 150 sampled patches in turn, against a fresh engine each, 1.39 dB rinsed
    and 1.59 dB not (most of it free phases), for a tenth of the time."""
    host = VitalHost(RENDER_RATE, rinses=False)
    for i in range(first, first + n):
        yield draw_clip(np.random.default_rng([seed, i]), host, pool)


def write_shard(path: Path, first: int, clips: Iterable[Clip], words: Vocabulary) -> Path:
    """Writes clips, numbered from `first`, in the words of their schema."""
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    pq.write_table(shard_table(first, clips, words), partial, compression="zstd")
    partial.replace(path)
    return path


def shard_table(first: int, clips: Iterable[Clip], words: Vocabulary) -> pa.Table:
    """Clips as rows of SCHEMA."""
    rows = [
        {
            "id": index, "note": clip.patch.note, "note_off_s": clip.note_off_s, "velocity": clip.velocity,
            "tokens": words.encode(clip.patch, clip.note_off_s), "mel": pack_mel(clip.mel),
            "txt": patch_to_text(clip.patch),
        }
        for index, clip in enumerate(clips, first)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, SCHEMA)


def _work(job: tuple[Path, int, int, Sequence[Patch], int, int]) -> Path:
    return render_shard(*job)


def render(
    folder: Path,
    n_clips: int,
    seed: int = 0,
    pool: Sequence[Patch] = (),
    workers: int | None = None,
    shard_clips: int = SHARD_CLIPS,
) -> Iterator[Path]:
    """Renders `n_clips` into `folder`, yielding shards as they are done; run again to continue."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.tmp"):
        stale.unlink()
    write_manifest(folder, plan(seed, n_clips, pool, shard_clips))
    jobs = [(folder, seed, shard, pool, n, shard_clips) for shard, n in shards(n_clips, shard_clips)]
    workers = workers or os.cpu_count() or 1
    with fresh_processes(workers) as processes:
        yield from track(processes.imap_unordered(_work, jobs), len(jobs), "rendering")


def shards(n_clips: int, size: int = SHARD_CLIPS) -> list[tuple[int, int]]:
    """Number of each shard, and clips in it."""
    full, rest = divmod(n_clips, size)
    return [(s, size) for s in range(full)] + [(full, rest)] * bool(rest)


# -- what made the shards -----------------------------------------------------------------------------------------

MANIFEST = "manifest.json"
FIXED = (
    "engine_version",
    "shard_clips",
    "draws",
)  # of a seed: shards made otherwise are no part of the same run
N_DRAWS = 4


@dataclass(frozen=True)
class Run:
    """One rendering run, as the manifest keeps it."""

    seed: int
    n_clips: int
    n_real_patches: int
    schema_hash: str
    engine_version: str
    sample_rate: int
    shard_clips: int
    draws: str = ""
    """Hash of what the seed draws and which of it is kept: changes with the priors, their code and the real patches;
    empty: not known."""


def plan(seed: int, n_clips: int, pool: Sequence[Patch] = (), shard_clips: int = SHARD_CLIPS) -> Run:
    """The run that this machine would make."""
    drawn = "\n".join(patch_to_text(p) for p in sample_patches(seed, N_DRAWS, pool)) + repr(RULES)
    return Run(
        seed, n_clips, len(pool), wavetable_synth().hash, metadata.version("vita"), RENDER_RATE, shard_clips,
        hashlib.sha256(drawn.encode()).hexdigest()[:12],
    )  # fmt: skip


def write_manifest(folder: Path | str, run: Run) -> None:
    """Adds a run to `manifest.json`; one of the same seed is replaced.

    Raises:
        ValueError: the folder holds clips of another schema, or of the same seed drawn or rendered otherwise.
    """
    storage = Storage.of(folder)
    manifest = json.loads(storage.read(MANIFEST)) if storage.exists(MANIFEST) else {"runs": []}
    new = asdict(run)
    for other in manifest["runs"]:
        if other["schema_hash"] != run.schema_hash:
            raise ValueError(
                f"{folder} holds clips of schema {other['schema_hash']}, this is {run.schema_hash}; choose another folder"
            )
        changed = [k for k in FIXED if other["seed"] == run.seed and other.get(k, new[k]) != new[k]]
        if changed:
            raise ValueError(
                f"{folder} holds clips of seed {run.seed} made with other {', '.join(changed)}; choose another seed"
            )
    manifest["runs"] = [r for r in manifest["runs"] if r["seed"] != run.seed] + [new]
    storage.write(MANIFEST, json.dumps(manifest, indent=1).encode())
