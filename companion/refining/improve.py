"""Informed corrections: what a trained ear would change after hearing a patch beside the clip.

A Corrector knows the clip. Given a patch and its render it compares loudness over time and the harmonics, and proposes a
few patches, each one correction on its own; whoever asks renders them and keeps what is closer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import numpy as np

from companion.hearing.audio import Audio
from companion.hearing.bands import ENVELOPE_HOP_S, Floats, Moments, Portrait, decibels
from companion.hearing.ear import NoteOffGuess
from companion.hearing.melody import Melody
from companion.recipes.envelope import wagered_contour
from companion.recipes.motion import SPANS
from companion.recipes.stories import MOTIONS, layers_beside
from companion.recipes.templates import (
    cutoff_midi,
    eq_db,
    filter_power,
    fit_eq,
    known_filters,
    source_at,
)
from companion.resynthesis.contours import Contour, fit_contour, nudge_contour
from presets.laws import midi_to_hz
from presets.patch import Patch
from presets.schema import N_MOD_SLOTS, OWN, Value
from presets.tables import N_FRAMES

Change = dict[str, Value]

SHIFTS_ST = (-30.0, -20.0, -13.0, -8.0, -5.0, -2.5, 0.0, 2.5, 5.0, 8.0, 13.0, 20.0, 30.0)  # of a cutoff
SWEEPS_ST = (-40.0, -20.0, -10.0, 0.0, 10.0, 20.0, 40.0)  # of envelope 2 on it, beside what is there
RESONANCES = (0.0, 25.0, 50.0, 75.0)
NEW_CUTOFFS = np.arange(40.0, 130.0, 5.0)  # MIDI notes of a filter that was off
CUTOFF_SPAN_ST = SPANS["filter1.cutoff"]
LAYER_LEVELS_DB = np.arange(-36.0, 1.0, 4.0)
SINE_DB = -6.02  # of an oscillator at level and volume 0 dB, against its frames
GAIN_DB = 0.15  # of mean error that a correction must promise


def improve(patch: Patch, render: Audio, target: Audio, note_off_s: float) -> list[Patch]:
    """A few patches likely to be closer to `target` than `patch`, whose render `(2, n_samples)` is given."""
    return Corrector(target, [NoteOffGuess(note_off_s, 1.0)]).improve(patch, render)


class Corrector:
    """Knows a clip, and when its key may have been released, likeliest first; corrects patches towards it."""

    def __init__(self, target: Audio, moments: Sequence[NoteOffGuess], melody: Melody | None = None) -> None:
        """`melody`: what the clip's pitch does."""
        self._target = target
        self._moments = moments
        self._melody = melody
        self._portrait_at = lru_cache(8)(self._paint)

    def improve(self, patch: Patch, render: Audio) -> list[Patch]:
        """A few patches likely to be closer than `patch`; see `changes`."""
        return [patch.with_values(change) for change in self.changes(patch, render)]

    def changes(self, patch: Patch, render: Audio) -> list[Change]:
        """Corrections as changed values, each on its own."""
        pitch = patch.note + patch.number("voice.tune") / 100
        moves = patch.is_moved("voice.pitch")
        wanted = self._portrait_at(round(pitch, 2), moves)
        got = Portrait.of(render, pitch, wanted.note_off_s, self._melody if moves else None)
        beside = Beside(patch, wanted, got, self._moments)
        return [change for correction in CORRECTIONS for change in correction(beside)]

    def _paint(self, pitch: float, moves: bool) -> Portrait:
        return Portrait.of(self._target, pitch, self._moments[0].time_s, self._melody if moves else None)


class Beside:
    """A patch and its portrait beside the clip's."""

    def __init__(
        self, patch: Patch, wanted: Portrait, got: Portrait, moments: Sequence[NoteOffGuess]
    ) -> None:
        self.patch, self.wanted, self.got = patch, wanted, got
        self.note_offs = moments
        self.moments: Moments = wanted.moments
        self.got_db = decibels(got.during(self.moments))
        self.error = float(self.moments.errors(self.got_db[None])[0])

    def best(self, predicted_db: Floats) -> int | None:
        """Which of the predictions `(m, k, n_bands)` is nearest, if it promises enough."""
        errors = self.moments.errors(predicted_db)
        i = int(errors.argmin())
        return i if errors[i] < self.error - GAIN_DB else None


