"""Instruments that a matched patch is set in, the embedded engine and a hosted plugin, each in a process of its own,
and a MIDI port.

    python -m companion.serve.stage        the embedded engine's process

Every load remembers what the instrument had, so that undo can bring it back.
"""

from __future__ import annotations

import base64
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from companion.errors import HostError
from companion.serve.link import Child, Gone, Message, Parent
from companion.serve.places import Places
from companion.telling.complaints import describe

if TYPE_CHECKING:
    from companion.hosts.plugin import PluginHost
    from companion.midi.ports import Output
    from presets.patch import Patch

ENGINE = (sys.executable, "-m", "companion.serve.stage")
START_S, ANSWER_S = 60.0, 20.0
MAX_UNDO = 50
DEFAULT_MAP = "serum2"
NOTHING_BEFORE = "nothing was loaded before, so there is nothing to undo"


class Stage(Protocol):
    """An instrument that patches are loaded into."""

    name: str

    def load(self, files: Mapping[str, str]) -> str:
        """Sets a saved patch; a sentence that says so. Raises HostError or PresetError."""

    def undo(self) -> str:
        """What it had before the last load; a sentence. Raises HostError: there was none."""

    def render(self, note: int, note_s: float, total_s: float) -> NDArray[np.float32]:
        """One note of what is loaded: (2, n)."""

    def close(self) -> None:
        """Ends its process."""


class EngineStage:
    """The embedded Vital. It is started with the first use; one that crashed is started again with its patch."""

    def __init__(self, places: Places) -> None:
        self.name = "the embedded engine"
        self._places, self._lock = places, threading.RLock()
        self._child: Child | None = None
        self._text: str | None = None
        self._before: list[str | None] = []

    def open(self) -> None:
        """Starts its process now."""
        with self._lock:
            self._ready()

    def load(self, files: Mapping[str, str]) -> str:
        """Sets the .vital of a saved patch."""
        if "vital" not in files:
            raise HostError("this patch was not saved for Vital, so the embedded engine cannot play it")
        path = Path(files["vital"])
        try:
            text = path.read_text("utf-8")
        except OSError as error:
            raise HostError(
                f"{path} cannot be read any more ({error.strerror}); match the clip again"
            ) from error
        with self._lock:
            self._ask({"do": "set", "text": text})
            self._before = [*self._before, self._text][-MAX_UNDO:]
            self._text = text
        return f"{path.stem} is loaded in {self.name}"

    def undo(self) -> str:
        """Sets what it had before the last load."""
        with self._lock:
            if not self._before:
                raise HostError(NOTHING_BEFORE)
            before = self._before[-1]
            self._ask({"do": "set", "text": before})
            self._text = self._before.pop()
        return f"{self.name} has what it had before"

    @property
    def state(self) -> str | None:
        """The text it plays; None: its init patch."""
        return self._text

    def render(self, note: int, note_s: float, total_s: float) -> NDArray[np.float32]:
        """One note of what is loaded: float32 (2, n)."""
        answer = self._ask({"do": "render", "note": note, "note_s": note_s, "total_s": total_s})
        return np.frombuffer(base64.b64decode(answer["audio"]), "<f4").reshape(2, -1)

    def close(self) -> None:
        """Ends its process."""
        with self._lock:
            if self._child is not None:
                self._child.stop()

    def _ask(self, message: Message) -> Message:
        with self._lock:
            for _ in range(2):  # a crash is survived once
                try:
                    child = self._ready()
                    child.send(message)
                    return self._answer(child, ANSWER_S)
                except Gone:
                    self._child = None
        raise HostError(f"{self.name} crashed twice on this patch; load another one")

    def _ready(self) -> Child:
        if self._child is not None and self._child.alive:
            return self._child
        child = Child(ENGINE, self._places.log.with_name("stage.log"))
        self._answer(child, START_S)
        if self._text is not None:
            child.send({"do": "set", "text": self._text})
            self._answer(child, ANSWER_S)
        self._child = child
        return child

    def _answer(self, child: Child, limit_s: float) -> Message:
        answer = child.receive(limit_s)
        if answer is None:
            child.kill()
            raise Gone
        if answer["at"] == "failed":
            raise HostError(answer["error"])
        return answer


