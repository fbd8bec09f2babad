"""train: fine-tune a Whisper to write patches.

Reads top to bottom: the model (a Whisper with its context cut to the clip and its words replaced by patch tokens), the
loss (cross-entropy, shared a little between neighbouring bins of a knob), the loop (AdamW, warm-up-stable-decay, bf16).
"""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F
from transformers import WhisperConfig, WhisperForConditionalGeneration

from companion.hearing.features import N_FRAMES, N_MELS
from companion.proposing.tokens import BOS, EOS, PAD, Vocabulary, vocabulary
from export.dataset import IGNORE, Clips, features, roughen
from export.feed import open_feed
from export.ranks import Ranks

EMBEDDING_SCALE = (
    0.02  # new words start small: at the default scale the first loss is 19 instead of ln(vocabulary)
)
LEAST_POSITIONS = 64  # of the decoder: the export traces it with more words than a small synth has
DECAY = 0.35  # of the steps
NEIGHBOUR = 0.1  # share of the target that each neighbouring bin of a knob gets


@dataclass(frozen=True)
class TrainOptions:
    """What a run is."""

    data: tuple[Path | str, ...]
    """Folders of shards; with `stream` also URLs."""
    out: Path
    base: str = "openai/whisper-small"
    """A hub id, a folder with a Whisper checkpoint, or `scratch`."""
    decoder_layers: int | None = None
    """Keep that many of the base's decoder layers, spread from first to last (as Distil-Whisper does); None: all."""
    d_model: int = 256
    """Width of a model from scratch."""
    layers: int = 4
    """Encoder and decoder layers of a model from scratch."""
    steps: int = 4000
    batch_size: int = 32
    """Clips a step in each process."""
    learning_rate: float = 5e-4
    warmup: int = 200
    seed: int = 0
    save_every: int = 250
    init: Path | None = None
    """A checkpoint of this project to continue from with new data (weights only; a run's own folder resumes by itself)."""
    threads: int | None = None
    held_out: int = 512
    """Clips kept for the validation loss."""
    stream: int = 0
    """Clips that each process shuffles at a time while it reads shards as it goes; 0: every clip in memory."""
    bf16: bool = True
    """Off for GPUs without it (before Ampere)."""


# -- the model ----------------------------------------------------------------------------------------------------


