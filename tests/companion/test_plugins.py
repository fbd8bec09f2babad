"""Finding plugins and the command `synths`, on real ones in folders of the test's own."""

import json
import os
import shutil

import pytest

from companion.cli import run
from companion.errors import HostError
from companion.plugins import scan as plugins
from companion.plugins.scan import files_in, find_plugin, plugin_folders, scan


@pytest.fixture(scope="module")
def folder(tmp_path_factory, nekobi, kars):
    """Nekobi in a maker's folder, a copy of Kars, and a broken one; nothing of this machine's own, and one cache."""
    folder = tmp_path_factory.mktemp("plugins") / "VST3"
    (folder / "Maker").mkdir(parents=True)
    shutil.copytree(nekobi, folder / "Maker" / "Nekobi.vst3")
    shutil.copytree(kars, folder / "Kars.vst3")
    (folder / "Broken.vst3").write_bytes(b"no library")
    (folder / "readme.txt").write_text("nothing")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugins, "FOLDERS", dict.fromkeys(("linux", "darwin", "win32"), ()))
        patch.setenv(plugins.VARIABLE, str(folder))
        patch.setattr(plugins.platformdirs, "user_cache_path", lambda *a, **k: folder.parent / "cache")
        yield folder


def test_plugins_are_found_below_folders_and_not_inside_bundles(folder):
    assert [p.name for p in files_in([folder])] == ["Broken.vst3", "Kars.vst3", "Nekobi.vst3"]
    assert plugin_folders() == [folder]
    assert plugin_folders([folder, folder / "none"]) == [folder]


def test_each_says_what_it_is_and_a_broken_one_why_it_cannot_be_used(folder):
    found = {p.name: p for p in scan(files_in([folder]))}
    assert found["Nekobi"].is_instrument and found["Nekobi"].version and len(found["Nekobi"].parameters) == 8
    assert "Broken.vst3" in found["Broken"].error and not found["Broken"].is_instrument


def test_only_what_changed_is_asked_again(folder):
    asked = []

    def scan_again(**options):
        asked.clear()
        return scan(files_in([folder]), on_progress=lambda path, n, total: asked.append(path.stem), **options)

    first = scan_again(again=True)
    assert asked == ["Broken", "Kars", "Nekobi"]
    assert scan_again() == first and asked == []
    library = next((folder / "Kars.vst3").glob("Contents/*/*"))
    os.utime(library, ns=(1, library.stat().st_mtime_ns + 10**9))
    scan_again()
    assert asked == ["Kars"]
    (folder.parent / "cache" / "plugins.json").write_text('{"format": 2, "files": 7')  # damaged: made anew
    assert scan_again() == first and len(asked) == 3


def test_a_plugin_is_found_by_path_and_by_name(folder):
    path = folder / "Maker" / "Nekobi.vst3"
    assert find_plugin(str(path)) == (path, None)
    assert find_plugin("nekobi") == find_plugin("Nekobi.vst3") == (path, "Nekobi")
    for name in ("Moog", "Broken", str(folder / "Gone.vst3")):
        with pytest.raises(HostError, match="whispersynth synths"):
            find_plugin(name)
    twin = shutil.copytree(path, folder / "Nekobi.vst3")
    with pytest.raises(HostError, match="several"):
        find_plugin("nekobi")
    shutil.rmtree(twin)


def test_the_command_lists_them(folder, capfd):
    assert run(["synths", "--json"]) == 0
    found = {s["name"]: s for s in map(json.loads, capfd.readouterr().out.splitlines())}
    assert list(found) == ["vital", "Kars", "Nekobi"]
    assert found["vital"]["bound"] == "vital" and found["Nekobi"]["bound"] is None
    assert found["vital"]["learnt"] and not found["Nekobi"]["learnt"]
    assert found["Nekobi"]["parameters"] == 8 and found["Nekobi"]["path"].endswith("Nekobi.vst3")
    assert run(["synths", "--effects", "--json"]) == 0
    assert '"Broken"' in capfd.readouterr().out
    assert run(["synths"]) == 0
    table = capfd.readouterr().out
    assert "Nekobi" in table and "--effects lists them" in table
    assert run(["synths", "--parameters", "nekobi"]) == 0
    assert capfd.readouterr().out.splitlines()[2] == "Cutoff"


def test_a_serum_is_listed_as_bound(serumlike, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(plugins.platformdirs, "user_cache_path", lambda *a, **k: tmp_path)
    monkeypatch.setattr(plugins, "FOLDERS", dict.fromkeys(("linux", "darwin", "win32"), ()))
    monkeypatch.setenv(plugins.VARIABLE, os.pathsep.join(str(serumlike(n)) for n in (273, 349)))
    assert run(["synths", "--json"]) == 0
    found = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [s["bound"] for s in found[1:]] == ["serum1"] * 2
