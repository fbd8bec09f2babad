"""sample: draw patches from the priors, written in one canonical way."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from presets.patch import Patch
from presets.schema import N_MOD_SLOTS, OWN, Parameter, Value, wavetable_synth

Rng = np.random.Generator
NOTES = (24, 96)
NOTE_OFF_S = (0.1, 2.4)
P_FRESH = 0.4  # the rest are mixtures of real patches with the prior and with each other
JITTER_RAW = 0.06  # standard deviation of what a mixture's continuous settings move


def sample_value(row: Parameter, rng: Rng) -> Value:
    """One draw from a row's prior."""
    prior = row.prior
    if prior.weights:
        values, weights = zip(*prior.weights, strict=True)
        p = np.asarray(weights) / sum(weights)
        return values[rng.choice(len(values), p=p)]  # type: ignore[no-any-return]
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


def mixture(pool: Sequence[Patch], rng: Rng) -> dict[str, Value]:
    """A real patch with some sections from another or from the prior, and its settings jittered."""
    schema = wavetable_synth()
    base = dict(pool[rng.integers(len(pool))].values)
    donors = [dict(pool[rng.integers(len(pool))].values), fresh_patch(rng)]
    swap = rng.random() * 0.6
    chosen = {s: donors[rng.integers(2)] for s in schema.sections() if rng.random() < swap}
    for name in base:
        base[name] = chosen.get(name.partition(".")[0], base)[name]
    return {row.name: _jitter(row, base[row.name], rng) for row in schema}


def _jitter(row: Parameter, value: Value, rng: Rng) -> Value:
    if not row.bins or (value == row.default and rng.random() < 0.8):
        return value
    if row.kind == "continuous":
        return row.raw_to_value(row.value_to_raw(value) + rng.normal(0, JITTER_RAW))
    if row.key in ("table", "shape", "type", "kind", "warp", "morph") and rng.random() < 0.15:
        return sample_value(row, rng)
    return value


# -- one way to write what sounds the same ------------------------------------------------------------------------


def canonical_order(values: Mapping[str, Value]) -> tuple[dict[str, Value], int]:
    """Louder oscillator first and at octave 0, helpers numbered as they are used, slots sorted.

    Returns the values and the octaves the note must move so that the sound stays.
    """
    out = dict(values)
    if (bool(out["osc2.on"]), out["osc2.level"]) > (bool(out["osc1.on"]), out["osc1.level"]):
        out = _swap(out, "osc1", "osc2")
    for first, second in (("env2", "env3"), ("lfo1", "lfo2")):
        order = [
            s for s in (out[f"mod{n}.source"] for n in range(1, N_MOD_SLOTS + 1)) if s in (first, second)
        ]
        if order and order[0] == second:
            out = _swap(out, first, second)
    return _shift_octave(_sort_slots(out))


def _swap(values: Mapping[str, Value], a: str, b: str) -> dict[str, Value]:
    def other(text: str) -> str:
        return re.sub(rf"\b({a}|{b})\b", lambda m: b if m[0] == a else a, text)

    swapped = {
        other(k): (other(v) if isinstance(v, str) and k.startswith("mod") else v) for k, v in values.items()
    }
    return {k: swapped[k] for k in values}


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
    values = mixture(pool, rng) if len(pool) and rng.random() > P_FRESH else fresh_patch(rng)
    values["volume.level"] = -6.0
    ordered, octaves = canonical_order(values)
    played = (
        int(np.clip(rng.normal(53, 12), *NOTES))
        if rng.random() < 0.8
        else int(rng.integers(NOTES[0], NOTES[1] + 1))
    )
    note = int(np.clip(played + 12 * octaves * (rng.random() < 0.5), *NOTES))
    return Patch(ordered, note=note).canonical()


def sample_note_off(rng: Rng) -> float:
    """Seconds the key is held: log-uniform, gathered around a second."""
    low, high = np.log(NOTE_OFF_S)
    x = rng.normal(np.log(1.0), 0.55) if rng.random() < 0.7 else rng.uniform(low, high)
    return float(np.exp(np.clip(x, low, high)))
