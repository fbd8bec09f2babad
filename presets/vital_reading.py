"""A Vital preset read into the canonical schema: what it carries, what became something near, what is lost."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presets.laws import LAWS
from presets.patch import Patch
from presets.schema import (
    DIVISIONS,
    LFO_SHAPES,
    MOD_SOURCES,
    N_MOD_SLOTS,
    OWN,
    SUB_SHAPES,
    Parameter,
    Value,
    wavetable_synth,
)
from presets.tables import TABLE_NAMES, table_frames
from presets.vital import (
    FULL_SPAN,
    LFO_POINTS,
    Reading,
    binding,
    decode_frames,
    destination_controls,
    init_controls,
    rows,
    sub_frames,
)

N_HARMONICS = 64  # compared when a foreign table is matched to a standard one
Settings = dict[str, Any]

GATED = re.compile(
    r"(osc_\d|filter_\d|filter_fx|sample|chorus|compressor|delay|distortion|eq|flanger|phaser|reverb)_"
)
ROUTED = re.compile(r"((?:env|lfo|random|modulation)_\d+)_")


def active_controls(settings: Mapping[str, Any]) -> set[str]:
    """Controls in use: off their init value, with their section on (or routed, for envelopes, LFOs and slots)."""
    init = init_controls()
    used = {"env_1"} | {f"modulation_{i}" for i, _, _ in slots(settings)} | {s for _, s, _ in slots(settings)}
    active = set()
    for name, default in init.items():
        value = settings.get(name, default)
        if abs(value - default) < 1e-6 or "view" in name or name.endswith("_on") and not value:
            continue
        gate, routed = GATED.match(name), ROUTED.match(name)
        if gate and not settings.get(f"{gate[1]}_on", init[f"{gate[1]}_on"]):
            continue
        if routed and routed[1] not in used:
            continue
        active.add(name)
    return active


def slots(settings: Mapping[str, Any]) -> list[tuple[int, str, str]]:
    """Routings in use: (slot number from 1, source, destination)."""
    entries = enumerate(settings.get("modulations", []), 1)
    return [(i, m["source"], m["destination"]) for i, m in entries if m.get("source") and m.get("destination")]


def read(document: Mapping[str, Any], note: int = 60) -> Reading:
    """See presets.vital.vital_to_patch."""
    original: Settings = {**init_controls(), **document["settings"]}
    active = active_controls(original)
    renamed = _renaming(original, active)
    settings = {_rename(k, renamed): v for k, v in original.items()}
    settings["modulations"] = [
        {k: _rename(m.get(k, ""), renamed) for k in ("source", "destination")} for m in original.get("modulations", [])
    ]
    order = {new: int(old[-1]) - 1 for old, new in renamed.items()}
    settings["_osc_order"] = [order[f"osc_{n}"] for n in (1, 2, 3)]
    settings["_lfo_order"] = [order[f"lfo_{n}"] for n in (1, 2)]
    reader = _Reader(settings)
    patch = reader.patch(note, str(document.get("preset_name", "")))
    back = {new: old for old, new in renamed.items()}
    covered = {_rename(c, back) for c in reader.covered} & active
    return Reading(patch, tuple(reader.approximated), tuple(sorted(active - covered)), len(active), frozenset(covered))


def _renaming(settings: Settings, active: set[str]) -> dict[str, str]:
    """Which native oscillator, LFO and envelope takes which canonical place, so that the most used keep the most."""
    weight = Counter(m[0] for name in active if (m := re.match(r"(osc|lfo|env)_\d", name)))
    for _, source, destination in slots(settings):
        weight.update(m[0] for text in (source, destination) if (m := re.match(r"(osc|lfo|env)_\d", text)))
    out = {}
    for family, count in (("osc", 3), ("lfo", 8), ("env", 6)):
        fixed = ["env_1"] if family == "env" else []
        rest = [f"{family}_{n}" for n in range(1, count + 1) if f"{family}_{n}" not in fixed]
        on = {r: 100 * bool(settings.get(f"{r}_on")) if family == "osc" else 0 for r in rest}
        kept = sorted(rest, key=lambda r: -(weight[r] + on[r]))
        slots_kept = 3 if family == "osc" else 2
        kept = sorted(kept[:slots_kept - (family == "osc")]) + kept[slots_kept - (family == "osc"):]
        out |= dict(zip((*fixed, *kept), (f"{family}_{n}" for n in range(1, count + 1)), strict=True))
    return out


def _rename(name: str, renamed: Mapping[str, str]) -> str:
    match = re.match(r"(osc|lfo|env)_\d", name)
    return renamed[match[0]] + name[match.end() :] if match else name


class _Reader:
    """Reads row after row, noting which native controls it took."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.covered: set[str] = set()
        self.approximated: list[str] = []

    def patch(self, note: int, name: str) -> Patch:
        values: dict[str, Value] = {}
        for row in wavetable_synth():
            law = rows().get(row.name)
            if law is not None:
                values[row.name] = self._row(row, law)
        self._filters(values)
        self._tables(values)
        self._lfos(values)
        self._slots(values)
        return Patch(values, note=note, name=name)

    def _take(self, control: str) -> float:
        self.covered.add(control)
        return float(self.settings[control])

    def _row(self, row: Parameter, law: Mapping[str, Any]) -> Value:
        native = self._take(str(law["control"]))
        if law["law"] in ("octave", "semitone"):
            octave = int(np.trunc(native / 12))
            return int(np.clip(octave, row.low, row.high)) if law["law"] == "octave" else round(native - 12 * octave)
        if law["law"] == "index":
            if round(native) >= len(row.choices):
                self.approximated.append(f"{row.name}: choice {round(native)} became {row.choices[-1]}")
            return row.choices[min(max(round(native), 0), len(row.choices) - (row.choices[-1] == OWN) - 1)]
        if law["law"] == "division":
            return self._division(law)
        if str(law["control"]).endswith("frequency") and f"{law['prefix']}sync" in self.settings:
            native = self._free_rate(law, native)
        value = LAWS[law["law"]].decode(native, law)
        if row.kind == "switch":
            return bool(value)
        clipped = min(max(value, row.low), row.high)
        if abs(row.value_to_raw(clipped) - row.value_to_raw(value)) > 0.01 or not row.low - 1e-3 <= value <= row.high * 1.001 + 1e-3:
            self.approximated.append(f"{row.name}: {value:.4g} {row.unit} became {clipped:.4g} {row.unit}")
        return round(clipped) if row.kind == "integer" else clipped

    def _sync_of(self, law: Mapping[str, Any]) -> tuple[int, int]:
        aux = "aux_" if "aux_" in str(law["control"]) else ""
        return round(self._take(f"{law['prefix']}{aux}sync")), round(self._take(f"{law['prefix']}{aux}tempo"))

    def _free_rate(self, law: Mapping[str, Any], native: float) -> float:
        """log2 Hz of a rate, a tempo-synced one at the preset's tempo; key-tracked rates stay at their free value."""
        sync, tempo = self._sync_of(law)
        if not 1 <= sync <= 3:
            return native
        beats_hz = self.settings["beats_per_minute"] * 2.0 ** (tempo - 8)
        return float(np.log2(max(beats_hz * (1.0, 2 / 3, 1.5)[sync - 1], 1e-4)))

    def _division(self, law: Mapping[str, Any]) -> str:
        sync, tempo = round(self._take(law["prefix"] + law["sync"])), round(self._take(str(law["control"])))
        index = 1 + 3 * (tempo - law["first"]) + sync - 1
        return DIVISIONS[index] if 1 <= sync <= 3 and 1 <= index < len(DIVISIONS) else "free"

    def _filters(self, values: dict[str, Value]) -> None:
        types = binding()["filter"]["type"]
        for n in (1, 2):
            native = [self._take(f"filter_{n}_{key}") for key in ("model", "style", "blend")]

            def far(name: str, native: list[float] = native) -> float:
                t = types[name]
                return 10 * (t["model"] != native[0]) + 3 * (t["style"] != native[1]) + abs(t["blend"] - native[2])

            best = min(types, key=far)
            if values[f"filter{n}.on"] and far(best) > 0.05:
                self.approximated.append(f"filter{n}: model {native[0]:g} style {native[1]:g} blend {native[2]:.2f} became {best}")
            values[f"filter{n}.type"] = best

    def _tables(self, values: dict[str, Value]) -> None:
        tables = self.settings.get("wavetables", [])
        for index, section in enumerate(("osc1", "osc2")):
            frames = _table_at(tables, self._original_index(index))
            name, position, error = nearest_table(_frame_at(frames, self.settings[f"osc_{index + 1}_wave_frame"]))
            values |= {f"{section}.table": name, f"{section}.position": position}
            if values[f"{section}.on"] and error > 0.05:
                self.approximated.append(f"{section}: its own wavetable became {name} at {position:.0f} %")
        frames = _table_at(tables, self._original_index(2))
        values["sub.shape"] = nearest_sub(_frame_at(frames, self.settings["osc_3_wave_frame"]))

    def _original_index(self, place: int) -> int:
        return int(self.settings.get("_osc_order", (0, 1, 2))[place])

    def _lfos(self, values: dict[str, Value]) -> None:
        for n in (1, 2):
            lfos = self.settings.get("lfos", [])
            index = int(self.settings.get("_lfo_order", range(8))[n - 1])
            if index < len(lfos):
                values[f"lfo{n}.shape"] = nearest_lfo_shape(lfos[index])

    def _slots(self, values: dict[str, Value]) -> None:
        sources = {v: k for k, v in binding()["mod"]["sources"].items()} | {f"random_{i}": "random" for i in range(1, 5)}
        destinations = {v: k for k, v in destination_controls().items()}
        known = [(i, sources[s], destinations[d]) for i, s, d in slots(self.settings) if s in sources and d in destinations]
        known.sort(key=lambda slot: MOD_SOURCES.index(slot[1]) > 7)  # sound first, macros and wheels after
        for n, (i, source, destination) in enumerate(known[:N_MOD_SLOTS], 1):
            if destination.startswith("mod"):
                self.approximated.append(f"mod{n}: {source} moves another slot's amount, which keeps its number")
            values |= {
                f"mod{n}.source": source,
                f"mod{n}.destination": destination,
                f"mod{n}.amount": float(np.clip(100 * self._take(f"modulation_{i}_amount"), -100, 100)),
                f"mod{n}.bipolar": bool(self._take(f"modulation_{i}_bipolar")),
                f"mod{n}.curve": float(np.clip(10 * self._take(f"modulation_{i}_power"), -100, 100)),
            }


