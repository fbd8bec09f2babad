"""What a DAW does to a clip before it is heard: gain and pitch, applied to the samples that are matched."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from pedalboard import time_stretch

from companion.errors import ClipError
from companion.hearing.audio import SAMPLE_RATE, Audio, Clip
from companion.hearing.features import resample

QUIETEST_DB, LOUDEST_DB = -70.0, 36.0  # Live's clip gain: silence, or up to +24 dB
MOST_ST = 120.0  # Live: 48 semitones and 50 cents; warped by Re-Pitch, whatever the tempo makes of it
INAUDIBLE_ST = 0.001

IMITATED = (
    "The clip was transposed by {st:+g} semitones at its own length, which the DAW does in its own way: "
    "the grain of the sound may differ."
)


@dataclass(frozen=True)
class Treatment:
    """How a DAW plays a clip; validated once, here."""

    gain_db: float = 0.0
    """-70 to 36 dB; minus infinity is silence."""
    pitch_st: float = 0.0
    """-120 to 120 semitones."""
    keeps_length: bool = False
    """The pitch changes but not the length, as in a warped clip; else as on tape."""

    def __post_init__(self) -> None:
        if not (self.gain_db == -math.inf or QUIETEST_DB <= self.gain_db <= LOUDEST_DB):
            raise ClipError(
                f"A gain of {self.gain_db:g} dB is out of range; give {QUIETEST_DB:g} to {LOUDEST_DB:g} dB."
            )
        if not abs(self.pitch_st) <= MOST_ST:
            raise ClipError(
                f"A pitch of {self.pitch_st:g} semitones is out of range; give {-MOST_ST:g} to {MOST_ST:g}."
            )


def heard(clip: Clip, treatment: Treatment) -> Clip:
    """The clip as the DAW plays it: same start and name, `(channels, n)` at SAMPLE_RATE.

    Raises:
        ClipError: transposed like that, nothing is left of it.
    """
    samples, rate_hz, warnings = clip.samples, clip.rate_hz, clip.warnings
    if abs(treatment.pitch_st) > INAUDIBLE_ST:
        if treatment.keeps_length:
            samples = shift_pitch(samples, treatment.pitch_st)
            warnings = (*warnings, IMITATED.format(st=round(treatment.pitch_st, 2)))
        else:
            samples = change_speed(samples, treatment.pitch_st)
            rate_hz = max(round(rate_hz * 2 ** (treatment.pitch_st / 12)), 1)
    if treatment.gain_db:
        samples = samples * np.float32(10 ** (treatment.gain_db / 20))
    return replace(clip, samples=samples, rate_hz=rate_hz, warnings=warnings)


def change_speed(samples: Audio, pitch_st: float) -> Audio:
    """Play `(channels, n)` faster or slower, as tape does: an octave up is half as long."""
    played_hz = max(round(SAMPLE_RATE * 2 ** (pitch_st / 12)), 1)  # within 0.02 cents at the original pitch
    faster = resample(samples, played_hz, SAMPLE_RATE)
    if not faster.shape[1]:
        raise ClipError(f"Nothing is left of the clip {pitch_st:+g} semitones up; lower its transposition.")
    return faster


def shift_pitch(samples: Audio, pitch_st: float) -> Audio:
    """Transpose `(channels, n)` at its own length: stretched by Rubber Band, then played at the other speed.

    Rubber Band's own transposition keeps the formants in pedalboard, which no warp mode but Complex Pro does.
    """
    n = samples.shape[1]
    stretched = time_stretch(samples, SAMPLE_RATE, stretch_factor=2 ** (-pitch_st / 12))
    shifted = change_speed(stretched, pitch_st)[:, :n]
    return np.pad(shifted, ((0, 0), (0, n - shifted.shape[1])))
