"""A saved preset into the set: by Live's browser where it can, else by the parameters that Live shows.

A load takes many of Live's ticks (Live lists a new file seconds after it was written), so it is a generator: `next`
does a little on Live's thread and returns at once.
"""

from __future__ import annotations

import math
import os
import time
import unicodedata
from typing import TYPE_CHECKING, Any, Generator, Tuple

from .safely import REFUSALS, ask, is_there, place_in, same

if TYPE_CHECKING:
    from Live.Application import Application
    from Live.Browser import BrowserItem
    from Live.Device import Device
    from Live.Song import Song
    from Live.Track import Track

LISTED = (".vstpreset", ".adg", ".adv", ".aupreset")  # what Live's browser lists
LOADABLE = (*LISTED, ".vital", ".fxp", ".serumpreset")  # what a user may open, best first
OWN_FOLDER = "WhisperSynth"  # in the User Library
LARGEST = 64 * 1024 * 1024
PLUGINS = ("PluginDevice", "AuPluginDevice")
INSTRUMENT = 1  # Live.Device.DeviceType
INDEXING_S = 60.0  # until Live lists a new file: seconds as a rule
LOOK_EVERY_S = 1.0
TAKING_S, IN_PLACE_S = 5.0, 1.0  # until a load shows
CUT_AT = 9  # letters of a plugin's name in its class id
MOST_CHILDREN, MOST_DEVICES = 5000, 256
SAME = 1e-6

NOT_LISTED = "Live's browser does not list {name} yet; drag it from User Library onto the track"
NO_TRACK = "{track} takes no instrument and no new track could be made ({why}); select a MIDI track"
NOT_SEEN = "Live was asked to load {name} into {track}, but nothing changed there; drag it from User Library"
NOTHING_TO_SET = "the patch is saved as {name}; open it in your synth (Live's browser cannot load it)"
NOT_CONFIGURED = (
    "the patch is saved as {name}; open it in {device}, or click Configure on {device} in Live and touch its knobs, "
    "so that they can be set from here"
)


class LoadError(Exception):
    """The patch could not be brought into the set; the text is for the status bar."""


class Loaded:
    """What a load did, and how to take it back."""

    def __init__(self, text: str, undo: Any) -> None:
        self.text = text
        self.undo = undo
        """Called without arguments on Live's thread: says what it did, or raises LoadError."""


Task = Generator[None, None, Loaded]
Signature = Tuple[Tuple[Any, ...], Tuple[Any, ...]]


