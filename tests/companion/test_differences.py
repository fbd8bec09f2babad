"""What differs is told of real renders, and of nothing that is the same."""

from __future__ import annotations

import numpy as np
import pytest

from companion.hosts.vital import VitalHost
from companion.judging.differences import FACETS, Differences
from companion.judging.nearness import Calibration
from presets.patch import Patch

NOTE_S, TOTAL_S = 0.8, 1.5
BASE: dict[str, object] = {
    "osc1.position": 69.0, "filter1.on": True, "filter1.type": "lp24", "filter1.cutoff": 1800.0,
    "env1.attack": 0.02, "env1.release": 0.1,
}  # fmt: skip


def sound(note: int = 48, **changes: object) -> np.ndarray:
    values = BASE | {key.replace("__", "."): value for key, value in changes.items()}
    return VitalHost().render_patch(Patch(values, note=note), note, NOTE_S, TOTAL_S)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def differences() -> Differences:
    return Differences(sound(), NOTE_S, Calibration.shipped().least)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"filter1__cutoff": 400.0}, "darker"),
        ({"filter1__cutoff": 9000.0}, "brighter"),
        ({"env1__attack": 0.4}, "softer attack"),
        ({"env1__release": 0.9}, "longer tail"),
        ({"noise__on": True, "noise__level": -12.0}, "more noise or beating"),
        ({"osc1__voices": 8, "osc1__detune": 40.0, "osc1__width": 100.0}, "wider"),
        ({"volume__level": -12.0}, "quieter"),
        ({"note": 60}, "higher in pitch"),
    ],
)
def test_what_differs_most_is_told(differences: Differences, answer: dict[str, object], told: str) -> None:
    assert told in differences.told(sound(**answer))  # type: ignore[arg-type]


def test_nothing_is_told_of_the_same_sound(differences: Differences) -> None:
    assert differences.told(sound()) == ()
    assert differences.told(sound(volume__level=-6.0)) == ()


def test_silence_and_short_answers_are_survived(differences: Differences) -> None:
    assert differences.told(np.zeros((2, 4410), np.float32)) == ("quieter",)
    assert len(differences.told(sound()[:, :8820])) <= 2


def test_every_facet_has_been_measured() -> None:
    least = Calibration.shipped().least
    assert set(least) == {facet.name for facet in FACETS}
    assert all(least[facet.name] >= facet.audible for facet in FACETS)
