"""Presets where the synth itself looks for them: its user folder, found per system, in a subfolder of our own."""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from companion.disk.batch import Batch
from companion.errors import StoreError

if TYPE_CHECKING:
    from presets.patch import Patch

OWN_FOLDER = "WhisperSynth"
VARIABLE = "WHISPERSYNTH_PRESETS_{}"  # with the synth's name: its presets folder, where it was moved


@dataclass(frozen=True)
class Home:
    """Where a synth's user presets lie."""

    name: str
    suffix: str
    """Of its preset files, in lower case."""
    config: Callable[[], Path]
    """A JSON file of the synth's in which a moved folder stands."""
    config_key: str
    below: str
    """From the folder that the file names to the user's presets."""
    folder: Callable[[], Path]
    """The user's presets where nothing was moved."""


def _by_system(windows: Callable[[], Path], mac: Callable[[], Path], other: Callable[[], Path]) -> Path:
    return {"win32": windows, "darwin": mac}.get(sys.platform, other)()


def _documents(*parts: str) -> Path:
    return platformdirs.user_documents_path().joinpath(*parts)


def _home(*parts: str) -> Path:
    return Path.home().joinpath(*parts)


def _appdata(*parts: str) -> Path:
    return Path(os.environ.get("APPDATA") or _home("AppData", "Roaming")).joinpath(*parts)


def _vital_folder() -> Path:
    share = Path(os.environ.get("XDG_DATA_HOME", "").strip() or _home(".local", "share"))
    data = _by_system(lambda: _documents("Vital"), lambda: _home("Music", "Vital"), lambda: share / "vital")
    return data / "User" / "Presets"


def _vital_config() -> Path:
    return _by_system(
        lambda: _appdata("vital", "Vital.config"),
        lambda: _home("Library", "Application Support", "vital", "Vital.config"),
        lambda: _home(".vital", "Vital.config"),
    )


def _serum(name: str, prefs: str) -> Home:
    presets = f"{name} Presets"
    return Home(
        name.lower().replace(" ", ""),
        ".serumpreset" if name.endswith("2") else ".fxp",
        lambda: _by_system(
            lambda: _appdata("Xfer", name, prefs),
            lambda: _home("Library", "Preferences", prefs),
            lambda: _home(".xfer", prefs),
        ),
        "Serum Presets Path",
        "Presets/User",
        lambda: _by_system(
            lambda: _documents("Xfer", presets, "Presets", "User"),
            lambda: Path("/Library/Audio/Presets/Xfer Records", presets, "Presets", "User"),
            lambda: _documents("Xfer", presets, "Presets", "User"),
        ),
    )


HOMES: dict[str, Home] = {
    home.suffix: home
    for home in (
        Home("vital", ".vital", _vital_config, "data_directory", "User/Presets", _vital_folder),
        _serum("Serum", "SerumPrefs.json"),
        _serum("Serum 2", "Serum2Prefs.json"),
    )
}


def preset_folder(home: Home) -> Path:
    """The synth's folder for user presets: named by the environment, moved in the synth's own settings, or its usual one."""
    named = os.environ.get(VARIABLE.format(home.name.upper()))
    if named:
        return Path(named).expanduser().absolute()
    moved = _configured(home)
    return moved / home.below if moved else home.folder()


def _configured(home: Home) -> Path | None:
    try:
        settings = json.loads(home.config().read_text("utf-8-sig"))
        folder = Path(settings[home.config_key])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return folder if folder.is_dir() else None


def install_batches(patch: Patch, files: Mapping[str, Path]) -> Iterator[Batch]:
    """A batch a synth with the patch's preset in it, ready to publish; enter each as a context.

    Args:
        files: what was saved of the patch, by kind; contents are read from the patch for Vital (which gets macros), and
            for other synths from hidden files beside the names, so they need not be published yet.

    Raises:
        StoreError: a folder cannot be made.
    """
    for path in files.values():
        home = HOMES.get(path.suffix.lower())
        if home is not None and home.name == "vital":
            yield _batch(
                preset_folder(home) / OWN_FOLDER, path.stem, path.suffix, vital_text(patch, path.stem)
            )


def vital_text(patch: Patch, name: str) -> bytes:
    """A patch as a .vital file with its most telling parameters on the four macros."""
    from presets.vital_macros import vital_with_macros

    return vital_with_macros(patch.with_values(name=name)).encode()


def install_file(patch: Patch, path: Path) -> Path | None:
    """Copies a saved preset into its synth's user folder under a free name; None: no synth takes such a file.

    Raises:
        StoreError: it cannot be written.
    """
    home = HOMES.get(path.suffix.lower())
    if home is None:
        return None
    data = vital_text(patch, path.stem) if home.name == "vital" else path.read_bytes()
    with _batch(preset_folder(home) / OWN_FOLDER, path.stem, path.suffix, data) as batch:
        (installed,) = batch.pending
        batch.publish()
    return installed


def _batch(folder: Path, stem: str, suffix: str, data: bytes) -> Batch:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        batch = Batch(folder)
        names = (f"{stem}{suffix}" if n == 1 else f"{stem} ({n}){suffix}" for n in itertools.count(1))
        batch.add(next(name for name in names if not (folder / name).exists()), data)
    except OSError as error:
        raise StoreError(
            f"presets cannot be saved in {folder} ({error.strerror or error}); "
            f"name another folder with {VARIABLE.format('VITAL')}, or leave out --install"
        ) from error
    return batch
