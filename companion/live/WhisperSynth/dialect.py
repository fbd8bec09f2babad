"""AbletonOSC's dialect, the part that concerns clips, tracks and devices: addresses as its documentation lists them.

https://github.com/ideoforms/AbletonOSC (MIT) by Daniel Jones: its clients can talk to this script. Tables of what may be
asked; answers repeat the indices asked with, as AbletonOSC does since December 2022.
"""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Any, Callable

from .safely import REFUSALS, ask, place_in

if TYPE_CHECKING:
    from Live.Application import Application
    from Live.Song import Song

MOST_LISTENERS = 128

PROPERTIES = {
    "song": [
        "arrangement_overdub",
        "back_to_arranger",
        "can_redo",
        "can_undo",
        "clip_trigger_quantization",
        "current_song_time",
        "groove_amount",
        "is_playing",
        "loop",
        "loop_length",
        "loop_start",
        "metronome",
        "punch_in",
        "punch_out",
        "record_mode",
        "session_record",
        "signature_denominator",
        "signature_numerator",
        "song_length",
        "tempo",
    ],
    "track": [
        "arm",
        "can_be_armed",
        "color",
        "color_index",
        "current_monitoring_state",
        "fired_slot_index",
        "fold_state",
        "has_audio_input",
        "has_audio_output",
        "has_midi_input",
        "has_midi_output",
        "is_foldable",
        "is_grouped",
        "is_visible",
        "mute",
        "name",
        "playing_slot_index",
        "solo",
    ],
    "clip_slot": ["has_clip", "has_stop_button", "is_playing"],
    "clip": [
        "color",
        "color_index",
        "end_marker",
        "end_time",
        "file_path",
        "gain",
        "gain_display_string",
        "has_envelopes",
        "is_arrangement_clip",
        "is_audio_clip",
        "is_midi_clip",
        "is_playing",
        "is_recording",
        "length",
        "loop_end",
        "loop_start",
        "looping",
        "muted",
        "name",
        "pitch_coarse",
        "pitch_fine",
        "playing_position",
        "sample_length",
        "sample_rate",
        "start_marker",
        "start_time",
        "warp_mode",
        "warping",
    ],
    "device": ["class_display_name", "class_name", "is_active", "name", "type"],
    "scene": ["color", "color_index", "is_empty", "name", "tempo"],
}
INDICES = {"song": 0, "track": 1, "clip_slot": 2, "clip": 2, "device": 2, "scene": 1}
LISTS = {
    "name": "name",
    "value": "value",
    "min": "min",
    "max": "max",
    "is_quantized": "is_quantized",
}


class DialectError(Exception):
    """A question that cannot be answered; the text goes to /live/error."""


