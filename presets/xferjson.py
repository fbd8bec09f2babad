"""The container of Serum 2's files (`.SerumPreset`, `.SerumMIDIMap`): a JSON head, then CBOR in one zstd frame.

Serum's own compression is not reproduced by any level of the library, so a file whose content is unchanged is written
as it was read.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass, field
from typing import Any

from presets import cbor
from presets.errors import PresetError

MAGIC = b"XferJson\0"
MAX_BYTES = 32 * 2**20
MAX_HEAD = 2**20
MAX_CONTENT = 16 * 2**20  # three full tables of 256 frames are 8 MB; the largest file seen has 0.3
_ZSTD = 2  # the encoding word
_LEVEL = 3
_HEAD_SIZE = struct.Struct("<Q")
_SIZES = struct.Struct("<II")  # bytes of the CBOR, encoding


@dataclass(frozen=True)
class _Source:
    """A file as it was read."""

    data: bytes
    head: bytes
    """The JSON."""
    frame: bytes
    """The zstd frame."""
    head_print: bytes
    tree_print: bytes
    """Of head and tree as this module would write them, to tell whether they were changed."""


@dataclass
class XferFile:
    """A file open for editing."""

    head: dict[str, Any]
    tree: dict[str, Any]
    source: _Source | None = field(default=None, repr=False)


def decode(data: bytes) -> XferFile:
    """The content of a file of Serum 2.

    Raises:
        PresetError: it is none, damaged or beyond the limits, or a package of the extra is missing.
    """
    if len(data) > MAX_BYTES or not data.startswith(MAGIC):
        raise PresetError(
            "it is no file of Serum 2: it does not begin as one, or is too large; choose another file"
        )
    head, frame, n_content = _split(data)
    content = _decompress(frame, n_content)
    tree, parsed = cbor.decode(content), _parse(head)
    if not isinstance(tree, dict):
        raise PresetError("its data is no map of modules; do not trust the file")
    source = _Source(data, head, frame, _print(_dump(parsed)), _print(cbor.encode(tree)))
    return XferFile(parsed, tree, source)


def _split(data: bytes) -> tuple[bytes, bytes, int]:
    """JSON, frame, bytes of the content."""
    start = len(MAGIC) + _HEAD_SIZE.size
    n_head = _HEAD_SIZE.unpack_from(data, len(MAGIC))[0] if len(data) >= start else MAX_HEAD + 1
    end = start + n_head
    if n_head > MAX_HEAD or end + _SIZES.size > len(data):
        raise PresetError("its head is cut off or claims too much; copy the file again")
    n_content, encoding = _SIZES.unpack_from(data, end)
    if encoding != _ZSTD or n_content > MAX_CONTENT:
        raise PresetError(
            f"its data claims {n_content} bytes in encoding {encoding}; expected zstd, up to {MAX_CONTENT}"
        )
    return data[start:end], data[end + _SIZES.size :], n_content


def _decompress(frame: bytes, n_content: int) -> bytes:
    try:
        import zstandard
    except ImportError as error:
        raise cbor.missing("zstandard") from error
    if n_content == 0 or _told_size(frame) not in (n_content, None):
        raise PresetError("its data claims two different sizes; copy the file again")
    try:
        content: bytes = zstandard.ZstdDecompressor().decompress(
            frame, max_output_size=n_content, allow_extra_data=False
        )
    except zstandard.ZstdError as error:
        raise PresetError(f"its data is damaged ({error}); copy the file again") from error
    if len(content) != n_content:
        raise PresetError(
            f"its data is {len(content)} bytes and not the {n_content} it claims; copy the file again"
        )
    return content


def _told_size(frame: bytes) -> int | None:
    """The size a frame's head tells; None when it tells none."""
    import zstandard

    try:
        told = zstandard.frame_content_size(frame)
    except zstandard.ZstdError as error:
        raise PresetError(f"its data is no zstd frame ({error}); copy the file again") from error
    return None if told < 0 else told


def _parse(head: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(head, parse_constant=_no_number)
        _dump(parsed)  # 1e999 is read as infinity, which cannot be written
    except (ValueError, RecursionError) as error:
        raise PresetError(f"its head is damaged ({str(error)[:80]}); copy the file again") from error
    if not isinstance(parsed, dict):
        raise PresetError("its head is no JSON map; copy the file again")
    return parsed


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _dump(head: Any) -> bytes:
    text = json.dumps(head, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")


def _print(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def encode(file: XferFile) -> bytes:
    """The bytes of the file; the opposite of decode.

    Raises:
        PresetError: the tree holds what cannot be written, or a package of the extra is missing.
    """
    content, source = cbor.encode(file.tree), file.source
    if len(content) > MAX_CONTENT:
        raise PresetError(
            f"the preset is {len(content)} bytes, beyond {MAX_CONTENT}; embed fewer or shorter tables"
        )
    same_tree = source is not None and _print(content) == source.tree_print
    same_head = source is not None and _print(_dump(file.head)) == source.head_print
    if source is not None and same_tree and same_head:
        return source.data
    if source is not None and same_tree:
        frame, n_content = source.frame, _split(source.data)[2]
    else:
        frame, n_content = _compress(content), len(content)
    head = _dump({**file.head, "hash": hashlib.md5(frame, usedforsecurity=False).hexdigest()})
    return MAGIC + _HEAD_SIZE.pack(len(head)) + head + _SIZES.pack(n_content, _ZSTD) + frame


def _compress(content: bytes) -> bytes:
    try:
        import zstandard
    except ImportError as error:
        raise cbor.missing("zstandard") from error
    return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=False, write_content_size=True).compress(
        content
    )
