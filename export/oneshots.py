"""oneshots: notes of real instruments, played by fluidsynth from a sound font -> how near the match comes to them.

The clips are what a sound designer's folder of one-shots holds: one key of one program of a General MIDI sound font, held
for 1.5 s of 2.5 s, dry unless asked for otherwise (fluidsynth's reverb and chorus are a player's, not the sample's).
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from pedalboard.io import AudioFile
from rich.console import Console
from rich.table import Table

from companion.errors import WhisperSynthError
from companion.hearing.audio import SAMPLE_RATE, Audio
from companion.judging.metrics import fit_length
from export.evaluate import (
    TABLE_WIDTH,
    TEXT_FILE,
    UNFINISHED,
    Evaluation,
    Ledger,
    ask_all,
    check_methods,
    describe,
    write_reports,
)
from export.evaluate import show as show_standings
from export.peers import TITLES, Setup
from export.progress import track
from export.sounds import Note, midi_file
from export.standings import Panel
from export.targets import TOTAL_S, Hearing, Judgement, Target

PROGRAMS = {
    0: "piano", 4: "electric piano", 11: "vibraphone", 16: "drawbar organ", 19: "church organ", 24: "nylon guitar",
    30: "distortion guitar", 32: "acoustic bass", 38: "synth bass", 40: "violin", 42: "cello", 48: "strings",
    52: "choir", 56: "trumpet", 61: "brass section", 65: "alto sax", 68: "oboe", 71: "clarinet", 73: "flute",
    80: "square lead", 81: "saw lead", 87: "bass and lead", 88: "new age pad", 89: "warm pad",
}  # fmt: skip
NOTES = (43, 60)
NOTE_S = 1.5
VELOCITY = 100  # 0.8 of the whole, as in every render that is judged
GAIN = 0.5  # of fluidsynth: loud, and nothing clips
METHODS = ("any", "recipe")
MSS = (Panel(lambda item: item["heard"]["mss"] if item["heard"] else np.nan, "distance from the one-shot", "MSS, dB", 20.0),)  # fmt: skip
PLAYER = "fluidsynth"


def perform(font: Path, program: int, note: int, effects: bool = False) -> Audio:
    """One key of a program of a sound font, float32 `(2, 110250)`.

    Args:
        effects: with fluidsynth's own reverb and chorus.
    """
    on = "1" if effects else "0"
    with tempfile.TemporaryDirectory() as folder:
        score, wav = Path(folder, "note.mid"), Path(folder, "note.wav")
        score.write_bytes(midi_file([Note(0.0, NOTE_S, note, velocity=VELOCITY)], [program]))
        how = [
            "-niq",
            "-R",
            on,
            "-C",
            on,
            "-g",
            str(GAIN),
            "-r",
            str(SAMPLE_RATE),
            "-O",
            "float",
            "-F",
            str(wav),
        ]
        quick = ["-o", "synth.dynamic-sample-loading=1"]  # one program of a font of 140 MB
        done = subprocess.run([PLAYER, *how, *quick, str(font), str(score)], capture_output=True, text=True)
        if done.returncode or "error" in done.stderr:  # it goes on with another font where it cannot read one
            raise WhisperSynthError(f"fluidsynth cannot play {font}: {done.stderr.strip()}")
        with AudioFile(str(wav)) as file:  # as it is: what `read_clip` mends is part of the match
            return fit_length(file.read(file.frames), round(TOTAL_S * SAMPLE_RATE))


def one_shots(font: Path, programs: Sequence[int], notes: Sequence[int], effects: bool) -> Iterator[Target]:
    """A target for every program at every note."""
    for program, note in product(programs, notes):
        name = f"{program} {PROGRAMS.get(program, 'program')} {note}"
        yield Target.of_clip(name, perform(font, program, note, effects), Hearing(note, NOTE_S))


def run(
    font: Path,
    out: Path,
    methods: Sequence[str],
    setup: Setup,
    programs: Sequence[int] = tuple(PROGRAMS),
    notes: Sequence[int] = NOTES,
    effects: bool = False,
) -> Evaluation:
    """Plays the one-shots, asks every method about them and writes the reports of `export.evaluate` to `out`.

    Raises:
        WhisperSynthError: fluidsynth or the sound font is missing, or there is no such method.
    """
    check_methods(methods)
    if not shutil.which(PLAYER):
        raise WhisperSynthError(
            "fluidsynth is not installed; install it (Debian and Ubuntu: apt-get install fluidsynth)"
        )
    if not font.is_file():
        raise WhisperSynthError(
            f"there is no sound font {font}; Debian's is in the package fluid-soundfont-gm"
        )
    clips = one_shots(font, programs, notes, effects)
    evaluation = Evaluation(list(track(clips, len(programs) * len(notes), "one-shots")), {})
    about = {"soundfont": font.name, "effects": effects, "programs": list(programs), "notes": list(notes)}
    about |= describe(setup)
    with Ledger(out / UNFINISHED, about) as ledger:
        ask_all(evaluation, methods, setup, ledger)
        write_reports(evaluation, out, about, MSS)
        with (out / TEXT_FILE).open("a", encoding="utf-8") as file:
            Console(file=file, width=TABLE_WIDTH).print(by_clip(evaluation))
    return evaluation


def by_clip(evaluation: Evaluation) -> Table:
    """Every clip with its distances, a block of columns a method."""
    drawn = Table("one-shot", *(f"{TITLES[m]}: {what}" for m in evaluation.items for what in CELLS))
    for rows in zip(*evaluation.items.values(), strict=True):
        drawn.add_row(rows[0]["name"], *(cell(item) for item in rows for cell in CELLS.values()))
    return drawn


def _measured(name: str, digits: int) -> Any:
    return lambda item: f"{item['heard'][name]:.{digits}f}" if item["heard"] else "failed"


def _pitch(item: Judgement) -> str:
    """The note, and how far the pitch is off it where that is an error."""
    note = item["note"] - item["true_note"]
    wrong = f" {item['pitch']}" if item["pitch"] in ("off", "octave") else "" if item["pitch"] else " ?"
    return f"{note:+d}{wrong}"


CELLS = {
    "MSS": _measured("mss", 2), "wMFCC": _measured("wmfcc", 2), "SOT": _measured("sot", 4), "RMS": _measured("rms", 3),
    "note": _pitch,
}  # fmt: skip


def oneshots(
    soundfont: Annotated[Path, typer.Option(help="A General MIDI sound font, .sf2 or .sf3.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the reports; run again to go on.")],
    methods: Annotated[str, typer.Option(help="Comma-separated, as of `evaluate`.")] = ",".join(METHODS),
    programs: Annotated[str, typer.Option(help="Comma-separated, 0 to 127.")] = ",".join(map(str, PROGRAMS)),
    notes: Annotated[str, typer.Option(help="Comma-separated MIDI notes.")] = ",".join(map(str, NOTES)),
    effects: Annotated[bool, typer.Option(help="With fluidsynth's reverb and chorus.")] = False,
    seed: Annotated[int, typer.Option(help="Of the match.")] = 0,
    seconds: Annotated[float, typer.Option(help="Budget of a match.")] = 2.0,
) -> None:
    """Match notes of real instruments, played from a sound font, and measure how near the answers come."""
    setup = Setup(seed=seed, seconds=seconds)
    names = [name.strip() for name in methods.split(",") if name.strip()]
    which, where = ([int(part) for part in text.split(",")] for text in (programs, notes))
    show(run(soundfont, out, names, setup, which, where, effects), Console(width=TABLE_WIDTH))


def show(evaluation: Evaluation, console: Console) -> None:
    """Prints the table of the methods and that of the clips."""
    show_standings(evaluation, console)
    console.print(by_clip(evaluation))