# --- loudness over time ----------------------------------------------------------------------------------------------


def _contour(beside: Beside) -> Iterator[Change]:
    """Envelope 1 (and the tail of a reverb) by what render and clip differ in level over time."""
    wanted, off = beside.wanted, beside.wanted.note_off_s
    now = Contour.read(beside.patch)
    n = min(len(wanted.envelope), len(beside.got.envelope))
    times = np.asarray((np.arange(n) + 0.5) * ENVELOPE_HOP_S, np.float64)
    model = now.amplitude(times, off)
    top = max(beside.got.envelope.max(), 1e-9)
    ratio = np.maximum(wanted.envelope[:n], 1e-7) / np.maximum(beside.got.envelope[:n], 10**-3.5 * top)
    desired = np.maximum(model, 10**-3.5) * ratio
    space = now.tail_db is not None
    fitted = fit_contour(desired, off, space)
    yield fitted.values()
    yield nudge_contour(now, desired, off).values()
    if len(beside.note_offs) > 1:
        yield wagered_contour(desired, beside.note_offs, fit_contour(desired, off)).values()
    if not space:
        roomy = fit_contour(desired, off, True)
        yield roomy.values()
    else:
        yield {**fit_contour(desired, off, False).values(), "reverb.on": False}


# --- spectrum --------------------------------------------------------------------------------------------------------


def _eq(beside: Beside) -> Iterator[Change]:
    """The EQ that brings what is there to what is wanted."""
    present = eq_db(beside.patch, beside.wanted.hz)
    rest, weights = beside.moments.rest_db(beside.got_db - present)
    values, total = fit_eq(rest, weights, beside.wanted.hz)
    if beside.best((beside.got_db - present + total)[None]) is not None:
        yield values


def cutoff_path(patch: Patch, times_s: Floats, note_off_s: float) -> Floats:
    """Cutoff of filter 1 over time as MIDI notes, moved by envelopes alone."""
    path = np.full(len(times_s), cutoff_midi(patch, 1))
    for slot in range(1, N_MOD_SLOTS + 1):
        source = str(patch[f"mod{slot}.source"])
        if source.startswith("env") and patch[f"mod{slot}.destination"] == "filter1.cutoff":
            level = Contour.read(patch, int(source[3])).level(times_s, note_off_s)
            path = path + patch.number(f"mod{slot}.amount") / 100 * CUTOFF_SPAN_ST * level
    return path


def _filter(beside: Beside) -> Iterator[Change]:
    """Cutoff, resonance and sweep of a filter that is on."""
    patch = beside.patch
    kind = str(patch["filter1.type"])
    if not patch["filter1.on"] or kind not in known_filters():
        return
    times, hz = beside.moments.times_s, beside.wanted.hz
    path = cutoff_path(patch, times, beside.wanted.note_off_s)
    present = decibels(filter_power(kind, patch.number("filter1.resonance"), path, hz))
    slot, level = _sweep(patch, times, beside.wanted.note_off_s)
    for sweeps in ((0.0,), SWEEPS_ST) if slot else ((0.0,),):
        options = [(shift, sweep, q) for shift in SHIFTS_ST for sweep in sweeps for q in RESONANCES]
        paths = np.stack([path + shift + sweep * level for shift in SHIFTS_ST for sweep in sweeps])
        powers = np.stack(
            [filter_power(kind, q, paths.ravel(), hz).reshape(*paths.shape, -1) for q in RESONANCES], axis=1
        )
        predicted = beside.got_db + decibels(powers.reshape(-1, *present.shape)) - present
        i = beside.best(predicted)
        if i is not None:
            shift, sweep, q = options[i]
            yield _filter_change(patch, shift, sweep, q, slot)


def _sweep(patch: Patch, times_s: Floats, note_off_s: float) -> tuple[int, Floats]:
    """The slot through which envelope 2 moves (or can move) cutoff 1, 0 if none, and the level it has."""
    sources = patch.sources
    for n, source in enumerate(sources, 1):
        if source == "env2" and patch[f"mod{n}.destination"] == "filter1.cutoff":
            return n, Contour.read(patch, 2).level(times_s, note_off_s)
    if "env2" in sources or "none" not in sources:
        return 0, np.zeros(len(times_s))
    return sources.index("none") + 1, MOTIONS[3].at(times_s)


