"""What was freed is given back to the system."""

import sys
from pathlib import Path

import numpy as np
import pytest

from companion import heaps


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096 / 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc keeps what is freed")
def test_what_is_freed_is_given_back() -> None:
    small = [np.ones(5_000) for _ in range(3_000)]  # 40 kB each: from the heap, 115 MB of it
    kept = small[-1]  # holds the top of the heap, so that nothing is given back by itself
    held = resident_mb()
    del small
    heaps.give_back()
    assert resident_mb() < held - 90 and kept.sum() == 5_000
