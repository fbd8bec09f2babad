"""A PulseAudio server of a test's own, with one output that goes nowhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

RATE_HZ = 48_000
OUTPUT = "Nowhere"
START_S = 15.0


@contextmanager
def pulse_server(folder: Path) -> Iterator[dict[str, str]]:
    """The environment in which programs play to it; also this process's own. Skips the test where there is none."""
    if not (shutil.which("pulseaudio") and shutil.which("mpv")):
        pytest.skip("PulseAudio is not here (Debian and Ubuntu: apt-get install pulseaudio mpv)")
    folder.chmod(0o700)
    socket = folder / "native"
    own = {
        "PULSE_RUNTIME_PATH": str(folder),
        "PULSE_SERVER": f"unix:{socket}",
        "XDG_RUNTIME_DIR": str(folder),
    }
    kept = {key: os.environ.get(key) for key in own}
    sink = f"rate={RATE_HZ} format=float32le channels=2 sink_properties=device.description={OUTPUT}"
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--realtime=no",
                "-L", f"module-native-protocol-unix socket={socket} auth-anonymous=1", "-L", f"module-null-sink {sink}",
            ],
            env={**os.environ, **own}, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        until = time.monotonic() + START_S
        while not socket.exists():
            if server.poll() is not None or time.monotonic() > until:
                pytest.skip(
                    f"PulseAudio does not start here: {(folder / 'log').read_text(errors='replace')[-300:]}"
                )
            time.sleep(0.05)
        os.environ.update(own)
        yield {**os.environ}
    finally:
        for key, value in kept.items():
            os.environ.pop(key, None) if value is None else os.environ.update({key: value})
        server.terminate()
        server.wait(10)
