"""What moves in Serum: drawn LFOs and the matrix, written and read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from presets.schema import LFO_SHAPES, N_MOD_SLOTS, OWN
from presets.serum1_curves import Curve, Lfo
from presets.serum1_matrix import NONE, STRAIGHT, Slot
from presets.serum_effects import near_division
from presets.serum_sound import INIT_LFO, encode, ladder_beats, ladder_raw, rows, serum
from presets.tempo import FEELS, division_beats
from presets.vital import LFO_POINTS
from presets.vital_shapes import line_curve

if TYPE_CHECKING:
    from presets.serum_reading import Reader
    from presets.serum_writing import Writer

Points = NDArray[np.float64]

MODES = {"trigger": (True, False), "sync": (False, False), "one_shot": (True, True), "hold": (True, True)}
TENSION = 24.0  # Vital's power from end to end of Serum's tension. M, by ear
PIECES = 8  # straight pieces for a bent segment
MAX_SEGMENTS = {1: 64, 2: 400}  # of a drawn LFO, in Serum 1 and 2
DEFAULT_BPM = 120.0
LIKE = 0.02  # a drawn LFO this near (0..1) passes for a standard one
AUDIBLE = ("osc1.level", "osc2.level", "sub.level", "noise.level")
SILENT_DB = -39.0  # a level that nobody hears
N_DRIVEN = 4  # routings whose amount others may move


# -- LFO shapes ----------------------------------------------------------------------------------------------------


def write_lfos(w: Writer) -> None:
    """The LFOs in use."""
    for n in (1, 2):
        if f"lfo{n}" in w.patch.sources:
            w.sound.lfos[n] = _lfo(w, n)


def _lfo(w: Writer, n: int) -> Lfo:
    name, patch = f"lfo{n}", w.patch
    mode = str(patch[f"{name}.mode"])
    if mode == "hold":
        w.near(f"Vital's {name}.mode hold became Serum's envelope mode")
    retrigger, envelope = MODES[mode]
    rate, hz, dotted, triplet = _rate(w, name)
    w.sound.raws[f"LFO{n} Rate"] = rate
    laws = rows()
    smooth, delay, rise = (
        encode(laws[f"{name}.{key}"], patch[f"{name}.{key}"]) for key in ("smooth", "delay", "fade")
    )
    curve = _drawn(w, name)
    return Lfo(curve, rate, smooth, delay, rise, True, hz, dotted, triplet, retrigger, envelope)


def _rate(w: Writer, name: str) -> tuple[float, bool, bool, bool]:
    """Raw, whether it is in Hz, dotted, triplet."""
    division = str(w.patch[f"{name}.division"])
    if division == "free":
        return encode(rows()[f"{name}.rate"], w.patch[f"{name}.rate"]), True, False, False
    feel = division[-1] if division[-1] in FEELS else ""
    raw = ladder_raw("lfo", division_beats(division.rstrip("dt")))
    assert raw is not None  # the schema's divisions are all on the ladder
    return raw, False, feel == "d", feel == "t"


def _drawn(w: Writer, name: str) -> Curve:
    """The shape as Serum draws it, begun at the LFO's phase."""
    shape = str(w.patch[f"{name}.shape"])
    points = np.array(w.patch.assets[f"{name}.shape"] if shape == OWN else LFO_POINTS[shape], float)
    phase = w.patch.number(f"{name}.phase") / 360 % 1.0
    if shape == "sine" or phase:
        points = straightened(points, shape == "sine")
    if phase:
        points = rotated(points, phase)
    most = MAX_SEGMENTS[1 + w.is_serum2]
    if len(points) > most + 1:
        points = thinned(points, most + 1)
        w.near(f"Vital's {name}.shape was thinned to {most} segments")
    return curve_of(points)


def straightened(points: Points, smooth: bool) -> Points:
    """A drawn line as straight pieces."""
    pieces = [points[:1]]
    for a, b in pairwise(points):
        straight = not smooth and abs(a[2]) < 0.01
        n = 1 if straight or b[0] - a[0] < 1e-6 else PIECES
        t = np.arange(1, n + 1) / n
        levels = line_curve(np.array([[0, a[1], a[2]], [1, b[1], 0]]), smooth, n + 1) if n > 1 else None
        between = a[1] + t * (b[1] - a[1]) if levels is None else np.append(levels[1:-1], b[1])
        pieces.append(np.column_stack([a[0] + t * (b[0] - a[0]), between, np.zeros(n)]))
    return np.concatenate(pieces)


