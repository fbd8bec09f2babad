"""The frames that a compact preset holds, against what the engine plays of the whole table."""

import numpy as np
import pytest

from presets.patch import Patch
from presets.schema import OWN
from presets.tables import table_frames
from presets.vital import patch_to_vital
from presets.vital_binding import FULL_SPAN
from presets.vital_frames import N_MOVED, between, heard_frames, spread


def off_db(a, b):
    return 10 * np.log10(np.square(a - b).sum() / np.square(a).sum() + 1e-20)


@pytest.mark.parametrize("table", ["basic_shapes", "pwm", "hard_sync", "formant_sweep"])
@pytest.mark.parametrize("position", [0.0, 37.0, 71.3, 100.0])
def test_at_rest_one_frame_is_all_that_is_heard(table, position, play):
    patch = Patch({"osc1.table": table, "osc1.position": position, "osc1.phase_random": 0.0})
    full, compact = (play(patch_to_vital(patch, compact=c), 48, 0.4, 0.6) for c in (False, True))
    assert heard_frames(patch, "osc1", table_frames(table)).shape == (1, 2048)
    assert off_db(full, compact) < -60


def test_a_table_that_something_moves_through_has_as_many_frames_as_are_told_apart(play):
    values = {
        "osc1.table": "formant_sweep",
        "osc1.phase_random": 0.0,
        "mod1.source": "env2",
        "mod1.amount": 60.0,
    }
    patch = Patch({**values, "mod1.destination": "osc1.position"})
    assert patch.is_moved("osc1.position") and not patch.is_moved("osc2.position")
    full, compact = (play(patch_to_vital(patch, compact=c), 48, 0.4, 0.6) for c in (False, True))
    assert off_db(full, compact) < -20  # the 17 frames of the table as they are: -13


def test_own_frames_are_kept_or_filled_in():
    moved = {"osc1.table": OWN, "mod1.source": "lfo1", "mod1.destination": "osc1.position"}
    frames = table_frames("pwm")
    few = heard_frames(Patch(moved, assets={"osc1.table": frames}), "osc1", frames)
    assert np.array_equal(few, spread(frames)) and len(few) == N_MOVED
    many = np.repeat(frames, 3, axis=0)
    assert heard_frames(Patch(moved, assets={"osc1.table": many}), "osc1", many) is many


def test_a_keyframe_is_played_as_it_is():
    frames = table_frames("brass")
    for n, frame in enumerate(frames):
        assert np.array_equal(between(frames, n * FULL_SPAN // (len(frames) - 1)), frame)
