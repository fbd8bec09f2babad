"""The `.vstpreset` container of VST 3: a plugin's class id and its state in chunks.

Head, then the chunks' data, then a list of where each stands (Steinberg, "VST 3 preset format"). `Comp` is the state of
the component, which sounds; `Cont` that of the controller, which is drawn.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, replace
from pathlib import Path

from presets.errors import PresetError
from presets.files import read_file, write_file

COMPONENT, CONTROLLER = "Comp", "Cont"
MAX_BYTES = 64 * 2**20
MAX_CHUNKS = 128  # as many as the format allows
_HEAD = struct.Struct("<4si32sq")  # magic, version, class id in letters, offset of the list
_LIST_HEAD = struct.Struct("<4si")
_ENTRY = struct.Struct("<4sqq")  # id, offset, bytes
_MAGIC, _LIST, _VERSION = b"VST3", b"List", 1


@dataclass(frozen=True)
class VstPreset:
    """What a `.vstpreset` file holds."""

    class_id: str
    """32 hexadecimal digits: which plugin."""
    chunks: tuple[tuple[str, bytes], ...]
    """Id of four letters and data, in the order of the list; ids may repeat no other."""

    def chunk(self, name: str) -> bytes | None:
        """The data of a chunk; None when there is none."""
        return dict(self.chunks).get(name)

    @property
    def component(self) -> bytes | None:
        return self.chunk(COMPONENT)

    @property
    def controller(self) -> bytes | None:
        return self.chunk(CONTROLLER)

    def with_chunk(self, name: str, data: bytes) -> VstPreset:
        """This preset with a chunk replaced, or added behind the others."""
        if self.chunk(name) is None:
            return replace(self, chunks=(*self.chunks, (name, data)))
        return replace(self, chunks=tuple((id, data if id == name else old) for id, old in self.chunks))


def decode_vstpreset(data: bytes) -> VstPreset:
    """The content of a `.vstpreset` file; raises PresetError."""
    if len(data) < _HEAD.size or data[:4] != _MAGIC:
        raise PresetError("it is no .vstpreset: it does not begin as one; choose another file")
    _, version, letters, list_at = _HEAD.unpack_from(data)
    if version != _VERSION or not re.fullmatch(rb"[0-9A-Fa-f]{32}", letters):
        raise PresetError(f"its version is {version} and its plugin {letters!r}; save it again")
    entries = _entries(data, list_at)
    if len({name for name, _, _ in entries}) < len(entries):
        raise PresetError("one of its chunks is there twice; do not trust the file")
    return VstPreset(letters.decode(), tuple((name, data[at : at + size]) for name, at, size in entries))


def _entries(data: bytes, at: int) -> list[tuple[str, int, int]]:
    """Id, offset and bytes of each chunk."""
    if not _HEAD.size <= at <= len(data) - _LIST_HEAD.size:
        raise PresetError("its list of chunks is cut off; copy the file again")
    magic, count = _LIST_HEAD.unpack_from(data, at)
    start = at + _LIST_HEAD.size
    if magic != _LIST or not 0 <= count <= MAX_CHUNKS or count * _ENTRY.size > len(data) - start:
        raise PresetError(f"its list claims {count} chunks and is cut off or none; copy the file again")
    entries, total = [], 0
    for name, offset, size in _ENTRY.iter_unpack(data[start : start + count * _ENTRY.size]):
        total += max(size, 0)
        if size < 0 or not _HEAD.size <= offset <= at - size or total > at - _HEAD.size:
            raise PresetError(f"its chunk {name!r} claims {size} bytes at {offset}; copy the file again")
        entries.append((name.decode("latin-1"), offset, size))
    return entries


def encode_vstpreset(preset: VstPreset) -> bytes:
    """The bytes of a `.vstpreset` file, chunks one after the other; the opposite of decode_vstpreset.

    Raises:
        PresetError: the class id or a chunk's id is none, or it is too much.
    """
    if not re.fullmatch(r"[0-9A-Fa-f]{32}", preset.class_id):
        raise PresetError(f"{preset.class_id!r} is no class id; expected 32 hexadecimal digits")
    bodies = b"".join(data for _, data in preset.chunks)
    if len(preset.chunks) > MAX_CHUNKS or len(bodies) > MAX_BYTES:
        raise PresetError(f"{len(preset.chunks)} chunks of {len(bodies)} bytes are too much for a .vstpreset")
    entries, at = [], _HEAD.size
    for name, data in preset.chunks:
        entries.append(_ENTRY.pack(_letters(name), at, len(data)))
        at += len(data)
    head = _HEAD.pack(_MAGIC, _VERSION, preset.class_id.encode(), at)
    return head + bodies + _LIST_HEAD.pack(_LIST, len(entries)) + b"".join(entries)


def _letters(name: str) -> bytes:
    if len(name) != 4 or not all(ord(letter) < 256 for letter in name):
        raise PresetError(f"{name!r} is no id of a chunk; expected four letters, such as {COMPONENT!r}")
    return name.encode("latin-1")


def read_vstpreset(path: Path) -> VstPreset:
    """The content of a `.vstpreset` file; raises PresetError."""
    data = read_file(path, MAX_BYTES)
    try:
        return decode_vstpreset(data)
    except PresetError as error:
        raise PresetError(f"{path} cannot be read as a .vstpreset: {error}") from error


def write_vstpreset(path: Path, preset: VstPreset) -> None:
    """Write a `.vstpreset` file, replacing `path`; raises PresetError."""
    write_file(path, encode_vstpreset(preset))
