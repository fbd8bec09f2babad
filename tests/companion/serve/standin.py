"""The engine's real process with a matcher that answers at once; a clip's name says what it is to do.

    python standin.py DATA              as `python -m companion.serve.worker DATA`
    python standin.py serve DATA OUT    a whole server with it, until it is ended

crashes: dies of a segmentation fault each time; crashonce: the first time; slow: takes a second; fails: says so.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from companion.errors import WhisperSynthError
from companion.hearing.audio import read_clip
from companion.judging.board import Candidate
from companion.match import Match, MatchOptions
from companion.serve import worker
from presets.patch import Patch

RECIPE = Patch({"filter1.on": True, "filter1.type": "lp24", "filter1.cutoff": 900.0}, note=48)
OTHER = Patch({"osc1.position": 69.0}, note=48)


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV if hasattr(signal, "SIGSEGV") else signal.SIGTERM)


class StandIn:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def match(self, path: Path, options: MatchOptions) -> Iterator[Match]:
        clip = read_clip(path, options.start_s, options.end_s)
        name = path.stem
        if "crashes" in name:
            crash()
        if "crashonce" in name:
            marker = self.folder / f"{name}.crashed"
            if not marker.exists():
                marker.touch()
                crash()
        if "fails" in name:
            raise WhisperSynthError("this clip fails; send another")
        audio = np.zeros((2, 4410), np.float32)
        patches = () if clip.is_silent else (RECIPE, OTHER)
        candidates = tuple(Candidate(patch, 0.1 + i / 9, audio) for i, patch in enumerate(patches))
        for step in range(10 if "slow" in name else 1):
            time.sleep(0.1 if "slow" in name else 0.0)
            yield _answer(clip, candidates, "refining", step / 10)
        yield _answer(clip, candidates, "done", 1.0)


def _answer(clip: Any, candidates: tuple[Candidate, ...], stage: str, progress: float) -> Match:
    return Match(clip, 48, 0.25, 0.1, candidates, (), stage, progress)


def serve(data: Path, out: Path) -> None:
    from companion.serve.places import Places
    from companion.serve.server import Server, wait_for_end
    from companion.serve.service import Settings

    with Server(Places(data), Settings(out=str(out), worker=(sys.executable, __file__), bound=600)):
        print("serving a stand-in", file=sys.stderr, flush=True)
        wait_for_end()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(*map(Path, sys.argv[2:]))
    else:
        worker.main(Path(sys.argv[1]), open_matcher=lambda synth: StandIn(Path(sys.argv[1])))  # type: ignore[arg-type,return-value]
