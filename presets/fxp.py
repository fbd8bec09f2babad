"""The `.fxp` container of VST 2: a 60-byte head, then a chunk whose meaning is the plugin's own.

Only the opaque form (`FPCh`) is read. Every head seen on a Serum preset states the whole file's length where the VST
rule wants that less 8; both are kept as found.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from presets.errors import PresetError

HEAD = struct.Struct(
    ">4sI4sI4sII28sI"
)  # big-endian: magic, length, form, version, plugin, its version, programs, name, chunk
NAME_BYTES = 28
MAX_BYTES = 64 * 2**20  # a preset with two full wavetables and a long sample is 5 MB
_NOT_COUNTED = 8  # bytes the VST rule leaves out of the length: the magic and the length itself
_MAGIC, _OPAQUE = b"CcnK", b"FPCh"


@dataclass(frozen=True)
class Fxp:
    """What an `.fxp` file holds."""

    chunk: bytes
    """The plugin's own data."""
    plugin: bytes
    """Four letters: `XfsX` is Serum 1, `XfsY` Serum FX."""
    program: bytes = b""
    """Program name, up to 28 bytes; what follows a NUL is kept."""
    plugin_version: int = 1
    n_programs: int = 1
    counts_whole_file: bool = True
    """Whether the length in the head is the whole file's, as Serum writes it, or 8 less."""


def decode_fxp(data: bytes) -> Fxp:
    """The content of an `.fxp` file; raises PresetError."""
    if len(data) < HEAD.size or data[:4] != _MAGIC:
        raise PresetError("it is no .fxp preset: it does not begin as one; choose another file")
    _, length, form, version, plugin, plugin_version, n_programs, program, n_chunk = HEAD.unpack_from(data)
    if form != _OPAQUE or version != 1:
        raise PresetError(
            f"it is an .fxp of another kind ({form!r}, version {version}); save it from Serum again"
        )
    if n_chunk != len(data) - HEAD.size:
        raise PresetError(
            f"its head claims {n_chunk} bytes of data and {len(data) - HEAD.size} follow; copy the file again"
        )
    if length not in (len(data), len(data) - _NOT_COUNTED):
        raise PresetError(f"its head claims a file of {length} bytes, not {len(data)}; copy the file again")
    return Fxp(data[HEAD.size :], plugin, program, plugin_version, n_programs, length == len(data))


def encode_fxp(fxp: Fxp) -> bytes:
    """The bytes of an `.fxp` file; the opposite of decode_fxp. Raises PresetError."""
    length = HEAD.size + len(fxp.chunk)
    if length > MAX_BYTES:
        raise PresetError(
            f"a preset of {length} bytes is beyond {MAX_BYTES // 2**20} MiB; leave out what it embeds"
        )
    if len(fxp.plugin) != len(_MAGIC) or len(fxp.program) > NAME_BYTES:
        raise PresetError(
            f"plugin {fxp.plugin!r} or program {fxp.program!r} is too long; expected 4 and 28 bytes"
        )
    stated = length - (0 if fxp.counts_whole_file else _NOT_COUNTED)
    head = (
        _MAGIC,
        stated,
        _OPAQUE,
        1,
        fxp.plugin,
        fxp.plugin_version,
        fxp.n_programs,
        fxp.program,
        len(fxp.chunk),
    )
    return HEAD.pack(*head) + fxp.chunk
