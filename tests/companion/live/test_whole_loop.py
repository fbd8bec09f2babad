"""The whole loop: a clip selected in Live, the real companion with the real engine, and the patch saved and loaded.

Live is the stand-in of inside/; everything from its sockets on is real.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from companion.cli import run
from companion.errors import HostError

pytest.importorskip("starlette", reason="the companion comes with the [serve] extra")

ROOT = Path(__file__).parents[3]
CLIP = ROOT / "tests" / "data" / "notes" / "UmbraLead_55_0.3.flac"
STANDIN = ROOT / "tests" / "companion" / "serve" / "standin.py"
STARTING_S = 60


@pytest.fixture
def served(tmp_path_factory):
    """`whispersynth serve`, quick and not so good; its environment, and where patches go."""
    home = tmp_path_factory.mktemp("served")
    environment = {**os.environ, "WHISPERSYNTH_DATA": str(home / "data"), "PYTHONPATH": str(ROOT)}
    command = [
        sys.executable,
        "-m",
        "companion.cli",
        "serve",
        "--seconds",
        "0.2",
        "--kind",
        "recipe",
        "--out",
        str(home / "patches"),
    ]
    with (home / "log").open("w+") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        until = time.time() + STARTING_S
        while not (home / "data" / "serve.json").exists():
            assert process.poll() is None and time.time() < until, (home / "log").read_text()
            time.sleep(0.05)
        yield environment, home / "patches"
        process.terminate()
        process.wait(30)


@pytest.fixture
def configured(settings, served):
    """Settings for the script of that companion."""

    def write(**values):
        settings(data=served[0]["WHISPERSYNTH_DATA"], **values)

    write()
    return write


@pytest.fixture
def selected(a_set):
    """A note, five semitones down and 6 dB softer, on an audio track; a Vital with three knobs on the selected one."""
    audio, synth = a_set.add_track("Audio"), a_set.add_track("Synth", midi=True)
    values = {"pitch_coarse": -5, "gain_display_string": "-6.0 dB", "end_marker": 1.0}
    clip = a_set.put(audio, 0, a_set.clip(str(CLIP), name="Umbra", **values))
    knobs = [a_set.parameter(name, 0.123) for name in ("Filter 1 Cutoff", "Envelope 1 Attack", "Volume")]
    synth.values["devices"] = [a_set.device("Vital", parameters=knobs)]
    a_set.select(clip, synth)
    return synth


def test_select_press_and_hear(start, configured, served, selected):
    configured(
        buttons={
            "match": {"kind": "note", "channel": 1, "number": 36},
            "undo": {"kind": "note", "number": 37},
        }
    )
    live = start()
    live.shows("connected", STARTING_S)
    live.press(0x90, 36, 127)
    told = live.shows("saved as Umbra", STARTING_S)
    assert "D2" in told  # G2, five semitones down
    live.shows("settings of Umbra", 20)
    knobs = {p.values["name"]: p.values["value"] for p in selected.values["devices"][0].values["parameters"]}
    assert any(value != 0.123 for name, value in knobs.items() if name != "Device On")
    assert list(served[1].glob("Umbra *.vital"))
    live.press(0x90, 37, 127)
    live.shows("are as before")
    knobs = {p.values["value"] for p in selected.values["devices"][0].values["parameters"][1:]}
    assert knobs == {0.123}
    assert live.slowest_s < 0.5


@pytest.fixture
def quick(settings, monkeypatch, tmp_path):
    """The companion with a stand-in for the matcher."""
    from companion.serve.places import Places
    from companion.serve.server import Server
    from companion.serve.service import Settings

    monkeypatch.setenv("WHISPERSYNTH_DATA", str(settings.data))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    settings(load=False)
    with Server(
        Places(settings.data), Settings(out=str(tmp_path / "out"), worker=(sys.executable, str(STANDIN)))
    ):
        yield


def test_from_the_companions_side(start, quick, selected, capfd):
    """`whispersynth live match`."""
    start().shows("connected")
    assert run(["live", "match"]) == 0
    first, *candidates = capfd.readouterr().out.splitlines()
    assert first == f"Umbra: {CLIP}"
    assert Path(candidates[0].split("  ", 3)[3]).is_file()


def test_why_not_is_told_on_the_companions_side(start, quick, capfd):
    start().shows("connected")
    assert run(["live", "match"]) == 1
    assert "no clip is selected" in capfd.readouterr().err


def test_the_status_when_all_is_well(start, quick, library, capfd):
    start().shows("connected")
    run(["live", "status", "--library", str(library)])
    assert "connected" in capfd.readouterr().out


def test_where_only_abletonosc_is_installed(start, a_set, settings, free_ports):
    """The companion asks in AbletonOSC's dialect, which the script speaks too."""
    from companion.serve.ableton_osc import selected_clip

    track = a_set.add_track("Audio")
    values = {
        "start_marker": 0.25,
        "end_marker": 1.5,
        "gain_display_string": "6.00 dB",
        "pitch_coarse": 2,
        "pitch_fine": 50.0,
    }
    a_set.select(a_set.put(track, 2, a_set.clip(str(CLIP), name="Umbra", **values)), track, scene=2)
    start()
    assert selected_clip(*free_ports) == {
        "path": str(CLIP), "name": "Umbra", "start_s": 0.25, "end_s": 1.5, "gain_db": pytest.approx(6.0), "pitch_st": 2.5,
        "warped": False, "warnings": [], "bpm": 120.0,
    }  # fmt: skip


def test_where_only_abletonosc_is_installed_and_nothing_is_selected(start, a_set, settings, free_ports):
    from companion.serve.ableton_osc import selected_clip

    a_set.select(None, a_set.add_track("Audio"), scene=1)
    start()
    with pytest.raises(HostError, match="no sound file"):
        selected_clip(*free_ports)
