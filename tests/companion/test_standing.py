"""A filter that stands still: its formula and what becomes of it, against the engine."""

from __future__ import annotations

import numpy as np
import pytest

from companion.hearing.audio import SAMPLE_RATE
from companion.hosts.vital import VitalHost
from companion.judging.distance import Distance
from companion.resynthesis.resynth import resynthesise
from companion.resynthesis.standing import LOW_PASSES, STAGES, StandingFilter
from companion.resynthesis.tableplay import frames_of
from presets.laws import hz_to_midi, midi_to_hz
from presets.patch import Patch
from presets.schema import FILTERS

NOTE, NOTE_S, TOTAL_S = 48, 0.8, 1.4
DULL = {
    "filter1.on": True, "filter1.type": "lp24", "filter1.cutoff": 1500.0, "filter1.resonance": 0.0, "osc1.table": "sine_to_saw", "osc1.position": 100.0,
    "env1.release": 0.2,
}  # fmt: skip


def spectrum(values: dict, note: int = 33) -> np.ndarray:
    """Level in dB of each harmonic of a frame that has all of them alike."""
    turns = np.random.default_rng(0).random(1023)
    wave = frames_of(0.002 * np.exp(2j * np.pi * turns).astype(np.complex64))
    patch = Patch({"osc1.table": "own", "osc1.phase_random": 0.0} | values, assets={"osc1.table": wave[None]})
    audio = VitalHost().render_patch(patch, note, 2.0, 2.0)[0, SAMPLE_RATE // 2 :][:SAMPLE_RATE]
    seen = np.abs(np.fft.rfft(audio * np.hanning(SAMPLE_RATE)))
    bins = [round(n * midi_to_hz(note)) for n in range(1, 300)]
    return 20 * np.log10([np.sqrt((seen[b - 2 : b + 3] ** 2).sum()) for b in bins])


@pytest.mark.parametrize("kind", STAGES)
@pytest.mark.parametrize(("cutoff", "keytrack"), [(400.0, 0.0), (2000.0, 50.0), (9000.0, 0.0)])
def test_the_engine_s_filter_does_what_the_formula_says(kind: str, cutoff: float, keytrack: float) -> None:
    standing = StandingFilter(kind, hz_to_midi(cutoff), keytrack / 100)
    patch = standing.put_into(Patch({"osc1.route": "effects"}))
    values = {name: patch[name] for name in patch.values if name.startswith("filter1.")}
    did_db = spectrum({"osc1.route": "filter1"} | values) - spectrum({"osc1.route": "effects"})
    hz = midi_to_hz(33) * np.arange(1.0, 300.0)
    foretold_db = 20 * np.log10(np.abs(standing.response(hz, 33)))
    audible = foretold_db > -70
    assert np.abs(did_db - foretold_db)[audible].max() < 0.1


@pytest.fixture(scope="module")
def dull() -> np.ndarray:
    return VitalHost().render_patch(Patch(DULL), NOTE, NOTE_S, TOTAL_S)


def test_behind_it_a_resynthesis_is_as_near_and_nearer_at_other_notes(dull: np.ndarray) -> None:
    host, standing = VitalHost(), StandingFilter.of(Patch(DULL))
    assert standing is not None
    before = standing.undone(dull, NOTE)
    assert before is not None
    plain = resynthesise(dull, float(NOTE), NOTE_S)
    behind = standing.put_into(resynthesise(before, float(NOTE), NOTE_S))
    for note, gain in ((NOTE, 0.8), (NOTE - 12, 2.0), (NOTE + 12, 2.0)):
        true, init = (host.render_patch(p, note, NOTE_S, TOTAL_S) for p in (Patch(DULL), Patch()))
        distance = Distance(true, init)
        near, far = (distance(host.render_patch(p, note, NOTE_S, TOTAL_S)) for p in (behind, plain))
        assert near < 0.03 + far / gain, note


def test_it_follows_the_keys_as_the_recipe_s_does() -> None:
    standing = StandingFilter.of(Patch(DULL | {"filter1.keytrack": 50.0}))
    assert standing is not None
    half = [
        float(np.abs(standing.response(np.array([1500.0 * 2 ** (n / 24)]), 60 + n))[0]) for n in (-12, 0, 12)
    ]
    assert half == pytest.approx([half[1]] * 3, rel=1e-3)


@pytest.mark.parametrize(
    "values", [{"filter1.on": False}, {"filter1.type": "bp12"}, {"osc1.route": "effects"}]
)
def test_a_recipe_without_a_low_pass_has_none(values: dict) -> None:
    assert StandingFilter.of(Patch(DULL | values)) is None


def test_another_filter_than_the_clip_s_is_not_undone(dull: np.ndarray) -> None:
    assert StandingFilter("digital_lp24", 36.0, 0.0).undone(dull, NOTE) is None
    noise = np.random.default_rng(0).normal(size=dull.shape).astype(np.float32) * 0.001
    standing = StandingFilter.of(Patch(DULL))
    assert standing is not None and standing.undone(dull + noise, NOTE) is None


def test_every_low_pass_of_the_schema_has_a_linear_one() -> None:
    assert {kind for kind in FILTERS if "lp" in kind} == set(LOW_PASSES)
    assert set(LOW_PASSES.values()) == set(STAGES) <= set(FILTERS)


def test_a_clip_that_is_cut_off_makes_no_click(dull: np.ndarray) -> None:
    standing = StandingFilter.of(Patch(DULL))
    assert standing is not None
    whole = standing.undone(dull, NOTE)
    cut = standing.undone(dull[:, 5_000:25_000], NOTE)
    assert whole is not None and cut is not None
    assert np.abs(cut).max() < 1.5 * np.abs(whole).max()
    assert np.abs(cut[:, 2_000:18_000] - whole[:, 7_000:23_000]).max() < 0.02 * np.abs(whole).max()
