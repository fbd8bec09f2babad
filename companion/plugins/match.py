"""clip -> patches of any plugin, by its own parameters: screened at random or proposed by a learnt model, then searched.

Nothing is known of the plugin but its parameters, so there are three steps, each better for more time: patches drawn over
all parameters and heard roughly (a small synth), or the plugin's own patch with a few of its parameters moved (a large
one); the best judged by their distance; then CMA-ES around the best, over all parameters of a small synth. Of a large one
parameters are turned alone first, and those that change the sound are searched, those that helped before the others.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from cmaes import CMA
from numpy.typing import NDArray

from companion.errors import HostError, WhisperSynthError
from companion.hearing.audio import SAMPLE_RATE, read_clip
from companion.hearing.listen import listen
from companion.hosts.bound import bind
from companion.hosts.plugin import PatchFailure, PluginHost
from companion.hosts.pool import HostPool
from companion.hosts.verify import verify
from companion.judging.board import Board, Candidate
from companion.judging.metrics import WORST
from companion.match import Match, MatchOptions
from companion.plugins.bound import BoundMatcher
from companion.plugins.distance import PluginDistance
from companion.plugins.files import plugin_files
from companion.plugins.learnt import open_learnt
from companion.proposing.propose import UNPITCHED
from presets.patch import Patch
from presets.plugin_schema import patch_of, raw_values
from presets.schema import Schema

Raw = NDArray[np.float64]
"""A value 0..1 for each row of the Schema."""

SMALL = 24  # parameters: a synth with more is not drawn over all of them
SCREEN_SHARE = 0.25  # of the time, for patches drawn at random
SCREENED = 60  # of them for each parameter, at most
MOVED = (1, 8)  # parameters of a large synth's own patch that a draw moves
N_NOTES = 3
N_LEADERS = 4  # a search begins at each of them, in turn
KNOBS = 14  # of a large synth, in one search
FIRST_SIGMA, FIRST_GENERATIONS = 0.15, 5  # from each leader, steps in raw units
SIGMAS = (0.08, 0.03, WIDE := 0.2)  # then around the best, in turn; the wide ones around another leader
GENERATIONS = 60
LEAST_GAIN = 1e-3
STALE = 12  # generations without a gain that end a search
GATES_S = (-0.04, -0.025, -0.015, -0.008, -0.004, 0.004, 0.008, 0.015, 0.025, 0.04)  # tried around the note-off # fmt: skip
SWEPT = 80  # parameters of a large synth, turned alone between searches
MUTE = 0.3  # what is left of the weight of one that changed nothing
DRIFT = 3.0  # times what renders of one patch differ by, that a parameter must do to be heard
REWARD = 2.0  # added to the weight of a parameter that was moved when the sound got nearer
RESERVE_S = 0.12  # of the budget, for the files
VERIFY_SHARE = 0.1  # of the budget, for hearing whether each parameter took effect
N_REPEATS = 3  # of the init patch, to know how far its sounds lie apart
BATCH = 4  # patches a worker between looks at the clock


def open_plugin_matcher(path: Path, plugin_name: str | None = None) -> PluginMatcher | BoundMatcher:
    """The matcher for a plugin: by its binding, else by its own parameters.

    Raises:
        HostError: it does not load, or plays no notes.
    """
    pool = HostPool(path, plugin_name)
    try:
        pool.first.render(UNPITCHED, 0.05, 0.1)  # an effect says here that it is one
        try:
            bound = bind(pool.hosts)
        except HostError as error:
            return PluginMatcher(pool, (str(error),))
        return BoundMatcher(pool, bound) if bound else PluginMatcher(pool)
    except BaseException:
        pool.close()
        raise


@dataclass(frozen=True)
class Task:
    """A note to find patches for."""

    audio: NDArray[np.float32]
    notes: tuple[int, ...]
    note_off_s: float
    """As it was heard; a search finds it to a few milliseconds."""
    other_note_offs: tuple[float, ...] = ()
    """Less likely moments, seconds."""

    @property
    def total_s(self) -> float:
        return float(self.audio.shape[1] / SAMPLE_RATE)


class PluginMatcher:
    """Holds the plugin's workers and what was learnt of it: open once, match many."""

    def __init__(self, pool: HostPool, notes: tuple[str, ...] = ()) -> None:
        """`notes`: what every match is to warn of."""
        self.pool, self._notes = pool, notes
        host = pool.first
        self.learnt = open_learnt(host.info)
        self.schema: Schema = self.learnt.schema if self.learnt else host.schema

    def close(self) -> None:
        """Ends the workers."""
        self.pool.close()

    def match(self, path: Path, options: MatchOptions | None = None) -> Iterator[Match]:
        """Improving results; close the iterator to cancel.

        Raises:
            WhisperSynthError: the clip cannot be read, or the kind is one that a plugin has not.
        """
        options, began = options or MatchOptions(), time.perf_counter()
        if options.kind == "resynth":
            raise WhisperSynthError(
                f"{self.pool.first.name} has no binding, so it takes no frames of the clip; choose --kind recipe"
            )
        clip = read_clip(path, options.start_s, options.end_s)
        heard = listen(clip, options.note)
        board, warnings = Board(), [*clip.warnings, *heard.warnings, *self._notes]
        n_notices = len(self.pool.notices)
        pitches = heard.keys or (float(UNPITCHED),)
        notes = tuple(dict.fromkeys(round(p) for p in pitches))[:N_NOTES]
        others = tuple(guess.time_s for guess in heard.note_offs[1:])
        task = Task(heard.audio, notes, heard.note_off_s, others)

        def so_far(stage: str, progress: float, best: tuple[Candidate, ...] | None = None) -> Match:
            best = board.ranked(options.keep) if best is None else best
            note = best[0].patch.note if best else task.notes[0]
            told = (*warnings, *self.pool.notices[n_notices:])
            seconds = time.perf_counter() - began
            return Match(clip, note, search.note_off_s, seconds, best, told, stage, progress)

        search = Search(self.pool, self.schema, task, options.seed, self.learnt.turned if self.learnt else ())
        if heard.is_silent:
            yield so_far("done", 1.0)
            return
        yield so_far("heard", 0.1)
        deadline = began + options.seconds * (1 - VERIFY_SHARE) - RESERVE_S
        until = began + options.seconds * SCREEN_SHARE
        board.add(search.judge([search.default(), *self._learnt_patches(task, options)]))
        if self.learnt is None:  # its two dozen proposals are as near as five hundred draws
            board.add(search.judge(search.screen(until, options.candidates)))
        yield so_far("candidates", 0.4)
        for better in search.refine(board.ranked(N_LEADERS), deadline):
            board.add([better])
            yield so_far("refining", min(0.4 + 0.6 * (time.perf_counter() - began) / options.seconds, 0.99))
        best = board.ranked(options.keep)
        warnings += self._verified(best[0].patch, time.perf_counter() + options.seconds * VERIFY_SHARE)
        files = (plugin_files(self.pool.first, c.patch) for c in best)
        yield so_far("done", 1.0, tuple(replace(c, files=f) for c, f in zip(best, files, strict=True)))

    def _learnt_patches(self, task: Task, options: MatchOptions) -> Sequence[Patch]:
        if self.learnt is None:
            return ()
        return self.learnt.propose(task.audio, task.notes, options.candidates, options.seed)

    def _verified(self, patch: Patch, deadline: float) -> Iterable[str]:
        """Sentences on what was set and cannot be heard, of what the patch changes."""
        host = self.pool.first
        raws = raw_values(patch)
        changed = {name: raw for name, raw in raws.items() if abs(raw - host.parameter(name).raw) > 1e-3}
        host.set_values(raws)
        return verify(host, changed, patch.note, deadline).sentences


