"""Patches as control changes: maps, messages, pace; over a real JACK server, and into a real plugin."""

import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion import cli
from companion.disk.store import read_patch
from companion.errors import MidiError, OptionError
from companion.hosts.plugin import PluginHost
from companion.midi import command, ports
from companion.midi.map_files import serum_mapping
from companion.midi.maps import RESERVED_CCS, SHIPPED, Control, find_map, parse_map
from companion.midi.messages import Knobs, control_to_messages, patch_to_messages
from companion.midi.pace import DEFAULT_BYTES_PER_S, WIRE_BYTES_PER_S, send_paced
from companion.midi.sending import send_patch
from companion.midi.teach import SWEEP, from_parameter, send_until
from presets.midimap import read_midi_map
from presets.patch import Patch
from presets.schema import wavetable_synth
from presets.txt import patch_to_text
from tests.jack_server import RATE_HZ, jack_server

PATCH = Patch(
    {"filter1.on": True, "filter1.cutoff": 900, "osc2.on": True, "env1.attack": 0.3, "macro.m2": 40}
)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def patch_file(tmp_path):
    path = tmp_path / "pluck.txt"
    path.write_text(patch_to_text(PATCH), encoding="utf-8")
    return path


# -- maps ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_maps_fit_the_schema_and_say_every_row(name):
    mapped = find_map(name)
    mapped.check_against(wavetable_synth())
    assert mapped.synth and mapped.learn
    sent = patch_to_messages(Patch(), mapped)
    assert {(status, cc) for status, cc, _ in sent} == {
        (0xB0, c.cc) for c in mapped if c.parameter in wavetable_synth().defaults
    }


SENT = [c for name in SHIPPED for c in find_map(name) if c.parameter in wavetable_synth().defaults]


def heard(row):
    """Values with which a parameter is heard."""
    on = {"mod1.amount": 50.0}
    for name, allowed in row.when:
        on[name.replace("*", "1")] = min(allowed, key=str)
        on |= heard(wavetable_synth()[name]) if "*" not in name else {}
    return on


@pytest.mark.parametrize("control", SENT, ids=lambda c: f"{c.parameter}-{c.cc}")
def test_every_shipped_row_goes_from_end_to_end(control):
    row = wavetable_synth()[control.parameter]
    values = np.linspace(row.low, row.high, 5)
    at = [Knobs(Patch({**heard(row), row.name: float(v)})).position(control) for v in values]
    assert (np.diff(at) >= 0).all() and min(at) >= 0 and max(at) <= 1
    assert at[-1] - at[0] >= 0.5, at  # ranges of schema and synth need not be the same


def test_the_macros_of_serum_2_stand_where_its_factory_setting_has_them():
    macros = [c for c in find_map("serum2") if c.parameter.startswith("macro.")]
    assert [(c.parameter, c.cc) for c in macros] == [(f"macro.m{n}", 13 + n) for n in range(1, 9)]
    assert [c.serum2 for c in macros] == [7_000_000 + 1000 * n for n in range(8)]


@pytest.mark.parametrize(
    ("parameter", "value", "expected"),
    [  # Serum's own laws: 8.18 Hz * 2697 ** n, 32 s * n ** 5, amplitude n ** 2
        ("filter1.cutoff", 430.0, 64), ("filter1.cutoff", 21000.0, 126), ("env1.attack", 1.05, 64),
        ("env2.release", 0.0, 0), ("osc1.level", 0.0, 127), ("osc1.level", -12.0, 64), ("env1.sustain", 25.0, 32), ("filter2.drive", 10.0, 64), ("macro.m3", 50.0, 64),
        ("osc1.pan", 0.0, 64), ("filter1.resonance", 100.0, 127),
    ],
)  # fmt: skip
def test_values_go_out_by_the_knobs_of_serum_2(parameter, value, expected):
    mapped = find_map("serum2")
    cc = next(c.cc for c in mapped if c.parameter == parameter)
    patch = Patch({**heard(wavetable_synth()[parameter]), parameter: value})
    values = {cc: value for _, cc, value in patch_to_messages(patch, mapped)}
    assert values[cc] == expected


