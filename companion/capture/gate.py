"""Where a recording begins and ends, to the sample, however the sound is cut into blocks."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from companion.capture.options import LONGEST_S, CaptureOptions
from companion.capture.ring import Block

WAITING, RECORDING, DONE = "waiting", "recording", "done"


class Gate:
    """Takes the sound in blocks and gives back what belongs to the recording."""

    def __init__(self, options: CaptureOptions, rate_hz: int, n_channels: int) -> None:
        self._threshold = 10 ** (options.threshold_db / 20)
        self._n_silence = max(round(options.silence_s * rate_hz), 1)
        self._n_left = round((options.seconds or LONGEST_S) * rate_hz)
        self._ends_in_silence = options.trigger
        self._n_wait = round(options.wait_s * rate_hz)
        self._n_quiet = 0  # frames since the last loud one
        self._before = PreRoll(round(options.pre_roll_s * rate_hz), n_channels)
        self.state = WAITING if options.trigger else RECORDING
        self.gave_up = False
        """It never got loud."""

    def feed(self, block: Block) -> Block:
        """The frames of the recording that are now known, (n, n_channels); none while waiting and after the end."""
        if self.state == WAITING:
            block = self._wait(block)
        return self._take(block) if self.state == RECORDING else block[:0]

    def _wait(self, block: Block) -> Block:
        loud = self._loud(block)
        if not len(loud):
            self._before.add(block)
            self._n_quiet += len(block)
            if self._n_quiet >= self._n_wait:
                self.state, self.gave_up = DONE, True
            return block
        self._before.add(block[: loud[0]])
        head = self._before.take()
        self.state, self._n_quiet = RECORDING, -len(head)  # the pre-roll is no silence to end in
        return np.concatenate([head, block[loud[0] :]])

    def _take(self, block: Block) -> Block:
        n = len(block)
        if self._ends_in_silence:
            n = min(n, self._silent_from(block))
        n = min(n, self._n_left)
        self._n_left -= n
        if n < len(block) or self._n_left == 0:
            self.state = DONE
        return block[:n]

    def _silent_from(self, block: Block) -> int:
        """Frames until it was silent for long enough, or more than there are."""
        marks = np.concatenate([[-1 - self._n_quiet], self._loud(block), [len(block)]])
        long = np.flatnonzero(np.diff(marks) > self._n_silence)
        self._n_quiet = int(len(block) - 1 - marks[-2])
        return int(marks[long[0]]) + 1 + self._n_silence if len(long) else len(block) + 1

    def _loud(self, block: Block) -> NDArray[np.intp]:
        return np.flatnonzero((np.abs(block) > self._threshold).any(axis=1))


class PreRoll:
    """The last frames of what went by."""

    def __init__(self, n_frames: int, n_channels: int) -> None:
        self._n_frames = n_frames
        self._blocks: deque[Block] = deque([np.zeros((0, n_channels), np.float32)])
        self._n_held = 0

    def add(self, block: Block) -> None:
        """Lets frames go by."""
        self._blocks.append(block)
        self._n_held += len(block)
        while self._n_held - len(self._blocks[0]) >= self._n_frames and len(self._blocks) > 1:
            self._n_held -= len(self._blocks.popleft())

    def take(self) -> Block:
        """The last `n_frames` of them, or as many as there were."""
        held = np.concatenate(self._blocks)
        return held[len(held) - min(self._n_frames, len(held)) :]
