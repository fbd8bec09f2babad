"""Real patches to mix into the samples: presets read into the canonical schema, their macros folded into the knobs."""

from __future__ import annotations

from pathlib import Path

from presets.errors import PresetError
from presets.patch import Patch
from presets.schema import N_MOD_SLOTS, Value
from presets.vital import vital_to_patch

MACROS = ("macro1", "macro2", "macro3", "macro4", "mod_wheel", "aftertouch")


def real_patches(folder: Path) -> list[Patch]:
    """Every readable .vital of a folder, in name order."""
    out = []
    for path in sorted(folder.glob("*.vital")):
        try:
            out.append(fold_macros(vital_to_patch(path.read_text("utf-8")).patch))
        except PresetError:
            continue  # one broken preset among many is no reason to stop
    return out


def fold_macros(patch: Patch) -> Patch:
    """What macros and wheels add at rest goes into the knobs they turn, and their slots are freed."""
    values: dict[str, Value] = {}
    for n in range(1, N_MOD_SLOTS + 1):
        source, target = str(patch[f"mod{n}.source"]), str(patch[f"mod{n}.destination"])
        if source not in MACROS:
            continue
        values[f"mod{n}.source"] = "none"
        rest = patch.number(f"macro.m{source[-1]}") / 100 if source.startswith("macro") else 0.0
        if target not in patch.schema or not rest:
            continue
        row = patch.schema[target]
        if row.kind == "continuous":
            raw = row.value_to_raw(patch[target]) + rest * patch.number(f"mod{n}.amount") / 100
            values[target] = row.raw_to_value(raw)
    return patch.with_values(values)
