"""Clips that appear in a folder: half-written ones waited for, those that were there before left alone.

A folder is looked at, not listened to: whatever wakes the look (the system's notices, or the clock) only says when.
"""

from __future__ import annotations

import os
import re
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = (".wav", ".wave", ".aif", ".aiff", ".aifc", ".flac", ".mp3", ".ogg", ".w64", ".rf64")
SETTLED_S = 1.0  # unchanged for so long, and whole by its own header: it is written
UNFINISHED_S = 20.0  # unchanged for so long though its header says otherwise: it will never be whole
HEAD = 12  # bytes of a RIFF or FORM header that say how long the file is
RESULT_PARTS = ("txt", "vital")  # beside a wav of the same name: a match wrote it
OWN_DATA = re.compile(r"(.+) (?:osc1 table|osc2 table|sub shape|noise kind)")


@dataclass(frozen=True)
class Stamp:
    """How a file looked."""

    size: int
    mtime_ns: int


@dataclass
class _Seen:
    stamp: Stamp
    since: float
    """When it began to look like this (monotonic seconds)."""


class Arrivals:
    """Looks at a folder again and again; each finished file comes out once, until it changes."""

    def __init__(
        self,
        folder: Path,
        known: dict[str, Stamp] | None = None,
        deep: bool = False,
        settled_s: float = SETTLED_S,
    ) -> None:
        self.folder, self._deep, self._settled_s = folder, deep, settled_s
        self._known: dict[str, Stamp] = dict(known or {})
        self._growing: dict[str, _Seen] = {}

    @property
    def waiting(self) -> int:
        """Files that are not finished yet."""
        return len(self._growing)

    def look(self) -> list[Path]:
        """Files that have been finished since the last look, oldest first."""
        now, present = time.monotonic(), self.present()
        self._growing = {path: seen for path, seen in self._growing.items() if path in present}
        finished = []
        for path, stamp in present.items():
            if self._known.get(path) == stamp:
                continue
            seen = self._growing.get(path)
            if seen is None or seen.stamp != stamp:
                self._growing[path] = _Seen(stamp, now)
            elif now - seen.since >= self._settled_s and self._is_whole(Path(path), now - seen.since):
                finished.append((stamp.mtime_ns, path))
        return [Path(path) for _, path in sorted(finished)]

    def take(self, path: Path) -> None:
        """It is dealt with: not again, until it changes."""
        seen = self._growing.pop(str(path), None)
        if seen is not None:
            self._known[str(path)] = seen.stamp

    def present(self) -> dict[str, Stamp]:
        """Every sound file there, with how it looks; hidden ones and what a match wrote left out."""
        files, names = dict[str, Stamp](), set[str]()
        for entry in _entries(self.folder, self._deep):
            names.add(entry.path)
            if entry.name.startswith(".") or not entry.name.lower().endswith(SUFFIXES):
                continue
            try:
                if entry.is_file():
                    state = entry.stat()
                    files[entry.path] = Stamp(state.st_size, state.st_mtime_ns)
            except OSError:  # it went away
                continue
        return {path: stamp for path, stamp in files.items() if not _is_result(path, names)}

    def _is_whole(self, path: Path, unchanged_s: float) -> bool:
        return unchanged_s >= UNFINISHED_S or is_whole(path)


def _entries(folder: Path, deep: bool) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if deep and entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                    yield from _entries(Path(entry.path), deep)
                yield entry
    except OSError:  # unplugged, renamed: it may come back
        return


def _is_result(path: str, names: set[str]) -> bool:
    """Whether a match wrote it: the same patch lies beside it as text and preset."""
    stem = os.path.splitext(path)[0]
    if all(f"{stem}.{part}" in names for part in RESULT_PARTS):
        return True
    own = OWN_DATA.fullmatch(stem)
    return own is not None and all(f"{own[1]}.{part}" in names for part in RESULT_PARTS)


def is_whole(path: Path) -> bool:
    """Whether a file is as long as its header says; for kinds that do not say, whether it can be opened and has bytes."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
            size = os.fstat(file.fileno()).st_size
    except OSError:  # Windows: still open elsewhere
        return False
    for magic, form in ((b"RIFF", "<I"), (b"FORM", ">I")):
        if head.startswith(magic):
            told = struct.unpack(form, head[4:8])[0] if len(head) == HEAD else 0
            return bool(4 < told <= size - 8)
    return size > 0
