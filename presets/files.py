"""Preset files: read no further than a limit, written whole or not at all."""

from pathlib import Path
from uuid import uuid4

from presets.errors import PresetError


def read_file(path: Path, max_bytes: int) -> bytes:
    """The bytes of a plain file of at most `max_bytes`; raises PresetError."""
    if not path.is_file():  # a pipe or a device would be read for ever
        raise PresetError(f"{path} is no file; check the path")
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise PresetError(f"{path} cannot be read: {error}; check the file's permissions") from error
    if len(data) > max_bytes:
        raise PresetError(
            f"{path} is larger than {max_bytes // 2**20} MiB, which no preset is; choose another file"
        )
    return data


def write_file(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, beside it first so that an interruption leaves no half file; raises PresetError."""
    part = path.with_name(f".{uuid4().hex}.part")  # not tempfile, whose files nobody else may read
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise PresetError(f"{path} cannot be written: {error}; check the folder") from error
    finally:
        part.unlink(missing_ok=True)
