"""Whether what was set in a plugin took effect, by sound: each parameter is turned and a short note has to change.

A value that reads back as it was set proves nothing (some plugins apply what a host sets only later, or never), so the
proof is a difference between renders, larger than that between renders of the same settings.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from companion.hearing.audio import Audio
from companion.hosts.plugin import PatchFailure, PluginHost, PluginParameter

NOTE, NOTE_S, TOTAL_S = 60, 0.25, 0.45
N_REPEATS = 3  # of the same settings, to know how far their sounds lie apart
SAME_RAW = 0.003  # a value that comes back this close is what was set
ALIKE = 1e-3  # residual, -60 dB of the sound, that nobody hears
DRIFT = 4.0  # times the difference between repeats
LEAST_DB = 0.5  # for plugins whose notes differ from each other: mean over bands and time
FFT, HOP = 2048, 1024
N_BANDS, N_SLICES = 20, 6
FLOOR = 1e-7  # of the loudest band: -70 dB

Profile = NDArray[np.float64]


@dataclass(frozen=True)
class Verification:
    """What became of the values that were set."""

    refused: Mapping[str, tuple[float, float]]
    """Name -> (asked, what it is)."""
    unheard: tuple[str, ...]
    """Taken, but turning them changes nothing in a short note."""
    unchecked: tuple[str, ...] = ()
    """Time was up."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """For the user, who is to know what to look at; empty when all is well."""
        texts = []
        if self.refused:
            texts.append(f"the plugin did not take {_list(self.refused)}; set them by hand")
        if self.unheard:
            texts.append(f"no difference could be heard from {_list(self.unheard)} in a short note")
        return tuple(texts)


def _list(names: Iterable[str], n: int = 6) -> str:
    names = list(names)
    more = f" and {len(names) - n} more" if len(names) > n else ""
    return ", ".join(names[:n]) + more


class Likeness:
    """Knows a sound and how much it differs from itself."""

    def __init__(self, repeats: list[Audio]) -> None:
        self._sound = repeats[0]
        self._profile = profile(repeats[0])
        self._residual = max(self.residual(other) for other in repeats[1:])
        self._db = max(self._difference_db(other) for other in repeats[1:])

    def residual(self, other: Audio) -> float:
        """RMS of the difference over the RMS of the sound."""
        rms = float(np.sqrt(np.mean(np.square(self._sound, dtype=np.float64))))
        return float(np.sqrt(np.mean(np.square(self._sound - other, dtype=np.float64)))) / max(rms, 1e-9)

    def _difference_db(self, other: Audio) -> float:
        return float(np.abs(self._profile - profile(other, float(self._loudest))).mean())

    @property
    def _loudest(self) -> float:
        return float(10 ** (self._profile.max() / 10))

    def differs(self, other: Audio) -> bool:
        """Whether another sound lies farther away than the repeats do."""
        if self._residual < 0.05:  # notes repeat, so waveforms can be compared
            return self.residual(other) > ALIKE + DRIFT * self._residual
        return self._difference_db(other) > LEAST_DB + DRIFT / 2 * self._db


def profile(audio: Audio, loudest: float | None = None) -> Profile:
    """Level in dB by band and slice of time, (N_BANDS, N_SLICES), not below FLOOR of the loudest."""
    mono = np.pad(audio.mean(axis=0, dtype=np.float64), (0, FFT))
    frames = np.lib.stride_tricks.sliding_window_view(mono, FFT)[::HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(FFT))) ** 2  # (n_frames, FFT / 2 + 1)
    edges = np.unique(np.geomspace(1, FFT // 2, N_BANDS + 1).round().astype(int))
    bands = np.add.reduceat(power, edges[:-1], axis=1)
    slices = np.array([part.mean(axis=0) for part in np.array_split(bands, N_SLICES)]).T
    floor = FLOOR * (loudest or float(slices.max())) + 1e-12
    decibels: Profile = 10 * np.log10(np.maximum(slices, floor))
    return decibels


def verify(
    host: PluginHost, values: Mapping[str, float], note: int = NOTE, deadline: float | None = None
) -> Verification:
    """Sets raw values and checks each by sound; they are the patch in hand afterwards.

    Args:
        deadline: of `time.perf_counter`, after which the rest stays unchecked.
    """
    host.set_values(values)
    likeness = Likeness([_play(host, note) for _ in range(N_REPEATS)])
    now = host.values()
    refused = {
        name: (raw, now[name])
        for name, raw in values.items()
        if abs(now[name] - raw) > _slack(host.parameter(name))
    }
    unheard, unchecked = [], []
    for name, raw in values.items():
        if deadline is not None and time.perf_counter() > deadline:
            unchecked.append(name)
        elif name not in refused and not _is_heard(host, name, raw, note, likeness):
            unheard.append(name)
    return Verification(refused, tuple(unheard), tuple(unchecked))


def _is_heard(host: PluginHost, name: str, raw: float, note: int, likeness: Likeness) -> bool:
    """Whether a parameter, turned far away from where it is, changes the sound; it is put back."""
    try:
        for other in ((raw + 0.5) % 1.0, 0.0 if raw > 0.5 else 1.0):
            host.set_values({name: other})
            if likeness.differs(_play(host, note)):
                return True
        return False
    except PatchFailure:  # it does something
        return True
    finally:
        host.set_values({name: raw})


def _play(host: PluginHost, note: int) -> Audio:
    return host.render(note, NOTE_S, TOTAL_S)


def _slack(parameter: PluginParameter) -> float:
    return max(SAME_RAW, 0.5 / max(parameter.n_steps - 1, 1) + 1e-6)
