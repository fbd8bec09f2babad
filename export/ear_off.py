"""ear_off: the net that hears when a key was released, and how it is trained: sampled clips and moved real presets, varied.

bands (batch, OFF_BANDS, N_FRAMES) -> scores (batch, N_FRAMES)
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from companion.hearing.ear import FRAME_S, OFF_BANDS, OFF_DILATIONS
from companion.hearing.features import N_FRAMES, N_MELS
from export.progress import track

WIDTH, TAPS_IN, TAPS = 64, 7, 5
BATCH, WEIGHT_DECAY = 64, 1e-2
SAMPLED = (3000, 4e-3)  # steps and highest learning rate of the first stage, from sampled clips alone
MIXED = (1500, 2e-3)  # of the second; three times as many: surer of new presets, not more often right
N_REAL = 45  # clips of real presets in a batch of the second stage
LABEL_FRAMES = 1.5  # spread of the label


class Residual(nn.Module):
    """A dilated convolution added to what it hears."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(WIDTH, WIDTH, TAPS, padding=TAPS // 2 * dilation, dilation=dilation)
        self.norm = nn.BatchNorm1d(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return x + functional.relu(self.norm(self.conv(x)))


class NoteOffNet(nn.Module):
    """Half the frames, residual convolutions that see the whole clip, and a score for each half of a wide frame."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(OFF_BANDS, WIDTH, TAPS_IN, stride=2, padding=TAPS_IN // 2)
        self.norm = nn.BatchNorm1d(WIDTH)
        self.layers = nn.ModuleList(Residual(dilation) for dilation in OFF_DILATIONS)
        self.last = nn.Conv1d(WIDTH, 2, TAPS, padding=TAPS // 2)

    def forward(self, bands: Tensor) -> Tensor:
        x = functional.relu(self.norm(self.first(bands)))
        for layer in self.layers:
            x = layer(x)
        return self.last(x).float().transpose(1, 2).reshape(len(x), N_FRAMES)

    @torch.no_grad()
    def scores(self, bands: Tensor) -> NDArray[np.float32]:
        """Scores (n, N_FRAMES) of bytes (n, OFF_BANDS, N_FRAMES), 255 the loudest."""
        return torch.cat([self(part.float() / 255) for part in bands.split(BATCH)]).numpy()


@dataclass(frozen=True)
class Examples:
    """Clips to learn from."""

    bands: Tensor
    """(n, OFF_BANDS, N_FRAMES) bytes, 255 the loudest."""
    offs: Tensor
    """(n,) note-offs in frames; past the last frame where the key is held to the end."""

    @classmethod
    def of(cls, mel: NDArray[np.uint8], offs_s: NDArray[np.floating]) -> Examples:
        """Examples of packed features (n, N_MELS, N_FRAMES)."""
        mean = mel.reshape(-1, OFF_BANDS, N_MELS // OFF_BANDS, N_FRAMES).mean(axis=2)
        bands = (255 - mean).round().astype(np.uint8)
        return cls(torch.from_numpy(bands), torch.from_numpy(np.float32(offs_s / FRAME_S)))

    def draw(self, n: int, g: torch.Generator) -> tuple[Tensor, Tensor]:
        """Some clips, varied, and when their keys were released."""
        drawn = torch.randint(len(self.bands), (n,), generator=g)
        return vary(self.bands[drawn].float() / 255, self.offs[drawn], g)


def read_sampled(folders: Sequence[Path]) -> Examples:
    """The shards of `render` in folders.

    Raises:
        FileNotFoundError: there are none.
    """
    mels, offs = [], []
    for path in sorted(path for folder in folders for path in folder.glob("clips-*.parquet")):
        table = pq.read_table(path, columns=["mel", "note_off_s"])
        mel = np.frombuffer(b"".join(table["mel"].to_pylist()), np.uint8)
        part = Examples.of(mel.reshape(-1, N_MELS, N_FRAMES), table["note_off_s"].to_numpy())
        mels.append(part.bands)
        offs.append(part.offs)
    if not mels:
        raise FileNotFoundError(
            f"no clips in {', '.join(map(str, folders))}; run `python -m export render` first"
        )
    return Examples(torch.cat(mels), torch.cat(offs))


# --- what users' clips are like --------------------------------------------------------------------------------------


def vary(bands: Tensor, offs: Tensor, g: torch.Generator) -> tuple[Tensor, Tensor]:
    """Makes clips like those of users: at another speed and pitch, late, through other microphones, in noise, cut short."""
    for change, chance in (
        (stretch, 0.4),
        (transpose, 0.3),
        (delay, 0.2),
        (colour, 1.0),
        (hiss, 1.0),
        (cut, 1.0),
    ):
        if torch.rand(1, generator=g) < chance:
            bands, offs = change(bands, offs, g)
    bands = bands - bands.amax((1, 2), keepdim=True) + 1  # the loudest is 1 again
    return bands.clamp(0, 1), offs.clamp(max=N_FRAMES - 1)


def stretch(bands: Tensor, offs: Tensor, g: torch.Generator) -> tuple[Tensor, Tensor]:
    """Faster, with silence after the end, or slower, so that the key may be held when the clip ends."""
    frames = torch.arange(N_FRAMES).float()
    factor = torch.exp(0.7 * (1.6 * torch.rand(len(bands), generator=g) - 0.6))  # 0.66 .. 2.0
    source = (frames / factor[:, None]).clamp(max=N_FRAMES - 1.001)
    low = source.long()[:, None].expand_as(bands)
    share = (source - source.floor())[:, None]
    bands = bands.gather(2, low) * (1 - share) + bands.gather(2, low + 1) * share
    end = (N_FRAMES * factor).clamp(max=N_FRAMES)
    return silenced(bands, end), torch.minimum(offs * factor, end)


def transpose(bands: Tensor, offs: Tensor, g: torch.Generator) -> tuple[Tensor, Tensor]:
    """Moved by up to five bands, the edge repeated."""
    at = torch.arange(OFF_BANDS) - torch.randint(-5, 6, (1,), generator=g)
    return bands[:, at.clamp(0, OFF_BANDS - 1)], offs


def delay(bands: Tensor, offs: Tensor, g: torch.Generator) -> tuple[Tensor, Tensor]:
    """Up to 70 ms of silence before the note."""
    late = int(torch.randint(1, 8, (1,), generator=g))
    return functional.pad(bands[:, :, :-late], (late, 0)), offs + late


def colour(bands: Tensor, offs: Tensor, g: torch.Generator) -> tuple[Tensor, Tensor]:
    """A smooth gain over the bands, about 5 dB; silence stays silent."""
    knots = 0.06 * torch.randn(len(bands), 1, 6, generator=g)
    gains = functional.interpolate(knots, OFF_BANDS, mode="linear", align_corners=True)[:, 0, :, None]
    return torch.where(bands > 0, bands + gains, bands), offs


def hiss(bands: Tensor, offs: Tensor, g: torch.Generator) -> tuple[Tensor, Tensor]:
    """Noise of any colour, up to 40 dB and more under the loudest, in three clips of ten."""
    n = len(bands)
    slope = 0.15 * torch.rand(n, 1, 1, generator=g) * torch.linspace(1, -1, OFF_BANDS)[:, None]
    noise = 0.5 * torch.rand(n, 1, 1, generator=g) + slope + 0.03 * torch.randn(bands.shape, generator=g)
    is_noisy = torch.rand(n, 1, 1, generator=g) < 0.3
    return torch.where(is_noisy, torch.maximum(bands, noise), bands), offs


def cut(bands: Tensor, offs: Tensor, g: torch.Generator) -> tuple[Tensor, Tensor]:
    """Cut short, one in five: a key held then is held to the clip's end."""
    n = len(bands)
    ends = torch.where(torch.rand(n, generator=g) < 0.2, 20 + 230 * torch.rand(n, generator=g), torch.inf)
    return silenced(bands, ends), torch.minimum(offs, ends)


def silenced(bands: Tensor, ends: Tensor) -> Tensor:
    """Silence from the given frames (batch,) on."""
    return torch.where((torch.arange(N_FRAMES) >= ends[:, None])[:, None], 0.0, bands)


# --- training --------------------------------------------------------------------------------------------------------


def train_note_off(
    sampled: Examples, real: Examples, seed: int, start: NoteOffNet | None = None
) -> NoteOffNet:
    """Trains on sampled clips, unless a net that did is given to start from, and then on real ones among them."""
    net = copy.deepcopy(start) if start else train_sampled(sampled, seed)
    return train_stage(net, [(real, N_REAL), (sampled, BATCH - N_REAL)], *MIXED, seed)


def train_sampled(sampled: Examples, seed: int) -> NoteOffNet:
    """The first stage."""
    torch.manual_seed(seed)
    return train_stage(NoteOffNet(), [(sampled, BATCH)], *SAMPLED, seed)


def batches(
    sources: Sequence[tuple[Examples, int]], steps: int, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Varied clips, so many of each source, and their labels (BATCH, N_FRAMES), each of sum 1."""
    g = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        drawn = [examples.draw(n, g) for examples, n in sources if n]
        bands, offs = (torch.cat(parts) for parts in zip(*drawn, strict=True))
        labels = torch.exp(-0.5 * ((torch.arange(N_FRAMES) - offs[:, None]) / LABEL_FRAMES) ** 2)
        yield bands, labels / labels.sum(dim=1, keepdim=True)


def train_stage(
    net: NoteOffNet, sources: Sequence[tuple[Examples, int]], steps: int, rate: float, seed: int
) -> NoteOffNet:
    """Trains with one cycle of AdamW."""
    optimizer = torch.optim.AdamW(net.parameters(), rate, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.15)
    net.train()
    for bands, labels in track(batches(sources, steps, seed), steps, "note-off"):
        with torch.autocast("cpu", torch.bfloat16):  # half the time
            scores = net(bands)
        loss = -(labels * functional.log_softmax(scores, dim=1)).sum(dim=1).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return net.eval()


def weights_of(net: NoteOffNet) -> dict[str, NDArray[np.float16]]:
    """The weights as `companion.hearing.ear` reads them: normalisation folded into the convolutions."""
    weights: dict[str, NDArray[np.float16]] = {}
    parts = {"first": folded(net.first, net.norm), "last": (net.last.weight, net.last.bias)}
    parts |= {f"{n}": folded(layer.conv, layer.norm) for n, layer in enumerate(net.layers)}
    for name, (weight, bias) in parts.items():
        weights[f"off_{name}"] = weight.detach().numpy().astype(np.float16)
        weights[f"off_{name}_bias"] = bias.detach().numpy().astype(np.float16)
    return weights


def folded(conv: nn.Conv1d, norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution that does what both do."""
    gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return conv.weight * gain[:, None, None], (conv.bias - norm.running_mean) * gain + norm.bias
