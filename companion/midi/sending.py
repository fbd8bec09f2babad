"""A patch to a port, in one call: what `serve` and other front ends need."""

from __future__ import annotations

from collections.abc import Callable

from companion.midi.maps import MidiMap, find_map
from companion.midi.messages import patch_to_messages
from companion.midi.pace import DEFAULT_BYTES_PER_S, send_paced
from companion.midi.ports import Output
from presets.patch import Patch


def send_patch(
    patch: Patch,
    output: Output,
    midi_map: MidiMap | None = None,
    bytes_per_s: float = DEFAULT_BYTES_PER_S,
    on_sent: Callable[[int], object] = lambda n_sent: None,
) -> int:
    """Sends a patch to an open output (`ports.open_output`) by a map, Serum 2's if none; returns the number of messages.

    Returns when the last message is through. `on_sent` hears of each; it may raise to stop.

    Raises:
        MidiError: the map does not fit the patch, or the port is gone.
    """
    messages = patch_to_messages(patch, midi_map or find_map("serum2"))
    return send_paced(messages, output.send, bytes_per_s, on_sent)
