"""What the user may set: `config.json` beside this file, read again when it changes; mistakes are told, not fatal."""

from __future__ import annotations

import json
import os
from typing import Any, Callable

FILE = "config.json"
NOTE, CONTROL = "note", "cc"
KINDS = (NOTE, CONTROL)
PRESSED = 64  # a control's value from which it counts as pressed
NOTE_ON, NOTE_OFF, CONTROL_CHANGE = 0x90, 0x80, 0xB0

MATCH, LOAD, UNDO = "match", "load", "undo"
ACTIONS = (MATCH, LOAD, UNDO)


class Button:
    """A key or controller of a MIDI device, and what it does."""

    def __init__(self, action: str, kind: str, channel: int, number: int) -> None:
        self.action, self.kind = action, kind
        self.channel, self.number = channel, number
        """1 to 16, and 0 to 127."""

    def is_pressed_by(self, message: tuple[int, ...]) -> bool:
        """A MIDI message presses it: a note with a velocity, a controller's upper half."""
        status, number, value = message
        begins = NOTE_ON if self.kind == NOTE else CONTROL_CHANGE
        least = 1 if self.kind == NOTE else PRESSED
        return status == begins + self.channel - 1 and number == self.number and value >= least

    def is_meant_by(self, message: tuple[int, ...]) -> bool:
        """A MIDI message comes from it, pressed or let go."""
        kinds = (NOTE_ON, NOTE_OFF) if self.kind == NOTE else (CONTROL_CHANGE,)
        return (
            message[0] & 0xF0 in kinds and message[0] & 0x0F == self.channel - 1 and message[1] == self.number
        )


class Config:
    """Settings with their defaults."""

    def __init__(self) -> None:
        self.buttons: list[Button] = []
        self.load = True
        """A match is loaded into the set when it is done."""
        self.new_track = True
        """A track is made where the selected one takes no instrument."""
        self.osc_port = 11000
        """AbletonOSC's dialect is spoken here; 0: not at all."""
        self.osc_reply_port = 11001
        self.data = ""
        """The companion's data folder; empty: where the system has it."""
        self.seconds: float | None = None
        """For each match; None: what the companion takes."""
        self.kind = ""
        """any, recipe or resynth; empty: what the companion takes."""
        self.complaints: list[str] = []


def read(folder: str) -> Config:
    """The settings of a folder; the defaults where it has none."""
    config = Config()
    try:
        with open(os.path.join(folder, FILE), encoding="utf-8") as file:
            told = json.load(file)
    except FileNotFoundError:
        return config
    except (OSError, ValueError) as error:
        config.complaints.append(f"{FILE} cannot be read ({error}); the defaults are used")
        return config
    if not isinstance(told, dict):
        config.complaints.append(f"{FILE} is no JSON object; the defaults are used")
        return config
    for key, value in told.items():
        _take(config, key, value)
    return config


def _take(config: Config, key: str, value: Any) -> None:
    known = CHECKS.get(key)
    if key == "buttons":
        config.buttons = _buttons(config, value)
    elif known is None:
        config.complaints.append(f"{FILE} has no setting {key!r}")
    elif not known(value):
        config.complaints.append(f"{FILE}: {key} cannot be {value!r}")
    else:
        setattr(config, key, value)


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool)


def _is_port(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 65536


CHECKS: dict[str, Callable[[Any], bool]] = {
    "load": _is_switch,
    "new_track": _is_switch,
    "osc_port": _is_port,
    "osc_reply_port": _is_port,
    "data": lambda value: isinstance(value, str),
    "seconds": lambda value: (
        isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 3600
    ),
    "kind": lambda value: value in ("any", "recipe", "resynth"),
}


def _buttons(config: Config, told: Any) -> list[Button]:
    """`{"match": {"kind": "note", "channel": 1, "number": 36}}` as buttons."""
    found = []
    for action, one in told.items() if isinstance(told, dict) else ():
        button = _button(action, one)
        if button is None:
            config.complaints.append(
                f"{FILE}: the button {action!r} is not understood; give kind (note or cc), channel 1-16, number 0-127"
            )
        else:
            found.append(button)
    return found


def _button(action: Any, told: Any) -> Button | None:
    if action not in ACTIONS or not isinstance(told, dict) or told.get("kind") not in KINDS:
        return None
    channel, number = told.get("channel", 1), told.get("number", -1)
    whole = all(isinstance(value, int) and not isinstance(value, bool) for value in (channel, number))
    if not whole or not 1 <= channel <= 16 or not 0 <= number <= 127:
        return None
    return Button(action, told["kind"], channel, number)


def changed_at(folder: str) -> float:
    """When the settings were written; 0 where there are none."""
    try:
        return os.stat(os.path.join(folder, FILE)).st_mtime
    except OSError:
        return 0.0
