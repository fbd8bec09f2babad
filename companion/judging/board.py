"""The candidates of a match, ranked by their sound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from companion.hearing.audio import SAMPLE_RATE
from companion.hearing.features import clip_features
from companion.proposing.bank import RANGE, coarse
from presets.patch import RECIPE, RESYNTH, Patch
from presets.plugin_schema import SECTION

KINDS = (RECIPE, RESYNTH)
COPYING = 0.05  # on the score of a resynth all of which moves with the note: others are less right (docs/experiments.md),
VERY_CLOSE = 0.15  # but only a recipe nearer than this comes before it
SAME_SOUND = 0.012  # of 60 dB, mean over where either sounds: two answers nearer than this are one to the ear
MOST_HEARD = 15  # candidates that are compared so, 3 ms each
SAME_RAW = 0.04  # two patches of one structure whose knobs all lie closer than this are one


@dataclass(frozen=True)
class Candidate:
    """A patch and how it sounds."""

    patch: Patch
    heard: float
    """Distance from the clip: 0 the same sound, about 1 the init patch."""
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
    def score(self) -> float:
        """What it is ranked by, lower is better: the distance; a resynth all of which moves with the note has up to COPYING more."""
        copied = self.kind == RESYNTH and not self.patch["filter1.on"]
        return max(self.heard, min(self.heard + COPYING, VERY_CLOSE)) if copied else self.heard

    @property
    def kind(self) -> str:
        """`recipe` or `resynth`."""
        return self.patch.kind


class Board:
    """Collects candidates; ranks them on demand."""

    def __init__(self, candidates: Iterable[Candidate] = ()) -> None:
        self._candidates: list[Candidate] = []
        self.add(candidates)

    def add(self, candidates: Iterable[Candidate]) -> None:
        """Takes more candidates."""
        self._candidates += candidates
        self._candidates.sort(key=lambda c: c.score)

    def ranked(self, n: int, kind: str = "any", by_ear: bool = False) -> tuple[Candidate, ...]:
        """The best `n`, near-duplicates dropped; of kind `any`, one of each kind at least.

        Args:
            by_ear: also drop what sounds like a better one of its kind, however it is set; fewer may be left.
        """
        chosen: list[Candidate] = []
        for candidate in self._candidates:
            if kind in ("any", candidate.kind) and not any(alike(candidate.patch, c.patch) for c in chosen):
                chosen.append(candidate)
        chosen = distinct(chosen, n) if by_ear else chosen
        best, rest = chosen[:n], chosen[n:]
        missing = [c for c in rest if c.kind not in {b.kind for b in best}][:1]
        if missing and n > 1:
            best = [*best[: n - 1], *missing]
        return tuple(best)


def distinct(candidates: Sequence[Candidate], n: int) -> list[Candidate]:
    """The first `n` that do not sound like one of their kind before them, and the first of each kind."""
    heard: list[tuple[str, NDArray[np.float32]]] = []
    chosen: list[Candidate] = []
    for candidate in candidates[:MOST_HEARD]:
        sound = coarse(clip_features(candidate.audio, SAMPLE_RATE))
        if any(kind == candidate.kind and sounds_alike(sound, other) for kind, other in heard):
            continue
        heard.append((candidate.kind, sound))
        chosen.append(candidate)
        if len(chosen) == n:
            break
    firsts = [next((c for c in candidates if c.kind == kind), None) for kind in KINDS]
    return chosen + [c for c in firsts if c is not None and all(c is not other for other in chosen)]


def sounds_alike(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    """Whether two sounds, as `coarse` features, are one to the ear."""
    floor = min(a.min(), b.min())
    n = int(np.count_nonzero(np.maximum(a, b) > floor)) or 1
    return float(np.abs(a - b).sum()) <= SAME_SOUND * RANGE * n


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
