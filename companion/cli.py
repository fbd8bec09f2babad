"""The door of the command line: whatever happens inside leaves as one line and an exit code, no traceback.

0: done; 1: something failed; 2: the command was not understood; 130: stopped by the user.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from companion.errors import OptionError
from companion.telling.complaints import describe, one_line, say, show_traceback

FAILED, MISUSED, STOPPED = 1, 2, 130
DASH = "; a file whose name begins with - goes behind --"


def main() -> None:
    """The command `whispersynth`."""
    sys.exit(run(sys.argv[1:]))


def run(args: Sequence[str]) -> int:
    """Runs a command; returns its exit code."""
    try:
        _prepare_streams()
        _prepare_signals()
        code = _invoke(args)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough: let what was begun be cleared up
        say("stopped; every patch saved before is whole, and nothing else was left behind")
        return STOPPED
    except BrokenPipeError:  # whoever read the answers has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        return _complain(error, args)


def _invoke(args: Sequence[str]) -> int:
    """Parses and runs. Typer's own `main` is left aside: it prints boxes, and keeps Ctrl-C to itself."""
    import typer  # here, so that Ctrl-C while it loads is caught too

    from companion.commands import app

    command = typer.main.get_command(app)
    try:
        with command.make_context("whispersynth", list(args) or ["--help"]) as context:
            return int(command.invoke(context) or 0)
    except typer.Exit as leaving:
        return leaving.exit_code


def _complain(error: Exception, args: Sequence[str]) -> int:
    if hasattr(error, "format_message"):  # typer's usage errors; it exports no base of theirs
        command = " ".join(["whispersynth", *(arg for arg in args[:1] if _is_command(arg))])
        dash = DASH if any(Path(arg).is_file() for arg in args if arg.startswith("-")) else ""
        say(
            f"{one_line(error.format_message()).rstrip('.')}; `{command} --help` says what can be given{dash}"
        )
        return MISUSED
    show_traceback(error)
    say(describe(error))
    return MISUSED if isinstance(error, OptionError) else FAILED


def _is_command(name: str) -> bool:
    import typer

    from companion.commands import app

    return name in getattr(typer.main.get_command(app), "commands", {})


def _prepare_streams() -> None:
    """Names that the terminal's encoding lacks are printed with `?`; a closed stream becomes the void."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (open until the end)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _prepare_signals() -> None:
    """A program that calls this one ends it by SIGTERM: that clears up as Ctrl-C does."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)


if __name__ == "__main__":
    main()
