"""A patch set in a hosted instrument and taken back: the embedded engine and a real plugin."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from companion.disk.store import save_candidates
from companion.errors import HostError
from companion.hosts.plugin import PluginHost
from companion.judging.board import Candidate
from companion.serve.places import Places
from companion.serve.stage import EngineStage, MidiStage, PluginStage
from presets.patch import Patch

QUIET, LOUD = Patch({"volume.level": -30.0}, note=48), Patch(note=48)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineStage]:
    made = EngineStage(Places(tmp_path_factory.mktemp("data")))
    yield made
    made.close()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    audio = np.zeros((2, 99), np.float32)
    files = save_candidates(
        "x", [Candidate(p, 0.1, audio) for p in (QUIET, LOUD)], tmp_path_factory.mktemp("out")
    )
    return [{kind: str(path) for kind, path in some.items()} for some in files]


def level(stage: EngineStage) -> float:
    return float(np.abs(stage.render(48, 0.2, 0.3)).max())


def test_load_and_undo_and_a_crash_between(stage: EngineStage, saved: list[dict[str, str]]) -> None:
    init = level(stage)
    assert "x 1 recipe is loaded" in stage.load(saved[0])
    quiet = level(stage)
    assert quiet < 0.2 * init
    assert stage._child is not None
    os.kill(stage._child.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    assert level(stage) == pytest.approx(quiet, rel=0.1)  # started again, with its patch
    stage.load(saved[1])
    stage.undo()
    assert level(stage) == pytest.approx(quiet, rel=0.1)
    stage.undo()
    assert level(stage) == pytest.approx(init, rel=0.1) and stage.state is None
    with pytest.raises(HostError, match="nothing to undo"):
        stage.undo()


def test_what_cannot_be_loaded_leaves_what_was_there(
    stage: EngineStage, saved: list[dict[str, str]], tmp_path: Path
) -> None:
    stage.load(saved[0])
    bad = tmp_path / "bad.vital"
    bad.write_text("{}")
    for files in ({"vital": str(bad)}, {"vital": str(tmp_path / "gone.vital")}, {"fxp": "x"}):
        with pytest.raises(HostError):
            stage.load(files)
    assert level(stage) > 0
    stage.undo()


def test_a_plugin_gets_its_state_back(nekobi: Path, tmp_path: Path) -> None:
    with PluginHost(nekobi) as host:
        stage = PluginStage(host)
        name = host.parameters[1].name
        preset = tmp_path / "acid.vstpreset"
        host.set_values({name: 0.9})
        preset.write_bytes(host.preset())
        host.set_values({name: 0.2})
        assert "acid is loaded" in stage.load({"vstpreset": str(preset)})
        assert host.values()[name] == pytest.approx(0.9, abs=1e-3)
        stage.undo()
        assert host.values()[name] == pytest.approx(0.2, abs=1e-3)
        with pytest.raises(HostError, match="another synth"):
            stage.load({"vital": "x"})
        with pytest.raises(HostError, match="nothing to undo"):
            stage.undo()


class Recorder:
    """In place of a MIDI port."""

    name = "a recorder"

    def __init__(self) -> None:
        self.heard: list[tuple[int, ...]] = []

    def send(self, message: Sequence[int]) -> None:
        self.heard.append(tuple(message))

    def close(self) -> None:
        pass


def test_a_midi_port_hears_the_knobs_and_the_patch_before(saved: list[dict[str, str]]) -> None:
    port = Recorder()
    stage = MidiStage(port, "general")  # type: ignore[arg-type]
    assert "control changes of x 1 recipe" in stage.load(saved[0])
    first = port.heard[:]
    assert first and all(status & 0xF0 == 0xB0 for status, _, _ in first)
    with pytest.raises(HostError, match="cannot ask"):
        stage.undo()
    stage.load(saved[1])
    assert port.heard[len(first) :] != first
    port.heard.clear()
    stage.undo()
    assert port.heard == first
