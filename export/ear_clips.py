"""ear_clips: clips of real presets with their settings moved, for training the ear to hear when a key was released.

A shard is a function of (seed, shard number): a finished file is never made again, an unfinished one never counts.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.disk.store import read_preset
from companion.hearing.features import CLIP_S, MODEL_RATE, N_FRAMES, N_MELS, clip_features
from companion.hosts.vital import VitalHost
from export.progress import track
from export.render import SILENT_DBFS, pack_mel
from presets.errors import PresetError
from presets.vital import parse, patch_to_vital
from presets.vital_binding import control_ranges

Rng = np.random.Generator
Document = dict[str, Any]
SHARD_CLIPS = 250
NOTES = (24, 84)
VELOCITIES = (0.4, 1.0)
NOTE_OFF_S = (0.08, 2.4)
P_HELD, P_UNIFORM = (
    0.1,
    0.25,
)  # of the key held past the clip's end; of a note-off drawn evenly, the rest evenly in log
P_MOTION = 0.3  # of envelopes and LFOs that are another preset's
HELD_S = CLIP_S + 0.5
TEST_NOTES, TEST_NOTE_OFF_S, TEST_CLIPS = (30, 72), (0.15, 2.4), 8  # of presets as they are, so many of each
KIN = 5  # letters that names of presets of one make begin with
QUARTIC_LOW = 0.316  # 10 ms as a time knob has it: the fourth root


@dataclass(frozen=True)
class Move:
    """How a kind of control is moved."""

    names: re.Pattern[str]
    chance: float
    spread: float
    """Standard deviation in the control's own unit; of the logarithm where it is a time."""
    is_time: bool = False
    fresh: float = 0.0
    """Chance of a new value from anywhere in its range."""


MOVES = tuple(
    Move(re.compile(names), *rest)
    for names, *rest in (
        (r"env_\d_release", 0.7, 0.8, True, 0.25),
        (r"env_\d_(attack|decay|hold)", 0.5, 0.5, True, 0.03),
        (r"env_\d_sustain", 0.5, 0.15, False, 0.05),
        (r"env_\d_\w+_power", 0.3, 2.0),
        (r"lfo_\d_frequency", 0.5, 0.5),
        (r"lfo_\d_(phase|fade_time|delay_time)", 0.2, 0.15),
        (r"beats_per_minute", 0.5, 0.3),
        (r"\w+_tempo", 0.1, 1.0),
        (r"filter_(1|2|fx)_cutoff", 0.6, 8.0),
        (r"filter_(1|2|fx)_(resonance|drive|blend)", 0.3, 0.15),
        (r"(chorus|delay|reverb|flanger|phaser)_dry_wet", 0.6, 0.15),
        (r"(delay|reverb|chorus|phaser|flanger|compressor|distortion|eq|filter_fx)_on", 0.15, 0.6),
        (r"reverb_decay_time", 0.5, 1.0),
        (r"delay_feedback", 0.4, 0.2),
        (r"distortion_drive", 0.4, 4.0),
        (r"osc_\d_(level|wave_frame|unison_detune|distortion_amount|spectral_morph_amount)", 0.4, 0.1),
        (r"modulation_\d+_amount", 0.4, 0.1),
        (r"macro_control_\d", 0.3, 0.2),
        (r"osc_\d_transpose", 0.1, 7.0),
    )
)  # fmt: skip
MOTION = re.compile(r"(env|lfo)_\d_\w+")
WIDE = re.compile(r"osc_\d_wave_frame")  # its range is that of 256 frames: the spread is a share


@dataclass(frozen=True)
class RealClips:
    """Clips of real presets."""

    mel: NDArray[np.uint8]
    """(n, N_MELS, N_FRAMES), 0 the loudest, as `pack_mel` has it."""
    note_off_s: NDArray[np.float32]
    """(n,); past CLIP_S where the key is held to the end."""
    preset: NDArray[np.str_]
    """(n,) name of the preset played."""


def documents(folders: Sequence[Path]) -> dict[str, Document]:
    """The presets of folders as Vital documents by name, Serum's converted; those that cannot be read are left out."""
    found: dict[str, Document] = {}
    for path in sorted(p for folder in folders for p in folder.rglob("*") if p.suffix in (".vital", ".fxp")):
        try:
            is_vital = path.suffix == ".vital"
            text = (
                path.read_text("utf-8") if is_vital else patch_to_vital(read_preset(path).patch, compact=True)
            )
            found[path.stem] = parse(text)
        except PresetError:
            continue  # one broken preset among many is no reason to stop
    return found


def moved(document: Document, donor: Document, rng: Rng) -> Document:
    """A document with some settings moved a little, and now and then with the envelopes and LFOs of another."""
    settings = dict(document["settings"])
    if rng.random() < P_MOTION:
        settings |= {k: v for k, v in donor["settings"].items() if MOTION.fullmatch(k)}
    ranges = control_ranges()
    for name, move in movable(tuple(settings)):
        if rng.random() < move.chance:
            settings[name] = moved_value(float(settings[name]), ranges[name], move, rng)
    return document | {"settings": settings}


@cache
def movable(names: tuple[str, ...]) -> list[tuple[str, Move]]:
    """The controls that are moved, and how."""
    pairs = [(name, move) for name in names for move in MOVES if move.names.fullmatch(name)]
    return [(name, move) for name, move in pairs if name in control_ranges()]


