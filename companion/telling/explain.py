"""A patch in plain words: what each section of it does to the sound.

    for paragraph in explain(patch):
        print(paragraph.title, paragraph.text)
    print(how_to_change(patch))

The words stand in `phrases.py`, `wording.py` fills them in; here they are chosen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from companion.telling.movement import DRAWN, Move, moves, plays_the_clip
from companion.telling.phrases import (
    COURSE,
    COURSE_ENDING,
    COURSE_FILTERED,
    COURSE_TITLE,
    COURSE_UNFILTERED,
    DESTINATIONS,
    KINDS,
    LINES,
    NOTHING_SAID,
    SOURCES,
    TITLES,
    Destination,
    Line,
)
from companion.telling.wording import Speaker, Word, family, wave_words
from companion.telling.words import (
    figure,
    percent_text,
    seconds_text,
    semitones_text,
    value_words,
)
from presets.patch import RESYNTH, Patch
from presets.schema import OWN, Parameter, Value
from presets.txt import note_name
from presets.vital import Reading

Names = set[tuple[str, str]]
"""(section, key) of parameters."""

SOUND_SOURCES = ("osc1", "osc2", "sub", "noise")
SILENT_DB = -39.9  # the lowest a level's knob says
OPEN_HZ = 12_000.0  # a low-pass above it has little left to open
A_HAIR = 0.015  # of a parameter's travel; foreign presets are off their own defaults by that much
A_HAIR_CENTS = 1.5  # tuning has a finer travel than the ear
MOST_DIFFERENCES, LEAST_SHARED = 2, 3  # sentences in which two oscillators are said to be alike
CYCLIC = ("lfo1", "lfo2", "random")


@dataclass(frozen=True)
class Paragraph:
    """One section of a patch."""

    title: str
    text: str


def introduction(reading: Reading) -> str:
    """What is said of a preset from elsewhere before it is explained; nothing of a patch of one's own."""
    if not reading.n_active:
        return ""
    text = f"A {reading.synth} preset; {reading.coverage:.0%} of the {reading.n_active} settings it uses have words here."
    near = "; ".join(reading.approximated)
    return f"{text} Only near the original: {near}." if near else text


def explain(patch: Patch, opening: str = "") -> tuple[Paragraph, ...]:
    """What each section in use does to the sound, in the order the sound takes.

    Args:
        opening: said first instead of the note it was heard at and the kind of patch.
    """
    used, all_moves = off_default(patch), moves(patch)
    ours = patch.kind == RESYNTH and not opening
    active = [m for m in all_moves if not (ours and plays_the_clip(patch, m))]
    shown = sections_in_use(patch, used, active)
    said = {section: list(_section_sentences(patch, section, used, active)) for section in shown}
    if "osc1" in said and "osc2" in said:
        said["osc2"] = _beside(said["osc1"], said["osc2"])
    paragraphs = [Paragraph(TITLES[section], " ".join(said[section])) for section in shown]
    if course := _course([m for m in all_moves if m not in active], patch):
        paragraphs.insert(shown.index("env1") + 1, course)
    idle = [m for m in active if m.section not in shown]
    if idle:
        text = " ".join(
            f"{SOURCES[m.source][0]} points at {label(m.destination)}, which is off." for m in idle
        )
        paragraphs.append(Paragraph("Without effect", text))
    return (Paragraph(patch.name or "This patch", _opening(patch, opening)), *paragraphs)


def sections_in_use(patch: Patch, used: Names, active: list[Move]) -> tuple[str, ...]:
    """Sections that are on, or used by a routing; in the order of TITLES."""
    sources = {m.source for m in active}
    targets = {m.section for m in active}

    def shown(section: str) -> bool:
        if section in ("env1", "voice", "volume"):
            return True
        if section.startswith(("env", "lfo")):
            return section in sources
        if section.startswith("mod"):
            return section in targets and patch[f"{section}.source"] != "none"
        if section == "macro":
            return any(s == section for s, _ in used) or any(s.startswith("macro") for s in sources)
        return bool(patch[f"{section}.on"])

    return tuple(s for s in TITLES if shown(s))


def off_default(patch: Patch) -> Names:
    """(section, key) of what matters and is off its default by more than a hair."""
    rows = [patch.schema[name] for name in patch.active()]
    return {(row.section, row.key) for row in rows if not _by_a_hair(row, patch[row.name])}


