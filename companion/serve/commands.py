"""The commands `serve`, `watch` and `jobs`: the running process, and what talks to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from companion.errors import OptionError, WhisperSynthError
from companion.telling.complaints import say

if TYPE_CHECKING:
    from companion.serve.client import Client
    from companion.serve.service import Settings

app = typer.Typer()
jobs_app = typer.Typer(
    help="The queue of the running process: list, show, cancel, load, install, undo.",
    invoke_without_command=True,
)
app.add_typer(jobs_app, name="jobs", short_help="The queue of the running process.")

EXTRA = "the server needs packages that are not installed ({name!r}); install them with: pip install 'whispersynth[serve]'"

Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder for the patches; else WhisperSynth in your documents."),
]
Install = Annotated[
    bool, typer.Option("--install", help="Also save the best patch to the synth's user folder, with macros.")
]
Seconds = Annotated[float | None, typer.Option(metavar="S", help="Time for a clip; 0: no refining.")]
Kind = Annotated[str | None, typer.Option(metavar="KIND", help="any, recipe or resynth.")]
Synth = Annotated[str | None, typer.Option(metavar="SYNTH", help="vital, or another that match knows.")]
Candidates = Annotated[int | None, typer.Option(metavar="N", help="Patches the model proposes.")]
Plugin = Annotated[
    Path | None, typer.Option(metavar="VST3", help="A plugin to host, into which patches are loaded.")
]
Midi = Annotated[
    str | None, typer.Option(metavar="PORT", help="A MIDI port to send patches to; virtual: one of our own.")
]
MidiMap = Annotated[str | None, typer.Option(metavar="MAP", help="serum2, serum1, general or a .toml file.")]
Port = Annotated[int | None, typer.Option(metavar="N", min=1, max=65535, help="Else 8765, or a free one.")]
Queue = Annotated[int, typer.Option(metavar="N", min=1, max=100_000, help="Clips that may wait.")]


@app.command(short_help="Run the companion of a DAW: one queue for all.")
def serve(
    port: Port = None,
    queue: Queue = 256,
    plugin: Plugin = None,
    midi: Midi = None,
    midi_map: MidiMap = None,
    out: Out = None,
    install: Install = False,
    seconds: Seconds = None,
    candidates: Candidates = None,
    kind: Kind = None,
    synth: Synth = None,
) -> None:
    """Run the companion of a DAW: one queue for the Live bridge, watched folders, captures and programs."""
    with _told_what_is_missing():
        from companion.serve.places import places
        from companion.serve.server import Server, wait_for_end

        options = _options(seconds, candidates, kind, synth)
        settings = replace(_settings(queue, plugin, out, install, options), midi=midi, midi_map=midi_map)
        with Server(places(), settings, port) as server:
            say(f"serving at {server.url}; patches go to {_shown(out)}; Ctrl-C ends it")
            _say_recovered(len(server.service.recovered))
            wait_for_end()
            say("ending; what waits is matched the next time")


@app.command(short_help="Match clips as they appear in a folder.")
def watch(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where clips are exported to.")],
    out: Out = None,
    beside: Annotated[bool, typer.Option("--beside", help="Save the patches beside the clips.")] = False,
    existing: Annotated[bool, typer.Option("--existing", help="Match what is there already too.")] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Folders in the folder too.")] = False,
    install: Install = False,
    seconds: Seconds = None,
    candidates: Candidates = None,
    kind: Kind = None,
    synth: Synth = None,
    bpm: Annotated[float | None, typer.Option(metavar="BPM", help="Tempo for tempo-synced settings.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a clip, one a line.")] = False,
) -> None:
    """Match clips as they appear in a folder, each once, through the running process (or as one, if none runs)."""
    if out is not None and beside:
        raise OptionError("--out and --beside name two places; give one of them")
    with _told_what_is_missing():
        from companion.serve.watching import watch_folder

        request = {
            "out": "beside" if beside else str(out.expanduser().absolute()) if out else None,
            "install": install or None, "options": _options(seconds, candidates, kind, synth) or None, "bpm": bpm,
        }  # fmt: skip
        watch_folder(
            folder, {key: value for key, value in request.items() if value is not None}, existing, deep, json
        )


def _options(
    seconds: float | None, candidates: int | None, kind: str | None, synth: str | None
) -> dict[str, Any]:
    from companion.match import MatchOptions

    given = {"seconds": seconds, "candidates": candidates, "kind": kind, "synth": synth}
    options = {key: value for key, value in given.items() if value is not None}
    try:
        MatchOptions(**options)  # type: ignore[arg-type]  # checked here, for a sentence now rather than at each clip
    except WhisperSynthError as error:
        raise OptionError(str(error)) from None
    return options


def _settings(
    queue: int, plugin: Path | None, out: Path | None, install: bool, options: dict[str, Any]
) -> Settings:
    from companion.serve.service import Settings

    folder = str(out.expanduser().absolute()) if out else ""
    return Settings(queue, plugin, out=folder, install=install, options=options)


def _shown(out: Path | None) -> Path:
    from companion.disk.store import prepare_folder, user_folder

    return prepare_folder(out or user_folder())


def _say_recovered(n: int) -> None:
    if n:
        say(
            f"{n} clip{'s' if n > 1 else ''} that an earlier run was interrupted at {'are' if n > 1 else 'is'} taken up again"
        )


@contextmanager
def _told_what_is_missing() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in (
            "starlette",
            "uvicorn",
            "filelock",
            "pythonosc",
            "watchfiles",
        ):
            raise WhisperSynthError(EXTRA.format(name=error.name)) from None
        raise


# -- jobs ---------------------------------------------------------------------------------------------------------

Number = Annotated[int, typer.Argument(metavar="JOB", help="Its number.")]
Rank = Annotated[int, typer.Option(metavar="N", help="Which of its patches.")]
Target = Annotated[str, typer.Option(metavar="TARGET", help="auto, live, plugin, midi or engine.")]


@jobs_app.callback()
def jobs(context: typer.Context) -> None:
    """The queue of the running process."""
    if context.invoked_subcommand is None:
        _list("", 20)


@jobs_app.command("list")
def list_jobs(
    state: Annotated[
        str, typer.Option(metavar="STATE", help="queued, running, done, failed or cancelled.")
    ] = "",
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=500)] = 20,
) -> None:
    """The newest jobs, one a line."""
    _list(state, limit)


def _list(state: str, limit: int) -> None:
    for job in _client().call("GET", f"/jobs?state={state}&limit={limit}")["jobs"]:
        typer.echo(job_line(job))


@jobs_app.command()
def show(job: Number) -> None:
    """All that is known of a job, as JSON."""
    import json

    typer.echo(json.dumps(_client().call("GET", f"/jobs/{job}"), indent=2))


@jobs_app.command()
def cancel(job: Number) -> None:
    """Drop a job."""
    typer.echo(job_line(_client().call("POST", f"/jobs/{job}/cancel")))


@jobs_app.command()
def load(job: Number, rank: Rank = 1, target: Target = "auto") -> None:
    """Set a job's patch where it is to be heard: in the DAW, the hosted plugin or the embedded engine."""
    typer.echo(_client().call("POST", f"/jobs/{job}/load", {"rank": rank, "target": target})["text"])


