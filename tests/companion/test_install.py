"""Synths' own preset folders: found per system, moved in their settings, never written over."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from companion.disk import install
from companion.disk.install import HOMES, install_file, preset_folder
from companion.errors import StoreError
from presets.patch import Patch
from presets.vital import parse

PATCH = Patch({"filter1.on": True, "filter1.type": "lp24", "filter1.cutoff": 900.0}, note=48)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    for name in (
        "XDG_DATA_HOME",
        "APPDATA",
        *(f"WHISPERSYNTH_PRESETS_{n}" for n in ("VITAL", "SERUM", "SERUM2")),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(install.platformdirs, "user_documents_path", lambda: tmp_path / "Documents")
    return tmp_path


@pytest.mark.parametrize(
    ("suffix", "system", "folder"),
    [(".vital", "linux", ".local/share/vital/User/Presets"), (".vital", "darwin", "Music/Vital/User/Presets"),
     (".vital", "win32", "Documents/Vital/User/Presets"), (".fxp", "win32", "Documents/Xfer/Serum Presets/Presets/User"),
     (".fxp", "darwin", "/Library/Audio/Presets/Xfer Records/Serum Presets/Presets/User"),
     (".serumpreset", "win32", "Documents/Xfer/Serum 2 Presets/Presets/User"),
     (".serumpreset", "darwin", "/Library/Audio/Presets/Xfer Records/Serum 2 Presets/Presets/User")],
)  # fmt: skip
def test_folders_by_system(
    home: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, system: str, folder: str
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    assert preset_folder(HOMES[suffix]) == home / folder


@pytest.mark.parametrize(
    ("suffix", "system", "config", "key", "below"),
    [(".vital", "linux", ".vital/Vital.config", "data_directory", "User/Presets"),
     (".vital", "darwin", "Library/Application Support/vital/Vital.config", "data_directory", "User/Presets"),
     (".fxp", "darwin", "Library/Preferences/SerumPrefs.json", "Serum Presets Path", "Presets/User"),
     (".serumpreset", "win32", "AppData/Roaming/Xfer/Serum 2/Serum2Prefs.json", "Serum Presets Path", "Presets/User")],
)  # fmt: skip
def test_folders_that_were_moved(
    home: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, system: str, config: str, key: str, below: str
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    usual, moved = preset_folder(HOMES[suffix]), home / "moved"
    settings = home / config
    settings.parent.mkdir(parents=True)
    for text in ("{", "[]", json.dumps({key: 7}), json.dumps({key: str(home / "gone")})):
        settings.write_text(text)
        assert preset_folder(HOMES[suffix]) == usual
    moved.mkdir()
    settings.write_text(json.dumps({key: str(moved)}))
    assert preset_folder(HOMES[suffix]) == moved / below


def test_a_folder_of_ones_own_and_nothing_overwritten(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHISPERSYNTH_PRESETS_VITAL", str(home / "mine"))
    saved = home / "Bass 1 recipe.vital"
    paths = [install_file(PATCH, saved) for _ in range(3)]
    names = ("Bass 1 recipe.vital", "Bass 1 recipe (2).vital", "Bass 1 recipe (3).vital")
    assert paths == [home / "mine" / "WhisperSynth" / name for name in names]
    document = parse(paths[0].read_text("utf-8"))  # type: ignore[union-attr]
    assert document["macro1"] == "CUTOFF" and document["preset_name"] == "Bass 1 recipe"


def test_other_synths_get_the_file_itself(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHISPERSYNTH_PRESETS_SERUM", str(home / "serum"))
    saved = home / "Bass.fxp"
    saved.write_bytes(b"a preset")
    path = install_file(PATCH, saved)
    assert path == home / "serum" / "WhisperSynth" / "Bass.fxp" and path.read_bytes() == b"a preset"
    assert install_file(PATCH, home / "Bass.wav") is None


def test_a_folder_that_cannot_be_made_is_a_sentence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "file").write_text("")
    monkeypatch.setenv("WHISPERSYNTH_PRESETS_VITAL", str(home / "file"))
    with pytest.raises(StoreError, match="WHISPERSYNTH_PRESETS_VITAL"):
        install_file(PATCH, home / "Bass.vital")
