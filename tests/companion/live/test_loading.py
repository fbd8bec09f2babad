"""A preset into the set: in place, on an empty track, in a new one, by parameters; and all of it taken back."""

import os
import time
from pathlib import Path

import pytest

from presets.vstpreset import VstPreset, encode_vstpreset

SERUM_1 = "56535458667358736572756D00000000"  # VST XfsX serum
SERUM_2 = "56534558667350736572756D20320000"


@pytest.fixture
def loading(script, inside):
    return inside("WhisperSynth.loading")


@pytest.fixture
def preset(library):
    """Writes a .vstpreset for a plugin into the User Library."""

    def write(name="Bass 1 resynth", class_id=SERUM_2, folder=("WhisperSynth", "Serum 2")):
        path = library.joinpath(*folder, f"{name}.vstpreset")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(vst_preset(class_id))
        return {"vstpreset": str(path), "wav": str(path.with_suffix(".wav"))}

    return write


def vst_preset(class_id):
    return encode_vstpreset(VstPreset(class_id, (("Comp", b"state"),)))


@pytest.fixture
def live(loading, a_set, inside, library):
    """A loader in a set with an audio and a MIDI track; `run` drives it to its end, tick by tick."""

    class Driver:
        audio = a_set.add_track("Audio")
        synth = a_set.add_track("Synth", midi=True)
        handle = inside("fake_set").Handle
        loader = loading.Loader(handle(a_set.application), handle(a_set.song), str(library), True)

        def run(self, files, parameters=None, synth=""):
            task = self.loader.load(files, parameters or {}, synth)
            while True:
                try:
                    next(task)
                except StopIteration as done:
                    return done.value
                time.sleep(0.001)

        def select(self, track):
            a_set.select(None, track)

        def names(self):
            return [t.values["name"] for t in a_set.song.values["tracks"]]

        def devices(self, track):
            return [d.values["name"] for d in track.values["devices"]]

    yield Driver()
    assert a_set.step_depth == 0
    assert a_set.browser.values["hotswap_target"] is None


def test_an_empty_midi_track_is_filled(live, preset):
    live.select(live.synth)
    loaded = live.run(preset())
    assert loaded.text == "Bass 1 resynth is loaded into Synth"
    assert live.devices(live.synth) == ["Bass 1 resynth"]
    assert loaded.undo() == "Synth is as before"
    assert live.devices(live.synth) == []


@pytest.mark.parametrize(
    ("class_id", "plugin"), [(SERUM_2, "Serum 2"), (SERUM_1, "Serum"), (SERUM_1.lower(), "Serum (VST3)")]
)
def test_the_same_synth_is_swapped_in_place(live, preset, a_set, class_id, plugin):
    live.select(live.synth)
    device = a_set.device(plugin)
    live.synth.values["devices"] = [a_set.device("Reverb", "Reverb", 2), device]
    loaded = live.run(preset(class_id=class_id))
    assert a_set.loads[0][1] is device
    assert "in place" in loaded.text
    assert live.devices(live.synth) == ["Reverb", "Bass 1 resynth"]
    assert loaded.undo() == "Synth is as before"
    assert live.devices(live.synth) == ["Reverb", plugin]


def test_a_plugin_whose_preset_does_not_say_is_known_by_what_was_matched_on(live, preset, a_set):
    live.select(live.synth)
    device = a_set.device("Vital")
    live.synth.values["devices"] = [device]
    live.run(
        preset(class_id="ABCDEF019182FAEB5479746556697461"), synth="/Library/Audio/Plug-Ins/VST3/Vital.vst3"
    )
    assert a_set.loads[0][1] is device


@pytest.mark.parametrize(
    ("synth", "plugin"),
    [
        ("/Library/Audio/Plug-Ins/VST3/Serum2.vst3", "serum2"),
        ("C:\\Program Files\\Common Files\\VST3\\Serum 2.VST3", "serum2"),
        ("/a/Vital.component/", "vital"),
        ("vital", ""),
        ("", ""),
    ],
)
def test_a_plugins_name_from_its_file(loading, synth, plugin):
    assert loading.plugin_named(synth) == plugin


