"""feed: what a rank trains on: batches from memory, or streamed from shards that fit no memory.

Both yield (clips, rows): the rows of some clips that make the next batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from export.dataset import COLUMNS, Clips, batches, load_clips, table_clips
from export.storage import Storage, is_url

Rows = NDArray[np.int64]


class Feed(Protocol):
    """Where batches come from."""

    held_out: tuple[Clips, Rows]
    """What is kept for validation."""

    def batches(self, batch_size: int, rng: np.random.Generator) -> Iterator[tuple[Clips, Rows]]:
        """This rank's batches of an epoch, or without end."""


class Memory:
    """Every clip in the memory of each process; a rank takes its share of the rows of one batch for all."""

    def __init__(self, folders: Sequence[Path], held_out: int, rank: int = 0, world: int = 1) -> None:
        """Raises ValueError where too few clips are left to train on."""
        self.clips, self.rank, self.world = load_clips(list(folders)), rank, world
        self.held_out = self.clips, np.arange(held_out)
        self.index = np.arange(held_out, len(self.clips))
        if len(self.index) < world:
            raise ValueError(
                f"there are {len(self.clips)} clips and {held_out} are held out, which leaves too few to train on; "
                "render more, or lower --held-out"
            )

    def batches(self, batch_size: int, rng: np.random.Generator) -> Iterator[tuple[Clips, Rows]]:
        """One epoch; `rng` must be the same on every rank."""
        for rows in batches(self.clips, self.index, batch_size * self.world, rng):
            if len(rows) >= self.world:  # else a rank would have nothing to do
                yield self.clips, rows[self.rank :: self.world]


@dataclass(frozen=True)
class Shard:
    """A file of clips."""

    storage: Storage
    name: str

    def read(self) -> pa.Table:
        return pq.read_table(pa.BufferReader(self.storage.read(self.name)), columns=list(COLUMNS))


class Stream:
    """Shards in an order drawn anew each epoch, read while training, shuffled in a buffer of several of them.

    Each rank reads other shards. The order depends on seed and epoch alone, so that a run that is taken up again, even
    by another number of ranks, goes on about where it was: what is heard twice or late is a buffer at most.
    """

    def __init__(
        self,
        places: Sequence[Path | str],
        held_out: int,
        buffer: int,
        seed: int = 0,
        seen: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        """`seen`: clips that all ranks together trained on before.

        Raises:
            FileNotFoundError: no shard in the places.
            ValueError: too few shards for every rank to have some.
        """
        self.shards = find_shards(places)
        self.buffer, self.seed, self.rank, self.world = buffer, seed, rank, world
        kept = list(self._fill(iter(self.shards), held_out)) if held_out else []
        self.shards = self.shards[len(kept) :]
        if len(self.shards) < world:
            raise ValueError(
                f"{len(self.shards)} shards are left to train on, fewer than the {world} processes; render more"
            )
        held = table_clips(kept) if kept else table_clips([self.shards[0].read()])
        self.held_out = held, np.arange(held_out)
        self.epoch, passed = divmod(seen / (len(held) / max(len(kept), 1) * len(self.shards)), 1)
        self.skip = int(passed * len(self.shards))

    def batches(self, batch_size: int, rng: np.random.Generator) -> Iterator[tuple[Clips, Rows]]:
        """Without end; the next buffer is read while this one is trained on."""
        order = self._order()
        with ThreadPoolExecutor(1) as reader:
            coming = reader.submit(lambda: table_clips(self._fill(order, self.buffer)))
            while True:
                clips, coming = (
                    coming.result(),
                    reader.submit(lambda: table_clips(self._fill(order, self.buffer))),
                )
                for rows in batches(clips, np.arange(len(clips)), batch_size, rng):
                    yield clips, rows

    def _order(self) -> Iterator[Shard]:
        epoch, skip = int(self.epoch), self.skip
        while True:
            order = np.random.default_rng([self.seed, epoch]).permutation(len(self.shards))
            for i in order[skip + self.rank :: self.world]:
                yield self.shards[i]
            epoch, skip = epoch + 1, 0

    @staticmethod
    def _fill(shards: Iterator[Shard], n: int) -> Iterator[pa.Table]:
        got = 0
        while got < n and (shard := next(shards, None)):
            table = shard.read()
            got += len(table)
            yield table


def find_shards(places: Sequence[Path | str]) -> list[Shard]:
    """Every shard of some folders or URLs, in name order.

    Raises:
        FileNotFoundError: there is none.
    """
    stores = [Storage.of(place) for place in places]
    shards = [Shard(s, name) for s in stores for name in s.sizes(".parquet") if name.startswith("clips-")]
    if not shards:
        raise FileNotFoundError(
            f"no clips in {', '.join(map(str, places))}; run `python -m export render` first"
        )
    return shards


def open_feed(
    places: Sequence[Path | str], held_out: int, stream: int, seed: int, seen: int, rank: int, world: int
) -> Feed:
    """Streams with a buffer of `stream` clips, or holds everything in memory where it is 0.

    Raises:
        FileNotFoundError: no shard in the places.
        ValueError: a URL without streaming, or too few shards.
    """
    if stream:
        return Stream(places, held_out, stream, seed, seen, rank, world)
    if urls := [str(p) for p in places if is_url(p)]:
        raise ValueError(f"{urls[0]} is no folder; give --stream 16384 to read it while training")
    return Memory([Path(p) for p in places], held_out, rank, world)