def thinned(points: Points, n: int) -> Points:
    """A drawn line without the points that matter least: (n, 3)."""
    while len(points) > n:
        before, at, after = points[:-2], points[1:-1], points[2:]
        share = (at[:, 0] - before[:, 0]) / np.maximum(after[:, 0] - before[:, 0], 1e-9)
        off = np.abs(before[:, 1] + share * (after[:, 1] - before[:, 1]) - at[:, 1])
        least = int(np.argmin(off * (after[:, 0] - before[:, 0])))
        points = np.delete(points, least + 1, axis=0)
    return points


def rotated(points: Points, phase: float) -> Points:
    """A straight line begun at `phase` 0..1 of its cycle."""
    times, levels = points[:, 0], points[:, 1]
    at = float(np.interp(phase, times, levels))
    after, before = points[times > phase], points[times <= phase]
    line = [
        [0.0, at],
        *([t - phase, y] for t, y, _ in after),
        *([t + 1 - phase, y] for t, y, _ in before),
        [1.0, at],
    ]
    return np.column_stack([np.clip(np.array(line), 0, 1), np.zeros(len(line))])


def curve_of(points: Points) -> Curve:
    """Points (n, 3), time, level and Vital's power, as Serum's curve."""
    tension = np.clip(0.5 + points[:-1, 2] / TENSION, 0, 1)
    x, y = np.clip(points[:, 0], 0, 1), np.clip(1 - points[:, 1], 0, 1)
    if len(x) == 1:
        x, y, tension = np.array([0.0, 1.0]), np.array([y[0], y[0]]), np.array([0.5])
    return Curve(
        tuple(map(float, np.maximum.accumulate(x))), tuple(map(float, y)), tuple(map(float, tension))
    )


def points_of(curve: Curve) -> Points:
    """The opposite of curve_of: (n, 3)."""
    power = (np.array([*curve.tension, 0.5][: len(curve.x)]) - 0.5) * TENSION
    return np.column_stack([np.array(curve.x), 1 - np.array(curve.y), power])


# -- LFOs, read ----------------------------------------------------------------------------------------------------


def read_lfos(r: Reader) -> None:
    """The two LFOs that carry the most routings; those of others are lost."""
    wanted = [(_lfos_of(slot), abs(slot.amount)) for slot in r.live_slots()]
    numbers = sorted(set().union(*(lfos for lfos, _ in wanted)))
    pairs: list[tuple[int, ...]] = [*combinations(numbers, 2)] or [tuple(numbers)]

    def carried(pair: tuple[int, ...]) -> tuple[int, float]:
        through = [amount for lfos, amount in wanted if lfos and lfos <= set(pair)]
        return len(through), sum(through)

    chosen = max(pairs, key=carried)
    r.lfos = {2: "lfo2"} if chosen == (2,) else {n: f"lfo{k}" for k, n in enumerate(chosen, 1)}
    for number, name in r.lfos.items():
        _read_lfo(r, number, name)


def _lfos_of(slot: Slot) -> set[int]:
    return {int(source[4:]) for source in (slot.source, slot.aux) if source.startswith("LFO ")}


def _read_lfo(r: Reader, number: int, name: str) -> None:
    lfo = r.sound.lfos.get(number, INIT_LFO)
    r.cover(
        f"LFO{number} shape",
        f"LFO{number} mode",
        *(f"LFO{number} {k}" for k in ("Rate", "smooth", "Delay", "Rise")),
    )
    points = points_of(lfo.curve)
    levels = line_curve(points, False)
    off = {
        s: float(np.abs(line_curve(LFO_POINTS[s], s == "sine") - levels).mean())
        for s in LFO_SHAPES
        if s != OWN
    }
    best = min(off, key=lambda s: off[s])
    if off[best] < LIKE:
        r.put(f"{name}.shape", best)
    else:
        r.own(f"{name}.shape", points.astype(np.float32))
    r.put(
        f"{name}.mode",
        {(True, True): "one_shot", (True, False): "trigger"}.get((lfo.retrigger, lfo.envelope), "sync"),
    )
    for key, raw in (("smooth", lfo.smooth), ("delay", lfo.delay), ("fade", lfo.rise)):
        r.put_law(f"{name}.{key}", raw)
    if lfo.hz:
        r.put_law(f"{name}.rate", lfo.rate)
    else:
        _read_tempo(r, name, number, lfo)


