"""The .txt codec: a patch a person can read, one line a parameter with its unit; reading what it wrote gives the same patch.

    whispersynth patch 1
    note = 48 (C2)

    [filter1]
    on = on
    cutoff = 900 Hz

Only what differs from the schema's default is written. Own data (frames, noise, LFO points) lies in a file beside the
text, named in it: `table = own "kick osc1.wav"`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from presets.errors import PresetError
from presets.patch import Asset, Patch
from presets.schema import OWN, Parameter, Value, wavetable_synth

FORMAT = "whispersynth patch"
HEADER = f"{FORMAT} 1"
LONGEST_QUOTE = 60  # characters of a line that an error repeats
NOTE_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_OWN_LINE = re.compile(r'own "([^"/\\]+)"')


def note_name(note: int) -> str:
    """`C3` for 60, as Live counts octaves."""
    return f"{NOTE_NAMES[note % 12]}{note // 12 - 2}"


def parse_note(text: str) -> int:
    """A MIDI note from `60`, `C3` or `F#2`; flats as `Bb1`.

    Raises:
        PresetError: what was given and what is expected.
    """
    match = re.fullmatch(r"([A-Ga-g])([#b]?)(-?[0-9])", text.strip())
    if match:
        letter, accidental, octave = match.groups()
        note = (
            NOTE_NAMES.index(letter.upper()) + {"#": 1, "b": -1, "": 0}[accidental] + 12 * (int(octave) + 2)
        )
    elif re.fullmatch(r"[0-9]{1,3}", text.strip()):
        note = int(text)
    else:
        raise PresetError(
            f"{quoted(text)} is no note; write a MIDI number 0 to 127 or a name such as C3 (= 60) or F#2"
        )
    if not 0 <= note <= 127:
        raise PresetError(f"{quoted(text)} is note {note}; a MIDI note goes from 0 (C-2) to 127 (G8)")
    return note


def value_text(row: Parameter, value: Value) -> str:
    """`900 Hz`, `on`, `lp24`."""
    if row.kind == "switch":
        return "on" if value else "off"
    if row.kind == "choice":
        return str(value)
    number = str(int(value)) if row.kind == "integer" else f"{float(value):.6g}"
    return f"{number} {row.unit}".strip()


def patch_to_text(patch: Patch, files: Mapping[str, str] | None = None) -> str:
    """The patch as text.

    Args:
        files: parameter whose value is `own` -> name of the file beside the text that holds its data.

    Raises:
        PresetError: the patch brings own data and no file is named for it.
    """
    lines = [HEADER, f"note = {patch.note} ({note_name(patch.note)})"]
    lines += [f"{key} = {text!r}" for key, text in (("name", patch.name), ("comment", patch.comment)) if text]
    section = ""
    for row in patch.schema:
        value = patch[row.name]
        if value == row.default:
            continue
        if row.section != section:
            section = row.section
            lines += ["", f"[{section}]"]
        text = value_text(row, value)
        if value == OWN:
            name = (files or {}).get(row.name)
            if name is None:
                raise PresetError(
                    f"{row.name} is the patch's own data; save it with its file beside the text"
                )
            text = f'own "{name}"'
        lines.append(f"{row.key} = {text}")
    return "\n".join(lines) + "\n"


def text_to_patch(text: str, load: Callable[[str, str], Asset] | None = None) -> Patch:
    """The patch of a text; the opposite of patch_to_text.

    Args:
        load: (parameter, file name) -> its own data; without it a patch with own data cannot be read.

    Raises:
        PresetError: the line number, what stands there and what was expected.
    """
    lines = text.splitlines()
    if not lines or lines[0].strip() != HEADER:
        raise PresetError(f"line 1: expected {HEADER!r}; {_not_ours(lines)}")
    reader = _Reader(load)
    for number, line in enumerate(lines[1:], 2):
        try:
            reader.read(line.strip())
        except PresetError as error:
            raise PresetError(f"line {number}: {error}") from None
    return reader.patch()


def _not_ours(lines: list[str]) -> str:
    if lines and lines[0].startswith(FORMAT):
        return "this patch is of another version of WhisperSynth; install that version"
    return "this is no WhisperSynth patch; give the .txt that a match saved"


def quoted(text: str) -> str:
    """Text between quotes, cut where it is long, for a message."""
    return repr(text if len(text) <= LONGEST_QUOTE else f"{text[: LONGEST_QUOTE - 3]}...")


class _Reader:
    def __init__(self, load: Callable[[str, str], Asset] | None) -> None:
        self.load = load
        self.section = ""
        self.values: dict[str, Value] = {}
        self.assets: dict[str, Asset] = {}
        self.head: dict[str, str] = {}

    def read(self, line: str) -> None:
        if not line or line.startswith("#"):
            return
        if line.startswith("["):
            self.section = line.strip("[]")
            if line != f"[{self.section}]" or self.section not in wavetable_synth().sections():
                raise PresetError(
                    f"{quoted(line)} is no section; sections are {', '.join(wavetable_synth().sections())}"
                )
            return
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            raise PresetError(f"{quoted(line)} is no setting; expected `name = value`")
        if self.section:
            self._set(f"{self.section}.{key[:LONGEST_QUOTE]}", value)
        elif key in ("note", "name", "comment"):
            if key in self.head:
                raise PresetError(f"{key} was set above; remove one of the two lines")
            self.head[key] = value
            self._check_head(key, value)
        else:
            raise PresetError(
                f"{quoted(key)} is not known before the first section; expected note, name or comment"
            )

    def _check_head(self, key: str, value: str) -> None:
        if key == "note":
            parse_note(value.partition("(")[0])
        else:
            unquote(value)

    def _set(self, name: str, text: str) -> None:
        row = wavetable_synth()[name]
        if name in self.values:
            raise PresetError(f"{name} was set above; remove one of the two lines")
        own = _OWN_LINE.fullmatch(text)
        if row.choices[-1:] == (OWN,) and text.startswith(OWN) and not own:
            raise PresetError(
                f'{name} is {quoted(text)}; expected `own "FILE"`, the name of a file beside the text'
            )
        if own and row.choices[-1:] == (OWN,):
            if self.load is None:
                raise PresetError(
                    f"{name} needs the file {quoted(own[1])} beside the text; open the patch from its folder"
                )
            self.assets[name] = self.load(name, own[1])
            self.values[name] = OWN
            return
        self.values[name] = row.check(text_value(row, text))

    def patch(self) -> Patch:
        note = parse_note(self.head.get("note", "60").partition("(")[0])
        name, comment = (unquote(self.head.get(k, "''")) for k in ("name", "comment"))
        return Patch(self.values, note=note, assets=self.assets, name=name, comment=comment)


def unquote(text: str) -> str:
    """The string of a Python string literal, as `repr` wrote it.

    Raises:
        PresetError: it is none.
    """
    import ast

    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = None
    if not isinstance(value, str):
        raise PresetError(f"{quoted(text)} is no quoted text; expected 'text'")
    return value


def text_value(row: Parameter, text: str) -> Value:
    """The value a text names, unit checked.

    Raises:
        PresetError: what was given and what is expected.
    """
    if row.kind == "switch":
        if text not in ("on", "off"):
            raise PresetError(f"{row.name} is {quoted(text)}; expected on or off")
        return text == "on"
    if row.kind == "choice":
        return text[:LONGEST_QUOTE]
    number, _, unit = text.partition(" ")
    if unit.strip() not in ("", row.unit):
        raise PresetError(f"{row.name} is {quoted(text)}; expected {row.range_text}")
    try:
        return int(number) if row.kind == "integer" else float(number)
    except ValueError:
        raise PresetError(f"{row.name} is {quoted(text)}; expected a number from {row.range_text}") from None