class PluginStage:
    """A hosted VST3 or Audio Unit."""

    def __init__(self, host: PluginHost) -> None:
        self.host, self.name = host, host.name
        self._before: list[bytes] = []
        self._lock = threading.RLock()
        from companion.serve.plugin_patch import open_bound

        self._bound = open_bound(host)

    def load(self, files: Mapping[str, str]) -> str:
        """Sets a saved patch: of this plugin's own, or through the binding there is for it."""
        from companion.serve.plugin_patch import set_in_plugin

        with self._lock:
            before = self.host.state()
            try:
                said = set_in_plugin(
                    self.host, self._bound, {kind: Path(path) for kind, path in files.items()}
                )
            except Exception:
                self.host.set_state(before)
                raise
            self._before = [*self._before, before][-MAX_UNDO:]
        return said

    def undo(self) -> str:
        """Sets the state it had before the last load."""
        with self._lock:
            if not self._before:
                raise HostError(NOTHING_BEFORE)
            self.host.set_state(self._before[-1])
            self._before.pop()
        return f"{self.name} has what it had before"

    def render(self, note: int, note_s: float, total_s: float) -> NDArray[np.float32]:
        """One note of what is loaded: float32 (2, n)."""
        return self.host.render(note, note_s, total_s)

    def close(self) -> None:
        """Ends its process."""
        self.host.close()


class MidiStage:
    """A port that control changes go to: a synth in the DAW that has learnt them."""

    def __init__(self, output: Output, map_name: str | None = None) -> None:
        from companion.midi.maps import find_map

        self.name = f"the MIDI port {output.name}"
        self._output, self._map = output, find_map(map_name or DEFAULT_MAP)
        self._sent: list[Patch] = []
        self._lock = threading.RLock()

    def load(self, files: Mapping[str, str]) -> str:
        """Sends a saved patch's knobs, as many as the map has."""
        from companion.disk.store import read_patch

        if "txt" not in files:
            raise HostError("this patch has no knobs that a MIDI map names; load it elsewhere")
        patch = read_patch(Path(files["txt"]))
        with self._lock:
            n = self._send(patch)
            self._sent = [*self._sent, patch][-MAX_UNDO:]
        return f"{n} control changes of {Path(files['txt']).stem} were sent to {self.name}"

    def undo(self) -> str:
        """Sends the patch before; what the synth had before the first one, MIDI cannot ask."""
        with self._lock:
            if len(self._sent) < 2:
                raise HostError(
                    "MIDI cannot ask what the synth had before the first patch; undo it in the synth"
                )
            self._send(self._sent[-2])
            self._sent.pop()
        return f"the patch before was sent to {self.name}"

    def render(self, note: int, note_s: float, total_s: float) -> NDArray[np.float32]:
        """Nothing: what is there cannot be heard here."""
        raise HostError(f"{self.name} plays no sound here")

    def close(self) -> None:
        """Closes the port."""
        self._output.close()

    def _send(self, patch: Patch) -> int:
        from companion.midi.sending import send_patch

        return send_patch(patch, self._output, self._map)


def main() -> None:
    """The embedded engine's process."""
    from companion.telling.report import answers_alone

    with answers_alone() as stream:
        parent = Parent(stream)
        from companion.hosts.vital import VitalHost

        host: Any = VitalHost()
        parent.send("ready")
        while True:
            message = parent.receive()
            try:
                if message["do"] == "render":
                    audio = host.render(message["note"], message["note_s"], message["total_s"])
                    data = base64.b64encode(np.ascontiguousarray(audio, "<f4").tobytes()).decode()
                    parent.send("done", audio=data)
                    continue
                if message["text"] is None:
                    host = VitalHost()
                else:
                    host.set_text(message["text"])
                parent.send("done")
            except Exception as error:
                parent.send("failed", error=describe(error))


if __name__ == "__main__":
    main()
