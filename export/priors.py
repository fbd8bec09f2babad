"""Real patches to mix into the samples: presets read into the canonical schema, their macros folded into the knobs.

What a preset brings of its own is said by the nearest standard choice; its own wavetables stay in the assets, so that
its clips sound like it and the model learns to name what it hears.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from presets.errors import PresetError
from presets.patch import Asset, Patch
from presets.schema import LFO_SHAPES, N_MOD_SLOTS, OWN, SUB_SHAPES, Value
from presets.tables import N_FRAMES
from presets.vital import LFO_POINTS, sub_frames, vital_to_patch
from presets.vital_shapes import harmonic_shape, line_curve, louder_db, nearest_noise, nearest_table

MACROS = ("macro1", "macro2", "macro3", "macro4", "mod_wheel", "aftertouch")
SUFFIXES = (".vital", ".fxp", ".SerumPreset")
SAMPLE_RATE = 44_100  # of a patch's own noise


def real_patches(folder: Path) -> list[Patch]:
    """Every readable preset of a folder and those below it, in name order, as `speakable` makes it."""
    return [speakable(fold_macros(patch)) for patch in read_all(folder)]


def read_all(folder: Path) -> Iterator[Patch]:
    """Patches with all their own data; one broken preset among many is no reason to stop."""
    from presets.serum_files import read_serum

    for path in sorted(p for p in folder.rglob("*") if p.suffix in SUFFIXES):
        try:
            if path.suffix == ".vital":
                yield vital_to_patch(path.read_text("utf-8"), own=True).patch
            else:
                yield read_serum(path).patch
        except PresetError:
            continue


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


# -- own data, said in standard words -------------------------------------------------------------------------------


def speakable(patch: Patch) -> Patch:
    """The patch in words the model has; assets hold its own tables, cut so that they sound right at the said knobs."""
    values: dict[str, Value] = {}
    assets: dict[str, Asset] = {}
    for name, asset in patch.assets.items():
        if patch.values[name] != OWN:
            continue
        section = name.partition(".")[0]
        if name.endswith(".table"):
            said, assets[name] = say_table(patch, section, asset)
        elif name == "sub.shape":
            said, assets[name] = say_sub(patch, asset)
        elif name == "noise.kind":
            said = {name: nearest_noise(asset, SAMPLE_RATE)[0]}
        else:
            said = {name: nearest_lfo(asset)}
        values |= said
    return patch.with_values(values, assets=assets)


def say_table(patch: Patch, section: str, frames: Asset) -> tuple[dict[str, Value], Asset]:
    """Table, position and level of the standard frame nearest to what sounds, and N_FRAMES of the own ones.

    They are cut around the said position and levelled so that with them the said knobs give the own sound.
    """
    place = patch.number(f"{section}.position")
    near = nearest_table(frames_at(frames, np.array([place]))[0])
    row = patch.schema[f"{section}.level"]
    level = float(np.clip(patch.number(row.name) + near.louder_db, row.low, row.high))
    said: dict[str, Value] = {
        f"{section}.table": near.table, f"{section}.position": near.position, row.name: level,
    }  # fmt: skip
    places = np.clip(np.linspace(0, 100, N_FRAMES) + place - near.position, 0, 100)
    gain = 10 ** ((patch.number(row.name) - level) / 20)
    return said, read_only(frames_at(frames, places) * np.float32(gain))


def say_sub(patch: Patch, frames: Asset) -> tuple[dict[str, Value], Asset]:
    """Shape and level of the sub oscillator nearest to an own frame, and the frame at that level."""
    shape = harmonic_shape(frames[:1])[0]
    best = max(
        (s for s in SUB_SHAPES if s != OWN), key=lambda s: float(harmonic_shape(sub_frames(s))[0] @ shape)
    )
    row = patch.schema["sub.level"]
    louder = louder_db(frames[0], sub_frames(best)[0])
    level = float(np.clip(patch.number(row.name) + louder, row.low, row.high))
    gain = 10 ** ((patch.number(row.name) - level) / 20)
    return {"sub.shape": best, row.name: level}, read_only(frames[:1] * np.float32(gain))


def nearest_lfo(points: Asset) -> str:
    """The standard LFO shape most like drawn points (n, 3)."""
    drawn = line_curve(points.astype(float), smooth=False)
    shapes = [s for s in LFO_SHAPES if s != OWN]
    return min(shapes, key=lambda s: float(np.abs(line_curve(LFO_POINTS[s], s == "sine") - drawn).mean()))


def frames_at(frames: Asset, places: NDArray[np.float64]) -> Asset:
    """Frames (n, 2048) of a table spread over its knob, at places in %."""
    x = np.asarray(places) / 100 * (len(frames) - 1)
    low = np.minimum(x.astype(int), max(len(frames) - 2, 0))
    share = (x - low)[:, None].astype(np.float32)
    high = np.minimum(low + 1, len(frames) - 1)
    return np.asarray((1 - share) * frames[low] + share * frames[high], np.float32)


def read_only(frames: Asset) -> Asset:
    """The same array, never to be written to: what is encoded for the engine once, not at each render."""
    frames = np.ascontiguousarray(frames, np.float32)
    frames.setflags(write=False)
    return frames
