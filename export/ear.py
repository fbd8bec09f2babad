"""ear: train the small weights of companion/ear.py from rendered clips; minutes on one core.

    python -m export.ear CLIPS --real PRESETS --out companion/ear.npz

Two things are learnt: the note-off, from the shards of `render`, and to tell notes, chords and drums apart, from renders of
real presets, sums of them, and drums by formula.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow.parquet as pq
import torch
import typer
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor, nn
from torch.nn import functional

from companion.audio import SAMPLE_RATE
from companion.ear import DILATIONS, FRAME_S, N_BANDS, kind_signs
from companion.features import N_FRAMES, N_MELS, resample
from companion.hosts.vital import VitalHost
from companion.pitch import HARD_PITCH, PITCH_RATE, salience
from companion.segment import bands_of, find_note
from export.drums import DRUMS
from export.progress import track

WIDTH, TAPS = 24, (9, 9, 15)
BATCH, EPOCHS, RATE = 128, 5, 6e-3
LABEL_FRAMES = 1.5  # spread of the label
CHORDS = ((0, 4, 7), (0, 3, 7), (0, 4), (0, 3), (0, 3, 7, 10), (0, 5, 10), (0, 4, 7, 11))
N_NOTES, N_CHORDS, N_DRUMS = 6, 5, 45  # examples of each preset, and of each drum
RIDGE = 1e-2  # chosen by leaving out presets


class NoteOffNet(nn.Module):
    """Three convolutions over time: (batch, N_BANDS, N_FRAMES) to a score a frame."""

    def __init__(self) -> None:
        super().__init__()
        widths = (N_BANDS, WIDTH, WIDTH, 1)
        self.layers = nn.ModuleList(
            nn.Conv1d(widths[i], widths[i + 1], taps, padding=taps // 2 * dilation, dilation=dilation)
            for i, (taps, dilation) in enumerate(zip(TAPS, DILATIONS, strict=True))
        )

    def forward(self, bands: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            bands = functional.relu(layer(bands))
        return self.layers[-1](bands)[:, 0]


def read_bands(folder: Path) -> tuple[Tensor, Tensor]:
    """Bands (n, N_BANDS, N_FRAMES) as bytes, 255 the loudest, and note-offs (n,) in frames."""
    bands, offs = [], []
    for path in sorted(folder.glob("clips-*.parquet")):
        table = pq.read_table(path, columns=["mel", "note_off_s"])
        mel = np.frombuffer(b"".join(table["mel"].to_pylist()), np.uint8).reshape(
            -1, N_BANDS, N_MELS // N_BANDS, N_FRAMES
        )
        bands.append((255 - mel.mean(axis=2)).round().astype(np.uint8))
        offs.append(table["note_off_s"].to_numpy() / FRAME_S)
    if not bands:
        raise FileNotFoundError(f"no clips in {folder}; run `python -m export render` first")
    return torch.from_numpy(np.concatenate(bands)), torch.from_numpy(np.concatenate(offs))


def vary(bands: Tensor, offs: Tensor, g: torch.Generator) -> tuple[Tensor, Tensor]:
    """Makes clips like those of users: slower, late, in noise, through other microphones, cut short."""
    n, frames = len(bands), torch.arange(N_FRAMES)
    if torch.rand(1, generator=g) < 0.3:  # slower: the key may be held when the clip ends
        factor = 1 + 1.5 * torch.rand(n, generator=g)
        source = (frames / factor[:, None])[:, None].expand(-1, N_BANDS, -1)
        low = source.long().clamp(max=N_FRAMES - 1)
        share = source - low
        bands = (
            bands.gather(2, low) * (1 - share) + bands.gather(2, (low + 1).clamp(max=N_FRAMES - 1)) * share
        )
        offs = offs * factor
    if torch.rand(1, generator=g) < 0.2:
        late = int(torch.randint(1, 8, (1,), generator=g))
        bands, offs = functional.pad(bands[:, :, :-late], (late, 0)), offs + late
    noisy = torch.rand(n, 1, 1, generator=g) < 0.3
    noise = torch.rand(n, 1, 1, generator=g) * 0.5 + 0.03 * torch.randn(bands.shape, generator=g)
    bands = torch.where(noisy, torch.maximum(bands, noise), bands)
    bands = bands + 0.05 * torch.randn(n, 1, 1, generator=g) * torch.linspace(-1, 1, N_BANDS)[:, None]
    cut = torch.where(
        torch.rand(n, generator=g) < 0.25, 20 + 230 * torch.rand(n, generator=g), torch.tensor(1e9)
    )
    bands = torch.where(frames >= cut[:, None, None], 0.0, bands)
    return bands.clamp(0, 1), torch.minimum(offs, cut).clamp(max=N_FRAMES - 1)


def batches(bands: Tensor, offs: Tensor, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Varied clips (BATCH, N_BANDS, N_FRAMES) and their labels (BATCH, N_FRAMES), each of sum 1."""
    g = torch.Generator().manual_seed(seed)
    for _ in range(EPOCHS * len(bands) // BATCH):
        drawn = torch.randint(len(bands), (BATCH,), generator=g)
        clips, at = vary(bands[drawn].float() / 255, offs[drawn], g)
        labels = torch.exp(-0.5 * ((torch.arange(N_FRAMES) - at[:, None]) / LABEL_FRAMES) ** 2)
        yield clips, labels / labels.sum(dim=1, keepdim=True)


def train_note_off(bands: Tensor, offs: Tensor, seed: int) -> NoteOffNet:
    """Trains with one cycle of AdamW."""
    torch.manual_seed(seed)
    net = NoteOffNet()
    steps = EPOCHS * len(bands) // BATCH
    optimizer = torch.optim.AdamW(net.parameters(), RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for clips, labels in track(batches(bands, offs, seed), steps, "note-off"):
        loss = -(labels * functional.log_softmax(net(clips), dim=1)).sum(dim=1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net


def signs_of(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """What tells kinds apart, of a sound (2, n) cut to its note."""
    start, end = find_note(audio)
    audio = audio[:, start:end]
    return kind_signs(salience(resample(audio, SAMPLE_RATE, PITCH_RATE)), bands_of(audio))


def kind_examples(folder: Path, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Signs (n, signs) and kinds (n,): notes and chords of every preset with a pitch, and drums by formula."""
    rng, host = np.random.default_rng(seed), VitalHost()
    signs, kinds = [], []
    paths = sorted(folder.glob("*.vital"))
    for path in track(paths, len(paths), "kinds"):
        host.set_text(path.read_text("utf-8"))
        for together in ((0,),) * N_NOTES + tuple(rng.permutation(np.array(CHORDS, object))[:N_CHORDS]):
            root, held_s = int(rng.integers(36, 66)), float(rng.choice([0.3, 0.8, 1.6]))
            notes = [host.render(root + st, held_s, held_s + 0.4) * rng.uniform(0.7, 1.3) for st in together]
            mixed = np.sum(notes, axis=0, dtype=np.float32) / len(together)
            if salience(resample(mixed, SAMPLE_RATE, PITCH_RATE)).average().max() > HARD_PITCH:
                signs.append(signs_of(mixed))
                kinds.append(int(len(together) > 1))
    for _ in range(N_DRUMS):
        for drum in DRUMS:
            signs.append(signs_of(np.repeat(0.3 * drum(rng)[None], 2, axis=0).astype(np.float32)))
            kinds.append(2)
    return np.array(signs), np.array(kinds)


def fit_kinds(
    signs: NDArray[np.float32], kinds: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (3, signs) and biases (3,) of a ridge softmax regression on standardised signs, kinds weighed alike."""
    mean, spread = signs.mean(axis=0), signs.std(axis=0) + 1e-2
    scaled, truth = (signs - mean) / spread, np.eye(3)[kinds]
    share = (1 / np.bincount(kinds))[kinds] / 3

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        w = flat.reshape(3, -1)
        scores = scaled @ w[:, :-1].T + w[:, -1]
        log_p = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
        slope = (np.exp(log_p) - truth) * share[:, None]
        slopes = np.c_[slope.T @ scaled + 2 * RIDGE * w[:, :-1], slope.sum(axis=0)]
        cost = -(share @ log_p[np.arange(len(kinds)), kinds]) + RIDGE * (w[:, :-1] ** 2).sum()
        return float(cost), slopes.ravel()

    w = minimize(loss, np.zeros(3 * (signs.shape[1] + 1)), jac=True, method="L-BFGS-B").x.reshape(3, -1)
    weights = w[:, :-1] / spread
    return weights, w[:, -1] - weights @ mean


def train(
    clips: Annotated[Path, typer.Argument(help="Folder of shards.")],
    real: Annotated[Path, typer.Option(help="Folder of .vital presets to make notes and chords of.")],
    out: Annotated[Path, typer.Option(help="Where the weights go.")] = Path("companion/ear.npz"),
    seed: int = 0,
) -> None:
    """Train the note-off weights and those that tell notes, chords and drums apart."""
    weights: dict[str, NDArray[np.floating]] = {}
    weights["kind"], weights["kind_bias"] = fit_kinds(*kind_examples(real, seed))
    net = train_note_off(*read_bands(clips), seed)
    for n, layer in enumerate(net.layers):
        weights[f"w{n}"], weights[f"b{n}"] = (
            p.detach().numpy().astype(np.float16) for p in layer.parameters()
        )
    np.savez_compressed(out, **weights)


if __name__ == "__main__":
    typer.run(train)
