"""One plugin in several workers: renders on every core, as `companion.engines` does for the embedded engine."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from companion.hosts.plugin import PluginHost, Timeouts

T = TypeVar("T")
U = TypeVar("U")

MOST_WORKERS = 4  # a large synth takes half a gigabyte in each


class HostPool:
    """A PluginHost a thread; open once, render many."""

    def __init__(
        self,
        path: Path,
        plugin_name: str | None = None,
        n: int | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        """Loads the plugin in every worker at once.

        Raises:
            HostError: it does not load, or is no instrument.
        """
        self.notices: list[str] = []
        n = n or min(os.cpu_count() or 1, MOST_WORKERS)
        self._local = threading.local()
        self._all: list[PluginHost] = []
        self._threads = ThreadPoolExecutor(n, thread_name_prefix="plugin-host")

        def load(_: int) -> PluginHost:
            barrier.wait()  # or one quick thread would take two of the jobs
            host = PluginHost(path, plugin_name, timeouts=timeouts, on_notice=self.notices.append)
            self._local.host = host
            self._all.append(host)
            return host

        barrier = threading.Barrier(n)
        try:
            list(self._threads.map(load, range(n)))
        except BaseException:
            self.close()
            raise

    @property
    def first(self) -> PluginHost:
        """A worker for what needs only one; do not ask it while `map` runs."""
        return self._all[0]

    @property
    def hosts(self) -> tuple[PluginHost, ...]:
        return tuple(self._all)

    @property
    def mine(self) -> PluginHost:
        """The calling thread's own worker; only for work that `map` runs."""
        host: PluginHost = self._local.host
        return host

    def map(self, work: Callable[[PluginHost, T], U], jobs: Iterable[T]) -> Iterator[U]:
        """Runs `work` for each job with the thread's own host, results in order."""
        return self._threads.map(lambda job: work(self._local.host, job), jobs)

    def close(self) -> None:
        """Ends the workers; what is queued is dropped."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for host in self._all:
            host.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
