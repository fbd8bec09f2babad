"""Run by `make install-check` in an environment that holds only what `pip install whispersynth` brings.

Checks that the wheel has what the packages have and nothing else, that no heavy package came along, and that the command matches the clip given.
"""

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

HEAVY = ("torch", "transformers", "optimum", "librosa", "onnx", "pyarrow", "matplotlib")
ROOT = Path(__file__).parents[1]
PACKAGES = ("presets", "companion", "export")
BUNDLE_LIMIT_MB = 45  # model and tables
OUT = "installed-match"


def heavy_installed() -> list[str]:
    present = {d.metadata["Name"].lower() for d in importlib.metadata.distributions()}
    return sorted(present.intersection(HEAVY))


def data_mb() -> float:
    """What the wheel carries besides code, in MB."""
    files = importlib.metadata.files("whispersynth") or []
    return (
        sum(Path(f.locate()).stat().st_size for f in files if f.suffix != ".py" and f.suffix != ".pyc") / 1e6
    )


def otherwise_packed() -> list[str]:
    """Files that the packages have and the wheel has not, or the other way round; none where there is no git."""
    listed = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True)
    installed = importlib.metadata.files("whispersynth") or []
    packed = {f.as_posix() for f in installed if f.parts[0] in PACKAGES and f.suffix != ".pyc"}
    return sorted(packed ^ set(listed.stdout.splitlines())) if listed.returncode == 0 else []


def match(clip: str) -> dict[str, object]:
    command = [str(Path(sys.executable).with_name("whispersynth")), "match", clip, "--json", "--out", OUT]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def main() -> None:
    if heavy := heavy_installed():
        sys.exit(f"the light install brought {', '.join(heavy)}")
    if others := otherwise_packed():
        sys.exit(f"the wheel and the sources differ in {', '.join(others)}")
    if data_mb() > BUNDLE_LIMIT_MB:
        sys.exit(
            f"the wheel carries {data_mb():.0f} MB besides code; at most {BUNDLE_LIMIT_MB} MB are allowed"
        )
    answer = match(sys.argv[1])
    candidates = answer["candidates"]
    kinds = {c["kind"] for c in candidates}
    missing = [f for c in candidates for f in c["files"].values() if not Path(f).is_file()]
    if kinds != {"recipe", "resynth"} or missing:
        sys.exit(f"the match is not whole: kinds {sorted(kinds)}, missing files {missing}")
    print(
        f"installed: {data_mb():.1f} MB of data, a match of {len(candidates)} candidates in {answer['seconds']} s"
    )


if __name__ == "__main__":
    main()