class Loader:
    """Loads into one Live; holds no Live object between loads."""

    def __init__(self, application: Application, song: Song, library: str, new_track: bool) -> None:
        self.application, self.song = application, song
        self.library, self.new_track = library, new_track

    def load(self, files: dict[str, str], parameters: dict[str, dict[str, float]], synth: str = "") -> Task:
        """Into the selected track. Stops with Loaded. `synth` is the plugin that was matched on, as it was named.

        Raises:
            LoadError: see its text.
        """
        if not files:
            raise LoadError("there is no preset to load; match the clip again")
        paths = presets_first(files)
        if self.library and paths[0].lower().endswith(LISTED):
            path = yield from self.shelve(paths[0])
            item = yield from self.wait_for(path)
            return (yield from self.load_item(item, path, plugin_of(path) or plugin_named(synth)))
        return self.set_parameters(parameters, paths)

    # -- by the browser ------------------------------------------------------------------------------------------

    def shelve(self, path: str) -> Generator[None, None, str]:
        """Where a preset lies in the User Library: there already, or copied into our own folder of it.

        Raises:
            LoadError: it cannot be read or written.
        """
        if parts_below(self.library, path):
            return path
        folder = os.path.join(self.library, OWN_FOLDER)
        try:
            os.makedirs(folder, exist_ok=True)
            with open(path, "rb") as file:
                data = file.read(LARGEST + 1)
            yield
            return place_for(folder, os.path.basename(path), data)
        except OSError as error:
            raise LoadError(
                f"{os.path.basename(path)} cannot be put into the User Library ({error})"
            ) from error

    def wait_for(self, path: str) -> Generator[None, None, BrowserItem]:
        """The browser's item of a file in the User Library, once Live lists it.

        Raises:
            LoadError: it does not.
        """
        until, look_at = time.time() + INDEXING_S, 0.0
        while time.time() < until:
            if time.time() >= look_at:
                item = self.find(path)
                if item is not None:
                    return item
                look_at = time.time() + LOOK_EVERY_S
            yield
        raise LoadError(NOT_LISTED.format(name=os.path.basename(path)))

    def find(self, path: str) -> BrowserItem | None:
        """The browser's item of a file, folder by folder; None if it is not listed or cannot be loaded."""
        item: Any = ask(self.application.browser, "user_library")
        for part in parts_below(self.library, path):
            item = child(item, part) if item is not None else None
        return item if item is not None and ask(item, "is_loadable", False) else None

    def load_item(self, item: BrowserItem, path: str, plugin: str) -> Task:
        """Replaces the same synth in place, fills an empty MIDI track, or makes a new one: what was there stays."""
        name, browser = os.path.basename(path), self.application.browser
        track = self.song.view.selected_track
        device, made = matching_synth(track, plugin), False
        self.song.begin_undo_step()
        try:
            if device is None:
                track, made = self.free_track(track)
                self.song.view.selected_track = track
            browser.hotswap_target = device
            before = self.signature(track)
            browser.load_item(item)
        except REFUSALS as error:
            self.remove(track if made else None)
            raise LoadError(f"Live refused to load {name} ({error})") from error
        finally:
            self.song.end_undo_step()
        try:
            yield from self.see_change(track, before, device is not None)
        finally:
            if device is not None:
                browser.hotswap_target = None
        if device is None and not self.has_changed(track, before):
            self.remove(track if made else None)
            raise LoadError(NOT_SEEN.format(name=name, track=name_of(track)))
        where = "in place of what it played" if device is not None else "in a new track" if made else ""
        undo = self.undo_track(track) if made else self.undo_step(track, before)
        return Loaded(f"{stem_of(name)} is loaded into {name_of(track)} {where}".strip(), undo)

    def see_change(self, track: Track, before: Signature, in_place: bool) -> Generator[None, None, None]:
        """Waits until the load shows in the track; a plugin swapped in place may show nothing."""
        until = time.time() + (IN_PLACE_S if in_place else TAKING_S)
        while time.time() < until and not self.has_changed(track, before):
            yield

    def signature(self, track: Track) -> Signature:
        """What a track plays, as far as Live tells: its devices, and what their parameters are set to."""
        devices = [device for device in devices_of(track) if is_there(device)]
        return tuple(map(identity, devices)), tuple(map(values_of, devices))

    def has_changed(self, track: Track, before: Signature) -> bool:
        """A track plays something else; values are no sign of it while Live plays, since they may be automated."""
        now = self.signature(track)
        return now[0] != before[0] or (now[1] != before[1] and not ask(self.song, "is_playing", False))

    def remove(self, made: Track | None) -> None:
        """Takes back a track that was made for nothing."""
        place = place_in(self.song.tracks, made) if made is not None else -1
        if place >= 0:
            self.song.delete_track(place)

    def free_track(self, track: Track) -> tuple[Track, bool]:
        """A MIDI track without an instrument: this one, or a new one after it; and whether it is new.

        Raises:
            LoadError: Live makes no track.
        """
        is_free = ask(track, "has_midi_input", False) and not any(
            ask(device, "type") == INSTRUMENT for device in ask(track, "devices", ())
        )
        if is_free:
            return track, False
        if not self.new_track:
            raise LoadError(NO_TRACK.format(track=name_of(track), why="config.json forbids it"))
        place = place_in(self.song.tracks, track)
        try:
            return self.song.create_midi_track(place + 1 if place >= 0 else -1), True
        except Exception as error:  # LimitationError, whose module only Live has
            raise LoadError(NO_TRACK.format(track=name_of(track), why=error)) from error

    # -- by parameters -------------------------------------------------------------------------------------------

    def set_parameters(self, by_plugin: dict[str, dict[str, float]], paths: list[str]) -> Loaded:
        """Sets what the synth on the selected track shows of a patch, by name, 0 to 1 within each one's range.

        Raises:
            LoadError: there is no synth, or it shows nothing of the patch.
        """
        name = os.path.basename(paths[0])
        device = first_synth(self.song.view.selected_track)
        parameters = parameters_for(device, by_plugin) if device is not None else {}
        if device is None or not parameters:
            raise LoadError(NOTHING_TO_SET.format(name=name))
        shown = settable(device, parameters)
        if not shown:
            raise LoadError(NOT_CONFIGURED.format(name=name, device=name_of(device)))
        before = [(parameter, parameter.value) for parameter, _ in shown]
        self.assign(shown)
        text = (
            f"{len(shown)} of {len(parameters)} settings of {stem_of(name)} are set on {name_of(device)}; "
            "the rest is in the preset"
        )
        return Loaded(text, lambda: self.put_back(before, device))

    def assign(self, values: list[tuple[Any, float]]) -> None:
        """All in one step of Live's own undo."""
        self.song.begin_undo_step()
        try:
            for parameter, value in values:
                parameter.value = value
        except REFUSALS as error:
            raise LoadError(f"Live refused to set a parameter ({error}); undo restores the others") from error
        finally:
            self.song.end_undo_step()

    # -- taking it back ------------------------------------------------------------------------------------------

    def put_back(self, before: list[tuple[Any, float]], device: Device) -> str:
        """The values that parameters had."""
        there = [(parameter, value) for parameter, value in before if is_there(parameter)]
        if not there:
            raise LoadError("the synth is gone from the set, so there is nothing to restore")
        self.assign(there)
        return f"{len(there)} settings of {name_of(device)} are as before"

    def undo_track(self, track: Track) -> Any:
        """Removes a track that a load made, unless the user has put something into it."""
        after = self.signature(track)

        def undo() -> str:
            place = place_in(self.song.tracks, track) if is_there(track) else -1
            if place < 0:
                raise LoadError("the track is gone already")
            is_used = any(ask(slot, "has_clip", False) for slot in ask(track, "clip_slots", ()))
            if is_used or self.has_changed(track, after):
                raise LoadError(f"{name_of(track)} was changed since; delete it yourself")
            self.song.delete_track(place)
            return "the new track is removed"

        return undo

    def undo_step(self, track: Track, before: Signature) -> Any:
        """Live's own undo, if that brings back what was there; taken back itself if it undid something else."""
        shows = self.has_changed(track, before)

        def undo() -> str:
            if not is_there(track):
                raise LoadError("the track is gone already")
            if not shows:
                raise LoadError("Live shows no difference, so undo it there (Ctrl+Z, Cmd+Z)")
            if not ask(self.song, "can_undo", False):
                raise LoadError("Live has nothing to undo")
            self.song.undo()
            if self.has_changed(track, before):
                self.song.redo()
                raise LoadError("other things were done in Live since; undo them there first (Ctrl+Z, Cmd+Z)")
            return f"{name_of(track)} is as before"

        return undo


