"""The script into Live's User Library and out: found, renewed, never over what is not ours, whole or not at all."""

import json
import os
import sys
from pathlib import Path

import pytest

import companion.live
from companion.cli import run
from companion.errors import StoreError
from companion.live import install as installer
from companion.live import library as places
from companion.live.install import choose, install, state_of, uninstall

CFG = """<?xml version="1.0" encoding="UTF-8"?>
<Ableton MajorVersion="5"><ContentLibrary><UserLibrary><LibraryProject Id="0">
<ProjectName Value="{name}" /><ProjectPath Value="{path}" />
</LibraryProject></UserLibrary></ContentLibrary></Ableton>"""


@pytest.fixture
def user_library(tmp_path):
    folder = tmp_path / "User Library"
    folder.mkdir()
    return folder


@pytest.fixture
def installed(user_library, tmp_path):
    return install(state_of(user_library), tmp_path / "data")


@pytest.fixture(params=["darwin", "win32", "linux"])
def system(request, tmp_path, monkeypatch):
    """A home on each system: where preferences lie, and how Library.cfg lies in them."""
    monkeypatch.setattr(sys, "platform", request.param)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setenv("APPDATA", str(tmp_path / "AppData" / "Roaming"))
    monkeypatch.setenv("WINEPREFIX", str(tmp_path / "wine"))
    monkeypatch.setattr(places.platformdirs, "user_documents_path", lambda: tmp_path / "Documents")
    monkeypatch.setenv("USER", "me")
    return request.param


def live_was_here(version, library, on):
    """Writes a Library.cfg as Live does."""
    folder = places._preferences_root() / f"Live {version}"
    cfg = folder / "Library.cfg" if on == "darwin" else folder / "Preferences" / "Library.cfg"
    cfg.parent.mkdir(parents=True)
    cfg.write_text(CFG.format(name=library.name, path=library.parent))


def test_the_library_that_live_names(system, tmp_path):
    moved, usual = tmp_path / "Sounds" / "My Library", places.usual_library()
    for folder in (moved, usual):
        folder.mkdir(parents=True)
    live_was_here("11.3.42", usual, system)
    live_was_here("12.1", moved, system)
    assert [one.name for one in places.preferences()] == ["Live 12.1", "Live 11.3.42"]
    assert places.libraries() == [moved, usual]
    assert choose(None).library == moved


def test_the_usual_library_where_live_names_none(system):
    usual = places.usual_library()
    assert places.libraries() == []
    usual.mkdir(parents=True)
    assert places.libraries() == [usual]


def test_a_path_that_names_the_library_itself(system, tmp_path):
    """Live 12.2 is said to write that."""
    library = tmp_path / "Elsewhere"
    library.mkdir()
    folder = places._preferences_root() / "Live 12.2"
    folder.mkdir(parents=True)
    (folder / "Library.cfg").write_text(CFG.format(name="User Library", path=library))
    assert places.libraries() == [library]


@pytest.mark.parametrize("text", ["", "<a", "<Ableton/>", CFG.format(name="x", path=""), "\0\1"])
def test_preferences_that_tell_nothing(system, text):
    folder = places._preferences_root() / "Live 12.0"
    folder.mkdir(parents=True)
    (folder / "Library.cfg").write_text(text)
    assert places.libraries() == []


def test_a_live_that_is_too_old(system, tmp_path):
    assert installer.check_live() == ""
    live_was_here("10.1.43", tmp_path, system)
    with pytest.raises(StoreError, match=r"Live 10\.1\.43; the script needs Live 11"):
        installer.check_live()
    live_was_here("11.0", tmp_path, system)
    assert installer.check_live() == "Live 11.0"


def test_no_library(system):
    with pytest.raises(StoreError, match="--library"):
        choose(None)


def test_a_folder_that_is_none(tmp_path):
    with pytest.raises(StoreError, match="is no folder"):
        choose(tmp_path / "nowhere")