class Search:
    """The patches of a plugin for one task, judged by their sound."""

    def __init__(
        self, pool: HostPool, schema: Schema, task: Task, seed: int, turned: Collection[str] = ()
    ) -> None:
        """`turned`: the rows that are worth turning, where that is known."""
        self.pool, self.schema, self.task = pool, schema, task
        self.rows = tuple(schema)
        self._turned_rows = np.array(
            [i for i, row in enumerate(self.rows) if not turned or row.name in turned]
        )
        self.note_off_s = task.note_off_s
        self._rng = np.random.default_rng(seed)
        self._weights = np.ones(len(self.rows))
        pool.first.set_patch(self.default())
        inits = [pool.first.render(task.notes[0], task.note_off_s, task.total_s) for _ in range(N_REPEATS)]
        self.distance = PluginDistance(task.audio, inits)
        self._rough = PluginDistance(task.audio, inits, fast=True)

    def default(self) -> Patch:
        """The plugin as it was loaded, by its parameters."""
        return Patch(note=self.task.notes[0], schema=self.schema)

    # -- judging ------------------------------------------------------------------------------------------------

    def judge(self, patches: Iterable[Patch]) -> list[Candidate]:
        """Candidates in the order of the patches."""
        return list(self.pool.map(lambda host, p: self._judge(host, p, self.distance), patches))

    def _judge(
        self, host: PluginHost, patch: Patch, distance: PluginDistance, note_off_s: float | None = None
    ) -> Candidate:
        try:
            host.set_patch(patch)
            audio = host.render(patch.note, note_off_s or self.note_off_s, self.task.total_s)
        except PatchFailure:  # this patch is none; the plugin goes on
            return Candidate(patch, WORST, np.zeros_like(self.task.audio))
        return Candidate(patch, distance(audio), audio)

    # -- drawing ------------------------------------------------------------------------------------------------

    def screen(self, deadline: float, least: int) -> list[Patch]:
        """The best of as many draws as the time allows, `least` of them in any case, heard roughly."""
        heard: list[tuple[float, Patch]] = []
        most = max(least, SCREENED * min(len(self.rows), SMALL))
        n = BATCH * len(self.pool.hosts)
        while len(heard) < most and (len(heard) < least or time.perf_counter() < deadline):
            draws = [self._draw() for _ in range(n)]
            rough = self.pool.map(lambda host, p: self._judge(host, p, self._rough).score, draws)
            heard += zip(rough, draws, strict=True)
        heard.sort(key=lambda pair: pair[0])
        return [patch for _, patch in heard[: 2 * N_LEADERS]]

    def _draw(self) -> Patch:
        raw = self._raw(self.default())
        moved = np.arange(len(raw))
        if len(raw) > SMALL:
            moved = self._rng.choice(moved, size=int(self._rng.integers(*MOVED)), replace=False)
        raw[moved] = self._rng.uniform(size=len(moved))
        return self._patch(raw, int(self._rng.choice(self.task.notes)))

    def _raw(self, patch: Patch) -> Raw:
        return np.array(list(raw_values(patch).values()))

    def _patch(self, raw: Raw, note: int) -> Patch:
        return patch_of(self.schema, dict(zip((r.key for r in self.rows), raw.tolist(), strict=True)), note)

    # -- searching ----------------------------------------------------------------------------------------------

    def refine(self, leaders: Sequence[Candidate], deadline: float) -> Iterator[Candidate]:
        """Candidates each nearer than all before, until `deadline` (of `time.perf_counter`)."""
        if not leaders or time.perf_counter() >= deadline:
            return
        best, starts = self.time_note_off(leaders[0]), list(leaders)
        yield best
        for n in range(10_000):  # until the time is up
            first = n < len(starts)
            for swept in self._sweeps(best, deadline):
                yield (best := swept)
            sigma = FIRST_SIGMA if first else SIGMAS[n % len(SIGMAS)]
            start = best if self._is_large or (not first and sigma < WIDE) else starts[n % len(starts)]
            generations = FIRST_GENERATIONS if first or self._is_large else GENERATIONS
            for answers in self._descend(start, sigma, generations, deadline):
                for answer in answers:
                    if answer.score < best.score:
                        self._reward(best.patch, answer.patch)
                        best = answer
                        yield best
            if time.perf_counter() >= deadline:
                return
            if (timed := self.time_note_off(best)).score < best.score:
                best = timed
                yield best

    @property
    def _is_large(self) -> bool:
        return len(self._turned_rows) > SMALL

    def _sweeps(self, best: Candidate, deadline: float) -> Iterator[Candidate]:
        """Sweeps of a large synth, until one brings nothing."""
        gains = [best] if self._is_large else []
        while gains:
            start, gains = gains[-1], []
            for swept in self._sweep(start, deadline):
                gains.append(swept)
                yield swept

    def _sweep(self, best: Candidate, deadline: float) -> Iterator[Candidate]:
        """Some parameters of a large synth turned one at a time, those not known to be mute first; what is nearer is kept.

        Most of its parameters change nothing as it is set, and a search over them would be lost.
        """
        noise = LEAST_GAIN
        for rows in np.array_split(self._drawn(SWEPT), SWEPT // BATCH):
            if time.perf_counter() >= deadline:
                return
            raw = self._raw(best.patch)
            turns = [self._with(raw, row, float(self._rng.uniform()), best) for row in rows]
            *answers, again = self.judge([*turns, best.patch])
            noise = max(noise, DRIFT * abs(again.score - best.score))
            for row, answer in zip(rows, answers, strict=True):
                self._weights[row] = (
                    self._weights[row] + REWARD
                    if abs(answer.score - best.score) > noise
                    else self._weights[row] * MUTE
                )
            nearest = min(answers, key=lambda answer: answer.score)
            if nearest.score < best.score:
                best = nearest
                yield best

    def _with(self, raw: Raw, row: int, value: float, start: Candidate) -> Patch:
        return self._turned(raw, np.array([row]), np.array([value]), start)

    def _drawn(self, n: int) -> NDArray[np.intp]:
        """Rows worth turning, drawn without replacement by weight."""
        rows = self._turned_rows
        order = np.argsort(self._rng.exponential(size=len(rows)) / self._weights[rows])
        return rows[order[:n]]

    def time_note_off(self, candidate: Candidate) -> Candidate:
        """The candidate at the note-off that suits it best, which is taken for all that follow."""
        near = [max(self.note_off_s + off_s, 0.01) for off_s in (0.0, *GATES_S)]
        moments = [*near, *self.task.other_note_offs]
        patch = candidate.patch
        tried = list(self.pool.map(lambda host, s: self._judge(host, patch, self.distance, s), moments))
        nearest = min(range(len(tried)), key=lambda i: tried[i].score)
        self.note_off_s = moments[nearest]
        return tried[nearest]

    def _descend(
        self, start: Candidate, sigma: float, generations: int, deadline: float
    ) -> Generator[list[Candidate], None, None]:
        """CMA-ES from a candidate over some of its knobs; the candidates of each generation."""
        raw = self._raw(start.patch)
        knobs = self._knobs()
        bounds = np.tile([0.0, 1.0], (len(knobs), 1))
        population = 4 + 2 * len(self.pool.hosts) + int(2 * np.log(len(knobs)))
        cma = CMA(
            np.clip(raw[knobs], 0.01, 0.99),
            sigma,
            bounds,
            seed=int(self._rng.integers(2**31)),
            population_size=population,
        )
        best, since = math.inf, 0
        for _ in range(generations):
            asked = [cma.ask() for _ in range(population)]
            answers = self._judged_in_time([self._turned(raw, knobs, x, start) for x in asked], deadline)
            yield answers
            if len(answers) < population:
                return
            cma.tell([(x, a.score) for x, a in zip(asked, answers, strict=True)])
            nearest = min(a.score for a in answers)
            best, since = (nearest, 0) if nearest < best - LEAST_GAIN else (best, since + 1)
            if since >= STALE:
                return

    def _turned(self, raw: Raw, knobs: NDArray[np.intp], x: Raw, start: Candidate) -> Patch:
        turned = raw.copy()
        turned[knobs] = x
        return self._patch(turned, start.patch.note)

    def _judged_in_time(self, patches: list[Patch], deadline: float) -> list[Candidate]:
        answers: list[Candidate] = []
        n = BATCH * len(self.pool.hosts)
        while len(answers) < len(patches) and time.perf_counter() < deadline:
            answers += self.judge(patches[len(answers) : len(answers) + n])
        return answers

    def _knobs(self) -> NDArray[np.intp]:
        """All rows of a small synth; of a large one some, without replacement, by weight."""
        rows = self._turned_rows
        return rows if len(rows) <= SMALL else np.sort(self._drawn(KNOBS))

    def _reward(self, old: Patch, new: Patch) -> None:
        self._weights[np.abs(self._raw(new) - self._raw(old)) > 0.01] += REWARD
