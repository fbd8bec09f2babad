"""Envelope 1 of a recipe where nobody can tell when the key was released: least wrong over the moments it may have been.

A decay that takes a sound for released at 0.1 s is all release, and wrong wherever the key is held longer; one that dies
away by itself, with a release that goes on like it, is right for the clip whenever the key was let go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from companion.hearing.bands import ENVELOPE_HOP_S, Floats
from companion.hearing.ear import NoteOffGuess
from companion.resynthesis.contours import CURVES, RELEASES_S, Contour, away, fit_contour

FINER = (0.8, 0.9, 1.1, 1.25)  # of a release


def wagered_contour(envelope: Floats, moments: Sequence[NoteOffGuess], let_go: Contour) -> Contour:
    """The contour nearest to an RMS envelope (every 5 ms) on the average over the moments of release, by their chances.

    Args:
        let_go: the one fitted to the first moment, which is the answer where there is no other.
    """
    if len(moments) == 1:
        return let_go
    through = fit_contour(envelope, len(envelope) * ENVELOPE_HOP_S)
    lasting = [replace(through, release=r, release_curve=c) for r in RELEASES_S for c in CURVES]
    best = min([let_go, *lasting], key=lambda c: _wrong(c, envelope, moments))
    finer = [replace(best, release=best.release * f) for f in FINER]
    return min([best, *finer], key=lambda c: _wrong(c, envelope, moments))


def _wrong(contour: Contour, envelope: Floats, moments: Sequence[NoteOffGuess]) -> float:
    return sum(m.confidence * away(contour, envelope, m.time_s) for m in moments)
