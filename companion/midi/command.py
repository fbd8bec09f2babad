"""The commands `whispersynth midi ports|send|teach|map`."""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from companion.errors import MidiError, OptionError
from companion.telling.complaints import say

if TYPE_CHECKING:
    from companion.midi.maps import Control, MidiMap
    from companion.midi.ports import Output

app = typer.Typer(help="A patch as MIDI control changes.", no_args_is_help=True)

MOST_WAIT_S = 3600.0
SLOWEST, FASTEST = 3.0, 1e6  # bytes a second; the fastest is for ports that are no wire
MORE_PROGRESS_THAN_S = 1.0

MapOption = Annotated[
    str, typer.Option("--map", metavar="MAP", help="serum2, serum1, general, or a .toml file of your own.")
]
PortOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Part of a port's name; else a virtual port `WhisperSynth`, where the system has such.",
    ),
]
ChannelOption = Annotated[int | None, typer.Option(metavar="N", help="Channel 1 to 16; else the map's.")]
WaitOption = Annotated[
    float | None,
    typer.Option(metavar="S", help="Send after this many seconds; else a virtual port waits for Enter."),
]


@app.command()
def ports() -> None:
    """List the MIDI outputs."""
    from companion.midi.ports import CLIENT, NO_VIRTUAL, has_virtual_ports, list_ports, no_midi, systems

    if not systems():
        raise MidiError(no_midi())
    found = list_ports()
    for port in found:
        typer.echo(f"{port.name}  ({port.system})")
    if not found:
        say("no other program or device listens for MIDI")
    if has_virtual_ports():
        say(
            f"without --port, `send` and `teach` open a port of their own: choose {CLIENT!r} as MIDI input in the DAW"
        )
    else:
        say(NO_VIRTUAL)


@app.command()
def send(
    patch: Annotated[
        Path, typer.Argument(metavar="PATCH", readable=False, help="A .txt patch or a .vital preset.")
    ],
    midi_map: MapOption = "serum2",
    port: PortOption = None,
    channel: ChannelOption = None,
    wait: WaitOption = None,
    rate: Annotated[
        float, typer.Option(metavar="BYTES", help="Bytes a second; a 5-pin cable carries 3125.")
    ] = 2500.0,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print the messages, status, controller and value, and send none."),
    ] = False,
) -> None:
    """Send a patch as control changes."""
    from companion.disk.store import read_patch
    from companion.midi.messages import patch_to_messages
    from companion.midi.pace import send_paced
    from companion.midi.ports import open_output

    if not SLOWEST <= rate <= FASTEST:
        raise OptionError(f"{rate:g} bytes a second is out of range; give {SLOWEST:g} to {FASTEST:g}")
    _check_wait(wait)
    messages = patch_to_messages(read_patch(patch), _map(midi_map, channel))
    if dry_run:
        typer.echo("\n".join(f"{status:02X} {cc:3} {value:3}" for status, cc, value in messages))
        return
    with open_output(port) as output:
        _until_ready(output, wait)
        with _bar(len(messages), shown=sum(map(len, messages)) / rate > MORE_PROGRESS_THAN_S) as on_sent:
            send_paced(messages, output.send, rate, on_sent)
        say(f"{len(messages)} control changes went to {output.name}")


@contextmanager
def _bar(n: int, shown: bool) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not (shown and console.is_terminal)) as progress:
        task = progress.add_task("sending", total=n)
        yield lambda n_sent: progress.update(task, completed=n_sent)


