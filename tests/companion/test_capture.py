"""Recording: the ring, the gate and the file by themselves; drivers that fail by a stand-in; and a real player on real JACK."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion import cli
from companion.capture import devices, record
from companion.capture.gate import DONE, RECORDING, WAITING, Gate
from companion.capture.options import CaptureOptions, Device
from companion.capture.record import capture, list_devices
from companion.capture.ring import Ring
from companion.capture.wav_file import WavFile, read_size
from companion.errors import CaptureError, OptionError, StoreError
from companion.hearing.audio import read_clip
from presets.wav import encode_samples, read_samples
from tests.jack_server import RATE_HZ, jack_server, stop
from tests.pulse_server import OUTPUT, pulse_server

ROOT = Path(__file__).parents[2]
N_TRIES = 3  # captures of a server that is late itself are taken again


def column(values):
    return np.asarray(values, np.float32).reshape(-1, 1)


# -- the ring -----------------------------------------------------------------------------------------------------


@given(st.integers(1, 9), st.lists(st.one_of(st.integers(0, 12), st.none()), max_size=30))
def test_a_ring_gives_back_what_went_in_and_counts_what_found_no_room(size, steps):
    ring, waiting, n_in, n_lost = Ring(size, 1), [], 0, 0
    for n in steps:
        if n is None:
            assert ring.read()[:, 0].tolist() == waiting
            waiting = []
        else:
            block = list(range(n_in, n_in + n))
            room = size - len(waiting)
            assert ring.write(column(block)) == max(n - room, 0)
            waiting += block[:room]
            n_in, n_lost = n_in + n, n_lost + max(n - room, 0)
        assert (len(ring), ring.dropped) == (len(waiting), n_lost)


def test_a_ring_keeps_two_threads_apart():
    ring, n_blocks, read = Ring(1000, 2), 600, []

    def fill():
        for k in range(n_blocks):
            while len(ring) > 900:
                time.sleep(0)
            ring.write(np.full((97, 2), k, np.float32))

    writer = threading.Thread(target=fill)
    writer.start()
    while writer.is_alive() or len(ring):
        read.append(ring.read())
    assert ring.dropped == 0
    assert np.array_equal(np.concatenate(read), np.repeat(np.arange(n_blocks), 97)[:, None] * np.ones((1, 2)))


# -- the gate -----------------------------------------------------------------------------------------------------


def expected_of(loud, options, rate_hz):
    """Begin and end of the recording, found by looking at one frame after the other."""
    if not options.trigger:
        return 0, min(len(loud), round(options.seconds * rate_hz))
    if not any(loud):
        return 0, 0
    onset = loud.index(True)
    begin = max(0, onset - round(options.pre_roll_s * rate_hz))
    longest = begin + round((options.seconds or 600) * rate_hz)
    n_quiet = 0
    for at in range(onset, len(loud)):
        n_quiet = 0 if loud[at] else n_quiet + 1
        if n_quiet == round(options.silence_s * rate_hz):
            return begin, min(at + 1, longest)
    return begin, min(len(loud), longest)


OPTIONS = st.builds(
    CaptureOptions,
    seconds=st.one_of(st.none(), st.integers(1, 40).map(lambda n: n / 10)),
    trigger=st.just(True),
    pre_roll_s=st.integers(0, 10).map(lambda n: n / 10),
    silence_s=st.integers(1, 10).map(lambda n: n / 10),
    wait_s=st.just(100.0),
)


@given(
    OPTIONS,
    st.lists(st.sampled_from([True, False, False, False]), max_size=60),
    st.lists(st.integers(0, 20), max_size=20),
)
def test_a_recording_begins_and_ends_at_the_same_frame_however_the_blocks_fall(options, loud, cuts):
    rate_hz = 10
    frames = column(np.arange(len(loud))) * 1e-7 + column(loud)
    gate = Gate(options, rate_hz, 1)
    blocks = np.split(frames, np.minimum(np.cumsum(cuts), len(loud)).astype(int))
    kept = np.concatenate([gate.feed(block) for block in blocks])
    begin, end = expected_of(loud, options, rate_hz)
    assert np.array_equal(kept, frames[begin:end])
    assert gate.state in ((WAITING,) if not any(loud) else (RECORDING, DONE))


def test_a_gate_without_trigger_takes_what_comes_and_stops_to_the_frame():
    gate = Gate(CaptureOptions(0.5, trigger=False), 10, 1)
    assert [len(gate.feed(column([0, 0, 0]))) for _ in range(3)] == [3, 2, 0]
    assert gate.state == DONE


def test_nobody_waits_for_ever():
    gate = Gate(CaptureOptions(wait_s=1.0), 10, 1)
    for _ in range(4):
        assert not gate.gave_up
        gate.feed(column([0, 0, 0]))
    assert gate.gave_up and gate.state == DONE


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"seconds": 0.0}, "seconds"), ({"seconds": 601.0}, "0.05 to 600"), ({"threshold_db": 1.0}, "threshold"),
        ({"pre_roll_s": -1.0}, "pre_roll"), ({"silence_s": float("nan")}, "silence"), ({"wait_s": 0.0}, "wait"),
        ({"trigger": False}, "no end"),
    ],
)  # fmt: skip
def test_options_that_make_no_sense(given_, said):
    with pytest.raises(OptionError, match=said):
        CaptureOptions(**given_)


# -- the file -----------------------------------------------------------------------------------------------------


def test_a_wav_that_grows_is_whole_up_to_its_last_flush(tmp_path):
    frames = np.random.default_rng(1).uniform(-1, 1, (500, 2)).astype(np.float32)
    with WavFile(tmp_path / "a.wav", 48_000, 2) as wav:
        wav.write(frames[:200])
        wav.flush()
        wav.write(frames[200:])
        # As after a crash: what was written, and the head of the last flush.
        (tmp_path / "b.wav").write_bytes((tmp_path / "a.wav").read_bytes())
        assert np.array_equal(read_samples(tmp_path / "b.wav").audio, frames[:200].T)
    read = read_samples(tmp_path / "a.wav")
    assert read.rate_hz == 48_000 and np.array_equal(read.audio, frames.T)
    size = read_size(tmp_path / "a.wav")
    assert (size.n_frames, size.rate_hz, size.n_channels, size.seconds) == (500, 48_000, 2, 500 / 48_000)


# -- devices ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "system", "said", "fits"),
    [
        ("BlackHole 2ch", "CoreAudio", "virtual cable", True),
        ("CABLE Output (VB-Audio Virtual Cable)", "WASAPI", "virtual cable", True),
        ("VoiceMeeter Output", "WASAPI", "virtual cable", True),
        ("Line 1 (Virtual Audio Cable)", "WASAPI", "virtual cable", True),
        ("Loopback Audio", "CoreAudio", "virtual cable", True),
        ("Stereo Mix (Realtek(R) Audio)", "WASAPI", "loopback", True),
        ("Monitor of Built-in Audio", "ALSA", "loopback", True),
        ("REAPER", "JACK", "JACK client", True),
        ("system", "JACK", "sound card", False),
        ("MacBook Pro Microphone", "CoreAudio", "microphone", False),
        ("Mic (USB)", "WASAPI", "microphone", False),
        ("default", "ALSA", "default input", False),
        ("Scarlett 2i2 USB", "CoreAudio", "sound card", False),
    ],
)
def test_devices_are_told_by_what_they_are_good_for(name, system, said, fits):
    use, fit = devices.use_of(name, system)
    assert said in use and fit == fits


def entry(name, hostapi, n=2):
    return {"name": name, "hostapi": hostapi, "max_input_channels": n, "default_samplerate": 48_000.0}


def test_outputs_and_worse_copies_are_left_out_and_places_kept():
    found = [
        entry("CABLE Output (VB-Audio Virtual ", 0),
        entry("Speakers", 1, 0),
        entry("CABLE Output (VB-Audio)", 1),
    ]
    described = devices.describe_devices(found, ["MME", "Windows WASAPI"])
    assert [d and d.system for d in described] == [None, None, "WASAPI"]
    assert devices.choose(described, "cable") == 2
    assert devices.describe_devices(found, ["MME"] * 2)[0] is not None  # where nothing better is there


def test_a_name_means_one_device():
    cable, mic, mic2 = (
        Device(n, "CoreAudio", 2, 48_000, "", n == "BlackHole") for n in ("BlackHole", "Mic", "Mic 2")
    )
    assert devices.choose([None, cable, mic, mic2], "black") == 1
    assert devices.choose([None, cable, mic, mic2], "MIC") == 2  # the whole name goes before a part
    assert devices.choose([cable, mic, mic2], "Mic 2 (CoreAudio)") == 2
    with pytest.raises(CaptureError, match=r"several.*Mic 2"):
        devices.choose([cable, mic, mic2], "mi")
    with pytest.raises(CaptureError, match=r"BlackHole.*--list"):
        devices.choose([cable, mic, mic2], "nope")
    with pytest.raises(CaptureError):
        devices.choose([cable], " ")


@pytest.mark.parametrize(
    ("system", "said"), [("darwin", "BlackHole"), ("win32", "VB-CABLE"), ("linux", "JACK")]
)
def test_where_nothing_fits_it_says_what_to_install(monkeypatch, system, said):
    monkeypatch.setattr(sys, "platform", system)
    mic = Device("Mic", "x", 1, 44_100)
    assert (
        said in devices.hint([mic]) and devices.hint([mic, Device("Cable", "x", 2, 44_100, "", True)]) == ""
    )


# -- drivers that fail, by a stand-in for the library -------------------------------------------------------------

STAND_IN = """
    import os, time
    import numpy as np

    class PortAudioError(Exception):
        pass

    def query_devices():
        return [{"name": "Cable", "hostapi": 0, "max_input_channels": 2, "default_samplerate": 48000.0}]

    def query_hostapis():
        return ({"name": "Core Audio"},)

    class InputStream:
        active = True

        def __init__(self, device, channels, samplerate, dtype, latency):
            self.n, self.began = 0, 0.0
            OPENING

        def start(self):
            self.began = time.monotonic()

        def close(self):
            pass

        @property
        def read_available(self):
            HERE
            return int((time.monotonic() - self.began) * 48000) - self.n

        def read(self, n):
            at = np.arange(self.n, self.n + n, dtype=np.float32)
            self.n += n
            return np.stack([at, -at], 1) / 2**24, OVERRUN
