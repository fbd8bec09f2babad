"""sample: draw patches from the priors, written in one canonical way.

A sample is said in the model's words and may sound a little different: with a real preset's own wavetable, or with a
standard one made brighter, duller or hollow here and there, so that the model hears structure and not table names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from presets.patch import Asset, Patch
from presets.schema import N_MOD_SLOTS, OWN, Parameter, Value, wavetable_synth
from presets.tables import table_frames

Rng = np.random.Generator
NOTES = (24, 96)
NOTE_OFF_S = (0.1, 2.4)
P_FRESH = 0.4  # the rest are mixtures of real patches with the prior and with each other
JITTER_RAW = 0.06  # standard deviation of what a mixture's continuous settings move
P_COLOURED = 0.3  # of a standard table
COLOUR_DB, COLOUR_OCTAVES = (
    8.0,
    0.8,
)  # height and width of the bumps in its spectrum, standard deviation and mean
N_BUMPS = 5
P_PHASES = 0.3  # of a coloured table: other phases too

Timbres = dict[str, Asset]
"""`osc1.table`, `osc2.table`, `sub.shape` -> frames that sound instead of the said choice."""


@dataclass(frozen=True)
class Sample:
    """A patch as the model is to say it, and what sounds."""

    said: Patch
    """Canonical, standard choices only."""
    timbres: Timbres

    @property
    def heard(self) -> Patch:
        """The patch that is rendered."""
        own: dict[str, Value] = dict.fromkeys(self.timbres, OWN)
        return self.said.with_values(own, assets=self.timbres) if own else self.said


@cache
def _ladder(row: Parameter) -> tuple[tuple[Value, ...], NDArray[np.float64]]:
    """Values, and the probability of one up to each (as `Generator.choice` draws, at a fifth of its time)."""
    values, share = zip(*row.prior.weights, strict=True)
    below = np.cumsum(np.asarray(share) / sum(share))
    return values, below / below[-1]


def sample_value(row: Parameter, rng: Rng) -> Value:
    """One draw from a row's prior."""
    prior = row.prior
    if prior.weights:
        values, below = _ladder(row)
        return values[int(below.searchsorted(rng.random(), side="right"))]
    if rng.random() < prior.p_default:
        return row.default
    if row.kind == "choice":
        options = [c for c in row.choices if c != OWN]
        return options[rng.integers(len(options))]
    if prior.centre is None:
        return row.raw_to_value(rng.random())
    return row.raw_to_value(rng.normal(row.value_to_raw(prior.centre), prior.spread))


def fresh_patch(rng: Rng) -> dict[str, Value]:
    """Values drawn row by row; rows that do not matter keep their default."""
    schema = wavetable_synth()
    values: dict[str, Value] = dict(schema.defaults)
    for row in schema:
        if row.bins and schema.matters(row, values):
            values[row.name] = sample_value(row, rng)
    if not any(values[f"{s}.on"] for s in ("osc1", "osc2", "sub", "noise")):
        values["osc1.on"] = True
    return values


def mixture(pool: Sequence[Patch], rng: Rng) -> tuple[dict[str, Value], Timbres]:
    """A real patch with some sections from another or from the prior, and its settings jittered."""
    schema = wavetable_synth()
    first = pool[rng.integers(len(pool))]
    donors = [pool[rng.integers(len(pool))], Patch(fresh_patch(rng))]
    swap = rng.random() * 0.6
    chosen = {s: donors[rng.integers(2)] for s in schema.sections() if rng.random() < swap}
    parts = {row.name: chosen.get(row.section, first) for row in schema}
    values = {row.name: _jitter(row, parts[row.name][row.name], rng) for row in schema}
    timbres = {name: parts[name].assets[name] for name in TIMBRES if name in parts[name].assets}
    return values, {name: a for name, a in timbres.items() if values[name] == parts[name][name]}


def _jitter(row: Parameter, value: Value, rng: Rng) -> Value:
    if not row.bins or (value == row.default and rng.random() < 0.8):
        return value
    if row.kind == "continuous":
        return row.raw_to_value(row.value_to_raw(value) + rng.normal(0, JITTER_RAW))
    if row.key in ("table", "shape", "type", "kind", "warp", "morph") and rng.random() < 0.15:
        return sample_value(row, rng)
    return value


# -- timbres ------------------------------------------------------------------------------------------------------

TIMBRES = ("osc1.table", "osc2.table", "sub.shape")


