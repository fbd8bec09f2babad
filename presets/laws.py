"""Laws between a canonical value and a native control: each a pair of opposites, named in the binding tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Law = Mapping[str, Any]
"""One row of a binding table: `control`, `law` and what that law needs (`scale`, `floor`)."""

A4_HZ = 440.0
A4_NOTE = 69
MIDDLE_KEY = 60  # at which a cutoff that follows the keys is the knob's


def hz_to_midi(hz: float) -> float:
    """MIDI note number (with fraction) of a frequency."""
    return A4_NOTE + 12 * math.log2(hz / A4_HZ)


def midi_to_hz(note: float) -> float:
    """Frequency of a MIDI note number; the opposite of hz_to_midi."""
    return float(A4_HZ * 2 ** ((note - A4_NOTE) / 12))


def followed(cutoff: float, keytrack: float, note: float) -> float:
    """Where a cutoff stands when a note is played, all as MIDI notes; `keytrack`: the share of the keys' way it goes."""
    return cutoff + keytrack * (note - MIDDLE_KEY)


@dataclass(frozen=True)
class LawPair:
    """A law and its opposite."""

    encode: Callable[[float, Law], float]
    """value -> native"""
    decode: Callable[[float, Law], float]
    """native -> value"""


def _scale(law: Law) -> float:
    return float(law.get("scale", 1.0))


def _log2(value: float, law: Law) -> float:
    floor = float(law.get("floor", -64.0))
    return max(math.log2(max(value * _scale(law), 1e-18)), floor)


def _exp2(native: float, law: Law) -> float:
    return 0.0 if "floor" in law and native <= law["floor"] else 2.0**native / _scale(law)


LAWS: dict[str, LawPair] = {
    "linear": LawPair(lambda v, w: v * _scale(w), lambda n, w: n / _scale(w)),
    "switch": LawPair(lambda v, w: float(bool(v)), lambda n, w: float(n >= 0.5)),
    "quartic": LawPair(lambda v, w: max(v, 0.0) ** 0.25, lambda n, w: n**4),  # s
    "sqrt": LawPair(lambda v, w: math.sqrt(max(v * _scale(w), 0.0)), lambda n, w: n * n / _scale(w)),
    "db_quarter": LawPair(  # amplitude = native ** 2
        lambda v, w: 10 ** (v / 40), lambda n, w: 40 * math.log10(max(n, 1e-3))
    ),
    "volume_db": LawPair(lambda v, w: (v + 80) ** 2, lambda n, w: math.sqrt(max(n, 0.0)) - 80),
    "midi_hz": LawPair(lambda v, w: hz_to_midi(v), lambda n, w: midi_to_hz(n)),
    "log2": LawPair(_log2, _exp2),
    "log2_period": LawPair(lambda v, w: -math.log2(v), lambda n, w: 2.0**-n),  # s -> log2 Hz
}
