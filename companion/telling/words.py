"""Figures as a person says them: `1.2 kHz`, `250 ms`, `7 semitones up (a fifth)`; and how near a score is."""

from __future__ import annotations

from collections.abc import Callable

from presets.schema import Parameter, Value

Grades = tuple[tuple[float, str], ...]
"""(upper bound, words), rising; what lies above the last bound takes the last words."""

GAP_WORDS: Grades = (
    (0.05, "as good as identical"),
    (0.15, "very close"),
    (0.35, "a close relative"),
    (0.70, "only the character"),
    (2.00, "not this sound"),
)  # of the gap G that a score stands for: docs/score.md

INTERVALS = {
    1: "a semitone", 2: "a tone", 3: "a minor third", 4: "a major third", 5: "a fourth", 6: "a tritone", 7: "a fifth",
    8: "a minor sixth", 9: "a major sixth", 10: "a minor seventh", 11: "a major seventh", 12: "an octave",
    19: "an octave and a fifth", 24: "two octaves", 36: "three octaves", 48: "four octaves", 60: "five octaves",
}  # fmt: skip

NUMBERS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)


def grade(value: float, grades: Grades) -> str:
    """The words of the first grade that holds `value`."""
    return next((words for bound, words in grades if value <= bound), grades[-1][1])


def score_text(score: float, words: str = "") -> str:
    """`a close relative (0.23)`; where nobody said the words, those of a gap as large as the score."""
    return f"{words or grade(score, GAP_WORDS)} ({score:.2f})"


def figure(value: float, digits: int = 2) -> str:
    """A number in `digits` significant digits, without exponent or trailing zeros; larger ones stay whole."""
    value += 0.0  # -0 becomes 0
    if abs(value) >= 10**digits:
        return f"{value:.0f}"
    text = f"{value:.{digits}g}"
    return f"{float(text):.10f}".rstrip("0").rstrip(".") if "e" in text else text


def hz_text(hz: float) -> str:
    """`82 Hz`, `1.2 kHz`."""
    return f"{figure(hz / 1000)} kHz" if hz >= 999.5 else f"{hz:.0f} Hz" if hz >= 20 else f"{figure(hz)} Hz"


def seconds_text(seconds: float) -> str:
    """`0.5 ms`, `250 ms`, `1.2 s`."""
    if seconds >= 0.995:
        return f"{figure(seconds)} s"
    return f"{figure(seconds * 1000)} ms" if seconds >= 0.001 else f"{figure(round(seconds * 1000, 1))} ms"


def percent_text(percent: float) -> str:
    """`33 %`, `-7.5 %`."""
    return f"{figure(round(percent, 1))} %"


def semitones_text(semitones: float, named: bool = True) -> str:
    """`7 semitones (a fifth)`; without direction, and without the interval's name where `named` is False."""
    size = abs(semitones)
    interval = INTERVALS.get(round(size)) if abs(size - round(size)) < 0.05 else None
    unit = "semitone" if figure(size) == "1" else "semitones"
    return f"{figure(size)} {unit}" + (f" ({interval})" if named and interval and size > 1.5 else "")


def count_text(n: int) -> str:
    """`five`, `16`."""
    return NUMBERS[n] if n < len(NUMBERS) else str(n)


def rate_text(hz: float) -> str:
    """`once every 4 s`, `3 times a second`, `at 110 Hz`."""
    if hz < 0.95:
        return f"once every {figure(1 / hz)} s"
    if hz < 1.05:
        return "once a second"
    return f"{figure(hz)} times a second" if hz < 20 else f"at {hz_text(hz)}"


UNIT_TEXTS: dict[str, Callable[[float], str]] = {
    "Hz": hz_text,
    "s": seconds_text,
    "ms": lambda ms: seconds_text(ms / 1000),
    "st": semitones_text,
    "cents": lambda v: f"{figure(abs(v))} cents",
    "dB": lambda v: f"{figure(round(v, 1))} dB",
    "%": lambda v: percent_text(abs(v)),
    "deg": lambda v: f"{figure(v)} degrees",
    "": lambda v: figure(v, 3),
}


def value_words(row: Parameter, value: Value) -> str:
    """A parameter's value for prose; of what goes to two sides only the size: the sentence says which side."""
    if row.kind == "switch":
        return "on" if value else "off"
    return str(value).replace("_", " ") if row.kind == "choice" else UNIT_TEXTS[row.unit](float(value))
