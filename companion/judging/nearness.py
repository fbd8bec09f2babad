"""How near an answer comes to a clip, in words that mean the same for every clip.

    nearness = Nearness(listen(clip))
    nearness.told(candidates)        # the same candidates, each with its words and what differs most

A score is a distance; two renders of one and the same preset have one, too: unison voices, noise and LFOs start elsewhere
each time. How far they lie apart, the clip's floor, is foretold from the clip, and the score above it is turned into the gap
G that such scores had on real presets (`nearness.json`, made by `python -m export calibrate`; docs/score.md). The words are
those of the gap. What even a good search leaves far off may be no sound of this synth's: `makeable.py`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from companion.hearing.audio import Audio
from companion.hearing.listen import Heard
from companion.judging.board import Candidate
from companion.judging.differences import Differences, width
from companion.judging.makeable import chance, signs_of
from companion.judging.metrics import WORST
from companion.telling.words import GAP_WORDS, grade
from presets.patch import RECIPE, RESYNTH

CALIBRATION = Path(__file__).with_name("nearness.json")


CLOSE = GAP_WORDS[2][0]  # gap up to which a recipe is a relative: a synth that makes one may make the sound
KNOBS = "No setting of the knobs seems to make this sound: the recipes keep at most its character"
RECORDING = "; the resynth carries it like a recording, and will not play like an instrument at other notes."
NO_RESYNTH = "; of kind any or resynth there is an answer that carries it like a recording."
FAR = "This synth cannot make this sound: even the resynth stays far from it; try a shorter part, with --start and --end."


@dataclass(frozen=True)
class Calibration:
    """What was measured (`python -m export calibrate`)."""

    floor: tuple[float, float]
    """The floor of a mono clip, and what the root of a stereo clip's width adds to it."""
    recipe_share: float
    """Of the floor that is taken off a recipe's score; a resynth copies this very take, chance and all."""
    bounds: tuple[float, ...]
    """The scores above the floor that stand for the gaps of GAP_WORDS, the last word's left out."""
    least: Mapping[str, float]
    """From which difference on a facet is told."""
    weights: tuple[float, ...]
    """Of `makeable.SIGNS`,"""
    bias: float
    alarm: float
    """and the chance from which a sound is more than one key does."""
    far: float
    """The score from which a resynth is far, too."""

    @classmethod
    @cache
    def shipped(cls) -> Calibration:
        """The one in `nearness.json`."""
        data = json.loads(CALIBRATION.read_text("utf-8"))
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return cls(**values)

    def floor_of(self, clip: Audio) -> float:
        """What a re-render of a sound like this clip (channels, n) would score."""
        wide = width(clip)
        return max(0.0, self.floor[0] + self.floor[1] * math.sqrt(wide if math.isfinite(wide) else 0.0))

    def gap(self, score: float, floor: float, kind: str) -> float:
        """The gap G to be expected of a score."""
        above = score - (self.recipe_share * floor if kind == RECIPE else 0.0)
        gaps = [bound for bound, _ in GAP_WORDS]
        return float(np.interp(above, (0.0, *self.bounds, WORST), (0.0, *gaps)))


class Nearness:
    """Knows a clip; says how near answers come to it."""

    def __init__(self, heard: Heard, calibration: Calibration | None = None) -> None:
        self._calibration = calibration or Calibration.shipped()
        self._clip = heard.audio
        self.floor = self._calibration.floor_of(heard.audio)
        self._differences = Differences(heard.audio, heard.note_off_s, self._calibration.least)

    def gap(self, candidate: Candidate) -> float:
        """The gap G to be expected of an answer."""
        return self._calibration.gap(candidate.heard, self.floor, candidate.kind)

    def told(
        self, candidates: Iterable[Candidate], executor: Executor | None = None
    ) -> tuple[Candidate, ...]:
        """The candidates with their words and what differs most (10 ms each, side by side on an executor)."""
        return tuple((executor.map if executor else map)(self._told, candidates))

    def _told(self, candidate: Candidate) -> Candidate:
        gap = self.gap(candidate)
        differs = self._differences.told(candidate.audio) if gap > GAP_WORDS[0][0] else ()
        return replace(candidate, words=grade(gap, GAP_WORDS), differs=differs)

    def warnings(self, candidates: Iterable[Candidate]) -> tuple[str, ...]:
        """Whether this synth can make the sound at all."""
        best: dict[str, Candidate] = {}
        for candidate in candidates:  # best first
            best.setdefault(candidate.kind, candidate)
        if RECIPE in best and self.gap(best[RECIPE]) <= CLOSE:
            return ()
        if RESYNTH in best and best[RESYNTH].heard > self._calibration.far:
            return (FAR,)
        if RECIPE not in best or not self._beyond_knobs():
            return ()
        return (KNOBS + (RECORDING if RESYNTH in best else NO_RESYNTH),)

    def _beyond_knobs(self) -> bool:
        known = self._calibration
        return chance(signs_of(self._clip), known.weights, known.bias) >= known.alarm
