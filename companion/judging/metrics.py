"""Distances between sounds: the four measures of the research, their guards, and the gap G made of them.

The measures follow the published evaluation of Hayes et al. 2025 (arXiv 2506.07199) and equal what librosa computes
with its defaults, in numpy and scipy alone. All take float32 audio `(channels, n_samples)` at 44 100 Hz.

    measures = Reference(target).measure(answer)      # mss, wmfcc, sot, rms, loudness_db
    g = gap(measures, floor, init)                    # 0: a re-render; 1: no better than the init patch
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal
from scipy.spatial.distance import cdist

from companion.hearing.audio import SAMPLE_RATE, Audio
from companion.hearing.features import hz_to_mel, mel_to_hz

Array = NDArray[np.float32]

TOP_DB = 80.0  # a spectrogram ends this far below its own maximum
POWER_FLOOR = 1e-10  # librosa's amin
SILENCE_DB = -60.0  # RMS over both channels under which a render counts as silent
WORST = 2.0  # a gap ends here, and a failure counts this much


@dataclass(frozen=True)
class Scale:
    """One resolution of the multi-scale spectrogram."""

    window: int
    """Samples of a Hann window, also the FFT size where `n_fft` is 0."""
    hop: int
    """Samples from frame to frame."""
    n_mels: int
    n_fft: int = 0
    """Samples of the FFT, zeros after the window."""


def _samples(milliseconds: int) -> int:
    return int(milliseconds * SAMPLE_RATE / 1000)


MSS_SCALES = (
    Scale(_samples(10), _samples(5), 32),
    Scale(_samples(25), _samples(10), 64),
    Scale(_samples(100), _samples(50), 128),
)
MFCC_SCALE = Scale(_samples(50), _samples(10), 128)
N_MFCC = 20
SOT_WINDOW, SOT_HOP = _samples(50), _samples(20)
SOT_CLIP = 1e-6
RMS_WINDOW, RMS_HOP = _samples(50), _samples(25)


@dataclass(frozen=True)
class Measures:
    """What one sound is away from another; `loudness_db` is taken before level matching, the rest after it."""

    mss: float
    """Multi-scale log-mel difference in dB, lower is better."""
    wmfcc: float
    """Dynamic-time-warped MFCC difference, lower is better."""
    sot: float
    """Difference of cumulative spectra, 0..1, lower is better."""
    rms: float
    """Cosine similarity of RMS envelopes, 0..1, higher is better."""
    loudness_db: float
    """Level of the answer less that of the target in dB; -inf for silence."""

    def distances(self) -> dict[str, float]:
        """The four measures, all so that lower is better."""
        return {"mss": self.mss, "wmfcc": self.wmfcc, "sot": self.sot, "rms": 1 - self.rms}


def worse(a: Measures, b: Measures) -> Measures:
    """The worse of two, measure by measure."""
    return Measures(
        max(a.mss, b.mss),
        max(a.wmfcc, b.wmfcc),
        max(a.sot, b.sot),
        min(a.rms, b.rms),
        max(a.loudness_db, b.loudness_db, key=abs),
    )


def means(items: list[Measures]) -> Measures:
    """The mean of several, measure by measure."""
    return Measures(*(float(value) for value in np.mean([astuple(item) for item in items], axis=0)))


# --- the gap -------------------------------------------------------------------------------------------------------


def gap_terms(value: Measures, floor: Measures, init: Measures) -> dict[str, float]:
    """The terms of G by measure; a measure whose floor exceeds half of its init says nothing and is left out."""
    terms = {}
    for name, high in init.distances().items():
        low = floor.distances()[name]
        if low <= high / 2 and high > 0:
            terms[name] = float(np.clip((value.distances()[name] - low) / (high - low), 0, WORST))
    return terms


def gap(value: Measures, floor: Measures, init: Measures) -> float:
    """The gap G: 0 cannot be told from a re-render, 1 is no better than the init patch, 2 is the worst.

    `value`, `floor` and `init` are target against patch, against its own re-render and against the init patch. NaN when
    every measure is left out (see `gap_terms`) or not a number.
    """
    terms = gap_terms(value, floor, init)
    return float(np.mean(list(terms.values()))) if terms else math.nan


# --- preparing sounds ----------------------------------------------------------------------------------------------


def level_db(audio: Audio) -> float:
    """RMS over all channels in dBFS; -inf for digital silence."""
    power = float(np.mean(np.square(audio, dtype=np.float64))) if audio.size else 0.0
    return 10 * math.log10(power) if power > 0 else -math.inf


def is_silent(audio: Audio) -> bool:
    """Whether the level is under -60 dBFS (or not a number)."""
    return not level_db(audio) >= SILENCE_DB


def match_level(audio: Audio, target_db: float) -> Audio:
    """`audio` scaled to the RMS level `target_db`; digital silence stays as it is."""
    own_db = level_db(audio)
    if not math.isfinite(own_db) or not math.isfinite(target_db):
        return audio
    return (audio * np.float32(10 ** ((target_db - own_db) / 20))).astype(np.float32)


def fit_length(audio: Audio, n_samples: int) -> Audio:
    """`audio` cut, or filled with zeros, to `n_samples`."""
    missing = n_samples - audio.shape[1]
    return np.pad(audio, ((0, 0), (0, missing))) if missing > 0 else audio[:, :n_samples]


def fold_mono(audio: Audio) -> Audio:
    """The mean of the channels, as `(1, n_samples)`."""
    return audio.mean(axis=0, keepdims=True) if audio.shape[0] > 1 else audio


# --- spectra, equal to librosa's -------------------------------------------------------------------------------------


@cache
def hann(window: int) -> Array:
    """A periodic Hann window."""
    return signal.get_window("hann", window, fftbins=True).astype(np.float32)


def stft(audio: Array, window: int, hop: int, n_fft: int = 0) -> NDArray[np.complex64]:
    """Short-time spectra `(..., n_frames, n_fft // 2 + 1)` of `(..., n_samples)`, centred, zeros beyond the ends."""
    half = window // 2
    padded = np.pad(audio, [(0, 0)] * (audio.ndim - 1) + [(half, half)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, window, axis=-1)[..., ::hop, :]
    spectrum: NDArray[np.complex64] = fft.rfft(
        frames * hann(window), n_fft or window, axis=-1, overwrite_x=True
    )
    return spectrum


def power(spectrum: NDArray[np.complex64]) -> Array:
    """Squared magnitudes."""
    result: Array = np.square(spectrum.real) + np.square(spectrum.imag)
    return result


@cache
def mel_filters(n_fft: int, n_mels: int) -> Array:
    """Triangles of equal area, `(n_fft // 2 + 1, n_mels)`, from 0 Hz to half the sample rate (Slaney's)."""
    bins_hz = fft.rfftfreq(n_fft, 1 / SAMPLE_RATE)[:, None]
    top_mel = hz_to_mel(np.array(SAMPLE_RATE / 2))
    edges_hz = mel_to_hz(np.linspace(0, top_mel, n_mels + 2))
    low, centre, high = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    triangles = np.minimum((bins_hz - low) / (centre - low), (high - bins_hz) / (high - centre))
    return (np.maximum(0, triangles) * 2 / (high - low)).astype(np.float32)


def mel_power(audio: Array, scale: Scale) -> Array:
    """A power mel spectrogram, `(..., n_frames, n_mels)`."""
    spectra = power(stft(audio, scale.window, scale.hop, scale.n_fft))
    result: Array = spectra @ mel_filters(scale.n_fft or scale.window, scale.n_mels)
    return result


def to_db(values: Array, reference: float = 1.0) -> Array:
    """Power in dB relative to `reference`, ending 80 dB below the highest."""
    decibels = 10 * np.log10(np.maximum(values, POWER_FLOOR)) - np.float32(
        10 * math.log10(max(reference, POWER_FLOOR))
    )
    result: Array = np.maximum(decibels, decibels.max() - TOP_DB)
    return result


def mels_db(audio: Audio) -> tuple[Array, ...]:
    """The three spectrograms of MSS, each `(channels, n_frames, n_mels)` in dB relative to its own maximum."""
    spectra = (mel_power(audio, scale) for scale in MSS_SCALES)
    return tuple(to_db(spectrum, float(spectrum.max())) for spectrum in spectra)


def cepstra(mels: Array) -> Array:
    """20 mel-frequency cepstral coefficients, `(n_frames, 20)`, of a power mel spectrogram."""
    result: Array = fft.dct(to_db(mels), axis=-1, type=2, norm="ortho")[..., :N_MFCC]
    return result


def mfcc(mono: Array) -> Array:
    """The `cepstra` of `(n_samples,)` that wMFCC compares."""
    return cepstra(mel_power(mono, MFCC_SCALE))


def cumulative_spectra(mono: Array) -> Array:
    """The `cumulative` spectra of `(n_samples,)` that SOT compares."""
    return cumulative(power(stft(mono, SOT_WINDOW, SOT_HOP)))


def cumulative(powers: Array) -> Array:
    """Cumulative magnitudes, each frame ending at 1 (or less, for frames quieter than the clip), `(n_frames, n_bins)`."""
    magnitudes = np.sqrt(powers)
    magnitudes /= np.maximum(magnitudes.sum(axis=-1, keepdims=True), SOT_CLIP)
    result: Array = np.cumsum(magnitudes, axis=-1, out=magnitudes)
    return result


def rms_envelope(mono: Array) -> Array:
    """Root mean square of each 50 ms, `(n_frames,)`, centred, zeros beyond the ends."""
    padded = np.pad(np.square(mono), RMS_WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, RMS_WINDOW)[::RMS_HOP]
    result: Array = np.sqrt(frames.mean(axis=-1))
    return result


# --- the four measures -----------------------------------------------------------------------------------------------


def mss_distance(a: tuple[Array, ...], b: tuple[Array, ...]) -> float:
    """Mean absolute dB difference of two `mels_db`, averaged over the three resolutions."""
    return float(np.mean([np.mean(np.abs(x - y)) for x, y in zip(a, b, strict=True)]))


def dtw_distance(a: Array, b: Array) -> float:
    """Dynamic time warping of `(n, d)` onto `(m, d)`: mean absolute local cost, steps symmetric (a diagonal step pays
    twice), over `n + m` (the "symmetric2" pattern of Sakoe and Chiba).

    Works along anti-diagonals: row `k` of the skewed cost holds the cells `i + j = k`.
    """
    n, m = len(a), len(b)
    cost = np.full((n, n + m), np.inf)
    cost[:, :m] = cdist(a, b, "cityblock") / a.shape[1]
    skewed = np.ascontiguousarray(cost.reshape(-1)[: n * (n + m - 1)].reshape(n, n + m - 1).T)
    before, last = (
        np.full(n + 1, np.inf),
        np.full(n + 1, np.inf),
    )  # paths to diagonals k - 2, k - 1; cell i at i + 1
    last[1] = cost[0, 0]
    for local in skewed[1:]:
        new = np.full(n + 1, np.inf)
        step = np.minimum(last[1:], last[:-1])
        np.minimum(step, before[:-1] + local, out=step)
        np.add(step, local, out=new[1:])
        before, last = last, new
    return float(last[n] / (n + m))


def sot_distance(a: Array, b: Array) -> float:
    """Optimal transport between the spectra of two `cumulative_spectra`, in shares of the band, mean over frames."""
    return float(np.abs(a - b).mean())


def rms_similarity(a: Array, b: Array) -> float:
    """Cosine similarity of two envelopes; 0 where one is silent."""
    norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / norms if norms > 0 else 0.0


@dataclass(frozen=True)
class Features:
    """What the four measures look at, of one sound."""

    mels: tuple[Array, ...]
    mfcc: Array
    cumulative: Array
    envelope: Array

    @classmethod
    def of(cls, audio: Audio) -> Features:
        """Features of `(channels, n_samples)`."""
        mono = fold_mono(audio)[0]
        return cls(mels_db(audio), mfcc(mono), cumulative_spectra(mono), rms_envelope(mono))

    def measure(self, other: Features, loudness_db: float) -> Measures:
        """The four measures from this sound to another of the same length."""
        return Measures(
            mss=mss_distance(self.mels, other.mels),
            wmfcc=dtw_distance(self.mfcc, other.mfcc),
            sot=sot_distance(self.cumulative, other.cumulative),
            rms=rms_similarity(self.envelope, other.envelope),
            loudness_db=loudness_db,
        )


class Reference:
    """A target whose features are computed once, to measure many answers against."""

    def __init__(self, audio: Audio) -> None:
        """Takes the target, `(channels, n_samples)`."""
        self.audio = np.asarray(audio, np.float32)
        self.level_db = level_db(self.audio)

    @cached_property
    def _features(self) -> Features:
        return Features.of(self.audio)

    @cached_property
    def _folded(self) -> Reference:
        return Reference(fold_mono(self.audio))

    def measure(self, answer: Audio) -> Measures:
        """Measures from the target to `answer`: brought to its length and level, both mono where either is."""
        if self.audio.shape[0] != answer.shape[0]:
            folded = self if self.audio.shape[0] == 1 else self._folded
            return folded.measure(fold_mono(answer))
        answer = fit_length(np.nan_to_num(answer), self.audio.shape[1])
        loudness_db = level_db(answer) - self.level_db
        return self._features.measure(Features.of(match_level(answer, self.level_db)), loudness_db)


def measure(target: Audio, answer: Audio) -> Measures:
    """Measures from `target` to `answer`, both `(channels, n_samples)`; see `Reference`."""
    return Reference(target).measure(answer)
