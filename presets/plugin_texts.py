"""What a plugin's texts say of a parameter: choices by name, whole steps, or a range in a unit and the curve across it.

A plugin shows `425 Hz` and says nothing about 426: its texts at evenly spaced raw values are all there is to read. Where
they follow a law that a Schema has (a power, or a logarithm), the row is given in their unit; where they do not, it stays
in raw values. A text decides how a row is shown, never what is set: `value_to_raw` of a row is the plugin's raw value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from presets.errors import PresetError
from presets.plugin_schema import SECTION
from presets.schema import Parameter

N_TEXTS = 201  # raw values at which a parameter is read: every step of 1/200
MOST_CHOICES = 128
MOST_WORDS = 8  # entries of a menu of numbers and a word or two
MOST_WHOLE = 49  # whole numbers that are steps rather than a continuous display without decimals
ON_TEXTS = frozenset({"on", "yes", "true", "enabled"})
OFF_TEXTS = frozenset({"off", "no", "false", "disabled"})
EXPONENTS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 1 / 2, 1 / 3, 1 / 4)
MISFIT = 0.012  # of the whole way, by which a text may lie beside the law: more than its rounding
_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([^\d\s].*)?")
_SCALE = {"khz": ("Hz", 1e3), "hz": ("Hz", 1.0), "ms": ("s", 1e-3), "s": ("s", 1.0), "sec": ("s", 1.0), "us": ("s", 1e-6)}  # fmt: skip


def raws(n: int = N_TEXTS) -> tuple[float, ...]:
    """The raw values at which texts are read."""
    return tuple(i / (n - 1) for i in range(n))


def row_from_texts(
    name: str, default: float, texts: Sequence[str | None], n_steps: int = 0, label: str = ""
) -> Parameter:
    """The row of a parameter.

    Args:
        default: raw 0..1.
        texts: at `raws(len(texts))`; None where the plugin cannot say.
        n_steps: values that the plugin claims for it; 0 or a large number for a continuous one.
        label: its unit, where the texts have none.
    """
    said = [text.strip() for text in texts if text is not None]
    whole = said if len(said) == len(texts) else []
    row = _switch(name, whole, n_steps) or _steps(name, whole) or _range(name, whole, label)
    row = row or Parameter(f"{SECTION}.{name}", "continuous", 0.0)
    value = row.raw_to_value(default)
    return replace(row, default=row.check(value))


# -- steps --------------------------------------------------------------------------------------------------------


def _runs(texts: Sequence[str]) -> list[str]:
    """The texts without repetitions."""
    return [text for i, text in enumerate(texts) if not i or text != texts[i - 1]]


def _switch(name: str, texts: Sequence[str], n_steps: int) -> Parameter | None:
    runs = _runs(texts)
    if len(runs) != 2:
        return None
    off, on = (run.lower() for run in runs)
    numbers = [_number(run) for run in runs]
    is_pair = (off in OFF_TEXTS and on in ON_TEXTS) or (n_steps == 2 and None not in numbers)
    return Parameter(f"{SECTION}.{name}", "switch", False) if is_pair else None


def _steps(name: str, texts: Sequence[str]) -> Parameter | None:
    """Whole numbers in a row, or names, each at its even share of the way."""
    runs = _runs(texts)
    if not 2 <= len(runs) <= MOST_CHOICES or not _is_even(texts, runs):
        return None
    numbers = [n for n in map(_number, runs) if n is not None]
    n_words = len(runs) - len(numbers)
    if n_words > 2 or (n_words and len(runs) <= MOST_WORDS):  # else words at the ends of a range, as -inf dB
        return Parameter(f"{SECTION}.{name}", "choice", runs[0], choices=tuple(_unique(runs)))
    values = [n.value for n in numbers]
    in_steps = all(b - a == 1 for a, b in pairwise(values)) and values[0] == int(values[0])
    if n_words or not in_steps or len(runs) > MOST_WHOLE:
        return None
    return Parameter(f"{SECTION}.{name}", "integer", values[0], numbers[0].unit, values[0], values[-1])


def _is_even(texts: Sequence[str], runs: Sequence[str]) -> bool:
    """Whether the k-th text is shown at k / (n - 1) of the way."""
    last = len(texts) - 1
    return all(texts[round(k / (len(runs) - 1) * last)] == run for k, run in enumerate(runs))


def _unique(names: Sequence[str]) -> Iterator[str]:
    seen: dict[str, int] = {}
    for name in (name or "-" for name in names):
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name} ({seen[name]})"


# -- ranges -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Number:
    value: float
    unit: str
    step: float
    """Half a unit of the last digit shown."""


def _number(text: str) -> _Number | None:
    match = _NUMBER.fullmatch(text)
    if not match:
        return None
    unit = (match[2] or "").strip()
    unit, scale = _SCALE.get(unit.lower(), (unit, 1.0))
    decimals = len(match[1].partition(".")[2]) if "e" not in match[1].lower() else 6
    return _Number(float(match[1]) * scale, unit, 0.5 * 10.0**-decimals * scale)


def _range(name: str, texts: Sequence[str], label: str) -> Parameter | None:
    """A law through the numbers; None where they follow none."""
    numbers = [_number(text) for text in texts]
    known = [(x, n) for x, n in zip(raws(len(texts)), numbers, strict=True) if n is not None]
    if len(known) < 0.9 * len(texts) or len({n.unit for _, n in known}) != 1 or numbers[-1] is None:
        return None
    if numbers[0] is None:  # -inf dB: silence has no place in a range
        return None
    low, high = numbers[0].value, numbers[-1].value
    unit = numbers[0].unit or label
    if not low < high:
        return None
    for curve in _curves(low, high):
        row = Parameter(f"{SECTION}.{name}", "continuous", low, unit, low, high, curve)
        if all(abs(_raw(row, n.value) - x) <= MISFIT + _rounding(row, n) for x, n in known):
            return row
    return None


def _curves(low: float, high: float) -> Iterator[float | Literal["log"]]:
    yield from EXPONENTS
    if low > 0:
        yield "log"


def _raw(row: Parameter, value: float) -> float:
    try:
        return row.value_to_raw(value)
    except (ValueError, ZeroDivisionError, PresetError):
        return math.inf


def _rounding(row: Parameter, number: _Number) -> float:
    """How far along the way half a unit of the last digit shown can be; most near the flat end of a curve."""
    near = _raw(row, number.value)
    beside = (min(max(number.value + sign * number.step, row.low), row.high) for sign in (-1, 1))
    return max(abs(_raw(row, value) - near) for value in beside)