def test_what_is_off_is_sent_as_silent():
    mapped = parse_map('[controls]\n"osc2.level" = { cc = 20, curve = "gain", off_with = "osc2.on" }', "x")
    assert patch_to_messages(Patch({"osc2.level": 0.0}), mapped) == [(0xB0, 20, 0)]
    assert patch_to_messages(Patch({"osc2.level": 0.0, "osc2.on": True}), mapped) == [(0xB0, 20, 127)]


def test_a_map_says_channel_bits_and_curve():
    text = """
        name = "mine"
        channel = 3
        [controls]
        "filter1.cutoff" = { cc = 20, bits = 14, curve = "log", low = 20, high = 20000 }
        "env1.attack" = { cc = 73, channel = 16, curve = 4 }
        "lfo1.shape" = { cc = 21 }
    """
    sent = patch_to_messages(Patch({"filter1.cutoff": 200.0, "env1.attack": 1.0, "lfo1.shape": "own"},
                                   assets={"lfo1.shape": np.zeros((2, 3), np.float32)}), parse_map(text, "x"))  # fmt: skip
    assert sent == [(0xB2, 20, 5461 >> 7), (0xB2, 52, 5461 & 127), (0xBF, 73, 64), (0xB2, 21, 127)]


@given(st.integers(1, 16), st.sampled_from([7, 14]), st.integers(1, 5), st.floats(0, 1))
def test_a_position_comes_back_to_half_a_step(channel, bits, cc, at):
    sent = control_to_messages(Control("osc1.level", cc, channel, bits), at)
    assert all(status == 0xB0 + channel - 1 and 0 <= value <= 127 for status, _, value in sent)
    whole = sent[0][2] if bits == 7 else sent[0][2] << 7 | sent[1][2]
    assert abs(whole / (2**bits - 1) - at) <= 0.5 / (2**bits - 1) + 1e-12
    assert [number for _, number, _ in sent] == ([cc] if bits == 7 else [cc, cc + 32])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('"osc1.level" = 7', "must have a cc"),
        ('"osc1.level" = { cc = 7, knob = 3 }', "must have a cc"),
        ('"osc1.level" = { cc = 120 }', "1 to 119"),
        ('"osc1.level" = { cc = 40, bits = 14 }', "1 to 31"),
        ('"osc1.level" = { cc = 20, bits = 8 }', "7 or 14"),
        ('"osc1.level" = { cc = true }', "whole number"),
        ('"osc1.level" = { cc = 20, channel = 17 }', "1 to 16"),
        ('"osc1.level" = { cc = 64 }', "sustain"),
        ('"osc1.level" = { cc = 6, bits = 14 }', "data entry"),
        ('"osc1.level" = { cc = 20, curve = "steep" }', "exponent"),
        ('"osc1.level" = { cc = 20, curve = 0 }', "exponent"),
        ('"osc1.level" = { cc = 20, curve = "linear", low = nan }', "must be a number"),
        ('"osc1.level" = { cc = 20, low = 3 }', "has no range"),
        ('"osc1.level" = { cc = 20, curve = "serum2" }', "with a control"),
        ('"osc1.level" = { cc = 20, control = "A Vol" }', "serum2"),
        ('"osc1.level" = { cc = 20, curve = "serum1", control = "A Volume" }', "A Volume"),
        ('"osc1.level" = { cc = 20, label = 3 }', "must be a text"),
        ('"osc1.level" = { cc = 20, serum2 = -1 }', "Serum 2"),
        ('"osc1.level" = { cc = 20 }\n"osc2.level" = { cc = 20 }', "both take CC 20"),
        ('"osc1.level" = { cc = 2, bits = 14 }\n"osc2.level" = { cc = 34 }', "both take CC 34"),
        ('"osc1.levle" = { cc = 20 }', "osc1.levle"),
        ('"osc1.level" = { cc = 20, off_with = "osc1.no" }', "osc1.no"),
        ('"osc1.level" = { cc = 20, curve = "log", low = -40, high = 0 }', "-40"),
        ('"filter1.type" = { cc = 20, curve = "linear" }', "choice"),
        ("", "no \\[controls\\]"),
        ("nonsense", "no TOML"),
    ],
)  # fmt: skip
def test_a_map_that_makes_no_sense_is_refused_in_a_sentence(row, said):
    with pytest.raises(MidiError, match=said) as caught:
        patch_to_messages(Patch(), parse_map(f"[controls]\n{row}", "mine.toml"))
    assert "\n" not in str(caught.value)


