"""Macros, by sound: a patch with them is the patch without them, and each moves what it says."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from companion.hosts.vital import VitalHost
from presets.patch import Patch
from presets.schema import wavetable_synth
from presets.vital import patch_to_vital
from presets.vital_binding import control_ranges
from presets.vital_macros import TELLING, telling_parameters, vital_with_macros

BRIGHT = Patch(
    {"filter1.on": True, "filter1.type": "lp24", "filter1.cutoff": 900.0, "filter1.resonance": 30.0,
     "osc1.table": "pwm", "osc1.position": 30.0, "env1.sustain": 60.0, "distortion.on": True, "distortion.drive": 6.0}
)  # fmt: skip
OWN_MACRO = BRIGHT.with_values(
    {"mod1.source": "macro1", "mod1.destination": "filter1.cutoff", "mod1.amount": 20.0}
)


def played(text: str) -> NDArray[np.float32]:
    host = VitalHost()
    host.set_text(text)
    host.render(48, 0.01, 0.5)  # a synth glides for a moment from what it had before to what was loaded
    return host.render(48, 0.4, 0.6)


def spectrum_db(audio: NDArray[np.float32]) -> NDArray[np.float64]:
    blocks = audio.mean(axis=0)[: 12 * 2048].reshape(-1, 2048) * np.hanning(2048)
    return np.asarray(20 * np.log10(np.abs(np.fft.rfft(blocks)) + 0.1))


def apart_db(a: str, b: str) -> float:
    return float(np.abs(spectrum_db(played(a)) - spectrum_db(played(b))).mean())


@pytest.mark.parametrize("patch", [BRIGHT, OWN_MACRO], ids=["bright", "own macro"])
def test_macros_do_not_change_the_sound(patch: Patch) -> None:
    assert apart_db(patch_to_vital(patch), vital_with_macros(patch)) < 0.05


def test_each_macro_moves_the_sound() -> None:
    document = json.loads(vital_with_macros(BRIGHT))
    assert [document[f"macro{n}"] for n in (1, 2)] == ["CUTOFF", "WAVE"]
    before = json.dumps(document)
    for n in range(1, 5):
        moved = json.loads(before)
        value = moved["settings"][f"macro_control_{n}"]
        moved["settings"][f"macro_control_{n}"] = 1.0 if value < 0.5 else 0.0
        assert apart_db(before, json.dumps(moved)) > 0.3, document[f"macro{n}"]


def test_a_macro_in_use_is_left_alone() -> None:
    document = json.loads(vital_with_macros(OWN_MACRO))
    assert document["macro1"] == "MACRO 1" and document["macro2"] == "CUTOFF"
    assert document["settings"]["modulations"][0] == {
        "source": "macro_control_1",
        "destination": "filter_1_cutoff",
    }


def test_only_what_is_heard_gets_a_macro() -> None:
    names = [name for name, _ in telling_parameters(Patch())]
    assert names and all(Patch().matters(name) for name in names) and "filter1.cutoff" not in names


def test_every_row_of_the_table_is_a_parameter_with_a_range() -> None:
    from presets.vital_binding import destination_controls

    for name, title in TELLING:
        assert name in wavetable_synth() and title == title.upper()
        assert destination_controls()[name] in control_ranges()
