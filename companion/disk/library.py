"""The library: every match with its clip, candidates, scores, favourite, notes, and where it was saved.

Nothing leaves it: a match that is taken off the list is hidden, and files are never touched.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.errors import WhisperSynthError

if TYPE_CHECKING:
    from companion.serve.ledger import Ledger
    from companion.serve.requests import JobRequest

MAX_NOTES = 10_000  # characters


def record(
    c: sqlite3.Connection, result: Mapping[str, Any], content: str, request: JobRequest, job: int | None
) -> int:
    """Puts a result into the library, within a transaction; the match's number."""
    c.execute(
        "INSERT INTO matches (job, clip, name, content, source, note, note_off_s, seconds, warnings, folder, created)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (job, request.path, request.title, content, request.source, result["note"], result["note_off_s"],
         result["seconds"], json.dumps(result["warnings"]), result["folder"], time.time()),
    )  # fmt: skip
    match = int(c.execute("SELECT last_insert_rowid()").fetchone()[0])
    for candidate in result["candidates"]:
        installed = result.get("installed", []) if candidate["rank"] == 1 else []
        c.execute(
            "INSERT INTO candidates VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (match, candidate["rank"], candidate["kind"], candidate["score"], candidate.get("settings", ""),
             json.dumps(candidate["files"]), json.dumps(installed), candidate.get("words", "")),
        )  # fmt: skip
    return match


@dataclass(frozen=True)
class Search:
    """What to look for; every field narrows."""

    text: str = ""
    """Words, all of which stand in the name, the path, the notes or a candidate's settings."""
    favourite: bool = False
    kind: str = ""
    """recipe or resynth: of the best candidate."""
    source: str = ""
    below: float | None = None
    """Best score under this."""
    hidden: bool = False
    """Those taken off the list instead of the others."""
    limit: int = 50
    before: int = 0
    """Matches older than this number."""


class Library:
    """The matches in a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def search(self, search: Search) -> list[dict[str, Any]]:
        """Matches, newest first."""
        where, values = ["m.hidden IS NOT NULL" if search.hidden else "m.hidden IS NULL"], list[object]()
        for word in search.text.split():
            where.append(
                "(m.name || ' ' || m.clip || ' ' || m.notes || ' ' || coalesce((SELECT group_concat(c.settings, ' ')"
                " FROM candidates c WHERE c.match = m.id), '')) LIKE ? ESCAPE '\\'"
            )
            values.append(f"%{_literal(word)}%")
        narrowing: tuple[tuple[object, str], ...] = (
            (search.favourite, "m.favourite > 0"),
            (search.kind, "EXISTS (SELECT 1 FROM candidates c WHERE c.match = m.id AND c.rank = 1 AND c.kind = ?)"),
            (search.source, "m.source = ?"),
            (search.below, "EXISTS (SELECT 1 FROM candidates c WHERE c.match = m.id AND c.rank = 1 AND c.score < ?)"),
            (search.before, "m.id < ?"),
        )  # fmt: skip
        for value, condition in narrowing:
            if value:
                where.append(condition)
                values += [value] if "?" in condition else []
        rows = self._ledger.rows(
            f"SELECT m.* FROM matches m WHERE {' AND '.join(where)} ORDER BY m.id DESC LIMIT ?",
            *values,
            search.limit,
        )
        return [self._match(row) for row in rows]

    def get(self, number: int) -> dict[str, Any]:
        """A match by its number.

        Raises:
            WhisperSynthError: there is none.
        """
        row = self._ledger.row("SELECT * FROM matches WHERE id = ?", number)
        if row is None:
            raise WhisperSynthError(
                f"there is no match {number}; `whispersynth library` lists those there are"
            )
        return self._match(row)

    def count(self) -> int:
        """How many matches there are, hidden ones too."""
        row = self._ledger.row("SELECT count(*) FROM matches")
        return int(row[0]) if row else 0

    def set_favourite(self, number: int, rank: int) -> dict[str, Any]:
        """Makes a candidate the favourite; rank 0: none.

        Raises:
            WhisperSynthError: there is no such match or candidate.
        """
        ranks = [candidate["rank"] for candidate in self.get(number)["candidates"]]
        if rank and rank not in ranks:
            raise WhisperSynthError(
                f"match {number} has no candidate {rank}; it has {', '.join(map(str, ranks)) or 'none'}"
            )
        return self._set(number, "favourite", rank)

    def set_notes(self, number: int, notes: str) -> dict[str, Any]:
        """Replaces the notes.

        Raises:
            WhisperSynthError: there is no such match, or the notes are too long.
        """
        if len(notes) > MAX_NOTES:
            raise WhisperSynthError(f"notes of {len(notes)} characters are too long; keep to {MAX_NOTES}")
        return self._set(number, "notes", notes)

    def hide(self, number: int, hidden: bool = True) -> dict[str, Any]:
        """Takes a match off the list, or puts it back; its files and its row stay."""
        return self._set(number, "hidden", time.time() if hidden else None)

    def add_installed(self, number: int, rank: int, paths: list[str]) -> None:
        """Notes copies made in synths' folders."""
        with self._ledger.change() as c:
            row = c.execute(
                "SELECT installed FROM candidates WHERE match = ? AND rank = ?", (number, rank)
            ).fetchone()
            if row is not None:
                both = json.dumps([*json.loads(row["installed"]), *paths])
                c.execute(
                    "UPDATE candidates SET installed = ? WHERE match = ? AND rank = ?", (both, number, rank)
                )

    def add(
        self,
        result: Mapping[str, Any],
        content: str,
        request: JobRequest,
        written: Mapping[Path, str] | None = None,
    ) -> int:
        """A match that no job made; `written`: its files and their SHA-256, so that a watched folder knows them."""
        with self._ledger.change() as c:
            c.executemany(
                "INSERT OR REPLACE INTO outputs (path, content, job) VALUES (?, ?, 0)",
                [(str(path), one) for path, one in (written or {}).items()],
            )
            return record(c, result, content, request, None)

    def _set(self, number: int, column: str, value: object) -> dict[str, Any]:
        self.get(number)
        with self._ledger.change() as c:
            c.execute(f"UPDATE matches SET {column} = ? WHERE id = ?", (value, number))
        return self.get(number)

    def _match(self, row: sqlite3.Row) -> dict[str, Any]:
        rows = self._ledger.rows("SELECT * FROM candidates WHERE match = ? ORDER BY rank", row["id"])
        candidates = [
            {"rank": c["rank"], "kind": c["kind"], "score": c["score"], "words": c["words"], "settings": c["settings"],
             "files": json.loads(c["files"]), "installed": json.loads(c["installed"])}
            for c in rows
        ]  # fmt: skip
        return {
            "id": row["id"], "job": row["job"], "clip": row["clip"], "name": row["name"], "source": row["source"],
            "note": row["note"], "note_off_s": row["note_off_s"], "seconds": row["seconds"],
            "warnings": json.loads(row["warnings"]), "folder": row["folder"], "created": row["created"],
            "favourite": row["favourite"], "notes": row["notes"], "hidden": row["hidden"] is not None,
            "candidates": candidates,
        }  # fmt: skip


def missing_files(match: Mapping[str, Any]) -> list[str]:
    """Files of a match that are not where they were saved."""
    paths = [path for c in match["candidates"] for path in (*c["files"].values(), *c["installed"])]
    return [path for path in paths if not Path(path).exists()]


def _literal(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
