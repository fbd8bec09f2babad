"""Refining: corrections by ear on the best candidates, then a search around the best, until the time is up.

Anytime and never worse: what is yielded is closer than all before it, of its kind. Corrections come from
`companion.refining.improve` and are few; the search is CMA-ES (Hansen 2016, arXiv 1604.00772; the kept library `cmaes`) over the
knobs that matter for the patch, in raw space.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator, Sequence

import numpy as np
from cmaes import CMA

from companion.hearing.bands import Floats
from companion.hearing.melody import Melody
from companion.judging.board import Board, Candidate
from companion.judging.judge import Judge
from companion.refining.improve import Change, Corrector
from presets.patch import Patch

Plan = Generator[list[Patch], list[Candidate], None]
"""Asks for patches to be judged and is sent the answers; fewer than asked when time is up."""

LEADERS = {"recipe": 3, "resynth": 1}  # candidates of a kind that are corrected
ROUNDS = 4  # of corrections of one candidate
LEAST_GAIN = 0.015  # share of the score that a round must win to be followed by another
BATCH = 6  # patches judged between looks at the clock
GUESS_S = 0.13  # to judge a patch on one core, before it is known
SIGMA = 0.07  # of the first steps of the search, in raw units
POPULATION = 8
GENERATIONS = 5  # before the search starts anew around what it found
MOST_KNOBS = 14

# Knobs worth turning, by what they do to most sounds (a weight, for which of them are drawn); others are left alone.
WORTH: dict[str, float] = {
    "filter.cutoff": 5, "filter.resonance": 3, "filter.drive": 1, "filter.mix": 1, "filter.keytrack": 0.5,
    "osc.position": 4, "osc.level": 4, "osc.detune": 2, "osc.blend": 1, "osc.warp_amount": 4, "osc.morph_amount": 4,
    "osc.fine": 2, "osc.width": 0.5, "osc.phase": 1, "sub.level": 4, "sub.phase": 1, "noise.level": 3,
    "env.attack": 3, "env.decay": 4, "env.sustain": 3, "env.release": 3, "env.hold": 1, "env.decay_curve": 1.5,
    "env.release_curve": 1.5, "env.attack_curve": 0.5, "mod.amount": 4, "lfo.rate": 3, "lfo.phase": 1.5,
    "distortion.drive": 3, "distortion.mix": 1, "chorus.mix": 1.5, "chorus.depth": 0.7, "chorus.rate": 0.7,
    "delay.mix": 2, "delay.feedback": 1.5, "delay.time": 1.5, "reverb.mix": 2.5, "reverb.decay": 2.5, "reverb.size": 1,
    "phaser.mix": 1, "phaser.center": 1, "flanger.mix": 1, "compressor.mix": 1,
    "eq.low_gain": 2, "eq.band_gain": 2.5, "eq.high_gain": 2.5, "eq.low_freq": 1, "eq.band_freq": 1.5, "eq.high_freq": 1.5,
    "voice.tune": 1.5,
}  # fmt: skip


def refine(
    board: Board,
    judge: Judge,
    deadline: float,
    seed: int,
    wanted: str = "any",
    melody: Melody | None = None,
) -> Iterator[Candidate]:
    """Candidates each closer than the best of its kind so far, until `deadline` (of `time.perf_counter`).

    Args:
        wanted: the kind that is refined, or `any`.
        melody: what the clip's pitch does.
    """
    best = {kind: board.ranked(n, kind) for kind, n in LEADERS.items() if wanted in ("any", kind)}
    best = {kind: leaders for kind, leaders in best.items() if leaders}
    runner = Runner(judge, deadline, {kind: leaders[0] for kind, leaders in best.items()})
    corrector = Corrector(judge.audio, judge.moments, melody)
    for leaders in best.values():
        for leader in leaders:
            yield from runner.run(correct(leader, corrector))
    for round_seed in range(seed, seed + 10_000):  # until the time is up
        if runner.is_over:
            return
        for kind in best:
            yield from runner.run(search(runner.best[kind], round_seed))
            yield from runner.run(correct(runner.best[kind], corrector, rounds=1))


class Runner:
    """Runs plans against the clock and keeps the best of each kind."""

    def __init__(self, judge: Judge, deadline: float, best: dict[str, Candidate]) -> None:
        self.best = best
        self._judge = judge
        self._deadline = deadline
        self._cores = os.cpu_count() or 1
        self._patch_s = GUESS_S / self._cores
        self._batch = self._cores  # until it is known how long one takes here

    @property
    def is_over(self) -> bool:
        """Whether no further patch fits in."""
        return self._fitting() < 1

    def _fitting(self) -> int:
        return int((self._deadline - time.perf_counter()) / self._patch_s)

    def run(self, plan: Plan) -> Iterator[Candidate]:
        """What the plan finds that is better than all before."""
        answers: list[Candidate] = []
        try:
            asked = next(plan)
            while True:
                answers = []
                while len(answers) < len(asked) and not self.is_over:
                    few = asked[len(answers) : len(answers) + min(self._batch, self._fitting())]
                    answers += self._timed(few)
                    yield from self._better(answers[-len(few) :])
                if self.is_over:
                    return
                asked = plan.send(answers)
        except StopIteration:
            return

    def _timed(self, patches: Sequence[Patch]) -> list[Candidate]:
        began = time.perf_counter()
        answers = self._judge(patches, self.best[patches[0].kind])
        took_s = (time.perf_counter() - began) / len(patches)
        self._patch_s = took_s if self._batch != BATCH else 0.5 * (self._patch_s + took_s)
        self._batch = BATCH
        return answers

    def _better(self, answers: Sequence[Candidate]) -> Iterator[Candidate]:
        for answer in answers:
            if answer.score < self.best[answer.kind].score:
                self.best[answer.kind] = answer
                yield answer


# --- corrections -----------------------------------------------------------------------------------------------------


def correct(start: Candidate, corrector: Corrector, rounds: int = ROUNDS) -> Plan:
    """Corrections one by one, those that helped together, and again from the best."""
    best = start
    for _ in range(rounds):
        changes = corrector.changes(best.patch, best.audio)
        if not changes:
            return
        answers = yield [best.patch.with_values(change) for change in changes]
        helped = sorted(
            ((a.score, i) for i, a in enumerate(answers) if a.score < best.score), key=lambda pair: pair[0]
        )
        if not helped:
            return
        together = _together([changes[i] for _, i in helped])
        merged = (yield [best.patch.with_values(change) for change in together]) if together else []
        new = min([*answers, *merged], key=lambda a: a.score)
        enough = new.score < best.score * (1 - LEAST_GAIN)
        best = new
        if not enough:
            return


def _together(changes: list[Change]) -> list[Change]:
    """All changes that do not contradict a better one, and the best two of them."""
    merged, n = dict(changes[0]), 1
    pair: Change | None = None
    for change in changes[1:]:
        if not merged.keys() & change.keys():
            merged |= change
            n += 1
            pair = pair or dict(merged)
    return [merged, pair] if n > 2 and pair else [merged] if n == 2 else []


# --- search ----------------------------------------------------------------------------------------------------------


def search(start: Candidate, seed: int) -> Plan:
    """A few generations of CMA-ES over knobs drawn by their worth."""
    rng = np.random.default_rng(seed)
    names = knobs(start.patch, rng)
    if not names:
        return
    rows = [start.patch.schema[name] for name in names]
    mean = np.array([row.value_to_raw(start.patch[name]) for row, name in zip(rows, names, strict=True)])
    bounds = np.tile([0.0, 1.0], (len(names), 1))
    cma = CMA(
        np.clip(mean, 0.01, 0.99), SIGMA, bounds, seed=int(rng.integers(2**31)), population_size=POPULATION
    )
    for _ in range(GENERATIONS):
        asked = [cma.ask() for _ in range(POPULATION)]
        answers = yield [turned(start.patch, names, x) for x in asked]
        if len(answers) < POPULATION:
            return
        cma.tell([(x, a.score) for x, a in zip(asked, answers, strict=True)])


def turned(patch: Patch, names: Sequence[str], raw: Floats) -> Patch:
    """The patch with some knobs at raw values."""
    return patch.with_values(
        {n: patch.schema[n].raw_to_value(float(x)) for n, x in zip(names, raw, strict=True)}
    )


def knobs(patch: Patch, rng: np.random.Generator) -> list[str]:
    """Up to 14 continuous parameters that matter for a patch, drawn by their worth."""
    values = dict(patch.values)
    names = [
        r.name
        for r in patch.schema
        if r.kind == "continuous" and _worth(r.name) and patch.schema.matters(r, values)
    ]
    weights = np.array([_worth(name) for name in names])
    if len(names) <= MOST_KNOBS:
        return names
    order = np.argsort(rng.exponential(size=len(names)) / weights)  # without replacement, by weight
    return [names[i] for i in sorted(order[:MOST_KNOBS])]


def _worth(name: str) -> float:
    section, _, key = name.partition(".")
    return WORTH.get(f"{section.rstrip('0123456789')}.{key}", 0.0)
