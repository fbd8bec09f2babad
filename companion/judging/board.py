"""The candidates of a match, ranked by their sound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from presets.patch import RESYNTH, Patch
from presets.plugin_schema import SECTION

COPYING = 0.05  # on the score of a resynth: at other notes it is less right than a recipe as near (docs/experiments.md)
SAME_RAW = 0.04  # two patches of one structure whose knobs all lie closer than this are one


@dataclass(frozen=True)
class Candidate:
    """A patch and how it sounds."""

    patch: Patch
    score: float
    """Distance from the clip: 0 the same sound, about 1 the init patch; a resynth's with COPYING."""
    audio: NDArray[np.float32]
    """Its render at the heard note and note-off: (2, n) at 44.1 kHz."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Suffix -> content of files that the synth adds, or writes in place of the usual ones."""
    changes: tuple[str, ...] = ()
    """Sentences: what became something else, or is lost, in those files."""
    words: str = ""
    """How near it comes to the clip; empty where nobody said it."""
    differs: tuple[str, ...] = ()
    """What differs most from the clip, most first: `darker`."""

    @property
    def heard(self) -> float:
        """Distance from the clip alone."""
        return self.score - handicap(self.patch)

    @property
    def kind(self) -> str:
        """`recipe` or `resynth`."""
        return self.patch.kind


def handicap(patch: Patch) -> float:
    """What a patch's score has on top of its distance from the clip, for what that cannot hear."""
    return COPYING if patch.kind == RESYNTH else 0.0


class Board:
    """Collects candidates; ranks them on demand."""

    def __init__(self, candidates: Iterable[Candidate] = ()) -> None:
        self._candidates: list[Candidate] = []
        self.add(candidates)

    def add(self, candidates: Iterable[Candidate]) -> None:
        """Takes more candidates."""
        self._candidates += candidates
        self._candidates.sort(key=lambda c: c.score)

    def ranked(self, n: int, kind: str = "any") -> tuple[Candidate, ...]:
        """The best `n`, near-duplicates dropped; of kind `any`, one of each kind at least."""
        chosen: list[Candidate] = []
        for candidate in self._candidates:
            if kind in ("any", candidate.kind) and not any(alike(candidate.patch, c.patch) for c in chosen):
                chosen.append(candidate)
        best, rest = chosen[:n], chosen[n:]
        missing = [c for c in rest if c.kind not in {b.kind for b in best}][:1]
        if missing and n > 1:
            best = [*best[: n - 1], *missing]
        return tuple(best)


def alike(a: Patch, b: Patch) -> bool:
    """Whether two patches are one: same kind, same choices, knobs that matter close together."""
    if a.kind != b.kind or a.note != b.note:
        return False
    if a.kind == RESYNTH:
        return (
            all(np.array_equal(a.assets[k], b.assets[k]) for k in a.assets if k in b.assets)
            and a.values == b.values
        )
    for row in a.schema:
        x, y = a[row.name], b[row.name]
        if x == y or (not row.bins and row.section != SECTION):  # a plugin's rows count unspoken, too
            continue
        if row.kind != "continuous" or abs(row.value_to_raw(x) - row.value_to_raw(y)) > SAME_RAW:
            return False
    return True
