"""The test synth shows what the sheet says, and its sound follows what it should: else tests with it prove nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from companion.hosts.plugin import PluginHost

SHEET = [
    line.split("\t")
    for line in (Path(__file__).parent.parent / "data" / "serum" / "parameters.tsv").read_text().splitlines()
    if not line.startswith("#")
]
OWN_NAMES = [row[0] for row in SHEET]
NOT_SOUND = ("Bypass",)  # which a host leaves out
NOTE, NOTE_S, TOTAL_S = 48, 0.3, 0.5


@pytest.fixture(scope="module")
def host(serumlike: Callable[[int], Path]) -> Iterator[PluginHost]:
    with PluginHost(serumlike(316)) as host:
        yield host


@pytest.fixture(autouse=True)
def _as_loaded(request: pytest.FixtureRequest) -> None:
    if "host" in request.fixturenames:
        host: PluginHost = request.getfixturevalue("host")
        host.set_values({p.name: p.default for p in host.parameters})


def play(host: PluginHost, *controls: tuple[int, int]) -> NDArray[np.float32]:
    return host.render(NOTE, NOTE_S, TOTAL_S, controls=[(0.0, cc, value) for cc, value in controls])


def brightness(audio: NDArray[np.float32]) -> float:
    power = np.abs(np.fft.rfft(audio.mean(axis=0))) ** 2
    return float((power * np.arange(len(power))).sum() / power.sum())


@pytest.mark.parametrize("n", [273, 299, 316, 349])
def test_it_shows_as_many_parameters_as_it_was_built_for(serumlike: Callable[[int], Path], n: int) -> None:
    with PluginHost(serumlike(n)) as host:
        names = [p.name for p in host.parameters]
        labels = {p.label for p in host.parameters}
    assert len(names) + (n > 300) == n  # the newer ones have a Bypass
    assert (names == [name for name in OWN_NAMES if name not in NOT_SOUND]) == (n == 316)
    assert ("ms" in labels) == (n == 349)
    squeezed = {re.sub("[ _]", "", name) for name in names}
    kept = [name for name in OWN_NAMES[:273] if re.sub("[ _]", "", name) in squeezed]
    assert len(kept) >= 250  # the rest have other names in this build


def test_defaults_and_texts_are_those_of_the_sheet(host: PluginHost) -> None:
    play(host)  # a value is read after a render, not before
    values = host.values()
    for name, _, default, *_ in SHEET:
        assert name in NOT_SOUND or values[name] == pytest.approx(float(default), abs=1e-6), name
    texts = {name: host.texts(name, [0.0, 0.5, 1.0]) for name in values}
    assert texts["Fil Cutoff"] == ["8.18 Hz", "425 Hz", "22050 Hz"]
    assert texts["Env1 Atk"] == ["0.00 ms", "1.00 s", "32.00 s"]
    assert texts["Env1 Sus"] == ["-inf dB", "-12.0 dB", "0.0 dB"]
    assert texts["A Octave"] == ["-4 oct", "0 oct", "4 oct"]
    assert texts["Cmp_Thr"][1] == "-18.1 dB"
    assert texts["LFO1 Rate"] == ["32 bar", "1/4", "1/256"]
    for name, *_, choices in SHEET:
        if choices and name not in NOT_SOUND:
            first, *_, last = choices.split("|")
            assert (texts[name][0], texts[name][2]) == (first, last)


def test_a_rate_is_a_division_while_its_switch_is_on(host: PluginHost) -> None:
    assert host.texts("Cho_Rate", [0.5]) != host.texts("LFO1 Rate", [0.5])
    host.set_values({"Cho_BPM_Sync": 1.0})
    play(host)
    synced = host.texts("Cho_Rate", [0.5])
    host.set_values({"Cho_BPM_Sync": 0.0})
    play(host)
    assert (synced, host.texts("Cho_Rate", [0.5])) == (["1/4"], ["1.25 Hz"])


def test_its_sound_follows_level_pitch_cutoff_and_envelope(host: PluginHost) -> None:
    plain = play(host)
    assert np.array_equal(plain, play(host))  # the same patch, the same sound
    host.set_values({"A Vol": 0.375})
    assert np.abs(play(host)).max() == pytest.approx(np.abs(plain).max() / 4, rel=0.05)
    host.set_values({"A Vol": 0.75, "A Octave": 0.625})
    assert np.argmax(np.abs(np.fft.rfft(play(host)[0]))) == pytest.approx(
        2 * np.argmax(np.abs(np.fft.rfft(plain[0]))), rel=0.02
    )
    host.set_values({"A Octave": 0.5, "Filter On": 1.0})
    assert brightness(play(host)) < 0.5 * brightness(plain)
    host.set_values({"Filter On": 0.0, "Env1 Atk": 0.4})  # a third of a second
    assert np.abs(play(host)[:, :4410]).max() < 0.5 * np.abs(plain[:, :4410]).max()
    host.set_values({"Env1 Atk": 0.11, "A Pan": 0.0})
    assert not play(host)[1].any()


def test_it_hears_control_changes(host: PluginHost) -> None:
    host.set_values({"Filter On": 1.0})
    dark = play(host)
    assert brightness(play(host, (74, 120))) > 1.5 * brightness(dark)


def test_a_state_brings_the_sound_back(serumlike: Callable[[int], Path]) -> None:
    with PluginHost(serumlike(273)) as host:
        host.set_values({"A WTPos": 1.0, "Env1 Sus": 0.3})
        before, state = play(host), host.state()
    with PluginHost(serumlike(273)) as host:
        assert not np.allclose(play(host), before, atol=1e-3)
        host.set_state(state)
        assert np.allclose(play(host), before, atol=1e-6)
