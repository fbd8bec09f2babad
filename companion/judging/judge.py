"""Judges patches by their sound: rendered on every core, put at the clip's level, measured against the clip."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from companion.engines import Engines
from companion.hearing.audio import SAMPLE_RATE
from companion.hearing.ear import NoteOffGuess
from companion.hearing.features import MODEL_RATE, clip_features
from companion.judging.board import Candidate
from companion.judging.distance import Distance
from companion.judging.metrics import level_db
from companion.proposing.bank import coarse
from presets.patch import RESYNTH, Patch

S = TypeVar("S")
T = TypeVar("T")

VOLUME = "volume.level"
ROUGH_TAIL_S = 0.2  # of what follows note-off, in a rough hearing
ROUGH_MOST_S = 1.0  # of all of it
ROUGH_ROW = 7  # patches heard in a row by one fresh engine
REACH = 1.02  # of the distance to beat, at the likeliest moment: what is farther off does not win it back at the others


class Judge:
    """Knows the clip: its sound, when the key may have been released, and its length."""

    def __init__(
        self,
        audio: NDArray[np.float32],
        note: int,
        moments: Sequence[NoteOffGuess],
        engines: Engines,
        fresh: bool = False,
    ) -> None:
        """`fresh`: no answer hangs on what was played before, by new engines (0.1 s each)."""
        self.audio = audio
        self.moments = moments
        self.note_off_s = note_off_s = moments[0].time_s
        self.total_s = audio.shape[1] / SAMPLE_RATE
        self.engines = engines
        self._fresh = fresh
        self._rough_s = min(self.total_s, note_off_s + ROUGH_TAIL_S, ROUGH_MOST_S)
        self._coarse = coarse(clip_features(audio[:, : round(self._rough_s * SAMPLE_RATE)], SAMPLE_RATE))
        [init] = self._each(lambda patch: self._render(patch, moments[0]), [Patch(note=note)])
        self.distance = Distance(audio, init)

    def __call__(self, patches: Sequence[Patch], beat: Candidate | None = None) -> list[Candidate]:
        """Candidates in the order of the patches, each with its volume set to the clip's level.

        Args:
            beat: the candidate that they are to beat; one far off at the likeliest moment is not heard at the others.
        """
        if beat is None or len(self.moments) == 1:
            return self._each(self._judge, patches)
        reach = REACH * self.distance(beat.audio)
        return self._each(lambda patch: self._judge(patch, reach, beat.heard), patches)

    def _each(self, work: Callable[[S], T], asked: Sequence[S]) -> list[T]:
        return list(self.engines.map(work, asked, self._fresh))

    def best(self, patches: Sequence[Patch], n: int) -> list[Patch]:
        """The `n` patches that sound nearest at the model's rate and without most of the tail: a third of the cost."""
        if len(patches) <= n:
            return list(patches)
        at_once = ROUGH_ROW if self._fresh else 1
        rows = [patches[i : i + at_once] for i in range(0, len(patches), at_once)]
        away = [one for row in self._each(self._roughly, rows) for one in row]
        return [patches[i] for i in np.argsort(away, kind="stable")[:n]]

    def _roughly(self, row: Sequence[Patch]) -> list[float]:
        """How far each of a row of patches is from the clip."""
        away = []
        for patch in row:
            audio = self.engines.render(patch, patch.note, self.note_off_s, self._rough_s, MODEL_RATE)
            away.append(float(np.abs(coarse(clip_features(audio, MODEL_RATE)) - self._coarse).mean()))
        return away

    def _judge(self, patch: Patch, reach: float = math.inf, beat: float = 0.0) -> Candidate:
        """Its mean score over the moments at which the key may have been released; beyond `reach`, none under `beat`.

        A resynth has wagered on one of them (`companion.resynthesis.wager`) and is judged by that.
        """
        first, *others = self.moments[:1] if patch.kind == RESYNTH else self.moments
        audio = self._render(patch, first)
        volume = self._volume(patch, audio)
        gain = np.float32(10 ** ((volume - patch.number(VOLUME)) / 20))  # the last gain of the chain
        audio = audio * gain
        near = self.distance(audio)
        if near > reach:
            return Candidate(patch.with_values({VOLUME: volume}), max(near, beat), audio)
        if others:
            far = sum(m.confidence * self.distance(self._render(patch, m) * gain) for m in others)
            near = first.confidence * near + far
        return Candidate(patch.with_values({VOLUME: volume}), near, audio)

    def _volume(self, patch: Patch, audio: NDArray[np.float32]) -> float:
        """The volume that puts a patch at the clip's level, as far as the knob goes."""
        off_db = level_db(audio) - self.distance.level_db
        row = patch.schema[VOLUME]
        wanted = patch.number(VOLUME) - (off_db if np.isfinite(off_db) else 0.0)
        return round(float(np.clip(wanted, row.low, row.high)), 2)

    def _render(self, patch: Patch, moment: NoteOffGuess) -> NDArray[np.float32]:
        return self.engines.render(patch, patch.note, moment.time_s, self.total_s)
