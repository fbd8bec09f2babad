"""Serum 2 presets, their container and their CBOR."""

import hashlib
import json
import struct
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presets import cbor, xferjson
from presets.errors import PresetError
from presets.serum2 import Curve2, Serum2, Slot2, decode_serum2, read_serum2, write_serum2
from presets.tables import FRAME_SIZE
from tests.presets.serum_files import MORE, SERUM2, VARIABLE, at_most, damage, more

cbor2 = pytest.importorskip("cbor2", reason="the extra [serum] is not installed")
zstandard = pytest.importorskip("zstandard", reason="the extra [serum] is not installed")

BYTES = {path.stem: path.read_bytes() for path in SERUM2}
each_file = pytest.mark.parametrize("name", sorted(BYTES))


def opened(name="MallGrabSaws"):
    return decode_serum2(BYTES[name])


def parts(data):
    """JSON, CBOR and zstd frame, read independently of the codec."""
    (n_head,) = struct.unpack_from("<Q", data, 9)
    frame = data[25 + n_head :]
    return data[17 : 17 + n_head], zstandard.ZstdDecompressor().decompress(frame), frame


def wrapped(content, n_content=None, head=b'{"fileType":"SerumPreset"}', encoding=2, packed=None):
    """A file of that CBOR, lies included."""
    frame = zstandard.ZstdCompressor().compress(content) if packed is None else packed
    sizes = struct.pack("<II", len(content) if n_content is None else n_content, encoding)
    return xferjson.MAGIC + struct.pack("<Q", len(head)) + head + sizes + frame


# -- round trips ----------------------------------------------------------------------------------------------------


@each_file
def test_untouched_files_come_back_byte_for_byte(name, tmp_path):
    path = tmp_path / "a.SerumPreset"
    path.write_bytes(BYTES[name])
    write_serum2(path, read_serum2(path))
    assert path.read_bytes() == BYTES[name]


@pytest.mark.skipif(MORE is None, reason=f"{VARIABLE} names no folder of presets")
def test_every_file_of_a_folder_comes_back_byte_for_byte():
    for path in more("*.SerumPreset"):
        assert read_serum2(path).encode() == path.read_bytes(), path


@each_file
def test_the_cbor_is_serums_own(name):
    head, content, _ = parts(BYTES[name])
    preset = opened(name)
    assert preset.tree == cbor2.loads(content)
    assert preset.head == json.loads(head)
    assert cbor.encode(preset.tree) == content


@each_file
def test_setting_what_is_set_changes_nothing(name):
    preset = opened(name)
    for number in range(1, 65):
        preset.set_slot(number, preset.slot(number))
    for number in range(1, 11):
        preset.set_curve(number, preset.curve(number))
    for oscillator in "abc":
        if (frames := preset.table(oscillator)) is not None:
            preset.set_table(oscillator, frames)
    for text in ("presetName", "presetAuthor", "presetDescription"):
        preset.set_text(text, preset.text(text))
    for rack in range(3):
        for place, (_, values) in enumerate(preset.effects(rack)):
            for key, value in values.items():
                preset.set_effect(rack, place, key, value)
    assert preset.encode() == BYTES[name]


@each_file
def test_an_edit_changes_only_its_keys(name):
    preset = opened(name)
    preset.set_parameter("VoiceFilter0", "kParamFreq", 0.25)
    data = preset.encode()
    head, content, frame = parts(data)
    before, after = cbor2.loads(parts(BYTES[name])[1]), cbor2.loads(content)
    assert after["VoiceFilter0"]["plainParams"].pop("kParamFreq") == 0.25
    after["VoiceFilter0"]["plainParams"] = after["VoiceFilter0"]["plainParams"] or "default"
    old = before["VoiceFilter0"]["plainParams"]
    before["VoiceFilter0"]["plainParams"] = (
        {k: v for k, v in old.items() if k != "kParamFreq"} or "default" if old != "default" else old
    )
    assert after == before
    assert json.loads(head)["hash"] == hashlib.md5(frame).hexdigest()
    assert {k: v for k, v in json.loads(head).items() if k != "hash"} == {
        k: v for k, v in json.loads(parts(BYTES[name])[0]).items() if k != "hash"
    }
    assert decode_serum2(data).parameters("VoiceFilter0")["kParamFreq"] == 0.25


def test_a_name_stands_in_head_and_tree():
    preset = opened()
    preset.set_text("presetName", "Ünïted")
    head, content, _ = parts(preset.encode())
    assert json.loads(head)["presetName"] == cbor2.loads(content)["presetName"] == "Ünïted"


def test_only_the_head_changed_keeps_the_frame():
    preset = opened()
    preset.head["tags"] = ["Other"]
    assert parts(preset.encode())[2] == parts(BYTES["MallGrabSaws"])[2]


