"""verify: are the shards of a folder what its manifest says: all there, whole, readable, and nothing twice."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from companion.hearing.features import N_FRAMES, N_MELS
from export.progress import track
from export.render import MANIFEST, SCHEMA, Run, shard_name, shards
from export.storage import PARTIAL, Storage
from presets.schema import wavetable_synth

NAME = re.compile(r"clips-(\d+)-(\d{5,})\.parquet")
READERS = 4  # shards read at once: an object store answers each after tens of ms
TOLD = 5  # findings of a kind that are spelt out


@dataclass
class Findings:
    """What is there and what is wrong with it."""

    shards: int = 0
    clips: int = 0
    bytes: int = 0
    wrong: dict[str, list[str]] = field(default_factory=dict)
    """Kind of finding, and where."""

    def add(self, kind: str, where: Iterable[str]) -> None:
        """Notes findings of a kind."""
        if found := list(where):
            self.wrong.setdefault(kind, []).extend(found)

    def __str__(self) -> str:
        lines = [f"{self.shards} shards, {self.clips} clips, {self.bytes} bytes"]
        for kind, where in self.wrong.items():
            more = f" and {len(where) - TOLD} more" if len(where) > TOLD else ""
            lines.append(f"{kind}: {', '.join(where[:TOLD])}{more}")
        return "\n".join(
            [
                *lines,
                "nothing is wrong"
                if not self.wrong
                else "run render again for what is missing; delete what is not as it should be first",
            ]
        )


def verify(places: Sequence[Path | str]) -> Findings:
    """Looks at the shards of some folders or URLs; clips that two of them hold are found too.

    Raises:
        FileNotFoundError: a place has no manifest.
    """
    findings, sounds = Findings(), []
    for place in places:
        storage = Storage.of(place)
        if not storage.exists(MANIFEST):
            raise FileNotFoundError(
                f"no {MANIFEST} in {place}; is it a folder that `python -m export render` wrote?"
            )
        planned = planned_shards([Run(**run) for run in json.loads(storage.read(MANIFEST))["runs"]], findings)
        sounds += list(_look(storage, planned, findings))
    hashes = np.concatenate([h for _, h in sounds]) if sounds else np.empty(0, np.uint64)
    findings.add("the same sound and sentence twice", repeated(sounds, hashes))
    return findings


def planned_shards(runs: Sequence[Run], findings: Findings) -> dict[str, tuple[int, int]]:
    """First id and clips of each shard that the runs promise, by name."""
    here = wavetable_synth().hash
    findings.add("schema other than this program's", [r.schema_hash for r in runs if r.schema_hash != here])
    versions = sorted({r.engine_version for r in runs})
    findings.add("engines of several versions", versions if len(versions) > 1 else [])
    return {
        shard_name(run.seed, shard): (shard * run.shard_clips, n)
        for run in runs
        for shard, n in shards(run.n_clips, run.shard_clips)
    }


def _look(
    storage: Storage, planned: dict[str, tuple[int, int]], findings: Findings
) -> Iterator[tuple[str, NDArray[np.uint64]]]:
    there = storage.sizes()
    held = [name for name in there if NAME.fullmatch(name)]
    findings.add("missing", sorted(planned.keys() - there.keys()))
    findings.add("in no run of the manifest", [name for name in held if name not in planned])
    findings.add("left by a writer that was killed", [name for name in there if name.endswith(PARTIAL)])
    with ThreadPoolExecutor(READERS) as readers:
        seen = readers.map(lambda name: look_at(storage, name, planned.get(name)), held)
        for name, (wrong, hashes) in zip(held, track(seen, len(held), "verifying"), strict=True):
            for kind in wrong:
                findings.add(kind, [name])
            findings.shards, findings.clips = findings.shards + 1, findings.clips + len(hashes)
            findings.bytes += there[name]
            yield name, hashes


def look_at(
    storage: Storage, name: str, planned: tuple[int, int] | None
) -> tuple[list[str], NDArray[np.uint64]]:
    """What is wrong with one shard, and a hash of each clip."""
    none = np.empty(0, np.uint64)
    try:
        table = pq.read_table(pa.BufferReader(storage.read(name)))
    except (OSError, pa.ArrowInvalid):
        return ["cannot be read"], none
    if not table.schema.equals(SCHEMA):
        return ["columns other than this program's"], none
    wrong, ids = [], table["id"].to_numpy()
    first, n = planned or (int(ids[0]) if len(ids) else 0, len(table))
    if len(table) != n:
        wrong.append("clips missing or too many")
    elif not np.array_equal(ids, np.arange(first, first + n)):
        wrong.append("clips not numbered in order")
    mels, sentences = table["mel"].to_pylist(), table["tokens"].to_pylist()
    if any(len(mel) != N_MELS * N_FRAMES for mel in mels):
        wrong.append("features of another length")
    said = [np.array(s, np.int16).tobytes() for s in sentences]
    digests = [hashlib.blake2b(m + s, digest_size=8).digest() for m, s in zip(mels, said, strict=True)]
    return wrong, np.frombuffer(b"".join(digests), np.uint64)


def repeated(sounds: Sequence[tuple[str, NDArray[np.uint64]]], hashes: NDArray[np.uint64]) -> list[str]:
    """Shards with a clip that is there before, as `NAME (how many)`; 8 bytes a clip in memory.

    Of 100 million different clips two share a hash with a chance of 3 in 10,000.
    """
    values, counts = np.unique(hashes, return_counts=True)
    twice = values[counts > 1]
    if not len(twice):
        return []
    return [f"{name} ({n})" for name, own in sounds if (n := int(np.isin(own, twice).sum()))]