def test_where_it_is_installed_already_it_is_renewed(system, tmp_path):
    newer, older = tmp_path / "New", tmp_path / "Old"
    for folder, version in ((newer, "12.0"), (older, "11.0")):
        folder.mkdir()
        live_was_here(version, folder, system)
    install(state_of(older), tmp_path)
    assert choose(None).library == older


def test_what_is_installed_is_the_script(installed, tmp_path):
    assert installed.is_current
    source = Path(companion.live.__file__).parent / "WhisperSynth"
    for path in source.glob("*.py"):
        assert (installed.folder / path.name).read_bytes() == path.read_bytes()
    assert json.loads((installed.folder / "config.json").read_text()) == {
        "osc_port": 11000,
        "data": str(tmp_path / "data"),
    }
    assert {path.name for path in installed.folder.parent.iterdir()} == {"WhisperSynth"}


def test_uninstalled_it_is_gone(installed):
    (installed.folder / "__pycache__").mkdir()
    assert uninstall(installed) == []
    assert not installed.folder.exists()
    assert installed.folder.parent.is_dir()
    with pytest.raises(StoreError, match="not installed"):
        uninstall(state_of(installed.library))


def test_renewing_keeps_settings_and_what_else_is_there(installed, tmp_path):
    installer.set_button(installed, "match", "note", 36, 10)
    (installed.folder / "notes.txt").write_text("mine")
    (installed.folder / "old").mkdir()
    (installed.folder / "old" / "x").write_text("mine too")
    again = install(state_of(installed.library), tmp_path / "other")
    settings = installer.read_settings(again.folder)
    assert settings["buttons"] == {"match": {"kind": "note", "channel": 10, "number": 36}}
    assert settings["data"] == str(tmp_path / "other")
    assert (again.folder / "notes.txt").read_text() == "mine"
    assert (again.folder / "old" / "x").read_text() == "mine too"
    assert [path.name for path in uninstall(again)] == ["notes.txt", "old"]
    assert (again.folder / "notes.txt").read_text() == "mine"


def test_an_older_version_is_renewed_and_files_it_had_alone_go(installed, tmp_path):
    record = json.loads((installed.folder / "installed.json").read_text())
    gone = installed.folder / "gone.py"
    gone.write_bytes(b"")
    record["files"]["gone.py"] = installer._hash(b"")
    record["script"] = "0"
    (installed.folder / "bridge.py").write_bytes(b"old")
    record["files"]["bridge.py"] = installer._hash(b"old")
    (installed.folder / "installed.json").write_text(json.dumps(record))
    assert not state_of(installed.library).is_current
    assert install(state_of(installed.library), tmp_path).is_current
    assert not gone.exists()


@pytest.mark.parametrize("act", [uninstall, lambda state: install(state, Path("/data"))])
def test_a_folder_of_another_is_left_alone(user_library, act):
    folder = user_library / "Remote Scripts" / "WhisperSynth"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("theirs")
    with pytest.raises(StoreError, match="was not put there by WhisperSynth"):
        act(state_of(user_library))
    assert [path.name for path in folder.iterdir()] == ["__init__.py"]


@pytest.mark.parametrize("act", [uninstall, lambda state: install(state, Path("/data"))])
def test_files_changed_by_hand_are_left_alone(installed, act):
    (installed.folder / "clips.py").write_text("# mine")
    with pytest.raises(StoreError, match=r"clips\.py in .* was changed by hand"):
        act(state_of(installed.library))
    assert (installed.folder / "clips.py").read_text() == "# mine"


@pytest.mark.parametrize(
    "record",
    [
        "",
        "[]",
        '{"app": "other", "files": {}, "script": "1"}',
        '{"app": "whispersynth", "script": "1", "files": {"../../x.py": ""}}',
        '{"app": "whispersynth", "files": {}}',
        '{"app": "whispersynth", "script": "1", "files": ["a.py"]}',
    ],
)
def test_a_record_that_is_not_ours_makes_the_folder_foreign(installed, record):
    (installed.folder / "installed.json").write_text(record)
    assert state_of(installed.library).foreign


