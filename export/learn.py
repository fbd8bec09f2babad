"""learn: a hosted plugin -> its Schema -> clips -> a small Whisper -> the bundle that `match --synth` finds.

The same stages as for the embedded engine. What differs: the Schema is read from the plugin's texts and heard by rendering,
patches are drawn evenly over it for want of priors, and the model is small and from scratch, because a plugin has tens of
spoken parameters. It goes on where it was interrupted, as long as its work folder stays.
"""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import torch

from companion.errors import WhisperSynthError
from companion.hosts.hearing import Heard, described_schema, listen_to
from companion.hosts.plugin import PluginHost
from companion.plugins.learnt import SCHEMA_FILE, learnt_folder
from companion.proposing.tokens import Vocabulary
from export.bank import write_bank
from export.dataset import batches, load_clips
from export.plugin_clips import Source, render, seconds_a_clip
from export.progress import track
from export.to_onnx import export
from export.train import (
    Neighbours,
    TrainOptions,
    build_model,
    load_progress,
    neighbours,
    patch_loss,
    shift_right,
    to_tensors,
    train,
)
from presets.files import write_file
from presets.schema import Parameter, Prior, Schema
from presets.schema_file import schema_from_json, schema_to_json

PLAN = "plan.json"
BINS = 33  # of a knob: 3 % of its way, the rest is the search's
N_MOVED = 12  # parameters that a patch moves, of a synth with many
P_DEFAULT = 0.08  # at least, so that a knob's own position is known
SMALL = 24  # spoken parameters up to which the small model serves
SIZES = {True: (128, 2), False: (256, 4)}  # small -> width, layers
RENDER_SHARE = 0.25  # of the time; the rest is training
CLIPS = (2_000, 60_000)
MOST_EPOCHS = 40
N_TIMED = 12  # steps that are timed to know how many there is time for
BATCH = 32


@dataclass(frozen=True)
class LearnOptions:
    """What a run of `learn` is."""

    plugin: Path
    plugin_name: str | None = None
    """Which, where the file has several."""
    minutes: float = 30.0
    """What rendering and training may take together, as far as it is planned."""
    clips: int | None = None
    """None: as many as a quarter of the time allows."""
    steps: int | None = None
    """None: as many as the rest of the time allows."""
    work: Path | None = None
    """Keeps clips and checkpoints; None: a folder of the user's cache, removed when all is done."""
    seed: int = 0
    workers: int | None = None
    """Processes that render; None: one a core."""
    threads: int | None = None
    """Of torch."""


@dataclass(frozen=True)
class Plan:
    """What a run has decided, so that it goes on the same way."""

    schema: Schema
    volume: str | None
    clips: int = 0
    steps: int = 0

    def write(self, folder: Path) -> Plan:
        """Into the work folder."""
        data = {
            "schema": schema_to_json(self.schema),
            "volume": self.volume,
            "clips": self.clips,
            "steps": self.steps,
        }
        write_file(folder / PLAN, json.dumps(data, indent=1).encode())
        return self

    @classmethod
    def read(cls, folder: Path) -> Plan | None:
        """From the work folder; None where nothing was planned."""
        path = folder / PLAN
        if not path.exists():
            return None
        data = json.loads(path.read_text("utf-8"))
        return cls(schema_from_json(data["schema"]), data["volume"], data["clips"], data["steps"])


@dataclass(frozen=True)
class Lesson:
    """What came of it."""

    folder: Path
    plan: Plan
    validation_loss: float


