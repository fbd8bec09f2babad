"""AbletonOSC's dialect over real UDP, spoken with AbletonOSC's own clients."""

import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

INSIDE = Path(__file__).parent / "inside"


@pytest.fixture
def live(a_set, start, settings):
    """A set with a clip and a synth."""
    audio, synth = a_set.add_track("Audio"), a_set.add_track("Synth", midi=True)
    clip = a_set.put(audio, 1, a_set.clip("/music/bass.wav", name="Bass 3", gain=0.35, pitch_coarse=-3))
    synth.values["devices"] = [
        a_set.device("Serum 2", parameters=[a_set.parameter("Macro 1", 0.25, 0.0, 2.0)])
    ]
    a_set.select(clip, audio, scene=1)
    return start()


@pytest.fixture
def client(live, free_ports):
    """abletonosc-client."""
    abletonosc = pytest.importorskip(
        "abletonosc_client", reason="abletonosc-client comes with the [dev] extra"
    )
    connected = abletonosc.AbletonOSCClient("127.0.0.1", *free_ports)
    connected.query("/live/test")
    yield connected
    threading.Thread(target=connected.close, daemon=True).start()  # it takes half a second


def test_pylive_reads_the_set_and_turns_a_knob(live, free_ports):
    pytest.importorskip("live", reason="pylive comes with the [dev] extra")
    command = [sys.executable, "-W", "ignore", str(INSIDE / "drive_pylive.py"), *map(str, free_ports)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "tempo": 120.0,
        "tracks": ["Audio", "Synth"],
        "clips": [None, "Bass 3", None, None],
        "selected": [0, 1],
        "file": [0, 1, "/music/bass.wav"],
        "knob": [1, 0, 1, 0.75],
    }


def test_abletonosc_client_reads_a_clip(client):
    from abletonosc_client import Clip

    clip = Clip(client)
    assert clip.get_name(0, 1) == "Bass 3"
    assert clip.get_file_path(0, 1) == "/music/bass.wav"
    assert clip.get_gain(0, 1) == pytest.approx(0.35)
    assert clip.get_pitch_coarse(0, 1) == -3
    assert clip.get_is_audio_clip(0, 1) is True
    assert clip.get_warping(0, 1) is False
    assert (clip.get_start_marker(0, 1), clip.get_end_marker(0, 1)) == (0.0, 4.0)


def test_abletonosc_client_and_the_view(client, live):
    from abletonosc_client import View

    view = View(client)
    assert (view.get_selected_track(), view.get_selected_scene()) == (0, 1)
    assert view.get_selected_clip() == (0, 1)
    assert view.get_detail_clip() == (0, 1)
    view.set_selected_track(1)
    view.set_selected_scene(2)
    live.until(lambda: view.get_selected_clip() == (1, 2))


def test_abletonosc_client_and_a_device(client, live):
    from abletonosc_client import Device

    device = Device(client)
    assert device.get_name(1, 0) == "Serum 2"
    assert device.get_num_parameters(1, 0) == 2
    assert list(device.get_parameters_names(1, 0)) == ["Device On", "Macro 1"]
    device.set_parameter_value(1, 0, 1, 1.5)
    live.until(lambda: device.get_parameter_value(1, 0, 1) == 1.5)
    assert device.get_parameter_value_string(1, 0, 1) == "150 %"


def test_abletonosc_client_and_the_song(client):
    from abletonosc_client import Application, Song, Track

    assert Song(client).get_tempo() == 120.0
    assert Song(client).get_num_tracks() == 2
    assert Application(client).get_version() == "11"
    assert Track(client).get_name(1) == "Synth"
    assert list(Track(client).get_device_names(1)) == ["Serum 2"]
    assert list(Track(client).get_clips_names(0)) == [None, "Bass 3", None, None]


def test_changes_are_told_to_who_listens(client, live, a_set):
    from abletonosc_client import View

    heard = []
    View(client).on_selected_track_change(heard.append)
    live.until(lambda: heard == [0])
    a_set.song.values["view"].values["selected_track"] = a_set.song.values["tracks"][1]
    live.until(lambda: heard == [0, 1])
    client.send("/live/view/stop_listen/selected_track")
    client.query("/live/test")
    a_set.song.values["view"].values["selected_track"] = a_set.song.values["tracks"][0]
    time.sleep(0.1)
    assert heard == [0, 1]


MISTAKES = (
    ("/live/clip/get/name", (0, 0), "no clip in slot 0"),
    ("/live/clip/get/name", (9, 0), "index"),
    ("/live/clip/get/name", (-1, 0), "below 0"),
    ("/live/clip/get/name", (0,), "needs 2"),
    ("/live/clip/get/name", ("x", 0), "invalid literal"),
    ("/live/device/set/parameter/value", (1, 0, 1, 9.0), "Invalid value"),
    ("/live/device/set/parameter/value", (1, 0), "index"),
    ("/live/song/get/track_data", (0, 2, "tempo.x"), "no tempo.x"),
    ("/live/song/undo", (), "no /live/song/undo here"),
)


def test_mistakes_are_told_as_abletonosc_tells_them(client, live):
    told = []
    client.start_listener("/live/error", lambda _, text: told.append(text))
    for address, arguments, words in MISTAKES:
        told.clear()
        client.send(address, *arguments)
        assert words in live.until(lambda: told)[0]
    assert live.set.logged == []


def test_a_midi_clips_audio_properties_are_nil(client, a_set):
    a_set.put(a_set.song.values["tracks"][1], 0, a_set.clip(midi=True, name="Notes"))
    assert client.query("/live/clip/get/file_path", 1, 0) == (1, 0, None)


def test_wildcards_ask_for_all(client, live):
    told = {}
    for name in ("name", "warping", "file_path"):
        client.start_listener(
            f"/live/clip/get/{name}", lambda address, *value: told.update({address: value[2]})
        )
    client.send("/live/clip/get/*", 0, 1)
    live.until(lambda: len(told) == 3)
    assert told["/live/clip/get/name"] == "Bass 3"


def test_what_is_no_osc_is_dropped(client, live, free_ports):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for data in (b"", b"\0", b"#bundle\0", b"/live/test", b"x" * 2000, b"/live/test\0\0,z\0\0"):
            sender.sendto(data, ("127.0.0.1", free_ports[0]))
    assert client.query("/live/test") == ("ok",)
    assert live.set.logged == []


def test_a_flood_does_not_stop_live(client, live, free_ports):
    from pythonosc.osc_message_builder import OscMessageBuilder

    message = OscMessageBuilder("/live/song/get/tempo").build().dgram
    ticks = live.ticks
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(5000):
            sender.sendto(message, ("127.0.0.1", free_ports[0]))
    live.until(lambda: live.ticks > ticks + 10)
    assert live.slowest_s < 0.5


def test_a_taken_port_is_left_to_whoever_has_it(start, free_ports, settings, stub):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", free_ports[0]))
        live = start()
        live.shows("connected")
        assert "is taken" in live.set.logged[0]


def test_no_port_where_none_is_wanted(start, free_ports, settings):
    settings(osc_port=0)
    live = start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", free_ports[0]))
    assert live.set.logged == []
