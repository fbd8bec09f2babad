"""WhisperSynth inside Ableton Live: a MIDI Remote Script for Live 11 and 12, in the Python 3.7 that Live 11 has.

`whispersynth live install` puts this folder into the User Library; docs/live.md says what it does.
"""

from __future__ import annotations

from typing import Any

VERSION = "1"


def create_instance(c_instance: Any) -> Any:
    """Called by Live when the script is chosen under Settings, Link/Tempo/MIDI, Control Surface."""
    from .surface import make

    return make(c_instance)