# -- modules --------------------------------------------------------------------------------------------------------


def test_a_default_is_an_absent_key():
    preset = opened()
    before = preset.parameters("Env1")
    preset.set_parameter("Env1", "kParamAttack", 0.5)
    preset.set_parameter("Env1", "kParamAttack", None)
    assert preset.parameters("Env1") == {k: v for k, v in before.items() if k != "kParamAttack"}
    preset.set_parameter("Macro7", "kParamValue", 10.0)
    preset.set_parameter("Macro7", "kParamValue", None)
    assert preset.tree["Macro7"]["plainParams"] == "default"


def test_slots():
    preset = opened()
    assert preset.slot(1).source == 17
    assert (preset.slot(1).module, preset.slot(1).parameter, preset.slot(1).parameter_id) == (
        "VoiceFilter",
        "kParamFreq",
        3,
    )
    assert dict(preset.slot(1).values)["kParamBipolar"] == 1.0
    assert len(preset.slots()) == 7
    slot = Slot2(3, 16, "VoiceFilter", 1, "kParamReso", 4, (("kParamAmount", -20.0),))
    preset.set_slot(64, slot)
    preset.set_slot(1, Slot2())
    again = decode_serum2(preset.encode())
    assert again.slot(64) == slot
    assert again.tree["ModSlot0"] == {"plainParams": "default"}


def test_curves():
    preset = opened("ImpactWobblerSub")
    assert preset.curve(1).x == (0.0, 0.5, 1.0)
    assert preset.curve(2) is None
    curve = Curve2((0.0, 0.25, 0.25, 1.0), (1.0, 0.0, 0.5, 1.0), (0.5,) * 4)
    preset.set_curve(10, curve)
    preset.set_curve(1, None)
    again = decode_serum2(preset.encode())
    assert (again.curve(10), again.curve(1)) == (curve, None)
    assert again.tree["LFO9"]["curveData"]["numPoints"] == 3


@pytest.mark.parametrize(
    "curve",
    [
        Curve2((0.0,), (0.0,), (0.5,)),
        Curve2((0.0, 1.0), (0.0,), (0.5, 0.5)),
        Curve2((1.0, 0.0), (0.0, 0.0), (0.5, 0.5)),
        Curve2((0.0, float("nan")), (0.0, 0.0), (0.5, 0.5)),
    ],
)
def test_curves_that_are_none_are_refused(curve):
    with pytest.raises(PresetError):
        opened().set_curve(1, curve)


def test_tables():
    preset = opened("ImpactWobblerSub")
    assert preset.table("a") is None
    assert preset.table_path("a") == "S2 Tables/Default Shapes.wav"
    frames = np.linspace(-1, 1, 3 * FRAME_SIZE, dtype=np.float32).reshape(3, FRAME_SIZE)
    preset.set_table("a", frames)
    again = decode_serum2(preset.encode())
    assert np.array_equal(again.table("a"), frames)
    assert again.table_path("a") == ""
    again.name_table("a", "S2 Tables/Default Shapes.wav", 9)
    assert again.tree == opened("ImpactWobblerSub").tree


def test_real_embedded_tables_are_waves():
    frames = opened("MallGrabLead").table("a")
    assert frames.shape == (9, FRAME_SIZE)
    assert np.abs(frames).max() == pytest.approx(1.0, abs=0.01)


def test_effects():
    preset = opened("SnapArp")
    assert [name for name, _ in preset.effects()] == ["FXEQ", "FXDelay"]
    preset.set_effect(0, 1, "kParamWet", 50.0)
    assert dict(decode_serum2(preset.encode()).effects())["FXDelay"]["kParamWet"] == 50.0
    with pytest.raises(PresetError, match="2 effects"):
        preset.set_effect(0, 2, "kParamWet", 50.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda preset: preset.slot(65),
        lambda preset: preset.curve(0),
        lambda preset: preset.table("d"),
        lambda preset: preset.module("Oscillator9"),
        lambda preset: preset.text("url"),
        lambda preset: preset.set_parameter("Env0", "kParamAttack", float("nan")),
        lambda preset: preset.set_table("a", np.zeros((257, FRAME_SIZE), np.float32)),
    ],
)
def test_what_is_not_there_is_refused(call):
    with pytest.raises(PresetError):
        call(opened())


@pytest.mark.parametrize("package", ["cbor2", "zstandard"])
def test_a_missing_package_is_told(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(PresetError, match=r"pip install 'whispersynth\[serum\]'"):
        decode_serum2(BYTES["SnapArp"])


# -- CBOR -----------------------------------------------------------------------------------------------------------

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**64), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=30),
    st.binary(max_size=30),
)
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(trees)
def test_any_tree_round_trips_and_cbor2_agrees(tree):
    data = cbor.encode(tree)
    assert cbor2.loads(data) == tree
    assert cbor.decode(data) == tree


