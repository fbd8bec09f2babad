import json
import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("vita", reason="the Vital engine has no wheel for this platform")

import vita
from rich.console import Console

from companion.errors import WhisperSynthError
from companion.hearing.audio import SAMPLE_RATE
from export import cma, evaluate, peers, standings, targets
from export.peers import Setup
from export.standings import Interval, Standing
from export.targets import Hearing, LoadError, Target, draw_hearing, judge, render_fresh

HEARD = Hearing(48, 0.8)


def preset(**controls: float) -> str:
    synth = vita.Synth()
    synth.load_init_preset()
    for name, value in controls.items():
        synth.get_controls()[name].set(value)
    return synth.to_json()


PLUCK = {"filter_1_on": 1.0, "filter_1_cutoff": 66.0, "env_1_decay": 0.9, "env_1_sustain": 0.2}
MUTE = {"osc_1_on": 0.0}


@pytest.fixture(scope="module", autouse=True)
def one_unheard_note():
    """A third of the renders."""
    patch = pytest.MonkeyPatch()
    patch.setattr(targets, "UNHEARD", (Hearing(43, 1.0),))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def target() -> Target:
    return Target.prepare("pluck", preset(**PLUCK), HEARD)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("presets")
    for name, controls in {
        "mute": MUTE,
        "pluck": PLUCK,
        "wide": {"osc_1_unison_voices": 5.0, **PLUCK},
    }.items():
        (path / f"{name}.vital").write_text(preset(**controls))
    (path / "broken.vital").write_text("{}")
    return path


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


# --- targets and judging ---------------------------------------------------------------------------------------------


def test_hearings_are_drawn_by_seed_and_name():
    drawn = {draw_hearing(f"preset {n}", 0) for n in range(300)}
    assert {one.note for one in drawn} == {36, 41, 48, 53, 60} and {one.note_s for one in drawn} == {
        0.8,
        1.5,
        1.8,
    }
    assert draw_hearing("a", 1) == draw_hearing("a", 1)
    assert [draw_hearing(str(n), 1) for n in range(20)] != [draw_hearing(str(n), 2) for n in range(20)]


@pytest.mark.parametrize("text", ["", "{}", "not json", '{"settings": 3}'])
def test_what_is_no_preset_is_refused(text):
    with pytest.raises(LoadError):
        render_fresh(text, HEARD)


def test_the_preset_itself_is_at_the_floor(target):
    found = judge(target, target.text, 48)
    assert found["g_heard"] < 0.1 and found["g_unheard"] < 0.1
    assert found["pitch"] == "ok" and found["loudness_error_db"] < 0.5


def test_the_init_patch_is_at_one(target):
    found = judge(target, preset(), 48)
    assert found["g_heard"] == pytest.approx(1, abs=0.05) and found["g_unheard"] == pytest.approx(1, abs=0.05)


def test_the_interval_is_kept(target):
    lower = preset(**PLUCK, voice_transpose=-12.0)
    found = judge(target, lower, 60)
    assert found["g_heard"] < 0.1 and found["g_unheard"] < 0.1 and found["pitch"] == "ok"
    assert judge(target, lower, 48)["pitch"] == "octave"
    assert judge(target, target.text, 49)["pitch"] == "off"


@pytest.mark.parametrize("text", [None, "{}"])
def test_no_answer_counts_two(target, text):
    found = judge(target, text, 48)
    assert found["g_heard"] == found["g_unheard"] == 2 and found["failed"]


def test_silence_counts_two(target):
    found = judge(target, preset(**MUTE), 48)
    assert found["g_heard"] == found["g_unheard"] == 2 and found["silent"]


def test_targets_are_kept_on_disk(target, tmp_path):
    target.write(tmp_path / "target.npz")
    again = Target.read("pluck", target.text, tmp_path / "target.npz")
    assert again.heard.floor == target.heard.floor and again.heard.hearing == HEARD
    assert np.array_equal(again.clip, target.clip)
    assert again.unheard[0].init == target.unheard[0].init


# --- figures ---------------------------------------------------------------------------------------------------------


def test_an_interval_holds_its_mean():
    interval = Interval.of([0.0, 1.0, 2.0, math.nan])
    assert interval.low < interval.mean == 1 < interval.high
    assert Interval.of([0.5] * 4) == Interval(0.5, 0.5, 0.5)
    assert math.isnan(Interval.of([]).mean)


def test_a_standing_counts_errors_and_failures(target):
    def item(**changes):
        measures = {"mss": 1.0, "wmfcc": 2.0, "sot": 0.1, "rms": 0.9}
        return {"name": "x", "g_heard": 0.5, "g_unheard": 0.7, "heard": measures, "loudness_error_db": 1.0,
                "pitch": "ok", "failed": None, "silent": False, "seconds": 2.0} | changes  # fmt: skip

    items = [item(), item(pitch="off"), item(pitch="octave"), item(pitch=None, seconds=4.0)]
    failed = targets.failure(target, "why") | {"seconds": 1.0}
    found = Standing.of("any", [*items, failed])
    assert (found.n, found.n_failed, found.n_silent, found.n_pitched) == (5, 1, 0, 3)
    assert found.pitch_errors == found.octave_errors == pytest.approx(1 / 3)
    assert found.g_heard.mean == pytest.approx((4 * 0.5 + 2) / 5)
    assert found.mss == 1 and found.failures == {"pluck": "why"}


# --- a whole run -----------------------------------------------------------------------------------------------------


