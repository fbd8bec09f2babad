"""Any error as one line for the user."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from companion.errors import WhisperSynthError
from presets.errors import PresetError


def one_line(text: object) -> str:
    """Text, or an error's message, on one line."""
    return " ".join(str(text).split())


def describe(error: Exception) -> str:
    """What went wrong and what to do, in one line without a full stop; of an error nobody foresaw, how to report it."""
    if isinstance(error, (WhisperSynthError, PresetError)):
        return one_line(error).removesuffix(".")
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename} cannot be used ({error.strerror}); check its permissions and the disk"
    if isinstance(error, MemoryError):
        return (
            "there is not enough memory; close other programs, or match a shorter part with --start and --end"
        )
    if isinstance(error, ModuleNotFoundError):
        return f"the package {error.name!r} is missing; install whispersynth again with pip"
    what = f"{type(error).__name__}: {one_line(error)}".rstrip(": ")
    return f"unexpected {what}; please report it, with what WHISPERSYNTH_DEBUG=1 shows"


def show_traceback(error: Exception) -> None:
    """On stderr, for those who asked for it with WHISPERSYNTH_DEBUG=1."""
    if os.environ.get("WHISPERSYNTH_DEBUG") == "1":
        import traceback

        traceback.print_exception(error)


def say(line: str) -> None:
    """One line on stderr; a closed stderr is no error."""
    with suppress(OSError, ValueError):
        print(f"whispersynth: {line}", file=sys.stderr, flush=True)
