"""Serum 1's own data inside the state of a running plugin: found, taken out, and put back edited.

That a plugin's state holds the chunk of an `.fxp` is reported of Serum and proved by nobody here, so nothing is taken for
granted: the chunk is looked for by its form (two zlib streams and the length of the first), wherever it stands, and what
stands around it stays. Numbers before it that count it or what follows them are corrected.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from presets.errors import PresetError
from presets.serum1 import Serum1

_ZLIB = b"\x78\x01"  # how both streams begin in every file seen
_LENGTH = struct.Struct("<I")
MOST_BYTES = 64 * 2**20  # unpacked
MOST_LOOKS = 64  # places that begin like a stream
LEAST_COUNT = 1000  # a smaller number before the chunk counts something else
FILE_HEAD = 8  # bytes of an .fxp's head that its length may or may not count


@dataclass(frozen=True)
class Found:
    """Where in a state the chunk stands."""

    state: bytes
    start: int
    end: int

    @property
    def chunk(self) -> bytes:
        return self.state[self.start : self.end]

    def with_chunk(self, chunk: bytes) -> bytes:
        """The state with another chunk in place."""
        data = bytearray(self.state[: self.start])
        for at, order in self._counts():
            (count,) = struct.unpack_from(order, data, at)
            struct.pack_into(order, data, at, count + len(chunk) - (self.end - self.start))
        return bytes(data) + chunk + self.state[self.end :]

    def _counts(self) -> list[tuple[int, str]]:
        """Places before the chunk that hold its length, or that of what follows them, as either byte order has it."""
        found = []
        for at in range(self.start - _LENGTH.size + 1):
            after = len(self.state) - at - _LENGTH.size
            meant = {self.end - self.start, after, after + FILE_HEAD, len(self.state)}
            meant |= {self.end - at - _LENGTH.size, self.end - at - _LENGTH.size + FILE_HEAD}
            for order in ("<I", ">I"):
                (count,) = struct.unpack_from(order, self.state, at)
                if count in meant and count > LEAST_COUNT:
                    found.append((at, order))
        return found


def find_serum1(state: bytes) -> Found | None:
    """Where the chunk stands in the bytes of a component's state; None when it holds none that can be read."""
    at = state.find(_ZLIB)
    for _ in range(MOST_LOOKS):
        if at < 0:
            return None
        found = _found_at(state, at)
        if found is not None:
            return found
        at = state.find(_ZLIB, at + 1)
    return None


def _found_at(state: bytes, start: int) -> Found | None:
    first = _stream_end(state, start)
    second = _stream_end(state, first) if first else None
    if first is None or second is None or second + _LENGTH.size > len(state):
        return None
    if _LENGTH.unpack_from(state, second)[0] != first - start:
        return None
    found = Found(state, start, second + _LENGTH.size)
    try:
        Serum1(found.chunk)
    except PresetError:
        return None
    return found


def _stream_end(state: bytes, start: int) -> int | None:
    """Where the zlib stream that begins at `start` ends; None when there is none."""
    if state[start : start + len(_ZLIB)] != _ZLIB:
        return None
    unpacker = zlib.decompressobj()
    try:
        unpacker.decompress(state[start:], MOST_BYTES)
    except zlib.error:
        return None
    return len(state) - len(unpacker.unused_data) if unpacker.eof else None
