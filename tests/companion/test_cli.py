"""The command as programs and people meet it: its answers, its exit codes, and one line for whatever goes wrong.

The matcher is a stand-in that answers at once with rendered patches; the real one is tested in test_match.py. Files, the
engine, the streams and the signals are real.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from companion import cli, matching
from companion.disk.store import prepare_folder, read_patch, save_candidates
from companion.errors import ModelError
from companion.hearing.audio import read_clip
from companion.hosts.vital import VitalHost
from companion.judging.board import Candidate
from companion.match import MatchOptions
from companion.matching import match_clips
from companion.telling.complaints import describe
from companion.telling.report import wrapped
from presets.patch import Patch
from presets.tables import table_frames
from presets.wav import encode_samples, read_samples

ROOT = Path(__file__).parents[2]
RECIPE = Patch(
    {"filter1.on": True, "filter1.type": "lp24", "filter1.cutoff": 900, "osc1.position": 69}, note=48
)
RESYNTH = Patch({"osc1.table": "own"}, note=48, assets={"osc1.table": table_frames("brass")})

TOLD = (("as good as identical", ()), ("a close relative", ("darker", "softer attack")))


class StandIn:
    """Answers with a resynth and a recipe; notes what it was asked."""

    def __init__(self):
        self.asked = []

    def match(self, path, options):
        self.asked.append(options)
        clip = read_clip(path, options.start_s, options.end_s)
        if "bug" in path.name:
            raise ZeroDivisionError("a bug")
        patches = () if clip.is_silent else (RESYNTH, RECIPE)
        warnings = ("the clip is silent; send a louder one",) if clip.is_silent else ()
        os.write(1, b"an engine in C++ talks\n")
        print("a library talks")
        candidates = tuple(
            Candidate(
                p, 0.04 + i / 9, VitalHost().render_patch(p, 48, 0.2, 0.3), words=words, differs=differs
            )
            for i, (p, (words, differs)) in enumerate(zip(patches, TOLD, strict=False))
        )
        for stage, share in (("heard", 0.1), ("done", 1.0)):
            yield SimpleNamespace(clip=clip, note=48, note_off_s=0.25, seconds=0.1, candidates=candidates,
                                  warnings=warnings, stage=stage, progress=share)  # fmt: skip


@pytest.fixture
def stand_in(monkeypatch):
    matcher = StandIn()
    monkeypatch.setattr(matching, "open_matcher", lambda synth: matcher)
    return matcher


@pytest.fixture
def whispersynth(capfd, tmp_path, monkeypatch):
    """Runs the command in this process: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WHISPERSYNTH_DEBUG", raising=False)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def run(*args):
        code = cli.run([str(arg) for arg in args])
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def tone(tmp_path):
    """A clip to match."""
    path = tmp_path / "kick.wav"
    t = np.arange(22_050) / 44_100
    path.write_bytes(encode_samples((0.5 * np.sin(2 * np.pi * 131 * t))[None]))
    return path


@pytest.fixture
def silence(tmp_path):
    path = tmp_path / "silence.wav"
    path.write_bytes(encode_samples(np.zeros((1, 22_050))))
    return path


@pytest.fixture
def text_patch(tmp_path):
    (files,) = save_candidates(
        "bass", [Candidate(RECIPE, 0.1, np.zeros((2, 99), np.float32))], prepare_folder(tmp_path / "patches")
    )
    return files["txt"]


def objects(out):
    return [json.loads(line) for line in out.splitlines()]


def one_line(err):
    assert err.startswith("whispersynth: ") and err.count("\n") == 1 and len(err) > 40
    return err


# -- match, for programs ------------------------------------------------------------------------------------------


