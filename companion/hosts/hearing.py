"""What a hosted plugin's parameters are: read from its texts, and found by rendering (which can be heard, which is gain)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from companion.errors import HostError
from companion.hosts.plugin import PluginHost
from companion.hosts.verify import Likeness, profile
from companion.judging.metrics import is_silent
from presets.plugin_texts import raws, row_from_texts
from presets.schema import Parameter, Schema

Audio = NDArray[np.float32]
Raws = dict[str, float]

NOTE, NOTE_S, TOTAL_S = 48, 0.4, 0.7
N_CONTEXTS = 6  # the plugin's own patch, it with every switch on, and random ones: a cutoff is heard where a filter is on
N_REPEATS = 5
N_TRIES = 60  # random patches, to find some that sound
MOVED = 24  # parameters of a synth all of which a random patch moves; of a larger one, P_MOVED of them
P_MOVED, P_ON = 0.3, 0.75
TURNS = (0.5, 0.25, 0.75)  # of the way round, from where a parameter stands
GAIN_DB = 0.5  # mean difference of spectra, of sounds one of which is only louder
DRIFTS = 1.5  # and as many times what takes of one sound differ from their mean
LEAST_GAIN_DB = 1.0
HEARD_DB = 35.0  # under the loudest band, for that


@dataclass(frozen=True)
class Heard:
    """What rendering has shown, rows by name."""

    audible: frozenset[str]
    gains: tuple[str, ...]
    """Rows that change the level and nothing else, in the plugin's order."""


def described_schema(host: PluginHost) -> Schema:
    """The plugin's parameters with what its texts say: choices, ranges, units. Nothing is spoken yet."""
    rows = (
        row_from_texts(p.name, p.raw, host.texts(p.name, raws()), p.n_steps, p.label) for p in host.parameters
    )
    return Schema(host.name, tuple(rows))


def listen_to(
    host: PluginHost,
    schema: Schema,
    seed: int = 0,
    track: Callable[[Sequence[Parameter]], Iterable[Parameter]] = iter,
) -> Heard:
    """Turns each parameter in several patches and hears what becomes of a note. The plugin is left as it was.

    Args:
        track: wraps the rows, to show progress.

    Raises:
        HostError: the plugin makes no sound, whatever it is set to.
    """
    start = {p.name: p.raw for p in host.parameters}
    contexts = list(_contexts(host, schema, start, np.random.default_rng(seed)))
    audible, gains = set(), []
    try:
        for row in track(schema.rows):
            changes = [heard for context in contexts if (heard := context.turn(host, row)) is not None]
            if changes:
                audible.add(row.name)
                if all(changes):
                    gains.append(row.name)
    finally:
        host.set_values(start)
    return Heard(frozenset(audible), tuple(gains))


class _Context:
    """A patch, and how it sounds."""

    def __init__(self, host: PluginHost, values: Raws) -> None:
        self.values = values
        host.set_values(values)
        self.sounds = [_play(host) for _ in range(N_REPEATS)]
        self.likeness = Likeness(self.sounds)

    @property
    def is_silent(self) -> bool:
        return is_silent(self.sounds[0])

    def turn(self, host: PluginHost, row: Parameter) -> bool | None:
        """None: a parameter is not heard here; else whether it is gain, as far as was heard."""
        host.set_values(self.values)
        try:
            for raw in _turns(row, self.values[row.key]):
                host.set_values({row.key: raw})
                other = _play(host)
                if self.likeness.differs(other):
                    others = [other, *(_play(host) for _ in self.sounds[1:])]
                    return row.kind == "continuous" and _is_gain(self.sounds, others)
            return None
        finally:
            host.set_values({row.key: self.values[row.key]})


def _contexts(host: PluginHost, schema: Schema, start: Raws, rng: np.random.Generator) -> Iterable[_Context]:
    found = 0
    for n in range(N_TRIES):
        context = _Context(host, _setting(schema, start, n, rng))
        if not context.is_silent:
            found += 1
            yield context
        if found == N_CONTEXTS:
            return
    if not found:
        raise HostError(f"{host.name} made no sound in {N_TRIES} patches; it cannot be learnt by listening")


def _setting(schema: Schema, start: Raws, n: int, rng: np.random.Generator) -> Raws:
    """The n-th patch to turn parameters in."""
    out = dict(start)
    for row in schema if n else ():
        if row.kind == "switch":
            out[row.key] = float(n == 1 or rng.random() < P_ON)
        elif n > 1 and (len(schema) <= MOVED or rng.random() < P_MOVED):
            out[row.key] = float(rng.random())
    return out


def _turns(row: Parameter, raw: float) -> Iterable[float]:
    """Other settings, far ones first; of a row with choices each, up to some."""
    n = {"switch": 2, "choice": len(row.choices), "integer": int(row.high - row.low) + 1}.get(row.kind, 0)
    if n:
        steps = [k / (n - 1) for k in range(n)]
        others = sorted((s for s in steps if abs(s - raw) > 0.4 / n), key=lambda s: -abs(s - raw))
        return others[:: max(1, len(others) // 4)][:5]
    ends = (0.0, 1.0) if raw < 0.5 else (1.0, 0.0)
    return [*((raw + t) % 1.0 for t in TURNS), *ends]


def _is_gain(sounds: Sequence[Audio], others: Sequence[Audio]) -> bool:
    """Whether a sound is another at a different level: means of several takes, since notes need not repeat."""
    if is_silent(others[0]):
        return True
    before, after = (np.array([profile(sound) for sound in takes]) for takes in (sounds, others))
    levels = [shapes.mean(axis=0).max() for shapes in (before, after)]
    before, after = (shapes - shapes.max(axis=1, keepdims=True) for shapes in (before, after))
    loud = before.mean(axis=0) > -HEARD_DB  # what lies under it may be a synth's own hum, which has no volume
    drift = max(float(np.abs(shapes - shapes.mean(axis=0))[:, loud].mean()) for shapes in (before, after))
    off = float(np.abs(after.mean(axis=0) - before.mean(axis=0))[loud].mean())
    return off < GAIN_DB + DRIFTS * drift and bool(abs(levels[1] - levels[0]) > LEAST_GAIN_DB)


def _play(host: PluginHost) -> Audio:
    return host.render(NOTE, NOTE_S, TOTAL_S)
