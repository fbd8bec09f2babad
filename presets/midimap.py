"""Serum 2's MIDI maps (`.SerumMIDIMap`): which controller moves which of its parameters.

The container is that of its presets (`xferjson`). What is known comes from other people, who had Serum load such files and
write them back; whose notes, and what is still open: docs/midi.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from presets.errors import PresetError
from presets.files import read_file
from presets.xferjson import MAX_BYTES, XferFile, decode, encode

FILE_TYPE = "SerumMIDIMap"
N_CCS = 128
MAX_PARAMETER = 2**31
HEAD: dict[str, Any] = {
    "fileType": FILE_TYPE,
    "product": "Serum2",
    "productVersion": "2.0.16",
    "url": "https://xferrecords.com/",
    "vendor": "Xfer Records",
    "version": 6.0,
}  # as a preset's head has them
TREE: dict[str, Any] = {"fileType": FILE_TYPE, "product": "2", "version": 6.0}

MidiMapping = Mapping[int, tuple[int, ...]]
"""Controller 0..127 -> Serum's numbers of the parameters it moves."""


def encode_midi_map(mapping: MidiMapping) -> bytes:
    """The bytes of a `.SerumMIDIMap` file.

    Raises:
        PresetError: a number is out of range, or a package of the extra is missing.
    """
    for cc, parameters in mapping.items():
        _check(cc, parameters)
    entries = [{"ccNum": cc, "paramIDs": list(ids)} for cc, ids in sorted(mapping.items())]
    return encode(XferFile(dict(HEAD), {**TREE, "midiMap": entries}))


def decode_midi_map(data: bytes) -> dict[int, tuple[int, ...]]:
    """What the bytes of a `.SerumMIDIMap` file map; the opposite of encode_midi_map.

    Raises:
        PresetError: it is damaged or another kind, or a package of the extra is missing.
    """
    file = decode(data)
    if file.head.get("fileType") != FILE_TYPE:
        raise PresetError(
            f"it is a {str(file.head.get('fileType'))[:40]!r}, not a {FILE_TYPE}; choose another file"
        )
    entries = file.tree.get("midiMap")
    if not isinstance(entries, list):
        raise PresetError("it holds no list of controllers; do not trust the file")
    mapping: dict[int, tuple[int, ...]] = {}
    for entry in entries:
        cc, parameters = _entry(entry)
        mapping[cc] = mapping.get(cc, ()) + parameters
    return mapping


def read_midi_map(path: Path) -> dict[int, tuple[int, ...]]:
    """What a `.SerumMIDIMap` file maps; raises PresetError as decode_midi_map."""
    data = read_file(path, MAX_BYTES)
    try:
        return decode_midi_map(data)
    except PresetError as error:
        raise PresetError(f"{path} cannot be read as a MIDI map of Serum 2: {error}") from error


def _entry(entry: Any) -> tuple[int, tuple[int, ...]]:
    cc = entry.get("ccNum") if isinstance(entry, dict) else None
    parameters = entry.get("paramIDs") if isinstance(entry, dict) else None
    if not isinstance(parameters, list):
        raise PresetError(f"an entry of it is {str(entry)[:60]!r}; expected a controller and its parameters")
    _check(cc, parameters)
    return int(cc or 0), tuple(parameters)


def _check(cc: Any, parameters: Any) -> None:
    if type(cc) is not int or not 0 <= cc < N_CCS:
        raise PresetError(f"a controller of it is {str(cc)[:40]!r}; it must be 0 to {N_CCS - 1}")
    if not all(type(p) is int and 0 <= p < MAX_PARAMETER for p in parameters):
        raise PresetError(f"CC {cc} of it moves {str(parameters)[:60]!r}; expected numbers of parameters")