def build_model(options: TrainOptions, words: Vocabulary) -> WhisperForConditionalGeneration:
    """A Whisper for patches: from scratch, from a base checkpoint, or from one of our own."""
    if options.init is not None:
        return WhisperForConditionalGeneration.from_pretrained(options.init, dtype=torch.float32)
    if options.base == "scratch":
        d, n = options.d_model, options.layers
        sizes: dict[str, Any] = {"d_model": d, "encoder_layers": n, "decoder_layers": n, "encoder_ffn_dim": 4 * d,
                                 "decoder_ffn_dim": 4 * d, "encoder_attention_heads": d // 64, "decoder_attention_heads": d // 64}  # fmt: skip
        model = WhisperForConditionalGeneration(WhisperConfig(**sizes, **context(words)))
    else:
        model = fine_tunable(options, words)
    with torch.no_grad():
        model.get_input_embeddings().weight.normal_(0, EMBEDDING_SCALE)
    return model


def context(words: Vocabulary) -> dict[str, Any]:
    """The configuration that makes a Whisper ours: the clip's length, the patch's words."""
    return {
        "vocab_size": words.size, "num_mel_bins": N_MELS, "max_source_positions": N_FRAMES // 2,
        "max_target_positions": max(words.longest, LEAST_POSITIONS), "max_length": words.longest, "pad_token_id": PAD, "bos_token_id": BOS,
        "eos_token_id": EOS, "decoder_start_token_id": BOS, "suppress_tokens": None, "begin_suppress_tokens": None,
        "forced_decoder_ids": None, "dropout": 0.0,
    }  # fmt: skip


def fine_tunable(options: TrainOptions, words: Vocabulary) -> WhisperForConditionalGeneration:
    """The base's weights in a model of our context: all but the word embeddings, positions cut to the front."""
    base = WhisperForConditionalGeneration.from_pretrained(options.base, dtype=torch.float32)
    config = WhisperConfig.from_dict({**base.config.to_dict(), **context(words)})
    kept = (
        np.linspace(0, config.decoder_layers - 1, options.decoder_layers or config.decoder_layers)
        .round()
        .astype(int)
    )
    config.decoder_layers = len(kept)
    model = WhisperForConditionalGeneration(config)
    old, new = base.state_dict(), model.state_dict()
    for name, tensor in new.items():
        source = name
        if name.startswith("model.decoder.layers."):
            number, rest = name.removeprefix("model.decoder.layers.").split(".", 1)
            source = f"model.decoder.layers.{kept[int(number)]}.{rest}"
        if "embed_tokens" in name or name == "proj_out.weight":
            continue
        new[name] = old[source][: len(tensor)] if "embed_positions" in name else old[source]
    model.load_state_dict(new)
    return model


# -- the loss -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Neighbours:
    """For each token the bins below and above it on the same knob (itself at the ends and for choices)."""

    below: torch.Tensor
    above: torch.Tensor


def neighbours(words: Vocabulary) -> Neighbours:
    """The neighbour tables of a vocabulary, (vocabulary,) each."""
    below, above = np.arange(words.size), np.arange(words.size)
    kinds = {r.name: r.kind for r in words.rows}
    for name, offset, size in words.blocks():
        if kinds.get(name, "continuous") == "continuous" and name != "note":
            ids = np.arange(offset, offset + size)
            below[ids], above[ids] = np.maximum(ids - 1, offset), np.minimum(ids + 1, offset + size - 1)
    return Neighbours(torch.from_numpy(below), torch.from_numpy(above))


def patch_loss(logits: torch.Tensor, labels: torch.Tensor, near: Neighbours) -> torch.Tensor:
    """Mean cross-entropy over spoken tokens; logits (batch, length, vocabulary), labels (batch, length)."""
    said = labels != IGNORE
    log_p = F.log_softmax(logits[said].float(), dim=-1)  # (n_said, vocabulary)
    target = labels[said]
    picked = [
        log_p.gather(1, t[:, None]).squeeze(1) for t in (target, near.below[target], near.above[target])
    ]
    return -((1 - 2 * NEIGHBOUR) * picked[0] + NEIGHBOUR * (picked[1] + picked[2])).mean()


# -- the loop -----------------------------------------------------------------------------------------------------


@dataclass
class Progress:
    """What a run has done; saved beside the weights."""

    step: int = 0
    seconds: float = 0.0
    clips_seen: int = 0
    curve: list[tuple[int, float, float]] = field(default_factory=list)
    """(step, training loss, validation loss or nan)"""


def learning_rate(options: TrainOptions, step: int) -> float:
    """Warm-up, a plateau, and a linear fall to zero over the last part (warm-up-stable-decay, Hu et al. 2024).

    Unlike a cosine it does not need to know the end when it begins: a run can go on from its plateau with more data.
    """
    rise = min((step + 1) / options.warmup, 1.0)
    fall = min((options.steps - step) / max(DECAY * options.steps, 1), 1.0)
    return options.learning_rate * min(rise, max(fall, 0.0))


def train(options: TrainOptions, words: Vocabulary | None = None) -> Path:
    """Trains until `steps`, resuming what is in `out`; returns the checkpoint folder (weights, progress, curve).

    Under torchrun every process trains on its own clips and the first alone writes.

    Args:
        words: what the clips speak, the canonical vocabulary unless given.
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    ranks = Ranks.join()
    device = ranks.device
    words = words or vocabulary()
    checkpoint = options.out / "checkpoint"
    if ranks.first:
        restore(checkpoint)
    ranks.wait()
    progress = load_progress(checkpoint)
    resumed = TrainOptions(**{**options.__dict__, "init": checkpoint}) if progress.step else options
    model = build_model(resumed, words).to(device)
    near = Neighbours(*(t.to(device) for t in asdict(neighbours(words)).values()))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01)
    if progress.step:
        optimizer.load_state_dict(torch.load(checkpoint / "optimizer.pt", device, weights_only=True))
    feed = open_feed(options.data, options.held_out, options.stream, options.seed, progress.clips_seen, ranks.rank, ranks.world)  # fmt: skip
    rng = np.random.default_rng([options.seed, progress.step])
    noise = rng if ranks.world == 1 else np.random.default_rng([options.seed, progress.step, ranks.rank])
    learner = ranks.wrap(model)
    model.train()
    started, losses = time.monotonic(), []
    while progress.step < options.steps:
        for clips, rows in feed.batches(options.batch_size, rng):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(options, progress.step)
            mel, labels = to_tensors(clips, rows, device, noise)
            with torch.autocast(device, dtype=torch.bfloat16, enabled=options.bf16):
                logits = learner(input_features=mel, decoder_input_ids=shift_right(labels)).logits
            loss = patch_loss(logits, labels, near)
            loss, mean, n_clips = ranks.share(loss, int((labels != IGNORE).sum()), len(rows))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(mean)
            progress.step += 1
            progress.clips_seen += n_clips
            if progress.step % 25 == 0 and ranks.first:
                rate = progress.clips_seen / (progress.seconds + time.monotonic() - started)
                print(
                    f"step {progress.step}/{options.steps} loss {np.mean(losses[-25:]):.4f} {rate:.1f} clips/s",
                    flush=True,
                )
            if ranks.first and (progress.step % options.save_every == 0 or progress.step >= options.steps):
                progress.seconds += time.monotonic() - started
                started = time.monotonic()
                held = validation_loss(model, *feed.held_out, near, device)
                progress.curve.append((progress.step, float(np.mean(losses[-options.save_every :])), held))
                print(f"step {progress.step} validation {held:.4f}", flush=True)
                save(checkpoint, model, optimizer, progress)
            if progress.step >= options.steps:
                break
    return checkpoint


def to_tensors(
    clips: Clips, rows: np.ndarray, device: str, rng: np.random.Generator | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (batch, n_mels, n_frames) and labels (batch, length): the sentence without BOS, padding ignored."""
    mel = features(clips.mel[rows])
    if rng is not None:
        mel = roughen(mel, rng)
    tokens = clips.tokens[rows, 1 : int(clips.length[rows].max())].astype(np.int64)
    labels = np.where(tokens == PAD, IGNORE, tokens)
    return torch.from_numpy(mel).to(device), torch.from_numpy(labels).to(device)


def shift_right(labels: torch.Tensor) -> torch.Tensor:
    """What the decoder has heard itself say before each label: BOS, then the labels but the last."""
    said = labels.masked_fill(labels == IGNORE, PAD)
    return torch.cat([torch.full_like(said[:, :1], BOS), said[:, :-1]], dim=1)


@torch.no_grad()
def validation_loss(model: Any, clips: Clips, index: np.ndarray, near: Neighbours, device: str) -> float:
    """Loss over held-out clips, clean."""
    model.eval()
    total, n = 0.0, 0
    for rows in np.array_split(index, max(len(index) // 32, 1)):
        mel, labels = to_tensors(clips, rows, device, None)
        with torch.autocast(device, dtype=torch.bfloat16):
            logits = model(input_features=mel, decoder_input_ids=shift_right(labels)).logits
        count = int((labels != IGNORE).sum())
        total, n = total + patch_loss(logits, labels, near).item() * count, n + count
    model.train()
    return total / n


def save(checkpoint: Path, model: Any, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
    """Writes the checkpoint beside the old one, then takes its place: a kill in the middle costs nothing."""
    fresh = checkpoint.with_name("checkpoint.new")
    fresh.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(fresh)
    torch.save(optimizer.state_dict(), fresh / "optimizer.pt")
    (fresh / "progress.json").write_text(json.dumps(asdict(progress)))
    draw_curve(fresh / "loss.png", progress.curve)
    old = checkpoint.with_name("checkpoint.old")
    if checkpoint.exists():
        shutil.rmtree(old, ignore_errors=True)
        checkpoint.rename(old)
    fresh.rename(checkpoint)
    shutil.rmtree(old, ignore_errors=True)


def restore(checkpoint: Path) -> None:
    """Takes back the old checkpoint where a kill came before the new one was in its place."""
    old = checkpoint.with_name("checkpoint.old")
    if old.exists() and not checkpoint.exists():
        old.rename(checkpoint)


def draw_curve(path: Path, curve: list[tuple[int, float, float]]) -> None:
    """The loss curve as a picture."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    steps, training, validation = zip(*curve, strict=True)
    figure, axes = plt.subplots(figsize=(6, 3.5))
    axes.plot(steps, training, label="training")
    axes.plot(steps, validation, label="held out, clean")
    axes.set(xlabel="step", ylabel="loss a token (nats, neighbours shared)")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)


def load_progress(checkpoint: Path) -> Progress:
    """Where a run stands; a fresh one where there is none."""
    path = checkpoint / "progress.json"
    return Progress(**json.loads(path.read_text())) if path.exists() else Progress()