def test_a_synth_inside_a_rack_is_found(live, preset, a_set):
    live.select(live.synth)
    device = a_set.device("Serum 2")
    chain = a_set.track("Chain")
    chain.values["devices"] = [device]
    live.synth.values["devices"] = [a_set.device("Rack", "InstrumentGroupDevice", chains=[chain])]
    loaded = live.run(preset())
    assert a_set.loads[0][1] is device
    assert loaded.undo() == "Synth is as before"
    assert device.values["name"] == "Serum 2"


def test_a_preset_from_elsewhere_is_put_into_the_library(live, preset, library, tmp_path):
    live.select(live.synth)
    files = preset()
    elsewhere = tmp_path / "matches" / "Bass 1 resynth.vstpreset"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(Path(files["vstpreset"]).read_bytes())
    live.run({"vstpreset": str(elsewhere)})
    shelf = library / "WhisperSynth"
    assert (shelf / elsewhere.name).read_bytes() == elsewhere.read_bytes()
    live.run({"vstpreset": str(elsewhere)})  # the same again takes no second place
    elsewhere.write_bytes(elsewhere.read_bytes() + b"other")
    live.run({"vstpreset": str(elsewhere)})
    assert sorted(p.name for p in shelf.glob("*.vstpreset")) == [
        "Bass 1 resynth (2).vstpreset",
        "Bass 1 resynth.vstpreset",
    ]


def test_a_preset_that_is_gone(live, loading, tmp_path):
    live.select(live.synth)
    with pytest.raises(loading.LoadError, match="cannot be put into the User Library"):
        live.run({"vstpreset": str(tmp_path / "gone.vstpreset")})


@pytest.mark.parametrize(
    ("shown", "is_serum", "is_serum_2"),
    [("Serum", 1, 0), ("Serum (VST3)", 1, 0), ("Serum_x64", 1, 0), ("Serum 2", 0, 1), ("Serum 2 (VST3)", 0, 1), ("SerumFX", 0, 0),
     ("Vital", 0, 0)],
)  # fmt: skip
def test_which_plugin_a_device_is(loading, a_set, inside, shown, is_serum, is_serum_2):
    device = inside("fake_set").Handle(a_set.device(shown))
    assert loading.is_plugin(device, "serum") == is_serum
    assert loading.is_plugin(device, "serum2") == is_serum_2


@pytest.mark.parametrize("other", ["Operator", "Serum"])
def test_another_synth_is_kept_and_a_track_made(live, preset, a_set, other):
    """A Serum 1 is no Serum 2: its place is not taken."""
    live.select(live.synth)
    live.synth.values["devices"] = [a_set.device(other)]
    loaded = live.run(preset())
    assert live.names() == ["Audio", "Synth", "3-MIDI"]
    assert live.devices(live.synth) == [other]
    assert "in a new track" in loaded.text
    assert loaded.undo() == "the new track is removed"
    assert live.names() == ["Audio", "Synth"]


def test_beside_an_audio_track_one_is_made(live, preset, a_set):
    live.select(live.audio)
    live.run(preset())
    assert live.names() == ["Audio", "3-MIDI", "Synth"]
    assert live.devices(a_set.song.values["tracks"][1]) == ["Bass 1 resynth"]


def test_on_the_main_track_too(live, preset):
    live.run(preset())
    assert live.names() == ["Audio", "Synth", "3-MIDI"]


def test_no_track_is_made_against_the_users_will(live, preset, loading):
    live.select(live.audio)
    live.loader.new_track = False
    with pytest.raises(loading.LoadError, match="select a MIDI track"):
        live.run(preset())
    assert live.names() == ["Audio", "Synth"]


def test_lives_limit_of_tracks(live, preset, a_set, loading):
    a_set.most_tracks = 2
    live.select(live.audio)
    with pytest.raises(loading.LoadError, match="Maximum number of tracks"):
        live.run(preset())


def test_a_file_that_live_lists_later_is_waited_for(live, preset, a_set, loading, monkeypatch):
    monkeypatch.setattr(loading, "LOOK_EVERY_S", 0.05)
    a_set.index_s = 0.5
    live.select(live.synth)
    began = time.time()
    live.run(preset())
    assert time.time() - began > 0.4
    assert live.devices(live.synth) == ["Bass 1 resynth"]


