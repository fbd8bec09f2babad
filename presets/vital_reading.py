"""A Vital preset read into the canonical schema: what it carries, what became something near, what is lost."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from presets.laws import LAWS
from presets.patch import Asset, Patch
from presets.schema import (
    DIVISIONS,
    MOD_DESTINATIONS,
    MOD_SOURCES,
    N_MOD_SLOTS,
    OWN,
    Parameter,
    Value,
    wavetable_synth,
)
from presets.vital import AUTHOR, Reading, sub_frames
from presets.vital_binding import binding, default_controls, destination_controls, rows
from presets.vital_shapes import (
    frame_at,
    full_scale,
    is_plain,
    line_points,
    louder_db,
    nearest_lfo_shape,
    nearest_noise,
    nearest_sub,
    nearest_table,
    own_frames,
    sample_audio,
    written_table,
)

Settings = Mapping[str, Any]

OSCILLATORS = ("osc_1", "osc_2", "osc_3")
LIKE = 0.05  # a shape this near (0..1) passes for a standard one
SILENT_DB = -68.0  # an oscillator below is not heard
NOISE_LIKE_DB = 3.0  # a spectrum this near a straight fall passes for noise
NUMBERED = re.compile(r"(osc|lfo|env)_(\d)")
GATED = re.compile(
    r"(osc_\d|filter_\d|filter_fx|sample|chorus|compressor|delay|distortion|eq|flanger|phaser|reverb)_"
)
ROUTED = re.compile(r"((?:env|lfo|random|modulation)_\d+)_")
NEAREST_CHOICE = {"route": "effects", "mode": "trigger"}  # for native choices beyond the canonical ones
LATER_SOURCES = 7  # index in MOD_SOURCES after which a source is a hand's, not the sound's own
SYNC_FACTORS = (1.0, 2 / 3, 1.5)  # of a rate: straight, dotted, triplet
KEYTRACKED = 4


# -- what is in use -----------------------------------------------------------------------------------------------


def slots(settings: Settings) -> list[tuple[int, str, str]]:
    """Routings in use: (slot number from 1, source, destination)."""
    entries = enumerate(settings.get("modulations", []), 1)
    return [
        (i, m["source"], m["destination"]) for i, m in entries if m.get("source") and m.get("destination")
    ]


def active_controls(settings: Settings) -> set[str]:
    """Controls in use: off Vital's init value, with their section on (or routed, for envelopes, LFOs and slots)."""
    init = default_controls()
    used = {"env_1"} | {f"modulation_{i}" for i, _, _ in slots(settings)} | {s for _, s, _ in slots(settings)}
    active = set()
    for name, default in init.items():
        value = settings.get(name, default)
        if abs(value - default) < 1e-6 or "view" in name or (name.endswith("_on") and not value):
            continue
        gate, routed = GATED.match(name), ROUTED.match(name)
        if gate and not settings.get(f"{gate[1]}_on", init[f"{gate[1]}_on"]):
            continue
        if routed and routed[1] not in used:
            continue
        active.add(name)
    return active


# -- which native part takes which canonical place ------------------------------------------------------------------


def _places(settings: Settings, active: set[str], own: bool) -> dict[str, str]:
    """Native oscillator, LFO and envelope -> the native name of its canonical place; the most used keep the most."""
    weight = Counter(m[0] for name in active if (m := NUMBERED.match(name)))
    for _, source, destination in slots(settings):
        weight.update(m[0] for text in (source, destination) if (m := NUMBERED.match(text)))
    on = Counter({name: 100 * bool(settings[f"{name}_on"]) for name in OSCILLATORS})
    oscillators = OSCILLATORS if _is_sub(settings, active, own) else _first(2, OSCILLATORS, weight + on)
    return {
        **dict(zip(oscillators, OSCILLATORS, strict=True)),
        **_numbered("lfo", _first(2, [f"lfo_{n}" for n in range(1, 9)], weight)),
        **_numbered("env", ["env_1", *_first(2, [f"env_{n}" for n in range(2, 7)], weight)]),
    }


def _first(n: int, names: list[str] | tuple[str, ...], weight: Counter[str]) -> list[str]:
    """The `n` heaviest in their own order, then the rest."""
    ranked = sorted(names, key=lambda name: -weight[name])
    return [*sorted(ranked[:n]), *ranked[n:]]


def _numbered(family: str, names: list[str]) -> dict[str, str]:
    return {name: f"{family}_{n}" for n, name in enumerate(names, 1)}


def _is_sub(settings: Settings, active: set[str], own: bool) -> bool:
    """Whether the third oscillator can be said as a sub, so that the oscillators may stay where they are."""
    if not settings["osc_3_on"]:
        return False
    said = {str(law["control"]) for name, law in rows().items() if name.startswith("sub.")} | {
        "osc_3_wave_frame"
    }
    moved = set(destination_controls().values())
    if any(d.startswith("osc_3") and d not in moved for _, _, d in slots(settings)):
        return False
    if any(name.startswith("osc_3") and name not in said for name in active):
        return False
    return own or nearest_sub(_frame(settings, 2))[1] < LIKE


