"""A running server on a folder of its own, with a stand-in for the matcher; processes, sockets and files are real."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from presets.wav import encode_samples

try:
    from companion.serve.client import Client
    from companion.serve.places import Places
    from companion.serve.server import Server
    from companion.serve.service import Settings
except ModuleNotFoundError as missing:
    pytest.skip(f"the extra [serve] is not installed: no {missing.name}", allow_module_level=True)

STANDIN = (sys.executable, str(Path(__file__).parent / "standin.py"))
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True, scope="session")
def presets_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where presets are installed to; processes that tests start find the packages, and nobody's own folders."""
    folder = tmp_path_factory.mktemp("user")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("WHISPERSYNTH_DATA", str(folder / "data"))
        patch.setenv("WHISPERSYNTH_PRESETS_VITAL", str(folder / "vital"))
        yield folder / "vital"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the server that the tests of a module share."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def where(home: Path) -> Places:
    return Places(home / "data")


@pytest.fixture(scope="module")
def out(home: Path) -> Path:
    return home / "out"


@pytest.fixture(scope="module")
def settings(out: Path) -> Settings:
    return Settings(out=str(out), worker=STANDIN, bound=600)


@pytest.fixture(scope="module")
def server(where: Places, settings: Settings) -> Iterator[Server]:
    with Server(where, settings) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    return Client(server.port, server.token)


@pytest.fixture
def clip(tmp_path: Path) -> Callable[..., Path]:
    """Makes a clip; each is another sound."""
    made: list[Path] = []

    def make(name: str = "kick", folder: Path | None = None, hz: float | None = None) -> Path:
        path = (folder or tmp_path) / f"{name}.wav"
        t = np.arange(11_025) / 44_100
        path.write_bytes(encode_samples((0.5 * np.sin(2 * np.pi * (hz or 131 + len(made)) * t))[None]))
        made.append(path)
        return path

    return make
