"""The factory end to end, small: patches -> clips -> a fine-tuned Whisper -> ONNX -> valid patches."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("optimum")

import torch
from transformers import WhisperConfig, WhisperForConditionalGeneration

from companion.hearing.features import FEATURE_TOP
from companion.proposing.model import PatchModel
from companion.proposing.tokens import vocabulary
from export.bank import write_bank
from export.dataset import load_clips
from export.render import draw_clip, pack_mel, render_shard, unpack_mel
from export.to_onnx import export
from export.train import TrainOptions, build_model, load_progress, train
from presets.patch import Patch

N_CLIPS = 48
VARIABLE = "WHISPERSYNTH_WHISPER"  # a folder with a Whisper of OpenAI's, or the hub's name of one


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for shard in range(3):
        render_shard(folder, seed=3, shard=shard, n=N_CLIPS // 3)
    return folder


@pytest.fixture(scope="module")
def whisper_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Whisper checkpoint in the hub's layout: full context, its own vocabulary, four decoder layers."""
    folder = tmp_path_factory.mktemp("whisper")
    config = WhisperConfig(d_model=64, encoder_layers=2, decoder_layers=4, encoder_ffn_dim=64, decoder_ffn_dim=64,
                           encoder_attention_heads=1, decoder_attention_heads=1, vocab_size=600, pad_token_id=1,
                           bos_token_id=1, eos_token_id=1, decoder_start_token_id=2)  # fmt: skip
    WhisperForConditionalGeneration(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def options(shards: Path, whisper_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainOptions:
    return TrainOptions((shards,), tmp_path_factory.mktemp("run"), base=str(whisper_folder), decoder_layers=2, steps=6,
                        batch_size=8, warmup=2, save_every=3, held_out=8)  # fmt: skip


@pytest.fixture(scope="module")
def checkpoint(options: TrainOptions) -> Path:
    return train(options)


def test_a_shard_is_made_once_and_holds_what_the_text_says(shards: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in shards.glob("*.parquet")}
    render_shard(shards, seed=3, shard=1, n=N_CLIPS // 3)
    assert {p: p.stat().st_mtime_ns for p in shards.glob("*.parquet")} == before
    clips = load_clips([shards])
    assert len(clips) == N_CLIPS
    assert len({c.tobytes() for c in clips.mel}) == N_CLIPS  # nothing twice


def test_the_same_seed_draws_the_same_clip() -> None:
    from companion.hosts.vital import VitalHost

    first, second = (draw_clip(np.random.default_rng(5), VitalHost(16_000)) for _ in range(2))
    assert first.patch == second.patch and first.note_off_s == second.note_off_s


def test_a_patch_that_would_clip_is_turned_down() -> None:
    from companion.hosts.vital import VitalHost
    from export.render import audible, peak, turned_down

    loud = Patch({"osc1.level": 0.0, "osc2.on": True, "osc2.level": 0.0, "volume.level": 0.0})
    host = VitalHost(16_000)
    before = host.render_patch(loud, 48, 0.5, 1.0)
    assert audible(before) and peak(before) > 1.1
    quieter = turned_down(loud, peak(before))
    after = host.render_patch(quieter, 48, 0.5, 1.0)
    assert peak(after) == pytest.approx(0.99, abs=1e-3)
    assert turned_down(quieter, 0.98) == quieter


def test_packed_features_lose_a_third_of_a_db_at_most() -> None:
    mel = np.random.default_rng(0).uniform(FEATURE_TOP - 2, FEATURE_TOP, (80, 250)).astype(np.float32)
    mel[0, 0] = FEATURE_TOP
    assert np.abs(unpack_mel(pack_mel(mel)) - mel).max() * 40 < 0.33


def test_the_base_keeps_its_first_and_last_decoder_layer(options: TrainOptions, whisper_folder: Path) -> None:
    model = build_model(options, vocabulary())
    base = WhisperForConditionalGeneration.from_pretrained(whisper_folder)
    ours, theirs = model.model.decoder.layers, base.model.decoder.layers
    assert len(ours) == 2
    for mine, its in zip(ours, (theirs[0], theirs[-1]), strict=True):
        assert mine.fc1.weight.equal(its.fc1.weight)
    assert model.get_input_embeddings().weight.shape[0] == vocabulary().size


def test_training_learns_and_resumes(options: TrainOptions, checkpoint: Path) -> None:
    progress = load_progress(checkpoint)
    assert progress.step == 6 and progress.clips_seen > 0
    assert progress.curve[-1][2] < math.log(vocabulary().size)  # better than not having listened at all
    longer = TrainOptions(**{**options.__dict__, "steps": 8})
    assert load_progress(train(longer)).step == 8
    assert (checkpoint / "loss.png").stat().st_size > 1000


def test_a_whisper_of_openai_is_fine_tuned_by_the_same_code(shards: Path, tmp_path: Path) -> None:
    base = os.environ.get(VARIABLE)
    if not base:
        pytest.skip(f"no Whisper here; name a folder or openai/whisper-tiny.en in {VARIABLE}")
    options = TrainOptions(
        (shards,), tmp_path / "run", base=base, steps=4, batch_size=8, warmup=1, learning_rate=3e-4, save_every=2, held_out=8
    )  # fmt: skip
    theirs = WhisperForConditionalGeneration.from_pretrained(base, dtype=torch.float32)
    ours = build_model(options, vocabulary())
    assert ours.model.encoder.conv1.weight.equal(theirs.model.encoder.conv1.weight)
    assert len(ours.model.decoder.layers) == len(theirs.model.decoder.layers)
    checkpoint = train(options)
    curve = load_progress(checkpoint).curve
    assert curve[-1][2] < curve[0][2]
    assert export(checkpoint, tmp_path / "bundle", int8=True).same_argmax > 0.9
    model = PatchModel(tmp_path / "bundle")
    [spoken] = model.speak(model.hear(np.zeros((80, 250), np.float32)), 1)
    ids = vocabulary().encode(spoken.sentence.patch, spoken.sentence.note_off_s)
    assert vocabulary().decode(ids).patch == spoken.sentence.patch


@pytest.mark.parametrize("int8", [False, True])
def test_the_bundle_says_what_torch_says_and_only_valid_patches(
    checkpoint: Path, tmp_path: Path, int8: bool
) -> None:
    parity = export(checkpoint, tmp_path, int8=int8)
    assert parity.encoder < 0.02
    assert parity.logits < (0.5 if int8 else 0.02)
    model = PatchModel(tmp_path)
    mel = np.zeros((80, 250), np.float32)
    spoken = model.speak(model.hear(mel), 4, seed=1)
    for s in spoken:  # an untrained model says nonsense, but every word of it is a patch
        ids = vocabulary().encode(s.sentence.patch, s.sentence.note_off_s)
        assert vocabulary().decode(ids).patch == s.sentence.patch
    assert json.loads((tmp_path / "model.json").read_text())["schema_hash"] == vocabulary().schema.hash


def test_the_bank_finds_a_clip_by_its_own_sound(shards: Path, tmp_path: Path) -> None:
    from companion.proposing.bank import Bank
    from export.dataset import features

    clips = load_clips([shards])
    write_bank(clips, tmp_path)
    bank = Bank.read(tmp_path)
    assert bank is not None
    for i in (0, 20, 40):
        said = vocabulary().decode(clips.tokens[i, : clips.length[i]].tolist())
        assert bank.nearest(features(clips.mel[i : i + 1])[0], 1)[0] == said
