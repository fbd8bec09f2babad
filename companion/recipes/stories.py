"""What a note may be made of, told as stories: oscillator 1 under a filter, what moves, what sounds beside it.

Every frame of every standard table under every filter setting is compared with the clip's moments at once; what moves is
told between three stories: nothing moves, envelope 2 moves the filter, envelope 2 moves the table position. What is
still missing is put in by a second oscillator, the sub, noise and the EQ. No engine is asked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np

from companion.hearing.bands import MOST_LIFT_DB, RANGE_DB, Floats, Moments, Portrait, centres, decibels
from companion.recipes.templates import (
    Lines,
    Source,
    filter_db,
    filter_power,
    fit_eq,
    noise_source,
    source_at,
    sub_source,
    table_bands,
    table_source,
)
from presets.schema import Value
from presets.tables import N_FRAMES, TABLE_NAMES

KINDS = ("lp12", "lp24", "bp12", "hp12")
RESONANCES = (0.0, 40.0, 75.0)
CUTOFFS = np.arange(30.0, 136.0, 5.0)  # MIDI notes
OPEN = len(KINDS) * len(RESONANCES) * len(CUTOFFS)  # the last column: no filter
HALVES_WEIGHT = 0.1  # of the bands between harmonics, while only oscillator 1 is looked for
UNHEARD_WEIGHT = 0.15  # of bands under the range: here a square cannot know that still less would be as good
PEAKY_COST = 0.3  # share of the squared error of the level as a whole that counts
CLIP_DB = 90.0  # templates end this far under their loudest band
MOVE_PENALTY = 0.90  # a story with movement must leave less than this share of the squared error
STRIDE = 2  # of the frames tried
N_PLACES = (N_FRAMES - 1) // STRIDE + 1
N_TABLES = 6  # the best of them, by each kind of story
N_FINALISTS = 9  # stories that get layers and EQ
ENV_DECAYS_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.0)
ENV_ATTACKS_S = (0.08, 0.2, 0.5, 1.2)
LAYER_LEVELS_DB = np.arange(-27.0, 9.1, 3.0)  # of a second layer, relative to the first
GLANCE_LEVELS_DB = np.array([-18.0, -9.0, -3.0, 3.0, 9.0])
N_CLOSE = 8  # layers looked at closely
HISS_COST = 0.15  # dB for each dB of noise that the clip does not have
LAYER_GAIN_DB = 0.25  # of mean error that a layer must save
EQ_LEAST_DB = 0.25  # of mean error that an EQ must save


@dataclass(frozen=True)
class Motion:
    """Envelope 2: falling (`attack_s` 0) or rising."""

    attack_s: float = 0.0
    decay_s: float = 1.0

    def at(self, times_s: Floats) -> Floats:
        """Its level."""
        if self.attack_s:
            return np.asarray(np.clip(times_s / self.attack_s, 0, 1))
        x = np.clip(times_s / self.decay_s, 0, 1)
        return np.asarray(1 - np.expm1(-2 * x) / math.expm1(-2))

    def values(self) -> dict[str, Value]:
        """As parameters."""
        if self.attack_s:
            return {"env2.attack": self.attack_s, "env2.sustain": 100.0, "env2.release": 4.0}
        return {"env2.decay": self.decay_s, "env2.sustain": 0.0, "env2.release": self.decay_s}


MOTIONS = (*(Motion(decay_s=d) for d in ENV_DECAYS_S), *(Motion(attack_s=a) for a in ENV_ATTACKS_S))


@dataclass(frozen=True)
class Layer:
    """A sound beside oscillator 1."""

    values: dict[str, Value]
    """Parameters, without the level."""
    section: str
    """`osc2`, `sub` or `noise`."""
    source: Source
    """At level 0 dB."""
    gain_db: float = 0.0
    """Relative to oscillator 1."""

    @property
    def filtered(self) -> bool:
        """Whether it goes through filter 1."""
        return self.values[f"{self.section}.route"] == "filter1"


@dataclass(frozen=True)
class Story:
    """Oscillator 1, its filter and what moves."""

    table: int
    positions: Floats
    """Of the table in each moment, 0..16."""
    kind: int
    """Into KINDS; -1 without filter."""
    resonance: float
    cutoffs: Floats
    """MIDI notes in each moment."""
    cost: float
    motion: Motion | None = None
    ends: tuple[float, float] = (0.0, 0.0)
    """What envelope 2 moves, at its lowest and highest level: a cutoff or a position."""
    layers: tuple[Layer, ...] = ()
    eq: dict[str, Value] = field(default_factory=dict)
    eq_db: Floats | float = 0.0

    @property
    def name(self) -> tuple[object, ...]:
        """What makes two stories different to the ear."""
        return self.table, self.kind, self.motion is None, self.motion is not None and self.sweeps_filter

    @property
    def sweeps_filter(self) -> bool:
        """Whether envelope 2 moves the cutoff rather than the position."""
        return bool(np.ptp(self.cutoffs) > 0)


# --- all tables under all filters ------------------------------------------------------------------------------------


@cache
def _table_db() -> Floats:
    """Every second frame in dB under its loudest band, `(n_tables * n_places, n_bands)`."""
    rows = decibels(table_bands()[:, ::STRIDE].reshape(-1, table_bands().shape[-1]))
    return np.asarray(np.maximum(rows, rows.max(axis=1, keepdims=True) - CLIP_DB))


def _filter_rows(hz: Floats) -> Floats:
    """Every filter setting in dB at the bands, `(n_settings + 1, n_bands)`; the last row is no filter."""
    octaves = (69 + 12 * np.log2(hz / 440)[None, :] - CUTOFFS[:, None]) / 12
    rows = [np.maximum(filter_db(k, q, octaves), -CLIP_DB) for k in KINDS for q in RESONANCES]
    return np.concatenate([*rows, np.zeros((1, len(hz)))])


def harmonic_weights(used: int) -> Floats:
    """How much each band in use counts while only harmonics are looked for."""
    return np.where(np.mod(centres()[:used], 1), HALVES_WEIGHT, 1.0)


def costs_of(portrait: Portrait, moments: Moments) -> Floats:
    """Squared dB error of every frame under every filter setting in moments, `(k, n_places_all, n_settings + 1)`."""
    tables = _table_db()[:, : portrait.used].astype(np.float32)
    filters = _filter_rows(portrait.hz).astype(np.float32)
    loud = decibels(10 ** (tables / 10) @ 10 ** (filters.T / 10))  # of every pair as a whole
    halves = harmonic_weights(portrait.used)  # a layer may bring those between
    out = []
    heard = np.where(moments.db > moments.db.min() + 1, 1.0, UNHEARD_WEIGHT)
    for db, weights in zip(moments.db.astype(np.float32), moments.band_weights * halves * heard, strict=True):
        w = (weights / weights.sum()).astype(np.float32)
        means = [x @ w for x in (db, tables, filters)]
        s, t, f = (x - mean[..., None] for x, mean in zip((db, tables, filters), means, strict=True))
        weighted = t * w
        cost = weighted @ (2 * f.T)
        cost += (weighted * t).sum(axis=1, keepdims=True) - 2 * (weighted @ s)[:, None]
        cost += (f * f) @ w - 2 * (f * w) @ s + (s * s) @ w
        peaky = loud - means[1][:, None] - means[2] - (decibels((10 ** (db / 10)).sum()) - means[0])
        out.append((cost + PEAKY_COST * peaky**2).astype(np.float32))
    return np.stack(out)


def stories_of(portrait: Portrait) -> list[Story]:
    """The best few of each kind of story."""
    moments = portrait.moments
    costs = costs_of(portrait, moments)
    mean = np.tensordot(moments.weights, costs, 1)
    found = [
        *_still(mean, len(moments.weights)),
        *_filter_sweeps(costs, moments),
        *_position_sweeps(costs, moments),
    ]
    judged = [replace(s, cost=_error(portrait, predict(portrait, s))) for s in found]
    return sorted(judged, key=lambda s: s.cost)


def setting(j: int) -> tuple[int, float, float]:
    """Kind, resonance and cutoff of a column; kind -1 without filter."""
    if j == OPEN:
        return -1, 0.0, 135.0
    kq, c = divmod(j, len(CUTOFFS))
    kind, q = divmod(kq, len(RESONANCES))
    return kind, RESONANCES[q], float(CUTOFFS[c])


def _still(mean: Floats, k: int) -> Iterator[Story]:
    """Best frame and filter of each of the best tables, and the best without a filter."""
    by_table = mean.reshape(len(TABLE_NAMES), N_PLACES, -1)
    for block in (by_table, by_table[:, :, OPEN:]):
        flat = block.reshape(len(TABLE_NAMES), -1)
        for table in np.argsort(flat.min(axis=1))[:N_TABLES]:
            place, j = divmod(int(flat[table].argmin()), block.shape[2])
            kind, q, cutoff = setting(j if block is by_table else OPEN)
            yield Story(
                int(table),
                np.full(k, float(place * STRIDE)),
                kind,
                q,
                np.full(k, cutoff),
                float(flat[table].min()),
            )


def _best_path(columns: Floats, moments: Moments) -> tuple[float, Motion, int, int]:
    """The best movement between two grid points of `columns` `(k, n_grid)`: cost, motion, where it starts and ends."""
    n = columns.shape[1]
    low, high = (m.ravel() for m in np.meshgrid(np.arange(n), np.arange(n), indexing="ij"))
    best = (math.inf, MOTIONS[0], 0, 0)
    for motion in MOTIONS:
        path = np.rint(low + (high - low) * motion.at(moments.times_s)[:, None]).astype(int)  # (k, n * n)
        costs = moments.weights @ np.take_along_axis(columns, path, axis=1)
        i = int(costs.argmin())
        if costs[i] < best[0]:
            best = (float(costs[i]), motion, int(low[i]), int(high[i]))
    return best


def _filter_sweeps(costs: Floats, moments: Moments) -> Iterator[Story]:
    """Envelope 2 moves the cutoff."""
    k, m = costs.shape[:2]
    grid = costs[:, :, :OPEN].reshape(k, m, -1, len(CUTOFFS))
    for _, table, place, kq in freely_filtered(costs, moments.weights)[:N_TABLES]:
        cost, motion, a, b = _best_path(grid[:, table * N_PLACES + place, kq], moments)
        kind, q = divmod(kq, len(RESONANCES))
        ends = (float(CUTOFFS[a]), float(CUTOFFS[b]))
        cutoffs = ends[0] + (ends[1] - ends[0]) * motion.at(moments.times_s)
        if np.ptp(cutoffs) > 0:  # a clip of a few ms shows no motion
            still = np.full(k, float(place * STRIDE))
            yield Story(table, still, kind, RESONANCES[q], cutoffs, cost, motion, ends)


def _position_sweeps(costs: Floats, moments: Moments) -> Iterator[Story]:
    """Envelope 2 moves the position."""
    k = costs.shape[0]
    grid = costs.reshape(k, len(TABLE_NAMES), N_PLACES, -1)
    for _, table, _, j in freely_placed(costs, moments.weights)[:N_TABLES]:
        cost, motion, a, b = _best_path(grid[:, table, :, j], moments)
        kind, q, cutoff = setting(j)
        ends = (float(a * STRIDE), float(b * STRIDE))
        positions = ends[0] + (ends[1] - ends[0]) * motion.at(moments.times_s)
        if np.ptp(positions) > 0:
            yield Story(table, positions, kind, q, np.full(k, cutoff), cost, motion, ends)


class Free(NamedTuple):
    """A table under a filter, of which one goes as it likes."""

    cost: float
    table: int
    place: int
    """In the table, in steps of STRIDE; 0 where that is what goes."""
    setting: int
    """Of the filter: a kind and resonance where the cutoff goes, else a column of `costs_of`."""


def freely_filtered(costs: Floats, weights: Floats) -> list[Free]:
    """Where the cutoff goes as it likes: the best of each table, nearest first."""
    k, m = costs.shape[:2]
    free = np.tensordot(weights, costs[:, :, :OPEN].reshape(k, m, -1, len(CUTOFFS)).min(axis=3), 1)
    by_table = free.reshape(len(TABLE_NAMES), -1)
    best = by_table.argmin(axis=1)
    return sorted(
        Free(float(row[i]), t, *divmod(int(i), free.shape[1]))
        for t, (row, i) in enumerate(zip(by_table, best, strict=True))
    )


def freely_placed(costs: Floats, weights: Floats, first: int = 0) -> list[Free]:
    """Where the position goes as it likes: the best of each table, nearest first.

    Args:
        first: of the filter's settings, by column; OPEN: none but no filter.
    """
    grid = costs.reshape(len(costs), len(TABLE_NAMES), N_PLACES, -1)[..., first:]
    free = np.tensordot(weights, grid.min(axis=2), 1)
    return sorted(Free(float(row.min()), t, 0, first + int(row.argmin())) for t, row in enumerate(free))


# --- what is missing -------------------------------------------------------------------------------------------------


def finish(portrait: Portrait, story: Story) -> Story:
    """The story with the layers and the EQ that bring it nearer; its cost is the mean error in dB."""
    for _ in range(2):
        better = _with_layer(portrait, story)
        if better.cost > story.cost - LAYER_GAIN_DB:
            break
        story = better
    story = _with_eq(portrait, story)
    return replace(story, cost=story.cost / (1.0 if story.motion is None else MOVE_PENALTY))


def _filter_power(portrait: Portrait, story: Story) -> Floats:
    if story.kind < 0:
        return np.ones((len(story.cutoffs), portrait.used))
    if not np.ptp(story.cutoffs):
        row = filter_power(KINDS[story.kind], story.resonance, story.cutoffs[:1], portrait.hz)
        return np.repeat(row, len(story.cutoffs), axis=0)
    return filter_power(KINDS[story.kind], story.resonance, story.cutoffs, portrait.hz)


@dataclass(frozen=True)
class Mix:
    """A story in the bands, before its EQ."""

    lines: Lines
    """What goes through the filter and adds up in step, `(k, n_bands)`."""
    rest: Floats
    """What else goes through the filter."""
    through: Floats
    """The filter."""
    beside: Floats
    """What goes around it."""

    @property
    def power(self) -> Floats:
        """Of all."""
        return Source(self.lines, self.rest).power * self.through + self.beside

    def added(self, source: Source, gains: Floats, in_step: bool) -> tuple[Floats, Floats]:
        """Power with a source at gains `(n,)`, and the source's own, both `(n, k, n_bands)`."""
        g = gains[:, None, None]
        if not in_step:
            own = np.broadcast_to(g**2 * source.power, (len(gains), *self.rest.shape))
            return self.power + own, own
        whole = Source(self.lines + g * source.lines, self.rest + g**2 * source.rest).power * self.through
        return whole + self.beside, g**2 * source.power * self.through


