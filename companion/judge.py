"""Judges patches by their sound: rendered on every core, put at the clip's level, measured against the clip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from companion.audio import SAMPLE_RATE
from companion.bank import coarse
from companion.board import Candidate
from companion.distance import Distance
from companion.engines import Engines
from companion.features import MODEL_RATE, clip_features
from companion.metrics import level_db
from presets.patch import Patch

VOLUME = "volume.level"
ROUGH_TAIL_S = 0.3  # of what follows note-off, in a rough hearing


class Judge:
    """Knows the clip: its sound, note-off and length."""

    def __init__(
        self, audio: NDArray[np.float32], note: int, note_off_s: float, engines: Engines, fresh: bool = False
    ) -> None:
        """`fresh`: a new engine for every render (0.1 s each), so that no answer hangs on what was played before."""
        self.audio = audio
        self.note_off_s = note_off_s
        self.total_s = audio.shape[1] / SAMPLE_RATE
        self.engines = engines
        self._fresh = fresh
        self._rough_s = min(self.total_s, note_off_s + ROUGH_TAIL_S)
        self._coarse = coarse(clip_features(audio[:, : round(self._rough_s * SAMPLE_RATE)], SAMPLE_RATE))
        init = next(engines.map(self._render, [Patch(note=note)]))
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
        audio = self._render(patch)
        off_db = level_db(audio) - self.distance.level_db
        if np.isfinite(off_db):
            row = patch.schema[VOLUME]
            volume = float(np.clip(patch.number(VOLUME) - off_db, row.low, row.high))
            audio = audio * np.float32(
                10 ** ((volume - patch.number(VOLUME)) / 20)
            )  # the last gain of the chain
            patch = patch.with_values({VOLUME: round(volume, 2)})
        return Candidate(patch, self.distance(audio), audio)

    def _render(self, patch: Patch) -> NDArray[np.float32]:
        return self.engines.render(patch, patch.note, self.note_off_s, self.total_s, fresh=self._fresh)
