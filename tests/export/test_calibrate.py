"""The calibration finds what was put into it, keeps what it measured, and its sounds repeat."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from companion.judging.nearness import CALIBRATION
from companion.match import Matcher, MatchOptions
from export.calibrate import (
    AGAIN,
    EDGES,
    PATCHES,
    REAL,
    Answers,
    Logistic,
    Record,
    Records,
    calibrated,
    fit_floor,
    undisturbed,
)
from export.sounds import CANNOT, HITS, TONE, N, Note, made, midi_file, missing

RNG = np.random.default_rng(0)


def re_render(i: int) -> Record:
    wide = float(RNG.uniform(0, 0.4))
    away = {"brightness": float(abs(RNG.normal(0, 0.3)))}
    return {
        "group": AGAIN,
        "name": str(i),
        "preset": str(i // 4),
        "width": wide,
        "floor": 0.02 + 0.3 * wide**0.5,
        "away": away,
    }


def match(group: str, i: int) -> Record:
    """Scores that are the gap and half the floor; what cannot be made has pitches."""
    cannot, wide = group in CANNOT, float(RNG.uniform(0, 0.4))
    gaps = RNG.uniform(0, 1.2, 6)
    answers = [
        {"kind": "recipe", "score": float(g + 0.5 * (0.02 + 0.3 * wide**0.5)), "g": float(g), "first": n == 0}
        for n, g in enumerate(gaps)
    ]
    recipe = float(RNG.uniform(0.5, 1))
    signs = {
        "states": float(RNG.normal(-2 + cannot, 0.2)),
        "pitches": float(RNG.normal(2 * cannot, 0.2)),
        "rises": 1.0,
    }
    return {"group": group, "name": f"{group} {i}", "width": wide, "recipe": recipe, "resynth": 0.05, "signs": signs,
            "answers": answers if group in (REAL, PATCHES) else []}  # fmt: skip


@pytest.fixture(scope="module")
def records() -> list[Record]:
    groups = (REAL, PATCHES, *HITS, *CANNOT)
    return [re_render(i) for i in range(80)] + [match(group, i) for group in groups for i in range(12)]


def test_the_floor_is_found(records: list[Record]) -> None:
    assert fit_floor([one for one in records if one["group"] == AGAIN]) == pytest.approx(
        (0.02, 0.3), abs=1e-6
    )


def test_the_bounds_are_found(records: list[Record]) -> None:
    found = Answers.of([one for one in records if one["group"] in (REAL, PATCHES)], (0.02, 0.3))
    assert found.bounds(np.ones(len(found.scores), bool)) == pytest.approx(EDGES, abs=0.04)
    assert (found.left_out() == found.true_words).mean() > 0.9


def test_what_is_fitted_is_what_is_shipped(records: list[Record]) -> None:
    data, tables = calibrated(records)
    assert list(data) == list(json.loads(CALIBRATION.read_text("utf-8")))
    assert (
        "| speech (cannot) | 12 | 100% | 100% |" in tables
        and "| real presets (can) | 12 | 0% | 0% |" in tables
    )
    assert data["far"] >= data["bounds"][2]


class Starved:
    """A matcher whose matches get a share of the cores: `burnt_s` of CPU in each second."""

    def __init__(self, burnt_s: float) -> None:
        self.burnt_s, self.asked = burnt_s, list[float]()

    def match(self, path: Path, options: MatchOptions) -> Iterator[SimpleNamespace]:
        self.asked.append(options.seconds)
        end = time.process_time() + self.burnt_s * options.seconds
        while time.process_time() < end:
            pass
        yield SimpleNamespace(candidates=(1,))


@pytest.mark.parametrize(("burnt_s", "seconds"), [(0.2, [2.0]), (0.1, [2.0, 4.0]), (0.04, [2.0, 6.0, 6.0])])
def test_a_match_that_lacked_the_cores_is_made_again_with_more_time(
    burnt_s: float, seconds: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.calibrate.CPU_S", 0.4)
    starved = Starved(burnt_s)
    _, cpu_s = undisturbed(cast(Matcher, starved), Path("clip.wav"))
    assert starved.asked == pytest.approx(seconds, rel=0.1)
    assert cpu_s == pytest.approx(burnt_s * starved.asked[-1], rel=0.1)


def test_a_regression_tells_sides_apart() -> None:
    signs = np.concatenate([RNG.normal(-1, 0.3, (20, 3)), RNG.normal(1, 0.3, (20, 3))])
    cannot = np.arange(40) >= 20
    fitted = Logistic.fit(signs, cannot, np.where(cannot, "speech", "tones"))
    assert ((fitted.chances(signs) > 0.5) == cannot).all()


def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    Records(path).add({"group": REAL, "name": "a"})
    path.write_text(path.read_text() + '{"group": "real presets", "na')  # cut off
    again = Records(path)
    assert (REAL, "a") in again and again.count(REAL) == 1
    again.add({"group": REAL, "name": "b"})
    assert Records(path).count(REAL) == 2


@pytest.mark.parametrize("group", [*TONE, *HITS, *CANNOT])
def test_sounds_repeat_and_can_be_heard(group: str) -> None:
    if why := missing(group):
        pytest.skip(f"needs {why}")
    kind = {**TONE, **HITS, **CANNOT}[group]
    (first,), (second,) = (list(made({group: kind}, 1, 3)) for _ in range(2))
    assert first.audio.shape == (2, N) and first.audio.dtype == np.float32
    assert np.array_equal(first.audio, second.audio) and np.abs(first.audio).max() == pytest.approx(
        0.5, abs=1e-3
    )


def test_a_score_is_a_midi_file() -> None:
    data = midi_file([Note(0, 0.5, 60), Note(0.25, 1.0, 64, 1)], [0, 40])
    assert (
        data[:4] == b"MThd"
        and data[14:18] == b"MTrk"
        and int.from_bytes(data[18:22], "big") == len(data) - 22
    )
    assert data.endswith(b"\xff\x2f\x00")
