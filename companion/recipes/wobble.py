"""A filter that goes its own way: its cutoff found moment by moment, where neither standing still nor an envelope explains it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from companion.hearing.bands import Floats, Moments, Portrait, centres, decibels
from companion.hearing.course import Course, period_of
from companion.recipes.stories import (
    HALVES_WEIGHT,
    KINDS,
    RESONANCES,
    STRIDE,
    Story,
    costs_of,
    freely_filtered,
)
from companion.recipes.templates import filter_power, source_at
from presets.tables import TABLE_NAMES

CUTOFFS = np.arange(30.0, 136.0, 2.5)  # MIDI notes
N_INSTANTS = 16  # in which every table under every filter is tried
AUDIBLE_DB = -35.0  # under the loudest moment; what is fainter is not asked
RESTLESS_DB = 2.0  # that the bands differ from what they mostly are, on the average
RANGE_DB = 60.0  # of a moment
STEP_COST = 0.05  # dB of mean error for each semitone of the way
ROUNDABOUT = 1.5  # times that range: the least way of what does not begin anew; an envelope goes straight
WIDE_ST = 8.0  # between the lowest and the highest, one in twenty moments left out at either end
LEFT = 0.8  # of the error of the best cutoff that stays: a wobble leaves no more


def wobbles_of(portrait: Portrait) -> Iterator[tuple[Story, Course]]:
    """Stories, likeliest first, with a filter in its middle, and how far from there the clip takes it, in semitones."""
    held = portrait.times_s < min(portrait.note_off_s, portrait.known_s)
    rows, times_s = portrait.frames[held, : portrait.used], portrait.times_s[held]
    power = decibels(rows.sum(axis=1))
    heard = power > power.max(initial=-200.0) + AUDIBLE_DB
    wanted, weights = _looked_at(portrait, rows)
    if np.count_nonzero(heard) < 8 or _restless(wanted[heard], weights[heard]) < RESTLESS_DB:
        return
    some = np.flatnonzero(heard)[np.linspace(0, np.count_nonzero(heard) - 1, N_INSTANTS).astype(int)]
    even = np.full(N_INSTANTS, 1 / N_INSTANTS)
    instants = Moments(times_s[some], rows[some], even, portrait.mel_widths, ())
    for table, place, kq in freely_filtered(costs_of(portrait, instants), even):
        kind, resonance = kq // len(RESONANCES), RESONANCES[kq % len(RESONANCES)]
        source = source_at(TABLE_NAMES[table], np.array([place * STRIDE])).power[:, : portrait.used]
        responses = source * filter_power(KINDS[kind], resonance, CUTOFFS, portrait.hz)
        costs = _away(decibels(responses), wanted, weights) * heard[:, None]
        places = _path(costs)
        path, still = CUTOFFS[places], costs.mean(axis=0).min()
        low, high = np.percentile(path[heard], (5, 95))
        left = costs[np.arange(len(path)), places].mean()
        if high - low < WIDE_ST or left > LEFT * still:
            continue
        middle = 0.5 * float(path.min() + path.max())
        course = Course(times_s, path - middle, period_of(path - middle, float(times_s[1])))
        if course.period_s is None and np.abs(np.diff(path[heard])).sum() < ROUNDABOUT * (high - low):
            continue
        k = len(portrait.moments.weights)
        story = Story(
            table, np.full(k, float(place * STRIDE)), kind, resonance, np.full(k, middle), float(left)
        )
        yield story, course


def _looked_at(portrait: Portrait, rows: Floats) -> tuple[Floats, Floats]:
    """Moments (n, n_bands) in dB, and how much each band counts."""
    wanted = _in_range(decibels(rows))
    loud = np.clip((wanted - wanted.max(axis=1, keepdims=True) + RANGE_DB) / 35, 0.15, 1)
    harmonic = np.where(
        np.mod(centres()[: portrait.used], 1), HALVES_WEIGHT, 1.0
    )  # brief frames leak between
    weights = loud * harmonic * (portrait.mel_widths + 0.3 / portrait.used)
    return wanted, np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _restless(wanted: Floats, weights: Floats) -> float:
    """Mean dB by which moments (n, n_bands) differ from their median, their levels free."""
    return float(_away(np.median(wanted, axis=0)[None], wanted, weights).mean())


def _away(predicted: Floats, wanted: Floats, weights: Floats) -> Floats:
    """Mean dB between moments (n, n_bands) and predictions (m, n_bands), levels free: (n, m)."""
    away = _in_range(predicted) - wanted[:, None]
    away -= (away * weights[:, None]).sum(axis=2, keepdims=True)
    return np.asarray((np.abs(away) * weights[:, None]).sum(axis=2))


def _in_range(db: Floats) -> Floats:
    """Moments (n, n_bands) in dB, none further under their loudest band than is looked at."""
    return np.asarray(np.maximum(db, db.max(axis=1, keepdims=True) - RANGE_DB))


def _path(costs: Floats) -> NDArray[np.int64]:
    """The cheapest way through costs (n, n_cutoffs), as places (n,)."""
    way = STEP_COST * np.abs(CUTOFFS[:, None] - CUTOFFS)
    best = costs.copy()
    for i in range(1, len(best)):
        best[i] += (best[i - 1][:, None] + way).min(axis=0)
    places = np.empty(len(best), np.int64)
    places[-1] = best[-1].argmin()
    for i in range(len(best) - 1, 0, -1):
        places[i - 1] = (best[i - 1] + way[places[i]]).argmin()
    return places
