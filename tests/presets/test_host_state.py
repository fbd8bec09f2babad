import struct
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presets.errors import PresetError
from presets.fxp import decode_fxp
from presets.host_state import COMPONENT, CONTROLLER, decode_host_state, encode_host_state
from presets.serum1 import Serum1
from presets.serum1_in_state import find_serum1

FXPS = sorted((Path(__file__).parent.parent / "data" / "serum").glob("*.fxp"))
parts = st.dictionaries(st.sampled_from([COMPONENT, CONTROLLER]), st.binary(max_size=200))


@given(parts)
def test_a_state_comes_back(state):
    assert decode_host_state(encode_host_state(state)) == state


def test_a_plugins_own_state_is_read_and_written_byte_for_byte(nekobi):
    from companion.hosts.plugin import PluginHost

    with PluginHost(nekobi) as host:
        state = host.state()
        parts = decode_host_state(state)
        assert b"cutoff" in parts[COMPONENT]
        assert encode_host_state(parts) == state
        host.set_values({"Cutoff": 0.9})
        host.set_state(encode_host_state(parts))
        assert host.values()["Cutoff"] == pytest.approx(0.25, abs=1e-3)


@given(st.binary(max_size=300))
def test_what_is_no_state_gives_one_error(data):
    with pytest.raises(PresetError):
        decode_host_state(data)


@given(st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_a_damaged_state_gives_one_error_or_a_state(at, junk):
    good = encode_host_state({COMPONENT: bytes(range(256))})
    at %= len(good)
    with suppress(PresetError):
        decode_host_state(good[:at] + junk + good[at + len(junk) :])


def wrapped(chunk: bytes) -> dict[str, tuple[bytes, list[int]]]:
    """Ways in which a plugin may hold a chunk: the state, and where in it the chunk's length is counted."""
    fxp = struct.pack(
        ">4sI4sI4sII28sI", b"CcnK", len(chunk) + 60, b"FPCh", 1, b"XfsX", 1, 1, b"x", len(chunk)
    )
    counted = struct.pack("<I", len(chunk)) + chunk
    return {
        "bare": (chunk, []),
        "counted": (b"head" + counted + b"tail", [4]),
        "fxp": (fxp + chunk, [4, 56]),
        "vst2 wrapper": (b"VstW" + struct.pack(">III", 8, 1, 0) + fxp + chunk + b"\0" * 8, [20, 72]),
    }


@pytest.mark.parametrize("path", FXPS, ids=lambda p: p.stem)
def test_the_chunk_is_found_however_it_is_wrapped_and_edited_in_place(path):
    chunk = decode_fxp(path.read_bytes()).chunk
    edited = Serum1(chunk)
    edited.name = "A name that makes it longer"
    edited.state.set_raw("A Vol", 0.123)
    new = edited.chunk()
    for how, (state, counts) in wrapped(chunk).items():
        found = find_serum1(state)
        assert found is not None and found.chunk == chunk, how
        assert found.with_chunk(chunk) == state
        after = found.with_chunk(new)
        again = find_serum1(after)
        assert again is not None and again.chunk == new, how
        for at in counts:
            before, now = (min(struct.unpack_from(o, s, at)[0] for o in ("<I", ">I")) for s in (state, after))
            assert now - before == len(new) - len(chunk), (how, at)


@given(st.binary(max_size=200), st.integers(0, 3))
def test_what_holds_no_chunk_is_not_taken_for_one(junk, kind):
    streams = (zlib.compress(junk, 1), zlib.compress(b"", 1))
    states = (junk, streams[0], b"".join(streams), b"".join(streams) + struct.pack("<I", len(streams[0])))
    assert find_serum1(states[kind]) is None