def test_json_is_one_object_a_clip_as_specified(whispersynth, stand_in, tone, tmp_path):
    code, out, _ = whispersynth("match", tone, "--json", "--out", "patches")
    (answer,) = objects(out)
    assert code == 0
    assert list(answer) == ["clip", "note", "note_off_s", "seconds", "warnings", "candidates"]
    assert answer["clip"] == str(tone) and answer["note"] == 48 and answer["note_off_s"] == 0.25
    assert answer["seconds"] > 0 and answer["warnings"] == []
    first, second = answer["candidates"]
    assert list(first) == ["rank", "kind", "score", "files", "words", "differs"]
    assert list(first["files"]) == ["txt", "vital", "wav"]
    assert (second["words"], second["differs"]) == ("a close relative", ["darker", "softer attack"])
    assert (first["rank"], first["kind"], second["rank"], second["kind"]) == (1, "resynth", 2, "recipe")
    assert 0 <= first["score"] < second["score"]
    for candidate in answer["candidates"]:
        for kind, path in candidate["files"].items():
            assert Path(path).is_absolute() and Path(path).is_file() and path.endswith(f".{kind}")
            assert Path(path).parent == tmp_path / "patches"


def test_what_is_saved_is_what_was_found(whispersynth, stand_in, tone):
    _, out, _ = whispersynth("match", tone, "--json", "--out", "patches")
    resynth, recipe = (candidate["files"] for candidate in objects(out)[0]["candidates"])
    assert read_patch(Path(recipe["txt"])).values == RECIPE.values
    assert read_patch(Path(resynth["txt"])).assets["osc1.table"].shape == (17, 2048)
    assert np.abs(read_samples(Path(recipe["wav"])).audio).max() > 0.05


def test_nothing_but_answers_reaches_stdout(whispersynth, stand_in, tone):
    _, out, err = whispersynth("match", tone, tone, "--json", "--out", "patches")
    assert len(objects(out)) == 2
    assert "an engine in C++ talks" in err and "a library talks" in err


def test_a_clip_that_fails_does_not_stop_the_others(whispersynth, stand_in, tone, tmp_path):
    (tmp_path / "no.wav").write_text("not audio")
    code, out, err = whispersynth("match", "no.wav", "gone.wav", tone, "--json", "--out", "patches")
    bad, gone, good = objects(out)
    assert code == 1
    assert (
        set(bad) == {"clip", "error", "candidates"}
        and bad["candidates"] == []
        and bad["clip"] == str(tmp_path / "no.wav")
    )
    assert "not a sound file" in bad["error"] and "does not exist" in gone["error"]
    assert len(good["candidates"]) == 2
    assert bad["error"] in err


def test_whether_a_clip_may_be_read_is_left_to_who_reads_it(whispersynth, stand_in, tone, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *args, **more: False)  # as for a clip of another user
    code, out, _ = whispersynth("match", tone, "--json", "--out", "patches")
    assert code == 0 and objects(out)[0]["candidates"]


def test_silence_is_a_warning_and_no_failure(whispersynth, stand_in, silence, tmp_path):
    code, out, _ = whispersynth("match", silence, "--json", "--out", "patches")
    (answer,) = objects(out)
    assert code == 0 and answer["candidates"] == [] and "silent" in answer["warnings"][0]
    assert list((tmp_path / "patches").iterdir()) == []


def test_an_unforeseen_error_is_one_line_that_says_how_to_report_it(whispersynth, stand_in, tone):
    bug = tone.rename(tone.with_name("bug.wav"))
    code, out, err = whispersynth("match", bug, "--json", "--out", "patches")
    assert code == 1 and "unexpected ZeroDivisionError: a bug; please report it" in objects(out)[0]["error"]
    assert "WHISPERSYNTH_DEBUG=1" in one_line(err)


def test_errors_end_alike_and_those_of_the_system_name_the_file():
    assert describe(ModelError("one thing.")) == describe(ModelError("one thing")) == "one thing"
    with pytest.raises(OSError) as caught:
        Path("/gone/away.txt").read_text()
    told = describe(caught.value)
    assert str(Path("/gone/away.txt")) in told and "report" not in told


