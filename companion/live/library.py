"""Where Ableton Live keeps its User Library: told by Live's own preferences, else where Live puts it unless told otherwise."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import platformdirs

LARGEST_CFG = 1 << 20
OLDEST_LIVE = 11
PROJECT = ".//UserLibrary/LibraryProject"
NAME = "User Library"


@dataclass(frozen=True)
class Preferences:
    """One version of Live, as its preferences folder tells of it."""

    folder: Path
    version: tuple[int, ...]
    """(12, 1, 5)"""

    @property
    def name(self) -> str:
        """`Live 12.1.5`."""
        return f"Live {'.'.join(map(str, self.version))}"

    @property
    def library(self) -> Path | None:
        """The User Library that this version uses, where it says so."""
        for place in (
            self.folder / "Library.cfg",
            self.folder / "Preferences" / "Library.cfg",
        ):  # macOS, Windows
            found = _read_cfg(place)
            if found is not None:
                return found
        return None


def preferences() -> list[Preferences]:
    """Every version of Live that has run for this user, newest first."""
    found = []
    for folder in _preferences_root().glob("Live *"):
        version = re.fullmatch(r"Live (\d+(?:\.\d+)*)\w*", folder.name)
        if version and folder.is_dir():
            found.append(Preferences(folder, tuple(int(part) for part in version[1].split("."))))
    return sorted(found, key=lambda one: one.version, reverse=True)


def _preferences_root() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", Path.home() / "AppData" / "Roaming")) / "Ableton"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Preferences" / "Ableton"
    return _wine_home() / "AppData" / "Roaming" / "Ableton"


def _wine_home() -> Path:
    """Live has no Linux build; some run it in Wine."""
    prefix = Path(os.environ.get("WINEPREFIX", Path.home() / ".wine"))
    return prefix / "drive_c" / "users" / os.environ.get("USER", Path.home().name)


def _read_cfg(path: Path) -> Path | None:
    """The folder that a Library.cfg names: ProjectPath, or ProjectName in it."""
    try:
        with path.open("rb") as file:
            project = ElementTree.fromstring(file.read(LARGEST_CFG)).find(PROJECT)
    except (OSError, ElementTree.ParseError):
        return None
    parent = _value(project, "ProjectPath")
    if not parent:
        return None
    base = Path(os.path.expandvars(parent)).expanduser()
    inside = base / (_value(project, "ProjectName") or NAME)
    return next((folder for folder in (inside, base) if folder.is_absolute() and folder.is_dir()), None)


def _value(project: ElementTree.Element | None, name: str) -> str:
    found = project.find(name) if project is not None else None
    return found.get("Value", "") if found is not None else ""


def usual_library() -> Path:
    """Where Live puts its User Library unless told otherwise."""
    if sys.platform == "darwin":
        return Path.home() / "Music" / "Ableton" / NAME
    if sys.platform == "win32":
        return platformdirs.user_documents_path() / "Ableton" / NAME
    return _wine_home() / "Documents" / "Ableton" / NAME


def libraries() -> list[Path]:
    """Every User Library of this user that is there; that of the newest Live first."""
    return list(dict.fromkeys(folder.resolve() for folder in _candidates() if folder.is_dir()))


def _candidates() -> Iterator[Path]:
    for one in preferences():
        if one.library is not None:
            yield one.library
    yield usual_library()
