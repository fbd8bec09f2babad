"""The plugins on this machine: found in the usual folders, each asked in a process of its own what it is, and remembered."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import platformdirs

from companion.errors import HostError
from companion.hosts.plugin import PluginHost, PluginInfo, Timeouts, plugin_names
from presets.errors import PresetError
from presets.files import write_file

VARIABLE = "WHISPERSYNTH_PLUGINS"  # more folders, or single plugins, separated as in PATH
SUFFIXES = (".vst3", ".component")
MOST_DEPTH = 4  # folders below a plugin folder: makers put theirs into one or two
SCAN_TIMEOUTS = Timeouts(load_s=45.0, warm_up_s=0.0)
CACHE_FORMAT = 2

FOLDERS: dict[str, tuple[str, ...]] = {
    "win32": (r"%CommonProgramFiles%\VST3", r"%LOCALAPPDATA%\Programs\Common\VST3"),
    "darwin": (
        "/Library/Audio/Plug-Ins/VST3",
        "~/Library/Audio/Plug-Ins/VST3",
        "/Library/Audio/Plug-Ins/Components",
        "~/Library/Audio/Plug-Ins/Components",
    ),
    "linux": ("~/.vst3", "/usr/lib/vst3", "/usr/lib64/vst3", "/usr/local/lib/vst3"),
}


@dataclass(frozen=True)
class Plugin:
    """A plugin of a file, as it said of itself when it was asked last."""

    path: Path
    name: str
    version: str = ""
    maker: str = ""
    identifier: str = ""
    is_instrument: bool = False
    channels: int = 0
    parameters: tuple[str, ...] = ()
    error: str = ""
    """Why it cannot be used; empty when it can."""

    @property
    def format(self) -> str:
        return "VST3" if self.path.suffix.lower() == ".vst3" else "AU"


def plugin_folders(more: Iterable[Path] = ()) -> list[Path]:
    """The system's plugin folders, those of the environment variable, and `more`; only what exists."""
    usual = FOLDERS.get(sys.platform, FOLDERS["linux"])
    named = [name for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name]
    paths = [Path(os.path.expandvars(name)).expanduser() for name in (*usual, *named)]
    return [path for path in dict.fromkeys((*paths, *more)) if path.exists()]


def files_in(folders: Iterable[Path]) -> list[Path]:
    """Every plugin file or bundle below the folders, each once, by name."""
    found = {Path(os.path.abspath(path)) for folder in folders for path in _below(folder, MOST_DEPTH)}
    return sorted(found, key=lambda path: (path.stem.lower(), str(path)))


def _below(path: Path, depth: int) -> Iterator[Path]:
    if path.suffix.lower() in SUFFIXES:
        yield path
    elif depth and path.is_dir():
        try:
            inside = sorted(path.iterdir())
        except OSError:  # a folder this user may not read
            return
        for entry in inside:
            yield from _below(entry, depth - 1)


def scan(
    paths: Sequence[Path],
    *,
    again: bool = False,
    on_progress: Callable[[Path, int, int], None] = lambda path, n, total: None,
) -> list[Plugin]:
    """What each file holds: from the cache while the file is unchanged, else asked; a failure is remembered too.

    Args:
        again: ask all of them anew.
        on_progress: hears of each file before it is asked, its number and how many there are.
    """
    cache = _read_cache()
    plugins: list[Plugin] = []
    for n, path in enumerate(paths):
        key, stamp = str(path), _stamp(path)
        known = cache.get(key)
        if again or known is None or known["stamp"] != stamp:
            on_progress(path, n, len(paths))
            known = cache[key] = {"stamp": stamp, "plugins": [_to_json(p) for p in _ask(path)]}
            _write_cache(cache)  # after each: a scan that is interrupted goes on where it was
        plugins += [_from_json(path, p) for p in known["plugins"]]
    return plugins