def test_a_library_that_cannot_be_kept_is_told_and_the_match_saved(
    whispersynth, stand_in, tone, tmp_path, monkeypatch
):
    monkeypatch.setenv("WHISPERSYNTH_DATA", str(tone / "inside a file"))
    code, _, err = whispersynth("match", tone, "--out", "patches")
    assert code == 0 and list(Path("patches").glob("*.vital"))
    assert "not in the library" in one_line(err) and "report" not in err


def test_the_traceback_is_there_for_those_who_ask(stand_in, capfd, tone, tmp_path, monkeypatch):
    monkeypatch.setenv("WHISPERSYNTH_DEBUG", "1")
    options, report = MatchOptions(), SimpleNamespace(begin=print, progress=print, end=print)
    match_clips([tone.rename(tone.with_name("bug.wav"))], options, tmp_path, report)
    assert "Traceback" in capfd.readouterr().err


def test_a_model_that_does_not_load_is_told_once_and_for_every_clip(whispersynth, tone, monkeypatch):
    def damaged(synth):
        raise ModelError("the model bundle is damaged; install whispersynth again")

    monkeypatch.setattr(matching, "open_matcher", damaged)
    code, out, err = whispersynth("match", tone, tone, "--json", "--out", "patches")
    assert code == 1 and "damaged" in one_line(err)
    assert [answer["error"] for answer in objects(out)] == [
        "the model bundle is damaged; install whispersynth again"
    ] * 2


def test_a_file_in_the_place_of_the_folder(whispersynth, stand_in, tone):
    code, out, err = whispersynth("match", tone, "--json", "--out", tone)
    assert code == 1 and "a file stands where a folder is wanted" in one_line(err)
    assert len(objects(out)) == 1 and stand_in.asked == []


def test_options_arrive_at_the_matcher(whispersynth, stand_in, tone):
    whispersynth("match", tone, "--out", "p", "--note", "C2", "--start", 0.1, "--end", 0.4, "--candidates", 3, "--seconds", 0,
                 "--kind", "recipe", "--synth", "vital", "--bpm", 128, "--seed", 7)  # fmt: skip
    assert stand_in.asked == [
        MatchOptions(note=48, start_s=0.1, end_s=0.4, candidates=3, seconds=0, kind="recipe", bpm=128, seed=7)
    ]


def test_without_out_patches_go_to_the_users_documents(whispersynth, stand_in, tone, tmp_path, monkeypatch):
    if sys.platform != "linux":
        pytest.skip("the documents folder can be moved by an environment variable on Linux alone")
    monkeypatch.setenv("XDG_DOCUMENTS_DIR", str(tmp_path / "documents"))
    _, out, _ = whispersynth("match", tone, "--json")
    assert objects(out)[0]["candidates"][0]["files"]["txt"].startswith(
        str(tmp_path / "documents" / "WhisperSynth")
    )


# -- match, for people --------------------------------------------------------------------------------------------


