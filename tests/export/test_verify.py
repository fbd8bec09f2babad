"""Each thing that can go wrong with shards is made to go wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")

import pyarrow.parquet as pq

from export.render import MANIFEST, plan, shard_name, write_manifest
from export.verify import verify

from .conftest import N_CLIPS, SEED, SHARD_CLIPS

Break = Callable[[Path], object]


@pytest.fixture
def folder(few_clips: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(few_clips, tmp_path / "clips"))


def shard(folder: Path, number: int) -> Path:
    return folder / shard_name(SEED, number)


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def fewer(path: Path) -> None:
    pq.write_table(pq.read_table(path).slice(0, 5), path)


def without_column(path: Path) -> None:
    pq.write_table(pq.read_table(path).drop_columns(["txt"]), path)


def edit(folder: Path, **change: object) -> None:
    path = folder / MANIFEST
    runs = json.loads(path.read_text())["runs"]
    path.write_text(json.dumps({"runs": [*runs, {**runs[0], "seed": 9, "n_clips": 0, **change}]}))


def test_good_shards_are_good(folder: Path) -> None:
    found = verify([folder])
    assert not found.wrong and (found.clips, found.shards) == (N_CLIPS, N_CLIPS // SHARD_CLIPS)
    assert found.bytes == sum(p.stat().st_size for p in folder.glob("*.parquet"))


BROKEN: list[tuple[str, Break]] = [
    ("missing", lambda f: shard(f, 1).unlink()),
    ("cannot be read", lambda f: half(shard(f, 1))),
    ("clips missing or too many", lambda f: fewer(shard(f, 1))),
    ("columns other than this program's", lambda f: without_column(shard(f, 1))),
    ("clips not numbered in order", lambda f: shutil.copy(shard(f, 0), shard(f, 1))),
    ("the same sound and sentence twice", lambda f: shutil.copy(shard(f, 0), shard(f, 7))),
    ("in no run of the manifest", lambda f: shutil.copy(shard(f, 0), shard(f, 7))),
    ("left by a writer that was killed", lambda f: (f / "clips-6-00001.parquet~ab.tmp").touch()),
    ("schema other than this program's", lambda f: edit(f, schema_hash="older")),
    ("engines of several versions", lambda f: edit(f, engine_version="0.0.9")),
]


@pytest.mark.parametrize(("kind", "harm"), BROKEN, ids=[kind for kind, _ in BROKEN])
def test_what_is_wrong_is_said(folder: Path, kind: str, harm: Break) -> None:
    harm(folder)
    found = verify([folder])
    assert kind in found.wrong and kind in str(found)


def test_a_clip_in_two_folders_is_found(folder: Path, few_clips: Path) -> None:
    assert list(verify([folder, few_clips]).wrong) == ["the same sound and sentence twice"]


def test_a_seed_is_not_gone_on_with_by_another_engine_or_size(folder: Path) -> None:
    write_manifest(folder, plan(SEED, N_CLIPS * 2, (), SHARD_CLIPS))  # more of the same is welcome
    with pytest.raises(ValueError, match="shard_clips"):
        write_manifest(folder, plan(SEED, N_CLIPS, (), SHARD_CLIPS * 2))
