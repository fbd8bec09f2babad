"""Saving is whole or not at all, never over anything; what was saved reads back the same."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.disk import batch
from companion.disk.store import (
    MAX_NAME_BYTES,
    prepare_folder,
    read_patch,
    read_preset,
    safe_name,
    save_audio,
    save_candidates,
    user_folder,
)
from companion.errors import StoreError
from companion.hosts.vital import VitalHost
from companion.judging.board import Candidate
from presets.errors import PresetError
from presets.patch import Patch
from presets.tables import table_frames

RECIPE = Patch({"filter1.on": True, "filter1.cutoff": 900, "osc1.position": 69}, note=48)
AUDIO = np.zeros((2, 441), np.float32)
SENTENCE = r"^[^\n]+; [^\n]+$"  # one line: what, and after the semicolon what to do


def candidate(patch=RECIPE, audio=AUDIO):
    return Candidate(patch, 0.1, audio)


def resynth():
    rng = np.random.default_rng(0)
    own = {
        "osc1.table": table_frames("brass")[::4],
        "sub.shape": table_frames("hollow")[:1],
        "noise.kind": (rng.standard_normal((2, 3000)) / 8).astype(np.float32),
        "lfo1.shape": np.array([[0, 0, 0], [1 / 3, 1, -2.5], [1, 0.1, 0]], np.float32),
    }
    on = {"sub.on": True, "noise.on": True, "mod1.source": "lfo1", "mod1.amount": 20}
    return Patch({**dict.fromkeys(own, "own"), **on}, note=50, assets=own)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_files_are_named_after_the_clip_and_reported_in_rank_order(tmp_path):
    saved = save_candidates("kick", [candidate(), candidate(resynth())], tmp_path)
    assert [sorted(files) for files in saved] == [["txt", "vital", "wav"]] * 2
    assert [files["vital"].name for files in saved] == ["kick 1 recipe.vital", "kick 2 resynth.vital"]
    assert all(path.is_file() and path.is_absolute() for files in saved for path in files.values())
    assert all(name.startswith(("kick 1 recipe", "kick 2 resynth")) for name in names(tmp_path))


def test_a_preset_says_in_the_synth_where_it_is_from_and_how_near_it_is(tmp_path):
    near = Candidate(resynth(), 0.2, AUDIO, words="a close relative", differs=("darker", "softer attack"))
    plain, told = save_candidates("kick", [candidate(), near], tmp_path)
    made = "Made by WhisperSynth from 'kick', heard at"
    assert json.loads(plain["vital"].read_text())["comments"] == f"{made} C2."
    preset = json.loads(told["vital"].read_text())
    assert preset["comments"] == f"{made} D2: a close relative (darker, softer attack)."
    own = preset["settings"]["wavetables"][0], preset["settings"]["lfos"][0], preset["settings"]["sample"]
    assert {one["name"] for one in own} == {preset["preset_name"]} == {"kick 2 resynth"}


def test_every_kind_of_own_data_reads_back_the_same(tmp_path):
    original = resynth()
    (files,) = save_candidates("pad", [candidate(original)], tmp_path)
    again = read_patch(files["txt"])
    assert again.values == original.values and again.note == 50
    assert set(again.assets) == set(original.assets)
    for name, data in original.assets.items():
        np.testing.assert_array_equal(again.assets[name], data)


def test_the_saved_vital_file_sounds_like_the_saved_text(tmp_path):
    (files,) = save_candidates("pad", [candidate()], tmp_path)
    from_vital, from_text = (
        VitalHost(),
        VitalHost(),
    )
    from_vital.set_text(files["vital"].read_text())
    a = from_vital.render(48, 0.4, 0.5)
    b = from_text.render_patch(read_patch(files["txt"]), 48, 0.4, 0.5)
    assert np.abs(a).max() > 0.05
    # Not equal: on disk a table spans the knob's 256 steps, in the engine it is packed (see patch_to_vital).
    assert np.sqrt(np.mean((a - b) ** 2)) < 0.03 * np.sqrt(np.mean(a**2))


def test_a_vital_preset_is_read_with_what_it_lost(tmp_path):
    (files,) = save_candidates("pad", [candidate()], tmp_path)
    reading = read_preset(files["vital"])
    assert reading.patch["filter1.cutoff"] == pytest.approx(900, rel=1e-3)
    assert reading.coverage == 1


def test_a_second_run_goes_on_with_the_next_numbers_and_changes_nothing(tmp_path):
    save_candidates("kick", [candidate()] * 2, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    save_candidates("KICK", [candidate(resynth())], tmp_path)
    assert all(path.read_bytes() == data for path, data in before.items())
    assert "KICK 3 resynth.txt" in names(tmp_path)  # one folder to Windows and macOS: no two numbers alike


def test_a_number_the_user_has_taken_is_left_alone(tmp_path):
    (tmp_path / "kick 1 my favourite.vital").write_text("mine")
    save_candidates("kick", [candidate()], tmp_path)
    assert (tmp_path / "kick 1 my favourite.vital").read_text() == "mine"
    assert "kick 2 recipe.vital" in names(tmp_path)


RUN = """
import sys
from pathlib import Path
import numpy as np
from companion.judging.board import Candidate
from companion.disk.store import save_candidates
from presets.patch import Patch
sys.stdin.readline()  # everyone at once
for _ in range(4):
    save_candidates("kick", [Candidate(Patch(), 0.1, np.zeros((2, 99), np.float32))] * 3, Path(sys.argv[1]))