def coloured(frames: Asset, rng: Rng) -> Asset:
    """Frames with bumps and dips in their spectrum, the same in all, as loud as before."""
    n = frames.shape[1]
    octave = np.log2(np.arange(1, n // 2 + 1))
    centres, heights = rng.uniform(0, 7, N_BUMPS), rng.normal(0, COLOUR_DB, N_BUMPS)
    widths = COLOUR_OCTAVES * rng.lognormal(0, 0.5, N_BUMPS)
    bumps = heights * np.exp(-0.5 * np.square((octave[:, None] - centres) / widths))  # (n_harmonics, N_BUMPS)
    gain = 10 ** (bumps.sum(axis=1) / 20)
    turn = np.exp(2j * np.pi * rng.random(len(octave))) if rng.random() < P_PHASES else 1.0
    spectrum = np.fft.rfft(frames, axis=1)
    spectrum[:, 1:] *= gain * turn
    out = np.fft.irfft(spectrum, n, axis=1)
    loud = np.sqrt(np.square(frames).mean() / (np.square(out).mean() + 1e-12))
    return np.ascontiguousarray(out * loud, np.float32)


def colour_some(values: Mapping[str, Value], timbres: Timbres, rng: Rng) -> Timbres:
    """The timbres, and here and there a standard table coloured."""
    out = dict(timbres)
    for name in TIMBRES[:2]:
        if name not in out and rng.random() < P_COLOURED:
            out[name] = coloured(table_frames(str(values[name])), rng)
    return out


# -- one way to write what sounds the same ------------------------------------------------------------------------


def canonical_order(values: Mapping[str, Value]) -> tuple[dict[str, Value], int]:
    """Louder oscillator first and at octave 0, helpers numbered as they are used, slots sorted.

    Returns the values and the octaves the note must move so that the sound stays.
    """
    out = _swap(values, "osc1", "osc2") if was_swapped(values) else dict(values)
    for first, second in (("env2", "env3"), ("lfo1", "lfo2")):
        order = [
            s for s in (out[f"mod{n}.source"] for n in range(1, N_MOD_SLOTS + 1)) if s in (first, second)
        ]
        if order and order[0] == second:
            out = _swap(out, first, second)
    return _shift_octave(_sort_slots(out))


def was_swapped(values: Mapping[str, Value]) -> bool:
    """Whether the second oscillator is the louder one, so that canonical order makes it the first."""
    first, second = ((bool(values[f"{s}.on"]), float(values[f"{s}.level"])) for s in ("osc1", "osc2"))
    return second > first


def _other_osc(name: str) -> str:
    return {"osc1.table": "osc2.table", "osc2.table": "osc1.table"}.get(name, name)


def _swap(values: Mapping[str, Value], a: str, b: str) -> dict[str, Value]:
    swapped = {
        _exchanged(k, a, b): _exchanged(v, a, b) if isinstance(v, str) and k.startswith("mod") else v
        for k, v in values.items()
    }
    return {k: swapped[k] for k in values}


@cache
def _exchanged(text: str, a: str, b: str) -> str:
    return re.sub(rf"\b({a}|{b})\b", lambda m: b if m[0] == a else a, text)


def _sort_slots(values: dict[str, Value]) -> dict[str, Value]:
    schema = wavetable_synth()
    keys = ("source", "destination", "amount", "bipolar", "curve")

    def rank(slot: Mapping[str, Value]) -> tuple[bool, float, float]:
        source, destination = (schema[f"mod1.{k}"].value_to_raw(slot[k]) for k in ("source", "destination"))
        return slot["source"] == "none", source, destination

    slots = sorted(({k: values[f"mod{n}.{k}"] for k in keys} for n in range(1, N_MOD_SLOTS + 1)), key=rank)
    for n, slot in enumerate(slots, 1):
        values |= {f"mod{n}.{k}": v for k, v in slot.items()}
    return values


def _shift_octave(values: dict[str, Value]) -> tuple[dict[str, Value], int]:
    if not values["osc1.on"]:
        return values, 0
    shift = int(values["osc1.octave"])
    for name in ("osc1.octave", "osc2.octave", "sub.octave"):
        values[name] = int(np.clip(int(values[name]) - shift, -4, 4))
    return values, shift


def sample_patches(seed: int, n: int, pool: Sequence[Patch] = ()) -> list[Patch]:
    """`n` canonical patches with a note each; the same seed gives the same patches."""
    return [sample_patch(np.random.default_rng([seed, i]), pool) for i in range(n)]


def sample_patch(rng: Rng, pool: Sequence[Patch] = ()) -> Patch:
    """One canonical patch and the note it is played at."""
    return sample_sound(rng, pool).said


def sample_sound(rng: Rng, pool: Sequence[Patch] = ()) -> Sample:
    """One canonical patch with its note, and what is heard of it."""
    values, timbres = (
        mixture(pool, rng) if len(pool) and rng.random() > P_FRESH else (fresh_patch(rng), Timbres())
    )
    values["volume.level"] = -6.0
    ordered, octaves = canonical_order(values)
    if was_swapped(values):
        timbres = {_other_osc(name): frames for name, frames in timbres.items()}
    played = (
        int(np.clip(rng.normal(53, 12), *NOTES))
        if rng.random() < 0.8
        else int(rng.integers(NOTES[0], NOTES[1] + 1))
    )
    note = int(np.clip(played + 12 * octaves * (rng.random() < 0.5), *NOTES))
    said = Patch(ordered, note=note).canonical()
    timbres = {name: frames for name, frames in timbres.items() if said.matters(name)}
    return Sample(said, colour_some(said.values, timbres, rng))


def sample_note_off(rng: Rng) -> float:
    """Seconds the key is held: log-uniform, gathered around a second."""
    low, high = np.log(NOTE_OFF_S)
    x = rng.normal(np.log(1.0), 0.55) if rng.random() < 0.7 else rng.uniform(low, high)
    return float(np.exp(np.clip(x, low, high)))