def moved_value(value: float, limits: tuple[float, float], move: Move, rng: Rng) -> float:
    """A value near another inside limits; whole where it was, since switches and lists are whole."""
    low, high = limits
    if rng.random() < move.fresh:
        value = rng.uniform(QUARTIC_LOW, 1.3) if move.is_time else rng.uniform(low, high)
    elif move.is_time:
        value = max(value, 0.1) * float(np.exp(rng.normal(0, move.spread) / 4))
    else:
        whole = value == round(value) and move.spread >= 0.6
        value += rng.normal(0, move.spread) * (256 if high > 200 else 1)
        value = round(value) if whole else value
    return float(np.clip(value, low, high))


def half_of(name: str) -> bool:
    """The half of the presets one belongs to, together with those named alike: what learns from one may judge the other."""
    return zlib.crc32(name[:KIN].lower().encode()) % 4 in (1, 2)


def draw_note_off(rng: Rng, span_s: tuple[float, float] = NOTE_OFF_S, p_uniform: float = P_UNIFORM) -> float:
    """Seconds the key is held."""
    if rng.random() < P_HELD:
        return HELD_S
    if rng.random() < p_uniform:
        return float(rng.uniform(*span_s))
    return float(np.exp(rng.uniform(*np.log(span_s))))


def draw_real(
    presets: Mapping[str, Document], rng: Rng, host: VitalHost
) -> tuple[NDArray[np.float32], float, str]:
    """Features of a random preset with its settings moved, when its key was released, and its name."""
    names = sorted(presets)
    while True:
        name = names[rng.integers(len(names))]
        kin = [other for other in names if half_of(other) == half_of(name)]
        donor = kin[rng.integers(len(kin))]
        off_s = draw_note_off(rng)
        host.set_text(json.dumps(moved(presets[name], presets[donor], rng)))
        audio = host.render(int(rng.integers(*NOTES)), off_s, CLIP_S, float(rng.uniform(*VELOCITIES)))
        if is_heard(audio, off_s):
            return clip_features(audio, MODEL_RATE), off_s, name


def is_heard(audio: NDArray[np.float32], off_s: float) -> bool:
    """Whether anything sounds while the key is held."""
    held = audio[:, : round(min(off_s, CLIP_S) * MODEL_RATE)]
    return bool(np.isfinite(audio).all()) and 10 * np.log10(np.mean(np.square(held)) + 1e-20) > SILENT_DBFS


def render_unmoved(presets: Mapping[str, Document], seed: int) -> RealClips:
    """TEST_CLIPS clips of every preset as it is, to judge by."""
    rng, host = np.random.default_rng(seed), VitalHost(MODEL_RATE)
    mels, offs, names = [], [], []
    for name in track(sorted(presets) * TEST_CLIPS, len(presets) * TEST_CLIPS, "presets as they are"):
        off_s = draw_note_off(rng, TEST_NOTE_OFF_S, p_uniform=0.0)
        host.set_text(json.dumps(presets[name]))
        audio = host.render(int(rng.integers(*TEST_NOTES)), off_s, CLIP_S)
        if is_heard(audio, off_s):
            mels.append(pack_mel(clip_features(audio, MODEL_RATE)))
            offs.append(off_s)
            names.append(name)
    return packed(mels, offs, names)


def packed(mels: Sequence[bytes], offs_s: Sequence[float], names: Sequence[str]) -> RealClips:
    """Clips of their packed features."""
    mel = np.frombuffer(b"".join(mels), np.uint8).reshape(-1, N_MELS, N_FRAMES)
    return RealClips(mel, np.float32(offs_s), np.array(names))


def render_shard(
    presets: Mapping[str, Document], folder: Path, seed: int, shard: int, host: VitalHost
) -> Path:
    """Makes one shard, whole or not at all."""
    path = folder / f"real-{seed}-{shard:04d}.npz"
    if path.exists():
        return path
    rng = np.random.default_rng([seed, shard])
    mels, offs, names = zip(*(draw_real(presets, rng, host) for _ in range(SHARD_CLIPS)), strict=True)
    clips = packed([pack_mel(mel) for mel in mels], offs, names)
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    with partial.open("wb") as file:
        np.savez_compressed(file, mel=clips.mel, note_off_s=clips.note_off_s, preset=clips.preset)
    partial.replace(path)
    return path


def render_real(presets: Mapping[str, Document], folder: Path, n_clips: int, seed: int = 0) -> Iterator[Path]:
    """Renders `n_clips` into `folder`, yielding shards as they are done; run again to continue."""
    folder.mkdir(parents=True, exist_ok=True)
    n_shards, host = -(-n_clips // SHARD_CLIPS), VitalHost(MODEL_RATE)
    for shard in track(range(n_shards), n_shards, "real presets"):
        yield render_shard(presets, folder, seed, shard, host)


def read_real(folder: Path) -> RealClips:
    """Every finished shard of a folder."""
    shards = [np.load(path) for path in sorted(folder.glob("real-*.npz"))]
    return RealClips(*(np.concatenate([s[key] for s in shards]) for key in ("mel", "note_off_s", "preset")))
