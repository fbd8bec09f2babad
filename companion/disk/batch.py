"""A set of files that appears in a folder whole or not at all, over nothing, under a number of its own.

Every file is written under a hidden name first. When all are there they get their names, each by an operation that
fails rather than overwrite; after an error none of them stays.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from uuid import uuid4

from companion.errors import StoreError


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Holds Ctrl-C and termination back until the block is done, which takes milliseconds."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is ever interrupted
        return
    caught: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for held in before:
        signal.signal(held, lambda number, frame: caught.append(number))
    try:
        yield
    finally:
        for held, handler in before.items():
            signal.signal(held, handler)
        if caught:
            signal.raise_signal(caught[0])


class Appeared(StoreError):
    """A file took the name that was meant for another; trying again finds a free one."""


class Batch:
    """Files that appear in a folder all together, or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._parts: dict[Path, Path] = {}
        self._reservations: list[Path] = []
        self._published: list[Path] = []

    def __enter__(self) -> Batch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        withdrawn = self._published if kind else []
        for path in (*self._parts, *withdrawn, *self._reservations):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def reserve(self, stem: str, first: int) -> int:
        """The next number from `first` on that no file has and no other run at the same time gets."""
        for number in itertools.count(first):
            if number in _numbers(self.folder, stem):
                continue
            reservation = self.folder / f".{stem} {number}.part"
            try:
                reservation.open("xb").close()
            except FileExistsError:
                continue
            self._reservations.append(reservation)
            if number not in _numbers(self.folder, stem):  # another run may have finished with it just now
                return number
        raise AssertionError("numbers do not end")

    def add(self, name: str, data: bytes) -> Path:
        """Writes a file's content under a hidden name; returns the path it will have."""
        part = self.folder / f".{uuid4().hex}.part"
        self._parts[part] = self.folder / name
        with part.open("xb") as file:
            file.write(data)
        return self._parts[part]

    @property
    def pending(self) -> dict[Path, Path]:
        """The path each file will have -> the hidden one it has."""
        return {final: part for part, final in self._parts.items()}

    def adopt(self, part: Path, name: str) -> Path:
        """Takes over a finished file of the same folder; returns the path it will have."""
        self._parts[part] = self.folder / name
        return self._parts[part]

    def publish(self) -> None:
        """Gives every file its name."""
        for part, final in self._parts.items():
            try:
                _give_name(part, final)
            except FileExistsError:
                raise Appeared(
                    f"{final} appeared in the meantime and was left as it is; run it again"
                ) from None
            self._published.append(final)


def _numbers(folder: Path, stem: str) -> set[int]:
    """Numbers that files named after `stem` have, upper and lower case alike, as on Windows and macOS."""
    pattern = re.compile(re.escape(stem.casefold()) + r" (\d+) ")
    names = (unicodedata.normalize("NFC", entry.name).casefold() for entry in os.scandir(folder))
    return {int(m[1]) for name in names if (m := pattern.match(name))}


def _give_name(part: Path, final: Path) -> None:
    """Names a finished file; raises FileExistsError rather than overwrite."""
    try:
        if os.name == "nt":
            part.rename(final)  # refuses on Windows, overwrites elsewhere
        else:
            os.link(part, final)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: claim the name first, then fill it
        final.open("xb").close()
        try:
            part.replace(final)
        except BaseException:
            final.unlink()
            raise
