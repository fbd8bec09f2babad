"""A ring buffer between the thread that records and whoever takes the sound away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Block = NDArray[np.float32]
"""(n_frames, n_channels)"""


class Ring:
    """Frames in, frames out, one thread on each side; what finds no room is counted.

    Without a lock: each side writes a position of its own only, after the frames it stands for.
    """

    def __init__(self, n_frames: int, n_channels: int) -> None:
        self._frames = np.zeros((n_frames, n_channels), np.float32)
        self._written = 0
        self._read = 0
        self.dropped = 0
        """Frames that found no room."""

    def __len__(self) -> int:
        """Frames waiting."""
        return self._written - self._read

    def write(self, block: Block) -> int:
        """Puts frames in; returns how many found no room."""
        n = min(len(block), len(self._frames) - len(self))
        at = self._written % len(self._frames)
        first = min(n, len(self._frames) - at)
        self._frames[at : at + first] = block[:first]
        self._frames[: n - first] = block[first:n]
        self._written += n
        self.dropped += len(block) - n
        return len(block) - n

    def read(self) -> Block:
        """Takes out all that wait, in a block of their own."""
        n = len(self)
        at = self._read % len(self._frames)
        first = min(n, len(self._frames) - at)
        block = np.concatenate([self._frames[at : at + first], self._frames[: n - first]])
        self._read += n
        return block
