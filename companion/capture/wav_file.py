"""A WAV file that grows: 32-bit float, readable at any moment up to what was last told."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from companion.capture.ring import Block

_FLOAT, _BYTES = 3, 4  # wFormatTag; of a sample
HEAD = struct.Struct("<4sI4s4sIHHIIHH4sI")


@dataclass(frozen=True)
class Size:
    """What a file's head tells."""

    n_frames: int
    rate_hz: int
    n_channels: int

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.n_frames / self.rate_hz


def read_size(path: Path) -> Size:
    """What the head of a file that `WavFile` wrote tells."""
    with path.open("rb") as file:
        fields = HEAD.unpack(file.read(HEAD.size))
    n_channels, rate_hz, n_bytes = fields[6], fields[7], fields[12]
    return Size(n_bytes // (n_channels * _BYTES), rate_hz, n_channels)


def head(n_bytes: int, rate_hz: int, n_channels: int) -> bytes:
    """The head of a file with `n_bytes` of samples."""
    block = n_channels * _BYTES
    return HEAD.pack(
        b"RIFF", HEAD.size - 8 + n_bytes, b"WAVE", b"fmt ", 16, _FLOAT, n_channels, rate_hz, rate_hz * block, block,
        8 * _BYTES, b"data", n_bytes,
    )  # fmt: skip


class WavFile:
    """Open for writing; the file must not be there yet."""

    def __init__(self, path: Path, rate_hz: int, n_channels: int) -> None:
        self.n_frames = 0
        self._rate_hz, self._n_channels = rate_hz, n_channels
        self._file: BinaryIO = path.open("xb")
        self.flush()

    def write(self, block: Block) -> None:
        """Appends frames (n, n_channels)."""
        self._file.write(block.astype("<f4").tobytes())
        self.n_frames += len(block)

    def flush(self) -> None:
        """Tells the head what is there, so that nothing before this is lost with the process."""
        self._file.seek(0)
        self._file.write(head(self.n_frames * self._n_channels * _BYTES, self._rate_hz, self._n_channels))
        self._file.seek(0, 2)
        self._file.flush()

    def close(self) -> None:
        """Tells the head and closes."""
        if not self._file.closed:
            self.flush()
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
