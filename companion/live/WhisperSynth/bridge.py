"""What the script does on Live's own thread: `tick` ten times a second, `midi` for each button; nothing waits."""

from __future__ import annotations

import os
import time
import traceback
from typing import TYPE_CHECKING, Any, Callable

from . import VERSION
from . import config as settings
from .clips import SelectionError, describe
from .companion import Companion, data_folder, sentence
from .dialect import Dialect
from .door import Door
from .loading import Loaded, Loader, LoadError, Task
from .safely import ask

if TYPE_CHECKING:
    from Live.Application import Application
    from Live.Song import Song

SCRIPT = VERSION
NAME = "WhisperSynth"
MESSAGES_A_TICK = 64
LOOK_EVERY = 10  # ticks between looks at the settings and for the key's device
SHOW_EVERY_S = 0.4  # of progress in the status bar
MOST_UNDOS = 20

ENDED = ("done", "failed", "cancelled")
STAGES = {
    "heard": "listening to {name}",
    "candidates": "trying patches for {name}",
    "refining": "refining {name}",
    "saving": "saving {name}",
}


class Host:
    """What the script may ask of Live."""

    def __init__(
        self,
        application: Application,
        song: Callable[[], Song],
        show: Callable[[str], None],
        log: Callable[[str], None],
        rebuild_midi_map: Callable[[], None],
    ) -> None:
        self.application, self.song = application, song
        self.show, self.log, self.rebuild_midi_map = show, log, rebuild_midi_map


