"""Laws are opposites, and say what they say at points one can work out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presets.laws import LAWS, hz_to_midi, midi_to_hz

KNOWN = [  # law, its settings, value, native
    ("linear", {"scale": 0.01}, 50.0, 0.5),
    ("switch", {}, 1.0, 1.0),
    ("quartic", {}, 0.0625, 0.5),
    ("sqrt", {}, 25.0, 5.0),
    ("sqrt", {"scale": 0.01}, 25.0, 0.5),
    ("db_quarter", {}, 0.0, 1.0),
    ("db_quarter", {}, -40.0, 0.1),
    ("volume_db", {}, -6.0, 74.0**2),
    ("midi_hz", {}, 440.0, 69.0),
    ("log2", {}, 8.0, 3.0),
    ("log2", {"scale": 0.001, "floor": -10.0}, 0.0, -10.0),
    ("log2_period", {}, 0.125, 3.0),
]


@pytest.mark.parametrize(("law", "row", "value", "native"), KNOWN)
def test_known_points(law, row, value, native):
    assert LAWS[law].encode(value, row) == pytest.approx(native)
    assert LAWS[law].decode(native, row) == pytest.approx(value)


@pytest.mark.parametrize("law", [law for law in LAWS if law != "switch"])
@given(value=st.floats(0.001, 79.0))
def test_there_and_back(law, value):
    row = {"scale": 0.01}
    assert LAWS[law].decode(LAWS[law].encode(value, row), row) == pytest.approx(value, rel=1e-9)


@given(st.floats(8.0, 20_000.0))
def test_notes_and_hertz(hz):
    assert midi_to_hz(hz_to_midi(hz)) == pytest.approx(hz)
    assert hz_to_midi(2 * hz) - hz_to_midi(hz) == pytest.approx(12)