def _mix(portrait: Portrait, story: Story) -> Mix:
    used = portrait.used
    osc = source_at(TABLE_NAMES[story.table], story.positions)
    mix = Mix(
        osc.lines[:, :used],
        osc.rest[:, :used],
        _filter_power(portrait, story),
        np.zeros((len(osc.rest), used)),
    )
    for layer in story.layers:
        gain, source = 10 ** (layer.gain_db / 20), layer.source[..., :used]
        if layer.filtered or story.kind < 0:
            mix = replace(mix, lines=mix.lines + gain * source.lines, rest=mix.rest + gain**2 * source.rest)
        else:
            mix = replace(mix, beside=mix.beside + gain**2 * source.power)
    return mix


def predict(portrait: Portrait, story: Story) -> Floats:
    """Power of the whole story at equal levels, `(k, n_bands)`."""
    return np.asarray(_mix(portrait, story).power * 10 ** (np.asarray(story.eq_db) / 10))


def _error(portrait: Portrait, predicted: Floats) -> float:
    """Mean difference in dB over moments and bands."""
    return float(portrait.moments.errors(decibels(predicted)[None])[0])


@lru_cache(8)
def layers_beside(f0_hz: float) -> tuple[Layer, ...]:
    """What may be put beside oscillator 1 of a note."""
    return (*_oscillators_beside(), *_noises_beside(f0_hz))