class Bridge:
    """One Live, one companion."""

    def __init__(self, host: Host, folder: str) -> None:
        self.host, self.folder = host, folder
        self.config = settings.read(folder)
        self._config_at = settings.changed_at(folder)
        self.companion = Companion(data_folder(self.config.data), live_version(host.application), SCRIPT)
        self.door = self._open_door()
        self.dialect = Dialect(host.application, host.song(), self.show)
        self._key: Any = None
        self._key_value: Any = None
        self._ticks, self._presses = 0, 0
        self._mine: dict[str, int] = {}
        """Keys of requests that have not ended -> their job's number, 0 until it is known."""
        self._shown = ("", 0.0)
        self._task: tuple[Task, tuple[Any, str]] | None = None
        self._waiting: list[tuple[Task, tuple[Any, str]]] = []
        self._undos: list[Any] = []
        self._last: dict[str, Any] = {}

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins to look for the companion."""
        self.companion.start()
        self._complain()

    def stop(self) -> None:
        """Lets go of threads and ports."""
        self.companion.stop()
        if self._task is not None:
            self._task[0].close()
        if self.door is not None:
            self.door.close()

    def tick(self) -> None:
        """A tenth of a second of work; whatever fails is logged, and the next tick comes."""
        for work in (self._hear_companion, self._hear_door, self._step, self._look):
            self._safely(work)
        self._ticks += 1
        self.companion.give_way()

    def _safely(self, work: Callable[..., None], *what: Any) -> None:
        try:
            work(*what)
        except Exception:  # one mistake is not to end the script
            self.host.log(traceback.format_exc())

    def show(self, text: str) -> None:
        """A sentence in Live's status bar."""
        self.host.show(f"{NAME}: {text}")

    # -- buttons -------------------------------------------------------------------------------------------------

    def midi(self, message: tuple[int, ...]) -> bool:
        """Takes a MIDI message; False if it is not for this script."""
        if len(message) != 3:
            return False
        meant = False
        for button in self.config.buttons:
            if button.is_meant_by(message):
                meant = True
                if button.is_pressed_by(message):
                    self.press(button.action)
        return meant

    def press(self, action: str) -> None:
        """A button: match what is selected, load the last match again, or undo the last load."""
        if action == settings.MATCH:
            self._presses += 1
            text = self.match_selected(f"live {os.getpid()} {int(time.time() * 1000)} {self._presses}")
            if text:
                self.show(text)
        elif action == settings.LOAD:
            self._load_last()
        elif action == settings.UNDO:
            self._undo(None)

    def match_selected(self, key: str) -> str:
        """Sends the selected clip; returns why not, or nothing."""
        try:
            body = describe(self.host.song())
        except SelectionError as error:
            return str(error)
        options = {"seconds": self.config.seconds, "kind": self.config.kind or None}
        body.update(
            key=key, load=self.config.load, options={k: v for k, v in options.items() if v is not None}
        )
        if not self.companion.send(("match", key), "POST", "/jobs", body):
            return "too many clips are waiting to be sent; wait for the companion"
        self._mine[key] = 0
        self.show("sending {}".format(body["name"]))
        return ""

    # -- the companion -------------------------------------------------------------------------------------------

    def _hear_companion(self) -> None:
        hearers: dict[str, Callable[..., None]] = {
            "event": self._event,
            "answer": self._answer,
            "failed": self._failed,
            "there": self._there,
        }
        for kind, *what in self.companion.arrived(MESSAGES_A_TICK):
            self._safely(hearers[kind], *what)

    def _there(self, there: bool, text: str) -> None:
        self.show("connected" if there else text)
        for number in [number for number in self._mine.values() if there and number]:
            self.companion.send(("job", ""), "GET", f"/jobs/{number}")  # it may have ended meanwhile

    def _failed(self, tag: Any, text: str) -> None:
        if tag is not None:
            self._mine.pop(tag[1], None)
            self.show(text)

    def _answer(self, tag: Any, status: int, answer: Any) -> None:
        if tag is None:
            return
        if status not in (200, 202) or not isinstance(answer, dict):
            self._failed(tag, sentence(answer))
        elif tag[0] in ("match", "job"):
            self._job(answer)

    def _event(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if kind == "job":
            self._job(event.get("job") or {})
        elif kind == "bridge":
            self._asked(event)
        elif kind == "bye":
            self.show("the companion has ended")

    def _job(self, job: dict[str, Any]) -> None:
        key, state = (job.get("request") or {}).get("key"), job.get("state")
        if key not in self._mine:
            return  # another client's
        name = str(job.get("name") or "the clip")
        if state not in ENDED:
            self._mine[key] = int(job.get("id") or 0)
            self._progress(job, name)
            return
        del self._mine[key]
        self._shown = ("", 0.0)
        self._last = job if state == "done" else self._last
        self.show(ending(job, name))

    def _progress(self, job: dict[str, Any], name: str) -> None:
        place = int(job.get("position") or 0)
        stage = STAGES.get(str(job.get("stage")), "matching {name}").format(name=name)
        if job.get("state") == "queued":
            stage = f"{name} waits, {place} before it" if place else f"{name} is next"
        now = time.time()
        if stage != self._shown[0] or now - self._shown[1] >= SHOW_EVERY_S:
            self._shown = (stage, now)
            self.show(stage if job.get("state") == "queued" else f"{stage} {share(job) * 100:.0f} %")

    # -- what the companion asks for -----------------------------------------------------------------------------

    def _asked(self, event: dict[str, Any]) -> None:
        number, want = event.get("n"), event.get("want")
        if want == "selected":
            text = self.match_selected(f"asked {self.companion.run} {number}")
            self._reply(number, not text, text or "the selected clip is on its way")
            if text:
                self.show(text)
        elif want == "load":
            job = event.get("job") or {}
            self._load(event, job)
            self._last = job or self._last
        elif want == "undo":
            self._undo(number)
        else:
            self._reply(number, False, f"this script knows no {want!r}; run `whispersynth live install`")

    def _reply(self, number: Any, ok: bool, text: str) -> None:
        if isinstance(number, int):
            self.companion.send(
                None, "POST", "/bridge/answer", {"request": number, "ok": ok, "text": text[:500]}
            )

    # -- loading -------------------------------------------------------------------------------------------------

    def _load_last(self) -> None:
        candidates = (self._last.get("result") or {}).get("candidates") or []
        if not candidates:
            self.show("nothing has been matched yet; select a clip and match it first")
            return
        self.companion.send(
            ("load", ""), "POST", "/jobs/{}/load".format(self._last["id"]), {"rank": 1, "target": "live"}
        )

    def _load(self, event: dict[str, Any], job: dict[str, Any]) -> None:
        library = library_of(self.folder)
        loader = Loader(self.host.application, self.host.song(), library, self.config.new_track)
        files = event.get("files")
        paths = {str(kind): str(path) for kind, path in files.items()} if isinstance(files, dict) else {}
        task = loader.load(paths, by_plugin(event.get("parameters")), synth_of(job))
        self._waiting.append((task, (event.get("n"), heading(job))))

    def _step(self) -> None:
        """A tick's worth of the load that is under way."""
        if self._task is None and self._waiting:
            self._task = self._waiting.pop(0)
        if self._task is None:
            return
        task, (number, heading) = self._task
        try:
            next(task)
        except StopIteration as done:
            self._task = None
            loaded: Loaded = done.value
            self._undos = [*self._undos[1 - MOST_UNDOS :], loaded.undo]
            self._tell(number, True, loaded.text, heading)
        except LoadError as error:
            self._task = None
            self._tell(number, False, str(error), heading)
        except Exception as error:
            self._task = None
            self._tell(number, False, f"Live refused ({error})", heading)
            raise

    def _undo(self, number: Any) -> None:
        if not self._undos:
            self._tell(number, False, "nothing was loaded from here that could be undone")
            return
        try:
            text = self._undos.pop()()
        except LoadError as error:
            self._tell(number, False, str(error))
        else:
            self._tell(number, True, text)

    def _tell(self, number: Any, ok: bool, text: str, heading: str = "") -> None:
        self.show(
            f"{heading}: {text}" if heading else text
        )  # one line shows at a time: the match and the load together
        self._reply(number, ok, text)

    # -- AbletonOSC's dialect ------------------------------------------------------------------------------------

    def _open_door(self) -> Door | None:
        if not self.config.osc_port:
            return None
        try:
            return Door(self.config.osc_port, self.config.osc_reply_port)
        except OSError:
            self.host.log(f"UDP port {self.config.osc_port} is taken, perhaps by AbletonOSC: left to it")
            return None

    def _hear_door(self) -> None:
        if self.door is None:
            return
        for address, arguments in self.door.receive(MESSAGES_A_TICK):
            for reply in self.dialect.answer(address, arguments):
                self.door.send(*reply)
        for reply in self.dialect.changes():
            self.door.send(*reply)

    # -- settings and the key ------------------------------------------------------------------------------------

    def _look(self) -> None:
        if self._ticks % LOOK_EVERY == 0:
            self._look_at_settings()
            self._find_key()
        value = ask(self._key, "value") if self._key is not None else None
        if value is None:
            self._key = None
        elif value != self._key_value:
            self._key_value = value
            self.press(settings.MATCH)

    def _look_at_settings(self) -> None:
        written = settings.changed_at(self.folder)
        if written == self._config_at:
            return
        self._config_at, before = written, self.config
        self.config = settings.read(self.folder)
        self._complain()
        if (self.config.osc_port, self.config.osc_reply_port) != (before.osc_port, before.osc_reply_port):
            if self.door is not None:
                self.door.close()
            self.door = self._open_door()
        self.host.rebuild_midi_map()

    def _complain(self) -> None:
        for complaint in self.config.complaints:
            self.host.log(complaint)
            self.show(complaint)

    def _find_key(self) -> None:
        """The on/off switch of a device called WhisperSynth on the Main track: a key mapped to it presses `match`.

        Live gives scripts no keys; but the user can map any key to any switch of the set.
        """
        for device in ask(ask(self.host.song(), "master_track"), "devices", ()):
            switch = next(iter(ask(device, "parameters", ())), None)
            if str(ask(device, "name", "")).startswith(NAME) and switch is not None:
                if self._key is None:
                    self._key, self._key_value = switch, ask(switch, "value")
                return
        self._key = None


def live_version(application: Application) -> str:
    """`12.1.5`."""
    try:
        numbers = (
            application.get_major_version(), application.get_minor_version(), application.get_bugfix_version(),
        )  # fmt: skip
    except Exception:
        return "?"
    return ".".join(str(number) for number in numbers)


def library_of(folder: str) -> str:
    """The User Library that a script lies in: `<User Library>/Remote Scripts/<script>`."""
    return os.path.dirname(os.path.dirname(os.path.abspath(folder)))


def synth_of(job: dict[str, Any]) -> str:
    """What a job was matched on, as it was asked for."""
    options = (job.get("request") or {}).get("options") or {}
    return str(options.get("synth") or "")


def by_plugin(told: Any) -> dict[str, dict[str, float]]:
    """The companion's parameters, plugin by plugin: what is no number is left out."""
    return {
        str(plugin): {
            str(name): float(value) for name, value in values.items() if isinstance(value, (int, float))
        }
        for plugin, values in (told.items() if isinstance(told, dict) else ())
        if isinstance(values, dict)
    }


def share(job: dict[str, Any]) -> float:
    """How much of a job is done, 0 to 1."""
    return float(job.get("progress") or 0.0)


def ending(job: dict[str, Any], name: str) -> str:
    """What became of a job, for the status bar."""
    if job.get("state") == "cancelled":
        return f"{name} was cancelled"
    if job.get("state") == "failed":
        return "{}: {}".format(name, job.get("error") or "the match failed")
    result = job.get("result") or {}
    candidates, warnings = result.get("candidates") or [], result.get("warnings") or []
    if not candidates:
        return f"{name}: {warnings[0] if warnings else 'there is nothing to hear in it'}"
    saved = os.path.splitext(os.path.basename(next(iter((candidates[0].get("files") or {}).values()), "")))[0]
    return heading(job) + (f", saved as {saved}" if saved else "") + (f" - {warnings[0]}" if warnings else "")


def heading(job: dict[str, Any]) -> str:
    """How good a match is: `Bass 3 at C2, very close (0.15)`; empty for one without an answer."""
    result = job.get("result") or {}
    candidates = result.get("candidates") or []
    if not candidates:
        return ""
    words = candidates[0].get("words") or result.get("words") or "matched"
    score = float(candidates[0].get("score") or 0.0)
    return f"{job.get('name') or 'the clip'} at {result.get('note_name') or '?'}, {words} ({score:.2f})"
