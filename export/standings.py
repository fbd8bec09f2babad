"""Judgements -> figures: means with intervals, as a table, JSON and a picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from operator import itemgetter
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.table import Table

from companion.judging.metrics import WORST, Measures, means
from export.peers import TITLES
from export.targets import Judgement, Target

N_RESAMPLES = 10_000
MEASURES = ("mss", "wmfcc", "sot", "rms")


@dataclass(frozen=True)
class Interval:
    """A mean over items and where 95 % of resampled means lie."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Interval:
        """By percentile bootstrap; NaN for nothing."""
        kept = np.array([value for value in values if not math.isnan(value)])
        if not kept.size:
            return cls(math.nan, math.nan, math.nan)
        resampled = np.random.default_rng(0).choice(kept, (N_RESAMPLES, len(kept))).mean(axis=1)
        low, high = np.quantile(resampled, (0.025, 0.975))
        return cls(float(kept.mean()), float(low), float(high))

    def __str__(self) -> str:
        return "-" if math.isnan(self.mean) else f"{self.mean:.3f} ({self.low:.2f}..{self.high:.2f})"


@dataclass(frozen=True)
class Standing:
    """One method over all targets it was asked about."""

    method: str
    n: int
    mss: float
    wmfcc: float
    sot: float
    rms: float
    g_heard: Interval
    g_unheard: Interval
    loudness_error_db: float
    """Median, before level matching."""
    n_pitched: int
    """Targets whose pitch is stable and whose answer sounded."""
    pitch_errors: float
    """Share of those more than 50 cents off, other than by octaves."""
    octave_errors: float
    """Share of those off by octaves."""
    n_failed: int
    """No answer, or one that does not load."""
    n_silent: int
    seconds: float
    """Median to an answer."""
    seconds_p95: float
    failures: dict[str, str] = field(default_factory=dict)
    """Target -> why."""

    @classmethod
    def of(cls, method: str, items: Sequence[Judgement]) -> Standing:
        """Of the judgements of one method."""
        heard = [item["heard"] for item in items if item["heard"]]
        pitched = [item["pitch"] for item in items if item["pitch"]]
        failed = {item["name"]: item["failed"] for item in items if item.get("failed")}
        seconds = [item["seconds"] for item in items]
        return cls(
            method=method,
            n=len(items),
            **{
                name: float(np.mean([one[name] for one in heard])) if heard else math.nan for name in MEASURES
            },
            g_heard=Interval.of([item["g_heard"] for item in items]),
            g_unheard=Interval.of([item["g_unheard"] for item in items]),
            loudness_error_db=median(item["loudness_error_db"] for item in items),
            n_pitched=len(pitched),
            pitch_errors=pitched.count("off") / len(pitched) if pitched else math.nan,
            octave_errors=pitched.count("octave") / len(pitched) if pitched else math.nan,
            n_failed=len(failed),
            n_silent=sum(bool(item["silent"]) for item in items) - len(failed),
            seconds=median(seconds),
            seconds_p95=float(np.quantile(seconds, 0.95)),
            failures=failed,
        )


def floors(targets: Sequence[Target]) -> dict[str, Measures]:
    """Mean floor and mean init measures of the heard notes."""
    return {name: means([getattr(target.heard, name) for target in targets]) for name in ("floor", "init")}


def left_out(targets: Sequence[Target]) -> dict[str, dict[str, int]]:
    """How often each measure says nothing: at the heard notes and at the unheard ones."""
    from companion.judging.metrics import gap_terms

    groups = {
        "heard": [target.heard for target in targets],
        "unheard": [scene for target in targets for scene in target.unheard if scene.usable],
    }
    counts = {}
    for group, scenes in groups.items():
        kept = [gap_terms(scene.init, scene.floor, scene.init) for scene in scenes]
        counts[group] = {name: sum(name not in terms for terms in kept) for name in MEASURES} | {
            "of": len(scenes)
        }
    return counts


COLUMNS = (
    "method", "n", "MSS", "wMFCC", "SOT", "RMS", "G heard", "G unheard", "level dB",
    "pitch", "octave", "failed", "silent", "s", "s p95",
)  # fmt: skip


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"


def row(standing: Standing) -> tuple[str, ...]:
    """A standing as the cells of COLUMNS."""
    return (
        TITLES.get(standing.method, standing.method), str(standing.n),
        f"{standing.mss:.2f}", f"{standing.wmfcc:.2f}", f"{standing.sot:.4f}", f"{standing.rms:.3f}",
        str(standing.g_heard), str(standing.g_unheard), f"{standing.loudness_error_db:.2f}",
        _share(standing.pitch_errors), _share(standing.octave_errors),
        str(standing.n_failed), str(standing.n_silent), f"{standing.seconds:.2f}", f"{standing.seconds_p95:.2f}",
    )  # fmt: skip


def table(standings: Sequence[Standing], targets: Sequence[Target]) -> Table:
    """The table of the distances, for a terminal."""
    drawn = Table(*COLUMNS, title=f"{len(targets)} targets; mean (95 % interval)")
    floor = floors(targets)["floor"]
    drawn.add_row(
        "floor (own re-render)", str(len(targets)),
        f"{floor.mss:.2f}", f"{floor.wmfcc:.2f}", f"{floor.sot:.4f}", f"{floor.rms:.3f}", "0", "0",
        *[""] * (len(COLUMNS) - 8),
    )  # fmt: skip
    for standing in standings:
        drawn.add_row(*row(standing))
    return drawn


def as_json(standings: Sequence[Standing], targets: Sequence[Target]) -> dict[str, object]:
    """The same, for programs; no NaN."""
    data = {
        "floors": {name: asdict(measures) for name, measures in floors(targets).items()},
        "left_out": left_out(targets),
        "methods": {standing.method: asdict(standing) for standing in standings},
    }
    return dict(no_nan(data))


def no_nan(data: Any) -> Any:
    """`data` with None for every number that JSON has no word for."""
    if isinstance(data, dict):
        return {key: no_nan(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [no_nan(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


@dataclass(frozen=True)
class Panel:
    """One figure of every judgement, as a panel of a picture."""

    value: Callable[[Judgement], float]
    title: str
    label: str
    """Of the axis."""
    most: float
    """Where the axis ends."""


GAPS = tuple(
    Panel(itemgetter(f"g_{name}"), f"gap G at notes {name}", "0: a re-render   1: the init patch", WORST)
    for name in ("heard", "unheard")
)


def picture(items: dict[str, list[Judgement]], path: Path, panels: Sequence[Panel] = GAPS) -> Path:
    """Draws figures of every target (G, heard and unheard), a row of dots a method, with its mean and interval."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 1.5 + 0.5 * len(items)), dpi=110, layout="constrained")
    drawn = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    jitter = np.random.default_rng(0)
    for axes, panel in zip(drawn, panels, strict=True):
        for place, judged in enumerate(items.values()):
            values = [panel.value(item) for item in judged]
            mean = Interval.of(values)
            axes.plot(values, place + jitter.uniform(-0.2, 0.2, len(values)), ".", color="0.6", markersize=4)
            axes.plot([mean.low, mean.high], [place, place], color="tab:blue", linewidth=3)
            axes.plot(mean.mean, place, "o", color="tab:blue")
        axes.set(xlim=(-0.015 * panel.most, 1.015 * panel.most), title=panel.title, xlabel=panel.label)
        axes.grid(axis="x", alpha=0.3)
    drawn[0].set_yticks(range(len(items)), [TITLES.get(name, name) for name in items])
    drawn[0].invert_yaxis()
    FigureCanvasAgg(figure)
    figure.savefig(path)
    return path
