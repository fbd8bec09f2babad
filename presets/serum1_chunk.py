"""The chunk of a Serum 1 preset: the state, then what it embeds, each a zlib stream, then the length of the first.

Not every zlib packs alike, so the packed bytes are kept with what they hold and written again while it is the same.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from presets.errors import PresetError

MAX_STATE = 2**20  # the largest known is 172,736 bytes
MAX_EMBEDDED = 2**26  # two tables of 256 frames are 4 MiB; the rest is room for a noise sample
LEVEL = 1  # Serum's: both streams of all files seen come out byte for byte
_TAIL = struct.Struct("<I")


@dataclass(frozen=True)
class Stream:
    """Bytes and how they were packed."""

    data: bytes
    packed: bytes

    def holding(self, data: bytes) -> Stream:
        """This stream if it holds `data` already, else a new one."""
        return self if data == self.data else Stream(data, zlib.compress(data, LEVEL))


def inflate(packed: bytes, max_bytes: int, what: str) -> bytes:
    """Unpack one whole zlib stream of at most `max_bytes`; raises PresetError."""
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(packed, max_bytes + 1)
    except zlib.error as error:
        raise PresetError(f"its {what} is damaged ({error}); copy the file again") from error
    if len(data) > max_bytes:
        raise PresetError(
            f"its {what} unpacks to more than {max_bytes} bytes, which none does; do not trust the file"
        )
    if not stream.eof or stream.unused_data:
        raise PresetError(f"its {what} does not end where it should; copy the file again")
    return data


def unpack(chunk: bytes) -> tuple[Stream, Stream]:
    """The state and what is embedded; raises PresetError."""
    end = len(chunk) - _TAIL.size
    n_state = _TAIL.unpack_from(chunk, end)[0] if end > 0 else 0
    if not 0 < n_state < end:
        raise PresetError("its last word does not say where the state ends; copy the file again")
    parts = (chunk[:n_state], MAX_STATE, "state"), (chunk[n_state:end], MAX_EMBEDDED, "embedded data")
    state, embedded = (Stream(inflate(*part), part[0]) for part in parts)
    return state, embedded


def pack(state: Stream, embedded: Stream) -> bytes:
    """The chunk; the opposite of unpack."""
    return state.packed + embedded.packed + _TAIL.pack(len(state.packed))
