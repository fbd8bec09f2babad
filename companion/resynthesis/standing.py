"""A filter that stands still while the notes move: taken out of a clip before its frames are made, and set in the patch.

In the frames of a dull sound the low-pass that made it dull would move with the keys. Which one it was cannot be told from
one note; but a recipe that came near the clip has found one, by its sound. Vital's digital filters are linear, so what they
do to a clip can be undone: the frames hold what goes into the filter, and the heard note stays as it was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from companion.hearing.audio import SAMPLE_RATE
from companion.resynthesis.partials import Complexes, Floats
from presets.laws import followed, hz_to_midi, midi_to_hz
from presets.patch import Patch
from presets.schema import Value

OVERSAMPLED_HZ = 2.0 * SAMPLE_RATE  # the rate at which the engine filters
STAGES: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {"digital_lp12": (0.5,), "digital_lp24": (0.5, 1.0)}
)  # the Q of each, at resonance 0; measured, to 0.01 dB
MAKES = ("", "dirty_", "ladder_", "digital_")
LOW_PASSES: Mapping[str, str] = MappingProxyType(
    {make + kind: f"digital_{kind}" for make in MAKES for kind in ("lp12", "lp24")}
    | {"diode_lp": "digital_lp24"}
)
HIGHEST_CUTOFF_HZ = 0.45 * SAMPLE_RATE
EDGE = 441  # samples in which the ends of a clip are led to silence
MOST_BOOST_DB = 60.0  # what is fainter than that under the filter stays so
MOST_LOUDER_DB = 6.0  # before the filter than after it: the right one reads up to 5, others, and noise in the clip, 10 to 45


@dataclass(frozen=True)
class StandingFilter:
    """A low-pass as a recipe has it."""

    kind: str
    """Of STAGES."""
    cutoff: float
    """The knob's, as a MIDI note."""
    keytrack: float
    """Share of the keys' movement that it follows."""

    @classmethod
    def of(cls, recipe: Patch) -> StandingFilter | None:
        """Filter 1 where it is a low-pass that oscillator 1 goes through; else None."""
        kind = LOW_PASSES.get(str(recipe["filter1.type"]))
        if kind is None or not recipe["filter1.on"] or recipe["osc1.route"] not in ("filter1", "both"):
            return None
        return cls(kind, hz_to_midi(recipe.number("filter1.cutoff")), recipe.number("filter1.keytrack") / 100)

    def response(self, hz: NDArray[np.floating[Any]], note: float) -> Complexes:
        """What it does at frequencies under half the sample rate (n,) when a note is played."""
        cutoff_hz = midi_to_hz(followed(self.cutoff, self.keytrack, note))
        turn = np.pi / OVERSAMPLED_HZ
        s = 1j * np.tan(turn * hz) / math.tan(turn * min(cutoff_hz, HIGHEST_CUTOFF_HZ))
        through = np.ones(len(hz), np.complex128)
        for q in STAGES[self.kind]:
            through /= 1 + s / q + s * s
        return np.asarray(through, np.complex64)

    def undone(self, audio: Floats, note: float) -> Floats | None:
        """A clip (channels, n) of a note as it was before the filter; None where that is so loud that it was another one."""
        edge = min(EDGE, audio.shape[1] - 1)  # a cut would become a click
        fade = np.hanning(2 * edge + 1)[:edge].astype(np.float32)
        whole = np.pad(audio, ((0, 0), (edge, 0)), mode="reflect", reflect_type="odd")
        whole[:, :edge] *= fade
        whole[:, whole.shape[1] - edge :] *= fade[::-1]
        n = scipy.fft.next_fast_len(whole.shape[1] + edge, real=True)
        through = self.response(np.fft.rfftfreq(n, 1 / SAMPLE_RATE), note)
        least = 10 ** (-MOST_BOOST_DB / 20)
        through *= np.maximum(1, least / np.maximum(np.abs(through), 1e-12))
        before = scipy.fft.irfft(scipy.fft.rfft(whole, n, axis=1) / through, n, axis=1)
        before = before[:, edge : edge + audio.shape[1]]
        most = 10 ** (MOST_LOUDER_DB / 10) * np.square(audio, dtype=np.float64).sum()
        return np.asarray(before, np.float32) if np.square(before).sum() <= most else None

    def put_into(self, patch: Patch) -> Patch:
        """A resynthesis of what was undone, with the filter behind its oscillators."""
        values: dict[str, Value] = {
            "filter1.on": True, "filter1.type": self.kind, "filter1.resonance": 0.0, "filter1.drive": 0.0, "filter1.mix": 100.0,
            "filter1.cutoff": midi_to_hz(self.cutoff), "filter1.keytrack": 100 * self.keytrack,
        }  # fmt: skip
        sounding = [section for section in ("osc1", "osc2", "sub") if patch[f"{section}.on"]]
        return patch.with_values(values | {f"{section}.route": "filter1" for section in sounding})
