"""The small trained part of hearing: when the key was released, and whether it is one note, several, or none.

Both are weights in `ear.npz` (0.3 MB), made by `export/ear.py`; no runtime but numpy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from companion.hearing.features import HOP_LENGTH, MODEL_RATE, N_FRAMES
from companion.hearing.pitch import STEPS_PER_ST, Floats, Salience, candidates_hz
from companion.hearing.segment import N_BANDS, RANGE_DB

WEIGHTS = Path(__file__).with_name("ear.npz")
OFF_BANDS = 40
OFF_DILATIONS = (1, 2, 4, 8, 16, 32)  # in frames twice as wide: together they see the whole clip
SPAN = 2.0  # of features: 80 dB
FRAME_S = HOP_LENGTH / MODEL_RATE
CERTAIN = 0.95  # confidence from which a note-off needs no second thought
PEAK_FRAMES = 4  # on either side of a guess that count as the same moment
UNLIKELY = 0.02  # confidence of a moment not worth offering
NEIGHBOURS_ST = range(-26, 31)  # around the pitch, in which a chord shows
NEIGHBOUR_STEPS = 3
STAY_STEPS = 6  # of pitch that a steady tone's frames may be off
LOUD_RANGE_DB = 25.0
HIGH_BANDS = 15  # bands from here on are highs, over about 3.5 kHz


@dataclass(frozen=True)
class NoteOffGuess:
    """One moment at which the key may have been released."""

    time_s: float
    """From the onset; the clip's end where the key is still held then."""
    confidence: float
    """0..1: share of the belief within 40 ms of it, which is how often such guesses are right (`docs/experiments.md`)."""


def guess_note_offs(mel: Floats, duration_s: float, count: int = 3) -> tuple[NoteOffGuess, ...]:
    """Give the likeliest note-offs of a clip of `duration_s` from its features `(N_MELS, N_FRAMES)`, best first."""
    return guesses_of(note_off_belief(mel), duration_s, count)


def guesses_of(belief: Floats, duration_s: float, count: int = 3) -> tuple[NoteOffGuess, ...]:
    """Give the moments around which a belief (N_FRAMES,) gathers, best first, none later than the clip's end."""
    belief = np.where(np.arange(len(belief)) > round(duration_s / FRAME_S), 0.0, belief)
    belief /= max(float(belief.sum()), 1e-12)
    guesses = []
    for _ in range(count):
        mass = np.convolve(belief, np.ones(2 * PEAK_FRAMES + 1), "same")
        middle = int(mass.argmax())
        around = slice(max(0, middle - PEAK_FRAMES), middle + PEAK_FRAMES + 1)
        frame = np.average(np.arange(len(belief))[around], weights=belief[around] + 1e-12)
        guesses.append(NoteOffGuess(min(float(frame) * FRAME_S, duration_s), min(float(mass[middle]), 1.0)))
        belief[around] = 0.0
    return tuple(guess for n, guess in enumerate(guesses) if n == 0 or guess.confidence > UNLIKELY)


def note_off_belief(mel: Floats) -> Floats:
    """Give the chance of each frame (N_FRAMES,) to be the one of the note-off."""
    bands = np.clip(1 + (mel - mel.max()) / SPAN, 0, 1)
    scores = note_off_scores(bands.reshape(OFF_BANDS, -1, N_FRAMES).mean(axis=1), read_weights())
    chances = np.exp(scores - scores.max())
    return np.asarray(chances / chances.sum(), dtype=np.float32)


def note_off_scores(bands: Floats, weights: Mapping[str, NDArray[np.float32]]) -> Floats:
    """Score each frame (N_FRAMES,) of bands (OFF_BANDS, N_FRAMES), 1 the loudest, by convolutions over time.

    Between the first and the last they see frames twice as wide; the last gives each half of those a score.
    """
    signal = np.maximum(convolve(bands, weights["off_first"], weights["off_first_bias"])[:, ::2], 0)
    for n, dilation in enumerate(OFF_DILATIONS):
        signal = signal + np.maximum(
            convolve(signal, weights[f"off_{n}"], weights[f"off_{n}_bias"], dilation), 0
        )
    return convolve(signal, weights["off_last"], weights["off_last_bias"]).T.ravel()


def convolve(signal: Floats, weight: Floats, bias: Floats, dilation: int = 1) -> Floats:
    """Convolve (channels_in, frames) with (channels_out, channels_in, taps), keeping the length."""
    taps = weight.shape[2]
    padded = np.pad(signal, ((0, 0), (dilation * (taps // 2),) * 2))
    shifted = [padded[:, tap * dilation : tap * dilation + signal.shape[1]] for tap in range(taps)]
    return np.asarray(np.einsum("oit,tif->of", weight, np.stack(shifted), optimize=True) + bias[:, None])


def kind_chances(salience: Salience, bands_db: Floats) -> Floats:
    """Give the chances (3,) that a sound is one note, several at once, or a drum or noise without a pitch."""
    weights = read_weights()
    scores = weights["kind"] @ kind_signs(salience, bands_db) + weights["kind_bias"]
    chances = np.exp(scores - scores.max())
    return np.asarray(chances / chances.sum())


def kind_signs(salience: Salience, bands_db: Floats) -> Floats:
    """Give what tells notes, chords and noise apart: the pitch and its neighbours, its steadiness, the spectrum."""
    curve = salience.average()
    top = int(curve.argmax())
    signs = [float(curve[top]), float(np.log2(candidates_hz()[top] / 100))]
    signs += [
        neighbour(curve, top + st * STEPS_PER_ST) / max(float(curve[top]), 1e-3) for st in NEIGHBOURS_ST
    ]
    weights = np.sqrt(salience.energies) / np.sqrt(salience.energies).sum()
    stays = np.abs(salience.strengths.argmax(axis=1) - top) <= STAY_STEPS
    signs += [float(weights @ stays), float(weights @ salience.strengths.max(axis=1))]
    return np.array(np.clip(signs + spectrum_signs(bands_db), -2, 8), dtype=np.float32)


def neighbour(curve: Floats, at: int) -> float:
    """Give the highest strength close to a place of a salience curve, 0 off its ends."""
    inside = NEIGHBOUR_STEPS <= at < len(curve) - NEIGHBOUR_STEPS
    return max(0.0, float(curve[at - NEIGHBOUR_STEPS : at + NEIGHBOUR_STEPS + 1].max())) if inside else 0.0


def spectrum_signs(bands_db: Floats) -> list[float]:
    """Give centre, spread, share of highs and flatness of the loud frames' spectrum, each about 0..1."""
    power = 10 ** (bands_db / 10)
    frames_db = 10 * np.log10(power.mean(axis=0) + 1e-9)
    loud = frames_db > frames_db.max() - LOUD_RANGE_DB
    share = power[:, loud].mean(axis=1) / power[:, loud].mean(axis=1).sum()
    place = np.arange(N_BANDS) / N_BANDS
    centre = float(share @ place)
    spread = float(np.sqrt(share @ (place - centre) ** 2))
    level_db = bands_db[:, loud].mean(axis=1)
    return [
        centre,
        spread,
        float(share[HIGH_BANDS:].sum()),
        float(level_db.mean() - level_db.max()) / RANGE_DB,
    ]


@lru_cache(maxsize=1)
def read_weights() -> Mapping[str, NDArray[np.float32]]:
    """Read the weights as float32."""
    with np.load(WEIGHTS) as file:
        return {name: file[name].astype(np.float32) for name in file.files}