"""


def test_two_runs_at_once_into_one_folder_get_numbers_of_their_own(tmp_path):
    command = [sys.executable, "-c", RUN, str(tmp_path)]
    runs = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(2)]
    for run in runs:
        run.stdin.write(b"go\n")
        run.stdin.flush()
    assert [run.wait(60) for run in runs] == [0, 0]
    expected = {f"kick {n} recipe.{kind}" for n in range(1, 25) for kind in ("txt", "vital", "wav")}
    assert set(names(tmp_path)) == expected


# -- nothing half-written -----------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 256 kB, which holds one candidate and not two."""
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("mounting a small disk takes root on Linux")
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True
    ).returncode:
        pytest.skip("this machine lets nobody mount a disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_one_sentence_and_leaves_nothing(small_disk):
    save_candidates("kick", [candidate()], small_disk)
    before = names(small_disk)
    with pytest.raises(StoreError, match="the disk is full") as told:
        save_candidates("kick", [candidate()] * 5, small_disk)
    assert told.match(SENTENCE)
    assert names(small_disk) == before


def test_a_write_that_breaks_off_leaves_nothing(tmp_path):
    """A limit on file size: the text fits and the preset does not, as on a disk that fills up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(StoreError, match=SENTENCE):
            save_candidates("kick", [candidate()], tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(tmp_path) == []


def test_a_candidate_that_cannot_be_written_takes_the_others_with_it(tmp_path):
    broken = candidate(audio=np.full((2, 9), np.nan, np.float32))
    with pytest.raises(PresetError):
        save_candidates("kick", [candidate(), broken], tmp_path)
    assert names(tmp_path) == []


def test_an_error_between_two_names_takes_the_first_back(tmp_path, monkeypatch):
    given_names = []

    def second_fails(part, final):
        if given_names:
            raise OSError(errno.ENOSPC, "No space left on device")
        os.link(part, final)
        given_names.append(final)

    monkeypatch.setattr(batch, "_give_name", second_fails)
    with pytest.raises(StoreError, match="the disk is full"):
        save_candidates("kick", [candidate()], tmp_path)
    assert given_names and names(tmp_path) == []


def test_ctrl_c_waits_for_the_set_to_be_whole(tmp_path, monkeypatch):
    def interrupted(part, final):
        signal.raise_signal(signal.SIGINT)
        os.link(part, final)

    monkeypatch.setattr(batch, "_give_name", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_candidates("kick", [candidate()], tmp_path)
    assert names(tmp_path) == ["kick 1 recipe.txt", "kick 1 recipe.vital", "kick 1 recipe.wav"]


def test_a_disk_without_hard_links_is_served_too(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    (files,) = save_candidates("kick", [candidate()], tmp_path)
    assert read_patch(files["txt"])["filter1.cutoff"] == 900
    part, mine = tmp_path / "part", tmp_path / "mine"
    part.write_text("new")
    mine.write_text("mine")
    with pytest.raises(FileExistsError):
        batch._give_name(part, mine)
    assert mine.read_text() == "mine"


# -- names and folders --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("kick", "kick"),
        ("a/b\\c:d*e?f", "a_b_c_d_e_f"),
        ("line\nbreak\u2028here", "line break here"),
        ("  dots... ", "dots"),
        (".hidden", "hidden"),
        ("con", "_con"),
        ("Aux.old", "_Aux.old"),
        ("コード", "コード"),
        ("\udcff", "clip"),
        ("", "clip"),
    ],
)
def test_names_are_safe_everywhere(name, safe):
    assert safe_name(name) == safe


@given(st.text(max_size=200))
def test_any_name_is_made_safe(name):
    safe = safe_name(name)
    assert safe and safe == safe.strip(" .") and len(safe.encode()) <= MAX_NAME_BYTES + 1
    assert not set(safe) & set('<>:"/\\|?*\n\r\t\0') and len(safe.splitlines()) == 1
    assert safe_name(safe) == safe


def test_the_strangest_name_is_written_and_read(tmp_path):
    (files,) = save_candidates('a "b"\n/../\u202e[bold]' + "é" * 300, [candidate(resynth())], tmp_path)
    assert files["txt"].parent == tmp_path
    assert read_patch(files["txt"]).kind == "resynth"


def test_the_users_own_folder_is_among_the_documents(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DOCUMENTS_DIR", str(tmp_path))
    if sys.platform == "linux":
        assert user_folder() == tmp_path / "WhisperSynth"
    assert user_folder().name == "WhisperSynth"


def test_a_folder_is_made_with_its_parents(tmp_path):
    assert prepare_folder(tmp_path / "a" / "b").is_dir()
    assert names(tmp_path / "a" / "b") == []


@pytest.mark.parametrize("below", ["", "below"])
def test_a_file_in_the_place_of_a_folder_is_one_sentence(tmp_path, below):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StoreError, match="a file stands where a folder is wanted") as told:
        prepare_folder(tmp_path / "file" / below)
    assert told.match(SENTENCE)


def test_no_permission_is_one_sentence(tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    target = (
        Path("/sys/whispersynth") if os.geteuid() == 0 else locked / "new"
    )  # root may write anywhere but there
    if os.geteuid() == 0 and not Path("/sys/kernel").is_dir():
        pytest.skip("root may write everywhere here")
    with pytest.raises(StoreError, match=r"may not write there|read-only") as told:
        prepare_folder(target)
    assert told.match(SENTENCE)


# -- one sound ----------------------------------------------------------------------------------------------------


def test_a_sound_takes_the_next_free_name_in_a_folder(tmp_path):
    paths = [save_audio(AUDIO, tmp_path, "kick C3") for _ in range(3)]
    assert [path.name for path in paths] == ["kick C3.wav", "kick C3 2.wav", "kick C3 3.wav"]


def test_a_named_sound_is_never_replaced(tmp_path):
    path = save_audio(AUDIO, tmp_path / "new" / "a.wav", "unused")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="is there already"):
        save_audio(AUDIO + 1, path, "unused")
    assert path.read_bytes() == before and names(path.parent) == ["a.wav"]


# -- reading what is none -----------------------------------------------------------------------------------------


def unreadable(tmp_path):
    """name -> what stands in the file."""
    good = "whispersynth patch 1\nnote = 60 (C3)\n\n[osc1]\n"
    return {
        "missing.txt": None,
        "wrong.wav": b"RIFF",
        "binary.txt": bytes(range(256)),
        "empty.txt": b"",
        "poem.txt": b"roses are red\n",
        "line.txt": (good + "level = loud\n").encode(),
        "frames.txt": (good + 'table = own "gone.wav"\n').encode(),
        "broken.vital": b'{"settings": ',
        "list.vital": b"[]",
        "deep.vital": b"[" * 100_000,
        "huge.txt": b"#" * (2**20 + 1),
    }


@pytest.mark.parametrize("name", unreadable(Path()))
def test_what_is_no_patch_is_one_sentence_that_names_the_file(tmp_path, name):
    data, path = unreadable(tmp_path)[name], tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(PresetError, match=r"^[^\n]+$") as told:
        read_patch(path)
    assert name in str(told.value)


def test_a_broken_line_gives_its_number(tmp_path):
    path = tmp_path / "p.txt"
    path.write_text("whispersynth patch 1\n\n[filter1]\ncutoff = 900 dB\n")
    with pytest.raises(PresetError, match=r"line 4: .*13 to 21000 Hz"):
        read_patch(path)


def test_a_folder_is_no_patch(tmp_path):
    with pytest.raises(PresetError, match="is a folder"):
        read_patch(tmp_path)
