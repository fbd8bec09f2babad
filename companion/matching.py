"""Clips through the matcher, one after the other: each ends as an Outcome, whatever happens to it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from companion.disk.store import Files, prepare_folder, save_candidates, user_folder
from companion.errors import WhisperSynthError
from companion.serve.results import record_outcome
from companion.telling.complaints import describe, say, show_traceback
from presets.serum_files import KINDS as SERUM_KINDS

if TYPE_CHECKING:
    from companion.match import Match, MatchOptions

SOON_S = 1.0  # what takes longer is announced


class AnyMatcher(Protocol):
    """`companion.match.Matcher`, or what takes its place for a plugin."""

    def match(self, path: Path, options: MatchOptions | None = None) -> Iterator[Match]:
        """Improving results; close the iterator to cancel."""


@dataclass(frozen=True)
class Outcome:
    """What became of a clip."""

    clip: Path
    """Absolute."""
    match: Match | None = None
    """None when it failed."""
    saved: tuple[Files, ...] = ()
    """Of each candidate, in rank order."""
    seconds: float = 0.0
    """From the start of this clip to its last file."""
    error: str = ""


class Report(Protocol):
    """Who is told."""

    def begin(self, clip: Path) -> None:
        """A clip is taken up."""

    def progress(self, so_far: Match) -> None:
        """It is this far."""

    def end(self, outcome: Outcome) -> None:
        """It is done, or has failed."""

    def fail_all(self, clips: Sequence[Path], error: str) -> None:
        """Nothing could be begun; the error itself is still to come."""


def match_clips(clips: Sequence[Path], options: MatchOptions, out: Path | None, report: Report) -> int:
    """Matches and saves; 1 if a clip failed, else 0.

    Raises:
        WhisperSynthError: the model, the synth or the folder cannot be used.
    """
    clips = [Path(os.path.abspath(clip)) for clip in clips]
    try:
        folder = prepare_folder(out or user_folder())
        matcher = open_matcher(options.synth)
    except Exception as error:
        report.fail_all(clips, describe(error))
        raise
    failed = False
    for clip in clips:
        report.begin(clip)
        outcome = match_clip(matcher, clip, options, folder, report)
        record_outcome(outcome)
        report.end(outcome)
        failed |= bool(outcome.error)
    return int(failed)


def open_matcher(synth: str) -> AnyMatcher:
    """The model and the engines, or the plugin, loaded.

    Raises:
        WhisperSynthError: there is no such synth, or it does not load.
    """
    from companion.match import SYNTHS, Matcher

    if synth in SYNTHS:
        return Matcher(synth)
    if synth in SERUM_KINDS:
        from companion.plugins.serum import SerumMatcher

        return SerumMatcher(synth)
    from companion.plugins.match import open_plugin_matcher
    from companion.plugins.scan import find_plugin

    path, name = find_plugin(synth)
    late = threading.Timer(SOON_S, say, [f"opening {path.name}; a large plugin takes a while"])
    late.start()
    try:
        return open_plugin_matcher(path, name)
    finally:
        late.cancel()


def match_clip(
    matcher: AnyMatcher, clip: Path, options: MatchOptions, folder: Path, report: Report
) -> Outcome:
    """One clip, matched and saved; its failure is an outcome too."""
    began, last = time.perf_counter(), None
    try:
        with closing(matcher.match(clip, options)) as results:  # type: ignore[type-var]  # a generator
            for last in results:
                report.progress(last)
        if last is None:
            raise WhisperSynthError(f"{clip} gave no answer; please report it")
        saved = save_candidates(last.clip.name, last.candidates, folder)
    except Exception as error:
        show_traceback(error)
        return Outcome(clip, error=describe(error))
    return Outcome(clip, last, saved, time.perf_counter() - began)
