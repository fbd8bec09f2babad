"""The test synth shows what the sheet says, and its sound follows what it should: else tests with it prove nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

SHEET = [
    line.split("\t")
    for line in (Path(__file__).parent.parent / "data" / "serum" / "parameters.tsv").read_text().splitlines()
    if not line.startswith("#")
]
OWN_NAMES = [row[0] for row in SHEET]
SHOWN = (273, 299, 316, 349)


@contextmanager
def loaded(path: Path) -> Iterator[Any]:
    """A plugin without pedalboard's own view of its parameters, which takes 1,001 texts of each."""
    import pedalboard
    from pedalboard import _pedalboard

    ignored = _pedalboard.PARAMETER_NAME_REGEXES_TO_IGNORE
    everything = re.compile("")
    ignored.add(everything)
    try:
        yield pedalboard.load_plugin(str(path))
    finally:
        ignored.discard(everything)


def shown(plugin: Any) -> list[Any]:
    return [p for p in plugin._parameters if not p.name.startswith("MIDI Ch.")]


def play(plugin: Any, *controls: tuple[int, int]) -> NDArray[np.float32]:
    messages = [(bytes([0xB0, cc, value]), 0.0) for cc, value in controls]
    messages += [(bytes([0x90, 48, 100]), 0.01), (bytes([0x80, 48, 0]), 0.3)]
    return np.asarray(plugin(messages, duration=0.5, sample_rate=44_100, num_channels=2, reset=False))


def turn(plugin: Any, **raws: float) -> None:
    for row in shown(plugin):
        if row.name.replace(" ", "_") in raws:
            row.raw_value = raws[row.name.replace(" ", "_")]


@pytest.mark.parametrize("n", SHOWN)
def test_it_shows_as_many_parameters_as_it_was_built_for(serumlike: Callable[[int], Path], n: int) -> None:
    with loaded(serumlike(n)) as plugin:
        names = [p.name for p in shown(plugin)]
    assert len(names) == n
    assert (names == OWN_NAMES) == (n == 316)
    squeezed = {re.sub("[ _]", "", name) for name in names}
    kept = [name for name in OWN_NAMES[:273] if re.sub("[ _]", "", name) in squeezed]
    assert len(kept) >= 250  # the rest have other names in this build


def test_defaults_and_texts_are_those_of_the_sheet(serumlike: Callable[[int], Path]) -> None:
    with loaded(serumlike(316)) as plugin:
        play(plugin)  # a value is read after a render, not before
        rows = shown(plugin)
        for row, fact in zip(rows, SHEET, strict=True):
            assert row.raw_value == pytest.approx(float(fact[2]), abs=1e-6), row.name
        texts = {row.name: [row.get_text_for_raw_value(x) for x in (0.0, 0.5, 1.0)] for row in rows}
    assert texts["Fil Cutoff"] == ["8.18 Hz", "425 Hz", "22050 Hz"]
    assert texts["Env1 Atk"] == ["0.00 ms", "1.00 s", "32.00 s"]
    assert texts["Env1 Sus"] == ["-inf dB", "-12.0 dB", "0.0 dB"]
    assert texts["A Octave"] == ["-4 oct", "0 oct", "4 oct"]
    assert texts["Cmp_Thr"][1] == "-18.1 dB"
    assert texts["LFO1 Rate"] == ["32 bar", "1/4", "1/256"]
    assert texts["SubOscShape"][0] == "Sine" and texts["SubOscShape"][2] == "Pulse"
    for row, fact in zip(rows, SHEET, strict=True):
        if fact[6]:
            choices = fact[6].split("|")
            assert (texts[row.name][0], texts[row.name][2]) == (choices[0], choices[-1])


def test_its_sound_follows_level_cutoff_and_envelope(serumlike: Callable[[int], Path]) -> None:
    def brightness(audio: NDArray[np.float32]) -> float:
        power = np.abs(np.fft.rfft(audio.mean(axis=0))) ** 2
        return float((power * np.arange(len(power))).sum() / power.sum())

    with loaded(serumlike(316)) as plugin:
        plain = play(plugin)
        assert np.array_equal(plain, play(plugin))  # the same patch, the same sound
        turn(plugin, A_Vol=0.375)
        assert np.abs(play(plugin)).max() == pytest.approx(np.abs(plain).max() / 4, rel=0.05)
        turn(plugin, A_Vol=0.75, Filter_On=1.0, Fil_Cutoff=0.5)
        dark = play(plugin)
        assert brightness(dark) < 0.5 * brightness(plain)
        assert brightness(play(plugin, (74, 120))) > 1.5 * brightness(dark)  # by control change
        turn(plugin, Filter_On=0.0, Env1_Atk=0.4)  # a third of a second
        slow = play(plugin)
        assert np.abs(slow[:, :4410]).max() < 0.5 * np.abs(plain[:, :4410]).max()


def test_a_state_brings_the_sound_back(serumlike: Callable[[int], Path]) -> None:
    with loaded(serumlike(273)) as plugin:
        turn(plugin, A_WTPos=1.0, Env1_Sus=0.3)
        before = play(plugin)
        state = plugin.raw_state
        turn(plugin, A_WTPos=0.0, Env1_Sus=1.0)
        assert not np.allclose(play(plugin), before, atol=1e-3)
        plugin.raw_state = state
        play(plugin)
        assert np.allclose(play(plugin), before, atol=1e-6)
