"""A set in a Live that is not there: objects that refuse what Live refuses, in the Python that Live has (3.7).

- Asked from another thread than Live's own, they raise, and the mistake is kept in `Set.violations`: no `except` hides it.
- Every asking makes a new Python object; equal ones are one object of Live's.
- A deleted object raises ArgumentError, as Boost.Python does; an audio property of a MIDI clip RuntimeError.
- The browser lists files that lie in a real folder, some time after they were written; loading goes to the selected track.
"""

import os
import threading
import time

PLUGIN_SUFFIXES = (".vstpreset", ".adg", ".adv")
AUDIO_ONLY = [
    "file_path",
    "gain",
    "gain_display_string",
    "pitch_coarse",
    "pitch_fine",
    "warping",
    "warp_mode",
    "warp_markers",
    "sample_length",
    "sample_rate",
]
SESSION, ARRANGEMENT = "session", "arrangement"


class ArgumentError(TypeError):
    """Boost.Python.ArgumentError."""


class LimitationError(Exception):
    """Live.Base.LimitationError."""


class State:
    """What Live knows of an object; never seen by the script."""

    def __init__(self, owner, kind, **values):
        self.owner, self.kind, self.values, self.alive = owner, kind, values, True
        owner.count += 1
        self.ptr = owner.count


class Vector:
    """Live's containers: iterated, indexed and counted, nothing else."""

    def __init__(self, things):
        self._things = list(things)

    def __iter__(self):
        return iter(self._things)

    def __len__(self):
        return len(self._things)

    def __getitem__(self, index):
        return self._things[index]


def shown(value):
    if isinstance(value, State):
        return Handle(value)
    return Vector(shown(one) for one in value) if isinstance(value, list) else value


class Handle:
    """An object of Live's as Python sees it."""

    def __init__(self, state):
        object.__setattr__(self, "state", state)

    def __getattr__(self, name):
        state = self.state
        state.owner.check(state, name)
        if name == "_live_ptr":
            return state.ptr
        if state.kind == "clip" and name in AUDIO_ONLY and not state.values["is_audio_clip"]:
            raise RuntimeError("Only available for AudioClips")
        if state.kind == "track" and name == "clip_slots" and state.values.get("is_main"):
            raise RuntimeError("Master- and Sendtracks have no ClipSlots!")
        method = METHODS.get((state.kind, name))
        if method is not None:
            return lambda *arguments: method(state, *arguments)
        computed = COMPUTED.get((state.kind, name))
        if computed is not None:
            return shown(computed(state))
        try:
            return shown(state.values[name])
        except KeyError:
            raise AttributeError(f"{state.kind!r} object has no attribute {name!r}") from None

    def __setattr__(self, name, value):
        state = self.state
        state.owner.check(state, name)
        if (state.kind, name) not in SETTABLE:
            raise AttributeError("can't set attribute")
        if state.kind == "parameter" and not state.values["min"] <= value <= state.values["max"]:
            raise RuntimeError("Invalid value. Check the parameters range with min/max")
        if state.kind in ("parameter", "device"):
            state.owner.changes()
        state.values[name] = value.state if isinstance(value, Handle) else value

    def __eq__(self, other):
        return isinstance(other, Handle) and other.state is self.state

    def __hash__(self):
        return hash(id(self.state))


SETTABLE = {
    ("parameter", "value"),
    ("device", "name"),
    ("song_view", "selected_track"),
    ("song_view", "selected_scene"),
    ("song_view", "detail_clip"),
    ("browser", "hotswap_target"),
    ("track", "name"),
}


