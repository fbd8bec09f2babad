"""Rendering on several cores: a Vital engine a thread (rendering releases the GIL)."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from companion.hosts.vital import SAMPLE_RATE, VitalHost
from presets.patch import Patch

S = TypeVar("S")
T = TypeVar("T")

MOST_ENGINES = 4  # each takes 135 MB and 0.05 to 0.14 s to open, in which no other thread runs


class Engines:
    """A pool of engines; open once, render many."""

    def __init__(self, n: int | None = None) -> None:
        n = n or min(os.cpu_count() or 1, MOST_ENGINES)
        self._pool = ThreadPoolExecutor(n, thread_name_prefix="engine")
        self._local = threading.local()

    def host(self, sample_rate: int = SAMPLE_RATE) -> VitalHost:
        """The calling thread's own engine (0.14 s to open, once), set to a sample rate (1 ms)."""
        if getattr(self._local, "host", None) is None:
            self._local.host = VitalHost(sample_rate)
        host: VitalHost = self._local.host
        host.set_sample_rate(sample_rate)
        return host

    def render(
        self,
        patch: Patch,
        note: int,
        note_s: float,
        total_s: float,
        sample_rate: int = SAMPLE_RATE,
        fresh: bool = False,
    ) -> NDArray[np.float32]:
        """One patch in the calling thread's engine, or in a `fresh` one that remembers nothing: float32 (2, n).

        The fresh one becomes the thread's own, so that no more are open than there are threads.
        """
        if fresh:
            self._local.host = None
        return self.host(sample_rate).render_patch(patch, note, note_s, total_s)

    def map(self, work: Callable[[S], T], asked: Iterable[S]) -> Iterator[T]:
        """Runs `work` for each of what is asked on the pool, in order; `work` may call `render`."""
        return self._pool.map(work, asked)

    def warm(self) -> None:
        """Opens every thread's engine now rather than at the first render."""
        n = self._pool._max_workers
        barrier = threading.Barrier(n)  # or one quick thread would take two of the jobs
        list(self._pool.map(lambda _: (barrier.wait(), self.host()), range(n)))

    def close(self) -> None:
        """Stops the threads; what is queued is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)
