"""The judge: scores at every moment at which the key may have been released, and no more renders than it needs."""

import numpy as np
import pytest

from companion.engines import Engines
from companion.hearing.ear import NoteOffGuess
from companion.judging.board import Board, Candidate
from companion.judging.judge import Judge
from presets.patch import Patch
from presets.schema import OWN
from presets.tables import table_frames

NOTE, NOTE_S, TOTAL_S = 48, 0.4, 1.0
MOMENTS = (NoteOffGuess(NOTE_S, 0.75), NoteOffGuess(0.7, 0.25))
TARGET = Patch({"osc1.table": "basic_shapes", "osc1.position": 68.75, "env1.release": 0.3}, note=NOTE)
NEAR, FAR = TARGET.with_values({"env1.release": 0.35}), TARGET.with_values({"osc1.position": 0.0})


class Counting(Engines):
    """Engines that remember how often they rendered."""

    n = 0

    def render(self, *args, **kwargs):
        self.n += 1
        return super().render(*args, **kwargs)


@pytest.fixture(scope="module")
def engines():
    engines = Counting()
    yield engines
    engines.close()


@pytest.fixture(scope="module")
def judge(engines):
    return Judge(engines.render(TARGET, NOTE, NOTE_S, TOTAL_S), NOTE, MOMENTS, engines)


def test_a_score_weighs_the_moments(judge, engines):
    [candidate] = judge([NEAR])
    gain = 10 ** ((candidate.patch.number("volume.level") - NEAR.number("volume.level")) / 20)
    distances = [judge.distance(engines.render(NEAR, NOTE, m.time_s, TOTAL_S) * gain) for m in MOMENTS]
    assert candidate.score == pytest.approx(0.75 * distances[0] + 0.25 * distances[1], abs=0.02)


def test_what_is_far_off_is_rendered_once_and_never_better(judge, engines):
    [best] = judge([NEAR])
    before = engines.n
    far, near = judge([FAR, NEAR], beat=best)
    assert engines.n - before == 1 + len(MOMENTS)
    assert far.score > best.score
    assert near.score == pytest.approx(best.score, abs=0.02)


def test_the_volume_is_the_clips(judge):
    [candidate] = judge([NEAR.with_values({"volume.level": -20.0})])
    assert np.square(candidate.audio).mean() == pytest.approx(np.square(judge.audio).mean(), rel=0.02)


def test_a_resynth_is_judged_by_its_wager(judge, engines):
    frames = table_frames("basic_shapes")
    copy = Patch({**NEAR.values, "osc1.table": OWN}, note=NOTE, assets={"osc1.table": frames})
    before = engines.n
    [resynth] = judge([copy])
    assert engines.n == before + 1
    [recipe] = Judge(judge.audio, NOTE, [NoteOffGuess(NOTE_S, 1.0)], engines)([NEAR])
    assert resynth.heard == pytest.approx(recipe.score, abs=0.005)


@pytest.mark.parametrize(("recipe", "resynth", "first"), [
    (0.04, 0.0, "recipe"), (0.06, 0.0, "resynth"), (0.14, 0.1, "recipe"), (0.16, 0.1, "resynth"), (0.3, 0.29, "resynth"), (0.3, 0.31, "recipe"),
])  # fmt: skip
def test_a_very_close_recipe_comes_before_a_resynth_that_is_little_nearer(recipe, resynth, first):
    copy = Patch({"osc1.table": OWN}, note=NOTE, assets={"osc1.table": table_frames("basic_shapes")})
    sound = np.zeros((2, 9), np.float32)
    answers = Board([Candidate(copy, resynth, sound), Candidate(TARGET, recipe, sound)]).ranked(2)
    assert answers[0].kind == first
    assert answers[0].score <= answers[1].score
