"""Tempo: free rates and delay times that are nearly a note value at a given tempo become that note value."""

from __future__ import annotations

import math
from functools import cache

from presets.patch import Patch
from presets.schema import DIVISIONS, Value

SYNCED = {  # what is snapped -> where its division is written
    "lfo1.rate": "lfo1.division",
    "lfo2.rate": "lfo2.division",
    "delay.time": "delay.division",
    "delay.time_right": "delay.division_right",
}
TOLERANCE = (
    0.06  # neighbours (a dotted note and the next longer triplet) lie 12.5 % apart, so at most one fits
)
FEELS = {"d": 3 / 2, "t": 2 / 3}  # dotted, triplet
BEATS_A_BAR = 4


@cache
def division_beats(division: str) -> float:
    """Length of a division (`1/8`, `1/4d`, `1/2t`) in beats, a beat being a quarter note."""
    feel = FEELS.get(division[-1], 1.0)
    count, _, parts = division.rstrip("dt").partition("/")
    return BEATS_A_BAR * int(count) / int(parts) * feel


def division_seconds(division: str, bpm: float) -> float:
    """Length of a division in seconds."""
    return division_beats(division) * 60 / bpm


def nearest_division(seconds: float, bpm: float) -> tuple[str, float]:
    """The division nearest to a time, and how far off it is (0.06: 6 %)."""
    beats = seconds * bpm / 60
    best = min(DIVISIONS[1:], key=lambda d: abs(math.log(division_beats(d) / beats)))
    return best, abs(beats / division_beats(best) - 1)


def snap_to_tempo(patch: Patch, bpm: float) -> Patch:
    """The patch at a tempo: what is within 6 % of a note value, or was one already, is that note value.

    The free rate or time beside it is set to the same, for synths and eyes that read only that.

    Raises:
        PresetError: the tempo is outside the range of `voice.bpm`.
    """
    bpm = float(patch.schema["voice.bpm"].check(bpm))
    values: dict[str, Value] = {"voice.bpm": bpm}
    for name, division_name in SYNCED.items():
        if patch.matters(name):
            values |= _snapped(patch, name, division_name, bpm)
    return patch.with_values(values)


def _snapped(patch: Patch, name: str, division_name: str, bpm: float) -> dict[str, Value]:
    is_rate = name.endswith(".rate")
    division = str(patch[division_name])
    if division == "free":
        number = patch.number(name)
        division, off = nearest_division(1 / number if is_rate else number, bpm)
        if off > TOLERANCE:
            return {}
    seconds = division_seconds(division, bpm)
    row = patch.schema[name]
    number = min(max(1 / seconds if is_rate else seconds, row.low), row.high)
    return {division_name: division, name: number}