"""


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Installs a stand-in with some of its lines filled in."""

    def install(opening="pass", here="pass", overrun="False", whole=None):
        text = whole or textwrap.dedent(STAND_IN).replace("OPENING", opening).replace("HERE", here)
        folder = tmp_path / "library"
        folder.mkdir()
        (folder / "sounddevice.py").write_text(text.replace("OVERRUN", overrun))
        monkeypatch.setenv("PYTHONPATH", str(folder))

    return install


NOW, SHORT = CaptureOptions(0.3, trigger=False), CaptureOptions(0.05, trigger=False)


def test_a_capture_without_trouble(driver, tmp_path):
    driver()
    heard = []
    made = record.record("cable", NOW, tmp_path / "out", progress=heard.append)
    assert made.path == tmp_path / "out" / "cable 1.wav" and made.warnings == ()
    audio = read_samples(made.path).audio
    assert np.array_equal(audio[0] * 2**24, np.arange(14_400)) and np.array_equal(audio[1], -audio[0])
    assert (made.seconds, made.rate_hz, made.n_channels, made.dropped) == (0.3, 48_000, 2, 0)
    assert heard[-1].state == DONE and {p.state for p in heard[:-1]} <= {RECORDING}
    assert [p.recorded_s for p in heard] == sorted(p.recorded_s for p in heard)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["cable 1.wav"]


