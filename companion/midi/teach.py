"""Teaching a synth: one control change at a time, again and again, until the user says that it was learnt."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from companion.midi.maps import Control
from companion.midi.messages import Message, control_to_messages
from companion.midi.pace import Send

STEP_S = 0.08
SWEEP = tuple(
    n / 16 for n in (*range(16), *range(16, 0, -1))
)  # up and down, so that the knob is seen to move


def wiggle(control: Control) -> Iterator[Message]:
    """Messages without end that move a control up and down.

    Of a 14-bit control only the upper seven bits: a synth that learns what came last would learn the lower ones.
    """
    while True:
        for at in SWEEP:
            yield control_to_messages(control, at)[0]


def send_until(
    control: Control,
    send: Send,
    done: Callable[[], bool],
    sleep: Callable[[float], object] = time.sleep,
) -> int:
    """Moves a control until `done`; returns the number of messages, at least one."""
    for n_sent, message in enumerate(wiggle(control), 1):
        send(message)
        sleep(STEP_S)
        if done():
            return n_sent
    raise AssertionError("a wiggle has no end")


def from_parameter(controls: Sequence[Control], first: str | None) -> Sequence[Control]:
    """The controls from a parameter on; all of them when it is None. Raises KeyError for one that is not there."""
    if first is None:
        return controls
    names = [control.parameter for control in controls]
    if first not in names:
        raise KeyError(first)
    return controls[names.index(first) :]
