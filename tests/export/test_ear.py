"""Training the ear, small: clips of real presets, a net that learns, weights that the companion reads alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from companion.hearing.ear import OFF_BANDS, note_off_scores
from companion.hearing.features import MODEL_RATE, N_FRAMES, N_MELS
from companion.hosts.vital import VitalHost
from export.ear_clips import (
    HELD_S,
    Document,
    documents,
    draw_note_off,
    half_of,
    moved,
    read_real,
    render_shard,
)
from export.ear_off import Examples, NoteOffNet, cut, stretch, train_stage, vary, weights_of
from export.ear_verdict import verdict
from presets.vital_binding import control_ranges

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def presets() -> dict[str, Document]:
    return documents([DATA / "vital", DATA / "serum"])


def test_presets_of_both_kinds_are_read(presets):
    assert {"Desolate", "FMBassOne"} <= set(presets)
    assert all("settings" in document for document in presets.values())


def test_moved_presets_stay_presets(presets):
    rng, ranges = np.random.default_rng(0), control_ranges()
    before = presets["Desolate"]["settings"]
    after = moved(presets["Desolate"], presets["FMBassOne"], rng)["settings"]
    changed = {name for name in before if before[name] != after[name]}
    assert len(changed) > 20
    assert before["env_1_release"] == presets["Desolate"]["settings"]["env_1_release"]
    for name in changed & set(ranges):
        low, high = ranges[name]
        assert low <= after[name] <= high


def test_kin_are_in_one_half():
    assert half_of("PS-20-Oboe") == half_of("PS-20-Trumpet")
    assert {half_of(f"{n}") for n in range(20)} == {False, True}


def test_note_offs_are_drawn_inside_the_clip_or_held():
    rng = np.random.default_rng(0)
    drawn = np.array([draw_note_off(rng) for _ in range(400)])
    held = drawn == HELD_S
    assert 0.05 < held.mean() < 0.2
    assert drawn[~held].min() < 0.2 and drawn[~held].max() > 1.8


def test_a_shard_is_made_once(presets, tmp_path, monkeypatch):
    monkeypatch.setattr("export.ear_clips.SHARD_CLIPS", 3)
    path = render_shard(presets, tmp_path, 0, 1, VitalHost(MODEL_RATE))
    made = path.stat().st_mtime_ns
    assert render_shard(presets, tmp_path, 0, 1, VitalHost(MODEL_RATE)).stat().st_mtime_ns == made
    clips = read_real(tmp_path)
    assert clips.mel.shape == (3, N_MELS, N_FRAMES) and set(clips.preset) <= set(presets)
    assert not clips.mel.reshape(3, -1).min(axis=1).any()


def noise_that_stops(n: int, g: torch.Generator) -> Examples:
    """Bands that are loud until the key is released and then fall by 30 dB."""
    offs = 30 + 180 * torch.rand(n, generator=g)
    loud = torch.where(torch.arange(N_FRAMES) < offs[:, None], 250, 150)[:, None] - 20 * torch.rand(
        n, OFF_BANDS, N_FRAMES, generator=g
    )
    return Examples(loud.to(torch.uint8), offs)


def test_a_net_learns_and_the_companion_reads_it_alike():
    torch.manual_seed(0)
    g = torch.Generator().manual_seed(0)
    net = train_stage(NoteOffNet(), [(noise_that_stops(400, g), 16)], 40, 4e-3, seed=0)
    test = noise_that_stops(20, g)
    scores = net.scores(test.bands)
    assert verdict(scores, test.offs.numpy() / 100).hits > 0.5
    weights = {name: array.astype(np.float32) for name, array in weights_of(net).items()}
    for bands, wanted in zip(test.bands, scores, strict=True):
        given = note_off_scores(bands.numpy().astype(np.float32) / 255, weights)
        np.testing.assert_allclose(given, wanted, atol=0.02 * np.ptp(wanted))


def test_varied_clips_keep_their_range_and_their_note_off():
    g = torch.Generator().manual_seed(0)
    examples = noise_that_stops(64, g)
    for _ in range(5):
        bands, offs = vary(examples.bands.float() / 255, examples.offs, g)
        assert bands.shape == (64, OFF_BANDS, N_FRAMES)
        assert bands.min() >= 0 and bands.max() == 1
        assert offs.min() >= 0 and offs.max() <= N_FRAMES - 1


@pytest.mark.parametrize("change", [stretch, cut])
def test_a_changed_clip_is_silent_after_its_end_and_its_knee_moves_with_the_note_off(change):
    g = torch.Generator().manual_seed(1)
    examples = noise_that_stops(64, g)
    bands, offs = change(examples.bands.float() / 255, examples.offs, g)
    for clip, off in zip(bands.mean(dim=1), offs.round().int().tolist(), strict=True):
        if 5 < off < N_FRAMES - 5:
            assert clip[off - 3] - clip[off + 2] > 0.2


def test_a_verdict_counts():
    truth_s = np.array([0.5, 1.0, 3.0], np.float32)
    scores = np.full((3, N_FRAMES), -20, np.float32)
    scores[0, 50] = scores[1, 150] = scores[2, -1] = 0.0
    found = verdict(scores, truth_s)
    assert found.hits == pytest.approx(2 / 3)
    assert sum(n for _, _, n in found.calibration) == 3
    assert found.temperature > 2  # sure and wrong once in three
    assert "right 0.667" in str(found)
