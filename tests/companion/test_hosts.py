"""The embedded engine: what it rendered before is not heard in what it renders next."""

import numpy as np
import pytest
import vita

from companion.hosts.vital import VitalHost
from presets.patch import Patch
from presets.vital import patch_to_vital

NOTE, NOTE_S, TOTAL_S = 60, 0.4, 0.8
PATCHES = {
    "plain": {},
    "slow attack": {"env1.attack": 0.3},
    "long release": {"env1.release": 3.0},
    "pluck into a delay": {"env1.decay": 0.1, "env1.sustain": 0.0, "delay.on": True, "delay.feedback": 80.0},
    "filter sweep": {"filter1.on": True, "mod1.source": "env2", "mod1.amount": 40.0, "env2.decay": 0.3},
}


def fresh(values):
    synth = vita.Synth()
    synth.set_sample_rate(44_100)
    assert synth.load_json(patch_to_vital(Patch(values), compact=True))
    return synth.render(NOTE, 0.8, NOTE_S, TOTAL_S)


@pytest.mark.parametrize("name", PATCHES)
def test_renders_as_a_fresh_engine_does_whatever_came_before(name):
    wanted, host = fresh(PATCHES[name]), VitalHost()
    for before in PATCHES.values():
        host.render_patch(Patch(before), NOTE, NOTE_S, TOTAL_S)
        difference = host.render_patch(Patch(PATCHES[name]), NOTE, NOTE_S, TOTAL_S) - wanted
        assert np.sqrt(np.mean(difference**2)) < 2e-3  # the notes themselves have 0.1 to 0.2