def _frame(settings: Settings, index: int) -> Asset:
    """What an oscillator (0..2) plays at its own position."""
    tables = settings.get("wavetables", [])
    return frame_at(tables[index] if index < len(tables) else {}, settings[f"osc_{index + 1}_wave_frame"])


def _rename(name: str, places: Mapping[str, str]) -> str:
    match = NUMBERED.match(name)
    return places[match[0]] + name[match.end() :] if match else name


def _in_place(settings: Settings, places: Mapping[str, str]) -> dict[str, Any]:
    """The settings with oscillators, LFOs and envelopes moved to their canonical places."""
    out = {_rename(name, places): value for name, value in settings.items()}
    out["modulations"] = [
        {**m, **{k: _rename(m.get(k, ""), places) for k in ("source", "destination")}}
        for m in settings.get("modulations", [])
    ]
    for key, family in (("wavetables", "osc"), ("lfos", "lfo")):
        moved = {int(new[-1]): int(old[-1]) for old, new in places.items() if old.startswith(family)}
        entries = settings.get(key, [])
        out[key] = [entries[moved[n] - 1] if moved[n] <= len(entries) else None for n in sorted(moved)]
    for n in (1, 2, 3):
        out[f"osc_{n}_distortion_type"] = _moved_warp(settings, places, n)
    return out


def _moved_warp(settings: Settings, places: Mapping[str, str], place: int) -> float:
    """Native warp of the oscillator at a place: FM and RM name the other two oscillators by their order."""
    old = next(int(o[-1]) for o, new in places.items() if new == f"osc_{place}")
    warp = round(settings[f"osc_{old}_distortion_type"])
    if warp not in (7, 8, 10, 11):
        return float(warp)
    kind, which = (warp, 0) if warp in (7, 10) else (warp - 1, 1)
    other = [n for n in (1, 2, 3) if n != old][which]
    others = [n for n in (1, 2, 3) if n != place]
    return float(kind + others.index(int(places[f"osc_{other}"][-1])))


# -- reading --------------------------------------------------------------------------------------------------------


def read(document: Mapping[str, Any], note: int = 60, own: bool = False) -> Reading:
    """See presets.vital.vital_to_patch."""
    original: Settings = {**default_controls(), **document["settings"]}
    active = active_controls(original)
    places = _places(original, active, own)
    reader = _Reader(_in_place(original, places), own)
    author, comment = (str(document.get(key, "")) for key in ("author", "comments"))
    if author not in ("", AUTHOR):
        comment = f"{comment}\nby {author}".strip()
    patch = reader.patch(note, str(document.get("preset_name", "")), comment)
    approximated = tuple(text for name, text in reader.approximated if patch.matters(name))
    back = {new: old for old, new in places.items()}
    covered = {_rename(c, back) for c in reader.covered} & active
    lost = tuple(sorted(active - covered))
    return Reading(patch, approximated, lost, len(active), frozenset(covered))


