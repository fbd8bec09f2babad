"""Measures the running process: python tests/bench_serve.py [load|crash|kill|drop ...] [--plugin Nekobi.vst3] [--seconds 0]

load   from a bridge's message to the patch set in the hosted instrument, seconds (embedded engine; --plugin too)
crash  the engine killed in the middle of a job: what it costs
kill   the server killed with -9 at random moments with a queue of clips: results a clip after the restarts
drop   clips dropped into a watched folder at once: how many are matched, and the memory of the processes meanwhile

Prints one JSON object a measurement, with the machine's load beside it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from companion.serve.client import Client  # noqa: E402
from companion.serve.places import Places  # noqa: E402
from presets.wav import encode_samples  # noqa: E402

EXAMPLE = ROOT / "examples" / "lead.flac"
QUICK = (
    "--seconds",
    "0.01",
    "--candidates",
    "1",
    "--kind",
    "resynth",
)  # what is measured is the queue, not the match
CLI = ("-m", "companion.cli")
STANDIN = ROOT / "tests" / "companion" / "serve" / "standin.py"
START_S = 120.0
JOB_S = 600.0


def main() -> None:
    """Runs the measurements that are named, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", choices=[*BENCHES, []], default=list(BENCHES))
    parser.add_argument("--plugin", type=Path, help="a VST3 to load patches into besides the embedded engine")
    parser.add_argument("--seconds", type=float, help="of a match, in `load`; else as serve has it")
    parser.add_argument("--clips", type=int, default=500, help="in `drop`")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--queue", type=int, default=20, help="clips in `kill`")
    parser.add_argument("--loads", type=int, default=10)
    parser.add_argument(
        "--standin", action="store_true", help="in `drop`: the tests' stand-in for the matcher"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for what in options.what:
        with tempfile.TemporaryDirectory(prefix="whispersynth-bench-") as folder:
            os.environ["WHISPERSYNTH_PRESETS_VITAL"] = str(Path(folder, "vital"))
            for answer in BENCHES[what](Path(folder), options):
                load = [round(x, 1) for x in os.getloadavg()] if hasattr(os, "getloadavg") else None
                print(
                    json.dumps({"bench": what, **answer, "cores": os.cpu_count(), "load": load}), flush=True
                )


# -- what is measured ---------------------------------------------------------------------------------------------


def bench_load(folder: Path, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Message to patch set."""
    yield {"into": "engine", **_loads(folder, options, None)}
    if options.plugin is not None:
        yield {"into": options.plugin.stem, **_loads(folder, options, options.plugin.absolute())}


def _loads(folder: Path, options: argparse.Namespace, plugin: Path | None) -> dict[str, Any]:
    where, seconds, scores, beside, cpu = Places(folder / f"data-{plugin is None}"), [], [], [], []
    arguments = ["--plugin", str(plugin), "--synth", str(plugin)] if plugin else []
    with served(where, folder / "out", *arguments) as (client, process):
        target = "plugin" if plugin else "engine"
        for n in range(options.loads + 1):
            clip = tone(folder / f"tone {n}.wav", 110 + 10 * n) if n % 2 else EXAMPLE
            after, began = client.call("GET", "/status")["events"], time.perf_counter()
            cpu_began = cpu_s(process.pid)
            asked = {} if options.seconds is None else {"options": {"seconds": options.seconds}}
            client.submit(str(clip), **asked, load=True, source="live", key=f"bench-{n}", bpm=120.0)
            for event in client.events(after):
                if event["type"] in ("loaded", "not loaded"):
                    break
                if event["type"] == "job" and event["job"]["state"] == "failed":
                    raise SystemExit(event["job"]["error"])
            assert event["type"] == "loaded" and event["target"] == target, event
            if n:  # the first one waits for the engine to load
                seconds.append(time.perf_counter() - began)
                job = client.call("GET", f"/jobs/{event['job']}")
                scores.append(job["result"]["candidates"][0]["score"])
                cpu.append(cpu_s(process.pid) - cpu_began)
                beside.append(seconds[-1] - job["result"]["seconds"])
    return {"seconds_of_match": options.seconds, "n": len(seconds), "median_s": round(statistics.median(seconds), 2),
            "max_s": round(max(seconds), 2), "median_cpu_s": round(statistics.median(cpu), 2), "median_beside_the_match_s": round(statistics.median(beside), 2), "median_score": round(statistics.median(scores), 3)}  # fmt: skip


def bench_crash(folder: Path, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The engine ended by SIGSEGV while it refines."""
    where = Places(folder / "data")
    with served(where, folder / "out") as (client, _):
        clips = [tone(folder / f"clip {n}.wav", 110 + 10 * n) for n in range(5)]
        numbers = [client.submit(str(clip), options={"seconds": 2.0})["id"] for clip in clips]
        while client.call("GET", f"/jobs/{numbers[2]}")["stage"] not in ("candidates", "refining"):
            time.sleep(0.02)
        began = time.perf_counter()
        os.kill(client.call("GET", "/status")["engine_pid"], signal.SIGSEGV)
        jobs = [client.wait(number, JOB_S) for number in numbers]
        status = client.call("GET", "/status")
        yield {
            "states": Counter(job["state"] for job in jobs), "attempts": [job["attempts"] for job in jobs],
            "engine_restarts": status["engine_restarts"], "seconds_to_the_end": round(time.perf_counter() - began, 1),
            "results": len(list((folder / "out").glob("*.vital"))), "planned": 5 * 5,
        }  # fmt: skip


def bench_kill(folder: Path, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """kill -9 at random moments; every clip exactly one result."""
    where, out, rng = Places(folder / "data"), folder / "out", random.Random(options.seed)
    clips = [tone(folder / f"clip {n}.wav", 110 + 5 * n) for n in range(options.queue)]
    kills, moments, a_job_s = 0, Counter[str](), 3.0
    while True:
        last = kills >= options.kills
        with served(where, out, *QUICK, kill=not last) as (client, process):
            numbers = [client.submit(str(clip), key=clip.name)["id"] for clip in clips]
            if last:
                jobs = [client.wait(number, JOB_S) for number in numbers]
                break
            left = client.call("GET", "/status")
            if not left["queued"] + left["running"]:  # all done already: let it begin anew with new clips
                numbers, clips = (
                    [],
                    clips + [tone(folder / f"more {kills} {n}.wav", 90 + n + kills) for n in range(5)],
                )
                [client.submit(str(clip), key=clip.name) for clip in clips]
            while not client.call("GET", "/health")["ready"]:
                time.sleep(0.02)
            time.sleep(rng.uniform(0.0, 2.0 * a_job_s))
            ended = client.call("GET", "/jobs?state=done&limit=1")["jobs"]
            a_job_s = ended[0]["ended"] - ended[0]["started"] if ended else 1.5 * a_job_s
            with suppress(Exception):
                running = client.call("GET", "/jobs?state=running")["jobs"]
                moments[running[0]["stage"] if running else "between"] += 1
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    with closing(sqlite3.connect(where.ledger)) as db:
        a_clip = Counter(row[0] for row in db.execute("SELECT clip FROM matches"))
    presets = Counter(path.name.rsplit(" ", 2)[0] for path in out.glob("*.vital"))
    stems = {clip.stem for clip in clips}
    recorded = {Path(clip).stem: n for clip, n in a_clip.items()}
    candidates = {job["name"]: len(job["result"]["candidates"]) for job in jobs}
    yield {
        "kills": kills, "moments": moments, "clips": len(clips), "states": Counter(job["state"] for job in jobs),
        "clips_with_exactly_one_match": sum(recorded.get(stem) == 1 for stem in stems),
        "clips_with_exactly_their_files": sum(presets[stem] == candidates.get(stem) for stem in stems),
        "attempts": Counter(job["attempts"] for job in jobs), "parts_left": len(list(out.glob(".*.part"))),
    }  # fmt: skip


def bench_drop(folder: Path, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A folder full of clips at once."""
    where, out, inbox = Places(folder / "data"), folder / "out", folder / "inbox"
    staging = folder / "staging"
    for place in (inbox, staging):
        place.mkdir()
    for n in range(options.clips):
        tone(staging / f"clip {n:03}.wav", 80 + n)
    began = time.perf_counter()
    with ExitStack() as stack:
        if options.standin:
            command = [str(STANDIN), "serve", str(where.folder), str(out)]
            _, server = stack.enter_context(_process(where, command, False))
        client, process = stack.enter_context(watched(where, inbox, out, *QUICK))
        memory = Memory(server.pid if options.standin else process.pid)
        for path in staging.iterdir():
            path.rename(inbox / path.name)
        done = 0
        while done < options.clips and time.perf_counter() - began < options.clips * 20:
            time.sleep(2.0)
            status = client.call("GET", "/status")
            done = status["done"] + status["failed"]
        memory.stop()
        status = client.call("GET", "/status")
    yield {
        "engine": "stand-in" if options.standin else "real", "dropped": options.clips, "done": status["done"], "failed": status["failed"],
        "results": len({path.name.rsplit(" ", 2)[0] for path in out.glob("*.vital")}),
        "seconds": round(time.perf_counter() - began), "memory_mb": memory.told(),
    }  # fmt: skip


BENCHES: dict[str, Callable[[Path, argparse.Namespace], Iterator[dict[str, Any]]]] = {
    "load": bench_load, "crash": bench_crash, "kill": bench_kill, "drop": bench_drop,
}  # fmt: skip


# -- with what ----------------------------------------------------------------------------------------------------


def tone(path: Path, hz: float) -> Path:
    """A plucked saw of half a second, another for each frequency."""
    t = np.arange(22_050) / 44_100
    saw = sum(np.sin(2 * np.pi * hz * k * t) / k * np.exp(-t * k) for k in range(1, 12))
    path.write_bytes(encode_samples((0.3 * np.asarray(saw))[None]))
    return path


@contextmanager
def served(where: Places, out: Path, *arguments: str, kill: bool = False) -> Iterator[tuple[Client, Any]]:
    """`whispersynth serve`, until the block ends."""
    with _process(where, [*CLI, "serve", "--out", str(out), *arguments], kill) as both:
        yield both


@contextmanager
def watched(where: Places, inbox: Path, out: Path, *arguments: str) -> Iterator[tuple[Client, Any]]:
    """`whispersynth watch`, until the block ends."""
    with _process(where, [*CLI, "watch", str(inbox), "--out", str(out), *arguments], False) as both:
        yield both


@contextmanager
def _process(where: Places, command: list[str], kill: bool) -> Iterator[tuple[Client, Any]]:
    environment = os.environ | {"WHISPERSYNTH_DATA": str(where.folder), "PYTHONPATH": str(ROOT)}
    if "watch" not in command:
        where.address.unlink(missing_ok=True)  # of a server that was killed
    process = subprocess.Popen(
        [sys.executable, *command],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    begun = process.stderr.readline()  # it says that it serves or watches
    drain = threading.Thread(target=process.stderr.read, daemon=True)
    drain.start()
    try:
        assert "ing " in begun, begun
        until = time.monotonic() + START_S
        while (client := Client.find(where)) is None:
            assert process.poll() is None and time.monotonic() < until, "the server did not start"
            time.sleep(0.05)
        yield client, process
    finally:
        if process.poll() is None:
            process.kill() if kill else process.terminate()
            process.wait(30)


class Memory:
    """The memory of a process and its children, once a second, from /proc (elsewhere nothing is measured)."""

    def __init__(self, pid: int) -> None:
        self._pid, self._ended, self.seen = pid, threading.Event(), dict[str, list[float]]()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def told(self) -> dict[str, Any]:
        """MB of each process: after a tenth of the time, at its end, and at most."""
        return {
            name: {
                "at_a_tenth": round(seen[len(seen) // 10]),
                "at_the_end": round(seen[-1]),
                "most": round(max(seen)),
            }
            for name, seen in self.seen.items()
            if len(seen) > 10
        }

    def _run(self) -> None:
        while not self._ended.wait(1.0):
            for pid in (self._pid, *children(self._pid)):
                with suppress(OSError, IndexError):
                    command = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
                    name = next((part for part in command if part.startswith("companion.")), str(pid))
                    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                    self.seen.setdefault(name, []).append(pages * os.sysconf("SC_PAGE_SIZE") / 2**20)


def cpu_s(pid: int) -> float:
    """Processor seconds that a process and its children, and theirs, have used; nan where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return math.nan
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(cpu_s(child) for child in children(pid))


def children(pid: int) -> list[int]:
    """Processes that a process started."""
    with suppress(OSError):
        found = [
            Path(f"/proc/{pid}/task/{task}/children").read_text().split()
            for task in os.listdir(f"/proc/{pid}/task")
        ]
        return [int(child) for some in found for child in some]
    return []


if __name__ == "__main__":
    main()