@cache
def _oscillators_beside() -> tuple[Layer, ...]:
    out = []
    for octave, shape, route in product(
        (-2, -1, 0, 1), ("sine", "triangle", "square", "saw"), ("effects", "filter1")
    ):
        values: dict[str, Value] = {
            "sub.on": True,
            "sub.shape": shape,
            "sub.octave": octave,
            "sub.route": route,
        }
        out.append(Layer(values, "sub", sub_source(shape, 2.0**octave)))
    for octave, table, frame in product((-1, 0, 1, 2), TABLE_NAMES, range(0, N_FRAMES, 2 * STRIDE)):
        values = {"osc2.on": True, "osc2.table": table, "osc2.position": frame / (N_FRAMES - 1) * 100,
                  "osc2.octave": octave, "osc2.route": "filter1"}  # fmt: skip
        out.append(Layer(values, "osc2", table_source(table, 2.0**octave)[frame]))
    return tuple(out)


def _noises_beside(f0_hz: float) -> list[Layer]:
    out = []
    for kind, route in product(("white", "pink", "brown"), ("effects", "filter1")):
        values: dict[str, Value] = {"noise.on": True, "noise.kind": kind, "noise.route": route}
        out.append(Layer(values, "noise", noise_source(kind, f0_hz)))
    return out


