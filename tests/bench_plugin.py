"""Measures the hosting of plugins: start, setting and rendering, and workers killed or stopped during matches.

    python tests/bench_plugin.py [PLUGIN] [--kills 50]       # default: the Nekobi that `make plugins` builds

Prints one JSON object. A worker is lost at random moments, every second one by a stop that looks like a hang; after each
the patch in hand must be what it was, and no match may end worse than it stood before.
"""

from __future__ import annotations

import argparse
import json
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command sets it; before numpy is imported

import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # the sources, before the tests' own folder of that name

from companion.hosts.plugin import PluginHost, Timeouts
from companion.hosts.pool import HostPool
from companion.match import MatchOptions
from companion.plugins.match import PluginMatcher
from presets.plugin_schema import patch_of
from presets.wav import encode_samples

NEKOBI = Path(__file__).parent.parent / "build" / "plugins" / "Nekobi.vst3"
N_SET, N_REPEATS = 100, 20
SOON = Timeouts(call_s=1.0, render_s=1.0, per_second=1.0)  # a hang is known for one after two seconds
OWN_LOAD = """
import re, sys, time
from pedalboard import VST3Plugin, _pedalboard
_pedalboard.PARAMETER_NAME_REGEXES_TO_IGNORE.add(re.compile(""))
began = time.perf_counter()
VST3Plugin(sys.argv[1])
print(time.perf_counter() - began)
"""


def start_s(path: Path) -> dict[str, float]:
    """Seconds to start a worker, and of these what the plugin itself takes to load."""
    own, whole = [], []
    for _ in range(5):
        out = subprocess.run(
            [sys.executable, "-c", OWN_LOAD, str(path)], capture_output=True, text=True, check=True
        )
        own.append(float(out.stdout))
        began = time.perf_counter()
        with PluginHost(path):
            whole.append(time.perf_counter() - began)
    own_s, whole_s = statistics.median(own), statistics.median(whole)
    return {"worker_s": whole_s, "plugin_alone_s": own_s, "beyond_it_s": whole_s - own_s}


def set_and_render_ms(path: Path) -> dict[str, float]:
    """Milliseconds to set 100 parameters (a small synth's over and over) and to render a second."""
    rng = np.random.default_rng(0)
    with PluginHost(path) as host:
        names = [p.name for p in host.parameters]
        times = []
        for _ in range(N_REPEATS):
            began = time.perf_counter()
            for start in range(0, N_SET, len(names)):
                host.set_values({name: float(rng.uniform()) for name in names[: N_SET - start]})
            host.render(48, 0.6, 1.0)
            times.append(1e3 * (time.perf_counter() - began))
    return {"median_ms": statistics.median(times), "worst_ms": max(times)}


class Killer(threading.Thread):
    """Ends workers of a pool at random moments: by a kill, or by a stop, in turn."""

    def __init__(self, pool: HostPool, n: int) -> None:
        super().__init__(daemon=True)
        self.pool, self.n, self.done = pool, n, 0

    def run(self) -> None:
        """One after the other: the next when the one before is back."""
        rng = np.random.default_rng(0)
        while self.done < self.n:
            time.sleep(float(rng.uniform(0.05, 0.4)))
            host = self.pool.hosts[self.done % len(self.pool.hosts)]
            before = host.n_restarts
            os.kill(host.pid, signal.SIGSTOP if self.done % 2 and os.name == "posix" else signal.SIGTERM)
            self.done += 1
            while host.n_restarts == before:
                time.sleep(0.01)


def lost_workers(path: Path, n: int) -> dict[str, Any]:
    """Matches until `n` workers were lost; what came back."""
    pool = HostPool(path, timeouts=SOON)
    wrong: list[str] = []
    for host in pool.hosts:
        host._on_notice = lambda notice, host=host: wrong.extend(_differences(host))  # type: ignore[misc]
    matcher = PluginMatcher(pool)
    killer, matches, got_worse = Killer(pool, n), 0, 0
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        clip = _clip(path, Path(folder))
        killer.start()
        while killer.is_alive():
            scores = [
                r.candidates[0].score
                for r in matcher.match(clip, MatchOptions(seconds=5, seed=matches))
                if r.candidates
            ]
            got_worse += scores != sorted(scores, reverse=True)
            matches += 1
    recoveries = sum(host.n_restarts for host in pool.hosts)
    seconds = time.perf_counter() - began
    matcher.close()
    return {"lost": killer.done, "recovered": recoveries, "patches_lost": len(wrong), "matches": matches,
            "matches_that_got_worse": got_worse, "seconds": seconds}  # fmt: skip


def _differences(host: PluginHost) -> list[str]:
    """Parameters that are not as the patch in hand has them."""
    now = host.values()
    return [name for name, raw in host._patch.values.items() if abs(now[name] - raw) > 1e-3]


def _clip(path: Path, folder: Path) -> Path:
    rng = np.random.default_rng(1)
    with PluginHost(path) as host:
        for _ in range(100):
            host.set_patch(patch_of(host.schema, {p.name: float(rng.uniform()) for p in host.parameters}))
            audio = host.render(48, 0.5, 0.9)
            if np.abs(audio).max() > 0.01:
                break
    clip = folder / "clip.wav"
    clip.write_bytes(encode_samples(audio))
    return clip


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("plugin", nargs="?", type=Path, default=NEKOBI)
    parser.add_argument("--kills", type=int, default=50)
    args = parser.parse_args()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    answer = {"plugin": args.plugin.name, "load": load, "start": start_s(args.plugin),
              "set_100_and_render_1_s": set_and_render_ms(args.plugin), "lost": lost_workers(args.plugin, args.kills)}  # fmt: skip
    print(json.dumps(answer, indent=2))


if __name__ == "__main__":
    main()
