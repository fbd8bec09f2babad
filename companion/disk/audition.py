"""One note of a preset file, as the engine plays it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from companion.disk.store import read_patch, read_text
from companion.hosts.vital import VitalHost
from companion.judging.metrics import is_silent
from presets.errors import PresetError

HELD_SHARE = 0.75  # of the time; then the key is let go, so that the release is heard
PLAIN_NOTE = 60  # of a preset that names none


@dataclass(frozen=True)
class Heard:
    """A rendered note."""

    audio: NDArray[np.float32]
    """(2, n) at 44.1 kHz."""
    note: int

    @property
    def is_silent(self) -> bool:
        """Nothing to be heard."""
        return is_silent(self.audio)


def audition(path: Path, note: int | None, seconds: float) -> Heard:
    """Plays a .txt or .vital file; a .vital as it stands, with what the schema has no words for.

    Args:
        note: MIDI note; None plays the one a .txt patch was heard at.

    Raises:
        PresetError: the file is no patch, or would harm the engine.
    """
    host = VitalHost()
    if path.suffix.lower() == ".vital":
        text = read_text(path)
        try:
            host.set_text(text)
        except PresetError as error:
            raise PresetError(f"{path}: {error}") from None
        note = PLAIN_NOTE if note is None else note
    else:
        patch = read_patch(path)
        host.set_patch(patch)
        note = patch.note if note is None else note
    return Heard(host.render(note, seconds * HELD_SHARE, seconds), note)
