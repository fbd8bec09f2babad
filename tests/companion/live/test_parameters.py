"""A saved patch as the parameters a synth shows: against the engine's own normalized values, and a Serum's names."""

import json
from importlib import resources
from pathlib import Path

import pytest
import vita

from companion.live.parameters import shown_parameters
from presets.patch import Patch
from presets.serum1_layout import parameters as serum_layout
from presets.txt import patch_to_text
from presets.vital_binding import control_ranges
from presets.vital_check import check, parse

DATA = Path(__file__).parents[2] / "data" / "vital"
NAMES = json.loads(resources.files("presets").joinpath("bindings", "vital_display.json").read_text("utf-8"))


@pytest.mark.parametrize("name", ["Desolate", "Thaisync"])
def test_every_value_is_what_the_engine_makes_of_it(name):
    path = DATA / f"{name}.vital"
    text = path.read_text("utf-8")
    check(parse(text))
    synth = vita.Synth()
    assert synth.load_json(text)
    controls, told = synth.get_controls(), shown_parameters({"vital": str(path)})["Vital"]
    settings = json.loads(text)["settings"]
    compared = [control for control in NAMES if control in settings and control in controls]
    assert len(compared) > 700
    for control in (
        compared
    ):  # Vital's plugin is linear over the range (mtytel/vital, value_bridge.h); vita's "normalized" is not
        low, high = control_ranges()[control]
        value = low + told[NAMES[control]] * (high - low)
        assert value == pytest.approx(controls[control].value(), abs=2e-6 * (high - low)), control


def test_a_serum_is_told_by_its_names(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(patch_to_text(Patch({"filter1.on": True, "filter1.cutoff": 900.0}, note=48), {}))
    told = shown_parameters({"txt": path})
    assert list(told) == ["Serum"]
    assert set(told["Serum"]) <= {row.name for row in serum_layout()}
    assert all(0 <= raw <= 1 for raw in told["Serum"].values())
    assert len(told["Serum"]) > 100


@pytest.mark.parametrize("text", ["", "{", "[]", '{"settings": 3}', '{"settings": {"volume": "loud"}}'])
def test_what_cannot_be_read_is_left_out(tmp_path, text):
    for kind in ("vital", "txt"):
        (tmp_path / f"a.{kind}").write_text(text)
    files = {kind: str(tmp_path / f"a.{kind}") for kind in ("vital", "txt")}
    assert shown_parameters(files) == {}
    assert shown_parameters({"vital": str(tmp_path / "none.vital"), "wav": "/x.wav"}) == {}
