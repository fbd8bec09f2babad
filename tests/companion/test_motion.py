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
PWM = {"osc1.table": "pwm", "osc1.position": 50.0, "filter1.on": False, "mod1.source": "lfo1", "mod1.bipolar": True,
       "mod1.destination": "osc1.position", "mod1.amount": 60.0, "lfo1.shape": "triangle", "lfo1.rate": 3.0}  # fmt: skip
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


WOBBLES = {
    "filter": (SAW | WOBBLE, "filter1.cutoff", 32, 10),  # 25 % of 128 semitones
    "pulse width": (PWM, "osc1.position", 9.6, 4),  # 60 % of 16 frames
}


@pytest.mark.parametrize(("values", "knob", "range_", "off"), WOBBLES.values(), ids=WOBBLES)
def test_a_wobble_is_heard_with_its_speed_and_what_stays_is_none(engines, values, knob, range_, off) -> None:
    portrait = Portrait.of(played(engines, **values), NOTE, NOTE_S, brief=True)
    found = [w for w in wobbles_of(portrait) if w.knob == knob]
    assert found[0].course.period_s == pytest.approx(1 / float(values["lfo1.rate"]), rel=0.03)
    assert 2 * found[0].course.reach == pytest.approx(range_, abs=off)
    still = Portrait.of(played(engines, **(values | {"mod1.source": "none"})), NOTE, NOTE_S, brief=True)
    assert not list(wobbles_of(still))


@pytest.mark.parametrize("values", [row[0] for row in WOBBLES.values()], ids=WOBBLES)
def test_recipes_that_wobble_with_the_clip_come_nearer(engines, values) -> None:
    note = listen(Clip("wobble", played(engines, **values)))
    recipes = from_sketch(ask(note, 16, 0))
    wobbles = ["lfo1" in p.sources for p in recipes]
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
