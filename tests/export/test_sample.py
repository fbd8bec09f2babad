"""What is drawn for training: said in the model's words, heard as real presets sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from companion.hearing.features import clip_features
from companion.hosts.vital import VitalHost
from companion.proposing.tokens import vocabulary
from export.priors import fold_macros, real_patches, speakable
from export.sample import coloured, sample_patch, sample_sound
from presets.patch import Patch
from presets.schema import OWN
from presets.tables import table_frames

REAL = Path(__file__).parents[1] / "data" / "vital"
SERUM = Path(__file__).parents[1] / "data" / "serum"
RATE = 16_000


@pytest.fixture(scope="module")
def host() -> VitalHost:
    return VitalHost(RATE)


@pytest.fixture(scope="module")
def own_patch() -> Patch:
    """Two oscillators with tables of their own, the louder one second and off the first frame."""
    rng = np.random.default_rng(4)
    harmonics = np.arange(1, 64)[None, :]
    frames = []
    for _ in range(2):
        levels = rng.uniform(0, 1, (5, 63)) * harmonics**-0.7
        turns = np.arange(2048)[:, None] * harmonics / 2048
        frames.append((levels @ np.sin(2 * np.pi * turns).T / 3).astype(np.float32))
    values = {
        "osc1.table": OWN, "osc1.level": -20.0, "osc1.position": 60.0, "osc2.on": True, "osc2.table": OWN,
        "osc2.level": -8.0, "osc2.position": 25.0, "osc2.octave": 1,
    }  # fmt: skip
    return Patch(values, note=48, assets={"osc1.table": frames[0], "osc2.table": frames[1]})


def mel_db(host: VitalHost, patch: Patch) -> np.ndarray:
    """What can be heard, 45 dB down from the loudest."""
    mel = 40 * clip_features(host.render_patch(patch, 48, 1.0, 2.5), RATE)
    return np.maximum(mel, mel.max() - 45)


def test_own_tables_sound_as_they_did_at_the_said_knobs(host: VitalHost, own_patch: Patch) -> None:
    said = speakable(own_patch)
    assert OWN not in said.values.values()
    assert said.number("osc2.level") != own_patch.number("osc2.level")  # the difference is in the frames
    heard = said.with_values(dict.fromkeys(said.assets, OWN))
    target = mel_db(host, own_patch)
    off, off_said = (np.abs(mel_db(host, patch) - target).mean() for patch in (heard, said))
    assert off < 0.4  # dB
    assert off_said > 3 * off


def test_real_presets_of_every_kind_can_be_said() -> None:
    folders = [f for f in (REAL, SERUM) if f.is_dir()]
    pool = [patch for folder in folders for patch in real_patches(folder)]
    assert any(patch.assets for patch in pool)
    for patch in pool:
        assert vocabulary().encode(patch.canonical(), 1.0)


def test_what_is_heard_differs_from_what_is_said_by_its_frames_alone(own_patch: Patch) -> None:
    pool = [speakable(fold_macros(own_patch))]
    swapped = 0
    for seed in range(40):
        sample = sample_sound(np.random.default_rng(seed), pool)
        assert vocabulary().encode(sample.said, 1.0)
        assert sample.said == sample_patch(np.random.default_rng(seed), pool)
        different = {n for n, v in sample.heard.values.items() if v != sample.said[n]}
        assert different == set(sample.timbres) == set(sample.heard.assets)
        for name, frames in sample.timbres.items():
            if (
                frames is pool[0].assets["osc2.table"]
            ):  # the louder one is said first, and takes its frames along
                swapped += name == "osc1.table"
    assert swapped


def test_colour_changes_the_spectrum_and_not_the_level() -> None:
    saw = table_frames("sine_to_saw")
    out = coloured(saw, np.random.default_rng(1))
    assert np.square(out).mean() == pytest.approx(np.square(saw).mean(), rel=1e-3)
    before, after = (20 * np.log10(np.abs(np.fft.rfft(frames[-1]))[1:65]) for frames in (saw, out))
    assert np.std(after - before) > 2.0
    assert not np.shares_memory(saw, out)
