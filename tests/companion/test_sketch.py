"""Recipes by analysis: what was dialled in is found again from the sound alone."""

import numpy as np
import pytest

from companion.hearing.ear import NoteOffGuess
from companion.hosts.vital import VitalHost
from companion.judging.distance import Distance
from companion.recipes.envelope import wagered_contour
from companion.recipes.sketch import sketch
from companion.resynthesis.contours import away, fit_contour
from presets.patch import Patch

SAW = {"osc1.table": "basic_shapes", "osc1.position": 68.75}
NOTE, NOTE_S, TOTAL_S = 48, 0.8, 1.5
LET_GO = [NoteOffGuess(NOTE_S, 1.0)]


@pytest.fixture(scope="module")
def host():
    return VitalHost()


def render(host, values, note=NOTE):
    return host.render_patch(Patch(values, note=note), note, NOTE_S, TOTAL_S)


TARGETS = {
    "a filtered saw": SAW | {"filter1.on": True, "filter1.type": "lp24", "filter1.cutoff": 900.0},
    "a pluck": SAW | {"env1.decay": 0.5, "env1.sustain": 0.0, "filter1.on": True, "filter1.cutoff": 400.0, "mod1.source": "env2",
                      "mod1.destination": "filter1.cutoff", "mod1.amount": 30.0, "env2.decay": 0.4, "env2.sustain": 0.0},
    "a slow pad": {"osc1.table": "hollow", "osc1.position": 50.0, "env1.attack": 0.4, "env1.release": 0.8},
    "noise": {"osc1.on": False, "noise.on": True, "noise.kind": "white"},
}  # fmt: skip


@pytest.mark.parametrize("values", TARGETS.values(), ids=TARGETS)
def test_is_at_most_half_as_far_as_the_init_patch(host, values):
    target = render(host, values)
    distance = Distance(target, render(host, {}))
    patches = sketch(target, float(NOTE), LET_GO, 4)
    verdicts = [distance.verdict(host.render_patch(p, p.note, NOTE_S, TOTAL_S)) for p in patches]
    # By the spectrogram: the init patch is a saw itself, so the other measures have little to tell a filtered saw by.
    assert min(v.shares["mel"] for v in verdicts) < 0.35


def test_gives_no_more_than_asked_all_recipes_at_the_note(host):
    patches = sketch(render(host, SAW), 48.3, LET_GO, 3)
    assert 1 <= len(patches) <= 3
    assert {(p.kind, p.note, round(p.number("voice.tune"))) for p in patches} == {("recipe", 48, 30)}


@pytest.mark.parametrize("values", [
    {"env1.attack": 0.3, "env1.release": 0.4},
    {"env1.decay": 0.4, "env1.sustain": 50.0, "env1.release": 0.2},
    {"env1.decay": 0.6, "env1.sustain": 0.0},
])  # fmt: skip
def test_reads_the_envelope(host, values):
    audio = render(host, {"osc1.table": "basic_shapes", **values}, note=69)
    steps = np.square(audio).mean(axis=0)[: 300 * 220].reshape(300, 220).mean(axis=1)
    found = fit_contour(np.sqrt(steps), NOTE_S).values()
    for name, value in values.items():
        assert found[name] == pytest.approx(value, rel=0.3, abs=6.0 if name.endswith("sustain") else 0.02), (
            name
        )


def test_an_envelope_is_right_whenever_the_key_was_let_go(host):
    """A piano's decay, which sounds like a key let go at once."""
    decay = {"env1.decay": 1.6, "env1.sustain": 0.0, "env1.release": 1.6}
    audio = host.render_patch(Patch({"osc1.table": "basic_shapes", **decay}, note=69), 69, 1.5, 2.5)
    envelope = np.sqrt(np.square(audio).mean(axis=0)[: 500 * 220].reshape(500, 220).mean(axis=1))
    moments = [NoteOffGuess(0.1, 0.7), NoteOffGuess(1.5, 0.3)]
    sure = fit_contour(envelope, 0.1)
    wagered = wagered_contour(envelope, moments, sure)
    assert away(wagered, envelope, 0.1) < away(sure, envelope, 0.1) + 1.5
    assert away(wagered, envelope, 1.5) < 0.5 * away(sure, envelope, 1.5)
    assert wagered_contour(envelope, moments[:1], sure) == sure


@pytest.mark.parametrize(
    "audio",
    [np.zeros((2, 44100), np.float32), np.full((2, 3000), 1e-5, np.float32), np.ones((2, 400), np.float32)],
)
def test_survives_what_holds_no_note(audio):
    for patch in sketch(audio, 60.0, [NoteOffGuess(0.5, 1.0)], 2):
        assert patch.kind == "recipe"


def test_a_short_sound_stands_and_falls_and_a_long_one_is_let_go():
    steps = np.arange(500) * 0.005
    for stands_s, falls in ((0.25, True), (1.2, False)):
        envelope = np.where(steps < stands_s, 1.0, np.maximum(1e-5, 10 ** (-(steps - stands_s) / 0.05)))
        through = fit_contour(envelope, 2.5)
        assert (away(through, envelope, 2.5) < 3) == falls
        if falls:
            assert through.hold == pytest.approx(stands_s, abs=0.06) and through.sustain < 0.1
