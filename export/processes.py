"""Processes for rendering: a new one for every shard, as Vital's random modulators go on from one engine of a process to the next."""

from __future__ import annotations

import multiprocessing as mp
from multiprocessing.pool import Pool

METHOD = "forkserver" if "forkserver" in mp.get_all_start_methods() else "spawn"
PRELOADED = ["export.render"]


def begin() -> None:
    """Starts the process that the others are forked from, where there is fork, while this one is still importing."""
    if METHOD == "forkserver":
        from multiprocessing.forkserver import ensure_running

        mp.get_context(METHOD).set_forkserver_preload(PRELOADED)
        ensure_running()


def fresh_processes(workers: int) -> Pool:
    """A pool with a new process for every job, forked from one that has imported everything, where there is fork."""
    begin()
    return mp.get_context(METHOD).Pool(workers, maxtasksperchild=1)
