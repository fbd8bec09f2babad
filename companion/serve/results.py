"""What a match came to, as every door shows it and the library keeps it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.errors import WhisperSynthError
from companion.serve.requests import JobRequest
from companion.telling.complaints import describe, say

if TYPE_CHECKING:
    from companion.disk.store import Files
    from companion.match import Match
    from companion.matching import Outcome


def result_json(
    match: Match, saved: tuple[Files, ...], folder: Path, installed: list[str], request: JobRequest, seconds: float
) -> dict[str, Any]:  # fmt: skip
    """What a job came to, as the doors show it."""
    from companion.telling.gist import settings_that_matter
    from companion.telling.words import GAP_WORDS, grade
    from presets.txt import note_name

    candidates = [
        {"rank": rank, "kind": one.kind, "score": round(float(one.score), 6),
         "words": one.words or grade(one.score, GAP_WORDS), "differs": list(one.differs),
         "settings": "\n".join(settings_that_matter(one.patch)), "files": {k: str(p) for k, p in files.items()}}
        for rank, (one, files) in enumerate(zip(match.candidates, saved, strict=True), 1)
    ]  # fmt: skip
    return {
        "note": int(match.note), "note_name": note_name(match.note), "note_off_s": float(match.note_off_s),
        "seconds": round(seconds, 3), "warnings": [*request.warnings, *match.warnings],
        "words": candidates[0]["words"] if candidates else "nothing to hear", "folder": str(folder),
        "candidates": candidates, "installed": installed,
    }  # fmt: skip


def record_outcome(outcome: Outcome) -> None:
    """Puts a match that `whispersynth match` made into the library; a library that cannot be written is told and no more."""
    if outcome.match is None or not outcome.saved:
        return
    try:
        _record(outcome, outcome.match)
    except (WhisperSynthError, OSError, sqlite3.Error) as error:
        say(f"the match is saved, but not in the library: {describe(error)}")


def _record(outcome: Outcome, match: Match) -> None:
    from companion.disk.library import Library
    from companion.serve.jobs import content_of
    from companion.serve.ledger import Ledger
    from companion.serve.places import places

    request = JobRequest(str(outcome.clip), source="match")
    folder = outcome.saved[0]["txt"].parent
    result = result_json(match, outcome.saved, folder, [], request, outcome.seconds)
    contents = {path: content_of(path) for files in outcome.saved for path in files.values()}
    ledger = Ledger(places().prepare().ledger)
    try:
        Library(ledger).add(result, content_of(outcome.clip), request, contents)
    finally:
        ledger.close()