@app.command()
def teach(
    midi_map: MapOption = "serum2",
    port: PortOption = None,
    channel: ChannelOption = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="PARAMETER", help="Begin at this one, as filter1.cutoff.")
    ] = None,
    wait: WaitOption = None,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", help="Go on to the next after this long; else at Enter.")
    ] = None,
) -> None:
    """Send one control change at a time, so that the synth can learn it."""
    from companion.midi.ports import open_output
    from companion.midi.teach import from_parameter

    mapped = _map(midi_map, channel)
    _check_wait(wait)
    if seconds is not None and not 0 < seconds <= MOST_WAIT_S:
        raise OptionError(f"--seconds {seconds:g} is out of range; give up to {MOST_WAIT_S:g}")
    try:
        controls = from_parameter(mapped.controls, first)
    except KeyError:
        raise OptionError(
            f"the map has no {first!r}; `whispersynth midi map {midi_map}` lists what it has"
        ) from None
    with open_output(port) as output:
        _until_ready(output, wait)
        say(f"in {mapped.synth or 'the synth'}, {mapped.learn or 'let each control learn'} while it is sent")
        for n, control in enumerate(controls, 1):
            say(f"{n} of {len(controls)}: {control.title}, CC {control.cc} on channel {control.channel}")
            if not _teach_one(control, output, seconds):
                break


def _teach_one(control: Control, output: Output, seconds: float | None) -> bool:
    """Sends until Enter or the time; whether to go on."""
    from companion.midi.teach import send_until

    typed: list[str] = []
    until = time.monotonic() + (MOST_WAIT_S if seconds is None else seconds)
    if seconds is None:
        say("Enter when it is learnt, q and Enter to stop")

    def done() -> bool:
        return time.monotonic() >= until or (seconds is None and _has_typed(typed))

    send_until(control, output.send, done)
    return "q" not in typed


def _has_typed(typed: list[str]) -> bool:
    """Whether a line was typed, which is put into `typed`; the end of input counts as `q`."""
    if not _line_waits():
        return False
    line = sys.stdin.readline()
    typed.append(line.strip().casefold() if line else "q")
    return True


def _line_waits() -> bool:
    if sys.platform != "win32":
        return bool(select.select([sys.stdin], [], [], 0)[0])
    import msvcrt

    return msvcrt.kbhit()


@app.command("map")
def show_map(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="MAP", help="serum2, serum1, general, or a .toml file; without it all are listed."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write it: a .toml to change, or a .SerumMIDIMap for Serum 2."),
    ] = None,
) -> None:
    """Show a map, or write it as .toml or .SerumMIDIMap."""
    from companion.midi.maps import SHIPPED, find_map

    if name is None:
        if out is not None:
            raise OptionError(
                f"--out needs a map to write; name one of {', '.join(SHIPPED)}, or a .toml file"
            )
        for shipped in SHIPPED:
            typer.echo(f"{shipped}: {len(find_map(shipped).controls)} controls")
        return
    mapped = find_map(name)
    if out is None:
        for control in mapped:
            typer.echo(_line(control))
    else:
        from companion.midi.map_files import write_map

        typer.echo(write_map(mapped, out))


def _line(control: Control) -> str:
    cc = f"{control.cc}+{control.ccs[1]}" if control.bits == 14 else str(control.cc)
    return f"channel {control.channel:2}  CC {cc:6} {control.parameter:20} {control.label}".rstrip()


def _map(name: str, channel: int | None) -> MidiMap:
    from companion.midi.maps import find_map

    mapped = find_map(name)
    if channel is None:
        return mapped
    try:
        return mapped.on_channel(channel)
    except MidiError as error:
        raise OptionError(str(error)) from None


def _check_wait(wait: float | None) -> None:
    if wait is not None and not 0 <= wait <= MOST_WAIT_S:
        raise OptionError(f"--wait {wait:g} is out of range; give 0 to {MOST_WAIT_S:g} seconds")


def _until_ready(output: Output, wait: float | None) -> None:
    """Lets whoever shall listen connect: a virtual port is there only while this command runs."""
    if wait is not None:
        time.sleep(wait)
    elif output.is_virtual:
        say(f"choose {output.name!r} as MIDI input of the synth's track, then press Enter")
        if not sys.stdin.readline():
            raise MidiError("nobody can press Enter here; give --wait SECONDS, or a --port that is there")
