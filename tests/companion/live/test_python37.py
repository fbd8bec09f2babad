"""Live 11 and 12.0 embed Python 3.7, without packages: the script keeps to its grammar and its library."""

import ast
import getpass
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import companion.live

SCRIPT = Path(companion.live.__file__).parent / "WhisperSynth"
FILES = sorted(SCRIPT.glob("*.py"))
INSIDE = Path(__file__).parent / "inside"
LIBRARY = {  # of the standard library, what is pure Python or surely inside Live
    "__future__", "contextlib", "fnmatch", "http", "json", "math", "os", "queue", "re", "selectors", "socket", "struct", "sys", "threading", "time",
    "traceback", "typing", "unicodedata",
}  # fmt: skip
LIVES_OWN = {"Live", "_Framework", "ableton"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_grammar_of_3_7(path):
    tree = ast.parse(path.read_text("utf-8"), feature_version=(3, 7))
    for node in ast.walk(tree):  # what feature_version lets through
        assert not isinstance(node, (ast.NamedExpr, getattr(ast, "Match", ast.NamedExpr)))
        if isinstance(node, ast.arguments):
            assert not node.posonlyargs
        if isinstance(node, ast.FunctionDef):
            names = {d.id for d in node.decorator_list if isinstance(d, ast.Name)}
            assert names <= {"property", "staticmethod", "classmethod"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_beyond_the_standard_library(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names.append(node.module)
        assert {name.split(".")[0] for name in names} <= LIBRARY | LIVES_OWN


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_annotations_are_never_evaluated(path):
    assert "from __future__ import annotations" in path.read_text("utf-8")


def test_importing_it_needs_no_live():
    code = f"import sys; sys.path.insert(0, {str(SCRIPT.parent)!r}); import WhisperSynth; print(WhisperSynth.VERSION)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "1", done.stderr


def python37():
    """An interpreter of that version, if this machine has one: named, installed, or one of pyenv's."""
    home = Path(os.path.expanduser(f"~{getpass.getuser()}"))  # HOME is the tests' own
    pyenv = sorted(Path(os.environ.get("PYENV_ROOT", home / ".pyenv")).glob("versions/3.7.*/bin/python"))
    named = os.environ.get("WHISPERSYNTH_PYTHON37")
    for candidate in filter(None, (named, *map(str, pyenv), shutil.which("python3.7"))):
        asked = subprocess.run([candidate, "-V"], capture_output=True, text=True)
        if asked.stdout.startswith("Python 3.7"):
            return candidate
    return None


def drive(python, tmp_path):
    """The script in a fake Live, run by an interpreter: what it sent, and what the status bar said."""
    library = tmp_path / "User Library"
    shutil.copytree(
        SCRIPT, library / "Remote Scripts" / "WhisperSynth", ignore=shutil.ignore_patterns("__pycache__")
    )
    command = [python, "-B", str(INSIDE / "drive_script.py"), str(library), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(INSIDE)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_it_runs_in_3_7_as_it_does_here(tmp_path):
    found = python37()
    if found is None:
        pytest.skip("no Python 3.7 here; name one in WHISPERSYNTH_PYTHON37")
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old, new = drive(found, tmp_path / "old"), drive(sys.executable, tmp_path / "new")
    assert old.pop("python") == [3, 7]
    assert new.pop("python") == list(sys.version_info[:2])
    assert old == new
    assert old["job"]["pitch_st"] == -2.5
    assert old["osc"] == ["/live/song/get/tempo", [120.0]]
    assert "very close" in old["message"]
    assert old["violations"] == []
