"""What differs between a clip and an answer, in words: `softer attack`, `darker`, `less noise`.

    listener = Differences(clip, note_off_s)
    listener.told(answer)        # ("darker", "shorter tail"), what differs most first; () where nothing stands out

Each facet is one signed figure of a sound, on a scale on which a difference can be heard: octaves of brightness, doublings of
the attack. A difference is told from the size on that only one in fifty re-renders of one and the same preset shows
(`python -m export calibrate` measures it), so that what is told is no play of chance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.fft import rfftfreq
from scipy.ndimage import uniform_filter1d

from companion.hearing.audio import SAMPLE_RATE, Audio
from companion.hearing.features import resample
from companion.hearing.pitch import PITCH_RATE, STEPS_PER_ST, salience
from companion.judging.metrics import (
    Array,
    fit_length,
    fold_mono,
    is_silent,
    level_db,
    match_level,
    power,
    stft,
)

WINDOW, HOP, N_FFT = 2048, 512, 2048  # 46 ms, 12 ms
FINE_WINDOW, FINE_HOP, FINE_FFT = 8192, 16384, 8192  # tells partials from what is between them
ENVELOPE_HOP = 220  # 5 ms
ENVELOPE_S = ENVELOPE_HOP / SAMPLE_RATE
FAINT = 1e-3  # of the loudest frame's energy: frames under it have no colour
HUM_HZ, BASS_HZ = 20.0, 200.0
FINE_EDGES = np.unique(np.round(np.geomspace(6, 4000, 20)).astype(int))  # of bands, in bins
FAINT_BAND, FAINT_COUNTS = (
    1e-6,
    0.1,
)  # of the loudest band: the least that counts, and the power with which it does
BETWEEN = 25  # bins whose median is what lies between partials
TREND = 17  # frames over which movement is told from the trend: 0.2 s
RISEN, FADED = 0.25, 0.03  # of the loudest moment
LEAST_S = 0.01  # of attacks: quicker ones sound alike
LEAST_SHARE, LEAST_BASS = 1e-4, 1e-2  # of energy: less is not heard, noise sooner than bass
PITCHED = 0.3  # strength of a pitch to be believed
MOST_TOLD = 2


@dataclass(frozen=True)
class Traits:
    """Figures of one sound at the clip's level, each by the name of its facet; NaN where it has none."""

    values: dict[str, float]

    @classmethod
    def of(cls, audio: Audio, note_off_s: float) -> Traits:
        """Of `(2, n)` at 44.1 kHz."""
        mono = fold_mono(audio)[0]
        spectra = power(stft(mono, WINDOW, HOP, N_FFT))
        envelope = _envelope(mono)
        return cls(
            {
                "brightness": _brightness(spectra),
                "bass": _bass(spectra),
                "movement": _movement(spectra),
                "noise": _noise(mono),
                "attack": _attack(envelope),
                "tail": _tail(envelope, note_off_s),
                "width": width(audio),
                "pitch": _pitch(mono),
            }
        )


def _envelope(mono: Array) -> Array:
    """Level (n_frames,), each 5 ms, over 20 ms."""
    n = len(mono) // ENVELOPE_HOP
    means = np.square(mono[: n * ENVELOPE_HOP]).reshape(n, ENVELOPE_HOP).mean(axis=1)
    return np.asarray(np.sqrt(np.maximum(uniform_filter1d(means, 4, mode="constant"), 0)))


def _brightness(spectra: Array) -> float:
    """Centre of the spectrum on the scale of octaves, mean over frames by their amplitude."""
    octaves = np.log2(np.maximum(rfftfreq(N_FFT, 1 / SAMPLE_RATE), HUM_HZ))
    magnitudes = np.sqrt(spectra)
    totals = magnitudes.sum(axis=1)
    return float((magnitudes @ octaves).sum() / max(float(totals.sum()), 1e-12))


def _bass(spectra: Array) -> float:
    """Energy under BASS_HZ in dB of all."""
    hz = rfftfreq(N_FFT, 1 / SAMPLE_RATE)
    whole = float(spectra.sum())
    return 10 * math.log10(max(float(spectra[:, hz < BASS_HZ].sum()) / max(whole, 1e-12), LEAST_BASS))


