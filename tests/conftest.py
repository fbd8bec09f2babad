"""What every test shares: nothing is fetched, nothing is written outside temporary folders, and CI draws the same cases."""

import os
import tempfile
from pathlib import Path

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
)
os.environ.pop("XDG_DOCUMENTS_DIR", None)

settings.register_profile("here", deadline=None)  # a busy machine is no failure
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")