def _read_tempo(r: Reader, name: str, number: int, lfo: Lfo) -> None:
    beats = ladder_beats("lfo", lfo.rate) * (1.5 if lfo.dotted else 2 / 3 if lfo.triplet else 1.0)
    r.put(f"{name}.rate", DEFAULT_BPM / 60 / beats)
    r.put(f"{name}.division", near_division(beats))
    if r.values[f"{name}.division"] == "free":
        text = f"Serum's LFO {number} of {beats:g} beats became a free {name}.rate, right at 120 bpm"
        r.near(f"{name}.rate", text, f"LFO{number} Rate")


# -- the matrix, written -------------------------------------------------------------------------------------------


def write_slots(w: Writer) -> None:
    """Routings, key tracking first (the filters put it there)."""
    for n in range(1, N_MOD_SLOTS + 1):
        if w.patch[f"mod{n}.source"] == "none":
            continue
        destination = str(w.patch[f"mod{n}.destination"])
        slot = _driver(w, n, destination) if destination.startswith("mod") else _slot(w, n)
        if slot is not None:
            w.sound.slots.append(slot)
        if w.patch[f"mod{n}.curve"]:
            w.near(f"Vital's mod{n}.curve is left out: the routing became a straight one")


def _slot(w: Writer, n: int, amount: float | None = None) -> Slot | None:
    """A routing; None when it is lost, or its own amount is nothing (others may still drive it)."""
    destination, source = str(w.patch[f"mod{n}.destination"]), str(w.patch[f"mod{n}.source"])
    law = serum()["destinations"].get(destination)
    if destination in w.third:
        law = serum()["destinations"][destination.replace("sub", "osc1")] | {"control": w.third[destination]}
    if law is None:
        w.lose(
            f"Vital's mod{n} from {source} to {destination} is left out: Serum's matrix has no such destination"
        )
        return None
    control = _control(w, destination, str(law["control"]))
    given = w.patch.number(f"mod{n}.amount") / 100 if amount is None else amount
    wanted = given * _scale(w, destination, law)
    if not wanted:
        return None
    clipped = min(max(wanted, -1.0), 1.0)
    if abs(clipped - wanted) > 0.02:
        w.near(
            f"Vital's mod{n} to {destination} of {100 * wanted:.0f} % became Serum's most, {100 * clipped:.0f} %"
        )
    elif law.get("near"):
        w.near(f"Vital's mod{n} to {destination} became Serum's, whose knob bends otherwise")
    bipolar = bool(w.patch[f"mod{n}.bipolar"])
    return Slot(serum()["sources"]["write"][source], NONE, control, clipped, bipolar=bipolar)


def _control(w: Writer, destination: str, control: str) -> str:
    section, _, key = destination.partition(".")
    if section == "filter2" and w.voice_filters > 1:
        return rows(2)[destination]["control"] if destination in rows(2) else control
    return w.eq_band if key == "band_freq" else control


def _scale(w: Writer, destination: str, law: dict[str, float]) -> float:
    """Serum's amount for Vital's amount 1."""
    if destination == "filter2.cutoff" and w.voice_filters > 1:
        return float(serum()["destinations"]["filter1.cutoff"]["scale"])
    return float(law.get("scale", 1.0))


def _driver(w: Writer, n: int, destination: str) -> Slot | None:
    """A routing that moves another's amount: Serum's auxiliary source does, on a slot of its own."""
    driven = int(destination[3])
    target = str(w.patch[f"mod{driven}.destination"])
    if target.startswith("mod"):
        w.lose(f"Vital's mod{n} to {destination} is left out: Serum's routings move no routing of routings")
        return None
    base = _slot(w, driven, 2 * w.patch.number(f"mod{n}.amount") / 100)  # amounts go from -1 to 1
    source = serum()["sources"]["write"][str(w.patch[f"mod{n}.source"])]
    if w.patch[f"mod{n}.bipolar"]:
        w.near(f"Vital's mod{n}.bipolar is left out: Serum's auxiliary source has one direction")
    return None if base is None else replace(base, aux=source)


# -- the matrix, read ----------------------------------------------------------------------------------------------


def read_slots(r: Reader) -> None:
    """Serum's routings as the schema's eight, the strongest if there are more."""
    found = [entry for entry in (_read_slot(r, n, slot) for n, slot in r.numbered_slots()) if entry]
    kept: list[Found] = []
    for f in sorted(found, key=lambda f: -abs(f.amount)):
        driven = sum(bool(k.aux) for k in kept)
        room = N_MOD_SLOTS - len(kept) - driven
        if room < 1 + bool(f.aux) or (f.aux and driven == N_DRIVEN):
            text = f"Serum's slot {f.number} is left out: there is room for {N_MOD_SLOTS} routings"
            r.lose(text, f"slot {f.number}")
        else:
            kept.append(f)
    ordered = sorted(kept, key=lambda f: (not f.aux, f.number))
    _put_slots(r, [f for f in ordered if f.aux], [f for f in ordered if not f.aux])