def find_plugin(
    text: str, on_progress: Callable[[Path, int, int], None] = lambda path, n, total: None
) -> tuple[Path, str | None]:
    """The file, and the plugin in it, of a path or of a name that `whispersynth synths` lists.

    Raises:
        HostError: there is none, or the name is that of several.
    """
    path = Path(text).expanduser()
    if path.suffix.lower() in SUFFIXES and path.exists():
        return Path(os.path.abspath(path)), None
    files = files_in(plugin_folders())
    likely = [file for file in files if text.lower() in file.name.lower()]  # most are called as their file is
    named = _named(text, scan(likely, on_progress=on_progress)) or _named(
        text, scan(files, on_progress=on_progress)
    )
    if not named:
        raise HostError(
            f"there is no synth {text!r} here; choose vital, or a plugin: its path, or a name that "
            "`whispersynth synths` lists"
        )
    vst3 = [p for p in named if p.format == "VST3"] or named  # a .vstpreset is more than an Audio Unit gives
    if len({p.path for p in vst3}) > 1:
        places = ", ".join(str(p.path) for p in vst3)
        raise HostError(f"{text!r} is the name of several plugins; give the path of one: {places}")
    return vst3[0].path, vst3[0].name


def _named(text: str, plugins: Iterable[Plugin]) -> list[Plugin]:
    names = ((p, (p.name.lower(), p.path.name.lower())) for p in plugins if p.is_instrument and not p.error)
    return [p for p, those in names if text.lower() in those]


# -- asking -----------------------------------------------------------------------------------------------------------


def _ask(path: Path) -> list[Plugin]:
    """What a file holds. Most hold one plugin, so that is tried first."""
    only = _ask_one(path, None)
    if not only.error:
        return [only]
    try:
        names = plugin_names(path, SCAN_TIMEOUTS)
    except HostError:
        return [only]
    return [_ask_one(path, name) for name in names] if len(names) > 1 else [only]


def _ask_one(path: Path, name: str | None) -> Plugin:
    try:
        with PluginHost(path, name, timeouts=SCAN_TIMEOUTS) as host:
            return _plugin(host.info)
    except HostError as error:
        return Plugin(path, name or path.stem, error=str(error))


def _plugin(info: PluginInfo) -> Plugin:
    return Plugin(
        info.path, info.name, info.version, info.maker, info.identifier, info.is_instrument, info.channels,
        tuple(p.name for p in info.parameters),
    )  # fmt: skip


# -- the cache --------------------------------------------------------------------------------------------------------


def _cache_file() -> Path:
    return platformdirs.user_cache_path("whispersynth", appauthor=False) / "plugins.json"


def _stamp(path: Path) -> list[Any]:
    """What changes when a plugin is updated: the youngest file of a bundle's binaries, and their size."""
    binaries = [p for p in path.glob("Contents/*/*") if p.is_file()] if path.is_dir() else [path]
    stats = [p.stat() for p in binaries]
    return [max((s.st_mtime_ns for s in stats), default=0), sum(s.st_size for s in stats)]


def _read_cache() -> dict[str, Any]:
    try:
        data = json.loads(_cache_file().read_text("utf-8"))
        return dict(data["files"]) if data["format"] == CACHE_FORMAT else {}
    except (OSError, ValueError, KeyError, TypeError):  # none yet, or damaged: it is made anew
        return {}


def _write_cache(files: dict[str, Any]) -> None:
    kept = {path: entry for path, entry in files.items() if Path(path).exists()}
    try:
        _cache_file().parent.mkdir(parents=True, exist_ok=True)
        write_file(_cache_file(), json.dumps({"format": CACHE_FORMAT, "files": kept}).encode())
    except (OSError, PresetError):
        return  # a cache that cannot be written costs time only


def _to_json(plugin: Plugin) -> dict[str, Any]:
    return {key: value for key, value in asdict(plugin).items() if key != "path"}


def _from_json(path: Path, entry: dict[str, Any]) -> Plugin:
    return Plugin(path, **{**entry, "parameters": tuple(entry["parameters"])})
