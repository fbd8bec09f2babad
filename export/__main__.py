"""`python -m export sample|render|train|onnx|evaluate|oneshots`: the model factory, a stage a command, each resumable."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Patches -> clips -> a fine-tuned Whisper -> ONNX -> figures.",
    no_args_is_help=True,
    add_completion=False,
)

Out = Annotated[Path, typer.Option("--out", help="Folder to write to; run again to continue.")]
Seed = Annotated[int, typer.Option(help="The same seed makes the same data.")]
Real = Annotated[
    Path | None, typer.Option(help="Folder of presets (.vital, .fxp, .SerumPreset) to mix into the samples.")
]
Workers = Annotated[int | None, typer.Option(help="Processes; default: one a core.")]


@app.command()
def sample(
    out: Out,
    n: Annotated[int, typer.Option(help="Patches to draw.")] = 1000,
    seed: Seed = 0,
    real: Real = None,
) -> None:
    """Draw patches from the priors; silent ones are drawn again, those that would clip turned down."""
    from export.priors import real_patches
    from export.render import sample_to

    print(sample_to(out, n, seed, real_patches(real) if real else ()))


@app.command()
def render(
    out: Annotated[
        str,
        typer.Option(help="Folder to write to, or with --ray an s3:// or gs:// URL; run again to continue."),
    ],
    n: Annotated[int, typer.Option(help="Clips to render.")] = 60_000,
    seed: Seed = 0,
    real: Real = None,
    workers: Workers = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Render on a Ray cluster: local, auto or host:port (docs/scale.md)."
        ),
    ] = None,
    shard_clips: Annotated[int, typer.Option(min=1, help="Clips in a shard.")] = 256,
) -> None:
    """Draw patches and render them at varied notes, durations and velocities, on every core, into Parquet shards."""
    from export.processes import begin

    if not ray:
        begin()
    from export import ray_render
    from export.priors import real_patches
    from export.render import render as run
    from export.storage import is_url

    if is_url(out) and not ray:
        raise ValueError(f"{out} is no folder; use --ray local to write to an object store")
    pool = real_patches(real) if real else ()
    made = (
        ray_render.render(out, n, seed, pool, ray, workers, shard_clips)
        if ray
        else run(Path(out), n, seed, pool, workers, shard_clips)
    )
    print(f"{sum(1 for _ in made)} shards in {out}")


@app.command()
def verify(places: Annotated[list[str], typer.Argument(help="Folders of shards, or their URLs.")]) -> None:
    """Check that shards are all there, whole, readable and different; exit code 1 if not."""
    from export.verify import verify as run

    findings = run(places)
    print(findings)
    raise typer.Exit(bool(findings.wrong))


@app.command()
def distil(
    clips: Annotated[Path, typer.Argument(help="Folder of shards.")],
    out: Out,
    model: Annotated[Path | None, typer.Option(help="Model bundle; default: the one that ships.")] = None,
    said: Annotated[int, typer.Option(min=1, help="Answers of the model tried for a clip.")] = 16,
    turned: Annotated[int, typer.Option(min=0, help="Small turns of the best one tried.")] = 16,
    workers: Workers = None,
) -> None:
    """Say clips as what sounds nearest to them, of what the model answers: shards for a last stage of training."""
    from export.distil import run

    won = [(was, now) for was, now in run(clips, out, model, said, turned, workers) if was == was]
    if won:
        was, now = (sum(side) / len(won) for side in zip(*won, strict=True))
        print(f"{len(won)} shards in {out}: labels {was:.3f} from their clips, now {now:.3f}")
    else:
        print(f"nothing to do in {out}")


@app.command()
def train(
    data: Annotated[
        list[str], typer.Argument(help="Folders of shards; with --stream also s3:// or gs:// URLs.")
    ],
    out: Out,
    base: Annotated[
        str, typer.Option(help="A hub id (openai/whisper-small), a folder, or scratch.")
    ] = "openai/whisper-small",
    decoder_layers: Annotated[
        int | None, typer.Option(help="Keep so many of the base's decoder layers.")
    ] = None,
    d_model: Annotated[int, typer.Option(help="Width, from scratch.")] = 256,
    layers: Annotated[int, typer.Option(help="Layers, from scratch.")] = 4,
    steps: int = 4000,
    batch_size: Annotated[int, typer.Option(help="Clips a step, in each process.")] = 32,
    learning_rate: float = 5e-4,
    warmup: int = 200,
    save_every: int = 250,
    seed: Seed = 0,
    init: Annotated[
        Path | None, typer.Option(help="A checkpoint of ours to go on from with new data.")
    ] = None,
    threads: Workers = None,
    stream: Annotated[
        int,
        typer.Option(
            metavar="CLIPS", help="Read shards while training, shuffling so many clips; 0: all in memory."
        ),
    ] = 0,
    bf16: Annotated[bool, typer.Option(help="Off for GPUs without it.")] = True,
    held_out: Annotated[int, typer.Option(min=1, help="Clips kept for the validation loss.")] = 512,
) -> None:
    """Fine-tune a Whisper on the shards: bf16, checkpointed, resumable, on a GPU when there is one.

    With several processes: torchrun --nproc-per-node 2 -m export train ... (docs/scale.md).
    """
    from export.storage import is_url
    from export.train import TrainOptions
    from export.train import train as run

    places = tuple(place if is_url(place) else Path(place) for place in data)
    checkpoint = run(TrainOptions(places, out, base, decoder_layers, d_model, layers, steps, batch_size, learning_rate,
                                  warmup, seed, save_every, init, threads, held_out, stream, bf16))  # fmt: skip
    if os.environ.get("RANK", "0") == "0":
        print(checkpoint)


@app.command()
def onnx(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder of a training run.")],
    out: Out,
    int8: Annotated[
        bool, typer.Option(help="int8 decoder weights (a third smaller, faster to decode).")
    ] = False,
) -> None:
    """Export to a model bundle and check it against torch."""
    from export.to_onnx import export

    print(export(checkpoint, out, int8))


@app.command()
def learn(
    plugin: Annotated[Path, typer.Argument(help="A .vst3 or .component with a synth in it.")],
    name: Annotated[str | None, typer.Option(help="Which plugin, where the file has several.")] = None,
    minutes: Annotated[float, typer.Option(help="Time for rendering and training, about.")] = 30.0,
    clips: Annotated[int | None, typer.Option(help="Clips to render, rather than by time.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of training, rather than by time.")] = None,
    work: Annotated[Path | None, typer.Option(help="Folder that keeps clips and checkpoints.")] = None,
    seed: Seed = 0,
    workers: Workers = None,
    threads: Workers = None,
) -> None:
    """Learn a synth plugin: its parameters, its sound, a model; then `whispersynth match --synth PLUGIN` uses it."""
    from export.learn import LearnOptions, quieten
    from export.learn import learn as run

    quieten()
    lesson = run(LearnOptions(plugin, name, minutes, clips, steps, work, seed, workers, threads))
    rows = lesson.plan.schema.rows
    quiet = [row.key for row in rows if not row.bins and row.name != lesson.plan.volume]
    print(
        f"{sum(bool(row.bins) for row in rows)} of {len(rows)} parameters learnt from {lesson.plan.clips} clips"
    )
    if quiet:
        print(
            f"not heard, or only louder and softer: {', '.join(quiet[:12])}{' ...' if len(quiet) > 12 else ''}"
        )
    print(lesson.folder)


def register_evaluations() -> None:
    """The evaluations bring their own options."""
    from export.calibrate import calibrate
    from export.evaluate import evaluate
    from export.oneshots import oneshots

    app.command()(calibrate)
    app.command()(evaluate)
    app.command()(oneshots)


def main() -> None:
    """Runs a stage; what a user can act on becomes one line and a non-zero exit."""
    from companion.errors import WhisperSynthError
    from presets.errors import PresetError

    if {"calibrate", "evaluate", "oneshots", "--help", "-h"} & set(sys.argv[1:2]) or len(sys.argv) == 1:
        register_evaluations()
    try:
        app()
    except (WhisperSynthError, PresetError, FileNotFoundError, ValueError) as error:
        print(f"export: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