@dataclass(frozen=True)
class Found:
    """A routing in the schema's words."""

    number: int
    """Of Serum's slot."""
    source: str
    destination: str
    amount: float
    """-1..1."""
    bipolar: bool
    aux: str
    """What drives its amount; "" for nothing."""
    inverted: bool = False
    """What drives it takes away."""


def _put_slots(r: Reader, driven: list[Found], plain: list[Found]) -> None:
    for n, f in enumerate([*driven, *plain], 1):
        r.put(f"mod{n}.source", f.source)
        r.put(f"mod{n}.destination", f.destination)
        r.put(f"mod{n}.amount", 0.0 if f.aux and not f.inverted else 100 * f.amount)
        r.put(f"mod{n}.bipolar", f.bipolar)
        r.cover(f"slot {f.number}")
    for n, f in enumerate(driven, 1):
        k = len(driven) + len(plain) + n
        r.put(f"mod{k}.source", f.aux)
        r.put(f"mod{k}.destination", f"mod{n}.amount")
        r.put(f"mod{k}.amount", 100 * f.amount / (-2 if f.inverted else 2))  # amounts go from -1 to 1


def _read_slot(r: Reader, number: int, slot: Slot) -> Found | None:
    control = f"slot {number}"
    if _is_key_tracking(r, number, slot):
        return None
    source, destination, scale = r.source(slot.source), *r.destination(slot.destination)
    aux = "" if slot.aux == NONE else r.source(slot.aux)
    if destination and not r.values.get(f"{destination.partition('.')[0]}.on", True):
        destination = ""  # what it moves was left out
    if not source or not destination or aux is None:
        what = slot.source if not source else slot.destination if not destination else slot.aux
        r.lose(
            f"Serum's slot {number}, {slot.source} to {slot.destination}, is left out: there is no word for {what}",
            control,
        )
        _raise_level(r, slot, destination)
        return None
    amount = slot.amount * slot.out / scale
    clipped = min(max(amount, -1.0), 1.0)
    if abs(clipped - amount) > 0.02:
        r.near(
            f"mod {destination}", f"Serum's slot {number} to {slot.destination} became Vital's most", control
        )
    law = serum()["destinations"].get(destination, {})
    if law.get("near") or serum()["destinations_read"].get(slot.destination, {}).get("near"):
        r.near(
            f"mod {destination}",
            f"Serum's slot {number} to {slot.destination} became Vital's, whose knob bends otherwise",
            control,
        )
    if slot.curve != STRAIGHT:
        r.near(f"mod {destination}", f"Serum's slot {number} became a straight routing", control)
    return Found(number, source, destination, clipped, slot.bipolar, aux, slot.aux_inverted)


def _raise_level(r: Reader, slot: Slot, destination: str) -> None:
    """A part that only the lost routing would have made audible is as loud as the routing could have made it."""
    if destination not in AUDIBLE or slot.amount <= 0 or r.number(destination) > SILENT_DB:
        return
    r.put_law(destination, min(slot.amount * slot.out, 1.0))
    r.near(
        destination,
        f"Serum's {slot.destination}, which slot after slot raises, became a steady {destination}",
    )


def _is_key_tracking(r: Reader, number: int, slot: Slot) -> bool:
    """Whether a slot makes a filter follow the key, which the schema says at the filter."""
    destination, _ = r.destination(slot.destination)
    if slot.source != "Note" or slot.aux != NONE or destination not in ("filter1.cutoff", "filter2.cutoff"):
        return False
    name = destination.partition(".")[0]
    span = float(r.laws[f"{name}.cutoff"].get("span", 128.0))
    track = slot.amount * slot.out * span / 127.0
    pivot = 63.5 if slot.bipolar else 0.0
    if r.values.get(f"{name}.keytrack", 0.0) or abs(track) > 1 or f"{name}.cutoff" not in r.values:
        return False
    r.put(f"{name}.keytrack", 100 * track)
    cutoff = r.number(f"{name}.cutoff") * 2 ** (track * (60.0 - pivot) / 12)
    r.put(f"{name}.cutoff", cutoff)
    r.cover(f"slot {number}")
    return True
