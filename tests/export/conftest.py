"""Clips that several files train on or look at: real ones, rendered once."""

from __future__ import annotations

from pathlib import Path

import pytest

SEED = 6  # the fourth shard has a clip with a random modulator
SHARD_CLIPS = 8
N_CLIPS = 40


@pytest.fixture(scope="session")
def few_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five shards of eight clips with their manifest, as the pool of one machine makes them."""
    pytest.importorskip("pyarrow")
    from export.render import render

    folder = tmp_path_factory.mktemp("few")
    assert len(list(render(folder, N_CLIPS, SEED, (), 2, SHARD_CLIPS))) == N_CLIPS // SHARD_CLIPS
    return folder