def _movement(spectra: Array) -> float:
    """How much bands go up and down within 0.2 s, in dB."""
    edges = np.unique(np.round(np.geomspace(3, N_FFT // 2, 25)).astype(int))
    bands = np.add.reduceat(spectra, edges[:-1], axis=1)
    loud = bands > bands.max() * FAINT
    levels = 10 * np.log10(bands + 1e-12)
    away = np.abs(levels - uniform_filter1d(levels, TREND, axis=0, mode="nearest"))
    return float(away[loud].mean()) if loud.any() else math.nan


def _noise(mono: Array) -> float:
    """What lies between the partials in dB of all, mean over bands; faint bands count little less than loud ones."""
    spectra = power(stft(mono, FINE_WINDOW, FINE_HOP, FINE_FFT))
    blocks = spectra[:, : spectra.shape[1] // BETWEEN * BETWEEN].reshape(len(spectra), -1, BETWEEN)
    between = np.minimum(blocks, np.median(blocks, axis=2, keepdims=True)).reshape(len(spectra), -1)
    whole, rest = (np.add.reduceat(x, FINE_EDGES[:-1], axis=1).sum(axis=0) for x in (spectra, between))
    weights = np.where(whole > FAINT_BAND * whole.max(), whole, 0) ** FAINT_COUNTS
    levels = 10 * np.log10(np.maximum(rest / np.maximum(whole, 1e-20), LEAST_SHARE))
    return float((weights * levels).sum() / max(float(weights.sum()), 1e-12))


def _attack(envelope: Array) -> float:
    """Doublings of the time in which the level rises."""
    rise = int((envelope >= RISEN * envelope.max()).argmax())
    return math.log2(max(rise * ENVELOPE_S, LEAST_S))


def _tail(envelope: Array, note_off_s: float) -> float:
    """Doublings of the time for which it sounds after note-off; NaN where the clip ends there."""
    at = round(note_off_s / ENVELOPE_S)
    if at + 10 >= len(envelope):
        return math.nan
    loud = np.flatnonzero(envelope[at:] > FADED * envelope.max())
    return math.log2(max((int(loud[-1]) + 1) * ENVELOPE_S if loud.size else 0.0, 0.02))


def width(audio: Audio) -> float:
    """The sides' share of the energy, 0 for mono in two channels, about 0.5 for unrelated ones; NaN for one channel."""
    if audio.shape[0] == 1:
        return math.nan
    sides = 0.5 * float(np.square(audio[0] - audio[1]).sum())
    return float(sides / max(float(np.square(audio).sum()), 1e-12))


def _pitch(mono: Array) -> float:
    """MIDI number of the pitch that stands out; NaN without one."""
    curve = salience(resample(mono[None], SAMPLE_RATE, PITCH_RATE)).average()
    top = int(curve.argmax())
    return top / STEPS_PER_ST if curve[top] > PITCHED else math.nan


@dataclass(frozen=True)
class Facet:
    """How a difference in one trait is told."""

    name: str
    audible: float
    """Difference that is worth a word where re-renders do not differ."""
    more: str
    """Of an answer whose figure is higher than the clip's."""
    less: str


FACETS = (
    Facet("brightness", 0.2, "brighter", "darker"),
    Facet("bass", 2.0, "more bass", "less bass"),
    Facet("movement", 0.5, "more movement", "less movement"),
    Facet("noise", 3.0, "more noise or beating", "less noise or beating"),
    Facet("attack", 0.7, "softer attack", "harder attack"),
    Facet("tail", 0.7, "longer tail", "shorter tail"),
    Facet("width", 0.15, "wider", "narrower"),
    Facet("pitch", 0.5, "higher in pitch", "lower in pitch"),
    Facet("level", 1.5, "louder", "quieter"),
)


class Differences:
    """Knows the clip's traits; compares answers with them."""

    def __init__(self, clip: Audio, note_off_s: float, least: Mapping[str, float] | None = None) -> None:
        """`clip`: (2, n) at 44.1 kHz, as it was matched; `least`: from which difference on a facet is told."""
        self._least = least or {facet.name: facet.audible for facet in FACETS}
        self._clip, self._note_off_s = clip, note_off_s
        self._level_db = level_db(clip)
        self._traits = Traits.of(clip, note_off_s)

    def told(self, answer: Audio) -> tuple[str, ...]:
        """What differs most, at most MOST_TOLD of it, the answer against the clip."""
        weighed = [(abs(away) / self._least[facet.name], facet, away) for facet, away in self.away(answer)]
        found = sorted((one for one in weighed if one[0] >= 1), key=lambda one: -one[0])
        return tuple(facet.more if away > 0 else facet.less for _, facet, away in found[:MOST_TOLD])

    def away(self, answer: Audio) -> list[tuple[Facet, float]]:
        """Each facet with the answer's figure less the clip's."""
        answer = fit_length(np.asarray(answer, np.float32), self._clip.shape[1])
        if is_silent(answer):
            return [(FACETS[-1], -math.inf)]
        own = Traits.of(match_level(answer, self._level_db), self._note_off_s).values
        own["level"], clip = level_db(answer), {**self._traits.values, "level": self._level_db}
        return [
            (facet, own[facet.name] - clip[facet.name]) for facet in FACETS if math.isfinite(own[facet.name])
        ]
