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
from scipy import fft
from scipy.ndimage import maximum_filter1d, percentile_filter

from companion.hearing.audio import SAMPLE_RATE, Audio
from companion.hearing.features import hz_to_mel
from companion.hearing.melody import Melody
from companion.judging.metrics import hann
from presets.laws import midi_to_hz

Floats = NDArray[np.float64]

LOW_EDGES = (0.2, 0.4, 0.75, 1.25, 1.75, 2.25, 2.75)  # sub octaves, then halves of a harmonic
LAST_SINGLE = 16  # harmonics up to here have a band each
BANDS_PER_OCTAVE = 6
TOP_HARMONIC = 1024
TOP_HZ = 18_000.0
WINDOW, LONG_WINDOW = 4096, 8192  # the long one under 140 Hz, where harmonics would run together
LONG_BELOW_HZ = 140.0
WINDOWS_IN_MOTION = (1024, 2048, 4096)  # the shortest that holds
PERIODS_IN_MOTION = 5  # of what a moving pitch mostly is
HOP = 1024
HOPS_A_WINDOW = 4
NEARBY_S = 0.15  # of a moving pitch: moments with more between the harmonics than most nearby lie on its way
CLEAREST = 35  # of a hundred moments nearby
FAINT = 0.1  # of the power of the loudest nearby
ENVELOPE_HOP_S = 0.005
RANGE_DB = 70.0  # what lies this far under the loudest band is not looked at
MOMENT_ENDS_S = (0.06, 0.14, 0.28, 0.55, 1.0, 1.6)  # a note is looked at in stretches that grow
TAIL_S = 0.3
MOST_LIFT_DB = 12.0  # that one band can ask of the whole when levels are brought together
HALVES = {0: [1, 2], 1: [2], 3: [2, 4], 5: [4, 6]}  # bands between harmonics, and those beside them
LEAK = 0.003  # of a harmonic's power, at most, that the window spreads into the band beside it
MIN_BINS = 4  # of a band in which harmonics and what lies between can be told apart
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
    """RMS every 5 ms over all channels, smoothed over two periods, `(n,)`."""
    spectra: NDArray[np.float32]
    """Power of the FFT's bins, `(n_frames, n_bins)`, in the scale of `frames`."""
    side_db: float
    """Power of the difference of the channels under that of their sum; -60 for mono."""
    clear: NDArray[np.bool_]
    """Frames in which the pitch is not on its way to another, `(n_frames,)`."""
    known_s: float
    """Until when its pitch is known: one that moves may do so in an echo, too."""

    @classmethod
    def of(
        cls,
        audio: Audio,
        pitch_midi: float,
        note_off_s: float,
        melody: Melody | None = None,
        brief: bool = False,
    ) -> Portrait:
        """Looks at `(channels, n_samples)`, a note of `pitch_midi` that starts at 0 and is let go at `note_off_s`.

        Where its pitch moves, the spectra follow, so that its harmonics stay in their bands.

        Args:
            brief: whether a frame is as short as it can be, as where the pitch moves.
        """
        f0_hz = midi_to_hz(pitch_midi)
        lowest_st = float(np.percentile(melody.steps, 20)) if melody else 0.0
        window = _window(f0_hz, f0_hz * 2 ** (lowest_st / 12) if brief or melody else None)
        hop = min(HOP, window // HOPS_A_WINDOW)
        audio = np.asarray(audio, np.float32)
        spectra = _spectra(audio, window, hop) * np.float32(8 / 3 / window**2 * 2)
        times = np.arange(len(spectra)) * hop / SAMPLE_RATE
        if melody:
            spectra = _followed(spectra, 2 ** (melody.at(times) / 12))
        frames = _without_leaks(_in_bands(spectra, f0_hz * window / SAMPLE_RATE))
        clear = _clear(frames, hop) if melody else np.ones(len(frames), bool)
        known_s = float(melody.times_s[-1]) if melody else np.inf
        envelope, side_db = envelope_of(audio, f0_hz), _side_db(audio)
        return cls(f0_hz, note_off_s, times, frames, envelope, spectra, side_db, clear, known_s)

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
    def noise_share_db(self) -> Floats:
        """How much of each band lies between the harmonics, at most, in dB under the band, `(k, n_bands in use)`."""
        return _noise_share_db(self)

    def during(self, moments: Moments) -> Floats:
        """Power of the bands in use in the stretches of another note's moments, `(k, n_bands)`."""
        return np.stack([_mean_between(self, a, b) for a, b in moments.stretches])[:, : self.used]


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
    stretches: tuple[tuple[float, float], ...]
    """Start and end of each in s."""

    @cached_property
    def db(self) -> Floats:
        """In dB, nothing further than 70 dB under the loudest band of all."""
        rows = decibels(self.power)
        return np.asarray(np.maximum(rows, rows.max() - RANGE_DB))

    @cached_property
    def band_weights(self) -> Floats:
        """How much each band counts in each moment, rows summing to 1: its share of the mel scale, less when quiet."""
        return band_weights(self.db, self.mel_widths)

    def errors(self, predicted_db: Floats) -> Floats:
        """Mean difference in dB of predictions `(m, k, n_bands)`; the level of each moment is free."""
        return np.asarray((np.abs(self.differences(predicted_db)) * self.band_weights).sum(-1) @ self.weights)

    def differences(self, predicted_db: Floats) -> Floats:
        """Predictions less the clip in dB, levels brought together; what is predicted under the range is at its end."""
        wanted, weights = self.db.astype(np.float32), self.band_weights.astype(np.float32)
        predicted = predicted_db.astype(np.float32)
        lowest = wanted.max() - np.float32(RANGE_DB) - wanted
        predicted = predicted - decibels((10 ** (predicted / 10)).sum(-1, keepdims=True)).astype(np.float32)
        predicted += decibels(self.power.sum(-1))[:, None].astype(np.float32)  # as loud as a whole
        difference = np.maximum(predicted - wanted, lowest)
        lift = -(np.clip(difference, -MOST_LIFT_DB, MOST_LIFT_DB) * weights).sum(
            -1, keepdims=True
        )  # then evenly
        return np.asarray(np.maximum(predicted + lift - wanted, lowest))

    def rest_db(self, predicted_db: Floats) -> tuple[Floats, Floats]:
        """What a prediction `(k, n_bands)` lacks in each band, mean over the moments, and the weights of the bands."""
        weights = self.band_weights * self.weights[:, None]
        lacks = np.clip(-self.differences(predicted_db), -20, 20)
        total = weights.sum(axis=0)
        return np.asarray((weights * lacks).sum(axis=0) / total), np.asarray(total)


def band_weights(db: Floats, shares: Floats) -> Floats:
    """How much each band of moments `(k, n_bands)` counts, rows summing to 1: its share `(n_bands,)`, less when quiet."""
    loud = np.clip((db - db.max(axis=1, keepdims=True) + 60) / 35, QUIET_WEIGHT, 1)
    weights = (shares + 0.3 / db.shape[1]) * loud
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _window(f0_hz: float, lowest_hz: float | None) -> int:
    """How many samples are looked at together; as few as will do for the lowest pitch of what moves."""
    longest = LONG_WINDOW if f0_hz < LONG_BELOW_HZ else WINDOW
    if lowest_hz is None:
        return longest
    enough = (n for n in WINDOWS_IN_MOTION if n >= PERIODS_IN_MOTION * SAMPLE_RATE / lowest_hz)
    return min(longest, next(enough, longest))


def _spectra(audio: Audio, window: int, hop: int) -> NDArray[np.float32]:
    """Power spectra, mean over channels, `(n_frames, window // 2 + 1)`; zeros beyond the ends."""
    padded = np.pad(audio, ((0, 0), (window // 2, window // 2)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window, axis=1)[:, ::hop]
    spectra = fft.rfft(frames * hann(window), axis=2, overwrite_x=True)
    return np.asarray((np.square(spectra.real) + np.square(spectra.imag)).mean(axis=0))


def _followed(spectra: NDArray[np.float32], ratios: Floats) -> NDArray[np.float32]:
    """Spectra (n_frames, n_bins) moved by the ratios (n_frames,) of their pitch to the note's; no power is lost but off the ends."""
    edge = np.arange(spectra.shape[1] + 1.0)
    moved = [
        np.diff(np.interp(edge * ratio, edge, row))
        for row, ratio in zip(_running(spectra), ratios, strict=True)
    ]
    return np.asarray(moved, np.float32)


def _running(spectra: NDArray[np.float32]) -> Floats:
    """Power under each edge of the bins (n_frames, n_bins + 1)."""
    return np.concatenate([np.zeros((len(spectra), 1)), np.cumsum(spectra, axis=1, dtype=np.float64)], axis=1)


def _in_bands(spectra: NDArray[np.float32], bins_per_harmonic: float) -> Floats:
    """Power summed between the edges; a bin that an edge cuts is shared."""
    total = _running(spectra)
    place = np.minimum(edges() * bins_per_harmonic + 0.5, spectra.shape[1])
    whole = np.minimum(place.astype(int), spectra.shape[1] - 1)
    at_edges = total[:, whole] + (place - whole) * spectra[:, whole]
    return np.asarray(np.diff(at_edges, axis=1))


def _without_leaks(frames: Floats) -> Floats:
    """Takes what the window spreads from the harmonics out of the bands between them."""
    clean = frames.copy()
    for band, beside in HALVES.items():
        clean[:, band] = np.maximum(
            frames[:, band] - LEAK * frames[:, beside].sum(axis=1), 1e-6 * frames[:, band]
        )
    return clean


def _clear(frames: Floats, hop: int) -> NDArray[np.bool_]:
    """Which frames have less between their harmonics than most of those nearby, and are not much fainter."""
    size = max(3, round(NEARBY_S * SAMPLE_RATE / hop))
    power = frames.sum(axis=1)
    between = frames[:, list(HALVES)].sum(axis=1) / np.maximum(power, 1e-20)
    between[power < FAINT * maximum_filter1d(power, size)] = 1.0
    return np.asarray(between <= percentile_filter(between, CLEAREST, size, mode="mirror"))


def envelope_of(audio: Audio, f0_hz: float) -> Floats:
    """RMS every 5 ms, smoothed over two periods so that the wave itself is not seen."""
    hop = int(ENVELOPE_HOP_S * SAMPLE_RATE)
    squares = np.square(audio, dtype=np.float64).mean(axis=0)
    n = len(squares) // hop
    steps = squares[: n * hop].reshape(n, hop).mean(axis=1)
    length = int(np.clip(np.ceil(2 / f0_hz / ENVELOPE_HOP_S), 3, 16))
    if n <= length:
        return np.asarray(np.sqrt(steps))
    kernel = np.hanning(length + 2)[1:-1]
    smooth = np.convolve(steps, kernel, "same") / np.convolve(
        np.ones(n), kernel, "same"
    )  # edges see what is there
    return np.asarray(np.sqrt(smooth))


def _side_db(audio: Audio) -> float:
    if len(audio) < 2:
        return -60.0
    side, mid = (float(np.mean(np.square(audio[0] + sign * audio[1]))) for sign in (-1, 1))
    return float(np.clip(10 * np.log10(max(side, 1e-12) / max(mid, 1e-12)), -60, 20))


def _moments(portrait: Portrait) -> Moments:
    off = portrait.note_off_s
    ends = [e for e in MOMENT_ENDS_S if e < off - 0.04]
    bounds = [0.0, *ends, off, min(off + TAIL_S, portrait.duration_s)]
    known = [(a, min(b, portrait.known_s)) for a, b in pairwise(bounds)]
    stretches = [(a, b) for a, b in known if b - a > 0.02] or [(0.0, portrait.duration_s)]
    rows = [_mean_between(portrait, a, b) for a, b in stretches]
    starts, ends_s = np.array(stretches).T
    powers = np.stack(rows)[:, : portrait.used]
    loud = powers.sum(axis=1) >= powers.sum(axis=1).max() * 10 ** (-RANGE_DB * 0.8 / 10)
    weights = np.sqrt(ends_s - starts)[loud]
    kept = tuple(stretch for stretch, is_loud in zip(stretches, loud, strict=True) if is_loud)
    return Moments(
        ((starts + ends_s) / 2)[loud], powers[loud], weights / weights.sum(), portrait.mel_widths, kept
    )


def _noise_share_db(portrait: Portrait) -> Floats:
    """By the quiet third of the bins of a band; a band of few bins takes the share of its neighbours."""
    bins = edges()[: portrait.used + 1] * portrait.f0_hz / SAMPLE_RATE * 2 * (portrait.spectra.shape[1] - 1)
    starts = np.round(bins).astype(int)
    share = np.full((len(portrait.moments.stretches), portrait.used), np.nan)
    for k, (start_s, end_s) in enumerate(portrait.moments.stretches):
        spectrum = portrait.spectra[_frames_between(portrait, start_s, end_s)].mean(axis=0)
        for b, (i, j) in enumerate(pairwise(starts)):
            if j - i >= MIN_BINS:
                band = spectrum[i:j]
                share[k, b] = (
                    np.partition(band, (j - i) // 3)[(j - i) // 3] * (j - i) / max(float(band.sum()), 1e-20)
                )
    if np.isnan(share).all():
        return np.full_like(share, -60.0)
    index = np.arange(portrait.used)
    known = ~np.isnan(share[0])
    filled = np.stack([np.interp(index, index[known], row[known]) for row in share])
    return np.minimum(decibels(filled), 0.0)


def _mean_between(portrait: Portrait, start_s: float, end_s: float) -> Floats:
    return np.asarray(portrait.frames[_frames_between(portrait, start_s, end_s)].mean(axis=0))


def _frames_between(portrait: Portrait, start_s: float, end_s: float) -> NDArray[np.bool_]:
    """Which frames have their middle in a stretch; the nearest one where none has."""
    late = float(portrait.times_s[1] if len(portrait.times_s) > 1 else HOP / SAMPLE_RATE) / 2
    inside = (portrait.times_s >= start_s + late) & (portrait.times_s < end_s + late)
    for some in (inside & portrait.clear, inside):
        if some.any():
            return np.asarray(some)
    return np.asarray(
        np.arange(len(portrait.times_s)) == np.abs(portrait.times_s - (start_s + end_s) / 2).argmin()
    )
