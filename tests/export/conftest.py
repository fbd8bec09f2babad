"""Clips that several files train on or look at: real ones, rendered once."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARD_CLIPS = 8
N_CLIPS = 40


@pytest.fixture(scope="session")
def few_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five shards of eight clips with their manifest, as the pool of one machine makes them."""
    pytest.importorskip("pyarrow")
    from export.render import plan, render_shard, shards, write_manifest

    folder = tmp_path_factory.mktemp("few")
    write_manifest(folder, plan(5, N_CLIPS, (), SHARD_CLIPS))
    for shard, n in shards(N_CLIPS, SHARD_CLIPS):
        render_shard(folder, 5, shard, (), n, SHARD_CLIPS)
    return folder
