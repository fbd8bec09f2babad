"""The host, on real plugins. What is killed or stopped here is a worker that the test started."""

import math
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from companion.errors import HostError
from companion.hosts.plugin import PSEUDO, PluginHost, Timeouts
from companion.hosts.verify import verify
from companion.judging.metrics import level_db
from presets.plugin_schema import patch_of, raw_values
from presets.vstpreset import decode_vstpreset

NOTE = {"note": 48, "note_s": 0.3, "total_s": 0.6}
DULL = {"Cutoff": 0.1, "Volume": 0.5}
posix = pytest.mark.skipif(os.name != "posix", reason="stops a process by a signal of POSIX")


@pytest.fixture(scope="module")
def host(nekobi):
    with PluginHost(nekobi) as host:
        yield host


def brightness(audio):
    spectrum = np.abs(np.fft.rfft(audio[0]))
    return float(spectrum @ np.arange(spectrum.size) / spectrum.sum())


def test_a_plugin_says_what_it_is_without_what_sets_nothing(host):
    assert (host.name, host.info.is_instrument, host.info.channels) == ("Nekobi", True, 1)
    assert [p.name for p in host.parameters] == [
        "Waveform", "Tuning", "Cutoff", "VCF Resonance", "Env Mod", "Decay", "Accent", "Volume",
    ]  # fmt: skip
    assert host.info.version and host.info.maker


@pytest.mark.parametrize(
    "name", ["Bypass", "MIDI CC 7|1", "MIDI Ch. 1 CC 74", "Program", "Buffer Size", "P001", "", "Soft Bypass"]
)
def test_what_a_host_adds_is_no_parameter(name):
    assert PSEUDO.fullmatch(name.lower())


@pytest.mark.parametrize(
    "name", ["Cutoff", "Pan", "Patch Bay", "Program Depth", "Bypass Filter", "Preset Morph"]
)
def test_what_only_sounds_like_it_is_one(name):
    assert not PSEUDO.fullmatch(name.lower())


def test_a_mono_plugin_sounds_on_both_channels_and_values_change_the_sound(host):
    host.set_values({"Cutoff": 0.9})
    bright = host.render(**NOTE)
    host.set_values({"Cutoff": 0.1})
    dull = host.render(**NOTE)
    assert bright.shape == (2, round(0.6 * 44_100)) and bright.dtype == np.float32
    assert np.array_equal(bright[0], bright[1])
    assert brightness(bright) > 1.5 * brightness(dull)


def test_a_note_ends_and_the_next_one_begins_clean(host):
    host.set_values(raw_values(patch_of(host.schema, {})))
    host.render(36, 5.0, 0.5)  # cut off while it sounds
    silence = host.render_midi([], 0.3)
    assert level_db(silence) < -60


def test_values_out_of_range_and_names_it_lacks_are_refused(host):
    for values in ({"Cutoff": 1.2}, {"Cutoff": math.nan}, {"Kutoff": 0.5}):
        with pytest.raises(HostError):
            host.set_values(values)


def test_control_changes_are_heard_from_when_they_come(serumlike):
    with PluginHost(serumlike(316)) as host:
        host.set_values({"Filter On": 1.0, "Fil Cutoff": 0.3})
        closed = host.render(48, 0.6, 0.6)
        opened = host.render(48, 0.6, 0.6, controls=[(0.3, 74, 127)])
        half = closed.shape[1] // 2
        assert host.info.channels == 2
        assert brightness(opened[:, half:]) > 1.5 * brightness(closed[:, half:])
        assert brightness(opened[:, : half - 2000]) == pytest.approx(
            brightness(closed[:, : half - 2000]), rel=0.1
        )


def test_texts_are_what_the_plugin_shows(host):
    assert (
        host.texts("Waveform", [0, 1]) == ["Square", "Saw"] or len(set(host.texts("Waveform", [0, 1]))) == 2
    )


def test_state_and_preset_restore_every_value(host):
    host.set_values(DULL)
    kept, state, preset = host.values(), host.state(), host.preset()
    for restore in (lambda: host.set_state(state), lambda: host.set_preset(preset)):
        host.set_values({"Cutoff": 0.8, "Volume": 0.9})
        restore()
        assert host.values() == pytest.approx(kept, abs=1e-5)
    assert b"cutoff" in (decode_vstpreset(preset).component or b"")


def test_a_plugin_created_anew_keeps_its_patch(host):
    host.set_values(DULL)
    played = host.render(**NOTE, fresh=True)
    assert host.values()["Cutoff"] == pytest.approx(DULL["Cutoff"], abs=1e-3)
    assert level_db(played) > -60


# -- crashes and hangs --------------------------------------------------------------------------------------------


