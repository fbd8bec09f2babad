"""Refining: never worse, in time, and closer."""

import time
from itertools import islice, pairwise

import numpy as np
import pytest

from companion.engines import Engines
from companion.hearing.ear import NoteOffGuess
from companion.judging.board import Board, Candidate
from companion.judging.judge import Judge
from companion.refining.refine import WORTH, knobs, refine, search, turned
from presets.patch import Patch
from presets.schema import wavetable_synth

NOTE, NOTE_S = 48, 0.5
TARGET = {"osc1.table": "basic_shapes", "osc1.position": 68.75, "filter1.on": True, "filter1.type": "lp24",
          "filter1.cutoff": 900.0, "filter1.resonance": 20.0, "env1.release": 0.3}  # fmt: skip
START = TARGET | {"filter1.cutoff": 3000.0, "env1.release": 0.05, "osc1.position": 90.0}


@pytest.fixture(scope="module")
def judge():
    engines = Engines()
    audio = engines.render(Patch(TARGET, note=NOTE), NOTE, NOTE_S, 1.0)
    yield Judge(audio, NOTE, [NoteOffGuess(NOTE_S, 1.0)], engines)
    engines.close()


def test_each_answer_is_closer_than_the_one_before(judge):
    start = judge([Patch(START, note=NOTE)])
    answers = refine(Board(start), judge, time.perf_counter() + 60, seed=0)
    scores = [start[0].score, *(c.score for c in islice(answers, 4))]
    answers.close()
    assert all(a > b for a, b in pairwise(scores))
    assert scores[-1] < 0.5 * scores[0]


@pytest.mark.parametrize("patch_s", [0.02, 0.15])
def test_time_is_kept_on_slow_and_quick_machines(judge, patch_s):
    class Timed:
        """Judges nothing: takes its time, and finds every patch as good as the last."""

        audio, moments = judge.audio, judge.moments

        def __call__(self, patches, beat=None):
            time.sleep(patch_s * len(patches))
            return [Candidate(p, 1.0, judge.audio) for p in patches]

    began = time.perf_counter()
    assert list(refine(Board(Timed()([Patch(START, note=NOTE)])), Timed(), began + 1.5, seed=0)) == []
    assert 1.0 < time.perf_counter() - began < 2.5


def test_no_time_means_no_answers(judge):
    assert list(refine(Board(judge([Patch(START, note=NOTE)])), judge, time.perf_counter(), seed=0)) == []


def test_nothing_to_start_from_means_no_answers(judge):
    assert list(refine(Board(), judge, time.perf_counter() + 1, seed=0)) == []


def test_the_search_learns_from_answers():
    """Knobs alone, without an engine: the cutoff is to go to the middle of its range."""
    patch, row = Patch(START, note=NOTE), wavetable_synth()["filter1.cutoff"]

    def score(p):
        return abs(row.value_to_raw(p["filter1.cutoff"]) - 0.5)

    def answer(p):
        return Candidate(p, score(p), np.zeros((2, 1), np.float32))

    plan = search(answer(patch), seed=1)
    asked, found = next(plan), []
    while asked:
        found += [answer(p) for p in asked]
        try:
            asked = plan.send(found[-len(asked) :])
        except StopIteration:
            break
    assert min(c.score for c in found) < 0.5 * score(patch)


def test_turns_only_knobs_that_matter():
    patch = Patch(START, note=NOTE)
    names = knobs(patch, np.random.default_rng(0))
    assert names and all(patch.matters(name) for name in names)
    assert not [name for name in names if name.startswith(("osc2", "filter2", "reverb", "eq"))]
    assert turned(patch, names, np.full(len(names), 0.3)).values.keys() == patch.values.keys()


def test_every_knob_in_the_table_exists():
    schema = wavetable_synth()
    known = {f"{r.section.rstrip('0123456789')}.{r.key}" for r in schema if r.kind == "continuous"}
    assert set(WORTH) <= known
