"""The command `library`: every match that was made, found again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from companion.disk.library import Library

app = typer.Typer(
    help="Every match: clip, patches, scores, favourite, notes, where saved.", invoke_without_command=True
)

Number = Annotated[int, typer.Argument(metavar="MATCH", help="Its number.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a match, one a line.")]
NEWEST = 20


@contextmanager
def opened() -> Iterator[Library]:
    """The library on disk; the running process may write to it meanwhile."""
    from companion.disk.library import Library
    from companion.serve.ledger import Ledger
    from companion.serve.places import places

    ledger = Ledger(places().prepare().ledger)
    try:
        yield Library(ledger)
    finally:
        ledger.close()


@app.callback()
def library(context: typer.Context) -> None:
    """Every match that was made."""
    if context.invoked_subcommand is None:
        search([], limit=NEWEST)


@app.command()
def search(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[WORD...]", help="In the name, path, notes or settings.")
    ] = None,
    favourite: Annotated[bool, typer.Option("--favourite", help="Favourites only.")] = False,
    kind: Annotated[
        str, typer.Option(metavar="KIND", help="Whose best patch is a recipe or a resynth.")
    ] = "",
    source: Annotated[
        str, typer.Option(metavar="SOURCE", help="live, watch, capture, page, http, osc, match.")
    ] = "",
    below: Annotated[float | None, typer.Option(metavar="SCORE", help="Best score under this.")] = None,
    hidden: Annotated[bool, typer.Option("--hidden", help="Those taken off the list.")] = False,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=10_000)] = 50,
    json: Json = False,
) -> None:
    """Find matches, newest first."""
    from companion.disk.library import Search

    with opened() as found:
        wanted = Search(" ".join(words or []), favourite, kind, source, below, hidden, limit)
        for match in found.search(wanted):
            typer.echo(_json(match) if json else match_line(match))


@app.command()
def show(match: Number, json: Json = False) -> None:
    """All that is known of a match."""
    with opened() as found:
        known = found.get(match)
        typer.echo(_json(known) if json else match_text(known))


@app.command()
def favourite(
    match: Number,
    rank: Annotated[int, typer.Argument(metavar="[RANK]", min=0, help="Which patch; 0: none.")] = 1,
) -> None:
    """Mark a match's patch as the favourite."""
    with opened() as found:
        typer.echo(match_line(found.set_favourite(match, rank)))


@app.command()
def note(
    match: Number, text: Annotated[str, typer.Argument(metavar="TEXT", help="Replaces the notes.")]
) -> None:
    """Write notes to a match."""
    with opened() as found:
        before = found.get(match)["notes"]
        typer.echo(match_line(found.set_notes(match, text)))
        if before:
            typer.echo(f"The notes were: {before}")


@app.command()
def hide(match: Number) -> None:
    """Take a match off the list; it and its files stay, and `unhide` puts it back."""
    with opened() as found:
        found.hide(match)
        typer.echo(f"{match} is off the list; `whispersynth library unhide {match}` puts it back")


@app.command()
def unhide(match: Number) -> None:
    """Put a match back on the list."""
    with opened() as found:
        typer.echo(match_line(found.hide(match, False)))


def _json(match: dict[str, Any]) -> str:
    import json

    return json.dumps(match)


def match_line(match: dict[str, Any]) -> str:
    """`   7 * kick: very close (0.08) resynth, C1, 2026-01-31 20:15`."""
    from companion.telling.words import score_text
    from presets.txt import note_name

    star = "*" if match["favourite"] else " "
    best = match["candidates"][:1]
    how = f"{score_text(best[0]['score'], best[0]['words'])} {best[0]['kind']}" if best else "no patch"
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(match["created"]))
    notes = f"; {match['notes'].splitlines()[0]}" if match["notes"] else ""
    return f"{match['id']:>5} {star} {match['name']}: {how}, {note_name(match['note'])}, {when}{notes}"


def match_text(match: dict[str, Any]) -> str:
    """A match in full."""
    from companion.disk.library import missing_files

    lines = [match_line(match), f"  clip: {match['clip']} ({match['source']})"]
    lines += [f"  {warning}" for warning in match["warnings"]]
    missing = set(missing_files(match))
    for candidate in match["candidates"]:
        mark = " *" if candidate["rank"] == match["favourite"] else ""
        lines.append(f"  {candidate['rank']} {candidate['kind']} {candidate['score']:.3f}{mark}")
        for path in (*candidate["files"].values(), *candidate["installed"]):
            lines.append(f"      {path}{' (not there any more)' if path in missing else ''}")
    lines += [f"  notes: {match['notes']}"] if match["notes"] else []
    return "\n".join(lines)
