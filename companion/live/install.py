"""The Remote Script into Live's User Library and out again: whole or not at all, and nothing that is not ours is touched."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from companion.errors import StoreError
from companion.live.library import OLDEST_LIVE, libraries, preferences
from companion.live.WhisperSynth import VERSION
from companion.live.WhisperSynth.config import ACTIONS, FILE, KINDS

SCRIPT = "WhisperSynth"
SOURCE = Path(__file__).parent / SCRIPT
SCRIPTS = "Remote Scripts"
RECORD = "installed.json"
ABLETON_OSC = "AbletonOSC"
OSC_PORT = 11000

NO_LIBRARY = (
    "Live's User Library was not found; name it with --library (Live shows it under Settings, Library, "
    "Location of User Library)"
)
NOT_A_LIBRARY = "{folder} is no folder; name Live's User Library with --library"
NOT_OURS = "{folder} was not put there by WhisperSynth; move it away and try again"
CHANGED = (
    "{names} in {folder} {was} changed by hand; move {it} away and try again, or delete the folder yourself"
)
TOO_OLD = "the newest Live here is {name}; the script needs Live {oldest} or later"


@dataclass(frozen=True)
class State:
    """The script in one User Library."""

    library: Path
    installed: str = ""
    """Its version; empty where it is not installed."""
    foreign: bool = False
    """Something else of its name stands there."""

    @property
    def folder(self) -> Path:
        """Where the script lies, or would."""
        return self.library / SCRIPTS / SCRIPT

    @property
    def is_current(self) -> bool:
        """It is installed as this version has it."""
        return self.installed == VERSION and not changed_files(self.folder) and _same_files(self.folder)

    @property
    def has_ableton_osc(self) -> bool:
        """AbletonOSC is installed too; UDP port 11000 is then its."""
        return (self.library / SCRIPTS / ABLETON_OSC).is_dir()


def state_of(library: Path) -> State:
    """What is installed in a User Library."""
    state = State(library)
    if not state.folder.exists() and not state.folder.is_symlink():
        return state
    record = _record(state.folder)
    return State(library, str(record["script"])) if record else State(library, foreign=True)


def states() -> list[State]:
    """Of every User Library found."""
    return [state_of(library) for library in libraries()]


def choose(library: Path | None) -> State:
    """The User Library that was named, else that of the newest Live.

    Raises:
        StoreError: there is none.
    """
    if library is not None:
        folder = Path(os.path.abspath(library.expanduser()))
        if not folder.is_dir():
            raise StoreError(NOT_A_LIBRARY.format(folder=folder))
        return state_of(folder)
    found = states()
    if not found:
        raise StoreError(NO_LIBRARY)
    return next((state for state in found if state.installed), found[0])


def check_live() -> str:
    """The newest Live of this user; empty where none has left preferences.

    Raises:
        StoreError: it is too old.
    """
    newest = next(iter(preferences()), None)
    if newest is not None and newest.version[0] < OLDEST_LIVE:
        raise StoreError(TOO_OLD.format(name=newest.name, oldest=OLDEST_LIVE))
    return newest.name if newest else ""


# -- in ---------------------------------------------------------------------------------------------------------------


def install(state: State, data: Path) -> State:
    """Puts the script there, or renews it; settings and whatever else the user keeps in its folder stay.

    Raises:
        StoreError: something else stands there, files were changed by hand, or it cannot be written.
    """
    _check_ours(state)
    folder = state.folder
    with _told(f"The script cannot be installed in {folder.parent}"):
        folder.parent.mkdir(exist_ok=True)
        part = folder.with_name(f".{SCRIPT}.{uuid4().hex}.part")
        try:
            _build(part, state, data)
            _swap(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return state_of(state.library)


def _build(part: Path, state: State, data: Path) -> None:
    """The new folder beside the old one."""
    part.mkdir()
    hashes = {}
    for name, content in source_files().items():
        (part / name).write_bytes(content)
        hashes[name] = _hash(content)
    for kept in _kept(state.folder, hashes):
        (shutil.copytree if kept.is_dir() else shutil.copy2)(kept, part / kept.name)
    settings = {
        "osc_port": 0 if state.has_ableton_osc else OSC_PORT,
        **read_settings(part),
        "data": str(data),
    }
    _write_json(part / FILE, settings)
    _write_json(part / RECORD, {"app": "whispersynth", "script": VERSION, "files": hashes})


def _kept(folder: Path, ours: dict[str, str]) -> list[Path]:
    """What the user has in the folder besides our files."""
    record = _record(folder) or {"files": {}}
    known = {*ours, *record["files"], RECORD, "__pycache__"}
    return [path for path in folder.iterdir() if path.name not in known] if folder.is_dir() else []


def _swap(part: Path, folder: Path) -> None:
    """The new folder under its name; the old one is back there if that fails."""
    old = folder.with_name(f".{SCRIPT}.{uuid4().hex}.old")
    if folder.exists():
        folder.rename(old)
    try:
        part.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def source_files() -> dict[str, bytes]:
    """The script's files, as shipped with this package."""
    return {path.name: path.read_bytes() for path in sorted(SOURCE.glob("*.py"))}