class Dialect:
    """Answers messages about one set."""

    def __init__(self, application: Application, song: Song, show: Callable[[str], None]) -> None:
        self.application, self.song, self.show = application, song, show
        self._listeners: dict[tuple[str, Any], Any] = {}
        self._handlers: dict[str, Callable[[Any], Any]] = {
            "/live/test": self._test,
            "/live/application/get/version": lambda a: (
                self.application.get_major_version(),
                self.application.get_minor_version(),
            ),
            "/live/api/show_message": lambda a: self.show(str(a[0])),
            "/live/song/get/num_tracks": lambda a: (len(self.song.tracks),),
            "/live/song/get/num_scenes": lambda a: (len(self.song.scenes),),
            "/live/song/get/track_names": self._track_names,
            "/live/song/get/track_data": self._track_data,
            "/live/view/get/selected_track": lambda a: (self._selected_track(),),
            "/live/view/get/selected_scene": lambda a: (self._selected_scene(),),
            "/live/view/get/selected_clip": lambda a: (self._selected_track(), self._selected_scene()),
            "/live/view/get/selected_device": self._selected_device,
            "/live/view/get/detail_clip": self._detail_clip,
            "/live/view/set/selected_track": self._select_track,
            "/live/view/set/selected_scene": self._select_scene,
            "/live/view/set/selected_clip": self._select_clip,
            "/live/device/get/parameter/value": lambda a: self._parameter(a, "value"),
            "/live/device/get/parameter/name": lambda a: self._parameter(a, "name"),
            "/live/device/get/parameter/value_string": self._parameter_text,
            "/live/device/set/parameter/value": self._set_parameter,
            "/live/device/set/parameters/value": self._set_parameters,
        }
        for kind in ("track", "device"):
            self._handlers[f"/live/{kind}/get/num_{self._parts(kind)}"] = self._counter(kind)
        for kind, attribute in LISTS.items():
            self._handlers["/live/device/get/parameters/" + kind] = self._lister(
                "device", "parameters", attribute
            )
        for attribute in ("name", "type", "class_name", "can_have_chains"):
            self._handlers["/live/track/get/devices/" + attribute] = self._lister(
                "track", "devices", attribute
            )
        for attribute in ("name", "length", "start_time"):
            self._handlers["/live/track/get/arrangement_clips/" + attribute] = self._lister(
                "track", "arrangement_clips", attribute
            )
        for attribute in ("name", "length", "color"):
            self._handlers["/live/track/get/clips/" + attribute] = self._clips(attribute)
        for kind, names in PROPERTIES.items():
            for name in names:
                self._handlers[f"/live/{kind}/get/{name}"] = self._getter(kind, name)
        for name in ("volume", "panning"):
            self._handlers["/live/track/get/" + name] = self._mixer(name)

    # -- messages ------------------------------------------------------------------------------------------------

    def answer(self, address: str, arguments: tuple[Any, ...]) -> list[tuple[str, tuple[Any, ...]]]:
        """What to send back for a message; empty for one that is not of this dialect."""
        if not address.startswith("/live/"):
            return []
        if "*" in address or "?" in address:
            known = sorted(
                name for name in self._handlers if "/get/" in name and fnmatch.fnmatchcase(name, address)
            )
            return [reply for name in known for reply in self.answer(name, arguments)]
        for verb in ("start_listen", "stop_listen"):
            if f"/{verb}/" in address:
                return self._listen(verb, address.replace(verb, "get"), arguments)
        handler = self._handlers.get(address)
        if handler is None:
            return [error_of(f"there is no {address} here")]
        try:
            reply = handler(arguments)
        except DialectError as error:
            return [error_of(f"{address}: {error}")]
        except (*REFUSALS, LookupError, ArithmeticError) as error:
            return [error_of(f"{address}: {error}")]
        return [] if reply is None else [(address, tuple(plain(value) for value in reply))]

    def _listen(self, verb: str, address: str, arguments: Any) -> list[tuple[str, tuple[Any, ...]]]:
        if verb == "stop_listen":
            self._listeners.pop((address, arguments), None)
            return []
        if address not in self._handlers or len(self._listeners) >= MOST_LISTENERS:
            return [error_of(f"{address} cannot be listened to")]
        self._listeners[address, arguments] = self.answer(address, arguments)
        return list(self._listeners[address, arguments])

    def changes(self) -> list[tuple[str, tuple[Any, ...]]]:
        """Answers of what is listened to that have changed since they were last sent."""
        told = []
        for (address, arguments), before in list(self._listeners.items()):
            now = self.answer(address, arguments)
            if now != before:
                self._listeners[address, arguments] = now
                told += now
        return told

    # -- finding things ------------------------------------------------------------------------------------------

    def _find(self, kind: str, arguments: Any) -> tuple[tuple[int, ...], Any]:
        """The indices asked with, and the object there."""
        n = INDICES[kind]
        if len(arguments) < n:
            raise DialectError(f"it needs {n} index numbers")
        at = tuple(int(one) for one in arguments[:n])
        if any(index < 0 for index in at):
            raise DialectError("an index is below 0")
        if kind == "song":
            return at, self.song
        if kind == "scene":
            return at, self.song.scenes[at[0]]
        track = self.song.tracks[at[0]]
        if kind == "track":
            return at, track
        if kind == "device":
            return at, track.devices[at[1]]
        slot = track.clip_slots[at[1]]
        if kind == "clip_slot":
            return at, slot
        if slot.clip is None:
            raise DialectError(f"there is no clip in slot {at[1]} of track {at[0]}")
        return at, slot.clip

    def _getter(self, kind: str, name: str) -> Callable[[Any], Any]:
        def get(arguments: Any) -> Any:
            at, thing = self._find(kind, arguments)
            return (*at, ask(thing, name))

        return get

    def _lister(self, kind: str, things: str, attribute: str) -> Callable[[Any], Any]:
        def get(arguments: Any) -> Any:
            at, thing = self._find(kind, arguments)
            return at + tuple(ask(one, attribute) for one in ask(thing, things, ()))

        return get

    @staticmethod
    def _parts(kind: str) -> str:
        return {"track": "devices", "device": "parameters"}[kind]

    def _counter(self, kind: str) -> Callable[[Any], Any]:
        def get(arguments: Any) -> Any:
            at, thing = self._find(kind, arguments)
            return (*at, len(getattr(thing, self._parts(kind))))

        return get

    def _clips(self, attribute: str) -> Callable[[Any], Any]:
        def get(arguments: Any) -> Any:
            at, track = self._find("track", arguments)
            return at + tuple(ask(slot.clip, attribute) if slot.clip else None for slot in track.clip_slots)

        return get

    def _mixer(self, name: str) -> Callable[[Any], Any]:
        def get(arguments: Any) -> Any:
            at, track = self._find("track", arguments)
            return (*at, ask(getattr(track.mixer_device, name), "value"))

        return get

    # -- single handlers -----------------------------------------------------------------------------------------

    def _test(self, arguments: Any) -> Any:
        self.show("WhisperSynth: received OSC OK")
        return ("ok",)

    def _track_names(self, arguments: Any) -> Any:
        first, last = (
            (int(arguments[0]), int(arguments[1])) if len(arguments) >= 2 else (0, len(self.song.tracks))
        )
        return tuple(track.name for track in list(self.song.tracks)[first:last])

    def _track_data(self, arguments: Any) -> Any:
        """Track by track, each property named `track.x`, `clip.x`, `clip_slot.x` or `device.x`."""
        first, last, names = int(arguments[0]), int(arguments[1]), [str(one) for one in arguments[2:]]
        tracks = list(self.song.tracks)
        return tuple(
            value
            for track in tracks[first : last if last >= 0 else len(tracks)]
            for name in names
            for value in self._data_of(track, *name.partition(".")[::2])
        )

    def _data_of(self, track: Any, kind: str, name: str) -> Any:
        if kind == "track" and name == "group_track":
            group = ask(track, "group_track")
            return (None if group is None else place_in(self.song.tracks, group),)
        if kind == "track" and name == "num_devices":
            return (len(track.devices),)
        things = {
            "track": lambda: [track],
            "clip_slot": lambda: list(track.clip_slots),
            "clip": lambda: [slot.clip for slot in track.clip_slots],
            "device": lambda: list(track.devices),
        }
        if kind not in things:
            raise DialectError(f"there is no {kind}.{name}")
        return [None if thing is None else ask(thing, name) for thing in things[kind]()]

    def _selected_track(self) -> int:
        return place_in(self.song.tracks, self.song.view.selected_track)

    def _selected_scene(self) -> int:
        return place_in(self.song.scenes, self.song.view.selected_scene)

    def _selected_device(self, arguments: Any) -> Any:
        track = self.song.view.selected_track
        device = ask(track.view, "selected_device")
        return self._selected_track(), place_in(track.devices, device) if device is not None else -1

    def _detail_clip(self, arguments: Any) -> Any:
        clip = ask(self.song.view, "detail_clip")
        for place, track in enumerate(self.song.tracks if clip is not None else ()):
            slot = place_in([slot.clip for slot in track.clip_slots], clip)
            if slot >= 0:
                return place, slot
        return -1, -1

    def _select_track(self, arguments: Any) -> None:
        self.song.view.selected_track = self._find("track", arguments)[1]

    def _select_scene(self, arguments: Any) -> None:
        self.song.view.selected_scene = self._find("scene", arguments)[1]

    def _select_clip(self, arguments: Any) -> None:
        self._select_track(arguments[:1])
        self._select_scene(arguments[1:])

    def _parameter_at(self, arguments: Any) -> tuple[tuple[int, ...], Any]:
        at, device = self._find("device", arguments)
        index = int(arguments[2])
        if index < 0:
            raise DialectError("an index is below 0")
        return (*at, index), device.parameters[index]

    def _parameter(self, arguments: Any, name: str) -> Any:
        at, parameter = self._parameter_at(arguments)
        return (*at, ask(parameter, name))

    def _parameter_text(self, arguments: Any) -> Any:
        at, parameter = self._parameter_at(arguments)
        return (*at, parameter.str_for_value(parameter.value))

    def _set_parameter(self, arguments: Any) -> None:
        _, parameter = self._parameter_at(arguments)
        parameter.value = float(arguments[3])

    def _set_parameters(self, arguments: Any) -> None:
        _, device = self._find("device", arguments)
        for parameter, value in zip(device.parameters, arguments[2:]):
            parameter.value = float(value)


def error_of(text: str) -> tuple[str, tuple[Any, ...]]:
    """As AbletonOSC tells of errors."""
    return "/live/error", (text,)


def plain(value: Any) -> Any:
    """A value that OSC can carry."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    return float(value) if isinstance(value, float) else str(value)
