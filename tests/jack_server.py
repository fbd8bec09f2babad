"""A JACK server of a test's own, without a sound card, and real players on it."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

RATE_HZ = 48_000
START_S = 20.0
TOOLS = ("jackd", "jack_wait", "jack_lsp", "mpv")
COUNT = itertools.count()
MISSING = "JACK is not here (Debian and Ubuntu: apt-get install jackd2 libportaudio2 mpv)"


def missing_tools() -> str:
    """Why there can be no server; empty where there can."""
    return "" if all(shutil.which(tool) for tool in TOOLS) else MISSING


def may_run_in_real_time() -> bool:
    return subprocess.run(["chrt", "-f", "1", "true"], capture_output=True).returncode == 0


class Server:
    """A running server; the programs that this process starts find it by JACK_DEFAULT_SERVER."""

    def __init__(self, log: Path, period: int, real_time: bool) -> None:
        self.log, self.period = log, period
        self.name = f"ws-tests-{os.getpid()}-{next(COUNT)}"  # a server that was killed leaves its name taken
        self.env = {**os.environ, "JACK_NO_AUDIO_RESERVATION": "1", "JACK_DEFAULT_SERVER": self.name}
        mode = ["-R", "-P", "60"] if real_time else ["-r"]
        driver = ["-d", "dummy", "-r", str(RATE_HZ), "-p", str(period)]
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                ["jackd", "-n", self.name, *mode, *driver], stdout=out, stderr=out, env=self.env
            )

    def answers(self) -> bool:
        waiting = ["jack_wait", "-s", self.name, "-w", "-t", "10"]
        done = subprocess.run(waiting, env=self.env, capture_output=True, timeout=START_S)
        return done.returncode == 0 and self.process.poll() is None

    def xruns(self) -> int:
        """How often it says that it was late."""
        return self.log.read_text(errors="replace").lower().count("xrun")

    def ports(self) -> list[str]:
        return subprocess.run(
            ["jack_lsp", "-s", self.name], env=self.env, capture_output=True, text=True, timeout=START_S
        ).stdout.split("\n")

    def wait_for(self, port: str) -> None:
        """Until a port is there."""
        until = time.monotonic() + START_S
        while port not in self.ports():
            assert time.monotonic() < until, f"{port} does not appear; there are {self.ports()}"
            time.sleep(0.05)

    @contextmanager
    def playing(self, clip: Path, name: str = "daw", loop: bool = False) -> Iterator[None]:
        """mpv plays a clip, its ports connected to nothing."""
        player = subprocess.Popen(
            [
                "mpv", "--no-config", "--no-video", "--ao=jack", f"--jack-name={name}", "--jack-port=nope.*",
                "--no-jack-autostart", "--really-quiet", f"--loop-file={'inf' if loop else 'no'}", str(clip),
            ],
            env=self.env, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            self.wait_for(f"{name}:out_1")
            yield
        finally:
            stop(player)


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def jack_server(folder: Path, period: int = 1024, real_time: bool | None = None) -> Iterator[Server]:
    """A server, in real time where this user may; skips the test where there is none."""
    if missing_tools():
        pytest.skip(missing_tools())
    server = Server(folder / "jackd.log", period, may_run_in_real_time() if real_time is None else real_time)
    kept = {key: os.environ.get(key) for key in ("JACK_NO_AUDIO_RESERVATION", "JACK_DEFAULT_SERVER")}
    try:
        if not server.answers():
            pytest.skip(f"jackd does not start here: {server.log.read_text(errors='replace')[-300:]}")
        os.environ.update({key: server.env[key] for key in kept})
        yield server
    finally:
        for key, value in kept.items():
            os.environ.pop(key, None) if value is None else os.environ.update({key: value})
        stop(server.process)  # players are gone by now: with one left it can hang