def learn(options: LearnOptions) -> Lesson:
    """Learns a plugin and puts the bundle where a match finds it; run again to continue.

    Raises:
        WhisperSynthError: the plugin does not load, makes no sound, or differs from what the work folder was made with.
    """
    with PluginHost(options.plugin, options.plugin_name) as host:
        info = host.info
        work = options.work or _work_folder(host.name)
        work.mkdir(parents=True, exist_ok=True)
        plan = Plan.read(work) or plan_schema(host, options.seed).write(work)
        _check(plan, host)
        source = Source(options.plugin, options.plugin_name, plan.schema, options.seed, options.workers or 0)
        clips = options.clips or plan.clips or affordable_clips(host, source, options)
        plan = replace(plan, clips=clips).write(work)
    words = Vocabulary(plan.schema)
    for _ in render(work / "clips", plan.clips, source):
        pass
    training = train_options(work, plan, options)
    steps = options.steps or plan.steps or affordable_steps(training, words, options)
    plan = replace(plan, steps=steps).write(work)
    checkpoint = train(replace(training, steps=plan.steps, warmup=min(200, plan.steps // 5 + 1)), words)
    loss = load_progress(checkpoint).curve[-1][2]
    facts = {"plugin": info.name, "plugin_version": info.version, "clips": plan.clips, "steps": plan.steps,
             "validation_loss": round(loss, 4), "seed": options.seed}  # fmt: skip
    folder = publish(checkpoint, work / "clips", plan, words, facts)
    if options.work is None:
        shutil.rmtree(work)
    return Lesson(folder, plan, loss)


def quieten() -> None:
    """Keeps what the libraries say among themselves while they train and export from a person who learns a plugin."""
    import logging
    import warnings

    from transformers.utils import logging as transformers_logging

    warnings.filterwarnings("ignore")
    transformers_logging.set_verbosity_error()
    for name in ("optimum", "optimum.exporters", "onnxruntime", "torch.onnx"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _work_folder(name: str) -> Path:
    return platformdirs.user_cache_path("whispersynth", appauthor=False) / "learn" / learnt_folder(name).name


def _check(plan: Plan, host: PluginHost) -> None:
    missing = {row.key for row in plan.schema} - {p.name for p in host.parameters}
    if missing:
        raise WhisperSynthError(
            f"{host.name} has changed since this was begun (it has no {sorted(missing)[0]}); give another --work folder"
        )


# -- the schema ---------------------------------------------------------------------------------------------------


def plan_schema(host: PluginHost, seed: int = 0) -> Plan:
    """The Schema of a plugin with the rows that can be heard spoken, and its volume."""
    described = described_schema(host)
    heard = listen_to(host, described, seed, lambda rows: track(rows, len(rows), "listening"))
    schema = spoken_schema(described, heard)
    if not any(row.bins for row in schema):
        raise WhisperSynthError(f"no parameter of {host.name} changes its sound; there is nothing to learn")
    return Plan(schema, heard.gains[0] if heard.gains else None)


def spoken_schema(schema: Schema, heard: Heard) -> Schema:
    """The rows that can be heard get words, but for those that are only gain, which features do not show."""
    spoken = heard.audible - set(heard.gains)
    prior = Prior(p_default=max(P_DEFAULT, 1 - N_MOVED / max(len(spoken), 1)))
    return Schema(schema.name, tuple(_spoken(row, prior) if row.name in spoken else row for row in schema))


def _spoken(row: Parameter, prior: Prior) -> Parameter:
    return replace(row, bins=BINS if row.kind == "continuous" else 1, prior=prior)


def affordable_clips(host: PluginHost, source: Source, options: LearnOptions) -> int:
    """Clips that a share of the time allows."""
    seconds = 60 * options.minutes * RENDER_SHARE
    return int(np.clip(seconds / seconds_a_clip(host, source), *CLIPS))


# -- the model ----------------------------------------------------------------------------------------------------


def train_options(work: Path, plan: Plan, options: LearnOptions) -> TrainOptions:
    """A model from scratch, of a size that the number of spoken parameters asks for."""
    d_model, layers = SIZES[sum(bool(row.bins) for row in plan.schema) <= SMALL]
    return TrainOptions((work / "clips",), work / "run", base="scratch", d_model=d_model, layers=layers, batch_size=BATCH,
                        learning_rate=1e-3, seed=options.seed, threads=options.threads, held_out=min(512, plan.clips // 8))  # fmt: skip


def affordable_steps(training: TrainOptions, words: Vocabulary, options: LearnOptions) -> int:
    """Steps that the rest of the time allows, timed on a few; no more than many times through all clips."""
    clips = load_clips(list(training.data))
    if training.threads:
        torch.set_num_threads(training.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = build_model(training, words).to(device)
    near = Neighbours(*(t.to(device) for t in asdict(neighbours(words)).values()))
    rng, began = np.random.default_rng(0), 0.0
    groups = batches(clips, np.arange(len(clips)), training.batch_size, rng)
    for n, rows in zip(range(N_TIMED + 1), groups, strict=False):
        if n == 1:  # the first one warms up
            began = time.perf_counter()
        mel, labels = to_tensors(clips, rows, device, rng)
        with torch.autocast(device, dtype=torch.bfloat16):
            logits = model(input_features=mel, decoder_input_ids=shift_right(labels)).logits
        patch_loss(logits, labels, near).backward()
    step_s = (time.perf_counter() - began) / max(n, 1) * 1.15  # the optimizer's share
    most = MOST_EPOCHS * len(clips) // training.batch_size
    return int(np.clip(60 * options.minutes * (1 - RENDER_SHARE) / step_s, 50, max(most, 50)))


def publish(checkpoint: Path, clips: Path, plan: Plan, words: Vocabulary, facts: dict[str, Any]) -> Path:
    """Exports the bundle and puts it in the place of the one before, whole."""
    target = learnt_folder(plan.schema.name)
    fresh, old = (target.with_name(f"{target.name}.{end}") for end in ("new", "old"))
    for stale in (fresh, old):
        shutil.rmtree(stale, ignore_errors=True)
    fresh.mkdir(parents=True)
    export(checkpoint, fresh, card=facts, words=words)
    write_bank(load_clips([clips]), fresh, words=words)
    schema = {"schema": schema_to_json(plan.schema), "volume": plan.volume}
    write_file(fresh / SCHEMA_FILE, json.dumps(schema, indent=1).encode())
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    return target
