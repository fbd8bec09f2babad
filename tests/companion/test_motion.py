"""Loudness that comes and goes is heard as it was dialled, and drawn into a recipe."""

import numpy as np
import pytest

from companion.engines import Engines
from companion.hearing.audio import Clip
from companion.hearing.bands import ENVELOPE_HOP_S, Portrait, envelope_of
from companion.hearing.listen import listen
from companion.judging.judge import Judge
from companion.proposing.propose import ask, from_sketch
from companion.recipes.motion import Pulse, pulsing
from companion.recipes.wobble import wobbles_of
from presets.patch import Patch

pytest.importorskip("vita", reason="the Vital engine has no wheel for this platform")

NOTE, NOTE_S, TOTAL_S = 57, 1.6, 2.4
SOUND = {"osc1.table": "sine_to_saw", "osc1.position": 80.0, "filter1.on": True, "filter1.cutoff": 2500.0}
SAW = {"osc1.table": "basic_shapes", "osc1.position": 68.75, "filter1.type": "lp24", "filter1.cutoff": 600.0,
       "filter1.resonance": 40.0}  # fmt: skip
GATE = {"mod1.source": "lfo1", "mod1.destination": "osc1.level", "mod1.amount": -100.0, "lfo1.shape": "square",
        "lfo1.rate": 6.0}  # fmt: skip
WOBBLE = {"mod1.source": "lfo1", "mod1.destination": "filter1.cutoff", "mod1.amount": 25.0, "mod1.bipolar": True,
          "lfo1.shape": "saw_down", "lfo1.rate": 2.0}  # fmt: skip
TREMOLO = GATE | {"lfo1.shape": "sine", "mod1.amount": -25.0}


@pytest.fixture(scope="module")
def engines():
    engines = Engines(2)
    yield engines
    engines.close()


def played(engines: Engines, **values: object) -> np.ndarray:
    return engines.render(Patch(SOUND | values), NOTE, NOTE_S, TOTAL_S)


def pulse_of(audio: np.ndarray) -> Pulse | None:
    return Pulse.of(envelope_of(audio, 220.0), NOTE_S)


def test_a_gate_is_heard_with_its_speed_and_a_steady_sound_or_a_tremolo_is_none(engines) -> None:
    pulse = pulse_of(played(engines, **GATE))
    assert pulse is not None and pulse.levels.period_s == pytest.approx(1 / 6, rel=0.03)
    levels = pulse.levels.points(1.5)[:, 1]
    assert levels.max() > -3 and levels.min() < -20
    assert np.ptp(20 * np.log10(pulse.still[10 : int(1.4 / ENVELOPE_HOP_S)])) < 3  # what is left stands
    assert pulse_of(played(engines)) is None
    assert pulse_of(played(engines, **TREMOLO)) is None


def test_recipes_that_pulse_with_the_clip_come_nearer(engines) -> None:
    note = listen(Clip("gate", played(engines, **GATE)))
    recipes = from_sketch(ask(note, 16, 0))
    pulses = [patch.is_moved("volume.level") for patch in recipes]
    assert any(pulses) and not all(pulses)
    heard = [c.heard for c in Judge(note.audio, NOTE, note.moments, engines)(recipes)]
    still = min(x for x, moves in zip(heard, pulses, strict=True) if not moves)
    assert min(x for x, moves in zip(heard, pulses, strict=True) if moves) < 0.5 * still


def test_a_wobble_is_heard_with_its_speed_and_a_filter_that_stays_is_none(engines) -> None:
    portrait = Portrait.of(played(engines, **(SAW | WOBBLE)), NOTE, NOTE_S, brief=True)
    _, cutoff = next(wobbles_of(portrait))
    assert cutoff.period_s == pytest.approx(0.5, rel=0.03)
    assert 2 * cutoff.reach == pytest.approx(32, abs=10)  # 25 % of 128 semitones
    still = Portrait.of(played(engines, **SAW), NOTE, NOTE_S, brief=True)
    assert not list(wobbles_of(still))


def test_recipes_that_wobble_with_the_clip_come_nearer(engines) -> None:
    note = listen(Clip("wobble", played(engines, **(SAW | WOBBLE))))
    recipes = from_sketch(ask(note, 16, 0))
    wobbles = [p.is_moved("filter1.cutoff") and "lfo1" in p.sources for p in recipes]
    assert any(wobbles) and not all(wobbles)
    heard = [c.heard for c in Judge(note.audio, NOTE, note.moments, engines)(recipes)]
    still = min(x for x, moves in zip(heard, wobbles, strict=True) if not moves)
    assert min(x for x, moves in zip(heard, wobbles, strict=True) if moves) < 0.85 * still


def test_a_drawn_pulse_takes_off_what_was_heard(engines) -> None:
    pulse = pulse_of(played(engines, **GATE))
    assert pulse is not None
    again = pulse_of(engines.render(pulsing(Patch(SOUND), pulse), NOTE, NOTE_S, TOTAL_S))
    assert again is not None and again.levels.period_s == pytest.approx(pulse.levels.period_s, rel=0.03)
    n = min(len(pulse.levels.steps), len(again.levels.steps))
    rests = (pulse.levels.steps < -15)[:n], (again.levels.steps < -15)[:n]
    assert (rests[0] == rests[1]).mean() > 0.9


def test_what_has_its_lfos_taken_stays_as_it_is(engines) -> None:
    pulse = pulse_of(played(engines, **GATE))
    both = {
        f"mod{n}.{key}": value
        for n in (1, 2)
        for key, value in (("source", f"lfo{n}"), ("destination", "filter1.cutoff"))
    }
    taken = Patch(both)
    assert pulse is not None and pulsing(taken, pulse) is taken
