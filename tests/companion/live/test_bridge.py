"""The script in a running Live: a button, the companion's wish, and what the status bar says."""

import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

PRESSED = {
    "match": {"kind": "note", "channel": 2, "number": 36},
    "undo": {"kind": "cc", "channel": 16, "number": 20},
}
TICKS_OF_A_MATCH = 30  # the stand-in itself takes a few
BLOCKED_S = 0.25  # a tick that waits for the network takes seconds


@pytest.fixture
def selected(a_set):
    """A selected clip."""
    track = a_set.add_track("Audio")
    clip = a_set.put(track, 0, a_set.clip("/music/bass.wav", name="Bass 3"))
    a_set.select(clip, track)
    return clip


def test_a_note_matches_what_is_selected(start, stub, settings, selected, a_set):
    settings(buttons=PRESSED)
    stub.files = {"vital": "/sounds/Bass 3 1 resynth.vital"}
    live = start()
    assert live.set.forwarded == [("note", 4711, 1, 36), ("cc", 4711, 15, 20)]
    live.shows("connected")
    live.press(0x91, 36, 100)
    live.press(0x81, 36, 0)
    text = live.shows("very close")
    assert text == "WhisperSynth: Bass 3 at C2, very close (0.05), saved as Bass 3 1 resynth"
    (asked,) = stub.sent("/jobs")
    assert asked["path"] == "/music/bass.wav"
    assert asked["load"] is True
    assert asked["bpm"] == 120.0
    assert any("refining Bass 3 50 %" in message for message in a_set.messages)
    assert live.script.unknown == []


def test_a_controller_button_and_its_release(start, stub, settings, selected):
    settings(
        buttons={"match": {"kind": "cc", "channel": 1, "number": 7}}, load=False, seconds=1.5, kind="recipe"
    )
    live = start()
    live.press(0xB0, 7, 127)
    live.press(0xB0, 7, 0)
    live.shows("very close")
    (asked,) = stub.sent("/jobs")
    assert asked["load"] is False
    assert asked["options"] == {"seconds": 1.5, "kind": "recipe"}


def test_other_messages_are_left_to_live(start, stub, settings, selected):
    settings(buttons=PRESSED)
    live = start()
    for message in ((0x90, 36, 100), (0x91, 37, 100), (0xB1, 36, 100), (0xF0, 1, 2, 0xF7)):
        live.press(*message)
    assert len(live.script.unknown) == 4
    assert stub.sent("/jobs") == []


def test_messages_in_chunks(start, stub, settings, selected):
    settings(buttons=PRESSED)
    live = start()
    live.run(lambda: live.script.receive_midi_chunk([(0x91, 36, 100), (0x91, 36, 0), (0xC0, 1)]))
    live.shows("very close")
    assert len(stub.sent("/jobs")) == 1


def test_the_companion_asks_for_what_is_selected(start, stub, selected):
    live = start()
    live.shows("connected")
    number = stub.say(type="bridge", want="selected")
    live.shows("very close")
    assert {"request": number, "ok": True, "text": "the selected clip is on its way"} in stub.sent(
        "/bridge/answer"
    )
    assert stub.sent("/jobs")[0]["key"] == f"asked 77 {number}"


def test_the_companion_is_told_why_not(start, stub):
    live = start()
    live.shows("connected")
    number = stub.say(type="bridge", want="selected")
    (answer,) = live.until(lambda: stub.sent("/bridge/answer"))
    assert (answer["request"], answer["ok"]) == (number, False)
    assert "no clip is selected" in answer["text"]
    assert any("no clip is selected" in message for message in live.set.messages)


def test_a_wish_from_a_later_version_is_answered(start, stub):
    live = start()
    live.shows("connected")
    stub.say(type="bridge", want="dance")
    (answer,) = live.until(lambda: stub.sent("/bridge/answer"))
    assert not answer["ok"]
    assert "live install" in answer["text"]


def test_it_says_hello_with_its_version(start, stub):
    start().shows("connected")
    assert stub.sent("/bridge/hello")[0] == {"app": "live", "release": "11.3.42", "script": "1"}


def test_events_from_before_the_script_are_none_of_its(start, stub, selected):
    stub.say(type="bridge", want="selected")
    live = start()
    live.shows("connected")
    time.sleep(0.3)
    assert stub.sent("/jobs") == []


def test_a_companion_that_refuses(start, stub, settings, selected):
    settings(buttons=PRESSED)
    stub.refuse = 400, {"error": "/music/bass.wav does not exist; check the path."}
    live = start()
    live.press(0x91, 36, 100)
    assert live.shows("does not exist") == "WhisperSynth: /music/bass.wav does not exist; check the path."


