"""MIDI ports by python-rtmidi: those that are there, and a virtual one of our own where the system has such."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from companion.errors import MidiError

CLIENT = "WhisperSynth"
INSTALL = "MIDI needs python-rtmidi, which is not installed; run: pip install 'whispersynth[midi]'"
NO_VIRTUAL = (
    "this system has no virtual MIDI ports; install loopMIDI, make a port in it and name it with --port"
)
NO_MIDI = {
    "linux": "no MIDI system answered; start JACK or PipeWire, or load ALSA's sequencer (modprobe snd-seq)",
}


@dataclass(frozen=True)
class Port:
    """A MIDI output that something listens at."""

    name: str
    system: str
    """ALSA, JACK, CoreMIDI, Windows MM."""


class Output:
    """An open output; close it, or use it in `with`."""

    def __init__(self, midi: Any, name: str, is_virtual: bool) -> None:
        self._midi, self.name, self.is_virtual = midi, name, is_virtual

    def send(self, message: Sequence[int]) -> None:
        """Sends one message at once; raises MidiError when the port is gone."""
        try:
            self._midi.send_message(message)
        except Exception as error:  # rtmidi has a family of its own, over OSError and ValueError
            raise MidiError(f"the MIDI port {self.name!r} took no message ({error}); open it again") from None

    def close(self) -> None:
        """Closes it; once is enough."""
        if self._midi is not None:
            self._midi.close_port()
            self._midi.delete()
            self._midi = None

    def __enter__(self) -> Output:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def list_ports() -> list[Port]:
    """The outputs of every MIDI system that answers; raises MidiError where python-rtmidi is missing."""
    ports = []
    for system, midi in _systems():
        ports += [Port(name, system) for name in midi.get_ports()]
        midi.delete()
    return ports


def systems() -> list[str]:
    """The MIDI systems that answer; raises MidiError where python-rtmidi is missing."""
    names = []
    for system, midi in _systems():
        names.append(system)
        midi.delete()
    return names


def has_virtual_ports() -> bool:
    """Whether this system lets a program have a port of its own."""
    return not sys.platform.startswith("win")


def open_output(name: str | None = None) -> Output:
    """The output whose name contains `name`, or without one a virtual port `WhisperSynth`.

    Raises:
        MidiError: there is none, several fit, or the system has no virtual ports.
    """
    if name is None and not has_virtual_ports():
        raise MidiError(NO_VIRTUAL)
    if name is None:
        return _open_virtual()
    system, full = _choose(name)
    for found, midi in _systems():
        if found == system and full in (names := midi.get_ports()):
            midi.open_port(names.index(full), name=CLIENT)
            return Output(midi, full, False)
        midi.delete()
    raise MidiError(f"the MIDI port {full!r} has just gone; list them with `whispersynth midi ports`")


def _open_virtual() -> Output:
    for _, midi in _systems():
        with suppress(Exception):  # the next system may do
            midi.open_virtual_port(CLIENT)
            return Output(midi, CLIENT, True)
        midi.delete()
    raise MidiError(no_midi())


def no_midi() -> str:
    """What to do where no MIDI system answers."""
    return NO_MIDI.get(sys.platform, "no MIDI system answered; look at the system's MIDI settings")


def _choose(name: str) -> tuple[str, str]:
    """System and full name of the one port that fits, an exact name first."""
    ports = list_ports()
    fits = [p for p in ports if p.name == name] or [p for p in ports if name.casefold() in p.name.casefold()]
    if len(fits) == 1:
        return fits[0].system, fits[0].name
    if fits:
        raise MidiError(
            f"several MIDI ports fit {name!r}: {', '.join(p.name for p in fits)}; give more of the name"
        )
    if not ports and not systems():
        raise MidiError(no_midi())
    there = ", ".join(repr(p.name) for p in ports) or "none"
    raise MidiError(f"no MIDI port's name contains {name!r}; there are: {there}")


# -- the library --------------------------------------------------------------------------------------------------


def _systems() -> Iterator[tuple[str, Any]]:
    """Each MIDI system that answers, with an unopened output in it."""
    rtmidi = _rtmidi()
    for api in rtmidi.get_compiled_api():
        try:
            with quiet():
                midi = rtmidi.MidiOut(api, name=CLIENT)
        except Exception:  # no server, no device file: this system is not in use
            continue
        yield rtmidi.get_api_display_name(api), midi


def _rtmidi() -> Any:
    try:
        import rtmidi
    except ImportError:
        raise MidiError(INSTALL) from None
    return rtmidi


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps what ALSA and JACK print about servers that are not there from stderr."""
    try:
        kept = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
