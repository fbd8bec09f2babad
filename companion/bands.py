"""How loud each harmonic of a note is, moment by moment: what a recipe is read from and corrected by.

A Portrait looks at a clip through bands that follow its fundamental: halves of a harmonic at the bottom, single
harmonics to the 16th, sixths of an octave above. The same bands hold for a wavetable at any pitch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from companion.audio import SAMPLE_RATE, Audio
from companion.features import hz_to_mel
from companion.metrics import power, stft
from presets.laws import midi_to_hz

Floats = NDArray[np.float64]

LOW_EDGES = (0.2, 0.4, 0.75, 1.25, 1.75, 2.25, 2.75)  # sub octaves, then halves of a harmonic
LAST_SINGLE = 16  # harmonics up to here have a band each
BANDS_PER_OCTAVE = 6
TOP_HARMONIC = 1024
TOP_HZ = 18_000.0
WINDOW, LONG_WINDOW = 4096, 8192  # the long one under 55 Hz, where harmonics would run together
LONG_BELOW_HZ = 55.0
HOP = 1024
ENVELOPE_HOP_S = 0.005
RANGE_DB = 70.0  # what lies this far under the loudest band is not looked at
MOMENT_ENDS_S = (0.06, 0.14, 0.28, 0.55, 1.0, 1.6)  # a note is looked at in stretches that grow
TAIL_S = 0.3
QUIET_WEIGHT = 0.15  # of bands at the bottom of the range, against 1 for loud ones


@cache
def edges() -> Floats:
    """Band edges in harmonic numbers, `(n_bands + 1,)`."""
    single = np.arange(3, LAST_SINGLE + 1) + 0.5
    n_high = int(np.log2(TOP_HARMONIC / single[-1]) * BANDS_PER_OCTAVE)
    high = single[-1] * 2 ** (np.arange(1, n_high + 1) / BANDS_PER_OCTAVE)
    return np.concatenate([LOW_EDGES, single, high])


@cache
def centres() -> Floats:
    """Band centres in harmonic numbers, `(n_bands,)`."""
    e = edges()
    middle = np.sqrt(e[1:] * e[:-1])
    named = np.array([0.25, 0.5, 1, 1.5, 2, 2.5, *range(3, LAST_SINGLE + 1)])
    middle[: len(named)] = named
    return middle


def decibels(powers: Floats) -> Floats:
    """Power as dB, nothing under -200."""
    return np.asarray(10 * np.log10(np.maximum(powers, 1e-20)))


@dataclass(frozen=True)
class Portrait:
    """A note seen through its bands."""

    f0_hz: float
    note_off_s: float
    times_s: Floats
    """Middle of each frame, `(n_frames,)`."""
    frames: Floats
    """Power, mean over channels, `(n_frames, n_bands)`."""
    envelope: Floats
    """RMS every 5 ms over all channels, `(n,)`."""
    side_db: float
    """Power of the difference of the channels under that of their sum; -60 for mono."""

    @classmethod
    def of(cls, audio: Audio, pitch_midi: float, note_off_s: float) -> Portrait:
        """Looks at `(channels, n_samples)`, a note of `pitch_midi` that starts at 0 and is let go at `note_off_s`."""
        f0_hz = midi_to_hz(pitch_midi)
        window = LONG_WINDOW if f0_hz < LONG_BELOW_HZ else WINDOW
        audio = np.asarray(audio, np.float32)
        spectra = power(stft(audio, window, HOP)).mean(axis=0)
        times = np.arange(len(spectra)) * HOP / SAMPLE_RATE
        frames = _in_bands(spectra, f0_hz * window / SAMPLE_RATE) * (8 / 3 / window**2 * 2)
        return cls(f0_hz, note_off_s, times, frames, _envelope(audio), _side_db(audio))

    @cached_property
    def used(self) -> int:
        """Bands under 18 kHz; those above hold nothing."""
        return int(np.searchsorted(centres() * self.f0_hz, TOP_HZ))

    @cached_property
    def hz(self) -> Floats:
        """Centres of the bands in use."""
        return centres()[: self.used] * self.f0_hz

    @cached_property
    def mel_widths(self) -> Floats:
        """How much of the mel scale each band in use covers, summing to 1."""
        mel = hz_to_mel(edges()[: self.used + 1] * self.f0_hz)
        return np.asarray(np.diff(mel) / (mel[-1] - mel[0]))

    @cached_property
    def duration_s(self) -> float:
        """Length of the clip."""
        return len(self.envelope) * ENVELOPE_HOP_S

    @cached_property
    def moments(self) -> Moments:
        """The stretches of the note, those that can be heard."""
        return _moments(self)

    @cached_property
    def long_term(self) -> Floats:
        """Mean power of the bands in use over the sounding part."""
        rows = self.moments
        return np.asarray(rows.weights @ rows.power)


@dataclass(frozen=True)
class Moments:
    """A note in a few stretches."""

    times_s: Floats
    """Middle of each, `(k,)`."""
    power: Floats
    """`(k, n_bands in use)`."""
    weights: Floats
    """How much each counts, summing to 1."""
    mel_widths: Floats
    """Of the bands, summing to 1."""

    @cached_property
    def db(self) -> Floats:
        """In dB, nothing further than 70 dB under the loudest band of all."""
        rows = decibels(self.power)
        return np.asarray(np.maximum(rows, rows.max() - RANGE_DB))

    @cached_property
    def band_weights(self) -> Floats:
        """How much each band counts in each moment, rows summing to 1: its share of the mel scale, less when quiet."""
        loud = np.clip((self.db - self.db.max(axis=1, keepdims=True) + 60) / 35, QUIET_WEIGHT, 1)
        weights = (self.mel_widths + 0.3 / self.db.shape[1]) * loud
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _in_bands(spectra: NDArray[np.float32], bins_per_harmonic: float) -> Floats:
    """Power summed between the edges; a bin that an edge cuts is shared."""
    total = np.concatenate([np.zeros((len(spectra), 1)), np.cumsum(spectra, axis=1, dtype=np.float64)], axis=1)
    place = np.minimum(edges() * bins_per_harmonic + 0.5, spectra.shape[1])
    whole = np.minimum(place.astype(int), spectra.shape[1] - 1)
    at_edges = total[:, whole] + (place - whole) * spectra[:, whole]
    return np.asarray(np.diff(at_edges, axis=1))


def _envelope(audio: Audio) -> Floats:
    hop = int(ENVELOPE_HOP_S * SAMPLE_RATE)
    squares = np.square(audio, dtype=np.float64).mean(axis=0)
    n = len(squares) // hop
    steps = squares[: n * hop].reshape(n, hop).mean(axis=1)
    return np.asarray(np.sqrt(steps))


def _side_db(audio: Audio) -> float:
    if len(audio) < 2:
        return -60.0
    side, mid = (float(np.mean(np.square(audio[0] + sign * audio[1]))) for sign in (-1, 1))
    return float(np.clip(10 * np.log10(max(side, 1e-12) / max(mid, 1e-12)), -60, 20))


def _moments(portrait: Portrait) -> Moments:
    off = portrait.note_off_s
    ends = [e for e in MOMENT_ENDS_S if e < off - 0.04]
    bounds = [0.0, *ends, off, min(off + TAIL_S, portrait.duration_s)]
    stretches = [(a, b) for a, b in pairwise(bounds) if b - a > 0.02] or [(0.0, portrait.duration_s)]
    rows = [_mean_between(portrait, a, b) for a, b in stretches]
    spans = np.array([b - a for a, b in stretches])
    middles = np.array([(a + b) / 2 for a, b in stretches])
    powers = np.stack(rows)[:, : portrait.used]
    loud = powers.sum(axis=1) >= powers.sum(axis=1).max() * 10 ** (-RANGE_DB * 0.8 / 10)
    weights = np.sqrt(spans[loud])
    return Moments(middles[loud], powers[loud], weights / weights.sum(), portrait.mel_widths)


def _mean_between(portrait: Portrait, start_s: float, end_s: float) -> Floats:
    inside = (portrait.times_s >= start_s + HOP / SAMPLE_RATE / 2) & (portrait.times_s < end_s + HOP / SAMPLE_RATE / 2)
    if not inside.any():
        inside = np.arange(len(portrait.times_s)) == np.abs(portrait.times_s - (start_s + end_s) / 2).argmin()
    return np.asarray(portrait.frames[inside].mean(axis=0))
