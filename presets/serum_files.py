"""Which Serum a file is of, and a Patch as a file of either."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from presets.errors import PresetError
from presets.files import read_file
from presets.fxp import MAX_BYTES
from presets.patch import Patch
from presets.vital import Reading

if TYPE_CHECKING:
    from presets.serum_crossing import Crossing

SUFFIXES = {".fxp": "serum1", ".serumpreset": "serum2"}  # lower case -> synth
KINDS = {"serum1": "fxp", "serum2": "serumpreset"}  # synth -> what such a file is called among a match's
NAMES = {"serum1": ".fxp", "serum2": ".SerumPreset"}  # synth -> the suffix as Serum spells it


def read_serum(path: Path, note: int = 60) -> Reading:
    """The patch of a `.fxp` or `.SerumPreset` file, with what it lost or changed on the way.

    Raises:
        PresetError: it cannot be read.
    """
    data = read_file(path, MAX_BYTES)
    try:
        return _decode(SUFFIXES[path.suffix.lower()], data, note)
    except PresetError as error:
        raise PresetError(f"{path}: {error}") from error


def _decode(synth: str, data: bytes, note: int) -> Reading:
    if synth == "serum1":
        from presets.serum1 import decode_serum1
        from presets.serum1_binding import serum1_to_patch

        return serum1_to_patch(decode_serum1(data), note)
    from presets.serum2 import decode_serum2
    from presets.serum2_binding import serum2_to_patch

    return serum2_to_patch(decode_serum2(data), note)


def encode_serum(synth: str, patch: Patch) -> tuple[bytes, tuple[str, ...]]:
    """The patch as a file of `serum1` or `serum2`, and in sentences what became something else or is lost.

    Raises:
        PresetError: the patch cannot be written, or a package that Serum 2's files need is missing.
    """
    if synth == "serum1":
        from presets.serum1_binding import patch_to_serum1

        return patch_to_serum1(patch)
    from presets.serum2_binding import patch_to_serum2

    return patch_to_serum2(patch)


def cross(path: Path) -> Crossing:
    """A file of one Serum as one of the other.

    Raises:
        PresetError: it cannot be read, or not be said by the other.
    """
    from presets.serum_crossing import serum1_to_serum2, serum2_to_serum1

    data = read_file(path, MAX_BYTES)
    try:
        if SUFFIXES[path.suffix.lower()] == "serum1":
            from presets.serum1 import decode_serum1

            return serum1_to_serum2(decode_serum1(data))
        from presets.serum2 import decode_serum2

        return serum2_to_serum1(decode_serum2(data))
    except PresetError as error:
        raise PresetError(f"{path}: {error}") from error


def same_again(path: Path) -> bytes:
    """A file of either Serum read and written: the same bytes, if it is sound.

    Raises:
        PresetError: it cannot be read.
    """
    data = read_file(path, MAX_BYTES)
    try:
        if SUFFIXES[path.suffix.lower()] == "serum1":
            from presets.serum1 import decode_serum1

            return decode_serum1(data).encode()
        from presets.serum2 import decode_serum2

        return decode_serum2(data).encode()
    except PresetError as error:
        raise PresetError(f"{path}: {error}") from error
