"""The command `learn`: hands a plugin to the model factory, which is an extra, in a process of its own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from companion.errors import WhisperSynthError

NEEDED = ("torch", "transformers", "optimum", "onnx", "pyarrow", "matplotlib")  # of the extra `train`
SHORTEST_MIN, LONGEST_MIN = 1.0, 7 * 24 * 60.0


def learn(
    plugin: Annotated[
        str,
        typer.Argument(metavar="PLUGIN", help="A plugin's path, or a name that `whispersynth synths` lists."),
    ],
    minutes: Annotated[
        float, typer.Option(metavar="MIN", help="Time for rendering and training, about.")
    ] = 30.0,
    work: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Keep clips and checkpoints here; else they are removed at the end."
        ),
    ] = None,
    clips: Annotated[
        int | None, typer.Option(metavar="N", help="Clips to render, rather than by time.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", help="Steps of training, rather than by time.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Same seed, same clips.")] = 0,
) -> int:
    """Learn a synth plugin by listening to it, so that `match --synth PLUGIN` has a model; interrupt and go on as you like."""
    from companion.plugins.scan import find_plugin

    if not SHORTEST_MIN <= minutes <= LONGEST_MIN:
        raise WhisperSynthError(
            f"{minutes:g} minutes is out of range; give {SHORTEST_MIN:g} to {LONGEST_MIN:g}"
        )
    check_factory()
    path, name = find_plugin(plugin)
    given = {
        "--name": name,
        "--minutes": minutes,
        "--work": work,
        "--clips": clips,
        "--steps": steps,
        "--seed": seed,
    }
    options = [part for key, value in given.items() if value is not None for part in (key, str(value))]
    return subprocess.run([sys.executable, "-m", "export", "learn", str(path), *options]).returncode


def check_factory() -> None:
    """Raises WhisperSynthError where what trains a model is not installed."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise WhisperSynthError(
            f"learning a plugin trains a model and needs {', '.join(missing)}; "
            "install it with `pip install 'whispersynth[train]'`"
        )