@settings(max_examples=10)
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=64, max_size=66))
def test_long_arrays_are_encoded_as_short_ones(values):
    whole, each = cbor.encode(values), b"".join(map(cbor.encode, values))
    assert whole[2:] == each
    assert cbor.encode([*values, 0.1])[2:] == each + cbor.encode(0.1)  # 0.1 needs float64
    assert cbor.decode(whole) == values


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), {1: 2}, object(), 2**64, [0.0] * 70 + [float("nan")]]
)
def test_what_serum_never_writes_is_refused(value):
    with pytest.raises(PresetError):
        cbor.encode(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x81",  # an array of one and nothing
        b"\x9a\x7f\xff\xff\xff",  # an array of 2 G
        b"\xbb" + b"\xff" * 8,  # a map of 18 E
        b"\x7a\x7f\xff\xff\xff",  # a text of 2 GB
        b"\x9f\x01\xff",  # an array of no told length
        b"\xc2\x41\x01",  # a big number
        b"\xd8\x1c\x80",  # something to be shared
        b"\xd8\x23\x61(",  # a regular expression
        b"\x81" * 40 + b"\x00",  # too deep
        b"\xf8\x20",  # a simple value without a meaning
        b"\x00\x00",  # one item too many
        b"\x61\xff",  # a text that is none
        b"\xfa\x00",  # half a float
    ],
)
def test_damaged_cbor(data):
    with at_most(4), pytest.raises(PresetError, match="damaged"):
        cbor.decode(data)


def test_many_items_are_refused_before_they_are_made(monkeypatch):
    monkeypatch.setattr(cbor2, "loads", lambda data: pytest.fail("half a gigabyte of empty lists"))
    data = cbor._number(4, 8_000_000) + b"\x80" * 8_000_000
    began = time.process_time()
    with pytest.raises(PresetError, match="more than"):
        cbor.decode(data)
    assert time.process_time() - began < 5


# -- hostile files --------------------------------------------------------------------------------------------------


def test_a_frame_that_lies_about_its_size():
    bomb = zstandard.ZstdCompressor().compress(bytes(80 * 2**20))
    small = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(80 * 2**20))
    for packed in (bomb, small):
        for claim in (1, 2**20, 2**31, 2**32 - 1, 0):
            with at_most(40), pytest.raises(PresetError):
                decode_serum2(wrapped(b"", claim, packed=packed))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"XferJson\0",
        b"XferJson\0" + b"\xff" * 8,
        b"XferJson\0" + struct.pack("<Q", 2**31) + b"{}",
        wrapped(b"\xa0", encoding=1),
        wrapped(b"\xa0", head=b"[]"),
        wrapped(b"\xa0", head=b"{"),
        wrapped(b"\xa0", head=b"[" * 100_000),
        wrapped(b"\xa0", head=b'{"version":NaN}'),
        wrapped(b"\xa0", head=b'{"version":1e999}'),
        wrapped(b"\xa0", head=b'{"version":' + b"9" * 5000 + b"}"),
        wrapped(b"\xa0", head=b'{"fileType":"SerumMIDIMap"}'),
        wrapped(b"\xa0", packed=b"no frame"),
        wrapped(b"\xa0", packed=b""),
        wrapped(b"\x80"),
        wrapped(b"\xa1\x01\x02"),
        wrapped(b"\xa1\x61a\xfa\x7f\xc0\x00\x00"),  # NaN
        wrapped(b"\xa0") + b"more",
    ],
)
def test_hostile_files(data):
    with at_most(16), pytest.raises(PresetError):
        decode_serum2(data)


def read_everything(preset):
    readers = [preset.slots, *(lambda n=n: preset.curve(n) for n in range(1, 11))]
    readers += [lambda o=o: preset.table(o) for o in "abc"]
    readers += [lambda k=k: preset.effects(k) for k in range(3)]
    readers += [lambda k=key: preset.parameters(k) for key in list(preset.tree)]
    readers += [lambda: preset.text("presetName")]
    for reader in readers:
        try:
            reader()
        except PresetError:
            continue


@given(damage(BYTES["ImpactWobblerSub"]))
def test_damaged_files_give_one_error_or_a_preset(data):
    try:
        preset = decode_serum2(data)
    except PresetError:
        return
    assert preset.encode() == data


@settings(max_examples=60)
@given(damage(parts(BYTES["ImpactWobblerSub"])[1]))
def test_damaged_cbor_gives_one_error_or_a_preset(content):
    try:
        preset = decode_serum2(wrapped(content))
    except PresetError:
        return
    read_everything(preset)
    assert isinstance(preset, Serum2)
    assert preset.encode() == wrapped(content)