@jobs_app.command()
def install(job: Number, rank: Rank = 1) -> None:
    """Save a job's patch to its synth's user folder."""
    for path in _client().call("POST", f"/jobs/{job}/install", {"rank": rank})["installed"]:
        typer.echo(path)


@jobs_app.command()
def undo(target: Target = "auto") -> None:
    """Bring back what was there before the last load."""
    typer.echo(_client().call("POST", "/undo", {"target": target})["text"])


def _client() -> Client:
    from companion.serve.client import Client

    client = Client.find()
    if client is None:
        raise WhisperSynthError("nothing is running; start it with `whispersynth serve`")
    return client


def job_line(job: dict[str, Any]) -> str:
    """`12 done     kick: very close, C1, 5 patches in /…`."""
    return f"{job['id']:>5} {job['state']:<9} {job_text(job)}"


def job_text(job: dict[str, Any]) -> str:
    """What is to be said of a job."""
    result, name = job["result"], job["name"]
    if job["error"]:
        return f"{name}: {job['error']}"
    if result is None:
        return f"{name} {job['progress']:.0%}" if job["state"] == "running" else str(name)
    n = len(result["candidates"])
    if not n:
        return f"{name}: no patch; {'; '.join(result['warnings'])}"
    patches = "1 patch" if n == 1 else f"{n} patches"
    return f"{name}: {result['words']}, {result['note_name']}, {patches} in {result['folder']}"
