"""A real Ray with two workers, one of which is killed in the middle: the shards are those that one machine makes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="needs Ray: make scale, or pip install '.[scale]'")

import ray

from companion.errors import WhisperSynthError
from export import ray_render
from export.render import plan, shard_name
from export.storage import Storage
from export.verify import verify

from .conftest import N_CLIPS, SEED, SHARD_CLIPS

PATIENCE_S = 240.0
MARK = "WHISPERSYNTH_TEST_RUN"  # in the environment of every process that a run starts


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def working(mark: str) -> list[int]:
    """Workers of a marked run that have a shard in hand; Ray tells by the name of a process what it does."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (
                mark.encode() in (folder / "environ").read_bytes()
                and b"ray::make_shard" in (folder / "cmdline").read_bytes()
            ):
                found.append(int(folder.name))
        except OSError:
            continue  # ended meanwhile, or another user's
    return found


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of the command, one worker of which was killed over its shard after the first was done."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("finds the worker to kill in /proc")
    folder, mark = tmp_path_factory.mktemp("ray") / "clips", uuid.uuid4().hex
    command = [sys.executable, "-m", "export", "render", "--out", str(folder), "--n", str(N_CLIPS), "--seed", str(SEED),
               "--shard-clips", str(SHARD_CLIPS), "--workers", "2", "--ray", "local"]  # fmt: skip
    end = time.monotonic() + PATIENCE_S
    with subprocess.Popen(command, env={**os.environ, MARK: mark}, cwd=Path(__file__).parents[2]) as process:
        try:
            while not (list(folder.glob("*.parquet")) and working(mark)):
                assert process.poll() is None and time.monotonic() < end
                time.sleep(0.02)
            os.kill(working(mark)[0], signal.SIGKILL)
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.terminate()
    return folder


def test_with_a_worker_killed_the_shards_are_byte_for_byte_those_of_one_machine(
    killed: Path, few_clips: Path
) -> None:
    assert files(killed) == files(few_clips)
    assert not verify([killed]).wrong


@pytest.fixture(scope="module")
def here() -> Iterator[Any]:
    """One Ray for what follows, with a single core to its name."""
    with ray_render.cluster(ray_render.LOCAL, 1) as connected:
        yield connected


def spread(here: Any, folder: Path, run: Any, todo: list[tuple[int, int]]) -> list[str]:
    return list(ray_render.spread(here, Storage.of(folder).create(), run, (), todo))


def test_what_is_there_is_left_and_what_is_missing_is_made(here: Any, killed: Path, few_clips: Path) -> None:
    (killed / shard_name(SEED, 2)).unlink()
    before = {p.name: p.stat().st_mtime_ns for p in killed.glob("*.parquet")}
    made = spread(here, killed, plan(SEED, N_CLIPS, (), SHARD_CLIPS), [(2, SHARD_CLIPS), (3, SHARD_CLIPS)])
    assert sorted(made) == [shard_name(SEED, 2), shard_name(SEED, 3)]
    assert files(killed) == files(few_clips)
    assert before.items() <= {p.name: p.stat().st_mtime_ns for p in killed.glob("*.parquet")}.items()


def test_a_machine_with_another_engine_makes_nothing(here: Any, tmp_path: Path) -> None:
    run = replace(plan(SEED, N_CLIPS, (), SHARD_CLIPS), engine_version="0.0.9")
    with pytest.raises(WhisperSynthError, match="engine_version"):
        spread(here, tmp_path, run, [(0, SHARD_CLIPS)])
    assert not list(tmp_path.iterdir())


def test_shards_that_fail_are_told_and_the_others_kept(here: Any, tmp_path: Path) -> None:
    (tmp_path / shard_name(SEED, 1)).mkdir()  # in the way
    with pytest.raises(WhisperSynthError, match=r"1 of 2 shards failed \(numbers 1\)"):
        spread(here, tmp_path, plan(SEED, 2, (), 1), [(0, 1), (1, 1)])
    assert (tmp_path / shard_name(SEED, 0)).is_file()


def test_no_more_tasks_are_in_flight_than_keep_the_cores_busy(
    here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flights, wait = [], here.wait
    monkeypatch.setattr(here, "wait", lambda refs, **how: flights.append(len(refs)) or wait(refs, **how))
    spread(here, tmp_path, plan(SEED, 5, (), 1), [(i, 1) for i in range(5)])
    assert max(flights) == ray_render.PER_CPU


def test_a_cluster_out_of_reach_is_one_sentence() -> None:
    ray.shutdown()
    with pytest.raises(WhisperSynthError, match="--ray local"), ray_render.cluster("127.0.0.1:1"):
        pass