def test_no_companion_and_then_one(start, settings, selected, inside):
    settings(buttons=PRESSED)
    live = start()
    live.press(0x91, 36, 100)
    live.shows("sending Bass 3")
    stub = inside("companion_stub").Stub(settings.data)  # started late: what was pressed is not lost
    try:
        live.shows("very close")
        assert len(stub.sent("/jobs")) == 1
    finally:
        stub.close()


def test_no_companion_at_all(start, settings, selected, inside, monkeypatch):
    settings(buttons=PRESSED)
    live = start()
    monkeypatch.setattr(inside("WhisperSynth.companion"), "REST_S", 0.05)
    live.press(0x91, 36, 100)
    assert "whispersynth serve" in live.shows("is not running")


def test_the_companion_comes_back_on_another_port(start, stub, settings, selected, inside, monkeypatch):
    settings(buttons=PRESSED)
    monkeypatch.setattr(inside("WhisperSynth.companion"), "REST_S", 0.1)
    live = start()
    live.shows("connected")
    stub.close()
    (settings.data / "serve.json").unlink()
    live.shows("is not running")
    again = inside("companion_stub").Stub(settings.data)
    try:
        live.until(lambda: live.set.messages.count("WhisperSynth: connected") == 2)
        live.press(0x91, 36, 100)
        live.until(lambda: again.sent("/jobs"))
    finally:
        again.close()


def test_a_match_that_ended_while_the_line_was_down(start, stub, settings, selected, inside, monkeypatch):
    settings(buttons=PRESSED)
    monkeypatch.setattr(inside("WhisperSynth.companion"), "REST_S", 0.1)
    stub.silent = True
    live = start()
    live.press(0x91, 36, 100)
    live.shows("is next")
    key = stub.sent("/jobs")[0]["key"]
    address = settings.data / "serve.json"
    kept = address.read_text()
    address.unlink()
    live.shows("is not running")
    best = {"score": 0.1, "words": "close", "files": {}}
    stub.ended = {
        "id": 1,
        "state": "done",
        "name": "Bass 3",
        "request": {"key": key},
        "result": {"candidates": [best]},
    }
    address.write_text(kept)
    live.shows("close (0.10)")


def test_lives_thread_never_waits(start, stub, settings, selected):
    """The companion hangs in every answer, and Live goes on ticking."""
    settings(buttons=PRESSED)
    stub.hang = True
    live = start()
    for _ in range(20):
        live.press(0x91, 36, 100)
    ticks = live.ticks
    time.sleep(0.5)
    assert live.ticks - ticks > 10
    assert live.slowest_s < BLOCKED_S
    stub.hang = False


def test_threads_get_their_turn_in_a_live_that_keeps_python_to_itself(
    start, settings, selected, inside, monkeypatch
):
    """Between ticks nothing else of Python runs; the companion is another process."""
    settings(buttons=PRESSED)
    runner = inside("runner").Runner
    monkeypatch.setattr(runner, "HELD", 1_000_000)
    command = [sys.executable, str(Path(runner.__init__.__code__.co_filename).with_name("companion_stub.py"))]
    process = subprocess.Popen([*command, str(settings.data)], stdin=subprocess.PIPE)
    try:
        live = start()
        live.shows("connected")
        live.press(0x91, 36, 100)
        ticks = live.ticks
        live.shows("very close")
        assert live.ticks - ticks < TICKS_OF_A_MATCH
    finally:
        process.communicate()


def test_deselected_it_leaves_nothing_running(start, stub, inside):
    live = start()
    live.shows("connected")
    live.until(lambda: any(route == "/events" for route, _ in stub.requests))
    began = time.time()
    live.stop()
    assert time.time() - began < BLOCKED_S * 4
    live.until(lambda: not [t for t in threading.enumerate() if t.name == "WhisperSynth"], 3.0)


def test_newer_protocols_are_not_guessed_at(start, stub, settings):
    address = settings.data / "serve.json"
    address.write_text(address.read_text().replace('"version": 1', '"version": 2'))
    assert "live install" in start().shows("older than WhisperSynth")