def test_no_shipped_row_takes_what_means_something_else():
    assert not [c for name in SHIPPED for c in find_map(name) if RESERVED_CCS.keys() & set(c.ccs)]


# -- pace ---------------------------------------------------------------------------------------------------------


class Clock:
    """Time that passes as a test says; sleeps last longer than asked for, as on a busy machine."""

    def __init__(self, delays):
        self.now, self.delays = 100.0, list(delays)

    def sleep(self, seconds):
        self.now += seconds + (self.delays.pop() if self.delays else 0.0)


@given(
    st.lists(st.floats(0, 0.2), max_size=60), st.integers(1, 80), st.floats(100, WIRE_BYTES_PER_S)
)  # fmt: skip
def test_no_span_of_time_gets_more_than_the_wire_takes(delays, n, rate):
    clock, sent = Clock(delays), []
    messages = [(0xB0, k % 120, k % 128) for k in range(n)]
    assert (
        send_paced(
            messages, lambda m: sent.append((clock.now, m)), rate, clock=lambda: clock.now, sleep=clock.sleep
        )
        == n
    )
    assert [m for _, m in sent] == messages
    times = np.array([t for t, _ in sent])
    for k in range(n):
        bytes_so_far = 3 * np.arange(1, n - k + 1)
        assert (bytes_so_far <= (times[k:] - times[k]) * rate + 3 + 1e-6).all()
    assert clock.now - times[-1] >= 3 / rate - 1e-9  # the last one is out before the port is closed


def test_the_default_leaves_some_of_the_wire_to_whoever_plays():
    assert DEFAULT_BYTES_PER_S < WIRE_BYTES_PER_S


# -- teaching, and what can be had without a port -----------------------------------------------------------------


def test_teaching_moves_one_control_up_and_down_until_it_is_learnt():
    sent, control = [], Control("osc1.level", 20, 2, 14)
    n = send_until(control, sent.append, lambda: len(sent) == len(SWEEP), sleep=lambda s: None)
    assert n == len(SWEEP) and {(status, cc) for status, cc, _ in sent} == {(0xB1, 20)}
    values = [value for _, _, value in sent]
    assert min(values) == 0 and max(values) == 127
    assert from_parameter(find_map("serum2").controls, "osc1.level")[0].parameter == "osc1.level"


def test_without_the_library_only_ports_are_missed(monkeypatch, patch_file, capsys):
    monkeypatch.setitem(sys.modules, "rtmidi", None)
    assert cli.run(["midi", "send", str(patch_file), "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"B0 {cc:3} {v:3}" for _, cc, v in patch_to_messages(read_patch(patch_file), find_map("serum2"))
    ]
    assert cli.run(["midi", "ports"]) == 1
    assert "whispersynth[midi]" in capsys.readouterr().err


def test_maps_are_written_to_change_and_for_serum_and_never_over_anything(tmp_path, capsys):
    mine, serum = tmp_path / "mine.toml", tmp_path / "default.SerumMIDIMap"
    assert cli.run(["midi", "map", "general", "--out", str(mine)]) == 0
    assert find_map(str(mine)).controls == find_map("general").controls
    assert cli.run(["midi", "map", "serum2", "--out", str(serum)]) == 0
    assert read_midi_map(serum) == serum_mapping(find_map("serum2"))
    before = mine.read_bytes()
    assert cli.run(["midi", "map", "serum2", "--out", str(mine)]) == 1
    assert mine.read_bytes() == before and "there already" in capsys.readouterr().err
    assert cli.run(["midi", "map", str(mine), "--out", str(tmp_path / "x.SerumMIDIMap")]) == 1
    assert "serum2" in capsys.readouterr().err
    assert cli.run(["midi", "map", "serum2", "--out", str(tmp_path / "x.csv")]) == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--map", "serum3"], "serum2, serum1, general"),
        (["--map", "gone.toml"], "does not exist"),
        (["--channel", "17"], "1 to 16"),
        (["--rate", "0"], "out of range"),
        (["--wait", "-1"], "out of range"),
    ],
)
def test_options_that_make_no_sense(patch_file, capsys, args, said):
    assert cli.run(["midi", "send", str(patch_file), "--dry-run", *args]) in (1, 2)
    assert said in capsys.readouterr().err


