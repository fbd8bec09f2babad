"""A patch as MIDI messages."""

from __future__ import annotations

import math

from companion.errors import MidiError
from companion.midi.maps import LSB_OFFSET, SERUMS, Control, MidiMap
from presets.patch import Patch
from presets.schema import Parameter
from presets.serum_sound import encode, rows
from presets.serum_writing import patch_to_sound

CONTROL_CHANGE = 0xB0
Message = tuple[int, int, int]
"""Status byte (control change on a channel), controller 0..127, value 0..127."""


def patch_to_messages(patch: Patch, midi_map: MidiMap) -> list[Message]:
    """The control changes that set a patch's parameters, in the map's order.

    Parameters at their default are sent too: the synth may stand elsewhere. Macros that the patch does not have are not sent.

    Raises:
        MidiError: the map names what the patch does not have, or its range makes no sense.
    """
    midi_map.check_against(patch.schema)
    knobs = Knobs(patch)
    return [
        message
        for control in midi_map
        if control.parameter in patch.schema.defaults
        for message in control_to_messages(control, knobs.position(control))
    ]


def control_to_messages(control: Control, at: float) -> list[Message]:
    """One message, or two for 14 bits (upper, then lower, as the MIDI specification asks), for a position 0..1."""
    status = CONTROL_CHANGE | (control.channel - 1)
    steps = 2**control.bits - 1
    value = round(min(max(at, 0.0), 1.0) * steps)
    if control.bits == 7:
        return [(status, control.cc, value)]
    return [(status, control.cc, value >> 7), (status, control.cc + LSB_OFFSET, value & 0x7F)]


class Knobs:
    """Where a patch has the knobs of a synth, 0..1."""

    def __init__(self, patch: Patch) -> None:
        self._patch = patch
        self._serum: dict[str, dict[str, float]] = {}

    def position(self, control: Control) -> float:
        """Raises MidiError for a range or a control that makes no sense."""
        patch, curve = self._patch, control.curve
        if control.off_with and not patch[control.off_with]:
            return 0.0
        row = patch.schema[control.parameter]
        if curve == "schema":
            return row.value_to_raw(patch[control.parameter])
        if curve in SERUMS:
            return self._of_serum(str(curve), control)
        low, high = _range(control, row)
        return min(max(_position(patch.number(control.parameter), low, high, curve), 0.0), 1.0)

    def _of_serum(self, synth: str, control: Control) -> float:
        if synth not in self._serum:
            self._serum[synth] = patch_to_sound(self._patch, SERUMS[synth])[0].raws
        raw = self._serum[synth].get(control.control)
        law = rows(SERUMS[synth]).get(control.parameter)
        if raw is None and law and law["control"] == control.control:
            raw = encode(law, self._patch[control.parameter])  # of a part that the patch leaves off
        if raw is None:
            raise MidiError(
                f"{control.parameter} in the MIDI map is to move {control.control!r}, which Serum does not have; "
                f"correct the control"
            )
        return raw


def _range(control: Control, row: Parameter) -> tuple[float, float]:
    if row.kind == "choice":
        raise MidiError(
            f"{row.name} is a choice, which has no {control.curve!r} curve; leave the curve out of the MIDI map"
        )
    low = row.low if control.low is None else float(control.low)
    high = row.high if control.high is None else float(control.high)
    if low == high or (control.curve == "log" and min(low, high) <= 0):
        raise MidiError(
            f"{row.name} goes from {low:g} to {high:g} in the MIDI map; no {control.curve!r} curve does"
        )
    return low, high


def _position(value: float, low: float, high: float, curve: str | float) -> float:
    if curve == "log":
        return math.log(max(value, 1e-9) / low) / math.log(high / low)
    if curve == "gain":  # amplitude = position ** 2, full at `high`
        return float(10 ** ((value - high) / 40))
    share = min(max((value - low) / (high - low), 0.0), 1.0)
    return share if curve == "linear" else float(share ** (1 / float(curve)))
