"""Clips said as what sounds nearest: never farther than the label, and whole shards as training reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from companion.hearing.features import FEATURE_TOP
from companion.proposing.tokens import vocabulary
from export.dataset import load_clips
from export.distil import Ear, distil_shard, run
from export.render import render_shard, unpack_mel

N = 5


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_shard(tmp_path_factory.mktemp("clips"), seed=8, shard=0, n=N)


@pytest.fixture(scope="module")
def distilled(shard: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float, float]:
    out = tmp_path_factory.mktemp("distilled")
    [(was, now)] = run(shard.parent, out, n_said=4, n_turned=4, workers=1)
    return out, was, now


def test_the_words_come_nearer_and_the_sound_stays(shard: Path, distilled: tuple[Path, float, float]) -> None:
    out, was, now = distilled
    assert 0 < now < was
    before, after = (pq.read_table(folder / shard.name).to_pylist() for folder in (shard.parent, out))
    assert [r["mel"] for r in before] == [r["mel"] for r in after]
    assert [r["tokens"] for r in before] != [r["tokens"] for r in after]
    for row in after:
        vocabulary().decode(row["tokens"])
    assert len(load_clips([shard.parent, out])) == 2 * N  # trained on together


def test_a_shard_is_distilled_once(shard: Path, distilled: tuple[Path, float, float]) -> None:
    out, _, _ = distilled
    before = (out / shard.name).stat().st_mtime_ns
    assert np.isnan(distil_shard(shard, out)).all()
    assert (out / shard.name).stat().st_mtime_ns == before


def test_no_clips_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="export render"):
        list(run(tmp_path, tmp_path / "out"))


def test_the_ear_orders_sounds(shard: Path) -> None:
    mels = [unpack_mel(mel) for mel in pq.read_table(shard)["mel"].to_pylist()]
    ear, rng = Ear(mels[0]), np.random.default_rng(0)
    rough = (mels[0] + rng.normal(0, 0.05, mels[0].shape)).astype(np.float32)  # 2 dB a bin
    assert ear(mels[0]) < 1e-6
    assert ear(rough) < min(ear(mel) for mel in mels[1:])
    assert ear(np.full_like(mels[0], FEATURE_TOP - 2.0)) == pytest.approx(1.0, abs=0.01)
