"""`make bench`: the quality and the speed of a match, on this machine, at this commit.

python tests/bench.py [--speed] [--presets FOLDER] [--limit N] [--out FOLDER] [--soundfont FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parent.parent
EVALUATION = ROOT / "tests" / "data" / "evaluation"
EXAMPLE = ROOT / "examples" / "lead.flac"
SOUND_FONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")  # of Debian's fluid-soundfont-gm
METHODS = "any,recipe,resynth,model16,prior16"
N_WARM = 20
N_COLD = 5
BUNDLE_LIMIT_MB = 45
WORKER = """
import json, resource, sys, time
from pathlib import Path
from companion.match import Matcher
matcher = Matcher()
list(matcher.match(Path(sys.argv[1])))
seconds = []
for _ in range(int(sys.argv[2])):
    began = time.perf_counter()
    *_, last = matcher.match(Path(sys.argv[1]))
    seconds.append(time.perf_counter() - began)
print(json.dumps({"seconds": seconds, "peak_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
                  "candidates": len(last.candidates)}))
"""


def warm_matches() -> dict[str, float]:
    """Seconds of matches in one process (median, 95th percentile) and its peak memory in MB."""
    done = subprocess.run(
        [sys.executable, "-c", WORKER, str(EXAMPLE), str(N_WARM)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    result = json.loads(done.stdout.splitlines()[-1])
    seconds = sorted(result["seconds"])
    return {
        "median_s": statistics.median(seconds),
        "p95_s": seconds[int(0.95 * (len(seconds) - 1) + 0.5)],
        "candidates": result["candidates"],
        "peak_mb": megabytes(result["peak_kb"]),
    }


def cold_command(budget_s: float) -> tuple[float, float]:
    """Median seconds of the whole command with that budget, from nothing to files, and the most memory it took in MB."""
    command = [
        sys.executable,
        "-c",
        "from companion.cli import main; main()",
        "match",
        str(EXAMPLE),
        "--json",
        f"--seconds={budget_s:g}",
    ]
    seconds = []
    for _ in range(N_COLD):
        with tempfile.TemporaryDirectory() as out:
            began = time.perf_counter()
            subprocess.run([*command, "--out", out], capture_output=True, check=True, cwd=ROOT)
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds), megabytes(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)


def megabytes(maxrss: float) -> float:
    """Of getrusage, which counts kB on Linux and bytes on macOS."""
    return maxrss / 1024 if platform.system() == "Linux" else maxrss / 2**20


def machine() -> str:
    """What it runs on, and how busy that is."""
    cpu = platform.processor() or platform.machine()
    with suppress(OSError):
        names = [
            line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")
        ]
        cpu = names[0].partition(": ")[2] if names else cpu
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{cpu}, {os.cpu_count()} cores, {system}; load {os.getloadavg()[0]:.1f}"


def bundle_mb() -> float:
    """Size of the models and tables that ship."""
    files = [
        p for folder in ("companion/models", "presets") for p in (ROOT / folder).rglob("*") if p.is_file()
    ]
    return sum(p.stat().st_size for p in files if "__pycache__" not in p.parts) / 1e6


def commit() -> str:
    """The commit that is measured, marked when files differ from it."""
    git = ["git", "-C", str(ROOT)]
    name = subprocess.run(
        [*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    dirty = subprocess.run(
        [*git, "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True
    ).stdout
    return name + (" with changes" if dirty.strip() else "")


def main() -> None:
    """Measures everything and prints it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presets", type=Path, default=EVALUATION)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("--methods", default=METHODS)
    parser.add_argument("--soundfont", type=Path, default=SOUND_FONT)
    parser.add_argument("--speed", action="store_true", help="speed and memory only")
    arguments = parser.parse_args()
    print(f"commit {commit()}; {machine()}")
    speed()
    print(f"models and tables: {bundle_mb():.1f} MB (at most {BUNDLE_LIMIT_MB})")
    if arguments.speed:
        return
    limit = ["--limit", str(arguments.limit)] if arguments.limit else []
    evaluate = [
        sys.executable,
        "-m",
        "export",
        "evaluate",
        str(arguments.presets),
        "--out",
        str(arguments.out),
    ]
    subprocess.run([*evaluate, "--methods", arguments.methods, *limit], check=True, cwd=ROOT)
    real_one_shots(arguments.soundfont, arguments.out / "oneshots")


def speed() -> None:
    """Prints what a match takes; in brackets the most it may take on two cores that do nothing else."""
    for budget_s in (2, 0):  # before the warm ones: the most memory of any child is what the system counts
        seconds, peak_mb = cold_command(budget_s)
        print(
            f"the command from cold, --seconds {budget_s}: {seconds:.2f} s (5), peak {peak_mb:.0f} MB (700)"
        )
    warm = warm_matches()
    print(
        f"a warm match: median {warm['median_s']:.2f} s (2.2), 95th percentile {warm['p95_s']:.2f} s (3), "
        f"peak {warm['peak_mb']:.0f} MB (700), {warm['candidates']:.0f} answers"
    )


def real_one_shots(font: Path, out: Path) -> None:
    """How near the match comes to notes of real instruments, where they can be played here."""
    if not shutil.which("fluidsynth") or not font.exists():
        print(
            "one-shots of real instruments are left out: they need fluidsynth and fluid-soundfont-gm (apt-get install)"
        )
        return
    command = [sys.executable, "-m", "export", "oneshots", "--soundfont", str(font), "--out", str(out)]
    subprocess.run(command, check=True, cwd=ROOT)


if __name__ == "__main__":
    main()