class _Reader:
    """Reads row after row, noting which native controls it took."""

    def __init__(self, settings: Settings, own: bool) -> None:
        self.settings = settings
        self.own = own
        self.covered: set[str] = set()
        self.approximated: list[tuple[str, str]] = []
        self.values: dict[str, Value] = {}
        self.assets: dict[str, Asset] = {}

    def patch(self, note: int, name: str, comment: str) -> Patch:
        for row in wavetable_synth():
            law = rows().get(row.name)
            if law is not None:
                self.values[row.name] = self._row(row, law)
        self._filters()
        self._tables()
        self._sub()
        self._noise()
        self._lfos()
        self._slots()
        self._levels()
        return Patch(self.values, note=note, assets=self.assets, name=name, comment=comment)

    def _note(self, name: str, text: str) -> None:
        """Keeps a sentence about a parameter for the case that it matters."""
        self.approximated.append((name, text))

    def _take(self, control: str) -> float:
        self.covered.add(control)
        return float(self.settings[control])

    # rows

    def _row(self, row: Parameter, law: Mapping[str, Any]) -> Value:
        native = self._take(str(law["control"]))
        if law["law"] == "octave":
            return int(np.clip(np.trunc(native / 12), row.low, row.high))
        if law["law"] == "semitone":
            return round(native - 12 * int(np.trunc(native / 12)))
        if law["law"] == "index":
            return self._choice(row, round(native))
        if law["law"] == "division":
            return self._division(law)
        if str(law["control"]).endswith("frequency") and f"{law['prefix']}sync" in self.settings:
            native = self._free_rate(row, law, native)
        return self._clipped(row, LAWS[law["law"]].decode(native, law))

    def _choice(self, row: Parameter, index: int) -> str:
        if 0 <= index < len(row.choices):
            return row.choices[index]
        near = NEAREST_CHOICE.get(row.key, row.choices[-1])
        self._note(row.name, f"{row.name}: Vital's choice {index} became {near}")
        return near

    def _clipped(self, row: Parameter, value: float) -> Value:
        if row.kind == "switch":
            return bool(value)
        clipped = min(max(value, row.low), row.high)
        if abs(clipped - value) > 0.01 * max(1.0, abs(clipped)):
            self._note(row.name, f"{row.name}: {value:.4g} {row.unit} became {clipped:.4g} {row.unit}")
        return round(clipped) if row.kind == "integer" else clipped

    # tempo

    def _sync_of(self, law: Mapping[str, Any]) -> tuple[int, int]:
        aux = "aux_" if "aux_" in str(law["control"]) else ""
        return round(self._take(f"{law['prefix']}{aux}sync")), round(self._take(f"{law['prefix']}{aux}tempo"))

    def _free_rate(self, row: Parameter, law: Mapping[str, Any], native: float) -> float:
        """log2 Hz of a rate, a tempo-synced one at the preset's tempo."""
        sync, tempo = self._sync_of(law)
        if sync == KEYTRACKED:
            self._note(row.name, f"{row.name}: follows the key in Vital; its free rate is kept")
        if not 1 <= sync <= len(SYNC_FACTORS):
            return native
        beats_hz = self.settings["beats_per_minute"] * 2.0 ** (tempo - 8)
        return float(np.log2(max(beats_hz * SYNC_FACTORS[sync - 1], 1e-4)))

    def _division(self, law: Mapping[str, Any]) -> str:
        sync, tempo = self._sync_of(law)
        index = 1 + 3 * (tempo - law["first"]) + sync - 1
        return DIVISIONS[index] if 1 <= sync <= 3 and 1 <= index < len(DIVISIONS) else DIVISIONS[0]

    # parts

    def _filters(self) -> None:
        types = binding()["filter"]["type"]
        for n in (1, 2):
            model, style, blend = (self._take(f"filter_{n}_{key}") for key in ("model", "style", "blend"))
            far = {
                name: 10 * (t["model"] != model) + 3 * (t["style"] != style) + abs(t["blend"] - blend)
                for name, t in types.items()
            }
            best = min(far, key=lambda name: far[name])
            if far[best] > LIKE:
                native = f"model {model:g} style {style:g} blend {blend:.2f}"
                self._note(f"filter{n}.type", f"filter{n}: {native} became {best}")
            self.values[f"filter{n}.type"] = best

    def _table(self, index: int) -> Mapping[str, Any]:
        tables = self.settings["wavetables"]
        return tables[index] or {}

    def _tables(self) -> None:
        for index, section in enumerate(("osc1", "osc2")):
            table, place = self._table(index), float(self.settings[f"osc_{index + 1}_wave_frame"])
            if not self.values[f"{section}.on"]:
                continue
            name = written_table(table)
            if name is not None:
                self.values[f"{section}.table"] = name  # its position stands in the row
                continue
            if self.own:
                self._keep(f"{section}.table", own_frames(table), table)
                continue
            near = nearest_table(frame_at(table, place) * full_scale(table))
            self.values |= {f"{section}.table": near.table, f"{section}.position": near.position}
            self._louder(section, near.louder_db)
            if near.off > LIKE:
                became = f"became {near.table} at {near.position:.0f} %"
                self._note(f"{section}.table", f"{section}: its own wavetable {became}")

    def _louder(self, section: str, db: float) -> None:
        """Standard frames peak at full scale; a foreign one's loudness goes into the level."""
        row = wavetable_synth()[f"{section}.level"]
        level = float(self.values[row.name])
        if level > row.low:
            self.values[row.name] = min(max(level + db, row.low), row.high)

    def _sub(self) -> None:
        table = self._table(2)
        frame = frame_at(table, float(self.settings["osc_3_wave_frame"])) * full_scale(table)
        shape, off = nearest_sub(frame)
        self.values["sub.shape"] = shape
        if off > LIKE and self.own and self.values["sub.on"]:
            self._keep("sub.shape", frame[None], table)
            return
        self._louder("sub", louder_db(frame, sub_frames(shape)[0]))
        if off > LIKE:
            self._note("sub.shape", f"sub: its own wavetable became a {shape}")

    def _keep(self, name: str, asset: Asset, table: Mapping[str, Any]) -> None:
        self.values[name] = OWN
        self.assets[name] = np.ascontiguousarray(asset, np.float32)
        if not is_plain(table):
            self._note(name, f"{name}: the modifiers of its wavetable are left out")

    def _noise(self) -> None:
        sample = self.settings.get("sample")
        if not self.values["noise.on"] or not isinstance(sample, dict):
            return
        audio = sample_audio(sample)
        kind, off = nearest_noise(audio, sample["sample_rate"])
        self.values["noise.kind"] = kind
        if off <= NOISE_LIKE_DB:
            return
        if self.own and sample["sample_rate"] == 44_100:
            self.values["noise.kind"], self.assets["noise.kind"] = OWN, audio
        else:
            self._note("noise.kind", f"noise: the sample {str(sample.get('name', ''))!r} became {kind} noise")

    def _lfos(self) -> None:
        for n in (1, 2):
            line = self.settings["lfos"][n - 1]
            if line is None:
                continue
            shape, off = nearest_lfo_shape(line)
            self.values[f"lfo{n}.shape"] = shape
            if off <= LIKE or not any(source == f"lfo_{n}" for _, source, _ in slots(self.settings)):
                continue
            if self.own:
                self.values[f"lfo{n}.shape"] = OWN
                self.assets[f"lfo{n}.shape"] = line_points(line).astype(np.float32)
            else:
                self._note(f"lfo{n}.shape", f"lfo{n}: its drawn shape became {shape}")

    def _levels(self) -> None:
        """Levels below the canonical least: off where nothing lifts them, else what lifts them does it by less."""
        warps = [str(self.values[f"{osc}.warp"]) for osc in ("osc1", "osc2")]
        modulates = any(warp.startswith(("fm_", "rm_")) for warp in warps)
        for section in ("osc1", "osc2", "sub", "noise"):
            row, law = wavetable_synth()[f"{section}.level"], rows()[f"{section}.level"]
            pair, native = LAWS[law["law"]], float(self.settings[str(law["control"])])
            missing = pair.encode(row.low, law) - native
            amounts = self._amounts(row.name)
            if missing > 0 and amounts:
                most = max(amounts, key=lambda name: amounts[name])
                self.values[most] = max(amounts[most] - 100 * missing, min(amounts[most], 0.0))
            elif pair.decode(native, law) < SILENT_DB and not modulates:
                self.values[f"{section}.on"] = False

    def _amounts(self, destination: str) -> dict[str, float]:
        """The amounts of the slots that move a destination."""
        return {
            f"mod{n}.amount": float(self.values[f"mod{n}.amount"])
            for n in range(1, N_MOD_SLOTS + 1)
            if self.values.get(f"mod{n}.destination") == destination
        }

    # routings

    def _slots(self) -> None:
        known = self._known_slots()
        numbers = {i: n for n, (i, _, _) in enumerate(known, 1)}
        for n, (i, source, destination) in enumerate(known, 1):
            name = _sources()[source]
            if source.startswith("random_"):
                self._note(f"mod{n}.amount", f"mod{n}: Vital's {source} became a random value a note")
            if "line_mapping" in self.settings["modulations"][i - 1]:
                self._note(f"mod{n}.amount", f"mod{n}: its drawn curve became a straight line")
            self.values |= {
                f"mod{n}.source": name,
                f"mod{n}.destination": _destination(destination, numbers) or "",
                f"mod{n}.amount": float(np.clip(100 * self._take(f"modulation_{i}_amount"), -100, 100)),
                f"mod{n}.bipolar": bool(self._take(f"modulation_{i}_bipolar")),
                f"mod{n}.curve": float(np.clip(10 * self._take(f"modulation_{i}_power"), -100, 100)),
            }

    def _known_slots(self) -> list[tuple[int, str, str]]:
        """Up to 8 routings the schema has words for, in their order; of more, the sound's own before the hand's."""
        native = slots(self.settings)
        every = {i: 1 for i, _, _ in native}
        known = [s for s in native if s[1] in _sources() and _destination(s[2], every)]
        ranked = sorted(known, key=lambda s: MOD_SOURCES.index(_sources()[s[1]]) > LATER_SOURCES)
        kept = sorted(ranked[:N_MOD_SLOTS])
        numbers = {i: n for n, (i, _, _) in enumerate(kept, 1)}
        return [s for s in kept if _destination(s[2], numbers)]


@cache
def _sources() -> Mapping[str, str]:
    """Native modulation source -> canonical."""
    own = {native: name for name, native in binding()["mod"]["sources"].items()}
    return own | {f"random_{n}": "random" for n in range(1, 5)}


def _destination(native: str, numbers: Mapping[int, int]) -> str | None:
    """Canonical destination of a native one, slots numbered anew; None where the schema has no word for it."""
    slot = re.fullmatch(r"modulation_(\d+)_amount", native)
    if slot:
        name = f"mod{numbers.get(int(slot[1]), 0)}.amount"
        return name if name in MOD_DESTINATIONS else None
    return {control: name for name, control in destination_controls().items()}.get(native)
