"""The pitch of a note, to the cent and with its octave, as ranked guesses.

After SWIPE (Camacho and Harris 2008, JASA 124): a candidate pitch is a comb with teeth on its harmonics and
valleys between, and the comb that best fits the square root of the spectrum wins. The valleys keep it from
answering an octave low, the decaying teeth from an octave high. It needs no fundamental to be there, and a
mistuned unison moves it little. YIN was the alternative: equal on clean tones, without an answer on many
detuned or noisy presets.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

from companion.hearing.audio import SAMPLE_RATE, Audio
from companion.hearing.features import resample

Floats = NDArray[np.float32]

PITCH_RATE = SAMPLE_RATE // 4  # 11,025 Hz: harmonics up to 5.5 kHz vote
SIZES = (8192, 4096, 2048, 1024, 512, 256)  # windows in samples at PITCH_RATE: 0.74 s to 23 ms
HOPS = (4, 2, 1, 1, 1, 1)  # in frames: the long windows hardly change from one frame to the next
PERIODS = 8  # a candidate is judged in windows of about this many periods
HOP = 331  # 30 ms
LOWEST_HZ, HIGHEST_HZ = 16.0, 4_200.0
STEPS_PER_ST = 8  # 12.5 cents between candidates
N_CANDIDATES = int(np.log2(HIGHEST_HZ / LOWEST_HZ) * 12 * STEPS_PER_ST) + 1
ERB_STEP = 0.06  # spacing of the spectrum that combs look at, in equivalent rectangular bandwidths
ENERGY_SIZE = 1024  # the window whose energy says how loud a frame is,
BRIEF_SIZE = 256  # and how loud one of frames closer than HOP

HARD_PITCH = 0.13  # strength under which most sounds have no pitch; see tests for what noise and drums reach
NO_PITCH = 0.12  # strength under which a sound is taken for noise or a drum
SHARPNESS = 30.0  # of the softmax that turns strengths into confidences; fitted on renders of real presets
RELATIVES_ST = (-24.0, -19.02, -12.0, -7.02, 7.02, 12.0, 19.02, 24.0)  # common confusions, always offered
FINE_SIZE = 1 << 16  # of the long spectrum: 0.17 Hz a bin
CENTRE_CENTS, CENTRE_HARMONICS, CENTRE_ROUNDS = 60.0, 10, 4
TIP_CENTS, TIP_STEP_CENTS, TIP_HARMONICS = 5.0, 0.5, 16


@dataclass(frozen=True)
class PitchGuess:
    """One possible pitch of a note."""

    note: float
    """MIDI number with its fraction: 60.0 is middle C, 60.5 is 50 cents above it."""
    confidence: float
    """0..1; all guesses of a clip sum to at most 1, and to less where the clip may have no pitch."""
    strength: float
    """How well the comb fits, -1..1: noise and drums reach 0.1, clear tones 0.3 to 0.8."""

    @property
    def hz(self) -> float:
        """The fundamental."""
        return float(note_to_hz(self.note))


@dataclass(frozen=True)
class Salience:
    """How strongly each candidate pitch speaks at each moment."""

    times_s: Floats
    """(frames,) centres of the frames."""
    strengths: Floats
    """(frames, N_CANDIDATES), -1..1."""
    energies: Floats
    """(frames,) power, arbitrary unit."""

    def average(self) -> Floats:
        """Strengths over the clip (N_CANDIDATES,), frames weighed by their amplitude."""
        weights = np.sqrt(self.energies)
        total = float(weights.sum())
        return np.asarray(weights @ self.strengths / total if total > 0 else self.strengths.mean(axis=0))


def note_to_hz(note: float) -> float:
    """Convert a MIDI number, A4 = 69 = 440 Hz."""
    return float(440.0 * 2 ** ((note - 69) / 12))


def hz_to_note(hz: float) -> float:
    """Convert Hz to a MIDI number with its fraction."""
    return float(69 + 12 * np.log2(hz / 440.0))


def place_of(note: float) -> int:
    """The candidate nearest to a MIDI number."""
    return min(max(round((note - hz_to_note(LOWEST_HZ)) * STEPS_PER_ST), 0), N_CANDIDATES - 1)


def guess_pitches(audio: Audio, count: int = 6, found: Salience | None = None) -> tuple[PitchGuess, ...]:
    """Give at most `count` pitches that `audio` (channels, n) may have, best first; none for silence.

    `found`: its salience, where it is known.
    """
    low = resample(audio, SAMPLE_RATE, PITCH_RATE)
    if not np.abs(low).max(initial=0.0) > 0:
        return ()
    curve = (found or salience(low)).average()
    best = sorted(candidates_of(curve), key=lambda at: -curve[at])[:count]
    confidences = confidences_of(curve[best])
    power = long_spectrum(low)
    notes = [fine_note(power, between_candidates(curve, at)) for at in best]
    return tuple(
        PitchGuess(note, float(confidence), float(curve[at]))
        for note, confidence, at in zip(notes, confidences, best, strict=True)
    )


def salience(low: Audio, every: int = HOP) -> Salience:
    """Fit every comb to a frame at `every` so many samples of audio (channels, n) at PITCH_RATE; channels add in power."""
    centres = np.arange(0, max(low.shape[1], 1), every)
    strengths = np.zeros((len(centres), N_CANDIDATES), np.float32)
    energies = np.zeros(len(centres), np.float32)
    for size, hop, share in zip(SIZES, HOPS, window_shares(), strict=True):
        power = frame_power(low, centres[::hop], size)
        if size == (ENERGY_SIZE if every >= HOP else BRIEF_SIZE):
            energies = power.sum(axis=1)
        used = np.flatnonzero(share)
        judged = slice(int(used[0]), int(used[-1]) + 1)
        fits = (loudness(power) @ combs()[judged].T) * share[judged]
        strengths[:, judged] += np.repeat(fits, hop, axis=0)[: len(centres)]
    return Salience((centres / PITCH_RATE).astype(np.float32), strengths, energies)


def frame_power(low: Audio, centres: NDArray[np.int64], size: int) -> Floats:
    """Power spectra (frames, size // 2 + 1) around `centres`, summed over channels."""
    padded = np.pad(low, ((0, 0), (size // 2, size // 2)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size, axis=1)[:, centres]
    spectra = rfft(frames * np.hanning(size).astype(np.float32), axis=-1)
    return np.asarray((spectra.real**2 + spectra.imag**2).sum(axis=0), dtype=np.float32)


def loudness(power: Floats) -> Floats:
    """Root of the magnitude on the combs' frequencies (frames, grid), each frame of unit norm."""
    n_bins = power.shape[1]
    position = grid_hz() * (2 * (n_bins - 1) / PITCH_RATE)
    lower = np.minimum(position.astype(int), n_bins - 2)
    share = (position - lower).astype(np.float32)
    root = power**0.25
    on_grid = root[:, lower] * (1 - share) + root[:, lower + 1] * share
    return np.asarray(on_grid / (np.linalg.norm(on_grid, axis=1, keepdims=True) + 1e-9))


def candidates_of(curve: Floats) -> set[int]:
    """Give the places of a salience curve worth offering: its high peaks and the relatives of the highest."""
    top = int(curve.argmax())
    inner = curve[1:-1]
    peaks = np.flatnonzero((inner > curve[:-2]) & (inner >= curve[2:]) & (inner > 0.5 * curve[top])) + 1
    near = [climb(curve, round(top + relative * STEPS_PER_ST)) for relative in RELATIVES_ST]
    return {top, *map(int, peaks), *(at for at in near if 0 < at < N_CANDIDATES - 1 and curve[at] > 0)}


def climb(curve: Floats, start: int, reach: int = STEPS_PER_ST // 2) -> int:
    """Give the highest place within half a semitone of `start`; -1 where that is off the scale."""
    if not reach <= start < len(curve) - reach:
        return -1
    return start - reach + int(curve[start - reach : start + reach + 1].argmax())


def confidences_of(strengths: Floats) -> Floats:
    """Turn strengths, best first, into confidences that sum to the chance that there is a pitch at all."""
    shares = np.exp(SHARPNESS * (strengths - strengths[0]))
    pitched = 1 / (1 + np.exp(-SHARPNESS * (strengths[0] - HARD_PITCH)))
    return np.asarray(pitched * shares / shares.sum())


def between_candidates(curve: Floats, at: int) -> float:
    """Give the note at a peak, between candidates by a parabola."""
    offset = 0.0
    if 0 < at < len(curve) - 1:
        left, middle, right = (float(value) for value in curve[at - 1 : at + 2])
        bend = left - 2 * middle + right
        offset = min(max(0.5 * (left - right) / bend, -0.5), 0.5) if bend < 0 else 0.0
    return hz_to_note(LOWEST_HZ) + (at + offset) / STEPS_PER_ST


def long_spectrum(low: Audio) -> Floats:
    """Power (FINE_SIZE // 2 + 1,) of the first second of audio at PITCH_RATE."""
    part = low[:, :PITCH_RATE]
    spectra = rfft(part * np.hanning(part.shape[1]).astype(np.float32), FINE_SIZE, axis=-1)
    return np.asarray((spectra.real**2 + spectra.imag**2).sum(axis=0))


def fine_note(power: Floats, note: float) -> float:
    """Move `note` onto the partials of the long spectrum: to their centres, then onto tips close by.

    Combs stand up to 40 cents sharp of a tone with few partials; the centre of a partial does not, and lies in
    the middle of mistuned voices, of which a tip would choose one.
    """
    for _ in range(CENTRE_ROUNDS):
        note = centred_note(power, note)
    cents = np.arange(-TIP_CENTS, TIP_CENTS + TIP_STEP_CENTS, TIP_STEP_CENTS)
    harmonics = np.arange(1, TIP_HARMONICS + 1)
    bins = note_to_hz(note) * 2 ** (cents[:, None] / 1200) * harmonics * FINE_SIZE / PITCH_RATE
    tips = np.interp(bins, np.arange(len(power)), power, right=0.0) ** 0.25
    scores = (tips / np.sqrt(harmonics)).sum(axis=1)
    best = int(scores.argmax())
    return note if best in (0, len(cents) - 1) else note + float(cents[best]) / 100


def centred_note(power: Floats, note: float) -> float:
    """Give the mean pitch of the first partials' centres of gravity; strong and high ones count most."""
    bin_of_hz = FINE_SIZE / PITCH_RATE
    first = note_to_hz(note) * bin_of_hz
    total = weights = 0.0
    for n in range(1, CENTRE_HARMONICS + 1):
        reach = min(max(n * first * (2 ** (CENTRE_CENTS / 1200) - 1), bin_of_hz), 0.45 * first)
        bins = np.arange(round(n * first - reach), round(n * first + reach) + 1)
        if bins[-1] >= len(power):
            break
        energy = float(power[bins].sum())
        if energy > 0:
            weight = float(np.sqrt(energy * n))
            total += weight * float(np.log2((bins @ power[bins]) / energy / (n * first)))
            weights += weight
    return note + 12 * total / weights if weights else note


@lru_cache(maxsize=1)
def grid_hz() -> NDArray[np.float64]:
    """Frequencies that combs look at, equally spaced in ERB (Glasberg and Moore 1990)."""
    lowest, highest = 21.4 * np.log10(1 + np.array([LOWEST_HZ / 2, 0.97 * PITCH_RATE / 2]) / 229)
    return np.asarray((10 ** (np.arange(float(lowest), float(highest), ERB_STEP) / 21.4) - 1) * 229)


@lru_cache(maxsize=1)
def candidates_hz() -> NDArray[np.float64]:
    """The candidate pitches (N_CANDIDATES,)."""
    return np.asarray(LOWEST_HZ * 2 ** (np.arange(N_CANDIDATES) / (12 * STEPS_PER_ST)))


@lru_cache(maxsize=1)
def combs() -> Floats:
    """One comb a candidate (N_CANDIDATES, grid): cosine teeth on all harmonics, half a valley at each end."""
    harmonic = grid_hz() / candidates_hz()[:, None]
    last = np.maximum(1, np.floor(grid_hz()[-1] / candidates_hz() - 0.75))[:, None]
    inside = (harmonic > 0.75) & (harmonic < last + 0.25)
    edge = ~inside & (harmonic > 0.25) & (harmonic < last + 0.75)
    comb = np.cos(2 * np.pi * harmonic) * (inside + 0.5 * edge) / np.sqrt(grid_hz())
    comb /= np.sqrt((np.maximum(comb, 0) ** 2).sum(axis=1, keepdims=True))
    return np.asarray(comb, dtype=np.float32)


@lru_cache(maxsize=1)
def window_shares() -> Floats:
    """How much each window counts for each candidate (len(SIZES), N_CANDIDATES): the two nearest PERIODS."""
    wanted = np.log2(PERIODS * PITCH_RATE / candidates_hz())
    wanted = np.clip(wanted, np.log2(SIZES[-1]), np.log2(SIZES[0]))
    return np.asarray(np.maximum(0, 1 - np.abs(wanted - np.log2(SIZES)[:, None])), dtype=np.float32)