def test_a_channel_moves_the_whole_map():
    assert {c.channel for c in find_map("general").on_channel(7)} == {7}
    with pytest.raises(OptionError):
        command._map("general", 0)


def test_no_midi_at_all_is_told(monkeypatch, capsys):
    class Nothing:
        def get_compiled_api():
            return []

    monkeypatch.setattr(ports, "_rtmidi", lambda: Nothing)
    assert cli.run(["midi", "ports"]) == 1
    assert "no MIDI system answered" in capsys.readouterr().err
    for name in (None, "synth"):
        with pytest.raises(MidiError, match="no MIDI system"):
            ports.open_output(name)


def test_windows_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(MidiError, match="loopMIDI"):
        ports.open_output()


# -- over JACK ----------------------------------------------------------------------------------------------------


class Ear:
    """A MIDI input of ours on the server, as a synth has one."""

    def __init__(self, rtmidi, name):
        self.heard = []
        self._midi = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=name)
        self._midi.set_callback(lambda event, _: self.heard.append((time.monotonic(), tuple(event[0]))))

    def listen(self):
        self._midi.open_virtual_port("in")

    def connect(self, part):
        until = time.monotonic() + 10
        while not (there := [n for n, port in enumerate(self._midi.get_ports()) if part in port]):
            assert time.monotonic() < until, "the port does not appear"
            time.sleep(0.02)
        self._midi.open_port(there[0])

    @property
    def messages(self):
        return [message for _, message in self.heard]

    def close(self):
        self._midi.cancel_callback()
        self._midi.close_port()
        self._midi.delete()


@pytest.fixture(scope="module")
def jack(tmp_path_factory):
    pytest.importorskip("rtmidi", reason="python-rtmidi comes with the [midi] extra")
    with jack_server(tmp_path_factory.mktemp("jack")) as server:
        yield server


@pytest.fixture
def ear(jack):
    import rtmidi

    ears = []

    def make(name):
        ears.append(Ear(rtmidi, name))
        return ears[-1]

    yield make
    for made in ears:
        made.close()


