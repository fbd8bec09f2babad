"""Baked morphs against the engine's own."""

import numpy as np
import pytest

from presets.patch import Patch
from presets.schema import OWN
from presets.vital import sub_frames
from presets.vital_morphs import BAKED, baked


@pytest.mark.parametrize("amount", [13.0, 25.0, 50.0, 62.0])
@pytest.mark.parametrize("morph", BAKED)
def test_a_baked_frame_sounds_as_the_engine_does(morph, amount, play):
    saw = sub_frames("saw")
    patch = Patch(
        {"osc1.table": OWN, "osc1.morph": morph, "osc1.morph_amount": amount}, assets={"osc1.table": saw}
    )
    plain = patch.with_values({"osc1.morph": "none"}, assets={"osc1.table": baked(saw, morph, amount / 100)})
    a, b = (np.abs(np.fft.rfft(play(p, 33, 1.0, 1.0).mean(axis=0))) for p in (patch, plain))
    assert np.abs(a - b).sum() / a.sum() < 0.05