def _by_a_hair(row: Parameter, value: Value) -> bool:
    if row.unit == "cents":
        return abs(float(value) - float(row.default)) < A_HAIR_CENTS
    return abs(row.value_to_raw(value) - row.value_to_raw(row.default)) <= A_HAIR


def _opening(patch: Patch, opening: str) -> str:
    text = opening or f"Heard at {note_name(patch.note)}. {KINDS[patch.kind]}"
    silent = not any(patch[f"{s}.on"] for s in SOUND_SOURCES)
    return f"{text} No oscillator and no noise is on, so it makes no sound." if silent else text


def _section_sentences(patch: Patch, section: str, used: Names, active: list[Move]) -> Iterator[str]:
    speaker = Speaker(patch, section)
    keys = {key for s, key in used if s == section}
    lines = LINES.get(section) or LINES[family(section)]
    said = [sentence for line in lines if (sentence := _line_sentence(speaker, line, keys))]
    yield from said
    for source, sentence in _source_sentences(active):
        if source == section or (section == "macro" and source.startswith("macro")):
            said.append(sentence)
            yield sentence
    if not said:
        yield NOTHING_SAID
    yield from (_move_sentence(patch, m) for m in active if m.section == section)


def _beside(first: list[str], second: list[str]) -> list[str]:
    """What is said of the second oscillator, where it is much like the first only in what it differs."""
    own = [sentence for sentence in second if sentence not in first]
    if len(own) > MOST_DIFFERENCES or len(second) - len(own) < LEAST_SHARED:
        return second
    return ["As oscillator 1." if not own else "As oscillator 1, but:", *own]


def _course(playing: list[Move], patch: Patch) -> Paragraph | None:
    """One paragraph for all that plays a resynth's clip."""
    if not playing:
        return None
    sources = sorted({m.source for m in playing}, key=DRAWN.index)
    lets_go = any(m.source.startswith("env") for m in playing)
    speeds = [
        seconds_text(1 / patch.number(f"{source}.rate")) for source in sources if source.startswith("lfo")
    ]
    text = COURSE.format(
        names=_listed([SOURCES[s][0] for s in sources]).replace(" E", " e"),
        speed=f"over {speeds[0]}" if speeds else "as it did",
        ending=COURSE_ENDING if lets_go else "",
        filtering=COURSE_FILTERED if patch["filter1.on"] else COURSE_UNFILTERED,
    )
    return Paragraph(COURSE_TITLE, text)


