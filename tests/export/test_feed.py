"""Batches from memory and from a stream, for one rank and for several."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")

from export.dataset import Clips
from export.feed import Feed, Memory, Rows, Stream, open_feed

from .conftest import N_CLIPS, SHARD_CLIPS

N_TRAINED = N_CLIPS - SHARD_CLIPS  # a shard is held out


def sounds(clips: Clips, rows: Rows) -> set[bytes]:
    return {clips.mel[i].tobytes() for i in rows}


def epoch(feed: Feed, batch_size: int = 4, n: int | None = None) -> list[set[bytes]]:
    return [sounds(*batch) for batch in islice(feed.batches(batch_size, np.random.default_rng(1)), n)]


def test_the_ranks_batches_are_together_the_batch_of_one(few_clips: Path) -> None:
    alone = epoch(Memory([few_clips], 8), 8)
    ranks = [epoch(Memory([few_clips], 8, rank, 2), 4) for rank in (0, 1)]
    assert [a | b for a, b in zip(*ranks, strict=True)] == alone
    assert all(not a & b for a, b in zip(*ranks, strict=True))


@pytest.mark.parametrize("place", [str, Path.as_uri], ids=["folder", "url"])
def test_a_stream_gives_every_clip_once_an_epoch(few_clips: Path, place: type[str]) -> None:
    stream = Stream([place(few_clips)], 8, buffer=2 * SHARD_CLIPS)
    first, second = (set().union(*part) for part in np.array_split(epoch(stream, 4, 2 * N_TRAINED // 4), 2))
    memory = Memory([few_clips], 8)
    assert first == second == sounds(memory.clips, memory.index)
    assert not first & sounds(*stream.held_out) and len(stream.held_out[1]) == 8


def test_ranks_stream_other_shards(few_clips: Path) -> None:
    parts = [
        set().union(*epoch(Stream([few_clips], 8, 8, 0, 0, rank, 2), 4, N_TRAINED // 8)) for rank in (0, 1)
    ]
    assert not parts[0] & parts[1] and len(parts[0] | parts[1]) == N_TRAINED


def test_a_stream_taken_up_again_goes_on_with_what_was_not_heard(few_clips: Path) -> None:
    whole = epoch(Stream([few_clips], 8, 8), 8, 4)
    rest = epoch(Stream([few_clips], 8, 8, seen=16), 8, 2)
    assert rest == whole[2:]
    assert epoch(Stream([few_clips], 8, 8, seed=1), 8, 4) != whole


def test_what_cannot_be_trained_on_is_said(few_clips: Path) -> None:
    with pytest.raises(ValueError, match="--held-out"):
        open_feed([few_clips], N_CLIPS, 0, 0, 0, 0, 1)
    with pytest.raises(ValueError, match="--stream"):
        open_feed(["s3://bucket/clips"], 8, 0, 0, 0, 0, 1)
    with pytest.raises(ValueError, match="fewer than the 9 processes"):
        open_feed([few_clips], 8, 8, 0, 0, 0, 9)
