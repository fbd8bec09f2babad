"""Which of a plugin's parameters is meant by a name: builds of one synth spell theirs differently, and add units.

Four looks, each only for what the ones before left over, and each only where one name answers to one parameter: the name
or an alias as it stands; letters and digits alone; words in one spelling (`Env 1 Attack (ms)` is `Env1 Atk`); and the place
in the list, between two neighbours that were found and are as far apart as they should be. The last is a guess that the
answer names as one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

Key = Callable[[str], str]

UNITS = frozenset({
    "hz", "khz", "ms", "s", "sec", "secs", "seconds", "db", "%", "percent", "cents", "cent", "ct", "st", "semi",
    "semitone", "semitones", "deg", "degrees", "oct", "octaves", "bpm",
})  # fmt: skip
SPELLINGS: dict[str, str] = {
    spelling: word
    for word, spellings in {
        "osc": "oscillator oscillators", "env": "envelope eg", "fil": "filter flt filt", "lfo": "", "mod": "modulation",
        "atk": "attack att", "dec": "decay", "sus": "sustain", "rel": "release", "hld": "hold",
        "vol": "volume level lvl gain", "pan": "panning", "mast": "master main", "tun": "tune tuning",
        "oct": "octave", "semi": "semitone semitones", "uni": "unison", "det": "detune", "ph": "phase",
        "rand": "random", "coarse": "crs", "pit": "pitch", "wt": "wavetable", "pos": "position",
        "freq": "frequency frq", "reso": "resonance res", "driv": "drive drv", "var": "variation", "typ": "type",
        "dist": "distortion", "flg": "flanger flange", "phs": "phaser", "cho": "chorus", "dly": "delay del",
        "cmp": "compressor comp compress", "verb": "reverb rev", "hyp": "hyper", "dim": "dimension", "eq": "equalizer equaliser",
        "wet": "drywet", "dep": "depth dpth", "feed": "feedback fb", "stereo": "width wdth", "rate": "speed",
        "thr": "threshold thresh", "rat": "ratio", "amt": "amount amnt", "out": "output", "on": "enable enabled switch",
        "smooth": "smoothing", "port": "portamento porta glide", "time": "tim", "curve": "crv", "bend": "bnd",
        "noise": "ns noi", "macro": "mac", "size": "siz", "ct": "cut", "sync": "synced",
    }.items()
    for spelling in (word, *spellings.split())
}  # fmt: skip
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|%")
NEAREST = 3  # neighbours looked at on each side, for a place in the list


@dataclass(frozen=True)
class Wanted:
    """A parameter as a binding calls it."""

    name: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Resolution:
    """What of a binding a plugin has."""

    found: Mapping[str, str]
    """Name in the binding -> name that the plugin shows."""
    guessed: tuple[str, ...]
    """Of those, the ones found by their place only."""
    missing: tuple[str, ...]
    """Names in the binding that the plugin does not show."""

    @property
    def share(self) -> float:
        """Of the binding's names, those that were found by name."""
        named = len(self.found) - len(self.guessed)
        return named / max(len(self.found) + len(self.missing), 1)


def letters(name: str) -> str:
    """Letters and digits alone, in lower case."""
    return re.sub(r"[^a-z0-9]+", "", name.lower())


def words(name: str) -> str:
    """Its words in one spelling, without a unit at the end."""
    found = [word.lower() for word in _WORDS.findall(name)]
    while len(found) > 1 and found[-1] in UNITS and _stands_apart(name, found[-1]):
        found.pop()
    return " ".join(SPELLINGS.get(word, word) for word in found)


def _stands_apart(name: str, unit: str) -> bool:
    """Whether a last word is a unit added to the name: in brackets, after a blank, or after an underscore."""
    return re.search(rf"[\s_(\[<|/-]{re.escape(unit)}[\s)\]>]*$", name, re.IGNORECASE) is not None


def _bag(name: str) -> str:
    """Words in one spelling, in any order and without what some builds leave out."""
    return " ".join(sorted(word for word in words(name).split() if word not in ("osc", "fx", "knob")))


LOOKS: tuple[Key, ...] = (str, letters, lambda name: words(name).replace(" ", ""), words, _bag)


def resolve(wanted: Iterable[Wanted], shown: Sequence[str]) -> Resolution:
    """Finds each wanted parameter among the names that a plugin shows, in its order."""
    rows = tuple(wanted)
    found: dict[str, str] = {}
    doubled = _doubled(shown)
    for look in LOOKS:
        taken = {*found.values(), *doubled}
        left = _unique((name, look(name)) for name in shown if name not in taken)
        asked = _unique((row.name, look(n)) for row in rows if row.name not in found for n in _names(row))
        found |= {asked[key]: name for key, name in left.items() if key in asked}
    guessed = _by_place([row.name for row in rows], list(shown), found)
    found |= guessed
    missing = tuple(row.name for row in rows if row.name not in found)
    return Resolution(
        {row.name: found[row.name] for row in rows if row.name in found}, tuple(guessed), missing
    )


def _names(row: Wanted) -> tuple[str, ...]:
    return (row.name, *row.aliases)


def _doubled(shown: Sequence[str]) -> set[str]:
    """Names that a plugin shows twice, the second as `name (2)`: which of them is meant, only their places say."""
    seconds = {name for name in shown if re.search(r" \(\d+\)$", name)}
    return {name for name in shown if name in seconds or f"{name} (2)" in seconds}


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Key -> the one name that has it."""
    names: dict[str, set[str]] = {}
    for name, key in pairs:
        names.setdefault(key, set()).add(name)
    return {key: next(iter(those)) for key, those in names.items() if len(those) == 1 and key}


def _by_place(order: list[str], shown: list[str], found: Mapping[str, str]) -> dict[str, str]:
    """Parameters whose neighbours on both sides were found, as far apart in the plugin as in the binding."""
    at = {name: i for i, name in enumerate(shown)}
    taken, guessed = set(found.values()), dict[str, str]()
    for i, name in enumerate(order):
        if name in found:
            continue
        offsets = [_offset(order, found, at, i, step) for step in (-1, 1)]
        if None in offsets or offsets[0] != offsets[1]:
            continue
        place = i + (offsets[0] or 0)
        if 0 <= place < len(shown) and shown[place] not in taken:
            guessed[name] = shown[place]
            taken.add(shown[place])
    return guessed


def _offset(
    order: list[str], found: Mapping[str, str], at: Mapping[str, int], i: int, step: int
) -> int | None:
    """How far the next found neighbour lies from its place in the binding."""
    for j in range(i + step, i + step * (NEAREST + 1), step):
        if 0 <= j < len(order) and order[j] in found:
            return at[found[order[j]]] - j
    return None
