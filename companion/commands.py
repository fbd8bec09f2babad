"""The commands `match`, `explain` and `render`: what can be given, and whether it makes sense."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from companion.capture.command import capture
from companion.disk import library_commands
from companion.disk.convert import convert
from companion.errors import OptionError, WhisperSynthError
from companion.live.commands import app as live_app
from companion.midi.command import app as midi_app
from companion.plugins.learning import learn
from companion.plugins.synths import synths
from companion.serve import commands as serve_commands
from companion.telling.complaints import one_line, say
from presets.errors import PresetError

if TYPE_CHECKING:
    from companion.match import MatchOptions

app = typer.Typer(
    help="A clip of a sound in, synth patches that sound like it out.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

SHORTEST_RENDER_S, LONGEST_RENDER_S = 0.02, 60.0
N_SEEDS = 2**32

PatchArgument = Annotated[
    Path,
    typer.Argument(
        metavar="PATCH", readable=False, help="A .txt patch, or a .vital, .fxp or .SerumPreset preset."
    ),
]  # readable=False here and below: what cannot be read is told in our words, and does not stop the other clips


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=lambda asked: print_version(asked))
    ] = False,
) -> None:
    """What stands before a command."""


def print_version(asked: bool) -> None:
    """Prints the installed version and leaves."""
    if not asked:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        typer.echo(f"whispersynth {version('whispersynth')}")
    except PackageNotFoundError:
        typer.echo("whispersynth, run from its sources")
    raise typer.Exit


@app.command()
def match(
    clips: Annotated[
        list[Path],
        typer.Argument(metavar="CLIP...", readable=False, help="Sound files: wav, aiff, flac, mp3, ogg."),
    ],
    json: Annotated[bool, typer.Option("--json", help="One JSON object a clip, one a line.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for the patches; else WhisperSynth in your documents."),
    ] = None,
    note: Annotated[
        str | None, typer.Option(metavar="NOTE", help="Note the clip plays, 60 or C3; else it is found.")
    ] = None,
    start: Annotated[
        float | None, typer.Option(metavar="S", help="Begin at this second of the clip.")
    ] = None,
    end: Annotated[float | None, typer.Option(metavar="S", help="End at this second of the clip.")] = None,
    candidates: Annotated[int, typer.Option(metavar="N", help="Patches the model proposes.")] = 16,
    seconds: Annotated[
        float, typer.Option(metavar="S", help="Time for a clip, refining included; 0: no refining.")
    ] = 2.0,
    kind: Annotated[str, typer.Option(metavar="KIND", help="any, recipe or resynth.")] = "any",
    synth: Annotated[
        str, typer.Option(metavar="SYNTH", help="vital, serum1, serum2, or a plugin: its path or name.")
    ] = "vital",
    bpm: Annotated[
        float | None,
        typer.Option(metavar="BPM", help="Tempo for tempo-synced settings; else rates are free."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Same seed, same answer (with --seconds 0).")] = 0,
) -> int:
    """Match clips with patches; save them as .txt, .vital and .wav."""
    from companion.matching import match_clips
    from companion.telling.report import report_to

    options = check_options(note, start, end, candidates, seconds, kind, synth, bpm, seed)
    with report_to(json) as report:
        return match_clips(clips, options, out, report)


def check_options(
    note: str | None,
    start: float | None,
    end: float | None,
    candidates: int,
    seconds: float,
    kind: str,
    synth: str,
    bpm: float | None,
    seed: int,
) -> MatchOptions:
    """The options of a match.

    Raises:
        OptionError: one of them makes no sense.
    """
    from companion.hearing.audio import check_times
    from companion.match import SYNTHS, MatchOptions
    from companion.plugins.scan import find_plugin
    from presets.serum_files import KINDS as SERUM_KINDS

    if not 0 <= seed < N_SEEDS:
        raise OptionError(f"seed {seed} is out of range; give 0 to {N_SEEDS - 1}")
    try:
        check_times(start, end)
        if synth not in (*SYNTHS, *SERUM_KINDS):
            find_plugin(
                synth, lambda path, n, total: say(f"asking {path.name} what it is ({n + 1} of {total})")
            )
        return MatchOptions(_midi_note(note), start, end, candidates, seconds, kind, synth, bpm, seed)
    except WhisperSynthError as error:
        raise OptionError(one_line(error)) from None


def _midi_note(text: str | None) -> int | None:
    from presets.txt import parse_note

    try:
        return None if text is None else parse_note(text)
    except PresetError as error:
        raise OptionError(one_line(error)) from None


@app.command(short_help="Say in plain words what a patch does to the sound.")
def explain(
    patch: PatchArgument,
) -> None:
    """Say in plain words what each section of a patch does to the sound."""
    from companion.disk.store import read_preset
    from companion.telling.explain import explain as paragraphs
    from companion.telling.explain import how_to_change, introduction
    from companion.telling.report import print_paragraphs

    reading = read_preset(patch)
    print_paragraphs(paragraphs(reading.patch, introduction(reading)), how_to_change(reading.patch))


@app.command()
def render(
    patch: PatchArgument,
    note: Annotated[
        str | None,
        typer.Option(metavar="NOTE", help="Note to play, 60 or C3; else the one the patch was heard at."),
    ] = None,
    seconds: Annotated[
        float,
        typer.Option(metavar="S", help="Length of the wav; the key is let go after three quarters of it."),
    ] = 2.0,
    out: Annotated[
        Path | None, typer.Option(metavar="WAV", help="The wav to write, or a folder for it; else here.")
    ] = None,
) -> None:
    """Play one note of a patch into a wav."""
    from companion.disk.audition import audition
    from companion.disk.store import save_audio
    from presets.txt import note_name

    if not SHORTEST_RENDER_S <= seconds <= LONGEST_RENDER_S:
        raise OptionError(
            f"{seconds:g} s cannot be rendered; give {SHORTEST_RENDER_S:g} to {LONGEST_RENDER_S:g} seconds"
        )
    heard = audition(patch, _midi_note(note), seconds)
    path = save_audio(heard.audio, out or Path(), f"{patch.stem} {note_name(heard.note)}")
    if heard.is_silent:
        say(
            f"the patch is silent at {note_name(heard.note)}; try another note, or see `whispersynth explain`"
        )
    typer.echo(path)


# The order of `whispersynth --help`; match, explain and render stand above.
app.command(short_help="Write a patch or preset for another synth.")(convert)
app.command()(capture)
app.command(short_help="List the synths that can be matched for.")(synths)
app.command(short_help="Learn a synth plugin by listening to it.")(learn)
app.add_typer(
    library_commands.app, name="library", short_help="Every match: search, favourites, notes, files."
)
app.add_typer(serve_commands.app)  # serve, watch, jobs
app.add_typer(live_app, name="live", short_help="Ableton Live: install the script, and act through it.")
app.add_typer(midi_app, name="midi")
