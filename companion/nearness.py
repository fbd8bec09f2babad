"""How near an answer comes to a clip, in words that mean the same for every clip.

    nearness = Nearness(listen(clip))
    nearness.told(candidates)        # the same candidates, each with its words and what differs most

A score is a distance; two renders of one and the same preset have one, too: unison voices, noise and LFOs start elsewhere
each time. How far they lie apart, the clip's floor, is foretold from the clip, and the score above it is turned into the gap
G that such scores had on real presets (`nearness.json`, made by `python -m export calibrate`; docs/score.md). The words are
those of the gap.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from companion.audio import Audio
from companion.board import Candidate
from companion.differences import Differences, width
from companion.listen import Heard
from companion.words import GAP_WORDS, grade

CALIBRATION = Path(__file__).with_name("nearness.json")


@dataclass(frozen=True)
class Calibration:
    """What was measured: see docs/score.md."""

    floor: tuple[float, float]
    """The floor of a mono clip, and what the root of a stereo clip's width adds to it."""
    share: float
    """Of the floor that is taken off a score."""
    scores: tuple[float, ...]
    """Scores above the floor, rising,"""
    gaps: tuple[float, ...]
    """and the gap G that goes with each."""

    def floor_of(self, clip: Audio) -> float:
        """What a re-render of a sound like this clip (channels, n) would score."""
        wide = width(clip)
        return max(0.0, self.floor[0] + self.floor[1] * math.sqrt(wide if math.isfinite(wide) else 0.0))

    def gap(self, score: float, floor: float) -> float:
        """The gap G to be expected of a score."""
        return float(np.interp(score - self.share * floor, self.scores, self.gaps))


@cache
def calibration() -> Calibration:
    """The one that ships."""
    data: dict[str, Any] = json.loads(CALIBRATION.read_text("utf-8"))
    return Calibration(tuple(data["floor"]), data["share"], tuple(data["scores"]), tuple(data["gaps"]))


class Nearness:
    """Knows a clip; says how near answers come to it."""

    def __init__(self, heard: Heard) -> None:
        self._calibration = calibration()
        self.floor = self._calibration.floor_of(heard.audio)
        self._differences = Differences(heard.audio, heard.note_off_s)

    def gap(self, score: float) -> float:
        """The gap G to be expected of a score."""
        return self._calibration.gap(score, self.floor)

    def words(self, score: float) -> str:
        """`a close relative`."""
        return grade(self.gap(score), GAP_WORDS)

    def warnings(self, candidates: Iterable[Candidate]) -> tuple[str, ...]:
        """What a user should know before trusting them."""
        return ()

    def told(self, candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
        """The candidates with their words and what differs most."""
        return tuple(self._told(candidate) for candidate in candidates)

    def _told(self, candidate: Candidate) -> Candidate:
        same = self.gap(candidate.score) <= GAP_WORDS[0][0]
        differs = () if same else self._differences.told(candidate.audio)
        return replace(candidate, words=self.words(candidate.score), differs=differs)
