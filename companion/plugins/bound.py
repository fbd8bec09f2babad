"""clip -> patches of a plugin that has a binding: all that proposes for the embedded engine proposes for it, by its own sound.

The proposers give canonical patches, the plugin plays them, and the search improves what the plugin plays: the same match
as for the embedded engine, with another engine.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from companion.engines import Engines
from companion.errors import HostError
from companion.hearing.audio import SAMPLE_RATE
from companion.hearing.features import resample
from companion.hosts.bound import Bound
from companion.hosts.plugin import PatchFailure, PluginHost
from companion.hosts.pool import HostPool
from companion.hosts.verify import verify
from companion.judging.board import Candidate
from companion.match import Match, Matcher, MatchOptions
from presets.patch import Patch
from presets.serum1_binding import patch_to_serum1

S = TypeVar("S")
T = TypeVar("T")

VERIFY_SHARE = 0.1  # of the budget, for hearing whether each parameter took effect
SAME_RAW = 1e-3


def _serum2(patch: Patch) -> bytes:
    # Needs the extra `serum`, without which nothing is bound to it.
    from presets.serum2_binding import patch_to_serum2

    return patch_to_serum2(patch)[0]


WRITERS: dict[str, dict[str, Callable[[Patch], bytes]]] = {
    "serum1": {"fxp": lambda patch: patch_to_serum1(patch)[0]},
    "serum2": {"serumpreset": _serum2},
    "vital": {},
}  # beside what is always written, by binding


class PluginEngines(Engines):
    """A bound plugin's workers in place of the embedded engines."""

    def __init__(self, pool: HostPool, bound: Iterable[Bound]) -> None:
        self._hosts = pool
        self._bound = {id(b.host): b for b in bound}
        self._begins = threading.local()

    def render(
        self, patch: Patch, note: int, note_s: float, total_s: float, sample_rate: int = SAMPLE_RATE
    ) -> NDArray[np.float32]:
        """One patch in the calling thread's worker: float32 (2, n)."""
        host = self._hosts.mine
        fresh, self._begins.anew = getattr(self._begins, "anew", False), False
        try:
            self._bound[id(host)].set_patch(patch)
            audio = host.render(note, note_s, total_s, fresh=fresh)
        except PatchFailure:  # this patch is none; silence is the worst there is
            audio = np.zeros((2, round(total_s * SAMPLE_RATE)), np.float32)
        return audio if sample_rate == SAMPLE_RATE else resample(audio, SAMPLE_RATE, sample_rate)

    def map(self, work: Callable[[S], T], asked: Iterable[S], fresh: bool = False) -> Iterator[T]:
        """Runs `work` for each of what is asked on the workers, results in order; `work` may call `render`."""

        def begin(_: PluginHost, one: S) -> T:
            self._begins.anew = fresh
            return work(one)

        return self._hosts.map(begin, asked)

    def warm(self) -> None:
        """They are."""

    def close(self) -> None:
        """Ends the workers."""
        self._hosts.close()


class BoundMatcher:
    """Holds the model and the plugin's workers: open once, match many."""

    def __init__(self, pool: HostPool, bound: list[Bound]) -> None:
        self.pool, self.bound = pool, bound
        self._matcher = Matcher(engines=PluginEngines(pool, bound))

    def close(self) -> None:
        """Ends the workers."""
        self.pool.close()

    def match(self, path: Path, options: MatchOptions | None = None) -> Iterator[Match]:
        """As `Matcher.match`; the last result has what the plugin could not take among its warnings."""
        options = options or MatchOptions()
        n_notices, share = len(self.pool.notices), VERIFY_SHARE * options.seconds
        for found in self._matcher.match(path, replace(options, seconds=options.seconds - share)):
            best, lines = found.candidates, tuple[str, ...]()
            if found.stage == "done" and best:
                lines = self._heard(best[0].patch, time.perf_counter() + share)
                best = tuple(replace(c, files=self._files(c)) for c in best)
            told = (*found.warnings, *self.bound[0].notes, *lines, *self.pool.notices[n_notices:])
            yield replace(found, candidates=best, warnings=told)

    def _heard(self, patch: Patch, deadline: float) -> tuple[str, ...]:
        """What became something else in the best patch, and what of it cannot be heard."""
        bound = self.bound[0]
        lines = bound.set_patch(patch)
        loaded = {p.name: p.raw for p in bound.host.parameters}
        wanted = bound.shown_values(patch)
        changed = {name: raw for name, raw in wanted.items() if abs(raw - loaded[name]) > SAME_RAW}
        return (*lines, *verify(bound.host, changed, patch.note, deadline).sentences)

    def _files(self, candidate: Candidate) -> Mapping[str, bytes]:
        bound = self.bound[0]
        files = {suffix: write(candidate.patch) for suffix, write in WRITERS[bound.name].items()}
        bound.set_patch(candidate.patch)
        try:
            files["vstpreset"] = bound.host.preset()
        except HostError:  # an Audio Unit
            return files
        return files
