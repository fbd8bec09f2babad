"""Where the frames of a resynthesis stand in time, and on which grid of harmonics."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from companion.hearing.audio import SAMPLE_RATE
from companion.resynthesis.partials import Floats
from presets.laws import midi_to_hz

# An LFO holds 100 points at most, and 64 steps divide Vital's 256 positions evenly.
HELD_STEPS, RELEASE_STEPS = 48, 16
PER_STEP = 2  # frames, evenly in time
N_HELD, N_RELEASE = PER_STEP * HELD_STEPS + 1, PER_STEP * RELEASE_STEPS
N_FRAMES = N_HELD + N_RELEASE
HELD_POWER = 1.4  # times of held steps grow as this power: denser at the attack
THROUGH_POWER = 1.2  # the same where they also hold the release
RELEASE_BEND = 2.0  # of envelope 2: denser after note-off
LOWEST_BASE_HZ = 21.5  # whose last harmonic is the highest that a clip holds
MOST_OCTAVES = 4
FIXED_NOTE = 48  # that an oscillator plays, whatever the key, where it does not follow the keys


@dataclass(frozen=True)
class Plan:
    """Where frames stand and on which grid."""

    note: int
    cents: float
    """Of the pitch above the note."""
    octaves: int
    """Of the base under the note."""
    times_s: Floats
    """(N_FRAMES,) of each frame, ascending from 0; the last held one stands at note-off."""
    note_off_s: float
    """Where the held frames end: at note-off, or at the end of the clip where they go through all of it."""
    n_samples: int
    n_held: int = N_HELD
    """Frames up to there."""
    keytrack: bool = True
    """Whether it follows the keys."""

    @property
    def note_hz(self) -> float:
        """The pitch."""
        return float(midi_to_hz(self.note + self.cents / 100))

    @property
    def base_hz(self) -> float:
        """The lowest harmonic of the frames."""
        return float(self.note_hz / 2**self.octaves)

    @property
    def goes_through(self) -> bool:
        """Whether the held frames go through all of the clip."""
        return self.n_held == N_FRAMES

    @property
    def rest_s(self) -> float:
        """Of the clip after note-off."""
        return max(self.n_samples / SAMPLE_RATE - self.note_off_s, 0.002)


def make_plan(key: float | None, note_off_s: float, n_samples: int, octaves_under: int = 0) -> Plan:
    """Frames up to note-off, denser at the attack, and after it."""
    held = stepped(N_HELD, HELD_POWER) * note_off_s
    share = np.arange(1, N_RELEASE + 1) / N_RELEASE * -math.expm1(-RELEASE_BEND)
    rest_s = max(n_samples / SAMPLE_RATE - note_off_s, 0.002)
    after = note_off_s - np.log1p(-share) / RELEASE_BEND * rest_s
    times = np.concatenate([held, after])
    return Plan(*grid_of(key, octaves_under), times, note_off_s, n_samples, keytrack=key is not None)


def plan_through(key: float | None, n_samples: int, octaves_under: int = 0) -> Plan:
    """Frames through the whole clip, wherever the key is released in it."""
    end_s = n_samples / SAMPLE_RATE
    times = stepped(N_FRAMES, THROUGH_POWER) * end_s
    grid = grid_of(key, octaves_under)
    return Plan(*grid, times, end_s, n_samples, n_held=N_FRAMES, keytrack=key is not None)


def stepped(n: int, power: float) -> Floats:
    """Times 0..1 of `n` frames: steps that grow as a power, PER_STEP frames evenly in each."""
    steps = np.linspace(0, 1, (n - 1) // PER_STEP + 1) ** power
    return np.asarray(np.interp(np.arange(n) / PER_STEP, np.arange(len(steps)), steps), np.float32)


def grid_of(key: float | None, octaves_under: int = 0) -> tuple[int, float, int]:
    """Note, cents, and the deepest octave under the note whose base lies over LOWEST_BASE_HZ."""
    key = float(FIXED_NOTE) if key is None else key
    note = round(min(max(key, 0.0), 127.0))
    room = int(math.log2(midi_to_hz(key - 12 * octaves_under) / LOWEST_BASE_HZ))
    return note, 100 * (key - note), octaves_under + min(max(room, 0), MOST_OCTAVES - octaves_under)