def test_a_run_writes_three_reports(folder, cache, tmp_path):
    found = evaluate.run(folder, tmp_path, ["itself", "init"], Setup(), cache=cache)
    assert [one.name for one in found.targets] == ["pluck", "wide"]
    assert set(found.excluded) == {"broken", "mute"} and "-60 dBFS" in found.excluded["mute"]
    data = json.loads((tmp_path / evaluate.JSON_FILE).read_text(), parse_constant=pytest.fail)
    assert (
        data["methods"]["itself"]["g_heard"]["mean"] < 0.1 < 0.8 < data["methods"]["init"]["g_heard"]["mean"]
    )
    assert data["seed"] == 0 and len(data["items"]["init"]) == 2
    text = (tmp_path / evaluate.TEXT_FILE).read_text()
    assert "the preset itself" in text and "excluded: broken" in text
    pytest.importorskip("matplotlib", reason="matplotlib comes with the [train] extra")
    assert (tmp_path / evaluate.PICTURE_FILE).read_bytes().startswith(b"\x89PNG")


def test_an_interrupted_run_goes_on(folder, cache, tmp_path, monkeypatch):
    asked = []

    def fragile(setup):
        def method(target):
            asked.append(target.name)
            if len(asked) == 2:
                raise KeyboardInterrupt
            return target.text, target.heard.hearing.note

        return method

    monkeypatch.setitem(peers.METHODS, "fragile", fragile)
    with pytest.raises(KeyboardInterrupt):
        evaluate.run(folder, tmp_path, ["fragile"], Setup(), cache=cache)
    evaluate.run(folder, tmp_path, ["fragile"], Setup(), cache=cache)
    assert asked == ["pluck", "wide", "wide"]
    assert not (tmp_path / evaluate.UNFINISHED).exists()


def test_another_seed_does_not_go_on(tmp_path):
    path = tmp_path / "run.jsonl"
    evaluate.Ledger(path, {"seed": 1}).add("init", {"name": "a"})
    path.write_text(path.read_text() + '["init", {"na')  # cut off
    assert evaluate.Ledger(path, {"seed": 1}).get("init", "a") == {"name": "a"}
    assert evaluate.Ledger(path, {"seed": 2}).get("init", "a") is None


def test_a_method_that_breaks_counts_two(folder, cache, tmp_path, monkeypatch):
    monkeypatch.setitem(peers.METHODS, "broken", lambda setup: lambda target: 1 / 0)
    found = evaluate.run(folder, tmp_path, ["broken"], Setup(), limit=3, cache=cache).standings[0]
    assert found.n_failed == found.n == 1 and found.g_heard.mean == 2
    assert "ZeroDivisionError" in found.failures["pluck"]


def test_methods_are_named(folder, tmp_path):
    with pytest.raises(WhisperSynthError, match=r"nonsense.*choose from any"):
        evaluate.run(folder, tmp_path, ["nonsense"], Setup())
    assert set(standings.TITLES) == set(peers.METHODS)


def test_nothing_to_judge_is_said(tmp_path):
    with pytest.raises(WhisperSynthError, match="no preset to judge"):
        evaluate.run(tmp_path, tmp_path / "out", ["init"], Setup())


def test_the_command_prints_the_table(folder, cache, tmp_path, capsys):
    evaluate.evaluate(folder, tmp_path, methods="init", limit=3, cache=cache)
    assert "floor (own re-render)" in capsys.readouterr().out


def test_a_picture_of_a_failure_only(target, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib comes with the [train] extra")
    item = targets.failure(target, "why") | {"seconds": 0.0}
    assert standings.picture({"any": [item]}, tmp_path / "p.png").stat().st_size > 1000
    Console(file=(tmp_path / "t.txt").open("w")).print(
        standings.table([Standing.of("any", [item])], [target])
    )


# --- peers -----------------------------------------------------------------------------------------------------------


def test_the_search_starts_at_the_init_patch_and_moves(target, monkeypatch):
    monkeypatch.setattr(cma, "POPULATION", 4)
    knobs = cma.Knobs()
    wanted = [synth_value(name) for name in cma.CONTROLS]
    np.testing.assert_allclose(knobs.low + knobs.span * knobs.start(), wanted, atol=1e-4)
    told = []
    text = cma.search(target.clip, HEARD, 8, 0, lambda: told.append(1))
    assert len(told) == 8
    assert judge(target, text, 48)["failed"] is None


def synth_value(name: str) -> float:
    synth = vita.Synth()
    synth.load_init_preset()
    return float(synth.get_controls()[name].value())


def test_the_nearest_patch_is_the_one_that_was_rendered(tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow comes with the [train] extra")
    from companion.hosts.vital import VitalHost
    from export.render import CLIP_S, render_shard
    from presets.txt import text_to_patch

    path = render_shard(tmp_path, 0, 0, n=4)
    import pyarrow.parquet as pq

    row = pq.read_table(path).to_pylist()[2]
    patch = text_to_patch(row["txt"])
    clip = VitalHost(SAMPLE_RATE).render_patch(patch, row["note"], row["note_off_s"], CLIP_S, row["velocity"])
    assert peers.nearest_patches([clip], tmp_path) == [patch]


def test_without_clips_nearest_says_so(tmp_path, target):
    pytest.importorskip("pyarrow", reason="pyarrow comes with the [train] extra")
    with pytest.raises(WhisperSynthError, match="export render"):
        peers.nearest_patches([target.clip], tmp_path)
    with pytest.raises(WhisperSynthError, match="--shards"):
        peers.nearest(Setup())
