"""Judges patches by their sound: rendered on every core, put at the clip's level, measured against the clip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from companion.audio import SAMPLE_RATE
from companion.bank import coarse
from companion.board import Candidate
from companion.distance import Distance
from companion.ear import NoteOffGuess
from companion.engines import Engines
from companion.features import MODEL_RATE, clip_features
from companion.metrics import level_db
from presets.patch import Patch

VOLUME = "volume.level"
ROUGH_TAIL_S = 0.2  # of what follows note-off, in a rough hearing
ROUGH_MOST_S = 1.0  # of all of it


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
        """`fresh`: a new engine for every render (0.1 s each), so that no answer hangs on what was played before."""
        self.audio = audio
        self.moments = moments
        self.note_off_s = note_off_s = moments[0].time_s
        self.total_s = audio.shape[1] / SAMPLE_RATE
        self.engines = engines
        self._fresh = fresh
        self._rough_s = min(self.total_s, note_off_s + ROUGH_TAIL_S, ROUGH_MOST_S)
        self._coarse = coarse(clip_features(audio[:, : round(self._rough_s * SAMPLE_RATE)], SAMPLE_RATE))
        [init] = next(engines.map(lambda patch: self._render(patch, [note_off_s]), [Patch(note=note)]))
        self.distance = Distance(audio, init)

    def __call__(self, patches: Sequence[Patch]) -> list[Candidate]:
        """Candidates in the order of the patches, each with its volume set to the clip's level."""
        return list(self.engines.map(self._judge, patches))

    def best(self, patches: Sequence[Patch], n: int) -> list[Patch]:
        """The `n` patches that sound nearest at the model's rate and without most of the tail: a third of the cost."""
        if len(patches) <= n:
            return list(patches)
        order = np.argsort(list(self.engines.map(self._roughly, patches)), kind="stable")
        return [patches[i] for i in order[:n]]

    def _roughly(self, patch: Patch) -> float:
        audio = self.engines.render(
            patch, patch.note, self.note_off_s, self._rough_s, MODEL_RATE, self._fresh
        )
        return float(np.abs(coarse(clip_features(audio, MODEL_RATE)) - self._coarse).mean())

    def _judge(self, patch: Patch) -> Candidate:
        """Its mean score over the moments at which the key may have been released."""
        audios = self._render(patch, [moment.time_s for moment in self.moments])
        volume = self._volume(patch, audios[0])
        gain = np.float32(10 ** ((volume - patch.number(VOLUME)) / 20))  # the last gain of the chain
        score = sum(
            moment.confidence * self.distance(audio * gain)
            for moment, audio in zip(self.moments, audios, strict=True)
        )
        return Candidate(patch.with_values({VOLUME: volume}), score, audios[0] * gain)

    def _volume(self, patch: Patch, audio: NDArray[np.float32]) -> float:
        """The volume that puts a patch at the clip's level, as far as the knob goes."""
        off_db = level_db(audio) - self.distance.level_db
        row = patch.schema[VOLUME]
        wanted = patch.number(VOLUME) - (off_db if np.isfinite(off_db) else 0.0)
        return round(float(np.clip(wanted, row.low, row.high)), 2)

    def _render(self, patch: Patch, note_offs_s: Sequence[float]) -> list[NDArray[np.float32]]:
        return [
            self.engines.render(patch, patch.note, off_s, self.total_s, fresh=self._fresh)
            for off_s in note_offs_s
        ]
