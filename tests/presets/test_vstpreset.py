"""The `.vstpreset` container, against what a real plugin writes."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presets.errors import PresetError
from presets.vstpreset import VstPreset, decode_vstpreset, encode_vstpreset, read_vstpreset, write_vstpreset
from tests.presets.serum_files import at_most, damage

CLASS_ID = "0123456789ABCDEF0123456789abcdef"
REAL = (Path(__file__).parents[1] / "data" / "vst" / "nekobi.vstpreset").read_bytes()
MADE = VstPreset(CLASS_ID, (("Comp", b"component"), ("Cont", b"")))

presets = st.builds(
    VstPreset,
    class_id=st.text("0123456789ABCDEFabcdef", min_size=32, max_size=32),
    chunks=st.dictionaries(
        st.text(st.characters(max_codepoint=255), min_size=4, max_size=4), st.binary(max_size=40), max_size=6
    ).map(lambda chunks: tuple(chunks.items())),
)


def test_what_a_plugin_wrote_comes_back_byte_for_byte():
    preset = decode_vstpreset(REAL)
    assert preset.component is not None
    assert b"cutoff\x0090\x00" in preset.component  # the knob stood at 90 %
    assert preset.controller is not None
    assert encode_vstpreset(preset) == REAL


@given(presets)
def test_any_preset_round_trips(preset):
    assert decode_vstpreset(encode_vstpreset(preset)) == preset


def test_a_chunk_replaced_or_added():
    preset = MADE.with_chunk("Comp", b"new").with_chunk("Info", b"<xml/>")
    assert preset.chunks == (("Comp", b"new"), ("Cont", b""), ("Info", b"<xml/>"))
    assert (preset.component, preset.controller, preset.chunk("Prog")) == (b"new", b"", None)


def test_files(tmp_path):
    path = tmp_path / "a.vstpreset"
    write_vstpreset(path, MADE)
    assert read_vstpreset(path) == MADE
    path.write_bytes(b"VST3")
    with pytest.raises(PresetError, match=r"a\.vstpreset cannot be read"):
        read_vstpreset(path)


@pytest.mark.parametrize(
    "preset",
    [
        VstPreset("short", ()),
        VstPreset("G" * 32, ()),
        VstPreset(CLASS_ID, (("Comp2", b""),)),
        VstPreset(CLASS_ID, tuple((f"{k:4d}", b"") for k in range(129))),
    ],
)
def test_what_the_container_cannot_hold_is_refused(preset):
    with pytest.raises(PresetError):
        encode_vstpreset(preset)


def made(list_at=57, magic=b"List", count=1, name=b"Comp", at=48, size=9):
    head = struct.pack("<4si32sq", b"VST3", 1, CLASS_ID.encode(), list_at)
    return head + b"component" + struct.pack("<4si", magic, count) + struct.pack("<4sqq", name, at, size)


def test_the_made_file_is_sound():
    assert decode_vstpreset(made()).component == b"component"


@pytest.mark.parametrize(
    "lie",
    [
        {"list_at": 2**62},
        {"list_at": -1},
        {"list_at": 47},
        {"magic": b"Lost"},
        {"count": 2},
        {"count": 2**31 - 1},
        {"count": -1},
        {"size": 2**31},
        {"size": 2**63 - 1},
        {"size": -1},
        {"at": 2**62},
        {"at": 0},
        {"at": 49},
    ],
)
def test_lengths_that_lie(lie):
    with at_most(4), pytest.raises(PresetError):
        decode_vstpreset(made(**lie))


def test_chunks_that_share_their_bytes_are_refused():
    """A small file must not be read as 128 times its size."""
    data = made(count=2) + struct.pack("<4sqq", b"Cont", 48, 9)
    with pytest.raises(PresetError, match="claims"):
        decode_vstpreset(data)


@given(damage(REAL))
def test_damage_gives_one_error_or_a_preset(data):
    try:
        preset = decode_vstpreset(data)
    except PresetError:
        return
    assert decode_vstpreset(encode_vstpreset(preset)) == preset
