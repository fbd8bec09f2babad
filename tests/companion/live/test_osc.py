"""OSC on the wire, against python-osc."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.live.WhisperSynth.osc import OscError, decode, encode

pythonosc = pytest.importorskip("pythonosc", reason="python-osc comes with the [live] extra")

plain = (
    st.integers(-(2**63), 2**63 - 1)
    | st.floats(width=32, allow_nan=False)
    | st.booleans()
    | st.none()
    | st.binary(max_size=40).filter(bool)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
)


def as_read(value):
    from pythonosc.osc_message import OscMessage

    return OscMessage(encode("/a", [value])).params[0]


@settings(max_examples=50)
@given(st.lists(plain, max_size=12))
def test_what_is_written_is_read(values):
    assert decode(encode("/live/x", values)) == [("/live/x", tuple(values))]


@given(plain)
def test_python_osc_reads_it(value):
    assert as_read(value) == value


@settings(max_examples=50)
@given(st.lists(plain, max_size=8))
def test_what_python_osc_writes_is_read(values):
    from pythonosc.osc_message_builder import OscMessageBuilder

    builder = OscMessageBuilder("/live/x")
    for value in values:
        large = isinstance(value, int) and not isinstance(value, bool) and not -(2**31) <= value < 2**31
        builder.add_arg(value, "h" if large else None)
    ((address, read),) = decode(builder.build().dgram)
    assert address == "/live/x"
    assert read == tuple(values)


def test_bundles_of_python_osc():
    from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
    from pythonosc.osc_message_builder import OscMessageBuilder

    inner, outer = OscBundleBuilder(IMMEDIATELY), OscBundleBuilder(IMMEDIATELY)
    for number in (1, 2):
        message = OscMessageBuilder("/a")
        message.add_arg(number)
        inner.add_content(message.build())
    outer.add_content(inner.build())
    outer.add_content(OscMessageBuilder("/b").build())
    assert decode(outer.build().dgram) == [("/a", (1,)), ("/a", (2,)), ("/b", ())]


@given(st.binary(max_size=200))
def test_nothing_but_oscerror_for_anything(data):
    with contextlib.suppress(OscError):
        decode(data)


@settings(max_examples=50)
@given(st.data())
def test_damage_is_told(data):
    whole = bytearray(encode("/live/clip/get/name", [1, "Bass", 0.5, None, b"x"]))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    for damaged in (bytes(whole), bytes(whole[:cut])):
        with contextlib.suppress(OscError):
            decode(damaged)


def test_bundles_without_end_are_refused():
    data = encode("/a")
    for _ in range(20):
        data = b"#bundle\0" + bytes(8) + len(data).to_bytes(4, "big") + data
    with pytest.raises(OscError):
        decode(data)


def test_what_the_dialect_lacks():
    with pytest.raises(OscError):
        encode("/a", [object()])
