"""A Live that is not there (inside/), with the script installed in its User Library."""

import importlib
import json
import shutil
import socket
import sys
from pathlib import Path

import pytest

import companion.live

INSIDE = Path(__file__).parent / "inside"
SOURCE = Path(companion.live.__file__).parent / "WhisperSynth"
FAKES = (
    "Live",
    "_Framework",
    "_Framework.ControlSurface",
    "ableton",
    "ableton.v2",
    "ableton.v2.control_surface",
    "fake_set",
    "companion_stub",
    "runner",
)


@pytest.fixture
def inside(monkeypatch):
    """The modules of Live, importable as the script imports them."""
    monkeypatch.syspath_prepend(str(INSIDE))
    yield importlib.import_module
    for name in FAKES:
        sys.modules.pop(name, None)


@pytest.fixture
def library(tmp_path):
    """A User Library with the script in it."""
    folder = tmp_path / "User Library"
    shutil.copytree(
        SOURCE, folder / "Remote Scripts" / "WhisperSynth", ignore=shutil.ignore_patterns("__pycache__")
    )
    return folder


@pytest.fixture
def free_ports():
    """Two UDP ports nobody listens to."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
    ):
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


@pytest.fixture
def settings(library, free_ports, tmp_path):
    """Writes config.json."""
    data = tmp_path / "data"
    data.mkdir()
    defaults = {"osc_port": free_ports[0], "osc_reply_port": free_ports[1], "data": str(data)}

    def write(**values):
        path = library / "Remote Scripts" / "WhisperSynth" / "config.json"
        path.write_text(json.dumps({**defaults, **values}), encoding="utf-8")

    write()
    write.data = data
    return write


@pytest.fixture
def script(library, inside, monkeypatch):
    """The installed script as a module."""
    monkeypatch.syspath_prepend(str(library / "Remote Scripts"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield importlib.import_module("WhisperSynth")
    for name in [name for name in sys.modules if name.split(".")[0] == "WhisperSynth"]:
        del sys.modules[name]


@pytest.fixture
def a_set(inside, library):
    """An empty set."""
    return inside("fake_set").Set(library=str(library))


@pytest.fixture
def start(a_set, script, settings, inside):
    """Starts Live's thread once the set is made; no test may have asked Live from another."""
    started = []

    def begin():
        started.append(inside("runner").Runner(a_set, script))
        return started[-1]

    yield begin
    for live in started:
        live.stop()
    assert not a_set.violations


@pytest.fixture
def stub(inside, settings):
    """A companion that answers at once."""
    made = inside("companion_stub").Stub(settings.data)
    yield made
    made.close()
