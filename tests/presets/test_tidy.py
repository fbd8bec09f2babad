"""What is tidied away cannot be heard, and what can be heard stays."""

import numpy as np
import pytest

from companion.hosts.vital import VitalHost
from export.sample import fresh_patch
from presets.patch import Patch
from presets.tidy import tidied

ROUTED_TO_FILTER_2 = {"mod1.source": "env2", "mod1.destination": "filter2.cutoff", "mod1.amount": 40}
LEFTOVERS = {
    "a filter that nothing is routed to": ({"filter2.on": True, "filter2.cutoff": 60}, "filter2.on", False),
    "a filter past which all goes": ({"filter1.on": True, "osc1.route": "effects"}, "filter1.on", False),
    "an effect without mix": ({"reverb.on": True, "reverb.mix": 0}, "reverb.on", False),
    "a routing to what is off": (ROUTED_TO_FILTER_2, "mod1.source", "none"),
    "a routing to what goes off": ({"filter2.on": True, **ROUTED_TO_FILTER_2}, "mod1.source", "none"),
    "a routing to such a routing": (
        {**ROUTED_TO_FILTER_2, "mod2.source": "lfo1", "mod2.destination": "mod1.amount"},
        "mod2.source",
        "none",
    ),
}
NEEDED = (
    {"filter2.on": True, "filter2.after_filter1": True, "filter1.on": True},
    {"filter2.on": True, "noise.on": True, "noise.route": "filter2"},
    {"filter1.on": True, "filter2.on": True, "osc1.route": "both"},
    {"chorus.on": True, "chorus.mix": 0, "mod1.source": "env2", "mod1.destination": "chorus.mix", "mod1.amount": 50},
)  # fmt: skip


def render(patch):
    return VitalHost().render_patch(patch, 48, 0.3, 0.5)


@pytest.mark.parametrize("name", LEFTOVERS)
def test_leftovers_go_and_the_sound_stays(name):
    values, gone, value = LEFTOVERS[name]
    patch = Patch({"osc1.position": 70, **values}, note=48)
    assert patch[gone] != value and tidied(patch)[gone] == value
    np.testing.assert_array_equal(render(tidied(patch)), render(patch))


@pytest.mark.parametrize("values", NEEDED)
def test_what_is_heard_stays(values):
    patch = Patch(values, note=48)
    assert tidied(patch) == patch


@pytest.mark.parametrize("seed", range(8))
def test_any_patch_sounds_as_before(seed):
    values = fresh_patch(np.random.default_rng(seed))
    steady = {
        name: "lfo1" for name, value in values.items() if value == "random"
    }  # which is so from engine to engine
    patch = Patch({**values, **steady}, note=48)
    before, after = render(patch), render(tidied(patch))
    np.testing.assert_allclose(after, before, atol=1e-3 * np.abs(before).max())