def test_what_fails_halfway_leaves_what_was(installed, tmp_path, monkeypatch):
    def broken(*_):
        raise OSError(28, "No space left on device")

    before = {path.name: path.read_bytes() for path in installed.folder.iterdir()}
    monkeypatch.setattr(installer, "_build", broken)
    with pytest.raises(StoreError, match="No space left"):
        install(installed, tmp_path)
    monkeypatch.undo()
    rename = Path.rename
    monkeypatch.setattr(Path, "rename", lambda a, b: broken() if a.name.endswith(".part") else rename(a, b))
    with pytest.raises(StoreError, match="No space left"):
        install(installed, tmp_path)
    assert {path.name: path.read_bytes() for path in installed.folder.iterdir()} == before
    assert [path.name for path in installed.folder.parent.iterdir()] == ["WhisperSynth"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="this user may write everywhere")
def test_a_library_that_may_not_be_written(user_library):
    user_library.chmod(0o555)
    try:
        with pytest.raises(StoreError, match="permissions"):
            install(state_of(user_library), Path("/data"))
    finally:
        user_library.chmod(0o755)


def test_abletonosc_keeps_its_port(user_library, tmp_path):
    (user_library / "Remote Scripts" / "AbletonOSC").mkdir(parents=True)
    assert installer.read_settings(install(state_of(user_library), tmp_path).folder)["osc_port"] == 0


@pytest.mark.parametrize(
    "wrong",
    [("dance", "note", 1, 1), ("match", "pad", 1, 1), ("match", "note", 128, 1), ("match", "cc", 1, 17)],
)
def test_buttons_that_make_no_sense(installed, wrong):
    with pytest.raises(StoreError, match="no button"):
        installer.set_button(installed, *wrong)


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.fixture
def command(user_library, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("WHISPERSYNTH_DATA", str(tmp_path / "data"))

    def call(*arguments):
        code = run(["live", *arguments])
        return code, *capfd.readouterr()

    return call


def test_the_command_from_beginning_to_end(command, user_library):
    there = ["--library", str(user_library)]
    code, out, _ = command("install", *there)
    assert code == 0
    assert "is installed in" in out
    assert "Control Surface" in out
    assert "is renewed in" in command("install", *there)[1]
    assert command("button", "match", "--note", "C1", "--channel", "10", *there)[0] == 0
    code, out, _ = command("status", *there)
    assert code == 1  # no companion runs, no Live is connected
    assert "installed, version 1" in out
    assert "'number': 36" in out
    assert "not connected" in out
    assert command("uninstall", *there)[0] == 0
    assert "not installed" in command("uninstall", *there)[2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["button", "match"], "either --note or --cc"),
        (["button", "match", "--note", "36", "--cc", "3"], "either --note or --cc"),
        (["button", "match", "--note", "H9"], "H9"),
        (["button", "match", "--cc", "3"], "not installed"),
        (["match"], "whispersynth serve"),
        (["install", "--library", "/nowhere/at/all"], "is no folder"),
    ],
)
def test_mistakes_are_one_line(command, user_library, arguments, words):
    there = [] if arguments[0] == "match" or "--library" in arguments else ["--library", str(user_library)]
    code, _, told = command(*arguments, *there)
    assert code in (1, 2)
    assert words in told
    assert told.count("\n") == 1


def test_the_list(command, system, tmp_path):
    library = tmp_path / "Sounds"
    library.mkdir()
    live_was_here("12.1", library, system)
    out = command("install", "--list")[1]
    assert out == f"{library}\tnot installed\nLive 12.1\t{library}\n"
    assert not (library / "Remote Scripts").exists()
