"""The command `whispersynth capture`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from companion.errors import OptionError
from companion.telling.complaints import say

if TYPE_CHECKING:
    from companion.capture.options import CaptureOptions, Progress

METER_DB = 60.0  # below full scale, where the meter begins
METER_CELLS = 20


def capture(
    device: Annotated[
        str | None, typer.Option(metavar="NAME", help="Part of a device's name; --list shows them.")
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(metavar="S", help="Record this long from now; with --trigger at most this long."),
    ] = None,
    trigger: Annotated[
        bool,
        typer.Option(
            "--trigger", help="Wait until it gets loud, stop when it is silent (without --seconds too)."
        ),
    ] = False,
    threshold: Annotated[
        float, typer.Option(metavar="DB", help="Loud is above this peak, silent below it.")
    ] = -50.0,
    pre_roll: Annotated[float, typer.Option(metavar="S", help="Kept from before it got loud.")] = 0.2,
    silence: Annotated[float, typer.Option(metavar="S", help="Stop after this much silence.")] = 1.5,
    wait: Annotated[
        float, typer.Option(metavar="S", help="Give up when it does not get loud for this long.")
    ] = 60.0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="WAV",
            help="The wav to write, or a folder for it; else Captures in WhisperSynth's folder.",
        ),
    ] = None,
    match: Annotated[
        bool, typer.Option("--match", help="Match what was recorded, as `whispersynth match` does.")
    ] = False,
    show: Annotated[bool, typer.Option("--list", help="List the devices and what each is good for.")] = False,
) -> int:
    """Record what another program plays, to match it."""
    if show:
        _list()
        return 0
    if device is None:
        raise OptionError("--device is missing; `whispersynth capture --list` shows what there is")
    path = _capture(device, _options(seconds, trigger, threshold, pre_roll, silence, wait), out)
    return _match(path) if match else 0


def _options(
    seconds: float | None, trigger: bool, threshold: float, pre_roll: float, silence: float, wait: float
) -> CaptureOptions:
    from companion.capture.options import CaptureOptions

    return CaptureOptions(seconds, trigger or seconds is None, threshold, pre_roll, silence, wait)


def _list() -> None:
    from companion.capture.devices import hint
    from companion.capture.record import list_devices

    devices = sorted(list_devices(), key=lambda d: not d.fits)
    for d in devices:
        channels = {1: "mono", 2: "stereo"}.get(d.n_channels, f"{d.n_channels} channels")
        typer.echo(f"{d.name} ({d.system})  {channels}, {d.rate_hz} Hz  {d.use}")
    if advice := hint(devices):
        say(advice)


def _capture(device: str, options: CaptureOptions, out: Path | None) -> Path:
    from companion.capture.record import record

    with _meter(options) as progress:
        made = record(device, options, out, progress=progress)
    for warning in made.warnings:
        say(warning)
    say(f"{made.seconds:.2f} s, peak {made.peak_db:.1f} dB, {made.dropped} samples dropped")
    typer.echo(made.path)
    return made.path


def _match(path: Path) -> int:
    from companion.match import MatchOptions
    from companion.matching import match_clips
    from companion.serve.sending import match_in_queue
    from companion.telling.report import report_to

    code = match_in_queue(path, "capture")  # through the running process, where there is one
    if code is not None:
        return code
    with report_to(False) as report:
        return match_clips([path], MatchOptions(), None, report)


@contextmanager
def _meter(options: CaptureOptions) -> Iterator[Callable[[Progress], None]]:
    """A line on stderr with the level and the time, where stderr is a terminal; else the steps alone."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _steps()
        return
    with console.status("opening") as status:
        yield lambda progress: status.update(
            f"{progress.state} {progress.recorded_s:.1f} s {_level(progress.level_db)}"
        )


def _steps() -> Callable[[Progress], None]:
    told = {"done"}

    def tell(progress: Progress) -> None:
        if progress.state not in told:
            told.add(progress.state)
            say(progress.state)

    return tell


def _level(level_db: float) -> str:
    cells = round(min(max(1 + level_db / METER_DB, 0), 1) * METER_CELLS)
    return f"{'#' * cells}{'.' * (METER_CELLS - cells)} {level_db:.0f} dB"
