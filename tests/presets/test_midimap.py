"""Serum 2's MIDI maps, written and read."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from presets import cbor
from presets.errors import PresetError
from presets.midimap import decode_midi_map, encode_midi_map, read_midi_map
from presets.xferjson import decode
from tests.presets.serum_files import SERUM2, damage

MACROS = {14 + n: (7_000_000 + 1000 * n,) for n in range(8)}
WHOLE = encode_midi_map(MACROS)
parameters = st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=4).map(tuple)


@given(st.dictionaries(st.integers(0, 127), parameters))
def test_what_is_written_is_read(mapping):
    assert decode_midi_map(encode_midi_map(mapping)) == mapping


def test_it_says_what_it_is_where_serum_looks():
    file = decode(WHOLE)
    assert file.head["fileType"] == file.tree["fileType"] == "SerumMIDIMap"
    assert (file.head["product"], file.tree["product"]) == ("Serum2", "2")
    assert file.tree["midiMap"][0] == {"ccNum": 14, "paramIDs": [7_000_000]}
    assert list(file.tree) == sorted(file.tree)


@given(damage(WHOLE))
@example(b"")
def test_damage_is_one_error(data):
    try:
        decode_midi_map(data)
    except PresetError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({128: (1,)}, "0 to 127"),
        ({-1: (1,)}, "0 to 127"),
        ({1: (-4,)}, "CC 1"),
        ({1: (2**31,)}, "CC 1"),
        ({1: (0.5,)}, "CC 1"),
    ],
)
def test_numbers_out_of_range_are_not_written(mapping, said):
    with pytest.raises(PresetError, match=said):
        encode_midi_map(mapping)


def _with_entries(entries):
    file = decode(WHOLE)
    file.tree["midiMap"] = entries
    from presets.xferjson import encode

    return encode(file)


@pytest.mark.parametrize(
    "entries", [{}, [3], [{"ccNum": 1}], [{"ccNum": 1, "paramIDs": 5}], [{"ccNum": "1", "paramIDs": []}]]
)
def test_a_list_of_something_else_is_refused(entries):
    assert cbor.decode(cbor.encode(entries)) == entries  # CBOR itself holds it
    with pytest.raises(PresetError):
        decode_midi_map(_with_entries(entries))


def test_a_preset_is_no_map(tmp_path):
    with pytest.raises(PresetError, match="SerumPreset"):
        read_midi_map(SERUM2[0])
    with pytest.raises(PresetError, match="no file"):
        read_midi_map(tmp_path / "gone.SerumMIDIMap")
