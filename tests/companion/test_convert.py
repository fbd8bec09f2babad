"""Files of one synth as files of another: what is written, what is told, and that nothing is overwritten."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from companion.cli import FAILED, MISUSED, run
from companion.disk.convert import convert_file
from companion.disk.store import read_patch
from companion.plugins.serum_heard import main as heard
from presets.patch import Patch
from presets.schema import OWN
from presets.txt import patch_to_text
from presets.vital import patch_to_vital

DATA = Path(__file__).parents[1] / "data" / "serum"
FXP, SERUM2 = DATA / "ILikeToMoveIt.fxp", DATA / "MallGrabSaws.SerumPreset"
PATCH = Patch(
    {"filter1.on": True, "filter1.cutoff": 900.0, "osc1.table": "pwm", "osc1.position": 25.0, "reverb.on": True,
     "mod1.source": "env2", "mod1.amount": 30.0, "osc2.on": True, "osc1.morph": "smear"}, note=48,
)  # fmt: skip
KINDS = ("txt", "vital", "fxp", "SerumPreset")


@pytest.fixture
def sources(tmp_path):
    """One patch in every kind of file."""
    (tmp_path / "a.txt").write_text(patch_to_text(PATCH))
    (tmp_path / "a.vital").write_text(patch_to_vital(PATCH))
    for kind in ("fxp", "SerumPreset"):
        convert_file(tmp_path / "a.txt", tmp_path / f"a.{kind}")
    return tmp_path


@pytest.mark.parametrize("to", KINDS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_becomes_every_kind(sources, kind, to):
    done = convert_file(sources / f"a.{kind}", sources / "out" / f"b.{to}")
    patch = read_patch(done.path)
    assert patch.number("filter1.cutoff") == pytest.approx(900, rel=1e-3)
    assert patch["mod1.source"] == "env2" and patch.number("mod1.amount") == pytest.approx(30, rel=1e-3)
    assert patch["filter1.type"] == "lp12" and patch["reverb.on"] and patch["osc2.on"]


@pytest.mark.parametrize(
    "path", [*sorted(DATA.glob("*.fxp")), *sorted(DATA.glob("*.SerumPreset"))], ids=lambda p: p.stem
)
def test_the_same_kind_is_byte_for_byte_the_same(path, tmp_path):
    assert convert_file(path, tmp_path / f"same{path.suffix}").path.read_bytes() == path.read_bytes()


def test_a_vital_preset_stays_as_it_is(sources):
    done = convert_file(sources / "a.vital", sources / "b.vital")
    assert done.path.read_text() == (sources / "a.vital").read_text()


def test_own_tables_lie_beside_a_text(tmp_path):
    frames = np.linspace(-1, 1, 2 * 2048, dtype=np.float32).reshape(2, 2048)
    patch = Patch({"osc1.table": OWN}, assets={"osc1.table": frames})
    (tmp_path / "a.vital").write_text(patch_to_vital(patch))
    convert_file(tmp_path / "a.vital", tmp_path / "a.fxp")
    convert_file(tmp_path / "a.fxp", tmp_path / "there" / "b.txt")
    assert (tmp_path / "there" / "b osc1 table.wav").exists()
    assert np.allclose(read_patch(tmp_path / "there" / "b.txt").assets["osc1.table"], frames, atol=1e-4)


# -- the command ---------------------------------------------------------------------------------------------------


def test_what_was_changed_is_printed(sources, capsys):
    assert run(["convert", str(sources / "a.txt"), str(sources / "b.fxp")]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == str(sources / "b.fxp")
    assert "  Vital's reverb became Serum's Hall, which is another algorithm" in out
    assert "Left out:\n  Vital's osc1.morph smear is left out: Serum has no such stage" in out


def test_what_a_real_preset_loses_is_printed(tmp_path, capsys):
    assert run(["convert", str(FXP), str(tmp_path / "a.vital")]) == 0
    out = capsys.readouterr().out
    assert "% of the 64 settings in use crossed." in out
    assert "there is no word for LFO 5" in out


def test_json_for_programs(tmp_path, capsys):
    assert run(["convert", "--json", str(SERUM2), str(tmp_path / "a.vital")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert Path(told["file"]).exists() and told["settings"] > 50 and 0.6 < told["carried"] < 1
    assert any("oscillator C" in text for text in told["approximated"])


def test_one_serum_to_the_other_goes_knob_by_knob(tmp_path, capsys):
    assert run(["convert", str(FXP), str(tmp_path / "a.SerumPreset")]) == 0
    assert "100% of the 64 settings in use crossed." in capsys.readouterr().out
    assert run(["convert", str(SERUM2), str(tmp_path / "b.fxp")]) == 0
    assert "Serum's Osc C On is left out: Serum 1 has no place for it" in capsys.readouterr().out


def test_nothing_is_overwritten_without_being_asked(sources, capsys):
    target = sources / "b.fxp"
    target.write_text("mine")
    assert run(["convert", str(sources / "a.txt"), str(target)]) == FAILED
    error = capsys.readouterr().err
    assert "is there already and was left as it is; give another name, or --overwrite" in error
    assert target.read_text() == "mine"
    assert run(["convert", "--overwrite", str(sources / "a.txt"), str(target)]) == 0
    assert target.read_bytes()[:4] == b"CcnK"
    assert not list(sources.glob(".*"))


def test_a_table_beside_a_text_is_not_overwritten_either(tmp_path):
    shutil.copy(FXP, tmp_path / "a.fxp")
    (tmp_path / "b osc1 table.wav").write_text("mine")
    assert run(["convert", str(tmp_path / "a.fxp"), str(tmp_path / "b.txt")]) == FAILED
    assert (tmp_path / "b osc1 table.wav").read_text() == "mine" and not (tmp_path / "b.txt").exists()


@pytest.mark.parametrize(
    ("source", "target", "code", "sentence"),
    [
        ("a.txt", "b.wav", MISUSED, "is of no kind that can be written; end it in .txt, .vital, .fxp"),
        ("none.fxp", "b.vital", FAILED, "is no file; check the path"),
        ("none.txt", "b.vital", FAILED, "does not exist; check the path"),
        ("broken.fxp", "b.vital", FAILED, "does not begin as one; choose another file"),
        ("broken.SerumPreset", "b.vital", FAILED, "does not begin as one"),
        ("broken.fxp", "b.fxp", FAILED, "does not begin as one; choose another file"),
        ("a.wav", "b.fxp", FAILED, "give a .txt patch, or a .vital, .fxp or .SerumPreset preset"),
    ],
)
def test_errors_are_sentences(sources, capsys, source, target, code, sentence):
    for name in ("broken.fxp", "broken.SerumPreset", "a.wav"):
        (sources / name).write_bytes(b"nothing")
    assert run(["convert", str(sources / source), str(sources / target)]) == code
    error = capsys.readouterr().err
    assert sentence in error and len(error.splitlines()) == 1
    assert not (sources / target).exists()


# -- other commands ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [FXP, SERUM2])
def test_serums_presets_are_explained_and_rendered(path, tmp_path, capsys):
    assert run(["explain", str(path)]) == 0
    assert "A Serum preset;" in capsys.readouterr().out
    assert (
        run(["render", str(path), "--note", "C2", "--seconds", "0.5", "--out", str(tmp_path / "a.wav")]) == 0
    )
    assert (tmp_path / "a.wav").stat().st_size > 10_000


def test_which_presets_sound(tmp_path, capsys):
    shutil.copy(FXP, tmp_path)
    shutil.copy(SERUM2, tmp_path)
    assert heard([str(tmp_path)]) == 0
    assert "2 of 2 presets sound (100.0%)" in capsys.readouterr().out
    assert heard([]) == 1