def test_nothing_is_overwritten(driver, tmp_path):
    driver()
    first = capture("cable", SHORT, tmp_path)
    second = capture("cable", SHORT, tmp_path)
    assert (first.name, second.name) == ("cable 1.wav", "cable 2.wav")
    before = first.read_bytes()
    with pytest.raises(StoreError, match="there already"):
        capture("cable", SHORT, first)
    assert first.read_bytes() == before


def test_a_device_that_refuses_a_large_buffer_gets_a_smaller_one(driver, tmp_path):
    driver(opening="if latency == 2.0: raise PortAudioError('no')")
    assert record.record("cable", SHORT, tmp_path).dropped == 0


def test_a_device_that_is_in_use_is_told(driver, tmp_path):
    driver(opening="raise PortAudioError('device busy')")
    with pytest.raises(CaptureError, match=r"device busy.*other programs"):
        capture("cable", NOW, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_what_the_driver_lost_is_told(driver, tmp_path):
    driver(overrun="self.n > 4000")
    made = record.record("cable", NOW, tmp_path)
    assert made.device_overruns > 0 and made.dropped == 0
    assert "lost samples" in made.warnings[0]


def test_a_device_that_is_pulled_out_leaves_what_there_was(driver, tmp_path):
    driver(here="if self.n > 9600: raise PortAudioError('unplugged')")
    made = record.record("cable", NOW, tmp_path)
    assert 0.19 < made.seconds < 0.3 and "unplugged" in made.warnings[0]
    assert read_samples(made.path).audio.shape[1] == round(made.seconds * 48_000)


def test_a_driver_that_crashes_costs_the_last_second_at_most(driver, tmp_path):
    driver(here="if self.n > 72000: os._exit(1)")
    made = record.record("cable", CaptureOptions(10, trigger=False), tmp_path)
    assert 0.4 < made.seconds <= 1.6 and "broke off" in made.warnings[0]
    audio = read_samples(made.path).audio
    assert np.array_equal(audio[0] * 2**24, np.arange(audio.shape[1]))


def test_a_driver_that_hangs_is_given_up(driver, tmp_path, monkeypatch):
    monkeypatch.setattr(record, "HUNG_S", 1.0)
    monkeypatch.setattr(record, "CLOSE_S", 0.2)
    driver(opening="time.sleep(60)")
    with pytest.raises(CaptureError, match="nothing could be recorded"):
        capture("cable", NOW, tmp_path)


@pytest.mark.parametrize(
    ("whole", "said"),
    [
        ("raise ImportError", "whispersynth\\[capture\\]"),
        ("raise OSError('PortAudio library not found')", "libportaudio2"),
    ],
)
def test_a_missing_library_costs_capturing_only(driver, tmp_path, whole, said):
    driver(whole=whole)
    with pytest.raises(CaptureError, match=said):
        list_devices()
    with pytest.raises(CaptureError, match=said):
        capture("cable", NOW, tmp_path)


def test_silence_is_told(driver, tmp_path):
    driver(here="self.n = 0")  # the stand-in's ramp begins at zero again and again
    made = record.record("cable", CaptureOptions(0.1, trigger=False), tmp_path)
    assert "silent" in made.warnings[0]


def test_it_can_be_stopped_and_cancelled_from_outside(driver, tmp_path):
    driver()
    long, seen = CaptureOptions(60, trigger=False), []
    made = record.record("cable", long, tmp_path, progress=seen.append, stopping=lambda: len(seen) > 3)
    assert 0.2 < made.seconds < 30 and made.warnings == ()
    seen.clear()
    with pytest.raises(CaptureError, match="cancelled"):
        capture("cable", long, tmp_path, progress=seen.append, cancelled=lambda: len(seen) > 3)
    quiet = CaptureOptions(threshold_db=0)
    seen.clear()
    with pytest.raises(CaptureError, match="stopped before"):
        capture("cable", quiet, tmp_path, progress=seen.append, stopping=lambda: len(seen) > 3)
    assert [p.name for p in tmp_path.glob("*.wav")] == [made.path.name] and not list(tmp_path.glob(".*"))


def run_capture(*args):
    return subprocess.Popen(
        [sys.executable, "-m", "companion.cli", "capture", *map(str, args)],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_ctrl_c_keeps_what_was_recorded(driver, tmp_path):
    driver()
    with run_capture("--device", "cable", "--seconds", "60", "--out", tmp_path / "x.wav") as running:
        assert "recording" in running.stderr.readline()
        time.sleep(0.5)
        running.send_signal(signal.SIGINT)
        out, said = running.communicate(timeout=20)
    assert running.returncode == 0, said
    assert Path(out.strip()) == tmp_path / "x.wav" and read_size(tmp_path / "x.wav").seconds > 0.3


def test_the_command_says_what_is_missing(capsys):
    assert cli.run(["capture"]) == 2
    assert "--list" in capsys.readouterr().err
    assert cli.run(["capture", "--device", "x", "--seconds", "-1"]) == 2


# -- over JACK ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def jack(tmp_path_factory):
    pytest.importorskip(
        "sounddevice", reason="sounddevice comes with the [capture] extra", exc_type=Exception
    )
    with jack_server(tmp_path_factory.mktemp("jack")) as server:
        yield server


def ramp_file(path, before_s, sound_s, after_s):
    """A wav whose every sample tells its place, between two silences: left from a half up, right the same negative."""
    n = round(sound_s * RATE_HZ)
    ramp = np.float32(0.5) + np.arange(n, dtype=np.float32) * np.float32(2**-23)
    left = np.concatenate([np.zeros(round(before_s * RATE_HZ)), ramp, np.zeros(round(after_s * RATE_HZ))])
    path.write_bytes(encode_samples(np.stack([left, -left]).astype(np.float32), RATE_HZ))
    return left.astype(np.float32)


def without_overruns(server, take):
    """What `take` recorded while the server itself kept up; skips where it never does."""
    for _ in range(N_TRIES):
        before, made = server.xruns(), take()
        assert made.dropped == 0
        if server.xruns() == before and not made.server_overruns:
            return made
    pytest.skip("the JACK server had overruns of its own in every try; the machine is too busy")


@contextmanager
def busy(n):
    """Loops that take a core each."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n)]
    try:
        yield
    finally:
        for loop in loops:
            stop(loop)


def test_a_player_is_recorded_sample_for_sample_beside_busy_loops(jack, tmp_path):
    played = ramp_file(tmp_path / "ramp.wav", 0.0, 60.0, 0.0)
    with jack.playing(tmp_path / "ramp.wav"), busy(os.cpu_count() or 2):
        made = without_overruns(
            jack, lambda: record.record("daw", CaptureOptions(2, trigger=False), tmp_path)
        )
    audio = read_samples(made.path).audio
    begin = int(np.flatnonzero(played == audio[0, 0])[0])
    assert audio.shape == (2, 2 * RATE_HZ)
    assert np.array_equal(audio, np.stack([played, -played])[:, begin : begin + 2 * RATE_HZ])
    assert made.rate_hz == RATE_HZ and made.warnings == ()


def test_a_trigger_takes_the_sound_whole_with_what_was_before_and_after(jack, tmp_path):
    played = ramp_file(tmp_path / "hit.wav", 1.0, 0.25, 1.0)
    options = CaptureOptions(pre_roll_s=0.1, silence_s=0.5)
    states = []

    def take():
        with jack.playing(tmp_path / "hit.wav", loop=True):
            return record.record("daw", options, tmp_path, progress=lambda p: states.append(p.state))

    made = without_overruns(jack, take)
    begin, end = round(0.9 * RATE_HZ), round(1.75 * RATE_HZ)
    assert np.array_equal(read_samples(made.path).audio, np.stack([played, -played])[:, begin:end])
    assert WAITING in states and RECORDING in states


def test_players_are_listed_and_what_is_recorded_goes_on_to_a_match(jack, tmp_path, capsys, monkeypatch):
    matched = []
    monkeypatch.setattr("companion.matching.match_clips", lambda clips, *_: matched.extend(clips) or 0)
    with jack.playing(ROOT / "examples" / "lead.flac", "synth", loop=True):
        assert cli.run(["capture", "--list"]) == 0
        assert "synth (JACK)  stereo, 48000 Hz  a JACK client" in capsys.readouterr().out
        take = tmp_path / "take.wav"
        assert cli.run(["capture", "--device", "synth", "--seconds", "1", "--match", "--out", str(take)]) == 0
    assert capsys.readouterr().out.strip() == str(take) and matched == [take]
    clip = read_clip(take)
    assert clip.rate_hz == RATE_HZ and not clip.is_silent and clip.duration_s == pytest.approx(1, abs=1e-3)


def test_a_server_that_goes_away_leaves_what_there_was(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "CLOSE_S", 0.2)
    folder = tmp_path / "own"
    folder.mkdir()
    with jack_server(folder) as server:
        ramp_file(tmp_path / "ramp.wav", 0.0, 60.0, 0.0)
        with server.playing(tmp_path / "ramp.wav"):

            def hear(progress):
                if progress.recorded_s > 0.5 and server.process.poll() is None:
                    server.process.kill()

            made = record.record("daw", CaptureOptions(3, trigger=False), tmp_path, progress=hear)
    assert 0.5 <= made.seconds < 3 and made.warnings


# -- over PulseAudio ----------------------------------------------------------------------------------------------


def test_what_an_output_plays_is_recorded_sample_for_sample(tmp_path):
    pytest.importorskip(
        "sounddevice", reason="sounddevice comes with the [capture] extra", exc_type=Exception
    )
    played = ramp_file(tmp_path / "ramp.wav", 0.0, 60.0, 0.0)
    folder = tmp_path / "pulse"
    folder.mkdir()
    with pulse_server(folder) as env:
        device = next(d for d in list_devices() if d.name == f"Monitor of {OUTPUT}")
        assert (device.system, device.n_channels, device.fits) == ("PulseAudio", 2, True)
        command = [
            "mpv",
            "--no-config",
            "--no-video",
            "--ao=pulse",
            "--really-quiet",
            str(tmp_path / "ramp.wav"),
        ]
        player = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL)
        try:
            made = record.record(OUTPUT, CaptureOptions(1, pre_roll_s=0), tmp_path)
        finally:
            stop(player)
    audio = read_samples(made.path).audio
    begin = int(np.flatnonzero(played == audio[0, 0])[0])
    assert np.array_equal(audio, np.stack([played, -played])[:, begin : begin + RATE_HZ])


@pytest.mark.skipif(sys.platform != "linux", reason="asks for PulseAudio where none is")
def test_no_sound_server_is_no_trouble(driver, monkeypatch, tmp_path):
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path / 'gone'}")
    driver()
    assert [d.name for d in list_devices()] == ["Cable"]
