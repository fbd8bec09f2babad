"""Serum 1 presets (`.fxp`): read, edited and written so that what was not touched stays byte for byte.

What is known of the format, from whom, and what only a person who owns Serum can settle: docs/serum.md.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from presets.errors import PresetError
from presets.files import read_file, write_file
from presets.fxp import MAX_BYTES, NAME_BYTES, Fxp, decode_fxp, encode_fxp
from presets.serum1_chunk import pack, unpack
from presets.serum1_curves import Curve, Lfo, read_curve, read_lfo, write_curve, write_lfo
from presets.serum1_layout import WORD, place
from presets.serum1_matrix import Slot, read_slot, read_slots, write_slot
from presets.serum1_state import State
from presets.tables import FRAME_SIZE
from presets.wav import MAX_FRAMES, MAX_PEAK

Frames = NDArray[np.float32]

PLUGINS = (b"XfsX", b"XfsY")  # Serum and Serum FX
OSCILLATORS = ("a", "b")
FRAME_BYTES = FRAME_SIZE * WORD
_NOWHERE = -1  # a menu position: the table stands in no folder


class Serum1:
    """A preset open for editing. `state` has its parameters, menus, switches, texts and order of effects."""

    def __init__(self, chunk: bytes, container: Fxp | None = None) -> None:
        """Open a chunk, of a file or of a plugin's state; raises PresetError."""
        self._container = container or Fxp(chunk, PLUGINS[0])
        self._packed = unpack(chunk)
        self.state = State(self._packed[0].data)
        self._embedded = self._packed[1].data
        self._check_embedded()

    def chunk(self) -> bytes:
        """The chunk; a part that holds what it held is packed as it was."""
        state, embedded = self._packed
        return pack(state.holding(bytes(self.state.data)), embedded.holding(self._embedded))

    def encode(self) -> bytes:
        """The bytes of an `.fxp` file."""
        return encode_fxp(replace(self._container, chunk=self.chunk()))

    # -- names, routings, curves --------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self.state.text("name")

    @name.setter
    def name(self, name: str) -> None:
        """Both the preset's name and the container's; raises PresetError when it is longer than 33 bytes."""
        if name == self.name:
            return
        self.state.set_text("name", name)
        program = name.encode("utf-8", "surrogateescape")[:NAME_BYTES].ljust(NAME_BYTES, b"\0")
        self._container = replace(self._container, program=program)

    def slot(self, number: int) -> Slot:
        """A slot of the matrix, counted from 1."""
        return read_slot(self.state, number)

    def slots(self) -> dict[int, Slot]:
        """Number -> slot of those with a source."""
        return read_slots(self.state)

    def set_slot(self, number: int, slot: Slot) -> None:
        write_slot(self.state, number, slot)

    def lfo(self, number: int) -> Lfo:
        """An LFO, counted from 1."""
        return read_lfo(self.state, number)

    def set_lfo(self, number: int, lfo: Lfo) -> None:
        write_lfo(self.state, number, lfo)

    def curve(self, name: str) -> Curve:
        """`lfo1` .., `remap_a`, `remap_b`, `shaper1`, `shaper2`."""
        return read_curve(self.state, name)

    def set_curve(self, name: str, curve: Curve) -> None:
        write_curve(self.state, name, curve)

    # -- embedded tables ----------------------------------------------------------------------------------------

    def _table_bytes(self) -> tuple[int, int]:
        at = place("table_bytes")
        return self.state.read(at, "<I"), self.state.read(at + WORD, "<I")

    def _check_embedded(self) -> None:
        sizes = self._table_bytes()
        if any(size % FRAME_BYTES or size > MAX_FRAMES * FRAME_BYTES for size in sizes):
            raise PresetError(
                f"its tables claim {sizes} bytes; a table is 1 to {MAX_FRAMES} times {FRAME_BYTES}"
            )
        total, n = sum(sizes), len(self._embedded)
        if self.state.layout.is_old:
            fits = total <= n  # what may follow the tables in the oldest states is not known
        else:
            total += sum(self.state.read(place(name), "<I") for name in ("tuning_bytes", "noise_bytes"))
            fits = total == n
        if not fits:
            raise PresetError(f"it claims {total} bytes of embedded data and has {n}; copy the file again")
        for oscillator in OSCILLATORS:
            frames = self.table(oscillator)
            if frames is not None and not (np.abs(frames) <= MAX_PEAK).all():
                raise PresetError(
                    f"table {oscillator} holds samples that are no sound; do not trust the file"
                )

    def table(self, oscillator: str) -> Frames | None:
        """The embedded table of oscillator `a` or `b`, float32 (n_frames, 2048); None when there is none."""
        start, size = self._span(oscillator)
        data = self._embedded[start : start + size]
        return np.frombuffer(data, "<f4").astype(np.float32).reshape(-1, FRAME_SIZE) if size else None

    def _span(self, oscillator: str) -> tuple[int, int]:
        if oscillator not in OSCILLATORS:
            raise PresetError(f"{oscillator!r} is no oscillator with a table; expected a or b")
        size_a, size_b = self._table_bytes()
        return (0, size_a) if oscillator == "a" else (size_a, size_b)

    def set_table(self, oscillator: str, frames: Frames, interpolation: int = 0) -> None:
        """Embed frames (1..256, 2048), full scale 1, in place of the table or the name that stood there.

        Args:
            interpolation: the byte Serum keeps with it, 0 to 4.

        Raises:
            PresetError: no such oscillator, or not such frames.
        """
        if frames.ndim != 2 or frames.shape[1] != FRAME_SIZE or not 1 <= len(frames) <= MAX_FRAMES:
            raise PresetError(
                f"frames {frames.shape} are not (1 to {MAX_FRAMES}, {FRAME_SIZE}); resample them"
            )
        if not (np.abs(frames) <= MAX_PEAK).all():
            raise PresetError("the frames hold samples that are no sound; mend or scale them")
        if not 0 <= interpolation <= 4:
            raise PresetError(f"interpolation {interpolation} is not 0 to 4")
        data = frames.astype("<f4").tobytes()
        start, size = self._span(oscillator)
        if self._embedded[start : start + size] == data:
            return
        self._replace(oscillator, data, "")
        self.state.data[place("interpolation") + OSCILLATORS.index(oscillator)] = interpolation

    def name_table(self, oscillator: str, name: str) -> None:
        """Use a table of Serum's Tables folder, such as `/Analog/Basic Shapes.wav`; drops an embedded one."""
        self._replace(oscillator, b"", name)

    def name_noise(self, name: str) -> None:
        """Use a sample of Serum's Noises folder, such as `/Analog/BrightWhite.wav`; raises PresetError."""
        if name == self.state.text("noise"):
            return
        self.state.set_text("noise", name)
        for folder_or_file in (0, 3):
            self.state.write(place("menu_position") + WORD * (folder_or_file + 2), "<i", _NOWHERE)

    def _replace(self, oscillator: str, data: bytes, name: str) -> None:
        start, size = self._span(oscillator)
        self.state.set_text(f"table_{oscillator}", name)
        self._embedded = self._embedded[:start] + data + self._embedded[start + size :]
        index = OSCILLATORS.index(oscillator)
        self.state.write(place("table_bytes") + WORD * index, "<I", len(data))
        for folder_or_file in (0, 3):  # of A, B and noise each
            self.state.write(place("menu_position") + WORD * (folder_or_file + index), "<i", _NOWHERE)


def decode_serum1(data: bytes) -> Serum1:
    """The preset in the bytes of an `.fxp` file; raises PresetError."""
    container = decode_fxp(data)
    if container.plugin not in PLUGINS:
        raise PresetError(f"it is a preset of another plugin ({container.plugin!r}), not of Serum 1")
    return Serum1(container.chunk, container)


def read_serum1(path: Path) -> Serum1:
    """The preset of an `.fxp` file; raises PresetError."""
    data = read_file(path, MAX_BYTES)
    try:
        return decode_serum1(data)
    except PresetError as error:
        raise PresetError(f"{path} cannot be read as a Serum 1 preset: {error}") from error


def write_serum1(path: Path, preset: Serum1) -> None:
    """Write an `.fxp` file, replacing `path`; raises PresetError."""
    write_file(path, preset.encode())
