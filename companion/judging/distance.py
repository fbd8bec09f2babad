"""The distance that ranks candidates against a clip at run time, on the scale of the gap G.

    distance = Distance(clip, init=init_render)   # the target's features are computed once
    score = distance(audio)                       # 0 the same sound, about 1 no better than the init patch, 2 the worst
    scores = distance.many(audios)
    rough = Distance(clip, init=init_render, fast=True)      # half the cost, for the first round of many

It takes the four measures of `companion.judging.metrics` at sizes that share their spectra, and divides each by what Vital's init
patch measures (`init`, rendered at the clip's note; without it, by what it measures on average, which ranks as well but
is less near to G). Three things it has that G lacks: a level that is off costs, silence costs most, and nothing is
clipped at a floor, so that a search still finds its way between good candidates.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from companion.hearing.audio import Audio
from companion.judging.metrics import (
    MFCC_SCALE,
    SOT_HOP,
    WORST,
    Array,
    Scale,
    cepstra,
    cumulative,
    dtw_distance,
    fit_length,
    fold_mono,
    level_db,
    match_level,
    mel_filters,
    mel_power,
    mss_distance,
    power,
    rms_envelope,
    rms_similarity,
    sot_distance,
    stft,
    to_db,
)

# The scales of MSS with FFT sizes of small factors, half as dear as those of the windows.
WIDE_SCALE = Scale(1102, 441, 64, 1152)  # heard channel by channel
MONO_SCALES = (Scale(441, 220, 32, 512), Scale(4410, 2205, 128, 4608))
N_FFT = 2304  # of the one spectrogram that cepstra and cumulative spectra share
FAST_STRIDE = 2  # every second frame is enough for the warping

MEASURES = ("mel", "cepstra", "transport", "envelope")
TYPICAL_INIT = np.array([18.0, 15.5, 0.34, 0.12])  # what the init patch measures, mean over 39 real presets
TYPICAL_FLOOR = np.array([1.5, 2.7, 0.0027, 0.004])  # what a re-render measures, median over the same
DEAD_ZONE_DB = 0.5  # a level off by less costs nothing
LEVEL_COST = 0.01  # for each dB beyond: 12 dB weigh as a tenth of the way to the init patch
SILENT_DB = 40.0  # this far under the target counts as silent
POWER = 0.5  # of the mean over the measures: under 1, one outlier counts less (Spearman with G 0.962 against 0.953 at 1)


@dataclass(frozen=True)
class Sketch:
    """What the distance looks at, of one sound."""

    mels: tuple[Array, ...]
    """Spectrograms in dB relative to their own maximum."""
    cepstra: Array
    cumulative: Array
    envelope: Array

    @classmethod
    def of(cls, audio: Audio, fast: bool) -> Sketch:
        """Of `(channels, n_samples)`, already at the target's level; `fast` listens in mono at one resolution."""
        folded = fold_mono(audio)
        spectra = power(stft(folded[0], MFCC_SCALE.window, SOT_HOP, N_FFT))
        mels = [mel_power(folded if fast else audio, WIDE_SCALE)]
        mels += [mel_power(folded, scale) for scale in MONO_SCALES if not fast]
        return cls(
            mels=tuple(to_db(mel, float(mel.max())) for mel in mels),
            cepstra=cepstra(spectra @ mel_filters(N_FFT, MFCC_SCALE.n_mels))[:: FAST_STRIDE if fast else 1],
            cumulative=cumulative(spectra),
            envelope=rms_envelope(folded[0]),
        )

    def measures(self, other: Sketch) -> NDArray[np.float64]:
        """The four distances to another, in the order of MEASURES, each 0 for the same sound."""
        return np.array(
            [
                mss_distance(self.mels, other.mels),
                dtw_distance(self.cepstra, other.cepstra),
                sot_distance(self.cumulative, other.cumulative),
                1 - rms_similarity(self.envelope, other.envelope),
            ]
        )


@dataclass(frozen=True)
class Verdict:
    """A distance and what it is made of."""

    score: float
    """0 the same sound, about 1 the init patch, 2 the worst."""
    shares: dict[str, float]
    """By measure, relative to the init patch, 0..2."""
    loudness_db: float
    """Level of the answer less the target's; to be taken off its volume."""


def _compress(ratios: NDArray[np.float64]) -> NDArray[np.float64]:
    """The identity up to 1, then bending towards 2, so that one hopeless measure does not drown the rest."""
    return np.where(ratios <= 1, ratios, WORST - 1 / np.maximum(ratios, 1))


class Distance:
    """The distance of sounds from one target; safe to call from several threads."""

    def __init__(self, target: Audio, init: Audio | None = None, *, fast: bool = False) -> None:
        """Takes the target, and the init patch rendered at its note and duration, both `(channels, n_samples)`."""
        self.n_samples = target.shape[1]
        self.mono = target.shape[0] == 1
        self.level_db = level_db(target)
        self._fast = fast
        self._sketch = Sketch.of(target, fast)
        self._scale = np.maximum(TYPICAL_INIT if init is None else self._measures(init), TYPICAL_FLOOR)

    def __call__(self, audio: Audio) -> float:
        """The score of a sound; see `verdict`."""
        return self.verdict(audio).score

    def many(self, audios: Iterable[Audio]) -> NDArray[np.float64]:
        """The scores of several sounds."""
        return np.array([self(audio) for audio in audios])

    def verdict(self, audio: Audio) -> Verdict:
        """The score of a sound `(channels, n_samples)` of any length, with its parts."""
        loudness_db = level_db(audio) - self.level_db if np.isfinite(audio).all() else -np.inf
        if not loudness_db > -SILENT_DB:
            return Verdict(WORST, dict.fromkeys(MEASURES, WORST), loudness_db)
        measures = self._measures(audio)
        shares = _compress(measures / self._scale)
        # A measure in which neither it nor the init patch is much farther away than a re-render says little.
        weights = 1 / (1 + (2 * TYPICAL_FLOOR / np.maximum(self._scale, measures)) ** 4)
        timbre = float(shares**POWER @ weights / weights.sum()) ** (1 / POWER)
        level = LEVEL_COST * max(0.0, abs(loudness_db) - DEAD_ZONE_DB)
        named = dict(zip(MEASURES, map(float, shares), strict=True))
        return Verdict(min(WORST, timbre + level), named, loudness_db)

    def _measures(self, audio: Audio) -> NDArray[np.float64]:
        audio = fit_length(np.asarray(audio, np.float32), self.n_samples)
        levelled = match_level(fold_mono(audio) if self.mono else self._widened(audio), self.level_db)
        return np.maximum(0, self._sketch.measures(Sketch.of(levelled, self._fast)))

    @staticmethod
    def _widened(audio: Audio) -> Audio:
        return np.repeat(audio, 2, axis=0) if audio.shape[0] == 1 else audio