def _listed(names: list[str]) -> str:
    """`A`, `A and B`, `A, B and C`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _source_sentences(active: list[Move]) -> Iterator[tuple[str, str]]:
    """(section, sentence) of what each source moves; the section of a slot is the slot itself."""
    for m in active:
        yield f"mod{m.slot}", f"{SOURCES[m.source][0]} moves {label(m.destination)}."
    for source in dict.fromkeys(m.source for m in active):
        name = SOURCES[source][0] if source.startswith("macro") else "It"
        yield source, f"{name} moves {', '.join(label(m.destination) for m in active if m.source == source)}."


def _line_sentence(speaker: Speaker, line: Line, used: set[str]) -> str:
    mattering = [key for key in line.keys if speaker.matters(key)]
    if not mattering or not (line.always or used.intersection(line.keys)):
        return ""
    negative = line.below and speaker.patch.number(speaker.name(line.keys[0])) < 0
    text = (line.below if negative else line.text).format_map(speaker)
    return "" if text[:1] in (".", " ") else text.replace("..", ".")  # an empty phrase: nothing to say


# -- movements ----------------------------------------------------------------------------------------------------

_LABEL_TITLES = {"voice": "the whole patch's", "env1": "envelope 1", "volume": "the volume's"}


def label(destination: str) -> str:
    """`filter 1 cutoff`."""
    section, _, key = destination.partition(".")
    title = _LABEL_TITLES.get(section) or TITLES[section]
    kept = title if title.isupper() or title.startswith("LFO") else title[:1].lower() + title[1:]
    return f"{kept} {key.replace('_', ' ')}"


def _destination(patch: Patch, m: Move) -> Destination:
    if m.key == "cutoff":
        kind = str(patch[f"{m.section}.type"])
        side = "low" if "lp" in kind else "high" if "hp" in kind else "band"
        return DESTINATIONS[f"cutoff.{side}"]
    return DESTINATIONS.get(f"{family(m.section)}.{m.key}") or DESTINATIONS[m.key]


def _end_text(patch: Patch, m: Move, value: float) -> str:
    if m.key == "level" and value <= SILENT_DB:
        return "silence"
    unit = patch.schema[m.destination].unit
    return percent_text(value) if unit == "%" else value_words(patch.schema[m.destination], value)


def _span_text(patch: Patch, m: Move) -> str:
    """`by 12 semitones (an octave)` of pitches, `from 900 Hz to 5.4 kHz (31 semitones)` of the rest."""
    if m.key == "pitch":
        return f"by {semitones_text((m.end - m.start) / (2 if m.bipolar else 1))}"
    if m.key in ("fine", "tune"):
        return f"by {figure(abs(m.end - m.start) / (2 if m.bipolar else 1))} cents"
    low, high = _end_text(patch, m, m.start), _end_text(patch, m, m.end)
    span = f"between {low} and {high}" if m.bipolar else f"from {low} to {high}"
    if m.key not in ("cutoff", "band_freq"):
        return span
    return f"{span} ({semitones_text(12 * math.log2(m.end / m.start), named=False)})"


def _move_sentence(patch: Patch, m: Move) -> str:
    """`Envelope 2 moves its cutoff from 900 Hz to 5.4 kHz (31 semitones): it opens and gets brighter, at once, ...`."""
    name, how = SOURCES[m.source]
    words = _destination(patch, m)
    if m.start == m.end or (
        not words.relative and _end_text(patch, m, m.start) == _end_text(patch, m, m.end)
    ):
        why = (
            "with no amount yet" if not patch.number(f"mod{m.slot}.amount") else "which is at its end already"
        )
        return f"{name} points at {words.what}, {why}."
    waves: dict[str, str] = {}
    if m.key == "position":
        waves = {
            "wave": wave_words(patch, m.section, m.end),
            "wave_low": wave_words(patch, m.section, m.start),
        }
    swings = m.bipolar and m.source in CYCLIC
    effect = words.swing if swings else words.up if m.rises else words.down
    effect = effect.format_map(Speaker(patch, m.section, **waves))
    verb = "swings" if swings else "moves"
    to_both_sides = (
        f" to both sides{'' if m.rises or not swings else ', upside down'}"
        if m.bipolar and words.relative
        else ""
    )
    how = how.format_map(Speaker(patch, m.source))
    return f"{name} {verb} {words.what} {_span_text(patch, m)}{to_both_sides}: {effect}, {how}{_bend(patch, m.slot)}."


def _bend(patch: Patch, slot: int) -> str:
    curve = patch.number(f"mod{slot}.curve")
    where = "beginning" if curve > 0 else "end"
    return (
        f"; most of the change comes at the {where} of the movement ({figure(abs(curve), 3)} % curve)"
        if curve
        else ""
    )


# -- what to turn -------------------------------------------------------------------------------------------------


def how_to_change(patch: Patch) -> str:
    """One line: which knobs to turn for another sound."""
    fades = patch.number("env1.sustain") < FADED  # the key may be held: the sound has gone by then
    last = ("decay", 1.0, "shorter sound", "longer sound") if fades else RELEASE_TURN
    return f"To make it brighter, {_brighter(patch)}; {_turn(patch, *ATTACK_TURN)}; {_turn(patch, *last)}."


ATTACK_TURN = ("attack", 0.2, "harder start", "softer start")
RELEASE_TURN = ("release", 2.0, "shorter tail", "longer tail")
FADED = 10.0  # % of sustain under which what is heard of a note is its decay


def _turn(patch: Patch, key: str, long_s: float, less: str, more: str) -> str:
    seconds = patch.number(f"env1.{key}")
    aim, way = (less, "lower") if seconds > long_s else (more, "raise")
    return f"for a {aim}, {way} envelope 1's {key} (now {seconds_text(seconds)})"


def _brighter(patch: Patch) -> str:
    for section in ("filter1", "filter2"):
        low_pass = patch[f"{section}.on"] and "lp" in str(patch[f"{section}.type"])
        if low_pass and patch.number(f"{section}.cutoff") < OPEN_HZ:
            return f"raise {TITLES[section].lower()}'s cutoff (now {Word(Speaker(patch, section), 'cutoff')})"
    if patch["eq.on"]:
        return f"raise the EQ's high gain (now {Word(Speaker(patch, 'eq'), 'high_gain')})"
    if patch["osc1.on"] and patch["osc1.table"] != OWN:
        return f"move oscillator 1's position (now {Word(Speaker(patch, 'osc1'), 'position')}) towards a richer wave"
    return "turn the EQ on and raise its high gain"