def kill(host):
    os.kill(host.pid, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)


def test_a_worker_that_is_killed_comes_back_with_its_patch_and_the_user_is_told(nekobi):
    heard = []
    with PluginHost(nekobi, on_notice=heard.append) as host:
        host.set_values({"Accent": 0.7})
        host.set_state(host.state())
        host.set_values(DULL)
        kept, before = host.values(), host.render(**NOTE)
        for n in range(1, 4):
            kill(host)
            after = host.render(**NOTE)
            assert host.values() == pytest.approx(kept, abs=1e-5)
            assert abs(level_db(after) - level_db(before)) < 0.5
            assert host.n_restarts == len(heard) == n
    assert "Nekobi" in heard[0] and "set again" in heard[0]


@posix
def test_a_worker_that_hangs_is_started_anew(nekobi):
    timeouts = Timeouts(call_s=0.5, render_s=0.5, per_second=1.0)
    with PluginHost(nekobi, timeouts=timeouts) as host:
        host.set_values(DULL)
        os.kill(host.pid, signal.SIGSTOP)
        began = time.perf_counter()
        assert level_db(host.render(**NOTE)) > -60
        assert host.n_restarts == 1 and "did not answer" in host.notices[0]
        assert time.perf_counter() - began < 20
        assert host.values()["Cutoff"] == pytest.approx(0.1, abs=1e-3)


def test_what_the_plugin_refuses_leaves_the_patch_and_no_process_stays(nekobi):
    with PluginHost(nekobi) as host:
        host.set_values(DULL)
        with pytest.raises(HostError):
            host.set_preset(b"VST3 nothing of the kind")
        assert host.values()["Cutoff"] == pytest.approx(0.1, abs=1e-3)
        process = host._process._process
    assert process.wait(timeout=5) is not None


def test_no_plugin_and_no_library_are_told(tmp_path):
    with pytest.raises(HostError, match="whispersynth synths"):
        PluginHost(tmp_path / "Nothing.vst3")
    broken = tmp_path / "Broken.vst3"
    broken.write_bytes(b"no library")
    with pytest.raises(HostError, match=r"Broken\.vst3 cannot be loaded"):
        PluginHost(broken)


MISBEHAVING = {
    "crashes": "abort();",
    "quits": "exit(0);",
    "hangs": "for (;;) sleep(1);",
}


@pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which("gcc"), reason="makes a plugin with gcc for Linux"
)
@pytest.mark.parametrize("how", MISBEHAVING)
def test_a_plugin_that_misbehaves_while_it_loads_harms_nothing(how, tmp_path):
    library = tmp_path / "Bad.vst3" / "Contents" / f"{platform.machine()}-linux" / "Bad.so"
    library.parent.mkdir(parents=True)
    code = f"#include <stdlib.h>\n#include <unistd.h>\n__attribute__((constructor)) void f(void) {{ {MISBEHAVING[how]} }}"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", library], input=code, text=True, check=True
    )
    began = time.perf_counter()
    with pytest.raises(HostError, match=r"Bad\.vst3 cannot be loaded: it"):
        PluginHost(tmp_path / "Bad.vst3", timeouts=Timeouts(load_s=1.0))
    assert time.perf_counter() - began < 15


@posix
def test_a_worker_ends_when_the_one_it_works_for_is_killed(nekobi):
    code = f"from companion.hosts.plugin import PluginHost; h = PluginHost({str(nekobi)!r}); print(h.pid, flush=True); input()"
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            return
        time.sleep(0.05)
    pytest.fail("the worker lives on")


# -- verification by sound ----------------------------------------------------------------------------------------


def test_what_took_effect_is_proved_by_sound(host):
    host.set_values(raw_values(patch_of(host.schema, {})))
    checked = verify(host, host.values(), note=36)
    assert not checked.refused and not checked.unchecked
    assert checked.unheard == (
        "Decay",
    )  # Nekobi takes velocities over 90 for accents, which have a decay of their own


def test_what_makes_no_difference_is_reported(host):
    values = {**raw_values(patch_of(host.schema, {})), "Volume": 0.0}
    checked = verify(host, values)
    assert "Volume" not in checked.unheard and "Cutoff" in checked.unheard
    assert "Cutoff" in checked.sentences[0]
    assert host.values()["Volume"] == 0.0
    assert "Cutoff" in verify(host, values, deadline=0.0).unchecked


def test_notes_that_never_repeat_can_be_verified_too(kars):
    with PluginHost(kars) as host:
        values = {p.name: p.raw for p in host.parameters}
        assert "Volume" not in verify(host, values).unheard
        assert set(verify(host, {**values, "Volume": 0.0}).unheard) == {"Sustain", "Release"}
