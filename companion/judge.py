"""Judges patches by their sound: rendered on every core, put at the clip's level, measured against the clip."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from companion.audio import SAMPLE_RATE
from companion.board import Candidate
from companion.distance import Distance
from companion.engines import Engines
from companion.metrics import level_db
from presets.patch import Patch

VOLUME = "volume.level"


class Judge:
    """Knows the clip: its sound, note-off and length."""

    def __init__(self, audio: NDArray[np.float32], note: int, note_off_s: float, engines: Engines) -> None:
        self.audio = audio
        self.note_off_s = note_off_s
        self.total_s = audio.shape[1] / SAMPLE_RATE
        self.engines = engines
        init = next(engines.map(self._render, [Patch(note=note)]))
        self.distance = Distance(audio, init)

    def __call__(self, patches: Iterable[Patch]) -> list[Candidate]:
        """Candidates in the order of the patches, each with its volume set to the clip's level."""
        return list(self.engines.map(self.judge, patches))

    def judge(self, patch: Patch) -> Candidate:
        """One patch, in the calling thread's engine."""
        audio = self._render(patch)
        off_db = level_db(audio) - self.distance.level_db
        if np.isfinite(off_db):
            row = patch.schema[VOLUME]
            volume = float(np.clip(patch.number(VOLUME) - off_db, row.low, row.high))
            audio = audio * np.float32(10 ** ((volume - patch.number(VOLUME)) / 20))  # the last gain of the chain
            patch = patch.with_values({VOLUME: round(volume, 2)})
        return Candidate(patch, self.distance(audio), audio)

    def _render(self, patch: Patch) -> NDArray[np.float32]:
        return self.engines.render(patch, patch.note, self.note_off_s, self.total_s)
