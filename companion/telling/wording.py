"""The names a phrase of one section may use, and what stands in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from companion.telling.phrases import CHOICES, GRADES, SUB_WAVES, WAVES
from companion.telling.words import (
    count_text,
    figure,
    grade,
    rate_text,
    seconds_text,
    semitones_text,
    value_words,
)
from presets.patch import Patch
from presets.schema import OWN, Value
from presets.vital import TABLE_OF

T = TypeVar("T")

HELD = 99.5  # % of sustain from which an envelope stays up
AT_ONCE_S = 0.03


def family(section: str) -> str:
    return section.rstrip("0123456789")


class Speaker(Mapping[str, object]):
    """The names a phrase of one section may use: its settings, and the figures of COMPUTED."""

    def __init__(self, patch: Patch, section: str, **extra: str) -> None:
        self.patch, self.section, self._extra = patch, section, extra

    def name(self, key: str) -> str:
        """`filter1.cutoff` of `cutoff`."""
        return f"{self.section}.{key}"

    def matters(self, key: str) -> bool:
        """Whether a setting can be heard."""
        name = self.name(key)
        return name in self.patch.schema and self.patch.matters(name)

    def __getitem__(self, key: str) -> object:
        if key in self._extra:
            return self._extra[key]
        if key in COMPUTED:
            return COMPUTED[key](self.patch, self.section)
        return Word(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(COMPUTED)

    def __len__(self) -> int:
        return len(COMPUTED)


@dataclass(frozen=True)
class Word:
    """One setting: as text its value, and by attribute how it is otherwise spoken of."""

    speaker: Speaker
    key: str

    @property
    def value(self) -> Value:
        """Its value."""
        return self.speaker.patch[self.speaker.name(self.key)]

    def __str__(self) -> str:
        return value_words(self.speaker.patch.schema[self.speaker.name(self.key)], self.value)

    @property
    def word(self) -> str:
        """The word of its strength."""
        grades = _look_up(GRADES, self.speaker.section, self.key)
        number = float(self.value)
        return grade(number if grades[0][0] < 0 else abs(number), grades)

    @property
    def phrase(self) -> str:
        """The phrase of its choice, filled in."""
        return _look_up(CHOICES, self.speaker.section, self.key)[str(self.value)].format_map(self.speaker)

    @property
    def rate(self) -> str:
        """Its Hz as `3 times a second`."""
        return rate_text(float(self.value))

    @property
    def count(self) -> str:
        """A number written out."""
        return count_text(int(self.value))

    @property
    def Count(self) -> str:
        """A number written out at the start of a sentence."""
        return _capital(self.count)


def _look_up(table: Mapping[str, T], section: str, key: str) -> T:
    return next(table[k] for k in (f"{section}.{key}", f"{family(section)}.{key}", f"*.{key}") if k in table)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def wave_words(patch: Patch, section: str, position: float | None = None) -> str:
    """The wave an oscillator plays at a position in % (default: the patch's own)."""
    table = str(patch[f"{section}.table"])
    at = patch.number(f"{section}.position") if position is None else position
    if table == OWN:
        n = len(patch.assets[TABLE_OF[section]])
        return f"{n} {WAVES[OWN][0][1]}" if n > 1 else "a wave of its own"
    return min(WAVES[table], key=lambda place: abs(place[0] - at))[1]


def _in_table(patch: Patch, section: str) -> str:
    """Where in which table the wave stands: ` (basic shapes, position 69 %)`."""
    position, table = figure(patch.number(f"{section}.position")), str(patch[f"{section}.table"])
    if table == OWN:
        return f" (position {position} %)" if len(patch.assets[TABLE_OF[section]]) > 1 else ""
    return f" ({table.replace('_', ' ')}, position {position} %)"


def _steps(patch: Patch, section: str) -> float:
    return 12 * patch.number(f"{section}.octave") + patch.number(f"{section}.semitone")


def _interval(patch: Patch, section: str) -> str:
    steps = _steps(patch, section)
    return f"{semitones_text(steps)} {'up' if steps > 0 else 'down'}" if steps else "to the note itself"


def _place(patch: Patch, section: str) -> str:
    steps = _steps(patch, section)
    places = {
        -1: "{} below the note, for weight",
        0: "on the note itself, for body",
        1: "{} above the note, for sparkle",
    }
    return places[(steps > 0) - (steps < 0)].format(semitones_text(steps))


def _fall(patch: Patch, section: str) -> str:
    sustain, decay = patch.number(f"{section}.sustain"), seconds_text(patch.number(f"{section}.decay"))
    if sustain >= HELD:
        return "stays up as long as the key is held"
    return f"dies away over {decay}" if sustain < 0.5 else f"falls to {figure(sustain)} % over {decay}"


def _course(patch: Patch, section: str) -> str:
    """How an envelope carries a movement: `at once, then back over 300 ms`."""
    attack, sustain = patch.number(f"{section}.attack"), patch.number(f"{section}.sustain")
    up = "at once" if attack < AT_ONCE_S else f"over {seconds_text(attack)}"
    if sustain >= HELD:
        return f"{up}, and it stays there while the key is held"
    back = "back" if sustain < 0.5 else "most of the way back" if sustain < 40 else "part of the way back"
    return f"{up}, then {back} over {seconds_text(patch.number(f'{section}.decay'))}"


def division_text(division: str) -> str:
    """`1/8`, `dotted 1/8`, `1/8 triplet` of `1/8`, `1/8d`, `1/8t`."""
    return {"d": f"dotted {division[:-1]}", "t": f"{division[:-1]} triplet"}.get(division[-1], division)


def _speed(patch: Patch, section: str) -> str:
    """How fast an LFO goes."""
    division, rate = str(patch[f"{section}.division"]), patch.number(f"{section}.rate")
    if division != "free":
        return f"one cycle each {division_text(division)} note at {figure(patch.number('voice.bpm'), 3)} BPM"
    if patch[f"{section}.mode"] == "one_shot":
        return f"once over {seconds_text(1 / rate)}"
    return f"{rate_text(rate)}, {grade(rate, GRADES['lfo.rate'])}"


def _beat(side: str) -> Callable[[Patch, str], str]:
    def beat(patch: Patch, section: str) -> str:
        division = str(patch[f"{section}.division{side}"])
        locked = f"each {division_text(division)} note at {figure(patch.number('voice.bpm'), 3)} BPM"
        return (
            locked if division != "free" else f"every {seconds_text(patch.number(f'{section}.time{side}'))}"
        )

    return beat


COMPUTED: dict[str, Callable[[Patch, str], str]] = {
    "wave": wave_words,
    "in_table": _in_table,
    "Wave": lambda patch, section: _capital(wave_words(patch, section)),
    "Shape": lambda patch, section: _capital(SUB_WAVES[str(patch[f"{section}.shape"])]),
    "interval": _interval,
    "place": _place,
    "fall": _fall,
    "course": _course,
    "speed": _speed,
    "setting": lambda patch, section: f"{figure(patch.number(f'macro.m{section[-1]}'))} %",
    "beat": _beat(""),
    "beat_right": _beat("_right"),
}