def test_people_get_a_table(whispersynth, stand_in, tone, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    code, out, _ = whispersynth("match", tone, "--out", "patches")
    assert code == 0
    for words in ("kick.wav: C2 (48), held 250 ms; 2 patches in", "resynth", "as good as identical", "(0.09)", "kick 2 recipe", "a close relative", "softer attack",
                  "osc1 saw wave", "filter1 lp24 at 900 Hz", "amp attack 0.5 ms", f"Saved in {tmp_path / 'patches'}"):  # fmt: skip
        assert words in out


def test_silence_is_said_to_people(whispersynth, stand_in, silence):
    code, _, err = whispersynth("match", silence, "--out", "patches")
    assert code == 0 and "silence.wav: the clip is silent" in one_line(err)


def test_names_with_brackets_are_no_markup(whispersynth, stand_in, tone):
    _, out, _ = whispersynth("match", tone.rename(tone.with_name("[red]a.wav")), "--out", "patches")
    assert "[red]a.wav: C2" in out


# -- misuse -------------------------------------------------------------------------------------------------------

MISUSE = [
    ("", "match"),
    ("--note", "H3"),
    ("--note", "128"),
    ("--start", "-1"),
    ("--start", "nan"),
    ("--end", "inf"),
    ("--candidates", "0"),
    ("--candidates", "many"),
    ("--seconds", "-1"),
    ("--seconds", "nan"),
    ("--kind", "both"),
    ("--synth", "moog"),
    ("--bpm", "5"),
    ("--bpm", "nan"),
    ("--seed", "-1"),
    ("--loud", "1"),
]


@pytest.mark.parametrize(("option", "value"), MISUSE)
def test_misuse_is_one_line_and_exit_2(whispersynth, stand_in, tone, option, value):
    args = ["match", tone, option, value] if option else [value]
    code, out, err = whispersynth(*args, "--out", "patches")
    assert code == 2 and out == "" and stand_in.asked == []
    assert value.lstrip("-") in one_line(err) or option.lstrip("-") in err
    assert not Path("patches").exists()


def test_the_end_must_come_after_the_start(whispersynth, stand_in, tone):
    code, _, err = whispersynth("match", tone, "--start", 2, "--end", 1)
    assert code == 2 and "From 2 s to 1 s" in one_line(err)


def test_misuse_names_the_help_of_its_command_and_a_name_that_looks_like_an_option(whispersynth, tone):
    _, _, err = whispersynth("render", "--note")
    assert "`whispersynth render --help` says" in one_line(err)
    tone.rename(tone.with_name("-kick.wav"))
    code, _, err = whispersynth("match", "-kick.wav")
    assert code == 2 and "begins with - goes behind --" in one_line(err)


def test_the_help_begins_with_match_and_is_not_cut_off(whispersynth):
    _, out, _ = whispersynth("--help")
    commands = out.partition("Commands:\n")[2]
    assert commands.split()[0] == "match" and "..." not in commands


def test_an_unknown_command_and_no_command(whispersynth):
    code, _, err = whispersynth("mtach")
    assert code == 2 and "mtach" in one_line(err)
    code, out, err = whispersynth()
    assert code == 0 and err == "" and all(name in out for name in ("match", "explain", "render"))


# -- explain and render -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".txt", ".vital"])
def test_explain_tells_the_sections(whispersynth, text_patch, suffix):
    code, out, _ = whispersynth("explain", text_patch.with_suffix(suffix))
    assert code == 0 and "A saw wave (basic shapes, position 69 %)" in out
    assert "A 24 dB low-pass at 900 Hz takes the top off" in out.replace("\n  ", " ")
    assert out.splitlines()[-1].strip() and "To make it brighter" in out
    assert all(len(line) <= 80 and line == line.rstrip() for line in out.splitlines())


def test_lines_are_not_broken_between_a_figure_and_its_unit():
    assert wrapped("It is at 900 Hz and 33 % of it", 12, " ").splitlines() == [
        " It is at",
        " 900 Hz and",
        " 33 % of it",
    ]


def test_render_writes_a_wav_of_that_length(whispersynth, text_patch):
    code, out, _ = whispersynth("render", text_patch, "--note", "C3", "--seconds", 0.5)
    samples = read_samples(Path(out.strip()))
    assert code == 0 and Path(out.strip()).name == "bass 1 recipe C3.wav"
    assert samples.rate_hz == 44_100 and samples.audio.shape == (2, 22_050)
    assert np.abs(samples.audio).max() > 0.05


def test_render_plays_the_note_the_patch_was_heard_at_and_a_vital_preset(whispersynth, text_patch):
    _, from_text, _ = whispersynth("render", text_patch, "--seconds", 0.3)
    _, from_vital, _ = whispersynth(
        "render", text_patch.with_suffix(".vital"), "--note", 48, "--seconds", 0.3
    )
    assert from_text.strip().endswith("bass 1 recipe C2.wav")
    assert from_vital.strip().endswith("bass 1 recipe C2 2.wav")  # the first is not overwritten
    a, b = (read_samples(Path(path.strip())).audio for path in (from_text, from_vital))
    np.testing.assert_allclose(a, b, atol=0.01)


def test_render_never_overwrites_and_warns_of_silence(whispersynth, tmp_path):
    (tmp_path / "quiet.txt").write_text("whispersynth patch 1\n\n[osc1]\non = off\n")
    code, _, err = whispersynth("render", "quiet.txt", "--seconds", 0.2, "--out", "a.wav")
    assert code == 0 and "silent at C3" in one_line(err)
    code, _, err = whispersynth("render", "quiet.txt", "--seconds", 0.2, "--out", "a.wav")
    assert code == 1 and "is there already" in one_line(err)


@pytest.mark.parametrize(
    "args", [("--seconds", "0"), ("--seconds", "nan"), ("--seconds", "9999"), ("--note", "x")]
)
def test_render_refuses_what_makes_no_sense(whispersynth, text_patch, args):
    code, out, err = whispersynth("render", text_patch, *args)
    assert code == 2 and out == "" and one_line(err)


CRASHES = {"source": "lfo_1", "destination": "distortion_type"}  # takes the engine's process down when loaded


@pytest.mark.parametrize("command", ["explain", "render"])
def test_what_is_no_patch_is_one_line(whispersynth, text_patch, tmp_path, command):
    preset = json.loads(text_patch.with_suffix(".vital").read_text())
    preset["settings"]["modulations"][0] = CRASHES
    (tmp_path / "crash.vital").write_text(json.dumps(preset))
    (tmp_path / "not.txt").write_text("hello")
    for name in ("crash.vital", "not.txt", "gone.txt", ".", "kick.wav"):
        code, out, err = whispersynth(command, name)
        assert code == 1 and out == "" and name in one_line(err)


# -- as a process -------------------------------------------------------------------------------------------------


def process(*args, stdout=subprocess.PIPE, **variables):
    """Python in a process of its own."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        **variables,
    }
    command = [sys.executable, *map(str, args)]
    return subprocess.Popen(command, env=environment, stdout=stdout, stderr=subprocess.PIPE, text=True)


def test_the_command_starts_and_tells_its_version():
    run = process("-m", "companion.cli", "--version")
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0 and out.startswith("whispersynth") and err == ""


SLOW = """
import sys, time
from companion import cli, matching

class Slow:
    def match(self, path, options):
        print("begun", flush=True)
        time.sleep(60)
        yield None

matching.open_matcher = lambda synth: Slow()
sys.exit(cli.run(sys.argv[1:]))
"""


@contextmanager
def begun(*args):
    """A match in the middle."""
    run = process("-c", SLOW, "match", *args)
    try:
        assert run.stdout.readline() == "begun\n"
        yield run
    finally:
        run.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_in_the_middle_is_one_line_and_leaves_nothing(tone, tmp_path, number):
    with begun(tone, "--out", tmp_path / "patches") as run:
        began = time.monotonic()
        run.send_signal(number)
        _, err = run.communicate(timeout=20)
    assert run.returncode == 130 and "stopped" in one_line(err)
    assert time.monotonic() - began < 10
    assert list((tmp_path / "patches").iterdir()) == []


def test_a_reader_that_goes_away_is_no_traceback(text_patch):
    read_end, write_end = os.pipe()
    os.close(read_end)
    run = process("-m", "companion.cli", "explain", text_patch, stdout=write_end)
    os.close(write_end)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 1 and err == ""


def test_a_terminal_without_unicode_gets_question_marks(tmp_path):
    path = tmp_path / "コード.txt"
    path.write_text("whispersynth patch 1\nname = 'コード'\n", encoding="utf-8")
    run = process("-m", "companion.cli", "explain", path, PYTHONIOENCODING="ascii")
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0 and "???" in out and err == ""
