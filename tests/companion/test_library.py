"""The library on disk, and the command that reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from companion import cli
from companion.disk.library import Library, Search, missing_files
from companion.errors import WhisperSynthError
from companion.serve.ledger import Ledger
from companion.serve.places import Places
from companion.serve.requests import JobRequest


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WHISPERSYNTH_DATA", str(tmp_path / "data"))
    return tmp_path


@pytest.fixture
def library(folder: Path) -> Library:
    return Library(Ledger(Places(folder / "data").prepare().ledger))


def add(library: Library, name: str, score: float = 0.1, kind: str = "recipe", **settings: Any) -> int:
    candidates = [
        {"rank": rank, "kind": kind, "score": score * rank, "settings": f"filter1 lp24 at {rank * 450} Hz",
         "files": {"wav": f"/nowhere/{name} {rank}.wav"}}
        for rank in (1, 2)
    ]  # fmt: skip
    result = {
        "note": 48,
        "note_off_s": 0.2,
        "seconds": 1.0,
        "warnings": ["loud"],
        "folder": "/nowhere",
        "candidates": candidates,
    }
    return library.add(result, "abc", JobRequest(f"/clips/{name}.wav", **settings))


def names(library: Library, **search: Any) -> list[str]:
    return [match["name"] for match in library.search(Search(**search))]


@pytest.mark.parametrize(
    ("search", "found"),
    [({}, ["50% bass", "kick_2", "kick"]), ({"text": "KICK"}, ["kick_2", "kick"]), ({"text": "kick_"}, ["kick_2"]),
     ({"text": "50%"}, ["50% bass"]), ({"text": "%"}, ["50% bass"]), ({"text": "900 kick_2"}, ["kick_2"]),
     ({"text": "'; DROP TABLE matches; --"}, []), ({"kind": "resynth"}, ["kick_2"]), ({"source": "live"}, ["50% bass"]),
     ({"below": 0.2}, ["kick"]), ({"limit": 1}, ["50% bass"]), ({"before": 2}, ["kick"])],
)  # fmt: skip
def test_search_narrows(library: Library, search: dict[str, Any], found: list[str]) -> None:
    add(library, "kick", 0.1)
    add(library, "kick_2", 0.5, "resynth")
    add(library, "50% bass", 0.9, source="live")
    assert names(library, **search) == found


def test_favourites_and_notes(library: Library) -> None:
    number = add(library, "kick")
    assert library.set_favourite(number, 2)["favourite"] == 2 and names(library, favourite=True) == ["kick"]
    assert library.set_favourite(number, 0)["favourite"] == 0 and names(library, favourite=True) == []
    assert library.set_notes(number, "for the drop")["notes"] == "for the drop" and names(
        library, text="drop"
    ) == ["kick"]
    for wrong in (3, -1):
        with pytest.raises(WhisperSynthError, match="no candidate"):
            library.set_favourite(number, wrong)
    with pytest.raises(WhisperSynthError, match="no match 99"):
        library.set_notes(99, "x")


def test_nothing_leaves_it(library: Library) -> None:
    number = add(library, "kick")
    library.hide(number)
    assert names(library) == [] and names(library, hidden=True) == ["kick"] and library.count() == 1
    library.hide(number, False)
    assert names(library) == ["kick"]


def test_a_newer_library_is_left_alone(folder: Path) -> None:
    path = Places(folder / "data").prepare().ledger
    ledger = Ledger(path)
    with ledger.change() as c:
        c.execute("PRAGMA user_version = 99")
    ledger.close()
    with pytest.raises(WhisperSynthError, match="newer"):
        Ledger(path)


def test_an_older_library_is_taken_over(folder: Path) -> None:
    path = Places(folder / "data").prepare().ledger
    ledger = Ledger(path)
    with ledger.change() as c:
        c.execute("ALTER TABLE candidates DROP COLUMN words")
        c.execute("INSERT INTO candidates VALUES (1, 1, 'recipe', 0.1, '', '{}', '[]')")
        c.execute("PRAGMA user_version = 1")
    ledger.close()
    assert Ledger(path).row("SELECT score, words FROM candidates")[:] == (0.1, "")


def test_a_damaged_library_is_a_sentence(folder: Path) -> None:
    path = Places(folder / "data").prepare().ledger
    path.write_bytes(b"no database at all" * 99)
    with pytest.raises(WhisperSynthError, match="move it away"):
        Ledger(path)


def test_the_command(library: Library, capfd: pytest.CaptureFixture[str]) -> None:
    add(library, "kick")

    def run(*args: str) -> str:
        assert cli.run(["library", *args]) == 0
        return capfd.readouterr().out

    assert "kick: very close (0.10) recipe, C2" in run()
    run("favourite", "1", "2")
    run("note", "1", "first")
    assert "The notes were: first" in run("note", "1", "second")
    shown = run("show", "1")
    assert "(not there any more)" in shown and "notes: second" in shown
    assert json.loads(run("search", "kick", "--json"))["favourite"] == 2
    assert "unhide 1" in run("hide", "1") and run() == ""
    assert "kick" in run("unhide", "1")
    assert cli.run(["library", "show", "9"]) == 1
    assert "there is no match 9" in capfd.readouterr().err


def test_a_match_by_the_command_is_in_it_too(
    library: Library, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = folder / "out"
    clip = Path(__file__).parents[2] / "examples" / "lead.flac"
    assert (
        cli.run(
            [
                "match",
                str(clip),
                "--seconds",
                "0",
                "--candidates",
                "1",
                "--kind",
                "resynth",
                "--out",
                str(out),
            ]
        )
        == 0
    )
    (match,) = library.search(Search(source="match"))
    assert match["name"] == "lead" and match["job"] is None and missing_files(match) == []
    assert Path(match["candidates"][0]["files"]["vital"]).parent == out
