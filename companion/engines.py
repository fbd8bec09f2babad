"""Rendering on several cores: a Vital engine a thread (rendering releases the GIL)."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from companion import heaps
from companion.hosts.vital import SAMPLE_RATE, VitalHost
from presets.patch import Patch

S = TypeVar("S")
T = TypeVar("T")

MOST_ENGINES = 4  # each takes 135 MB and 0.05 to 0.14 s to open, in which no other thread runs


class Turns:
    """Lets jobs through one by one, in the order of their numbers.

    The n-th engine that a process opens has the n-th series of random numbers, so they are to be opened in order.
    """

    def __init__(self) -> None:
        self._next = 0
        self._changed = threading.Condition()

    @contextmanager
    def of(self, n: int) -> Iterator[None]:
        """Waits until all before `n`, counted from 0, have had their turn."""
        with self._changed:
            self._changed.wait_for(lambda: self._next == n)
        try:
            yield
        finally:
            with self._changed:
                self._next += 1
                self._changed.notify_all()


class Engines:
    """A pool of engines; open once, render many."""

    def __init__(self, n: int | None = None) -> None:
        heaps.keep_small()
        n = n or min(os.cpu_count() or 1, MOST_ENGINES)
        self._pool = ThreadPoolExecutor(n, thread_name_prefix="engine")
        self._local = threading.local()

    def host(self, sample_rate: int = SAMPLE_RATE) -> VitalHost:
        """The calling thread's own engine, set to a sample rate (1 ms)."""
        if getattr(self._local, "host", None) is None:
            self._local.host = VitalHost(sample_rate)
        host: VitalHost = self._local.host
        host.set_sample_rate(sample_rate)
        return host

    def render(
        self, patch: Patch, note: int, note_s: float, total_s: float, sample_rate: int = SAMPLE_RATE
    ) -> NDArray[np.float32]:
        """One patch in the calling thread's engine: float32 (2, n)."""
        return self.host(sample_rate).render_patch(patch, note, note_s, total_s)

    def map(self, work: Callable[[S], T], asked: Iterable[S], fresh: bool = False) -> Iterator[T]:
        """Runs `work` for each of what is asked on the pool, results in order; `work` may call `render`.

        Args:
            fresh: each begins with a new engine, which remembers nothing; its thread keeps it.
        """
        if not fresh:
            return self._pool.map(work, asked)
        turns = Turns()
        return self._pool.map(lambda job: self._anew(turns, job[0], lambda: work(job[1])), enumerate(asked))

    def _anew(self, turns: Turns, n: int, work: Callable[[], T]) -> T:
        with turns.of(n):
            self._local.host = None  # first, so that no more are open than there are threads
            self.host()
        return work()

    def warm(self) -> None:
        """Opens every thread's engine now rather than at the first render."""
        n = self._pool._max_workers
        barrier = threading.Barrier(n)  # or one quick thread would take two of the jobs
        list(self._pool.map(lambda _: (barrier.wait(), self.host()), range(n)))

    def close(self) -> None:
        """Stops the threads; what is queued is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)