class Set:
    """A set, the application around it, and what the script did to both."""

    def __init__(self, library="", index_s=0.0, most_tracks=100):
        self.count, self.thread = 0, threading.current_thread()
        self.violations, self.messages, self.logged, self.forwarded, self.loads = [], [], [], [], []
        self.library, self.index_s, self.most_tracks = library, index_s, most_tracks
        self.undo_steps, self.redo_steps, self.step_depth = [], [], 0
        self.rebuilds, self.refuses_load = 0, False
        self.song = State(self, "song", tempo=120.0, scenes=[], tracks=[], is_playing=False, can_redo=False)
        self.song.values["master_track"] = self.track("Main", is_main=True)
        view = State(self, "song_view", detail_clip=None, selected_track=self.song.values["master_track"])
        view.values.update(selected_scene=None, highlighted_clip_slot=None)
        self.song.values["view"] = view
        self.browser = State(self, "browser", hotswap_target=None)
        self.application = State(self, "application", browser=self.browser)
        self.scenes(4)

    # -- making things -------------------------------------------------------------------------------------------

    def scenes(self, n):
        self.song.values["scenes"] = [
            State(self, "scene", name="", color=0, is_empty=True, tempo=-1.0) for _ in range(n)
        ]
        self.song.values["view"].values["selected_scene"] = self.song.values["scenes"][0]

    def track(self, name, midi=False, is_main=False):
        view = State(self, "track_view", selected_device=None)
        volume = self.parameter("Volume", 0.85)
        return State(
            self, "track", name=name, devices=[], has_midi_input=midi, has_audio_input=not midi, view=view, is_main=is_main,
            is_foldable=False, group_track=None, arrangement_clips=[], color=0, mute=False, solo=False, arm=False,
            mixer_device=State(self, "mixer", volume=volume, panning=self.parameter("Pan", 0.0, -1.0, 1.0)),
            clip_slots=[] if is_main else [self.slot() for _ in range(len(self.song.values["scenes"]))],
        )  # fmt: skip

    def slot(self):
        return State(self, "clip_slot", clip=None, has_stop_button=True, is_playing=False)

    def add_track(self, name, midi=False, place=None):
        tracks = self.song.values["tracks"]
        track = self.track(name, midi)
        tracks.insert(len(tracks) if place is None else place, track)
        return track

    def parameter(self, name, value, low=0.0, high=1.0, enabled=True):
        return State(
            self, "parameter", name=name, original_name=name, value=value, min=low, max=high, is_enabled=enabled,
            is_quantized=False,
        )  # fmt: skip

    def device(self, name, class_name="PluginDevice", kind=1, parameters=(), chains=None):
        values = [self.parameter("Device On", 1.0), *parameters]
        return State(
            self, "device", name=name, class_name=class_name, class_display_name=name, type=kind, parameters=values,
            can_have_chains=chains is not None, chains=chains or [], selected_preset_index=0, is_active=True,
        )  # fmt: skip

    def clip(self, path="", midi=False, where=SESSION, **values):
        told = dict(
            name="", is_audio_clip=not midi, is_midi_clip=midi, is_recording=False, file_path=path, start_marker=0.0,
            end_marker=4.0, loop_start=0.0, loop_end=4.0, looping=False, gain=0.4, gain_display_string="0.00 dB",
            pitch_coarse=0, pitch_fine=0.0, warping=False, warp_mode=0, warp_markers=[], sample_length=4 * 44100,
            sample_rate=44100.0, has_envelopes=False, is_arrangement_clip=where == ARRANGEMENT, length=4.0, color=0,
            start_time=0.0, end_time=8.0, is_playing=False, muted=False,
        )  # fmt: skip
        told.update(values)
        told["warp_markers"] = [
            State(self, "marker", beat_time=b, sample_time=s) for b, s in told["warp_markers"]
        ]
        return State(self, "clip", **told)

    def put(self, track, slot, clip):
        track.values["clip_slots"][slot].values["clip"] = clip
        return clip

    def select(self, clip=None, track=None, scene=None):
        view = self.song.values["view"].values
        view["detail_clip"] = clip
        view["selected_track"] = track or view["selected_track"]
        if scene is not None:
            view["selected_scene"] = self.song.values["scenes"][scene]

    # -- refusing ------------------------------------------------------------------------------------------------

    def check(self, state, name):
        if threading.current_thread() is not self.thread:
            self.violations.append((state.kind, name, threading.current_thread().name))
            raise RuntimeError(f"{state.kind}.{name} was asked from another thread")
        if not state.alive:
            raise ArgumentError(f"Python argument types in {state.kind}.{name} did not match C++ signature")

    # -- undo ----------------------------------------------------------------------------------------------------

    def snapshot(self):
        kept, waiting = {}, [self.song]
        while waiting:
            state = waiting.pop()
            if state in kept:
                continue
            kept[state] = {k: list(v) if isinstance(v, list) else v for k, v in state.values.items()}
            for value in state.values.values():
                waiting += [
                    one for one in (value if isinstance(value, list) else [value]) if isinstance(one, State)
                ]
        return kept

    def restore(self, kept):
        view = dict(self.song.values["view"].values)
        for state, values in kept.items():
            state.values = {k: list(v) if isinstance(v, list) else v for k, v in values.items()}
            state.alive = True
        self.song.values["view"].values.update(detail_clip=view["detail_clip"])

    def changes(self):
        """Called before anything changes: one step of undo, unless one is open."""
        if self.step_depth == 0:
            self.undo_steps.append(self.snapshot())
            self.redo_steps = []


