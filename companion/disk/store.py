"""Patches on disk: candidates saved whole or not at all, never over anything, and patches read back.

kick 1 recipe.txt    the patch to read            kick 2 resynth.txt
kick 1 recipe.vital  the patch for Vital          kick 2 resynth osc1 table.wav   its own frames, named in the text
kick 1 recipe.wav    what it sounds like          ...
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np
import platformdirs

from companion.disk.batch import Batch, uninterrupted
from companion.errors import StoreError
from companion.files import read_start
from presets.errors import PresetError
from presets.patch import Asset, Patch
from presets.plugin_schema import is_of_plugin
from presets.schema import OWN
from presets.serum_files import SUFFIXES as SERUM_SUFFIXES
from presets.serum_files import read_serum
from presets.txt import note_name, patch_to_text, text_to_patch
from presets.vital import Reading, patch_to_vital, vital_to_patch
from presets.wav import SAMPLE_RATE_HZ, encode_frames, encode_samples, read_frames, read_samples

if TYPE_CHECKING:
    from companion.judging.board import Candidate

Files = dict[str, Path]
"""`txt`, `vital`, `wav`, and what a synth adds -> absolute path."""

MAX_NAME_BYTES = 120  # of a clip's name in a file's: leaves room below the 255 bytes of every file system
MAX_TEXT_BYTES = {".txt": 2**20, ".vital": 64 * 2**20}  # Vital's factory presets reach a few MB
SPELLED = {"serumpreset": "SerumPreset"}  # a kind of file -> its ending
SERUM_FILES = {"fxp", "serumpreset"}
TABLES = {
    "osc1.table": "table",
    "osc2.table": "table2",
    "sub.shape": "table3",
}  # own frames -> what their wav is called
RESERVED = {
    "CON",
    "PRN",
    "AUX",
    "NUL",
    *(f"{port}{n}" for port in ("COM", "LPT") for n in range(10)),
}  # Windows
FORBIDDEN = re.compile(r'[<>:"/\\|?*]')  # on Windows; macOS and Linux forbid fewer

REASONS = {
    errno.ENOSPC: "the disk is full; make room or choose another folder with --out",
    errno.EDQUOT: "the disk quota is used up; make room or choose another folder with --out",
    errno.EFBIG: "the file system takes no file of that size; choose another folder with --out",
    errno.EACCES: "this user may not write there; choose another folder with --out",
    errno.EPERM: "this user may not write there; choose another folder with --out",
    errno.EROFS: "that disk is read-only; choose another folder with --out",
    errno.ENOTDIR: "a file stands where a folder is wanted; choose another folder with --out",
    errno.EEXIST: "a file stands where a folder is wanted; choose another folder with --out",
    errno.ENAMETOOLONG: "the path is too long; choose a shorter one with --out",
}


# -- places and names ---------------------------------------------------------------------------------------------


def user_folder() -> Path:
    """Where patches go without `--out`: WhisperSynth in the user's documents."""
    return platformdirs.user_documents_path() / "WhisperSynth"


def prepare_folder(folder: Path) -> Path:
    """The folder as an absolute path, made if need be and tried out.

    Raises:
        StoreError: it cannot be made or written to.
    """
    folder = Path(os.path.abspath(folder.expanduser()))
    with _told(f"{folder} cannot be used as a folder for patches"):
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{uuid4().hex}.part"
        try:
            probe.open("xb").close()
        finally:
            probe.unlink(missing_ok=True)
    return folder


