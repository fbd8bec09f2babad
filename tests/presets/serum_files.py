"""The Serum presets at hand, and ways to damage them."""

import os
import struct
import tracemalloc
import zlib
from contextlib import contextmanager
from pathlib import Path

from hypothesis import strategies as st

DATA = Path(__file__).parents[1] / "data" / "serum"
FXP = sorted(DATA.glob("*.fxp"))
SERUM2 = sorted(DATA.glob("*.SerumPreset"))
VARIABLE = "WHISPERSYNTH_SERUM_PRESETS"  # a folder of more presets to round-trip
MORE = Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None


def more(pattern):
    return sorted(MORE.rglob(pattern)) if MORE else []


def damage(data):
    """Strategy of `data` with a few bytes changed, or cut off, or both."""
    size = len(data)
    places = st.one_of(st.integers(0, size - 1), st.integers(0, min(size, 80) - 1))

    def apply(edits, end):
        damaged = bytearray(data)
        for at, value in edits:
            damaged[at : at + len(value)] = value
        return bytes(damaged[:end])

    values = st.one_of(
        st.binary(min_size=1, max_size=8),
        st.sampled_from([struct.pack("<f", float("nan")), b"\xff\xff\xff\x7f", b"\xff" * 8, b"\0" * 4]),
    )
    ends = st.one_of(st.just(size), st.integers(0, size))
    return st.builds(apply, st.lists(st.tuples(places, values), min_size=1, max_size=4), ends)


def zeros(n_mib, level=1):
    """A zlib stream of that many MiB of zeros."""
    packer = zlib.compressobj(level)
    block = bytes(2**20)
    return b"".join(packer.compress(block) for _ in range(n_mib)) + packer.flush()


@contextmanager
def at_most(n_mib):
    """Fails when what runs inside takes more memory."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < n_mib * 2**20, f"{peak / 2**20:.0f} MiB"
