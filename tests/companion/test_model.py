"""The shipped model bundle, as the runtime reads it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from companion.errors import ModelError, WhisperSynthError
from companion.proposing.bank import FILE, Bank
from companion.proposing.model import CARD, DECODER, DEFAULT_BUNDLE, ENCODER, MODELS, PatchModel
from companion.proposing.tokens import vocabulary

BUNDLE = MODELS / DEFAULT_BUNDLE


@pytest.fixture(scope="module")
def model() -> PatchModel:
    return PatchModel()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BUNDLE, tmp_path / "bundle"))


def mel(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.5, 0.5, (80, 250)).astype(np.float32)


def test_whatever_it_hears_it_says_valid_patches(model: PatchModel) -> None:
    for seed in range(3):
        for spoken in model.speak(model.hear(mel(seed)), 8, seed=seed, temperature=3.0, top_p=1.0):
            ids = vocabulary().encode(spoken.sentence.patch, spoken.sentence.note_off_s)
            assert vocabulary().decode(ids) == spoken.sentence
            assert spoken.log_p < 0


def test_the_first_sentence_is_greedy_and_seeds_repeat(model: PatchModel) -> None:
    hidden = model.hear(mel(0))
    first, again, other = (model.speak(hidden, 4, seed=s) for s in (1, 1, 2))
    assert first == again
    assert first[0].sentence == other[0].sentence and first[1:] != other[1:]


def test_it_says_only_the_notes_it_may(model: PatchModel) -> None:
    spoken = model.speak(model.hear(mel(1)), 6, notes=(48, 60))
    assert {s.sentence.patch.note for s in spoken} <= {48, 60}


def test_a_missing_bundle_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(WhisperSynthError, match="no model in"):
        PatchModel(tmp_path)


def test_a_truncated_model_is_found_at_start(copy: Path) -> None:
    path = copy / DECODER
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(WhisperSynthError, match="damaged"):
        PatchModel(copy)


@pytest.mark.parametrize("name", [ENCODER, DECODER])
def test_weights_that_changed_but_still_load_are_found_at_start(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 1000] = bytes(1000)
    (copy / name).write_bytes(data)
    with pytest.raises(ModelError, match=f"{name} is not what was shipped"):
        PatchModel(copy)


def test_a_model_of_another_schema_is_refused(copy: Path) -> None:
    card = json.loads((copy / CARD).read_text())
    (copy / CARD).write_text(json.dumps({**card, "schema_hash": "0" * 12}))
    with pytest.raises(WhisperSynthError, match="another schema"):
        PatchModel(copy)


def test_an_unreadable_card_is_one_sentence(copy: Path) -> None:
    (copy / CARD).write_text("{")
    with pytest.raises(WhisperSynthError, match="cannot be read"):
        PatchModel(copy)


def test_the_bank_remembers_valid_patches_and_refuses_damage(copy: Path) -> None:
    bank = Bank.read(copy)
    assert bank is not None
    near = bank.nearest(mel(2), 5, notes=(60,))
    assert len(near) == 5
    assert all(abs(s.patch.note - 60) <= 3 for s in near)
    (copy / FILE).write_bytes((copy / FILE).read_bytes()[:5000])
    with pytest.raises(WhisperSynthError, match="damaged"):
        Bank.read(copy)
