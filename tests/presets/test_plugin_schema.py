import math

import pytest

from presets.errors import PresetError
from presets.plugin_schema import MOST_STEPS, Control, patch_of, plugin_schema, raw_values

CONTINUOUS = 2**31 - 1
CONTROLS = (
    Control("Waveform", 0.0, 2),
    Control("Octave", 0.5, 9),
    Control("Cutoff", 0.25, CONTINUOUS),
    Control("Env 1 (ms) A.B", 0.1234567, CONTINUOUS),
    Control("Bend", 0.3, MOST_STEPS + 1),
)
SCHEMA = plugin_schema("Test", CONTROLS)


def test_a_patch_at_its_defaults_has_the_raw_values_of_the_plugin():
    raws = raw_values(patch_of(SCHEMA, {}))
    assert list(raws) == [c.name for c in CONTROLS]
    assert all(math.isclose(raws[c.name], c.default, abs_tol=1e-6) for c in CONTROLS)


@pytest.mark.parametrize("control", CONTROLS, ids=lambda c: c.name)
def test_every_step_of_a_parameter_comes_back(control):
    steps = min(control.n_steps, 101)
    for k in range(steps):
        raw = k / (steps - 1)
        patch = patch_of(SCHEMA, {control.name: raw}, note=40)
        assert patch.note == 40 and patch.kind == "recipe"
        assert math.isclose(raw_values(patch)[control.name], raw, abs_tol=1e-6)


def test_values_beyond_a_parameter_are_refused_and_names_the_plugin_lacks_are_left_out():
    with pytest.raises(PresetError, match=r"plugin\.Cutoff"):
        patch_of(SCHEMA, {}).with_values({"plugin.Cutoff": 1.5})
    assert raw_values(patch_of(SCHEMA, {"Volume": 0.1})) == raw_values(patch_of(SCHEMA, {}))