def test_a_file_that_live_never_lists(live, preset, a_set, loading, monkeypatch):
    monkeypatch.setattr(loading, "INDEXING_S", 0.1)
    a_set.index_s = 1e9
    live.select(live.synth)
    with pytest.raises(loading.LoadError, match=r"does not list Bass 1 resynth\.vstpreset yet; drag it"):
        live.run(preset())
    assert live.devices(live.synth) == []


def test_live_refuses(live, preset, a_set, loading):
    a_set.refuses_load = True
    live.select(live.synth)
    for track in (live.synth, live.audio):
        live.select(track)
        with pytest.raises(loading.LoadError, match="refused to load"):
            live.run(preset())
    assert live.names() == ["Audio", "Synth"]  # the track made for it is gone again


def test_live_does_nothing(live, preset, a_set, loading, monkeypatch, inside):
    monkeypatch.setattr(loading, "TAKING_S", 0.05)
    monkeypatch.setitem(inside("fake_set").METHODS, ("browser", "load_item"), lambda *a: None)
    for track in (live.synth, live.audio):
        live.select(track)
        with pytest.raises(loading.LoadError, match="nothing changed there"):
            live.run(preset())
    assert live.names() == ["Audio", "Synth"]


def test_undo_does_not_undo_what_the_user_did_since(live, preset, a_set, loading, inside):
    live.select(live.synth)
    loaded = live.run(preset())
    inside("fake_set").create_midi_track(a_set.song)
    with pytest.raises(loading.LoadError, match="other things were done"):
        loaded.undo()
    assert live.devices(live.synth) == ["Bass 1 resynth"]
    assert len(live.names()) == 3


def test_a_swap_that_live_does_not_show_is_not_undone_blindly(
    live, preset, a_set, loading, monkeypatch, inside
):
    monkeypatch.setitem(inside("fake_set").METHODS, ("browser", "load_item"), lambda *a: None)
    live.select(live.synth)
    live.synth.values["devices"] = [a_set.device("Serum 2")]
    loaded = live.run(preset())
    with pytest.raises(loading.LoadError, match="undo it there"):
        loaded.undo()


def test_automation_is_no_change(live, preset, a_set, loading, monkeypatch):
    """While Live plays, parameters may move by themselves."""
    live.select(live.synth)
    moving = a_set.parameter("Cutoff", 0.1)
    live.synth.values["devices"] = [a_set.device("Delay", "Delay", 2, parameters=[moving])]
    a_set.song.values["is_playing"] = True
    loaded = live.run(preset())
    a_set.undo_steps[-1][moving]["value"] = 0.7
    assert loaded.undo() == "Synth is as before"


def test_a_new_track_that_was_played_with_is_not_removed(live, preset, a_set, loading):
    live.select(live.audio)
    loaded = live.run(preset())
    a_set.put(a_set.song.values["tracks"][1], 0, a_set.clip(midi=True))
    with pytest.raises(loading.LoadError, match="was changed since"):
        loaded.undo()
    assert len(live.names()) == 3


def test_a_new_track_that_is_gone(live, preset, a_set, loading, inside):
    live.select(live.audio)
    loaded = live.run(preset())
    inside("fake_set").delete_track(a_set.song, 1)
    with pytest.raises(loading.LoadError, match="gone already"):
        loaded.undo()


# -- by parameters -----------------------------------------------------------------------------------------------------

VITAL = {"vital": "/sounds/Bass 1 recipe.vital", "txt": "/sounds/Bass 1 recipe.txt"}


@pytest.fixture
def vital(live, a_set):
    """A Vital on the selected track, with three of its knobs configured."""
    knobs = [
        a_set.parameter("Filter 1 Cutoff", 20.0, 8.0, 136.0),
        a_set.parameter("Volume", 0.1),
        a_set.parameter("Odd", 0.5),
    ]
    device = a_set.device("Vital", parameters=knobs)
    live.synth.values["devices"] = [device]
    live.select(live.synth)
    return device


def values(device):
    return {p.values["name"]: p.values["value"] for p in device.values["parameters"]}