# -- nearest standard shapes --------------------------------------------------------------------------------------


def _table_at(tables: list[Any], index: int) -> NDArray[np.float32]:
    return decode_frames(tables[index]) if index < len(tables) else np.zeros((0, 2048), np.float32)


def _frame_at(frames: NDArray[np.float32], wave_frame: float) -> NDArray[np.float32]:
    if not len(frames):
        return sub_frames("saw")[0]
    return np.asarray(frames[round(wave_frame / FULL_SPAN * (len(frames) - 1))])


def harmonic_shape(frames: NDArray[np.float32]) -> NDArray[np.float64]:
    """Compressed, normalised harmonic magnitudes (n, N_HARMONICS) of frames (n, 2048): what likeness is measured on."""
    magnitude = np.abs(np.fft.rfft(frames, axis=-1))[..., 1 : N_HARMONICS + 1] ** 0.5
    return np.asarray(magnitude / (np.linalg.norm(magnitude, axis=-1, keepdims=True) + 1e-9))


@cache
def _standard_shapes() -> NDArray[np.float64]:
    return np.stack([harmonic_shape(table_frames(name)) for name in TABLE_NAMES])


def nearest_table(frame: NDArray[np.float32]) -> tuple[str, float, float]:
    """Standard table, position in %, and distance 0..1 of the frame most like this one."""
    likeness = _standard_shapes() @ harmonic_shape(frame[None])[0]
    table, position = np.unravel_index(int(np.argmax(likeness)), likeness.shape)
    return TABLE_NAMES[table], 100 * float(position) / (likeness.shape[1] - 1), float(1 - likeness.max())


def nearest_sub(frame: NDArray[np.float32]) -> str:
    """Sub shape most like a frame."""
    shapes = [s for s in SUB_SHAPES if s != OWN]
    likeness = [float(harmonic_shape(sub_frames(s))[0] @ harmonic_shape(frame[None])[0]) for s in shapes]
    return shapes[int(np.argmax(likeness))]


def nearest_lfo_shape(lfo: Mapping[str, Any]) -> str:
    """LFO shape most like a drawn one."""
    n = lfo["num_points"]
    points = np.asarray(lfo["points"][: 2 * n], float).reshape(-1, 2)
    grid = np.linspace(0, 0.999, 64)
    drawn = np.interp(grid, points[:, 0], 1 - points[:, 1])

    def far(shape: str) -> float:
        standard = np.asarray(LFO_POINTS[shape])
        return float(np.abs(np.interp(grid, standard[:, 0], standard[:, 1]) - drawn).mean())

    best = min((s for s in LFO_SHAPES if s != OWN), key=far)
    return "sine" if best == "triangle" and lfo.get("smooth") else best