# -- what objects do ---------------------------------------------------------------------------------------------------


def begin_undo_step(song):
    song.owner.changes()
    song.owner.step_depth += 1


def end_undo_step(song):
    song.owner.step_depth -= 1


def undo(song):
    song.owner.redo_steps.append(song.owner.snapshot())
    song.owner.restore(song.owner.undo_steps.pop())


def redo(song):
    song.owner.undo_steps.append(song.owner.snapshot())
    song.owner.restore(song.owner.redo_steps.pop())


def create_midi_track(song, index=-1):
    tracks = song.values["tracks"]
    if len(tracks) >= song.owner.most_tracks:
        raise LimitationError("Maximum number of tracks reached")
    song.owner.changes()
    name = f"{len(tracks) + 1}-MIDI"
    return Handle(song.owner.add_track(name, True, len(tracks) if index < 0 else index))


def delete_track(song, index):
    song.owner.changes()
    song.values["tracks"].pop(index).alive = False


def file_item(owner, path):
    is_folder = os.path.isdir(path)
    loadable = not is_folder and path.endswith(PLUGIN_SUFFIXES)
    return State(
        owner,
        "browser_item",
        name=os.path.basename(path),
        is_folder=is_folder,
        is_loadable=loadable,
        path=path,
    )


def children(item):
    path, owner = item.values["path"], item.owner
    if not os.path.isdir(path):
        return []
    names = sorted(os.listdir(path))
    known = [n for n in names if time.time() - os.stat(os.path.join(path, n)).st_mtime >= owner.index_s]
    return [file_item(owner, os.path.join(path, n)) for n in known]


def load_item(browser, item):
    owner = browser.owner
    if not item.is_loadable or owner.refuses_load:
        raise RuntimeError("Could not load the item")
    path, target = item.state.values["path"], browser.values["hotswap_target"]
    owner.loads.append((path, target))
    name = os.path.splitext(os.path.basename(path))[0]
    owner.changes()
    if target is not None:
        target.values["name"] = name
        return
    track = owner.song.values["view"].values["selected_track"]
    if track.values["has_midi_input"]:
        device = owner.device(name)
        device.values["class_display_name"] = "Serum"
        track.values["devices"].append(device)


METHODS = {
    ("song", "begin_undo_step"): begin_undo_step,
    ("song", "end_undo_step"): end_undo_step,
    ("song", "undo"): undo,
    ("song", "redo"): redo,
    ("song", "create_midi_track"): create_midi_track,
    ("song", "delete_track"): delete_track,
    ("browser", "load_item"): load_item,
    ("application", "get_major_version"): lambda application: 11,
    ("application", "get_minor_version"): lambda application: 3,
    ("application", "get_bugfix_version"): lambda application: 42,
    ("parameter", "str_for_value"): lambda parameter, value: f"{value * 100:.0f} %",
}
COMPUTED = {
    ("song", "can_undo"): lambda song: bool(song.owner.undo_steps),
    ("clip_slot", "has_clip"): lambda slot: slot.values["clip"] is not None,
    ("browser", "user_library"): lambda browser: file_item(browser.owner, browser.owner.library),
    ("browser_item", "children"): children,
}


class CInstance:
    """What Live hands to create_instance."""

    def __init__(self, a_set):
        self.set = a_set

    def _check(self, name):
        self.set.check(self.set.application, "c_instance." + name)

    def song(self):
        self._check("song")
        return Handle(self.set.song)

    def show_message(self, text):
        self._check("show_message")
        self.set.messages.append(text)

    def log_message(self, text):
        self.set.logged.append(text)

    def request_rebuild_midi_map(self):
        self._check("request_rebuild_midi_map")
        self.set.rebuilds += 1

    def handle(self):
        return 4711
