"""Laws between a value and a knob from 0 to 1 (its raw): each a pair of opposites, named in Serum's binding tables.

`span` and `low` say what the knob goes through, in the value's unit; `exponent`, `ratio`, `k` how it bends.
"""

from __future__ import annotations

import math

from presets.laws import Law, LawPair, hz_to_midi, midi_to_hz


def _low(law: Law) -> float:
    return float(law.get("low", 0.0))


def _span(law: Law) -> float:
    return float(law.get("span", 1.0))


def _decibels(raw: float, law: Law) -> float:
    return float(law["k"]) * math.log10(max(raw, 1e-9)) + float(law.get("offset", 0.0))


def _power(value: float, law: Law) -> float:
    return float((max(value, 0.0) / _span(law)) ** (1 / float(law["exponent"])))


def _noise_pitch(raw: float, law: Law) -> float:
    return 96 * (raw - 0.5) if raw >= 0.5 else 100 * math.log2(max(2 * raw, 1e-9))


def _unit_sine(value: float) -> float:
    """Angle 0..1 whose sine is value."""
    return math.asin(min(max(value, 0.0), 1.0)) * 2 / math.pi


def _sine(unit: float) -> float:
    return math.sin(min(max(unit, 0.0), 1.0) * math.pi / 2)


KNOB_LAWS: dict[str, LawPair] = {
    "switch": LawPair(lambda v, w: float(bool(v)), lambda n, w: float(n >= 0.5)),
    "span": LawPair(lambda v, w: (v - _low(w)) / _span(w), lambda n, w: _low(w) + _span(w) * n),
    "steps": LawPair(
        lambda v, w: (v - _low(w)) / float(w["steps"]),
        lambda n, w: _low(w) + math.floor(float(w["steps"]) * n + 0.5),
    ),
    "power": LawPair(_power, lambda n, w: _span(w) * n ** float(w["exponent"])),
    "decibels": LawPair(lambda v, w: 10 ** ((v - float(w.get("offset", 0.0))) / float(w["k"])), _decibels),
    "exponential": LawPair(
        lambda v, w: math.log(v / _low(w)) / math.log(float(w["ratio"])),
        lambda n, w: _low(w) * float(w["ratio"]) ** n,
    ),
    "midi_span": LawPair(
        lambda v, w: (hz_to_midi(v) - _low(w)) / _span(w), lambda n, w: midi_to_hz(_low(w) + _span(w) * n)
    ),
    "turned": LawPair(  # a phase half a cycle on
        lambda v, w: (v / _span(w) + 0.5) % 1.0, lambda n, w: (n + 0.5) % 1.0 * _span(w)
    ),
    "noise_pitch": LawPair(lambda v, w: 0.5 + v / 96 if v >= 0 else 2 ** (v / 100) / 2, _noise_pitch),
    "square_from": LawPair(
        lambda v, w: math.sqrt(max(v - _low(w), 0.0) / _span(w)), lambda n, w: _low(w) + _span(w) * n * n
    ),
    "bandwidth": LawPair(lambda v, w: math.sqrt(max(v - 0.075, 0.0) / 7.5), lambda n, w: 0.075 + 7.5 * n * n),
    "ratio": LawPair(lambda v, w: (1 - 1 / max(v, 1.0)) / (1 - 1e-6), lambda n, w: 1 / (1 - n + n / 1e6)),
    "delay_time": LawPair(lambda v, w: (max(v - 0.001, 0.0) / 0.5) ** 0.25, lambda n, w: 0.001 + 0.5 * n**4),
    "wet": LawPair(  # % of a linear mix; the wet gain of the knob is sin^2
        lambda v, w: _unit_sine(math.sqrt(max(v, 0.0) / 100)), lambda n, w: 100 * _sine(n) ** 2
    ),
    "wet_power": LawPair(  # % of a mix of equal power
        lambda v, w: _unit_sine(math.sqrt(_sine(v / 100))), lambda n, w: 100 * _unit_sine(_sine(n) ** 2)
    ),
}
