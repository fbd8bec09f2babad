"""`whispersynth live`: the Remote Script installed, and Live asked for what is selected."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from companion.errors import OptionError, WhisperSynthError
from companion.telling.complaints import say

app = typer.Typer(
    help="Ableton Live: install the script that sends clips and takes patches.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

LibraryOption = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Live's User Library; else it is found.")
]
ANSWER_S = 20.0  # for Live to say what is selected; a tenth of a second as a rule
NEXT = """Next, in Live:
  1. Start Live, or restart it if it runs.
  2. Settings (Preferences), Link, Tempo & MIDI: choose WhisperSynth in a Control Surface slot.
     For a MIDI button choose its device under Input.
  3. In a terminal: whispersynth serve
     Live's status bar says "WhisperSynth: connected".
  4. Click an audio clip; press your button, or run: whispersynth live match"""


@app.command()
def install(
    library: LibraryOption = None,
    list_: Annotated[
        bool, typer.Option("--list", help="Only show the User Libraries found and what is in them.")
    ] = False,
) -> None:
    """Put the Remote Script into Live's User Library, or renew it; your settings stay."""
    from companion.live import install as installer
    from companion.serve.places import places

    if list_:
        return _list()
    live = installer.check_live()
    before = installer.choose(library)
    after = installer.install(before, places().folder)
    verb = "renewed" if before.installed else "installed"
    typer.echo(f"The script (version {after.installed}) is {verb} in {after.folder}")
    if not live:
        say("no Live was found for this user; the script needs Live 11 or later")
    if after.has_ableton_osc:
        say("AbletonOSC is installed too; UDP port 11000 is left to it")
    typer.echo(NEXT)


def _list() -> None:
    from companion.live import install as installer
    from companion.live.library import preferences

    for state in installer.states():
        typer.echo(f"{state.library}\t{_words(state)}")
    if not installer.states():
        typer.echo(installer.NO_LIBRARY)
    for one in preferences():
        typer.echo(f"{one.name}\t{one.library or 'does not name its User Library'}")


def _words(state: Any) -> str:
    from companion.live.WhisperSynth import VERSION

    if state.foreign:
        return "holds another WhisperSynth folder, which is left alone"
    if not state.installed:
        return "not installed"
    if state.is_current:
        return f"installed, version {state.installed}"
    return f"installed, version {state.installed}; `whispersynth live install` renews it to {VERSION}"


@app.command()
def uninstall(library: LibraryOption = None) -> None:
    """Take the Remote Script out of Live's User Library; your own files in its folder stay."""
    from companion.live import install as installer

    state = installer.choose(library)
    left = installer.uninstall(state)
    typer.echo(f"The script is taken out of {state.folder.parent}; restart Live")
    if left:
        say(f"not ours, so left in {state.folder}: {', '.join(path.name for path in left)}")


@app.command()
def status(library: LibraryOption = None) -> int:
    """Say whether the script is installed and up to date, the companion runs, and Live is connected."""
    from companion.live import install as installer
    from companion.serve.client import Client

    state = installer.choose(library)
    typer.echo(f"User Library  {state.library}")
    typer.echo(f"Script        {_words(state)}")
    for action, button in (installer.read_settings(state.folder).get("buttons") or {}).items():
        typer.echo(f"Button        {action}: {button}")
    client = Client.find()
    bridge = client is not None and client.call("GET", "/status")["bridge"]
    typer.echo(f"Companion     {'running' if client else 'not running; start it with: whispersynth serve'}")
    typer.echo(f"Live          {'connected' if bridge else 'not connected'}")
    return 0 if bridge and state.is_current else 1


@app.command()
def button(
    action: Annotated[
        str,
        typer.Argument(metavar="ACTION", help="match (the selected clip), load (the last match) or undo."),
    ],
    note: Annotated[str | None, typer.Option(metavar="NOTE", help="A MIDI note, 36 or C1.")] = None,
    cc: Annotated[int | None, typer.Option(metavar="N", help="Or a MIDI controller, 0 to 127.")] = None,
    channel: Annotated[int, typer.Option(metavar="N", help="MIDI channel, 1 to 16.")] = 1,
    library: LibraryOption = None,
) -> None:
    """Choose the pad, key or button of a MIDI device that matches the selected clip, loads or undoes."""
    from companion.live import install as installer
    from presets.errors import PresetError
    from presets.txt import parse_note

    if (note is None) == (cc is None):
        raise OptionError("a button is a note or a controller; give either --note or --cc")
    try:
        number = parse_note(note) if note is not None else cc
    except PresetError as error:
        raise OptionError(str(error)) from None
    state = installer.choose(library)
    installer.set_button(state, action, "cc" if note is None else "note", number or 0, channel)
    kind = f"controller {cc}" if note is None else f"note {note}"
    typer.echo(
        f"{action} is on {kind}, channel {channel}; choose its device as the Input of WhisperSynth in Live"
    )


@app.command()
def match(
    seconds: Annotated[float, typer.Option(metavar="S", help="How long to wait for the match.")] = 60.0,
) -> int:
    """Match the clip that is selected in Live; with the script installed, or with AbletonOSC."""
    from companion.live.WhisperSynth.loading import presets_first
    from companion.serve.client import Client

    client = Client.find()
    if client is None:
        raise WhisperSynthError("the companion is not running; start it with `whispersynth serve`")
    last = int(client.call("GET", "/status")["events"])
    asked = client.call("POST", "/bridge/request", {"want": "selected"})
    job = asked.get("job") or _job_from_bridge(client, last, int(asked["request"]))
    typer.echo(f"{job['name']}: {job['clip']}")
    done = client.wait(int(job["id"]), seconds)
    if done["state"] != "done":
        raise WhisperSynthError(f"{done['name']}: {done['error'] or done['state']}")
    for candidate in done["result"]["candidates"]:
        saved = presets_first(candidate["files"])[0]
        typer.echo(f"{candidate['rank']}  {candidate['kind']}  {candidate['score']:.3f}  {saved}")
    return 0


def _job_from_bridge(client: Any, last: int, request: int) -> dict[str, Any]:
    """The job that Live's answer to a request became."""
    until = time.monotonic() + ANSWER_S
    while time.monotonic() < until:
        told = client.call("GET", f"/events?after={last}&wait=1")
        for event in told["events"]:
            job = event.get("job") or {}
            key = str((job.get("request") or {}).get("key", ""))
            if event["type"] == "job" and key.startswith("asked ") and key.endswith(f" {request}"):
                return dict(job)
            if event["type"] == "answer" and event.get("request") == request and not event.get("ok"):
                raise WhisperSynthError(f"Live: {event.get('text')}")
        last = told["last"]
    raise WhisperSynthError("Live did not answer; check that it runs and shows `WhisperSynth: connected`")
