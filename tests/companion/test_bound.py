"""Canonical patches in hosted plugins that have a binding."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from companion.errors import HostError
from companion.hosts.bound import BINDINGS, PROBE, Bound, bind
from companion.hosts.plugin import PluginHost
from companion.hosts.verify import verify
from companion.hosts.vital import VitalHost
from companion.hosts.worker import Worker, _text
from companion.judging.metrics import level_db
from presets import xferjson
from presets.errors import PresetError
from presets.fxp import decode_fxp
from presets.host_state import COMPONENT, decode_host_state, encode_host_state
from presets.patch import Patch
from presets.serum1 import Serum1
from presets.serum1_binding import serum1_raw_values, serum1_template
from presets.serum1_in_state import find_serum1
from presets.serum2_binding import serum2_template
from presets.vital_binding import control_ranges, default_controls

SHOWN = (273, 299, 316, 349)
DARK = Patch({"filter1.on": True, "filter1.cutoff": 300})
BRIGHT = Patch({"filter1.on": True, "filter1.cutoff": 9000})


def brightness(audio):
    spectrum = np.abs(np.fft.rfft(audio[0]))
    return float(spectrum @ np.arange(spectrum.size) / spectrum.sum())


# -- by parameters, in a plugin ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", SHOWN)
def test_a_patch_is_set_by_parameters_in_every_build_and_heard(serumlike, n):
    with PluginHost(serumlike(n)) as host:
        (serum,) = bind([host])
        assert serum.name == "serum1" and not serum.by_state
        assert "by its parameters" in serum.notes[0]
        assert any("left out" in note for note in serum.notes[1:]) == (n < 299)
        heard = []
        for patch in (DARK, BRIGHT):
            serum.set_patch(patch)
            wanted, now = serum.shown_values(patch), host.values()
            assert len(wanted) > 150
            assert {name: now[name] for name in wanted} == pytest.approx(wanted, abs=1e-4)
            heard.append(host.render(48, 0.3, 0.5))
        assert level_db(heard[0]) > -60
        assert brightness(heard[1]) > 1.5 * brightness(heard[0])


def test_what_a_patch_changes_in_a_serum_is_verified_by_sound(serumlike):
    with PluginHost(serumlike(316)) as host:
        (serum,) = bind([host])
        wanted = serum.shown_values(DARK)
        names = ("Fil Cutoff", "Filter On", "A Vol", "Env1 Atk", "FX Hyper Level")
        checked = verify(host, {name: wanted[name] for name in names})
        assert not checked.refused and checked.unheard == ("FX Hyper Level",)


# -- by state ---------------------------------------------------------------------------------------------------------


class Running:
    """Stands for a running Serum, which nobody may hand on: its state holds a chunk, which its parameters show."""

    def __init__(self, takes=True, holds=True):
        self.name, self.takes = "Serum", takes
        chunk = decode_fxp(serum1_template().encode()).chunk
        self.data = encode_host_state({COMPONENT: b"head" + (chunk if holds else b"") + b"tail"})
        raws = Serum1(chunk).state.raws()
        self.parameters = [SimpleNamespace(name=name, raw=raw) for name, raw in raws.items()]
        self.set = {}

    def state(self):
        return self.data

    def set_state(self, state):
        if self.takes:
            self.data = state

    def preset(self):
        return self.chunk()

    def chunk(self):
        return find_serum1(decode_host_state(self.data)[COMPONENT]).chunk

    def values(self):
        found = find_serum1(decode_host_state(self.data)[COMPONENT])
        raws = Serum1(found.chunk).state.raws() if found else {p.name: p.raw for p in self.parameters}
        return raws | self.set

    def set_values(self, values):
        self.set |= values

    def render(self, note, note_s, total_s):
        return np.zeros((2, 100), np.float32)


def test_a_plugin_whose_state_holds_serums_chunk_is_set_by_it():
    running = Running()
    before = running.data
    serum = Bound(running, "serum1")
    assert serum.by_state and not serum.notes and running.data == before
    routed = Patch(
        {**PROBE.values, "mod1.source": "env2", "mod1.destination": "filter1.cutoff", "mod1.amount": 50}
    )
    serum.set_patch(routed)
    state = decode_host_state(running.data)[COMPONENT]
    assert state.startswith(b"head") and state.endswith(b"tail")
    assert any(slot.source == "Env 2" for slot in Serum1(running.chunk()).slots().values())
    assert running.set == {}


@pytest.mark.parametrize("running", [Running(takes=False), Running(holds=False)], ids=["deaf", "other state"])
def test_where_a_state_does_nothing_parameters_are_set_and_the_user_is_told(running):
    serum = Bound(running, "serum1")
    assert not serum.by_state and "by its parameters" in serum.notes[0]
    serum.set_patch(DARK)
    assert running.set["Fil Cutoff"] == serum1_raw_values(DARK)["Fil Cutoff"]


# -- Serum 2 ----------------------------------------------------------------------------------------------------------


class Running2:
    """Stands for a running Serum 2: what it is given by state it keeps, and its cutoff can be heard."""

    def __init__(self, deaf=False):
        self.name, self.parameters, self.deaf = "Serum 2", [SimpleNamespace(name="Main Vol", raw=0.5)], deaf
        self.data = encode_host_state(
            {COMPONENT: convert(serum2_template().encode()), "IEditController": b"kept"}
        )

    def state(self):
        return self.data

    def set_state(self, state):
        self.data = self.data if self.deaf else state

    def values(self):
        return {"Main Vol": 0.5}

    def render(self, note, note_s, total_s):
        tree = xferjson.decode(decode_host_state(self.data)[COMPONENT]).tree
        cutoff = _cutoff(tree)
        return (
            np.sin(np.arange(round(total_s * 44_100)) * (0.01 + 0.3 * cutoff))[None]
            .astype(np.float32)
            .repeat(2, 0)
        )


def convert(preset):
    from serum2_preset_loader import convert_preset_bytes

    return decode_host_state(convert_preset_bytes(preset))[COMPONENT]


def _cutoff(tree):
    params = tree["VoiceFilter0"]["plainParams"]
    return params.get("kParamFreq", 0.5) if isinstance(params, dict) else 0.5


def test_a_serum_2_is_set_by_state_and_told_by_its_sound():
    pytest.importorskip("serum2_preset_loader")
    running = Running2()
    (serum,) = bind([running])
    assert (serum.name, serum.by_state, serum.notes) == ("serum2", True, [])
    serum.set_patch(DARK)
    dark = _cutoff(xferjson.decode(decode_host_state(running.data)[COMPONENT]).tree)
    serum.set_patch(BRIGHT)
    parts = decode_host_state(running.data)
    assert _cutoff(xferjson.decode(parts[COMPONENT]).tree) > dark and parts["IEditController"] == b"kept"
    with pytest.raises(HostError, match="own parameters"):
        bind([Running2(deaf=True)])


# -- Vital ------------------------------------------------------------------------------------------------------------


def test_vitals_raw_values_make_the_same_sound_in_the_engine():
    """The whole table: a patch without routings, its controls set one by one from their raw values alone."""
    patch = Patch({"osc2.on": True, "osc2.octave": -1, "filter1.on": True, "filter1.cutoff": 500, "chorus.on": True,
                   "delay.on": True, "eq.on": True, "eq.low_gain": 6, "env1.decay": 0.4, "env1.sustain": 30})  # fmt: skip
    raws, lost = BINDINGS["vital"].values(patch)
    assert set(raws) == set(control_ranges()) and all(0 <= raw <= 1 for raw in raws.values())
    assert lost == ("Wavetables are left out: the plugin's parameters do not hold them",)
    whole, by_controls = VitalHost(), VitalHost()
    whole.set_patch(patch)
    by_controls.set_patch(Patch())
    for control, raw in raws.items():
        low, high = control_ranges()[control]
        by_controls.set_control(control, low + raw * (high - low))
    audio = [host.render(48, 0.4, 0.6) for host in (whole, by_controls)]
    assert level_db(audio[0] - audio[1]) < level_db(audio[0]) - 60


def test_vitals_state_is_the_text_of_a_preset():
    text = json.dumps({"settings": default_controls()}).encode() + b"\0"
    captured = encode_host_state({COMPONENT: text, "IEditController": b"kept"})
    state, _ = BINDINGS["vital"].state(captured, DARK)
    parts = decode_host_state(state)
    assert parts["IEditController"] == b"kept" and parts[COMPONENT].endswith(b"\0")
    assert json.loads(parts[COMPONENT][:-1])["settings"]["filter_1_on"] == 1.0
    with pytest.raises(PresetError):
        BINDINGS["vital"].state(encode_host_state({COMPONENT: b"something else"}), DARK)


def test_a_text_call_that_fails_sinks_nothing():
    """As four switches of Vital's do on Linux."""

    class Row:
        def get_text_for_raw_value(self, raw):
            raise MemoryError("std::bad_alloc")

    assert _text(Row(), 0.5) is None
    worker = Worker()
    worker._rows = [Row()]
    assert worker.texts({"index": 0, "raws": [0.0, 1.0]}, b"") == ({"texts": [None, None]}, b"")
