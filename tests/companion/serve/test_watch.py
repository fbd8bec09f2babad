"""A watched folder, with real files and real exports: every clip once, when it is whole, under its name."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from companion.hearing.audio import read_clip
from companion.serve.arrivals import Arrivals, is_whole
from companion.serve.client import Client
from companion.serve.places import Places
from companion.serve.watch import Watch
from companion.serve.watching import open_watch
from presets.wav import encode_samples

Clip = Callable[..., Path]
PATIENCE_S = 120.0


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def watch(client: Client, where: Places, inbox: Path, told: list[str]) -> Iterator[Watch]:
    made = open_watch(inbox, {"out": "beside"}, client, where, say=told.append)
    thread = threading.Thread(target=made.run)
    thread.start()
    yield made
    made.stop()
    thread.join(10)
    assert not thread.is_alive()


def wait_for(is_so: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)


def presets(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.vital"))


def test_clips_are_matched_beside_them_and_results_are_not(
    watch: Watch, inbox: Path, clip: Clip, told: list[str]
) -> None:
    made = clip("Snäre 01 [dry]", inbox)
    wait_for(lambda: len(presets(inbox)) == 2)
    assert presets(inbox) == ["Snäre 01 [dry] 1 recipe.vital", "Snäre 01 [dry] 2 recipe.vital"]
    shutil.copy(inbox / "Snäre 01 [dry] 1 recipe.wav", inbox / "a copy of a result.wav")
    shutil.copy(made, inbox / "the same sound.wav")
    wait_for(lambda: watch.tally.again == 1 and watch.tally.own == 1)
    assert any("the same sound.wav: the same sound as Snäre" in line for line in told)
    clip("next", inbox)
    wait_for(lambda: len(presets(inbox)) == 4)
    assert watch.tally.sent == 2 and not watch.tally.refused


def test_half_written_files_are_waited_for(watch: Watch, client: Client, inbox: Path) -> None:
    data = encode_samples((0.5 * np.sin(np.arange(44_100) / 20))[None])
    with (inbox / "slowly.wav").open("wb") as file:
        for at in range(0, len(data), len(data) // 4 + 1):
            file.write(data[at : at + len(data) // 4 + 1])
            file.flush()
            time.sleep(0.6)
            assert watch.tally.sent == 0
    wait_for(lambda: watch.tally.sent == 1)
    wait_for(lambda: len(presets(inbox)) == 2)


def test_no_sound_is_said_and_the_rest_goes_on(watch: Watch, client: Client, inbox: Path, clip: Clip) -> None:
    (inbox / "notes.txt").write_text("no clip")
    (inbox / ".hidden.wav").write_bytes(b"RIFF")
    (inbox / "broken.flac").write_bytes(b"fLaC nothing")
    clip("good", inbox)
    wait_for(lambda: watch.tally.sent == 2 and len(presets(inbox)) == 2)
    (failed,) = [job for job in client.call("GET", "/jobs?state=failed")["jobs"] if job["name"] == "broken"]
    assert "not a sound file" in failed["error"]


def test_what_was_there_stays_and_what_came_in_between_does_not(
    client: Client, where: Places, inbox: Path, clip: Clip
) -> None:
    clip("old", inbox)

    def sent(existing: bool = False) -> int:
        made = open_watch(inbox, {}, client, where, existing)
        thread = threading.Thread(target=made.run)
        thread.start()
        wait_for(lambda: made.looks > 0 and not made._arrivals.waiting)
        made.stop()
        thread.join()
        return made.tally.sent

    assert sent() == 0
    clip("in between", inbox)
    assert sent() == 1  # a watch that begins again goes on where it was
    assert sent() == 0
    assert sent(existing=True) == 1


@pytest.mark.parametrize(("kind", "magic"), [("little", b"RIFF"), ("big", b"FORM")])
def test_a_header_says_how_long_a_file_is(tmp_path: Path, kind: str, magic: bytes) -> None:
    path = tmp_path / "clip.wav"
    body = magic + (92).to_bytes(4, kind) + b"WAVE" + bytes(88)  # type: ignore[arg-type]
    for n, whole in ((100, True), (99, False), (60, False), (8, False), (120, True)):
        path.write_bytes((body + bytes(50))[:n])
        assert is_whole(path) is whole
    path.write_bytes(magic + bytes(4) + b"WAVE" + bytes(500))  # a header that is filled in at the end
    assert not is_whole(path)


def test_results_and_their_data_are_known_by_what_lies_beside_them(tmp_path: Path) -> None:
    for name in ("kick 1 resynth.txt", "kick 1 resynth.vital", "kick 1 resynth.wav", "kick 1 resynth osc1 table.wav",
                 "lone 1 recipe.wav", "kick.wav"):  # fmt: skip
        (tmp_path / name).write_bytes(b"x")
    assert sorted(Path(path).name for path in Arrivals(tmp_path).present()) == [
        "kick.wav",
        "lone 1 recipe.wav",
    ]


def test_folders_in_the_folder(tmp_path: Path, clip: Clip) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    clip("deep", tmp_path / "a" / "b")
    assert not Arrivals(tmp_path / "a").present() and len(Arrivals(tmp_path / "a", deep=True).present()) == 1


def test_a_folder_that_goes_and_comes_back(tmp_path: Path, clip: Clip) -> None:
    folder = tmp_path / "usb"
    arrivals = Arrivals(folder, settled_s=0.0)
    assert arrivals.look() == []
    folder.mkdir()
    clip("kick", folder)
    arrivals.look()
    (found,) = arrivals.look()
    arrivals.take(found)
    assert arrivals.look() == [] and found.name == "kick.wav"


# -- a real DAW -----------------------------------------------------------------------------------------------------

EXPORT = next((path for n in (7, 8, 9) if (path := shutil.which(f"ardour{n}-export"))), None)
LUA = EXPORT and shutil.which(EXPORT.replace("-export", "-lua"))
RATE = 48_000
PEAK = 0.4
SUPERCLOCKS = 282_240_000  # a second, in which Ardour writes times

NEW_SESSION = """
local session = create_session ("{folder}", "{name}", {rate})
session:new_audio_track (1, 2, nil, 1, "Clip", ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal, true)
session:save_state ("")
close_session ()
quit ()
"""
SOURCE = '<Source name="clip.wav" type="audio" flags="" id="9001" natural-position="a0" channel="0" origin="" gain="1"/>'
REGION = (
    '<Region name="clip" id="{id}" type="audio" whole-file="{whole}" start="a0" length="{length}@a0" sync-position="a0"'
    ' opaque="1" fade-in-active="0" fade-out-active="0" scale-amplitude="1" first-edit="nothing" layering-index="0"'
    ' source-0="9001" master-source-0="9001" channels="1"/>'
)
RANGE = '<Location id="9004" name="session" start="a0" end="{length}" flags="IsSessionRange" locked="0"/>'


def make_session(folder: Path) -> Path:
    """An Ardour session with one clip on one track: made by Ardour, the clip put into its file."""
    assert LUA is not None
    script = folder.with_suffix(".lua")
    script.write_text(NEW_SESSION.format(folder=folder, name=folder.name, rate=RATE))
    subprocess.run([LUA, str(script)], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True)
    t = np.arange(RATE) / RATE
    sound = encode_samples((PEAK * np.sin(2 * np.pi * 220 * t))[None], RATE)
    (folder / "interchange" / folder.name / "audiofiles" / "clip.wav").write_bytes(sound)
    length, file = f"a{SUPERCLOCKS}", folder / f"{folder.name}.ardour"
    whole, part = (REGION.format(id=9002 + n, whole=1 - n, length=length) for n in (0, 1))
    text = file.read_text()
    for before, after in (
        ("<Sources/>", f"<Sources>{SOURCE}</Sources>"),
        ("<Regions/>", f"<Regions>{whole}</Regions>"),
        ("<Locations/>", f"<Locations>{RANGE.format(length=length)}</Locations>"),
    ):
        assert before in text
        text = text.replace(before, after)
    text = re.sub(r'(<Playlist id="\d+" name="Clip"[^>]*)/>', rf"\1>{part}</Playlist>", text)
    for n in (1, 2):  # Ardour connects a new track when it finds the time, which may be after it saved
        port = f'<Port type="audio" name="Clip/audio_out {n}"'
        text = text.replace(f"{port}/>", f'{port}><Connection other="Master/audio_in {n}"/></Port>')
    file.write_text(re.sub(r'id-counter="\d+"', 'id-counter="9100"', text))
    return folder


@pytest.mark.skipif(LUA is None, reason="Ardour is not installed (Debian: apt-get install ardour)")
def test_a_real_daws_export(watch: Watch, client: Client, inbox: Path, tmp_path: Path) -> None:
    session = make_session(tmp_path / "session")
    command = [str(EXPORT), "-b", "float", "-o", str(inbox / "export.wav"), str(session), session.name]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert (inbox / "export.wav").exists(), done.stdout + done.stderr
    wait_for(lambda: len(presets(inbox)) == 2)
    assert presets(inbox) == ["export 1 recipe.vital", "export 2 recipe.vital"]
    exported = read_clip(inbox / "export.wav")
    assert exported.rate_hz == RATE
    assert np.abs(exported.samples).max() == pytest.approx(
        PEAK / np.sqrt(2), rel=0.01
    )  # panned to the middle: -3 dB
