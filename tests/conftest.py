"""What every test shares: nothing is fetched, nothing is written outside temporary folders, and CI draws the same cases."""

import ctypes
import os
import platform
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# Set before any package is imported, and inherited by the processes that tests start.
_home = tempfile.TemporaryDirectory(prefix="whispersynth-tests-")
os.environ.update(
    HOME=_home.name,
    USERPROFILE=_home.name,
    XDG_DATA_HOME=str(Path(_home.name, "data")),
    XDG_CACHE_HOME=str(Path(_home.name, "cache")),
    XDG_CONFIG_HOME=str(Path(_home.name, "config")),
    HF_HUB_OFFLINE="1",
    OPENBLAS_NUM_THREADS="1",  # as the command sets it
)
os.environ.pop("XDG_DOCUMENTS_DIR", None)

# A shell that starts this in the background has it ignore Ctrl-C, and the processes that tests interrupt with it.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("here", deadline=None)  # a busy machine is no failure
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")

ON_GLIBC = platform.libc_ver()[0] == "glibc" and platform.machine() == "x86_64"
FE_DFL_ENV = ctypes.c_void_p(-1)  # fenv.h of glibc on x86


@pytest.fixture(autouse=True)
def _subnormals() -> None:
    """Undo the engine's flush-to-zero, which it leaves on in the thread that rendered and which hypothesis refuses."""
    if ON_GLIBC:
        ctypes.CDLL("libm.so.6").fesetenv(FE_DFL_ENV)


PLUGINS = Path(__file__).parent.parent / "build" / "plugins"


def _plugin(name: str) -> Path:
    path = PLUGINS / f"{name}.vst3"
    if not path.exists():
        why = PLUGINS / "why-not.txt"
        pytest.skip(
            f"no {path.name}: {why.read_text().strip() if why.exists() else '`make plugins` builds it'}"
        )
    return path


@pytest.fixture(scope="session")
def nekobi() -> Path:
    """A real VST3 synth: mono, 8 parameters, deaf to control changes."""
    return _plugin("Nekobi")


@pytest.fixture(scope="session")
def kars() -> Path:
    """A second real VST3 synth: a plucked string, 3 parameters."""
    return _plugin("Kars")


@pytest.fixture(scope="session")
def serumlike() -> Callable[[int], Path]:
    """A VST3 synth that shows Serum 1's parameters: 273, 299, 316 or 349 of them, each build with its own spellings."""
    return lambda n: _plugin(f"serumlike-{n}")
