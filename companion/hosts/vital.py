"""The embedded Vital engine: renders a Patch, or any checked .vital text, without a plugin installed."""

from __future__ import annotations

import numpy as np
import vita
from numpy.typing import NDArray

from companion.errors import WhisperSynthError
from presets.patch import Patch
from presets.vital import check, parse, patch_to_vital

SAMPLE_RATE = 44_100
VELOCITY = 0.8
# An engine glides from the last patch's levels and lets its voices ring out: at -14 dBFS in the first 100 ms of a render.
# A moment after loading (3 ms) brings that under -75 dB. The engine cannot render without a note, so the note is as short
# as it gets (of length 0 it would never end) and its release is cut while it sounds, or it would ring into the render.
SETTLE_S = 0.15
SETTLE_NOTE_S = 0.01
SETTLE_RELEASE = 0.5  # native: 62 ms


class VitalHost:
    """One engine. Rendering releases the GIL: a host a thread uses every core."""

    def __init__(self, sample_rate: int = SAMPLE_RATE) -> None:
        self._synth = vita.Synth()
        self.sample_rate = 0
        self.set_sample_rate(sample_rate)

    def set_sample_rate(self, sample_rate: int) -> None:
        """Changes the rate it renders at, in Hz; the loaded patch stays."""
        if sample_rate != self.sample_rate:
            self._synth.set_sample_rate(sample_rate)
            self.sample_rate = sample_rate

    def set_patch(self, patch: Patch) -> None:
        """Loads a patch (8 ms and 0.15 ms a wavetable frame)."""
        self._load(patch_to_vital(patch, compact=True))

    def set_text(self, text: str) -> None:
        """Loads .vital text after checking it.

        Raises:
            PresetError: the text is no safe Vital preset.
        """
        parse(text)
        self._load(text)

    def set_control(self, name: str, native: float) -> None:
        """Sets one native control (microseconds; tables and routings stay)."""
        self._synth.get_controls()[name].set(native)

    def _load(self, text: str) -> None:
        if not self._synth.load_json(text):
            raise WhisperSynthError(
                "the Vital engine refused the patch; please report it with the .vital file"
            )
        self._settle()

    def _settle(self) -> None:
        release = self._synth.get_controls()["env_1_release"]
        value = release.value()
        release.set(min(value, SETTLE_RELEASE))
        self._synth.render(0, 0.0, SETTLE_NOTE_S, SETTLE_S)
        release.set(value)

    def render(
        self, note: int, note_s: float, total_s: float, velocity: float = VELOCITY
    ) -> NDArray[np.float32]:
        """Plays one note of the loaded patch: float32 (2, total_s * sample_rate)."""
        return np.asarray(self._synth.render(int(note), float(velocity), float(note_s), float(total_s)))

    def render_patch(
        self, patch: Patch, note: int, note_s: float, total_s: float, velocity: float = VELOCITY
    ) -> NDArray[np.float32]:
        """Loads and plays in one call."""
        self.set_patch(patch)
        return self.render(note, note_s, total_s, velocity)


__all__ = ["SAMPLE_RATE", "VELOCITY", "VitalHost", "check"]