def safe_name(name: str) -> str:
    """A clip's name as every file system takes it: no separators, no control characters, nothing reserved."""
    text = unicodedata.normalize("NFC", name)
    text = "".join(
        " " if unicodedata.category(c)[0] in "CZ" else c for c in text
    )  # line breaks, lone surrogates
    text = re.sub(r"\s+", " ", FORBIDDEN.sub("_", text))
    text = text.encode()[:MAX_NAME_BYTES].decode(errors="ignore").strip(" .")
    if text.partition(".")[0].strip().upper() in RESERVED:
        text = f"_{text}"
    return text or "clip"


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turns the system's errors into one sentence."""
    try:
        yield
    except OSError as error:
        reason = REASONS.get(error.errno or 0, f"{error.strerror or error}; choose another folder with --out")
        raise StoreError(f"{what}: {reason}") from error


# -- saving -------------------------------------------------------------------------------------------------------


def save_candidates(
    clip_name: str,
    candidates: Sequence[Candidate],
    folder: Path,
    ready: Callable[[Batch, tuple[Files, ...]], None] = lambda batch, saved: None,
) -> tuple[Files, ...]:
    """Saves ranked candidates as `<clip> <number> <kind>.txt`, `.vital` and `.wav`; the files in their order.

    Args:
        ready: called when all is written under hidden names and nothing is published; what it raises stops the saving.

    Raises:
        StoreError: they cannot be written; then none of them is there.
    """
    stem, saved, number = safe_name(clip_name), [], 0
    with uninterrupted(), _told(f"The patches cannot be saved in {folder}"), Batch(folder) as batch:
        for candidate in candidates:
            number = batch.reserve(stem, number + 1)
            saved.append(_add_candidate(batch, f"{stem} {number} {candidate.kind}", candidate))
        ready(batch, tuple(saved))
        batch.publish()
    return tuple(saved)


def _add_candidate(batch: Batch, name: str, candidate: Candidate) -> Files:
    patch = candidate.patch.with_values(name=name, comment=_comment(name.rsplit(" ", 2)[0], candidate))
    own = {p: f"{name} {p.replace('.', ' ')}{ASSETS[p].suffix}" for p in ASSETS if patch.values.get(p) == OWN}
    assets = {p: batch.add(file, ASSETS[p].encode(patch.assets[p])) for p, file in own.items()}
    contents = {"txt": patch_to_text(patch, own).encode()}
    if not is_of_plugin(patch):
        contents["vital"] = patch_to_vital(patch).encode()
    contents |= {"wav": encode_samples(candidate.audio), **candidate.files}
    files = {kind: batch.add(f"{name}.{SPELLED.get(kind, kind)}", data) for kind, data in contents.items()}
    if SERUM_FILES & candidate.files.keys():  # a table may have to be loaded by hand
        files |= {TABLES[p]: path for p, path in assets.items() if p in TABLES}
    return files


def _comment(clip: str, candidate: Candidate) -> str:
    """`Made by WhisperSynth from 'kick', heard at C1: a close relative (darker, softer attack).`"""
    made = f"Made by WhisperSynth from {clip!r}, heard at {note_name(candidate.patch.note)}"
    near = candidate.words and f": {candidate.words}"
    differs = f" ({', '.join(candidate.differs)})" if candidate.differs else ""
    return f"{made}{near}{differs}."


def save_audio(audio: Asset, target: Path, name: str) -> Path:
    """Saves a sound (channels, n) as the wav `target`, or as `name` in the folder `target`.

    In a folder the next free name is taken; a wav that is there already is never replaced.

    Raises:
        StoreError: it is there already, or cannot be written.
    """
    named = target.suffix.lower() == ".wav" and not target.is_dir()
    folder = prepare_folder(target.parent if named else target)
    data = encode_samples(audio)
    with uninterrupted(), _told(f"The sound cannot be saved in {folder}"):
        if named:
            return _save_alone(folder, target.name, data)
        for file in _free_names(safe_name(name)):
            if not (folder / file).exists():
                with suppress(StoreError):  # another run took the name
                    return _save_alone(folder, file, data)
    raise AssertionError("names do not end")


def _free_names(stem: str) -> Iterator[str]:
    yield f"{stem}.wav"
    yield from (f"{stem} {n}.wav" for n in itertools.count(2))


