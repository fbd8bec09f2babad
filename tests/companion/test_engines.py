"""Engines that begin anew give the same sound, whatever threads they run on."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from companion.engines import Engines
from presets.patch import Patch

ROOT = Path(__file__).parents[2]
ANSWERS = """
import hashlib
from companion.engines import Engines
from presets.patch import Patch
engines = Engines({n})
patch = Patch({{"mod1.source": "random", "mod1.destination": "osc1.pitch", "mod1.amount": 50, "mod1.bipolar": True}})
heard = engines.map(lambda patch: engines.render(patch, 48, 0.1, 0.2), [patch] * 6, fresh=True)
print(*(hashlib.sha256(audio.tobytes()).hexdigest() for audio in heard))
"""

MATCHES = """
# The peak since exec: getrusage would count what the tests themselves took before it.
from pathlib import Path
from companion.engines import Engines
from companion.match import Matcher, MatchOptions
matcher = Matcher(engines=Engines(2))
for _ in range(4):
    list(matcher.match(Path("examples/lead.flac"), MatchOptions(seconds=2)))
print(*(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def render(engines):
    return lambda patch: engines.render(patch, 48, 0.1, 0.2)


@pytest.fixture
def engines():
    engines = Engines(2)
    yield engines
    engines.close()


def test_a_fresh_engine_remembers_nothing(engines):
    echo = Patch({"delay.on": True, "delay.feedback": 90, "delay.mix": 60})
    wanted, *_ = engines.map(render(engines), [Patch()], fresh=True)
    list(engines.map(render(engines), [echo] * 4))
    for audio in engines.map(render(engines), [Patch()] * 4, fresh=True):
        np.testing.assert_array_equal(audio, wanted)


def test_random_numbers_come_in_order_on_any_number_of_threads():
    once, again = (answers(n) for n in (2, 3))
    assert once == again and len(set(once)) == 6  # each engine has its own


def answers(n):
    done = subprocess.run(
        [sys.executable, "-c", ANSWERS.format(n=n)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_an_error_lets_the_next_have_their_turn(engines):
    def work(n):
        if n == 1:
            raise ZeroDivisionError
        return n

    results = engines.map(work, range(4), fresh=True)
    assert next(results) == 0
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert list(engines.map(work, [7], fresh=True)) == [7]


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted by Linux's own figures")
def test_matches_stay_within_the_memory_they_may_take():
    done = subprocess.run(
        [sys.executable, "-c", MATCHES], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 700_000  # kB, with two engines
