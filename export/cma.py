"""A peer: CMA-ES in the synth's own controls, from the init patch, with the note given and no model."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import vita
from cmaes import CMA
from numpy.typing import NDArray

from companion.hearing.audio import SAMPLE_RATE, Audio
from companion.judging.distance import Distance
from companion.judging.metrics import WORST
from export.targets import TOTAL_S, VELOCITY, Hearing

# Native control -> (at 0, at 1). Switches and choices are rounded; what is off in the init patch begins off.
CONTROLS: dict[str, tuple[float, float]] = {
    "voice_transpose": (-24, 24),
    "osc_1_level": (0, 1),
    "osc_1_unison_voices": (1, 9),
    "osc_1_unison_detune": (0, 10),
    "osc_1_unison_blend": (0, 1),
    "osc_1_distortion_type": (0, 12),
    "osc_1_distortion_amount": (0, 1),
    "osc_1_spectral_morph_type": (0, 9),
    "osc_1_spectral_morph_amount": (0, 1),
    "osc_2_on": (0, 1),
    "osc_2_level": (0, 1),
    "osc_2_transpose": (-24, 24),
    "osc_2_tune": (-0.5, 0.5),
    "osc_2_unison_voices": (1, 9),
    "osc_2_distortion_type": (0, 12),
    "osc_2_distortion_amount": (0, 1),
    "osc_2_spectral_morph_type": (0, 9),
    "osc_2_spectral_morph_amount": (0, 1),
    "sample_on": (0, 1),
    "sample_level": (0, 1),
    "filter_1_on": (0, 1),
    "filter_1_cutoff": (8, 136),
    "filter_1_resonance": (0, 1),
    "filter_1_drive": (0, 20),
    "filter_1_blend": (0, 2),
    "filter_1_keytrack": (0, 1),
    "env_1_attack": (0, 1.5),
    "env_1_decay": (0, 1.7),
    "env_1_sustain": (0, 1),
    "env_1_release": (0, 1.5),
    "env_2_decay": (0, 1.7),
    "modulation_1_amount": (-1, 1),  # envelope 2 to the cutoff
    "distortion_on": (0, 1),
    "distortion_drive": (0, 30),
    "chorus_on": (0, 1),
    "reverb_on": (0, 1),
    "reverb_dry_wet": (0, 0.8),
    "volume": (2000, 7399),
}
SIGMA = 0.2
POPULATION = 14


class Knobs:
    """The init patch with its CONTROLS turned, in one engine."""

    def __init__(self) -> None:
        self._synth = vita.Synth()
        self._synth.set_sample_rate(SAMPLE_RATE)
        self._synth.load_init_preset()
        self._synth.connect_modulation("env_2", "filter_1_cutoff")
        self._controls = self._synth.get_controls()
        self._controls["sample_destination"].set(0)  # into the filter, as the oscillators
        self._controls["osc_2_destination"].set(0)
        details = [self._synth.get_control_details(name) for name in CONTROLS]
        self._discrete = np.array([bool(detail.is_discrete) for detail in details])
        self.low, high = np.array(list(CONTROLS.values()), float).T
        self.span = high - self.low

    def start(self) -> NDArray[np.float64]:
        """Where the init patch stands, 0..1."""
        now = np.array([self._controls[name].value() for name in CONTROLS])
        return np.asarray(np.clip((now - self.low) / self.span, 0, 1))

    def turn(self, raw: NDArray[np.float64]) -> None:
        """Sets all controls from 0..1."""
        values = self.low + self.span * np.clip(raw, 0, 1)
        for name, value in zip(CONTROLS, np.where(self._discrete, np.round(values), values), strict=True):
            self._controls[name].set(float(value))

    def render(self, hearing: Hearing) -> Audio:
        """Plays it."""
        return np.asarray(self._synth.render(hearing.note, VELOCITY, hearing.note_s, TOTAL_S), np.float32)

    def text(self) -> str:
        """The patch as it stands."""
        return json.dumps(json.loads(self._synth.to_json()))


def search(
    clip: Audio, hearing: Hearing, n_renders: int, seed: int, tell: Callable[[], None] = lambda: None
) -> str:
    """The best patch of `n_renders`, as `.vital` text, by the distance that the matcher uses; `tell` after each."""
    knobs = Knobs()
    distance = Distance(clip, knobs.render(hearing))
    start = knobs.start()
    best_score, best = WORST + 1, start
    cma = CMA(start, SIGMA, bounds=np.array([[0.0, 1.0]] * len(start)), seed=seed, population_size=POPULATION)
    for _ in range(max(1, n_renders // POPULATION)):
        asked = [cma.ask() for _ in range(POPULATION)]
        scores = []
        for raw in asked:
            knobs.turn(raw)
            scores.append(distance(knobs.render(hearing)))
            tell()
        cma.tell(list(zip(asked, scores, strict=True)))
        if min(scores) < best_score:
            best_score, best = min(scores), asked[int(np.argmin(scores))]
    knobs.turn(best)
    return knobs.text()
