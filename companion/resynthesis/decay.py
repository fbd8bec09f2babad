"""A held sound that dies away, as a piano's: hold, decay and sustain of envelope 1, where the clip plainly has them.

In the frames a decay would be right at the clip's own duration only: let go sooner, the sound would drop to where the
clip's release begins; held longer, it would stand still. Where the curve does not fit closely, the frames keep it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from companion.hearing.audio import SAMPLE_RATE
from companion.resynthesis.contours import Contour, curve
from companion.resynthesis.partials import Floats
from companion.resynthesis.release import BENDS, HOP, Doubles, loudness

LEAST_FALL_DB = 10.0
LARGEST_ERROR_DB = (
    0.75  # mean over the held part; at 1.5 dB beating passes for a decay: other notes get worse
)
RANGE_DB = 65.0
LONGEST_HOLD_S = 4.0
STRIDE = 2
STEP_S = STRIDE * HOP / SAMPLE_RATE
FEWEST = 6  # steps that show a decay
SECONDS = np.geomspace(0.03, 16, 40)
SUSTAINS = np.array([0, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])


def with_decay(contour: Contour, audio: Floats, note_off_s: float) -> Contour:
    """The contour with the decay of a clip (2, n) held until `note_off_s`; the same one where it has none that is plain."""
    level_db = 20 * np.log10(loudness(audio)[: int(note_off_s * SAMPLE_RATE / HOP) - 2 : STRIDE] + 1e-9)
    peak = int(level_db.argmax()) if len(level_db) else 0
    fall_db = np.maximum(level_db[peak:] - level_db[peak : peak + 1], -RANGE_DB).astype(np.float64)
    if len(fall_db) < FEWEST:
        return contour
    seconds = np.arange(len(fall_db), dtype=np.float64) * STEP_S
    errors, ends = zip(*(_fits(seconds, fall_db, bend) for bend in BENDS), strict=True)
    best = np.unravel_index(int(np.argmin(errors)), np.shape(errors))
    if np.array(errors)[best] > LARGEST_ERROR_DB or np.array(ends)[best] > -LEAST_FALL_DB:
        return contour
    return replace(
        contour, hold=min(peak * STEP_S, LONGEST_HOLD_S), decay=float(SECONDS[best[1]]),
        sustain=float(SUSTAINS[best[2]]), decay_curve=BENDS[best[0]],
    )  # fmt: skip


def _fits(seconds: Doubles, fall_db: Doubles, bend: float) -> tuple[Doubles, Doubles]:
    """Of every decay and sustain (d, s): how far it is from the fall, in dB, and how deep it ends."""
    fallen = curve(np.clip(seconds / SECONDS[:, None], 0, 1), bend / 5)
    level = np.maximum(1 - (1 - SUSTAINS[:, None]) * fallen[:, None], 10 ** (-RANGE_DB / 40))
    model_db = 40 * np.log10(level)  # (d, s, n): the amplitude is the square of the envelope
    away = fall_db - model_db
    errors = np.abs(away - np.median(away, axis=-1, keepdims=True)).mean(axis=-1)
    return np.asarray(errors), np.asarray(model_db[..., -1])