def _filter_change(patch: Patch, shift: float, sweep: float, resonance: float, slot: int) -> Change:
    cutoff = patch.number("filter1.cutoff") * 2 ** (shift / 12)
    change: Change = {"filter1.cutoff": min(max(cutoff, 13.0), 21000.0), "filter1.resonance": resonance}
    if not sweep:
        return change
    fresh = patch[f"mod{slot}.source"] == "none"
    amount = (0.0 if fresh else patch.number(f"mod{slot}.amount")) + 100 * sweep / CUTOFF_SPAN_ST
    change |= {f"mod{slot}.source": "env2", f"mod{slot}.destination": "filter1.cutoff",
               f"mod{slot}.amount": min(max(amount, -100.0), 100.0)}  # fmt: skip
    return change | (MOTIONS[3].values() if fresh else {})


def _new_filter(beside: Beside) -> Iterator[Change]:
    """A filter where there is none."""
    if beside.patch["filter1.on"] or beside.patch["osc1.route"] != "filter1":
        return
    options = [
        (kind, q, note) for kind in ("lp12", "lp24", "hp12") for q in RESONANCES[:3] for note in NEW_CUTOFFS
    ]
    rows = [
        filter_power(k, q, NEW_CUTOFFS, beside.wanted.hz)
        for k in ("lp12", "lp24", "hp12")
        for q in RESONANCES[:3]
    ]
    i = beside.best(beside.got_db + decibels(np.concatenate(rows))[:, None])
    if i is not None:
        kind, q, note = options[i]
        yield {
            "filter1.on": True,
            "filter1.type": kind,
            "filter1.resonance": q,
            "filter1.cutoff": midi_to_hz(note),
        }


def _position(beside: Beside) -> Iterator[Change]:
    """The place in the table of an oscillator that makes most of the sound."""
    patch, used = beside.patch, beside.wanted.used
    for section in ("osc1", "osc2"):
        table = str(patch[f"{section}.table"])
        plain = patch[f"{section}.warp"] == "none" and patch[f"{section}.morph"] == "none"
        if not patch[f"{section}.on"] or table == OWN or not plain:
            continue
        ratio = 2.0 ** (patch.number(f"{section}.octave") + patch.number(f"{section}.semitone") / 12)
        places = np.linspace(0, 100, N_FRAMES)
        now = np.array([patch.number(f"{section}.position") / 100 * (N_FRAMES - 1)])
        rows, present = (
            decibels(source_at(table, x, ratio).power)[:, :used] for x in (np.arange(float(N_FRAMES)), now)
        )
        rows = np.maximum(rows, rows.max() - 60)
        i = beside.best(beside.got_db + (rows - np.maximum(present, present.max() - 60))[:, None])
        if i is not None:
            yield {f"{section}.position": float(places[i])}


def _layer(beside: Beside) -> Iterator[Change]:
    """A sub, a second oscillator or noise where one is missing."""
    patch, moments = beside.patch, beside.moments
    layers = [x for x in layers_beside(beside.wanted.f0_hz) if not patch[f"{x.section}.on"]]
    if not layers:
        return
    got = 10 ** (beside.got_db / 10)
    level = Contour.read(patch).amplitude(moments.times_s, beside.wanted.note_off_s) ** 2
    scale = 10 ** ((patch.number("volume.level") + SINE_DB) / 10) * level[:, None]
    powers = np.stack([x.source.power[: beside.wanted.used] * scale for x in layers])
    options = got + 10 ** (LAYER_LEVELS_DB / 10)[:, None, None, None] * powers
    i = beside.best(decibels(options).reshape(-1, *got.shape))
    if i is not None:
        place, j = divmod(i, len(layers))
        yield layers[j].values | {f"{layers[j].section}.level": float(LAYER_LEVELS_DB[place])}


CORRECTIONS: tuple[Callable[[Beside], Iterator[Change]], ...] = (
    _contour, _eq, _filter, _layer, _position, _new_filter,
)  # fmt: skip  # unison and chorus by the width of the clip were tried: 1 of 45 helped