def test_what_a_synth_shows_is_set(live, vital):
    loaded = live.run(VITAL, {"Vital": {"filter 1 cutoff": 0.5, "Volume": 1.0, "Macro 1": 0.2}})
    assert values(vital) == {"Device On": 1.0, "Filter 1 Cutoff": 72.0, "Volume": 1.0, "Odd": 0.5}
    assert loaded.text == "2 of 3 settings of Bass 1 recipe are set on Vital; the rest is in the preset"
    assert loaded.undo() == "2 settings of Vital are as before"
    assert values(vital) == {"Device On": 1.0, "Filter 1 Cutoff": 20.0, "Volume": 0.1, "Odd": 0.5}


def test_it_is_one_step_of_lives_undo(live, vital, a_set):
    live.run(VITAL, {"Vital": {"Filter 1 Cutoff": 0.5, "Volume": 1.0}})
    assert len(a_set.undo_steps) == 1


def test_values_stay_in_range(live, vital):
    live.run(VITAL, {"Vital": {"Filter 1 Cutoff": 7.0, "Volume": -3.0}})
    assert (values(vital)["Filter 1 Cutoff"], values(vital)["Volume"]) == (136.0, 0.0)


def test_a_macro_mapped_parameter_is_left_alone(live, vital, loading):
    for parameter in vital.values["parameters"]:
        parameter.values["is_enabled"] = False
    with pytest.raises(loading.LoadError, match="click Configure on Vital"):
        live.run(VITAL, {"Vital": {"Volume": 1.0}})


def test_a_synth_that_shows_nothing(live, vital, loading):
    with pytest.raises(loading.LoadError, match="click Configure on Vital"):
        live.run(VITAL, {"Vital": {"Macro 1": 0.5}})


@pytest.mark.parametrize("parameters", [None, {"Vital": {"Volume": 1.0}}])
def test_no_synth_there(live, loading, parameters):
    live.select(live.audio)
    with pytest.raises(loading.LoadError, match=r"saved as Bass 1 recipe\.vital; open it in your synth"):
        live.run(VITAL, parameters)


def test_a_synth_deleted_since_cannot_be_restored(live, vital, loading):
    loaded = live.run(VITAL, {"Vital": {"Volume": 1.0}})
    for parameter in vital.values["parameters"]:
        parameter.alive = False
    with pytest.raises(loading.LoadError, match="gone from the set"):
        loaded.undo()


def test_the_selected_of_two_synths_is_set(live, vital, a_set):
    other = a_set.device("Vital", parameters=[a_set.parameter("Volume", 0.3)])
    live.synth.values["devices"].append(other)
    live.synth.values["view"].values["selected_device"] = other
    live.run(VITAL, {"Vital": {"Volume": 1.0}})
    assert (values(vital)["Volume"], values(other)["Volume"]) == (0.1, 1.0)


def test_nothing_to_load(live, loading):
    with pytest.raises(loading.LoadError, match="no preset"):
        live.run({})


# -- what a file says --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "plugin"),
    [
        (vst_preset(SERUM_1), "serum"),
        (vst_preset(SERUM_2), "serum2"),
        (vst_preset("56535456697461766974616C00000000"), "vital"),
        (vst_preset("0123456789ABCDEF0123456789ABCDEF"), ""),
        (b"VST3", ""),
        (b"", ""),
        (b"VST3\1\0\0\0" + b"z" * 40, ""),
    ],
)
def test_the_plugin_of_a_preset(loading, tmp_path, data, plugin):
    path = tmp_path / "a.vstpreset"
    path.write_bytes(data)
    assert loading.plugin_of(str(path)) == plugin


def test_a_file_outside_the_library_is_none_of_its(loading, tmp_path, library):
    assert loading.parts_below(str(library), str(library / "a" / "b.vstpreset")) == ["a", "b.vstpreset"]
    for path in (tmp_path / "b.vstpreset", library, library / ".." / "x.vstpreset"):
        assert loading.parts_below(str(library), str(path)) == []
    assert loading.parts_below("", str(tmp_path)) == []


def test_a_link_to_the_library_is_the_library(loading, tmp_path, library):
    link = tmp_path / "link"
    try:
        os.symlink(library, link)
    except OSError:
        pytest.skip("this system makes no symbolic links")
    assert loading.parts_below(str(link), str(library / "b.vstpreset")) == ["b.vstpreset"]