def _with_layer(portrait: Portrait, story: Story) -> Story:
    """The story with the layer that helps most, at its best level: all at a glance first, then the best few closely."""
    taken = {layer.section for layer in story.layers}
    layers = [layer for layer in layers_beside(portrait.f0_hz) if layer.section not in taken]
    mix, gains = _mix(portrait, story), 10 ** (LAYER_LEVELS_DB / 20)
    best = story
    for i in np.argsort(_glances(portrait, story, mix, layers))[:N_CLOSE]:
        layer = layers[i]
        whole, own = mix.added(layer.source[: portrait.used], gains, layer.filtered or story.kind < 0)
        costs = portrait.moments.errors(decibels(whole))
        if layer.section == "noise":
            costs = costs + _hiss(portrait, decibels(own) - decibels(whole))
        j = int(costs.argmin())
        if costs[j] < best.cost:
            best = replace(
                story,
                layers=(*story.layers, replace(layer, gain_db=float(LAYER_LEVELS_DB[j]))),
                cost=float(costs[j]),
            )
    return best


def _glances(portrait: Portrait, story: Story, mix: Mix, layers: list[Layer]) -> Floats:
    """Error of the story with each of the layers, of the mean moment alone."""
    used, moments = portrait.used, portrait.moments
    weights = moments.weights @ moments.band_weights
    lines = np.stack([layer.source.lines[:used] for layer in layers]).astype(np.complex64)
    rest = np.stack([layer.source.rest[:used] for layer in layers]).astype(np.float32)
    powers = np.square(lines.real) + np.square(lines.imag) + rest
    in_step = np.array([layer.filtered or story.kind < 0 for layer in layers])[:, None]
    through, base = moments.weights @ mix.through, moments.weights @ mix.power
    together = 2 * ((moments.weights @ mix.lines).astype(np.complex64).conj() * lines).real
    wanted = moments.weights @ (moments.db - decibels(moments.power.sum(axis=1))[:, None])
    out = []
    for gain in 10 ** (GLANCE_LEVELS_DB / 20):
        db = decibels(
            base + np.where(in_step, (gain * together + gain**2 * powers) * through, gain**2 * powers)
        )
        db = db - decibels((10 ** (db / 10)).sum(axis=1, keepdims=True))
        difference = np.maximum(db - wanted, -RANGE_DB - wanted)
        difference -= (np.clip(difference, -MOST_LIFT_DB, MOST_LIFT_DB) @ weights)[:, None]
        out.append(np.abs(difference) @ weights)
    return np.asarray(np.min(out, axis=0))


def _hiss(portrait: Portrait, share_db: Floats) -> Floats:
    """A cost in dB for noise of a share `(n, k, n_bands)` where the clip has only harmonics."""
    excess = np.maximum(share_db - portrait.noise_share_db - 3, 0)
    return np.asarray(
        HISS_COST * ((excess * portrait.moments.band_weights).sum(axis=-1) @ portrait.moments.weights)
    )


def _with_eq(portrait: Portrait, story: Story) -> Story:
    """The story with three bands of EQ over what is left, if they save enough."""
    rest, weights = portrait.moments.rest_db(decibels(predict(portrait, story)))
    values, total = fit_eq(rest, weights, portrait.hz)
    better = replace(story, eq=values, eq_db=total)
    better = replace(better, cost=_error(portrait, predict(portrait, better)))
    return better if better.cost < story.cost - EQ_LEAST_DB else story