# -- out --------------------------------------------------------------------------------------------------------------


def uninstall(state: State) -> list[Path]:
    """Takes the script out again; gives what of the user's own stays in its folder.

    Raises:
        StoreError: it is not there, is not ours, was changed by hand, or cannot be removed.
    """
    if not state.installed and not state.foreign:
        raise StoreError(f"the script is not installed in {state.library}; there is nothing to take out")
    _check_ours(state)
    record = _record(state.folder) or {"files": {}}
    with _told(f"The script cannot be taken out of {state.folder.parent}"):
        for name in (*record["files"], FILE, RECORD):
            (state.folder / name).unlink(missing_ok=True)
        shutil.rmtree(state.folder / "__pycache__", ignore_errors=True)
        left = sorted(state.folder.iterdir())
        if not left:
            state.folder.rmdir()
    return left


def _check_ours(state: State) -> None:
    if state.foreign:
        raise StoreError(NOT_OURS.format(folder=state.folder))
    changed = changed_files(state.folder)
    if changed:
        many = len(changed) > 1
        raise StoreError(
            CHANGED.format(
                names=", ".join(changed),
                folder=state.folder,
                was="were" if many else "was",
                it="them" if many else "it",
            )
        )


def changed_files(folder: Path) -> list[str]:
    """Our files that were changed since they were installed; one that is gone is none."""
    record = _record(folder)
    return sorted(
        name
        for name, was in (record["files"] if record else {}).items()
        if (folder / name).is_file() and _hash((folder / name).read_bytes()) != was
    )


def _same_files(folder: Path) -> bool:
    return all(
        (folder / name).is_file() and (folder / name).read_bytes() == content
        for name, content in source_files().items()
    )


# -- settings ---------------------------------------------------------------------------------------------------------


def read_settings(folder: Path) -> dict[str, Any]:
    """The settings of an installed script; none where they cannot be read."""
    with suppress(OSError, ValueError):
        told = json.loads((folder / FILE).read_text("utf-8"))
        if isinstance(told, dict):
            return told
    return {}


def set_button(state: State, action: str, kind: str, number: int, channel: int) -> None:
    """A note or controller that does something in Live; the running script takes it up by itself.

    Raises:
        StoreError: the script is not installed, or the button makes no sense.
    """
    if not state.installed:
        raise StoreError("the script is not installed; run `whispersynth live install` first")
    if action not in ACTIONS or kind not in KINDS or not 0 <= number <= 127 or not 1 <= channel <= 16:
        raise StoreError(
            f"no button is {action} on {kind} {number}, channel {channel}; give {', '.join(ACTIONS)}, a note or "
            "controller from 0 to 127 and a channel from 1 to 16"
        )
    settings = read_settings(state.folder)
    buttons = settings.get("buttons") if isinstance(settings.get("buttons"), dict) else {}
    button = {"kind": kind, "channel": channel, "number": number}
    with _told(f"{state.folder / FILE} cannot be written"):
        _write_json(state.folder / FILE, {**settings, "buttons": {**(buttons or {}), action: button}})


def _write_json(path: Path, content: dict[str, Any]) -> None:
    part = path.with_name(f".{uuid4().hex}.part")
    try:
        part.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _record(folder: Path) -> dict[str, Any] | None:
    """What was installed; None for a folder that is not ours."""
    try:
        record = json.loads((folder / RECORD).read_text("utf-8"))
        fine = record["app"] == "whispersynth" and all(
            isinstance(name, str) and name == Path(name).name and name.endswith(".py")
            for name in record["files"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return record if fine and isinstance(record["files"], dict) and "script" in record else None


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(
            f"{what}: {reason}; close Live, check the folder's permissions and try again"
        ) from error