def test_a_changed_setting_is_taken_up(start, stub, settings, selected):
    live = start()
    live.shows("connected")
    time.sleep(0.02)
    settings(buttons=PRESSED)
    live.until(lambda: live.set.rebuilds)
    live.press(0x91, 36, 100)
    live.shows("very close")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be read"),
        ("[]", "no JSON object"),
        ('{"osc_port": "x", "data": "DATA"}', "osc_port cannot be 'x'"),
        ('{"loud": 1, "data": "DATA"}', "has no setting 'loud'"),
        ('{"buttons": {"match": {"kind": "note", "number": 300}}, "data": "DATA"}', "not understood"),
        ('{"buttons": {"match": {"kind": "note"}}, "data": "DATA"}', "not understood"),
    ],
)
def test_mistakes_in_the_settings_are_told(start, library, settings, text, words):
    path = library / "Remote Scripts" / "WhisperSynth" / "config.json"
    path.write_text(text.replace("DATA", str(settings.data)))
    assert start().shows(words)


def test_events_that_make_no_sense_are_logged_and_the_next_is_heard(start, stub, selected):
    live = start()
    live.shows("connected")
    for job in ("x", 3, [], {"request": "x"}, {"request": {"key": []}}):
        stub.say(type="job", job=job)
    for wrong in (
        {"want": "load", "files": 3, "job": []},
        {"want": "load", "files": {"a": 3}},
        {"want": None},
        {"want": []},
    ):
        stub.say(type="bridge", **wrong)
    stub.say(type=[])
    stub.say(type="bridge", want="selected")
    live.shows("very close")


def test_a_key_mapped_to_the_switch_of_a_device(start, stub, selected, a_set):
    """Live gives scripts no keys; the user maps one to a device called WhisperSynth on the Main track."""
    rack = a_set.device("WhisperSynth", class_name="AudioEffectGroupDevice", kind=2)
    a_set.song.values["master_track"].values["devices"].append(rack)
    live = start()
    live.until(lambda: live.ticks > 20)
    assert stub.sent("/jobs") == []
    rack.values["parameters"][0].values["value"] = 0.0
    live.until(lambda: len(stub.sent("/jobs")) == 1)
    rack.values["parameters"][0].values["value"] = 1.0
    live.until(lambda: len(stub.sent("/jobs")) == 2)
    rack.alive = False
    a_set.song.values["master_track"].values["devices"].clear()
    rack.values["parameters"][0].alive = False
    ticks = live.ticks
    live.until(lambda: live.ticks > ticks + 20)
    assert live.set.logged == []


def test_loading_after_the_match(start, stub, settings, selected, a_set, library):
    """The whole loop: the companion sends the files of the match, and they are in the set."""
    folder = library / "WhisperSynth"
    folder.mkdir()
    shutil.copy(__file__, folder / "Bass 3 1 resynth.vstpreset")
    a_set.select(selected, a_set.add_track("Synth", midi=True))
    live = start()
    live.shows("connected")
    files = {"vstpreset": str(folder / "Bass 3 1 resynth.vstpreset")}
    result = {"note_name": "C2", "candidates": [{"score": 0.05, "words": "very close", "files": files}]}
    job = {"id": 1, "name": "Bass 3", "result": result}
    number = stub.say(type="bridge", want="load", job=job, rank=1, files=files, parameters=None)
    (answer,) = live.until(lambda: stub.sent("/bridge/answer"))
    assert answer == {"request": number, "ok": True, "text": "Bass 3 1 resynth is loaded into Synth"}
    live.shows("WhisperSynth: Bass 3 at C2, very close (0.05): Bass 3 1 resynth is loaded into Synth")
    undo = stub.say(type="bridge", want="undo")
    live.until(lambda: len(stub.sent("/bridge/answer")) == 2)
    assert stub.sent("/bridge/answer")[1] == {"request": undo, "ok": True, "text": "Synth is as before"}
    live.until(lambda: not any(t.values["devices"] for t in a_set.song.values["tracks"]))


def test_a_live_without_the_older_framework(start, stub, settings, selected, inside, monkeypatch):
    settings(buttons=PRESSED)
    inside("ableton.v2.control_surface")
    monkeypatch.setitem(sys.modules, "_Framework.ControlSurface", None)
    live = start()
    live.press(0x91, 36, 100)
    live.shows("very close")
    assert type(live.script).__mro__[1].__module__ == "ableton.v2.control_surface"


def test_a_script_that_cannot_start_says_so(start, settings, inside, monkeypatch):
    monkeypatch.setattr(inside("WhisperSynth.surface"), "Bridge", lambda *a: 1 / 0)
    live = start()
    assert live.shows("could not start")
    assert "ZeroDivisionError" in live.set.logged[-1]


def test_a_mistake_in_a_tick_is_logged_and_the_next_comes(start, stub, inside, monkeypatch):
    monkeypatch.setattr(inside("WhisperSynth.bridge").Dialect, "changes", lambda self: 1 / 0)
    live = start()
    live.until(lambda: any("ZeroDivisionError" in line for line in live.set.logged))
    assert live.shows("connected")
