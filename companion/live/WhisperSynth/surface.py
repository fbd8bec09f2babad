"""The control surface that Live makes of this script: it hands Live's calls on to the bridge."""

from __future__ import annotations

import os
import traceback
from typing import Any

from .bridge import NAME, Bridge, Host
from .config import NOTE


def make(c_instance: Any) -> Any:
    """A control surface of the framework that this Live brings along."""
    import Live

    try:
        from _Framework.ControlSurface import ControlSurface
    except ImportError:
        from ableton.v2.control_surface import ControlSurface

    class WhisperSynth(ControlSurface):  # type: ignore[misc, unused-ignore]  # only Live has its types
        """Selected clip to the companion, its patch back into the set."""

        def __init__(self, instance: Any) -> None:
            self._bridge: Bridge | None = None
            super().__init__(instance)
            self._instance = instance
            application = Live.Application.get_application()
            host = Host(
                application,
                instance.song,
                self.show_message,
                self.log_message,
                instance.request_rebuild_midi_map,
            )
            try:
                self._bridge = Bridge(host, os.path.dirname(os.path.abspath(__file__)))
                self._bridge.start()
            except Exception:  # Live would drop the script without a word
                self.log_message(traceback.format_exc())
                self.show_message(f"{NAME} could not start; Live's Log.txt says why")

        def update_display(self) -> None:
            super().update_display()
            if self._bridge is not None:
                self._bridge.tick()

        def build_midi_map(self, midi_map_handle: int) -> None:
            super().build_midi_map(midi_map_handle)
            script = self._instance.handle() if self._bridge is not None else 0
            for button in self._bridge.config.buttons if self._bridge is not None else ():
                forward = (
                    Live.MidiMap.forward_midi_note if button.kind == NOTE else Live.MidiMap.forward_midi_cc
                )
                forward(script, midi_map_handle, button.channel - 1, button.number)

        def receive_midi(self, midi_bytes: Any) -> None:
            if self._bridge is None or not self._bridge.midi(tuple(midi_bytes)):
                super().receive_midi(midi_bytes)

        def receive_midi_chunk(self, midi_chunk: Any) -> None:
            for midi_bytes in midi_chunk:
                self.receive_midi(midi_bytes)

        def disconnect(self) -> None:
            if self._bridge is not None:
                self._bridge.stop()
                self._bridge = None
            super().disconnect()

    return WhisperSynth(c_instance)
