"""A VST3's state as JUCE hosts carry it (pedalboard's `raw_state`): the plugin's own bytes, by part, in a little XML.

Eight bytes of head (a magic number, the text's length), `<VST3PluginState><IComponent>133.e8EYv..</IComponent>..`, a NUL.
The bytes stand in JUCE's own base 64: their number, a dot, and six bits a character, the lowest first.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping

import numpy as np

from presets.errors import PresetError

COMPONENT, CONTROLLER = "IComponent", "IEditController"  # what sounds, and what is drawn
MAX_BYTES = 256 * 2**20
_MAGIC = 0x21324356  # `VC2!`
_HEAD = struct.Struct("<II")  # magic, bytes of text
_PROLOGUE = '<?xml version="1.0" encoding="UTF-8"?>'
_ROOT = "VST3PluginState"
_LETTERS = b".ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+"
_VALUES = {letter: value for value, letter in enumerate(_LETTERS)}
_PART = re.compile(rb"<(\w+)>(\d{1,9})\.([A-Za-z0-9.+]*)</\1>")
_TEXT = re.compile(rb"(?:<\?xml[^>]*\?>)?\s*<VST3PluginState>(.*)</VST3PluginState>\s*", re.DOTALL)


def decode_host_state(data: bytes) -> dict[str, bytes]:
    """Part -> bytes, of what a host keeps.

    Raises:
        PresetError: it is something else, as the state of an Audio Unit.
    """
    if len(data) < _HEAD.size or len(data) > MAX_BYTES:
        raise PresetError(f"a host's state of {len(data)} bytes is none; capture it again")
    magic, n = _HEAD.unpack_from(data)
    text = _TEXT.fullmatch(data[_HEAD.size : _HEAD.size + n])
    if magic != _MAGIC or text is None:
        raise PresetError("it is no VST3's state as a host keeps it; capture it from the VST3 of the plugin")
    return {
        name.decode(): _decode_letters(int(size), letters) for name, size, letters in _PART.findall(text[1])
    }


def encode_host_state(parts: Mapping[str, bytes]) -> bytes:
    """The opposite of decode_host_state, byte for byte as JUCE writes it."""
    inside = "".join(f"<{name}>{_encode_letters(part)}</{name}>" for name, part in parts.items())
    text = f"{_PROLOGUE} <{_ROOT}>{inside}</{_ROOT}>".encode()
    return _HEAD.pack(_MAGIC, len(text)) + text + b"\0"


def _decode_letters(size: int, letters: bytes) -> bytes:
    if size > len(letters) * 6 // 8:
        raise PresetError(f"its state claims {size} bytes and holds fewer; capture it again")
    values = np.array([_VALUES[letter] for letter in letters], np.uint8)
    bits = np.unpackbits(values[:, None], axis=1, bitorder="little")[:, :6]  # (n_letters, 6)
    return np.packbits(bits.ravel(), bitorder="little")[:size].tobytes()


def _encode_letters(data: bytes) -> str:
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    sixes = np.pad(bits, (0, -len(bits) % 6)).reshape(-1, 6)
    values = np.packbits(sixes, axis=1, bitorder="little").ravel()
    return f"{len(data)}." + np.frombuffer(_LETTERS, np.uint8)[values].tobytes().decode()