def _save_alone(folder: Path, name: str, data: bytes) -> Path:
    if (folder / name).exists():
        raise StoreError(
            f"{folder / name} is there already and was left as it is; give another name with --out"
        )
    with Batch(folder) as batch:
        path = batch.add(name, data)
        batch.publish()
    return path


# -- a patch's own data -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AssetFile:
    """How one kind of own data lies in a file."""

    suffix: str
    encode: Callable[[Asset], bytes]
    read: Callable[[Path], Asset]


def encode_points(points: Asset) -> bytes:
    """LFO points (n, 3) as text, a point a line: time, level, curve power."""
    return "".join(" ".join(repr(float(x)) for x in point) + "\n" for point in points).encode()


def read_points(path: Path) -> Asset:
    """LFO points (n, 3) of a file; the opposite of encode_points.

    Raises:
        PresetError: it holds something else.
    """
    try:
        rows = [
            [float(x) for x in line.split()] for line in _read_text(path, MAX_TEXT_BYTES[".txt"]).splitlines()
        ]
        points = np.asarray(rows, np.float32)
    except ValueError:
        points = np.zeros(0, np.float32)
    if (
        points.ndim != 2
        or points.shape[1] != 3
        or not 1 <= len(points) <= 100
        or not np.isfinite(points).all()
    ):
        raise PresetError(f"{path} holds no LFO shape; expected 1 to 100 lines of time, level and curve")
    return points


def _read_noise(path: Path) -> Asset:
    samples = read_samples(path)
    if samples.rate_hz != SAMPLE_RATE_HZ:
        raise PresetError(f"{path} has a rate of {samples.rate_hz} Hz; convert it to {SAMPLE_RATE_HZ} Hz")
    return samples.audio


_FRAMES = AssetFile(".wav", encode_frames, read_frames)
_POINTS = AssetFile(".points", encode_points, read_points)
ASSETS: dict[str, AssetFile] = {
    "osc1.table": _FRAMES,
    "osc2.table": _FRAMES,
    "sub.shape": _FRAMES,
    "noise.kind": AssetFile(".wav", encode_samples, _read_noise),
    "lfo1.shape": _POINTS,
    "lfo2.shape": _POINTS,
}


# -- reading ------------------------------------------------------------------------------------------------------


def read_patch(path: Path) -> Patch:
    """The patch of a .txt (with the files beside it), .vital, .fxp or .SerumPreset file.

    Raises:
        PresetError: it cannot be read, or is neither.
    """
    return read_preset(path).patch


def read_preset(path: Path) -> Reading:
    """As read_patch, with what a preset of another synth lost or changed on the way."""
    if path.suffix.lower() in SERUM_SUFFIXES and not path.is_dir():
        return read_serum(path)
    text = read_text(path)
    try:
        if path.suffix.lower() == ".vital":
            return vital_to_patch(text, own=True)  # its wavetables are the sound
        return Reading(
            text_to_patch(text, lambda parameter, name: ASSETS[parameter].read(path.parent / name))
        )
    except PresetError as error:
        raise PresetError(f"{path}: {error}") from None


def read_text(path: Path) -> str:
    """The text of a .txt or .vital file.

    Raises:
        PresetError: there is none, or none that could be a patch.
    """
    most = MAX_TEXT_BYTES.get(path.suffix.lower())
    if most is None and not path.is_dir():
        raise PresetError(
            f"{path} is no patch that can be read; give a .txt patch, or a .vital, .fxp or .SerumPreset preset"
        )
    return _read_text(path, most or 0)


def _read_text(path: Path, most: int) -> str:
    data = read_start(path, most + 1, "patch", PresetError)
    if len(data) > most:
        raise PresetError(f"{path} is larger than {most // 2**20} MiB, which no patch is; give another file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PresetError(f"{path} is no text, so no patch; give a .txt patch or a .vital preset") from None
