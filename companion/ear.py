"""The small trained part of hearing: when the key was released, and whether several notes sound at once.

Both are a few thousand weights in `ear.npz`, made by `export/ear.py`; no runtime but numpy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from companion.features import HOP_LENGTH, MODEL_RATE, N_FRAMES, N_MELS
from companion.pitch import STEPS_PER_ST, Floats, candidates_hz

WEIGHTS = Path(__file__).with_name("ear.npz")
N_BANDS = 20
DILATIONS = (1, 3, 4)  # of the three convolutions over time: together they see 0.6 s either side
SPAN = 2.0  # of features: 80 dB
FRAME_S = HOP_LENGTH / MODEL_RATE
PEAK_FRAMES = 4  # on either side of a guess that count as the same moment
UNLIKELY = 0.02  # confidence of a moment not worth offering
NEIGHBOURS_ST = range(-26, 31)  # around the pitch, in which a chord shows
NEIGHBOUR_STEPS = 3


@dataclass(frozen=True)
class NoteOffGuess:
    """One moment at which the key may have been released."""

    time_s: float
    """From the onset; the clip's end where the key is still held then."""
    confidence: float
    """0..1: share of the belief within 40 ms of it. Over 0.8 it has been right, under 0.3 the knee is inaudible."""


def guess_note_offs(mel: Floats, duration_s: float, count: int = 3) -> tuple[NoteOffGuess, ...]:
    """Give the likeliest note-offs of a clip of `duration_s` from its features `(N_MELS, N_FRAMES)`, best first."""
    belief = note_off_belief(mel)
    belief[round(duration_s / FRAME_S) + 1 :] = 0.0
    belief /= max(float(belief.sum()), 1e-12)
    guesses = []
    for _ in range(count):
        mass = np.convolve(belief, np.ones(2 * PEAK_FRAMES + 1), "same")
        middle = int(mass.argmax())
        around = slice(max(0, middle - PEAK_FRAMES), middle + PEAK_FRAMES + 1)
        at = around.start + int(belief[around].argmax())
        guesses.append(NoteOffGuess(min(at * FRAME_S, duration_s), min(float(mass[middle]), 1.0)))
        belief[around] = 0.0
    return tuple(guess for n, guess in enumerate(guesses) if n == 0 or guess.confidence > UNLIKELY)


def note_off_belief(mel: Floats) -> Floats:
    """Give the chance of each frame (N_FRAMES,) to be the one of the note-off, by three convolutions."""
    weights = read_weights()
    signal = (
        np.clip(1 + (mel - mel.max()) / SPAN, 0, 1).reshape(N_BANDS, N_MELS // N_BANDS, N_FRAMES).mean(axis=1)
    )
    for layer, dilation in enumerate(DILATIONS):
        signal = convolve(signal, weights[f"w{layer}"], weights[f"b{layer}"], dilation)
        if layer < len(DILATIONS) - 1:
            signal = np.maximum(signal, 0)
    chances = np.exp(signal[0] - signal[0].max())
    return np.asarray(chances / chances.sum(), dtype=np.float32)


def convolve(signal: Floats, weight: Floats, bias: Floats, dilation: int) -> Floats:
    """Convolve (channels_in, frames) with (channels_out, channels_in, taps), keeping the length."""
    taps = weight.shape[2]
    padded = np.pad(signal, ((0, 0), (dilation * (taps // 2),) * 2))
    shifted = [padded[:, tap * dilation : tap * dilation + signal.shape[1]] for tap in range(taps)]
    return np.asarray(np.einsum("oit,tif->of", weight, np.stack(shifted), optimize=True) + bias[:, None])


def chord_chance(curve: Floats) -> float:
    """Give the chance that several notes sound at once from a clip's average salience `(N_CANDIDATES,)`."""
    weights = read_weights()
    return float(1 / (1 + np.exp(-(chord_signs(curve) @ weights["chord"] + weights["chord_bias"]))))


def chord_signs(curve: Floats) -> Floats:
    """Give what tells chords from notes: strength and height of the pitch, strengths of its neighbours."""
    top = int(curve.argmax())
    signs = [curve[top], np.log2(candidates_hz()[top] / 100)]
    for semitones in NEIGHBOURS_ST:
        at = top + semitones * STEPS_PER_ST
        inside = NEIGHBOUR_STEPS <= at < len(curve) - NEIGHBOUR_STEPS - 1
        near = curve[at - NEIGHBOUR_STEPS : at + NEIGHBOUR_STEPS + 1].max() if inside else 0.0
        signs.append(np.clip(near / max(float(curve[top]), 1e-3), 0, 1.2))
    return np.asarray(signs, dtype=np.float32)


@lru_cache(maxsize=1)
def read_weights() -> Mapping[str, NDArray[np.float32]]:
    """Read the weights as float32."""
    with np.load(WEIGHTS) as file:
        return {name: file[name].astype(np.float32) for name in file.files}