def run_midi(*args):
    return subprocess.Popen(
        [sys.executable, "-m", "companion.cli", "midi", *map(str, args)], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_a_patch_arrives_at_a_port_that_is_there_no_faster_than_a_cable_takes(jack, ear, patch_file):
    synth = ear("synth")
    synth.listen()
    with run_midi("send", patch_file, "--port", "synth:in") as sending:
        _, said = sending.communicate(timeout=30)
    assert sending.returncode == 0, said
    expected = patch_to_messages(read_patch(patch_file), find_map("serum2"))
    assert synth.messages == expected
    # JACK delivers what was sent within a period at once, and this thread may hear of it late.
    seconds = synth.heard[-1][0] - synth.heard[0][0]
    assert seconds >= 3 * (len(expected) - 1) / WIRE_BYTES_PER_S - 2 * jack.period / RATE_HZ


def test_a_front_end_sends_and_may_stop(jack, ear):
    synth = ear("front")
    synth.listen()
    messages = patch_to_messages(PATCH, find_map("serum2"))
    with ports.open_output("front:in") as output:
        assert send_patch(PATCH, output, bytes_per_s=WIRE_BYTES_PER_S) == len(messages)

        def stop(n_sent):
            if n_sent == 3:
                raise InterruptedError

        with pytest.raises(InterruptedError):
            send_patch(PATCH, output, on_sent=stop)
        time.sleep(0.2)
    assert synth.messages == [*messages, *messages[:3]]


def test_a_port_of_our_own_waits_for_enter(jack, ear, patch_file):
    synth = ear("listener")
    with run_midi("send", patch_file, "--map", "general", "--channel", "5") as sending:
        synth.connect("WhisperSynth")
        assert synth.heard == []
        _, said = sending.communicate("\n", timeout=30)
    assert sending.returncode == 0, said
    assert synth.messages == patch_to_messages(read_patch(patch_file), find_map("general").on_channel(5))


def test_nobody_to_press_enter_is_told(jack, patch_file):
    with run_midi("send", patch_file) as sending:
        _, said = sending.communicate("", timeout=30)
    assert sending.returncode == 1 and "--wait" in said


def test_a_synth_is_taught_one_control_after_the_other(jack, ear):
    synth = ear("pupil")
    synth.listen()
    with run_midi("teach", "--port", "pupil", "--from", "env3.attack", "--seconds", "0.3") as teaching:
        _, said = teaching.communicate(timeout=30)
    assert teaching.returncode == 0, said
    controllers = [cc for _, cc, _ in synth.messages]
    assert list(dict.fromkeys(controllers)) == [c.cc for c in find_map("serum2")][-4:]
    assert controllers == sorted(controllers, key=controllers.index)  # never back to one that was done
    assert "Env 3 Attack" in said and "MIDI Learn" in said


def test_teaching_goes_on_at_enter_and_ends_at_q(jack, ear):
    synth = ear("pupil2")
    synth.listen()
    with run_midi("teach", "--port", "pupil2") as teaching:
        until = time.monotonic() + 20
        for line, cc in (("\n", 14), ("q\n", 15)):
            while cc not in [m[1] for m in synth.messages]:
                assert time.monotonic() < until
                time.sleep(0.02)
            teaching.stdin.write(line)
            teaching.stdin.flush()
        _, said = teaching.communicate(timeout=30)
    assert teaching.returncode == 0, said
    assert {m[1] for m in synth.messages} == {14, 15}


def test_ports_are_listed_and_a_wrong_name_says_them(jack, ear, capsys):
    ear("synth a").listen()
    ear("synth b").listen()
    assert cli.run(["midi", "ports"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"synth a:in +\(Jack\)", out) and "synth b:in" in out
    with pytest.raises(MidiError, match="several"):
        ports.open_output("synth")
    with pytest.raises(MidiError, match="synth a:in"):
        ports.open_output("organ")


# -- into a plugin ------------------------------------------------------------------------------------------------


def as_vst3_carries(value):
    """A controller's value as a share: as float32, of which the test synth's framework cuts off what is no whole step."""
    return int(float(np.float32(value / 127)) * 127) / 127


HEARS = {71, 72, 73, 74, 75, 7, 14, 15, 16, 17}  # what the test synth listens to


def test_a_plugin_that_is_sent_a_patch_over_jack_sounds_as_if_it_was_set(jack, ear, patch_file, serumlike):
    synth = ear("plugin")
    synth.listen()
    with run_midi("send", patch_file, "--map", "serum1", "--port", "plugin:in") as sending:
        _, said = sending.communicate(timeout=30)
    assert sending.returncode == 0, said
    assert synth.messages == patch_to_messages(read_patch(patch_file), find_map("serum1"))
    knobs = {c.cc: c.control for c in find_map("serum1")}
    note = [(bytes([0x90, 48, 100]), 0.1), (bytes([0x80, 48, 0]), 0.6)]
    with PluginHost(serumlike(316)) as host:
        host.set_values({"Filter On": 1.0})
        before = host.render_midi(note, 0.8, fresh=True)
        by_midi = host.render_midi([*((bytes(m), 0.0) for m in synth.messages), *note], 0.8, fresh=True)
        host.set_values({knobs[cc]: as_vst3_carries(value) for _, cc, value in synth.messages if cc in HEARS})
        by_hand = host.render_midi(note, 0.8, fresh=True)
    assert np.abs(by_midi - before).max() > 0.01
    assert np.allclose(by_midi, by_hand, atol=1e-6)


def test_the_knobs_of_the_map_for_serum_1_are_those_it_shows(serumlike):
    with PluginHost(serumlike(316)) as host:
        shown = {p.name for p in host.parameters}
    assert {c.control for c in find_map("serum1")} <= shown
