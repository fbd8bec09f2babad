"""What a client may ask for: one table of fields, checked once, at the door."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.errors import WhisperSynthError

if TYPE_CHECKING:
    from companion.match import MatchOptions

MAX_TEXT = 4096  # characters of a path: what the longest file systems take
MAX_NAME = 200
MAX_WARNINGS, MAX_WARNING = 20, 500
SOURCES = ("live", "watch", "capture", "page", "http", "osc")
BESIDE = "beside"
OPTION_KEYS = ("seconds", "kind", "candidates", "synth", "seed")


class RequestError(WhisperSynthError):
    """A request that makes no sense; the sentence says which part."""


@dataclass(frozen=True)
class JobRequest:
    """A clip to match, as asked for."""

    path: str
    """Absolute."""
    name: str = ""
    """What results are named after; empty: the file's name."""
    start_s: float | None = None
    end_s: float | None = None
    gain_db: float = 0.0
    """Applied to what is heard."""
    pitch_st: float = 0.0
    """Applied to what is heard."""
    warped: bool = True
    """The length stays when pitched; else pitch changes speed."""
    bpm: float | None = None
    note: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of MatchOptions."""
    source: str = "http"
    key: str = ""
    """The client's own name for this request; the same key makes one job."""
    once: bool = False
    """Not again when the same content was matched with the same options."""
    out: str = ""
    """Folder for results; empty: the library's; `beside`: the clip's own."""
    install: bool = False
    load: bool = False
    warnings: tuple[str, ...] = ()

    def match_options(self) -> MatchOptions:
        """The options for the matcher, of the prepared clip.

        Raises:
            WhisperSynthError: one is out of range.
        """
        from companion.match import MatchOptions

        return MatchOptions(
            note=self.note, start_s=self.start_s, end_s=self.end_s, bpm=self.bpm, **dict(self.options)
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data, as it lies on disk; the opposite of `from_json`."""
        return asdict(self)

    def fingerprint(self, content: str) -> str:
        """One text for the same content asked for in the same way."""
        same = self.to_json()
        for key in ("path", "key", "source", "load", "install", "warnings", "once", "name"):
            del same[key]
        if self.out == BESIDE:
            same["out"] = str(Path(self.path).parent)
        return hashlib.sha256((content + json.dumps(same, sort_keys=True)).encode()).hexdigest()

    @property
    def clip(self) -> Path:
        """The file to hear."""
        return Path(self.path)

    @property
    def title(self) -> str:
        """What results are named after."""
        return self.name or self.clip.stem


def out_folder(request: JobRequest) -> Path:
    """Where a request's results go; it need not exist yet."""
    from companion.disk.store import user_folder

    if request.out == BESIDE:
        return request.clip.parent
    return Path(request.out) if request.out else user_folder()


def from_json(body: Any) -> JobRequest:
    """A request from a client's JSON.

    Raises:
        RequestError: a field is unknown, missing, of the wrong type or out of range.
    """
    if not isinstance(body, dict):
        raise RequestError("a request is a JSON object; see docs/protocol.md")
    unknown = [key for key in body if key not in FIELDS]
    if unknown:
        raise RequestError(f"there is no field {str(unknown[0])[:40]!r}; choose from {', '.join(FIELDS)}")
    values = {key: FIELDS[key](key, value) for key, value in body.items() if value is not None}
    if "path" not in values:
        raise RequestError("the field 'path' is missing; give the clip's absolute path")
    return JobRequest(**values)


# -- one checker a kind of field ------------------------------------------------------------------------------------

Checker = Callable[[str, Any], Any]


def _number(low: float, high: float) -> Checker:
    def check(key: str, value: Any) -> float:
        fine = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not fine or not math.isfinite(value) or not low <= value <= high:
            raise RequestError(f"{key} is {str(value)[:40]}; give a number from {low:g} to {high:g}")
        return float(value)

    return check


def _integer(low: int, high: int) -> Checker:
    def check(key: str, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise RequestError(f"{key} is {str(value)[:40]}; give a whole number from {low} to {high}")
        return value

    return check


def _switch(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise RequestError(f"{key} is {str(value)[:40]}; give true or false")
    return value


def _text(most: int) -> Checker:
    def check(key: str, value: Any) -> str:
        if not isinstance(value, str) or len(value) > most or "\0" in value:
            raise RequestError(f"{key} is no text of at most {most} characters; give one")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise RequestError(f"{key} is not valid Unicode; rename the file") from None
        return value

    return check


def _path(key: str, value: Any) -> str:
    text: str = _text(MAX_TEXT)(key, value)
    if not Path(text).is_absolute():
        raise RequestError(f"{key} is {text[:80]!r}, which is not absolute; give the whole path")
    return text


def _out(key: str, value: Any) -> str:
    return BESIDE if value == BESIDE else _path(key, value)


def _source(key: str, value: Any) -> str:
    if value not in SOURCES:
        raise RequestError(f"{key} is {str(value)[:40]}; choose from {', '.join(SOURCES)}")
    return str(value)


def _options(key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or any(name not in OPTION_KEYS for name in value):
        raise RequestError(f"{key} holds something else than {', '.join(OPTION_KEYS)}; leave the rest out")
    types = {"seconds": _number(0, 3600), "candidates": _integer(1, 256), "seed": _integer(0, 2**32 - 1)}
    return {
        name: types.get(name, _text(MAX_NAME))(name, one) for name, one in value.items() if one is not None
    }


def _warnings(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or len(value) > MAX_WARNINGS:
        raise RequestError(f"{key} is no list of at most {MAX_WARNINGS} sentences; give one")
    return tuple(_text(MAX_WARNING)(key, one) for one in value)


LONGEST_FILE_S = 86_400.0
FIELDS: dict[str, Checker] = {
    "path": _path, "name": _text(MAX_NAME), "start_s": _number(0, LONGEST_FILE_S), "end_s": _number(0, LONGEST_FILE_S),
    "gain_db": _number(-70, 36), "pitch_st": _number(-120, 120), "warped": _switch, "bpm": _number(20, 300),
    "note": _integer(0, 127), "options": _options, "source": _source, "key": _text(MAX_NAME), "once": _switch,
    "out": _out, "install": _switch, "load": _switch, "warnings": _warnings,
}  # fmt: skip
