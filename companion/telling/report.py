"""How outcomes are told: as JSON lines to programs, as a table and a progress bar to people."""

from __future__ import annotations

import json
import os
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from companion.telling.complaints import one_line, say
from companion.telling.gist import settings_that_matter
from companion.telling.words import score_text, seconds_text
from presets.txt import note_name

if TYPE_CHECKING:
    from companion.match import Match
    from companion.matching import Outcome, Report
    from companion.telling.explain import Paragraph

STAGES = {"heard": "proposing", "candidates": "judging", "refining": "refining", "done": "saving"}
STDOUT, STDERR = 1, 2  # file descriptors
NO_BREAK = "\xa0"
SCORE_DIGITS, SECONDS_DIGITS = 6, 3


@contextmanager
def report_to(as_json: bool) -> Iterator[Report]:
    """The report for a run."""
    with _progress_bar() as bar:
        if not as_json:
            yield TableReport(bar)
            return
        with answers_alone() as stream:
            yield JsonReport(bar, stream)


@contextmanager
def answers_alone() -> Iterator[TextIO]:
    """The real stdout; whatever else is printed meanwhile, by engines in C++ too, goes to stderr."""
    sys.stdout.flush()
    kept = os.dup(STDOUT)
    os.dup2(STDERR, STDOUT)
    try:
        with (
            os.fdopen(os.dup(kept), "w", encoding="utf-8", newline="\n") as stream,
            redirect_stdout(sys.stderr),
        ):
            yield stream
    finally:
        sys.stdout.flush()
        os.dup2(kept, STDOUT)
        os.close(kept)


class Bar:
    """A progress bar on stderr, seen only where stderr is a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=1.0, visible=False)

    def begin(self, name: str) -> None:
        """Starts anew for a clip."""
        self._name = name
        self._progress.reset(self._task, total=1.0, description=f"{name}: listening", visible=True)

    def update(self, stage: str, share: float) -> None:
        """Moves on."""
        self._progress.update(
            self._task, completed=share, description=f"{self._name}: {STAGES.get(stage, stage)}"
        )

    def hide(self) -> None:
        """Clears it away, so that something can be printed."""
        self._progress.update(self._task, visible=False, refresh=True)


@contextmanager
def _progress_bar() -> Iterator[Bar]:
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield Bar(progress)


class BarReport:
    """What every report does while a clip is matched."""

    def __init__(self, bar: Bar) -> None:
        self.bar = bar

    def begin(self, clip: Path) -> None:
        """Shows the bar."""
        self.bar.begin(clip.name)

    def progress(self, so_far: Match) -> None:
        """Moves the bar."""
        self.bar.update(so_far.stage, so_far.progress)


class JsonReport(BarReport):
    """One JSON object a clip on stdout, one a line."""

    def __init__(self, bar: Bar, stream: TextIO) -> None:
        super().__init__(bar)
        self.stream = stream

    def end(self, outcome: Outcome) -> None:
        """Prints the object."""
        self.bar.hide()
        if outcome.error:
            say(outcome.error)
        self._print(outcome_json(outcome))

    def fail_all(self, clips: Sequence[Path], error: str) -> None:
        """Prints an object for each clip, so that a program gets as many answers as it sent clips."""
        for clip in clips:
            self._print(failure_json(clip, error))

    def _print(self, answer: dict[str, Any]) -> None:
        self.stream.write(json.dumps(answer, allow_nan=False) + "\n")
        self.stream.flush()


def failure_json(clip: Path, error: str) -> dict[str, Any]:
    """The object of a clip that failed."""
    return {"clip": str(clip), "error": error, "candidates": []}


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """The object of a clip."""
    match = outcome.match
    if match is None:
        return failure_json(outcome.clip, outcome.error)
    return {
        "clip": str(outcome.clip),
        "note": int(match.note),
        "note_off_s": round(float(match.note_off_s), SECONDS_DIGITS),
        "seconds": round(outcome.seconds, SECONDS_DIGITS),
        "warnings": [one_line(w) for w in match.warnings],
        "candidates": [
            {
                "rank": rank,
                "kind": candidate.kind,
                "score": round(float(candidate.score), SCORE_DIGITS),
                "files": {kind: str(path) for kind, path in files.items()},
                **({"words": candidate.words, "differs": list(candidate.differs)} if candidate.words else {}),
                **({"changes": list(candidate.changes)} if candidate.changes else {}),
            }
            for rank, (candidate, files) in enumerate(zip(match.candidates, outcome.saved, strict=True), 1)
        ],
    }


class TableReport(BarReport):
    """A table a clip on stdout, for people."""

    def __init__(self, bar: Bar) -> None:
        super().__init__(bar)
        self.console = Console(highlight=False)

    def end(self, outcome: Outcome) -> None:
        """Prints the table, or what went wrong."""
        self.bar.hide()
        if outcome.match is None:
            say(outcome.error)
            return
        for warning in outcome.match.warnings:
            say(f"{outcome.clip.name}: {one_line(warning)}")
        if outcome.saved:
            self.console.print(Text(headline(outcome), style="bold"))
            self.console.print(candidates_table(outcome))
            self.console.print(
                Text(f"Saved in {outcome.saved[0]['txt'].parent}", style="dim"), soft_wrap=True
            )

    def fail_all(self, clips: Sequence[Path], error: str) -> None:
        """Says nothing: the error itself is printed once, by the door."""


def headline(outcome: Outcome) -> str:
    """`kick.wav: C1 (36), held 210 ms; 5 patches in 2.1 s`."""
    match = outcome.match
    assert match is not None
    note = f"{note_name(match.note)} ({match.note}), held {seconds_text(match.note_off_s)}"
    n = len(outcome.saved)
    return f"{outcome.clip.name}: {note}; {n} {'patch' if n == 1 else 'patches'} in {seconds_text(outcome.seconds)}"


def candidates_table(outcome: Outcome) -> Table:
    """Rank, kind, how near it comes and what differs, the settings that matter most, and the name saved under."""
    table = Table("#", "kind", "how near", "what matters most", show_lines=True)
    table.add_column("saved as", overflow="fold")  # whole, for it is to be found in the folder
    candidates = outcome.match.candidates if outcome.match else ()
    for rank, (candidate, files) in enumerate(zip(candidates, outcome.saved, strict=True), 1):
        settings = "\n".join(settings_that_matter(candidate.patch))
        near = "\n".join((score_text(candidate.score, candidate.words), *candidate.differs))
        cells = str(rank), candidate.kind, near, settings, files["txt"].stem
        table.add_row(*(Text(cell) for cell in cells))  # Text: a name with brackets is no markup
    return table


def print_paragraphs(paragraphs: Sequence[Paragraph], last: str) -> None:
    """An explanation, wrapped to the terminal."""
    console = Console(highlight=False)
    for paragraph in paragraphs:
        console.print(Text(paragraph.title, style="bold"))
        console.print(Text(wrapped(paragraph.text, console.width, "  ")), end="\n\n", soft_wrap=True)
    console.print(Text(wrapped(last, console.width)), soft_wrap=True)


def wrapped(text: str, width: int, indent: str = "") -> str:
    """Text in lines of at most `width`, never broken between a figure and its unit."""
    kept = re.sub(r"(?<=\d) (?=(%|k?Hz|ms|s|dB|BPM|cents|degrees|semitones?)(\W|$))", NO_BREAK, text)
    lines = textwrap.fill(
        kept, width, initial_indent=indent, subsequent_indent=indent, break_long_words=False
    )
    return lines.replace(NO_BREAK, " ")
