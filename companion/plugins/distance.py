"""The distance for a plugin: on the scale of its own init patch, down to what its own renders differ by.

`companion.judging.distance` stops telling sounds apart near what two renders of a Vital preset differ by. A small synth repeats its
notes nearly sample by sample, and its whole range may lie within that, so the scale is measured on the plugin itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from companion.hearing.audio import Audio
from companion.judging.distance import TYPICAL_INIT, Distance
from companion.judging.metrics import level_db

SILENT_DB = -60.0
LEAST = 0.02  # of a typical init patch's distances: a finer scale would be noise of the measures themselves
ABOVE_FLOOR = 4.0  # times what renders of one patch differ by, at least


class PluginDistance(Distance):
    """The distance of sounds from one target, for one plugin; safe to call from several threads."""

    def __init__(self, target: Audio, inits: Sequence[Audio], *, fast: bool = False) -> None:
        """Takes the target, and renders of the plugin's init patch at its note and duration, all (channels, n_samples)."""
        sounds = [init for init in inits if level_db(init) > SILENT_DB]
        super().__init__(target, sounds[0] if sounds else None, fast=fast)
        if len(sounds) < 2:
            return
        repeats = Distance(sounds[0], fast=fast)
        floor = np.max([repeats._measures(other) for other in sounds[1:]], axis=0)
        self._scale = np.maximum(
            self._measures(sounds[0]), np.maximum(ABOVE_FLOOR * floor, LEAST * TYPICAL_INIT)
        )
        weights = 1 / (1 + (2 * floor / self._scale) ** 4)
        self._weights = weights / weights.sum()