def presets_first(files: dict[str, str]) -> list[str]:
    """Paths, those that Live may load first."""
    order = {suffix: place for place, suffix in enumerate(LOADABLE)}
    return sorted(files.values(), key=lambda path: order.get(os.path.splitext(path)[1].lower(), len(order)))


def parts_below(folder: str, path: str) -> list[str]:
    """The names from a folder down to a file; none if it is not below."""
    if not folder:
        return []
    try:
        below = os.path.relpath(os.path.realpath(path), os.path.realpath(folder))
    except ValueError:  # another drive
        return []
    parts = below.split(os.sep)
    return [] if parts[0] in ("..", ".") or os.path.isabs(below) else parts


def place_for(folder: str, name: str, data: bytes) -> str:
    """Writes a file under its name, or a free one beside others; one with this content serves as it is."""
    root, suffix = os.path.splitext(name)
    for number in range(1, 1000):
        path = os.path.join(folder, name if number == 1 else f"{root} ({number}){suffix}")
        try:
            with open(path, "xb") as file:
                file.write(data)
            return path
        except FileExistsError:
            with open(path, "rb") as file:
                if file.read(len(data) + 1) == data:
                    return path
    raise OSError(f"{folder} holds too many files named {name}")


def child(item: Any, name: str) -> Any:
    """A descendant by its file name; Live shows presets with or without their suffix."""
    wanted = {composed(name), composed(stem_of(name))}
    for place, one in enumerate(ask(item, "children", ())):
        if composed(str(ask(one, "name", ""))) in wanted:
            return one
        if place >= MOST_CHILDREN:
            break
    return None


def composed(name: str) -> str:
    """Lower case, accents as one letter each: the disk may have them apart, and Live together."""
    return unicodedata.normalize("NFC", name).lower()


def stem_of(name: str) -> str:
    """A file's name without its suffix."""
    root, suffix = os.path.splitext(name)
    return root if suffix.lower() in LOADABLE else name


def name_of(thing: Any) -> str:
    """A track's or device's name for a sentence."""
    return str(ask(thing, "name", "") or "the selected track")


