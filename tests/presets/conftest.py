"""One engine for all tests of presets, and the real presets."""

from pathlib import Path

import pytest

from companion.hosts.vital import VitalHost
from presets.patch import Patch
from presets.vital import patch_to_vital

REAL_PRESETS = sorted((Path(__file__).parents[1] / "data" / "vital").glob("*.vital"))


@pytest.fixture(scope="session")
def host():
    return VitalHost()


@pytest.fixture(scope="session")
def real_texts():
    """Name -> text of the six real presets."""
    return {path.stem: path.read_text("utf-8") for path in REAL_PRESETS}


@pytest.fixture(scope="session")
def play(host):
    """Renders a patch (or .vital text) as a fresh engine would: what the last one left behind fades in a silent patch."""
    silence = patch_to_vital(Patch({"osc1.on": False}), compact=True)

    def render(patch, note, note_s, total_s, velocity=0.8):
        text = patch if isinstance(patch, str) else patch_to_vital(patch, compact=True)
        host._synth.load_json(silence)
        host._synth.render(60, 0.0, 0.02, 0.2)
        host._synth.load_json(text)
        return host._synth.render(note, velocity, note_s, total_s)

    return render
