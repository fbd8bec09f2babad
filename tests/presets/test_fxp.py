"""The `.fxp` container and the two streams of Serum's chunk."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presets.errors import PresetError
from presets.fxp import HEAD, Fxp, decode_fxp, encode_fxp
from presets.serum1_chunk import MAX_EMBEDDED, pack, unpack
from tests.presets.serum_files import FXP, at_most, damage, zeros

REAL = FXP[0].read_bytes()


@pytest.mark.parametrize("path", FXP, ids=lambda path: path.stem)
def test_real_files_round_trip(path):
    data = path.read_bytes()
    fxp = decode_fxp(data)
    assert (fxp.plugin, fxp.plugin_version, fxp.n_programs, fxp.counts_whole_file) == (b"XfsX", 1, 1, True)
    assert fxp.program.rstrip(b"\0").decode() == path.stem[:28]
    assert encode_fxp(fxp) == data
    assert pack(*unpack(fxp.chunk)) == fxp.chunk


@given(
    st.builds(
        Fxp,
        chunk=st.binary(max_size=50),
        plugin=st.binary(min_size=4, max_size=4),
        program=st.binary(min_size=28, max_size=28),
        plugin_version=st.integers(0, 2**32 - 1),
        n_programs=st.integers(0, 2**32 - 1),
        counts_whole_file=st.booleans(),
    )
)
def test_any_container_round_trips(fxp):
    assert decode_fxp(encode_fxp(fxp)) == fxp


def test_a_short_program_name_is_padded():
    assert decode_fxp(encode_fxp(Fxp(b"x", b"XfsX", b"Name"))).program == b"Name".ljust(28, b"\0")


@pytest.mark.parametrize("fxp", [Fxp(b"", b"Xfs"[:3] + b"XX"), Fxp(b"", b"XfsX", b"n" * 29)])
def test_what_does_not_fit_is_refused(fxp):
    with pytest.raises(PresetError, match="too long"):
        encode_fxp(fxp)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "does not begin"),
        (REAL[:59], "does not begin"),
        (REAL[:-1], "claims"),
        (REAL + b"\0", "claims"),
        (b"RIFF" + REAL[4:], "does not begin"),
        (REAL[:8] + b"FxCk" + REAL[12:], "another kind"),
        (REAL[:4] + b"\x7f\xff\xff\xff" + REAL[8:], "claims a file of 2147483647 bytes"),
        (REAL[:56] + b"\x7f\xff\xff\xff" + REAL[60:], "claims 2147483647 bytes"),
    ],
)
def test_lengths_that_lie(data, message):
    with pytest.raises(PresetError, match=message):
        decode_fxp(data)


@given(damage(REAL))
def test_damage_gives_one_error_or_a_container(data):
    try:
        fxp = decode_fxp(data)
    except PresetError:
        return
    assert encode_fxp(fxp) == data


@given(damage(REAL[HEAD.size :]))
def test_damaged_chunks_give_one_error_or_streams(chunk):
    try:
        streams = unpack(chunk)
    except PresetError:
        return
    assert pack(*streams) == chunk


def chunk_of(state, embedded):
    return state + embedded + struct.pack("<I", len(state))


def test_foreign_compression_is_kept_until_its_part_changes():
    state, embedded = (zlib.compress(bytes(1000), level) for level in (9, 6))
    first, second = unpack(chunk_of(state, embedded))
    assert pack(first.holding(bytes(1000)), second.holding(b"new")).startswith(state)
    assert second.holding(b"new").packed == zlib.compress(b"new", 1)


def test_a_bomb_in_the_state_stops_early():
    chunk = chunk_of(zeros(20), zlib.compress(b""))
    with at_most(8), pytest.raises(PresetError, match="unpacks to more"):
        unpack(chunk)


def test_a_bomb_in_the_embedded_data_stops_at_the_limit():
    chunk = chunk_of(zlib.compress(b"state"), zeros(80))
    with at_most(3 * MAX_EMBEDDED / 2**20), pytest.raises(PresetError, match="unpacks to more"):
        unpack(chunk)


@pytest.mark.parametrize("n_state", [0, 2**31, 5])
def test_a_wrong_last_word(n_state):
    chunk = zlib.compress(b"state") + zlib.compress(b"") + struct.pack("<I", n_state)
    with pytest.raises(PresetError):
        unpack(chunk)
