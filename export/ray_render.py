"""ray_render: the shards of `export.render` made by many machines, through Ray.

A task is a shard. Ray runs it on any machine of its cluster and again where its worker or its machine died; a shard is a
function of its seed and number and appears whole (`export.storage`), so a second try costs time and changes nothing.
A process makes one shard (`max_calls`), for the reason that `export.processes` gives.
"""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from companion.errors import WhisperSynthError
from companion.proposing.tokens import vocabulary
from export.progress import track
from export.render import Run, draw_shard, plan, shard_name, shard_table, shards, write_manifest
from export.storage import Storage
from presets.patch import Patch

LOCAL = "local"
PER_CPU = 2  # tasks in flight for each core: one runs, one waits, so that no core waits for the driver
RETRIES = 5  # of a shard whose worker died; one that always kills it is told in the end
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # Ray would otherwise report its use to its makers
    "RAY_worker_niceness": "0",  # of a local Ray; its own 15 leaves workers next to nothing beside other programs
}
LOOK_S = 5.0  # how often the cluster is asked whether it has grown
KNOCK_S = 10.0
TOLD = 8  # shards named in an error

Job = tuple[int, int]
"""Number of a shard, and clips in it."""


def render(
    place: Path | str,
    n_clips: int,
    seed: int,
    pool: Sequence[Patch],
    address: str,
    workers: int | None = None,
    shard_clips: int | None = None,
) -> Iterator[str]:
    """Renders `n_clips` into a folder that every machine sees, yielding names of shards; run again to continue.

    Args:
        place: a folder mounted everywhere, or the URL of an object store.
        address: `local` (this machine), `auto`, or `host:port` of a cluster.
        workers: cores to use of this machine, where the address is `local`.

    Raises:
        WhisperSynthError: Ray is missing or out of reach, a machine has other versions, or shards failed.
    """
    run = plan(seed, n_clips, pool, *([shard_clips] if shard_clips else []))
    storage = Storage.of(place).create()
    with cluster(address, workers) as ray:
        write_manifest(storage.place, run)
        there = storage.sizes(".parquet")
        todo = [job for job in shards(n_clips, run.shard_clips) if shard_name(seed, job[0]) not in there]
        try:
            yield from track(spread(ray, storage, run, pool, todo), len(todo), "rendering")
        finally:
            storage.tidy()


@contextmanager
def cluster(address: str, workers: int | None = None) -> Iterator[Any]:
    """Ray, connected; a local one is on this machine alone and ends with the block."""
    os.environ |= {key: value for key, value in SETTINGS.items() if key not in os.environ}
    try:
        import ray
    except ImportError:
        raise WhisperSynthError(
            "--ray needs Ray; install it with: pip install 'whispersynth[scale]'"
        ) from None
    own: dict[str, Any] = {
        "num_cpus": workers or os.cpu_count(),
        "include_dashboard": False,
        "_node_ip_address": "127.0.0.1",
    }
    try:
        knock(address)
        ray.init(address, log_to_driver=False, logging_level="error", **(own if address == LOCAL else {}))
    except (OSError, RuntimeError, ValueError) as error:
        raise WhisperSynthError(
            f"no Ray cluster at {address} ({str(error).splitlines()[0]}); start one with `ray start --head`, or use --ray local"
        ) from None
    try:
        yield ray
    finally:
        ray.shutdown()


def knock(address: str) -> None:
    """Raises OSError where nothing listens at `host:port`; Ray would go on trying for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), KNOCK_S).close()


def spread(ray: Any, storage: Storage, run: Run, pool: Sequence[Patch], todo: Sequence[Job]) -> Iterator[str]:
    """Names of shards as they are done, with no more tasks in flight than keep every core busy.

    Raises:
        WhisperSynthError: at the end, if shards failed; at once, if a machine has other versions.
    """
    task = ray.remote(num_cpus=1, max_calls=1, max_retries=RETRIES, retry_exceptions=[OSError])(make_shard)
    shared, waiting, flying, failed = ray.put(list(pool)), iter(todo), {}, {}
    while True:
        room = int(PER_CPU * max(ray.cluster_resources().get("CPU", 0), 1)) - len(flying)
        for shard, n in (job for _, job in zip(range(room), waiting, strict=False)):
            flying[task.remote(storage.place, run, shard, n, shared)] = shard
        if not flying:
            break
        done, _ = ray.wait(list(flying), num_returns=1, timeout=LOOK_S)
        for ref in done:
            shard = flying.pop(ref)
            try:
                yield ray.get(ref)
            except ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, WhisperSynthError):
                    raise error.cause from None
                failed[shard] = str(error.cause)
            except ray.exceptions.RayError as error:
                failed[shard] = str(error)
    if failed:
        raise WhisperSynthError(
            f"{len(failed)} of {len(todo)} shards failed (numbers {', '.join(map(str, list(failed)[:TOLD]))}), the first with: "
            f"{next(iter(failed.values())).strip().splitlines()[0]}; the others are kept, run again to try these anew"
        )


def make_shard(place: str, run: Run, shard: int, n: int, pool: Sequence[Patch]) -> str:
    """One task: renders a shard where it is missing, on a machine that would draw and hear the same.

    Raises:
        WhisperSynthError: this machine would make other clips.
    """
    refuse_another(run, pool)
    storage, name = Storage.of(place), shard_name(run.seed, shard)
    if not storage.exists(name):
        first = shard * run.shard_clips
        buffer = pa.BufferOutputStream()
        pq.write_table(
            shard_table(first, draw_shard(run.seed, first, pool, n), vocabulary()), buffer, compression="zstd"
        )
        storage.write(name, buffer.getvalue().to_pybytes())
    return name


def refuse_another(run: Run, pool: Sequence[Patch]) -> None:
    """Raises WhisperSynthError where the engine, the schema or the priors here are not those of the run."""
    here = plan(run.seed, run.n_clips, pool, run.shard_clips)
    other = [
        name
        for name in ("engine_version", "schema_hash", "draws")
        if getattr(here, name) != getattr(run, name)
    ]
    if other:
        raise WhisperSynthError(
            f"machine {platform.node()} has another {', '.join(other)} than the one that planned the run; "
            "install the same version everywhere"
        )
