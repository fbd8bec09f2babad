"""clip -> patches: hear it, propose, judge every proposal by its sound, refine the best, rank."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from companion import heaps
from companion.engines import Engines
from companion.errors import WhisperSynthError
from companion.hearing.audio import Clip, read_clip
from companion.hearing.listen import listen
from companion.judging.board import Board, Candidate
from companion.judging.judge import Judge
from companion.judging.nearness import Nearness
from companion.proposing.bank import Bank
from companion.proposing.model import PatchModel
from companion.proposing.propose import ask, behind_the_filter, proposers
from companion.refining.refine import refine
from presets.patch import Patch
from presets.tempo import snap_to_tempo

KINDS = ("any", "recipe", "resynth")
SYNTHS = ("vital",)
N_JUDGED = 4  # of each group of proposers, after a rough hearing of all
NEAR = 0.3  # of the clip: a recipe's filter is believed
RESERVE_S = 0.18  # of the budget, for ranking and saving


@dataclass(frozen=True)
class MatchOptions:
    """What the user may ask for; validated here, once."""

    note: int | None = None
    """MIDI note to take the clip for; None: find it."""
    start_s: float | None = None
    end_s: float | None = None
    candidates: int = 16
    """Patches the model proposes."""
    seconds: float = 2.0
    """The whole budget of a clip; 0: no refining."""
    kind: str = "any"
    synth: str = "vital"
    """A built-in one, or a plugin: its path, or a name that `companion.plugins.scan` finds."""
    bpm: float | None = None
    """Settings close to a division of this tempo become synced to it."""
    seed: int = 0
    keep: int = 5
    """Candidates in the answer."""

    def __post_init__(self) -> None:
        checks = (
            (self.kind in KINDS, f"there is no kind {self.kind!r}; choose any, recipe or resynth"),
            (bool(self.synth), f"no synth is named; choose {' or '.join(SYNTHS)}, or a plugin"),
            (0 <= self.seconds <= 3600, f"{self.seconds:g} s to refine is out of range; give 0 to 3600"),
            (1 <= self.candidates <= 256, f"{self.candidates} candidates is out of range; give 1 to 256"),
            (self.note is None or 0 <= self.note <= 127, f"note {self.note} is out of range; give 0 to 127"),
            (self.bpm is None or 20 <= self.bpm <= 300, f"{self.bpm} bpm is out of range; give 20 to 300"),
        )
        for fine, sentence in checks:
            if not fine:
                raise WhisperSynthError(sentence)


@dataclass(frozen=True)
class Match:
    """What is known so far; the last one of a match has stage `done`."""

    clip: Clip
    note: int
    note_off_s: float
    seconds: float
    """Since the match began."""
    candidates: tuple[Candidate, ...]
    """Best first; empty for silence."""
    warnings: tuple[str, ...]
    stage: str
    """heard, candidates, refining, done."""
    progress: float


class Matcher:
    """Holds the model and the engines: open once, match many.

    Raises:
        WhisperSynthError: the model bundle is missing, damaged or of another schema.
    """

    def __init__(
        self, synth: str = "vital", model: Path | None = None, engines: Engines | None = None
    ) -> None:
        """`engines`: what plays the patches, where it is not the embedded engine."""
        MatchOptions(synth=synth)
        self.model = PatchModel(model)
        self.bank = Bank.read(self.model.folder)
        self.engines = engines or Engines()
        self.engines.warm()
        self._thinkers = ThreadPoolExecutor(2, thread_name_prefix="propose")

    def match(self, path: Path, options: MatchOptions | None = None) -> Iterator[Match]:
        """Improving results; close the iterator to cancel.

        Raises:
            WhisperSynthError: the clip cannot be read.
        """
        options, began = options or MatchOptions(), time.perf_counter()
        heaps.give_back()
        clip = read_clip(path, options.start_s, options.end_s)
        heard = listen(clip, options.note)
        board, warnings = Board(), (*clip.warnings, *heard.warnings)
        question = ask(heard, options.candidates, options.seed)
        repeatable = options.seconds == 0  # no clock, so the same seed is to give the same answer
        deadline = began + options.seconds - RESERVE_S

        def is_over() -> bool:
            return not repeatable and time.perf_counter() > deadline

        def so_far(stage: str, progress: float) -> Match:
            best = board.ranked(options.keep, options.kind, by_ear=stage == "done")
            note = best[0].patch.note if best else question.notes[0]
            return Match(
                clip, note, heard.note_off_s, time.perf_counter() - began, best, warnings, stage, progress
            )

        if heard.is_silent:
            yield so_far("done", 1.0)
            return
        yield so_far("heard", 0.1)
        nearness = self._thinkers.submit(Nearness, heard)
        groups = proposers(options.kind, self.model, self.bank)
        asked = [[self._thinkers.submit(proposer, question) for proposer in group] for group in groups]
        judge = Judge(heard.audio, question.notes[0], heard.moments, self.engines, fresh=repeatable)
        for n, answers in enumerate(asked, 1):
            likely = judge.best([patch for answer in answers for patch in answer.result()], N_JUDGED)
            for few in batched(likely):
                board.add(judge(few))
                if is_over():
                    break  # one of each kind is enough where time is up
            yield so_far("candidates", 0.1 + 0.4 * n / len(asked))
        if options.kind != "recipe" and not is_over():  # what a recipe found out helps the resynthesis
            heaps.give_back()
            for near in (c.patch for c in board.ranked(1, "recipe") if c.heard < NEAR):
                behind = self._thinkers.submit(behind_the_filter, question, near)
                board.add(judge(behind.result()))
        for better in refine(board, judge, deadline, options.seed, options.kind, heard.melody):
            board.add([better])
            yield so_far("refining", min(0.5 + 0.5 * (time.perf_counter() - began) / options.seconds, 0.99))
        if options.bpm:
            board = Board(
                judge([snap_to_tempo(c.patch, options.bpm) for c in so_far("done", 1.0).candidates])
            )
        done = so_far("done", 1.0)
        told = nearness.result().told(done.candidates, self._thinkers)
        yield replace(done, candidates=told, warnings=(*warnings, *nearness.result().warnings(told)))


def batched(patches: Sequence[Patch], n: int = 2) -> Iterator[Sequence[Patch]]:
    """A few at a time, in order."""
    return (patches[i : i + n] for i in range(0, len(patches), n))


def match(path: Path, options: MatchOptions | None = None) -> Iterator[Match]:
    """A match with a Matcher of its own: for one clip. For many, keep a Matcher."""
    options = options or MatchOptions()
    yield from Matcher(options.synth).match(path, options)
