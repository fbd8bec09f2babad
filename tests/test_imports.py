"""The runtime stays light, and imports go one way."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "transformers", "optimum", "librosa", "onnx", "pyarrow", "matplotlib", "export"}
ENGINES = {"vita", "pedalboard", "onnxruntime"}

WATCH = """
import os, sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            print(os.environ.get("OPENBLAS_NUM_THREADS"))

sys.meta_path.insert(0, Watch())
import {module}
import numpy
"""
LOADED = "; import json, sys; print(json.dumps(sorted(sys.modules)))"
MATCH = """
import sys
from companion.cli import main
sys.argv = ["whispersynth", "match", {clip!r}, "--out", {out!r}, "--seconds", "0.5", "--candidates", "4", "--json"]
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
"""


def packages_after(code: str) -> set[str]:
    """Top-level names in sys.modules after `code` ran in a fresh interpreter."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


@pytest.mark.parametrize(
    "module", ["companion.match", "companion.cli", "companion.serve.worker", "export.render"]
)
def test_numpy_is_told_to_leave_the_cores_to_the_engines(module: str) -> None:
    told = subprocess.run([sys.executable, "-c", WATCH.format(module=module)], cwd=ROOT, capture_output=True, text=True,
                          env={k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"})  # fmt: skip
    assert told.stdout.splitlines() == ["1"], told.stderr


def imported_by(package: str) -> dict[str, set[str]]:
    """Top-level names that each file of a package imports, wherever in the file the import stands."""
    names: dict[str, set[str]] = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        found = names.setdefault(str(path.relative_to(ROOT)), set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    assert names, f"no file in {package}"
    return names


@pytest.mark.parametrize("module", ["presets", "companion", "companion.cli", "companion.match"])
def test_importing_loads_nothing_heavy(module):
    assert not packages_after(f"import {module}" + LOADED) & HEAVY


def test_a_match_loads_nothing_heavy(tmp_path):
    code = MATCH.format(clip=str(ROOT / "examples" / "lead.flac"), out=str(tmp_path)) + LOADED[2:]
    loaded = packages_after(code)
    assert not loaded & HEAVY
    assert loaded >= ENGINES  # it did match
    assert list(tmp_path.rglob("*.vital"))


def test_the_check_sees_what_is_loaded():
    assert "export" in packages_after("import export" + LOADED) & HEAVY


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [("presets", HEAVY | ENGINES | {"companion"}), ("companion", HEAVY)],
)
def test_files_import_one_way(package, forbidden):
    bad = {path: names & forbidden for path, names in imported_by(package).items() if names & forbidden}
    assert not bad


def test_import_contracts():
    linter = pytest.importorskip("importlinter.cli", reason="import-linter comes with the [dev] extra")
    assert linter.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there it leaves no trace to look for")
def test_opening_the_model_leaves_no_number_for_this_machine(tmp_path):
    code = "from companion.proposing.model import PatchModel; PatchModel()"
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": os.environ["PATH"]}
    subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=home, check=True
    )  # without CI, which silences it too
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
