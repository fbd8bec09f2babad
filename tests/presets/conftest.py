"""One engine for all tests of presets, and the real presets."""

from pathlib import Path

import pytest

from companion.hosts.vital import VitalHost

REAL_PRESETS = sorted((Path(__file__).parents[1] / "data" / "vital").glob("*.vital"))


@pytest.fixture(scope="session")
def host():
    return VitalHost()


@pytest.fixture(scope="session")
def real_texts():
    """Name -> text of the six real presets."""
    return {path.stem: path.read_text("utf-8") for path in REAL_PRESETS}
