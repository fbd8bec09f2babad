"""A filter or a table that goes its own way: found moment by moment, where neither standing still nor an envelope explains it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from companion.hearing.bands import Floats, Moments, Portrait, band_weights, decibels
from companion.hearing.course import Course, period_of
from companion.recipes.stories import (
    KINDS,
    OPEN,
    RESONANCES,
    STRIDE,
    Free,
    Story,
    costs_of,
    freely_filtered,
    freely_placed,
    harmonic_weights,
    setting,
)
from companion.recipes.templates import filter_power, source_at
from presets.tables import N_FRAMES, TABLE_NAMES

STEP_S = 0.012  # from moment to moment
N_INSTANTS = 16  # in which every table under every filter is tried
AUDIBLE_DB = -35.0  # under the loudest moment; what is fainter is not asked
RESTLESS_DB = 2.0  # that the bands differ from what they mostly are, on the average
RANGE_DB = 60.0  # of a moment
ROUNDABOUT = 1.5  # times that range: the least way of what does not begin anew; an envelope goes straight
LEFT = 0.8  # of the error of the best place that stays: a wobble leaves no more


@dataclass(frozen=True)
class Knob:
    """What may wobble."""

    name: str
    places: Floats
    """That are tried."""
    step_cost: float
    """dB of mean error for each unit of the way."""
    wide: float
    """The least between the lowest and the highest, one in twenty moments left out at either end."""


CUTOFF = Knob("filter1.cutoff", np.arange(30.0, 136.0, 2.5), 0.05, 8.0)  # MIDI notes
POSITION = Knob("osc1.position", np.arange(0.0, N_FRAMES - 0.5, 0.5), 0.2, 3.0)  # frames


@dataclass(frozen=True)
class Wobble:
    """A knob that goes its own way."""

    story: Story
    """With the knob in its middle."""
    knob: str
    course: Course
    """How far from there the clip takes it: semitones or frames."""


def wobbles_of(portrait: Portrait) -> Iterator[Wobble]:
    """Ways in which the timbre of a note may move, likeliest first."""
    held = portrait.times_s < min(portrait.note_off_s, portrait.known_s)
    rows, times_s = portrait.frames[held, : portrait.used], portrait.times_s[held]
    if len(times_s) > 1:  # frames overlap: no more than are told apart
        every = max(1, round(STEP_S / times_s[1]))
        rows, times_s = rows[::every], times_s[::every]
    power = decibels(rows.sum(axis=1))
    heard = power > power.max(initial=-200.0) + AUDIBLE_DB
    wanted, weights = _looked_at(portrait, rows)
    if np.count_nonzero(heard) < 8 or _restless(wanted[heard], weights[heard]) < RESTLESS_DB:
        return
    some = np.flatnonzero(heard)[np.linspace(0, np.count_nonzero(heard) - 1, N_INSTANTS).astype(int)]
    even = np.full(N_INSTANTS, 1 / N_INSTANTS)
    instants = Moments(times_s[some], rows[some], even, portrait.mel_widths, ())
    costs = costs_of(portrait, instants)
    free = [(one, CUTOFF) for one in freely_filtered(costs, even)]
    free += [(one, POSITION) for first in (0, OPEN) for one in freely_placed(costs, even, first)]
    for one, knob in sorted(free, key=lambda pair: pair[0].cost):
        away = _away(decibels(_tried(portrait, knob, one)), wanted, weights) * heard[:, None]
        places = _path(away, knob.step_cost * np.abs(knob.places[:, None] - knob.places))
        path, left = knob.places[places], float(away[np.arange(len(places)), places].mean())
        low, high = np.percentile(path[heard], (5, 95))
        if high - low < knob.wide or left > LEFT * away.mean(axis=0).min():
            continue
        middle = 0.5 * float(path.min() + path.max())
        course = Course(times_s, path - middle, period_of(path - middle, float(times_s[1])))
        if course.period_s or np.abs(np.diff(path[heard])).sum() > ROUNDABOUT * (high - low):
            yield Wobble(_story(one, knob, middle, left, len(portrait.moments.weights)), knob.name, course)


def _tried(portrait: Portrait, knob: Knob, free: Free) -> Floats:
    """Power with the knob at each of its places, (n, n_bands)."""
    table = TABLE_NAMES[free.table]
    if knob is CUTOFF:
        kind, q = divmod(free.setting, len(RESONANCES))
        source = source_at(table, np.array([free.place * STRIDE])).power[:, : portrait.used]
        return source * filter_power(KINDS[kind], RESONANCES[q], CUTOFF.places, portrait.hz)
    kind, resonance, cutoff = setting(free.setting)
    source = source_at(table, POSITION.places).power[:, : portrait.used]
    through = filter_power(KINDS[kind], resonance, np.array([cutoff]), portrait.hz) if kind >= 0 else 1.0
    return np.asarray(source * through)


def _story(free: Free, knob: Knob, middle: float, cost: float, k: int) -> Story:
    """What is free as a story of `k` moments, with the knob in the middle."""
    if knob is CUTOFF:
        kind, q = divmod(free.setting, len(RESONANCES))
        place, resonance, cutoff = float(free.place * STRIDE), RESONANCES[q], middle
    else:
        (kind, resonance, cutoff), place = setting(free.setting), middle
    return Story(free.table, np.full(k, place), kind, resonance, np.full(k, cutoff), cost)


def _looked_at(portrait: Portrait, rows: Floats) -> tuple[Floats, Floats]:
    """Moments (n, n_bands) in dB, and how much each band counts."""
    wanted = _in_range(decibels(rows))
    weights = band_weights(wanted, portrait.mel_widths) * harmonic_weights(
        portrait.used
    )  # brief frames leak between
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


def _path(costs: Floats, way: Floats) -> NDArray[np.int64]:
    """The cheapest way through costs (n, n_places), of steps that cost `way` (n_places, n_places): places (n,)."""
    best = costs.copy()
    for i in range(1, len(best)):
        best[i] += (best[i - 1][:, None] + way).min(axis=0)
    places = np.empty(len(best), np.int64)
    places[-1] = best[-1].argmin()
    for i in range(len(best) - 1, 0, -1):
        places[i - 1] = (best[i - 1] + way[places[i]]).argmin()
    return places
