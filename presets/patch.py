"""A Patch: values for a Schema, the note it was heard at, and the assets its `own` choices bring. Knows no synth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from presets.errors import PresetError
from presets.schema import N_MOD_SLOTS, OWN, SLOT_SOURCES, Schema, Value, wavetable_synth

Asset = NDArray[np.float32]

RECIPE, RESYNTH = "recipe", "resynth"  # kinds of patches


@dataclass(frozen=True, eq=False)
class Patch:
    """Immutable; parameters not named have their defaults."""

    values: Mapping[str, Value] = field(default_factory=dict)
    """Canonical name -> value, checked; holds every parameter of the schema after construction."""
    note: int = 60
    """MIDI note it was heard at (C3 = 60)."""
    assets: Mapping[str, Asset] = field(default_factory=dict)
    """Parameter whose value is `own` -> its asset: `oscN.table`, `sub.shape` frames (n, 2048); `noise.kind` samples
    (channels, n) at 44.1 kHz; `lfoN.shape` points (n, 3): time 0..1, level 0..1, curve power."""
    name: str = ""
    comment: str = ""
    schema: Schema = field(default_factory=wavetable_synth, repr=False, compare=False)

    def __post_init__(self) -> None:
        checked = dict(self.schema.defaults)
        for name, value in self.values.items():
            if name not in checked or value != checked[name] or type(value) is not type(checked[name]):
                checked[name] = self.schema[name].check(value)  # most are defaults, which need no check
        if not 0 <= self.note <= 127:
            raise PresetError(f"the note is {self.note}; a MIDI note goes from 0 to 127")
        for name, value in checked.items():
            if value == OWN and name not in self.assets:
                raise PresetError(
                    f"{name} is 'own' but the patch brings no data for it; choose another {name}"
                )
        object.__setattr__(self, "values", MappingProxyType(checked))
        object.__setattr__(self, "assets", MappingProxyType(dict(self.assets)))

    def __getitem__(self, name: str) -> Value:
        return self.values[name]

    def __reduce__(self) -> tuple[object, ...]:
        return Patch, (dict(self.values), self.note, dict(self.assets), self.name, self.comment, self.schema)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Patch):
            return NotImplemented
        plain = [(p.values, p.note, p.name, p.comment, p.assets.keys()) for p in (self, other)]
        return plain[0] == plain[1] and all(
            np.array_equal(a, other.assets[k]) for k, a in self.assets.items()
        )

    __hash__ = None  # type: ignore[assignment]

    def number(self, name: str) -> float:
        """A numeric value as float."""
        return float(self.values[name])

    def with_values(self, values: Mapping[str, Value] | None = None, /, **fields: object) -> Patch:
        """A copy with some values changed; `note`, `assets`, `name`, `comment` by keyword."""
        return replace(self, values={**self.values, **(values or {})}, **fields)  # type: ignore[arg-type]

    def matters(self, name: str) -> bool:
        """Whether a parameter can be heard in this patch."""
        return self.schema.matters(self.schema[name], dict(self.values))

    def active(self) -> dict[str, Value]:
        """The parameters that matter and differ from their defaults, in schema order."""
        values = dict(self.values)
        return {
            r.name: values[r.name]
            for r in self.schema
            if values[r.name] != r.default and self.schema.matters(r, values)
        }

    def canonical(self) -> Patch:
        """The same sound with everything that does not matter at its default, no gap between slots, no unused asset."""
        values, schema = self._without_gaps(), self.schema
        for row in schema:  # a row depends on rows before it, and envelopes and LFOs on the slots before them
            if not schema.matters(row, values):
                values[row.name] = row.default
        used = {name: a for name, a in self.assets.items() if values.get(name) == OWN}
        return replace(self, values=values, assets=used)

    @property
    def sources(self) -> tuple[str, ...]:
        """What each slot's source is, in order; `none` where the slot is free."""
        return tuple(str(self[name]) for name in SLOT_SOURCES)

    def is_moved(self, name: str) -> bool:
        """Whether a routing turns a knob."""
        slots = enumerate(self.sources, 1)
        return any(source != "none" and self[f"mod{n}.destination"] == name for n, source in slots)

    def _without_gaps(self) -> dict[str, Value]:
        """Values with the slots in use moved up to the first ones, and what points to a slot following it."""
        values = dict(self.values)
        used = [n for n in range(1, N_MOD_SLOTS + 1) if values[f"mod{n}.source"] != "none"]
        if used == list(range(1, len(used) + 1)):
            return values
        for n in range(1, N_MOD_SLOTS + 1):
            for key in ("source", "destination", "amount", "bipolar", "curve"):
                old = f"mod{used[n - 1]}.{key}" if n <= len(used) else None
                values[f"mod{n}.{key}"] = self.values[old] if old else self.schema[f"mod{n}.{key}"].default
        for n in range(1, len(used) + 1):
            target = str(values[f"mod{n}.destination"])
            if target.startswith("mod") and int(target[3]) in used:
                values[f"mod{n}.destination"] = f"mod{used.index(int(target[3])) + 1}.amount"
        return values

    @property
    def kind(self) -> str:
        """`resynth` when the clip's own frames are in it, else `recipe`."""
        own = any(self.values.get(n) == OWN for n in ("osc1.table", "osc2.table", "sub.shape"))
        return RESYNTH if own else RECIPE
