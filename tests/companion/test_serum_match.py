"""A match for Serum: its files beside the others, with what became something else."""

import json
from pathlib import Path

import numpy as np
import pytest

from companion.cli import run
from companion.disk.store import read_patch, save_candidates
from companion.hearing.audio import Clip, read_clip
from companion.judging.board import Candidate
from companion.match import Match, MatchOptions
from companion.matching import Outcome
from companion.plugins.serum import SerumMatcher
from companion.telling.report import outcome_json
from presets.patch import Patch
from presets.schema import OWN
from presets.serum1 import read_serum1
from presets.serum2 import read_serum2
from presets.wav import encode_samples, read_frames

FRAMES = np.sin(np.outer([1.0, 2.0], np.linspace(0, 2 * np.pi, 2048, endpoint=False))).astype(np.float32)
RECIPE = Patch({"filter1.on": True, "filter1.cutoff": 900.0, "reverb.on": True}, note=48)
RESYNTH = Patch({"osc1.table": OWN, "osc1.position": 100.0}, note=48, assets={"osc1.table": FRAMES})
AUDIO = np.zeros((2, 4410), np.float32)


class Recorder:
    """In place of a Matcher: answers with two candidates, and remembers what it was asked."""

    def __init__(self, clip):
        self.clip = clip
        self.asked = None
        self.found = (RECIPE, RESYNTH)

    def match(self, path, options):
        self.asked = options
        found = tuple(Candidate(p, 0.1, AUDIO) for p in self.found)
        for stage in ("candidates", "done"):
            yield Match(self.clip, 48, 0.5, 0.1, found, (), stage, 1.0)


@pytest.fixture
def clip(tmp_path) -> Clip:
    path = tmp_path / "kick.wav"
    path.write_bytes(
        encode_samples(0.1 * np.random.default_rng(0).standard_normal((1, 22050)).astype(np.float32))
    )
    return read_clip(path)


@pytest.mark.parametrize(
    ("synth", "kind", "suffix", "read"),
    [("serum1", "fxp", ".fxp", read_serum1), ("serum2", "serumpreset", ".SerumPreset", read_serum2)],
)
def test_serums_file_and_the_tables_are_among_the_files(clip, tmp_path, synth, kind, suffix, read):
    recorder = Recorder(clip)
    first, last = SerumMatcher(synth, recorder).match(tmp_path / "kick.wav", MatchOptions(synth=synth))
    assert recorder.asked.synth == "vital"
    assert not first.candidates[0].files  # only the last answer brings files
    saved = save_candidates("kick", last.candidates, tmp_path)
    recipe, resynth = saved
    assert recipe[kind].name == f"kick 1 recipe{suffix}" and resynth[kind].name == f"kick 2 resynth{suffix}"
    assert "table" not in recipe
    assert np.array_equal(read_frames(resynth["table"]), FRAMES)
    assert np.array_equal(read(resynth[kind]).table("a"), FRAMES)
    assert read_patch(recipe[kind]).number("filter1.cutoff") == pytest.approx(900, rel=1e-3)
    told = outcome_json(Outcome(tmp_path / "kick.wav", last, saved, 0.1))["candidates"]
    assert told[0]["files"][kind] == str(recipe[kind])
    assert told[0]["changes"] == ["Vital's reverb became Serum's Hall, which is another algorithm"]


def test_a_patch_that_cannot_be_written_is_told_and_the_others_are_there(clip, tmp_path):
    recorder = Recorder(clip)
    loud = Patch({"osc1.table": OWN}, assets={"osc1.table": 30 * FRAMES})
    recorder.found = (loud, RECIPE)
    *_, last = SerumMatcher("serum1", recorder).match(tmp_path / "kick.wav")
    assert "fxp" not in last.candidates[0].files and "fxp" in last.candidates[1].files
    assert any("patch 1 could not be written for Serum" in text for text in last.warnings)


def test_the_command_writes_them(clip, tmp_path, capfd):
    out = tmp_path / "out"
    command = [
        "match",
        str(tmp_path / "kick.wav"),
        "--synth",
        "serum1",
        "--seconds",
        "0",
        "--json",
        "--out",
        str(out),
    ]
    assert run([*command, "--candidates", "4"]) == 0
    answer = json.loads(capfd.readouterr().out)
    assert answer["candidates"]
    for candidate in answer["candidates"]:
        assert read_serum1(Path(candidate["files"]["fxp"])).name.startswith("kick")
