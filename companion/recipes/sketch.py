"""Recipes by analysis: what a sound designer would dial in after listening closely, without one render.

The note is seen as a Portrait (loudness of its harmonics in a few moments); `companion.recipes.stories` says what it may be made
of, the contour gives envelope 1 and the reverb, and the likeliest stories are written as patches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from companion.hearing.audio import Audio
from companion.hearing.bands import Portrait, decibels
from companion.hearing.ear import NoteOffGuess
from companion.hearing.melody import Melody
from companion.recipes.envelope import wagered_contour
from companion.recipes.motion import SPANS, Pulse, pulsing, sung, wobbling
from companion.recipes.stories import KINDS, N_FINALISTS, Story, finish, predict, stories_of
from companion.recipes.templates import OSC_DB
from companion.recipes.wobble import Wobble, wobbles_of
from companion.resynthesis.contours import Contour, fit_contour
from presets.laws import midi_to_hz
from presets.patch import Patch
from presets.schema import Value
from presets.tables import N_FRAMES, TABLE_NAMES

MOST_VOLUME_DB = 6.0  # of the knob;
FAINT_DB = 12.0  # what would need so much more is not told: next to nothing is left of it
SHORT_COST = 0.2  # dB of mean error for each dB that the volume lacks
N_WOBBLES = 3  # stories whose timbre goes its own way
WIDE_DB = -22.0  # side under mid: more than this is wide


def sketch(
    audio: Audio,
    pitch_midi: float,
    moments: Sequence[NoteOffGuess],
    n: int,
    melody: Melody | None = None,
    pulse: Pulse | None = None,
) -> list[Patch]:
    """Up to `n` recipes for a note `(2, n_samples)` at 44.1 kHz, likeliest first; no engine is asked (about 50 ms).

    Where there are several moments the envelope is right for all of them, but in the last recipe. Where the timbre goes
    its own way, up to three more are such as follow it.

    Args:
        pitch_midi: its fundamental, with fraction.
        moments: when it may be let go, likeliest first.
        melody: what its pitch does.
        pulse: what its loudness does.
    """
    portrait = Portrait.of(audio, pitch_midi, moments[0].time_s, melody)
    envelope = pulse.still if pulse else portrait.envelope
    sure = fit_contour(envelope, moments[0].time_s, False if pulse else None)  # a room would fill the rests
    contour = wagered_contour(envelope, moments, sure)
    found = stories_of(portrait)
    loud = [s for s in found if _volume_db(portrait, contour, s) < MOST_VOLUME_DB + FAINT_DB] or found
    stories = sorted((finish(portrait, s) for s in loud[:N_FINALISTS]), key=lambda s: s.cost)
    told = [(s, contour) for s in _varied(stories)]
    told = told[:n] if contour == sure else [*told[: n - 1], (stories[0], sure)]
    patches = [_patch(portrait, c, story, pitch_midi, i) for i, (story, c) in enumerate(told)]
    brief = portrait if melody else Portrait.of(audio, pitch_midi, moments[0].time_s, brief=True)
    patches += [
        wobbling(_patch(portrait, contour, wobble.story, pitch_midi, i), wobble.knob, wobble.course)
        for i, wobble in enumerate(_loud_wobbles(brief, contour))
    ]
    patches = [sung(patch, melody) for patch in patches] if melody else patches
    return [pulsing(patch, pulse) for patch in patches] if pulse else patches


def _loud_wobbles(portrait: Portrait, contour: Contour) -> list[Wobble]:
    """The best ways in which the timbre moves, as near and as loud as can be."""

    def cost(wobble: Wobble) -> float:
        lacks_db = _volume_db(portrait, contour, wobble.story) - MOST_VOLUME_DB
        return wobble.story.cost + SHORT_COST * max(0.0, lacks_db)

    return sorted(islice(wobbles_of(portrait), 2 * N_WOBBLES), key=cost)[:N_WOBBLES]


def _varied(stories: list[Story]) -> Iterator[Story]:
    """Stories in order of cost, those of a name that came before at the end."""
    seen: set[tuple[object, ...]] = set()
    late = []
    for story in stories:
        if story.name in seen:
            late.append(story)
        else:
            seen.add(story.name)
            yield story
    yield from late


# --- as a patch ------------------------------------------------------------------------------------------------------


def _patch(portrait: Portrait, contour: Contour, story: Story, pitch_midi: float, place: int) -> Patch:
    """The story as a recipe; wide clips get unison or chorus in turn."""
    note = min(127, max(0, round(pitch_midi)))
    values: dict[str, Value] = {
        "osc1.table": TABLE_NAMES[story.table],
        "osc1.position": float(story.positions[-1]) / (N_FRAMES - 1) * 100,
        "voice.tune": max(-100.0, min(100.0, 100 * (pitch_midi - note))),
        **contour.values(), **_filter_values(story), **_motion_values(story), **_layer_values(story), **story.eq,
        **_width_values(portrait, place),
    }  # fmt: skip
    values["volume.level"] = max(-60.0, min(MOST_VOLUME_DB, _volume_db(portrait, contour, story)))
    return Patch(values, note=note).canonical()


def _filter_values(story: Story) -> dict[str, Value]:
    if story.kind < 0:
        return {}
    start = story.ends[0] if story.motion and story.sweeps_filter else float(story.cutoffs[0])
    cutoff = max(13.0, min(21000.0, midi_to_hz(start)))
    return {
        "filter1.on": True,
        "filter1.type": KINDS[story.kind],
        "filter1.cutoff": cutoff,
        "filter1.resonance": story.resonance,
    }


def _motion_values(story: Story) -> dict[str, Value]:
    if story.motion is None:
        return {}
    low, high = story.ends
    target = "filter1.cutoff" if story.sweeps_filter else "osc1.position"
    out: dict[str, Value] = {
        "mod1.source": "env2", "mod1.destination": target, "mod1.amount": max(-100.0, min(100.0, (high - low) / SPANS[target] * 100)),
        **story.motion.values(),
    }  # fmt: skip
    return out if story.sweeps_filter else out | {"osc1.position": low / (N_FRAMES - 1) * 100}


def _first_db(story: Story) -> float:
    """The level of oscillator 1."""
    return -6.0 - max(0.0, max([0.0, *(layer.gain_db for layer in story.layers)]) - 6.0)


def _layer_values(story: Story) -> dict[str, Value]:
    """Layers at their levels; oscillator 1 steps back where one would be over 0 dB."""
    first = _first_db(story)
    out: dict[str, Value] = {"osc1.level": first}
    for layer in story.layers:
        out |= layer.values | {f"{layer.section}.level": max(-40.0, min(0.0, first + layer.gain_db))}
    return out


def _width_values(portrait: Portrait, place: int) -> dict[str, Value]:
    if portrait.side_db < WIDE_DB:
        return {}
    unison: tuple[dict[str, Value], ...] = (
        {"osc1.voices": 4, "osc1.detune": 12.0},
        {"chorus.on": True, "chorus.mix": 50.0},
        {"osc1.voices": 7, "osc1.detune": 22.0},
        {},
    )
    return unison[place % len(unison)]


def _volume_db(portrait: Portrait, contour: Contour, story: Story) -> float:
    """The level at which the loudest moment comes out as loud as in the clip, wherever the knob ends."""
    moments = portrait.moments
    loudest = int(moments.power.sum(axis=1).argmax())
    amplitude = float(contour.amplitude(moments.times_s[loudest : loudest + 1], portrait.note_off_s)[0])
    expected = float(predict(portrait, story)[loudest].sum()) * max(amplitude, 1e-3) ** 2
    level = _first_db(story) + OSC_DB + 6.04
    wanted = float(decibels(moments.power[loudest].sum()))
    return wanted - float(decibels(np.array(expected))) - level