def devices_of(track: Track) -> list[Device]:
    """The devices on a track, also those in racks' chains."""
    found: list[Device] = []
    waiting = list(ask(track, "devices", ()))
    while waiting and len(found) < MOST_DEVICES:
        device = waiting.pop(0)
        found.append(device)
        for chain in ask(device, "chains", ()) if ask(device, "can_have_chains", False) else ():
            waiting.extend(ask(chain, "devices", ()))
    return found


def instruments(track: Track) -> list[Device]:
    """The plugin instruments on a track, also those in racks' chains."""
    return [
        device
        for device in devices_of(track)
        if ask(device, "class_name") in PLUGINS and ask(device, "type") == INSTRUMENT
    ]


def first_synth(track: Track) -> Device | None:
    """The selected plugin instrument of a track, else its first."""
    found = instruments(track)
    selected = ask(ask(track, "view"), "selected_device")
    for device in found:
        if same(device, selected):
            return device
    return found[0] if found else None


def matching_synth(track: Track, plugin: str) -> Device | None:
    """The synth on a track that is a certain plugin, so that it can be replaced in place; None where none surely is."""
    return next((device for device in instruments(track) if plugin and is_plugin(device, plugin)), None)


def is_plugin(device: Device, plugin: str) -> bool:
    """A device is a plugin of that name, whatever stands behind it, as in `Serum (VST3)`; Serum 2 is no Serum."""
    wanted = squeezed(plugin)
    for name in (ask(device, "class_display_name", ""), ask(device, "name", "")):
        rest = squeezed(name)[len(wanted) :]
        if squeezed(name).startswith(wanted) and (not rest[:1].isalnum() or len(wanted) == CUT_AT):
            return True
    return False


def parameters_for(device: Device, by_plugin: dict[str, dict[str, float]]) -> dict[str, float]:
    """What a patch says for the plugin that a device is."""
    return next((values for plugin, values in by_plugin.items() if is_plugin(device, plugin)), {})


def plugin_of(path: str) -> str:
    """The plugin that a .vstpreset is for, lower case, at most 9 letters, no spaces; empty where the file does not tell.

    The class id of a VST 3 that grew out of a VST 2 is `VST`, four letters of its VST 2 id, and nine of its name
    (Steinberg, VST 3 migration guide): `VSTXfsXserum`. Serum 2 writes `VSE` for `VST`.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(48)
        if head[:4] != b"VST3" or len(head) < 40:
            return ""
        class_id = bytes.fromhex(head[8:40].decode("ascii"))
    except (OSError, ValueError):
        return ""
    name = class_id[7:].rstrip(b"\0")
    if class_id[:2] != b"VS" or not name or not all(32 <= letter < 127 for letter in name):
        return ""
    return squeezed(name.decode("ascii"))


def plugin_named(synth: str) -> str:
    """A plugin's name, lower case, no spaces, from its file's: `/…/Serum2.vst3`; empty for what is no plugin's file."""
    root, suffix = os.path.splitext(os.path.basename(synth.replace("\\", "/").rstrip("/")))
    return squeezed(root) if suffix.lower() in (".vst3", ".component") else ""


def squeezed(name: str) -> str:
    """Lower case without spaces."""
    return str(name).lower().replace(" ", "")


def settable(device: Device, parameters: dict[str, float]) -> list[tuple[Any, float]]:
    """(Live's parameter, its new value) of each parameter that a device shows and a patch names."""
    wanted = {name.strip().lower(): value for name, value in parameters.items()}
    found = []
    for parameter in ask(device, "parameters", ()):
        names = (ask(parameter, "original_name", ""), ask(parameter, "name", ""))
        share = next(
            (wanted[str(name).strip().lower()] for name in names if str(name).strip().lower() in wanted), None
        )
        low, high = ask(parameter, "min"), ask(parameter, "max")
        if share is None or low is None or high is None or not ask(parameter, "is_enabled", True):
            continue
        if math.isfinite(share):
            found.append((parameter, low + min(max(share, 0.0), 1.0) * (high - low)))
    return found


def identity(device: Device) -> tuple[Any, ...]:
    """Which device it is, and with which preset."""
    preset = ask(device, "selected_preset_index", -1) if ask(device, "class_name") in PLUGINS else -1
    shown = len(ask(device, "parameters", ()))
    return ask(device, "_live_ptr", 0), ask(device, "name", ""), ask(device, "class_name", ""), preset, shown


def values_of(device: Device) -> tuple[int, ...]:
    """What the parameters of a device are set to."""
    return tuple(round(float(ask(one, "value", 0.0)) / SAME) for one in ask(device, "parameters", ()))
