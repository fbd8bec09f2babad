"""Samples that a capture loses beside busy loops: `python tests/bench_capture.py [--seconds 60] [--loops 2]`.

A real player (mpv) plays a file whose every sample tells its place into a real JACK server without a sound card, and
`whispersynth capture` records it while loops at normal priority keep the cores busy. Counted: samples of the file that are
missing between the first and the last recorded one, and what the capture and the server say about it themselves.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from jack_server import RATE_HZ, jack_server, may_run_in_real_time, missing_tools, stop  # noqa: E402

from companion.capture.options import CaptureOptions  # noqa: E402
from companion.capture.record import record  # noqa: E402
from presets.wav import encode_samples, read_samples  # noqa: E402

STEP = 2.0**-24  # between neighbouring samples of the file: exact in float32 up to 5.8 minutes at 48 kHz
SPARE_S = 15.0
PERIODS = (256, 1024)


def played(path: Path, seconds: float) -> None:
    """A wav that counts its samples: left up, right down."""
    left = (np.arange(1, round(seconds * RATE_HZ) + 1) * STEP).astype(np.float32)
    path.write_bytes(encode_samples(np.stack([left, -left]), RATE_HZ))


def missing(path: Path) -> dict[str, int]:
    """What a recording lacks: samples of the file skipped, samples that were never in it, sides that disagree."""
    left, right = read_samples(path).audio.astype(np.float64)
    places = left / STEP
    sounding = places[places != 0]
    skipped = np.diff(sounding) - 1
    return {
        "recorded": left.size,
        "file_samples_missing": int(skipped.clip(0).sum()),
        "places_missing": int((skipped > 0).sum()),
        "repeated": int((skipped < 0).sum()),
        "not_of_the_file": int((places != np.round(places)).sum()),
        "sides_differ": int((left != -right).sum()),
    }


def measure(folder: Path, seconds: float, n_loops: int, period: int, real_time: bool) -> dict[str, object]:
    """One capture."""
    with jack_server(folder, period, real_time) as server, server.playing(folder / "ramp.wav"):
        loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n_loops)]
        try:
            before = server.xruns()
            made = record("daw", CaptureOptions(seconds, trigger=False), folder)
            late = server.xruns() - before
        finally:
            for loop in loops:
                stop(loop)
    return {
        "period": period,
        "server_in_real_time": real_time,
        "dropped_by_us": made.dropped,
        "driver_overruns": made.device_overruns,
        "server_overruns_told": made.server_overruns,
        "server_overruns_in_its_log": late,
        **missing(made.path),
        "load": [round(x, 1) for x in os.getloadavg()],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--loops", type=int, default=2)
    asked = parser.parse_args()
    if missing_tools():
        sys.exit(missing_tools())
    print(f"{platform.platform()}, {os.cpu_count()} cores, {asked.loops} busy loops, {asked.seconds:g} s")
    for real_time in (True, False) if may_run_in_real_time() else (False,):
        for period in PERIODS:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                played(folder / "ramp.wav", asked.seconds + SPARE_S)
                print(json.dumps(measure(folder, asked.seconds, asked.loops, period, real_time)), flush=True)


if __name__ == "__main__":
    main()
