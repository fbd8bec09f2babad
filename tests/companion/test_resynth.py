"""The resynthesis: its parts against sounds made by formula, the whole against the engine."""

from __future__ import annotations

import json

import numpy as np
import pytest

from companion.hearing.audio import SAMPLE_RATE
from companion.hosts.vital import VitalHost
from companion.judging.distance import Distance
from companion.resynthesis.brightness import bright_layer, extended, harmonic_power
from companion.resynthesis.contours import Contour
from companion.resynthesis.decay import with_decay
from companion.resynthesis.frame_plan import N_FRAMES, N_HELD, make_plan
from companion.resynthesis.partials import project
from companion.resynthesis.release import fit_release, loudness
from companion.resynthesis.resynth import fit_frames, resynthesise
from companion.resynthesis.tableplay import frames_of, play, response
from presets.laws import midi_to_hz
from presets.patch import Patch
from presets.vital import patch_to_vital
from presets.vital_check import check

NOTE, NOTE_S, TOTAL_S = 48, 0.6, 1.2


def saw(hz: float, seconds: float = 1.0, highest_hz: float = 20_000) -> np.ndarray:
    """A band-limited saw (2, n), amplitude 1 / harmonic."""
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    mono = sum(np.sin(2 * np.pi * n * hz * t) / n for n in range(1, int(highest_hz / hz) + 1))
    return np.stack([mono, mono]).astype(np.float32)


def snr_db(wanted: np.ndarray, got: np.ndarray) -> float:
    return float(10 * np.log10((wanted**2).sum() / ((wanted - got) ** 2).sum()))


def test_the_engine_plays_each_harmonic_as_foretold() -> None:
    """A frame whose harmonics are all alike, at a base of 21.8 Hz."""
    spectrum = np.exp(2j * np.pi * np.random.default_rng(0).random(1023)).astype(np.complex64)
    wave = frames_of(0.005 * spectrum)
    values = {"osc1.table": "own", "osc1.octave": -3, "osc1.phase_random": 0.0, "osc1.route": "effects"}
    patch = Patch(values, assets={"osc1.table": wave[None]})
    audio = VitalHost().render_patch(patch, 53, 2.0, 2.0)[0, SAMPLE_RATE // 2 :][:SAMPLE_RATE]
    seen = np.abs(np.fft.rfft(audio * np.hanning(SAMPLE_RATE)))
    bins = [round(n * midi_to_hz(53) / 8) for n in range(1, 1000)]
    played = np.array([np.sqrt((seen[b - 2 : b + 3] ** 2).sum()) for b in bins])
    off_db = 20 * np.log10(played / response()[: len(played)])
    assert np.abs(off_db - np.median(off_db))[10:].max() < 0.3


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    """A filtered, detuned saw as the engine plays it: it moves, and its channels differ."""
    values = {
        "osc1.voices": 3, "osc1.phase": 180.0, "filter1.on": True, "filter1.cutoff": 900.0,
        "mod1.source": "env2", "mod1.destination": "filter1.cutoff", "mod1.amount": 25.0, "env2.decay": 0.3,
        "env2.sustain": 20.0, "env1.release": 0.15,
    }  # fmt: skip
    return VitalHost().render_patch(Patch(values), NOTE, NOTE_S, TOTAL_S)


@pytest.fixture(scope="module")
def patch(clip: np.ndarray) -> Patch:
    return resynthesise(clip, float(NOTE), NOTE_S)


def test_project_finds_amplitude_and_phase() -> None:
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    tone = (0.3 * np.cos(2 * np.pi * 300 * t + 1.0)).astype(np.float32)[None]
    found = project(tone, np.array([0.3, 0.5]), 100.0)[0]
    assert found.shape == (2, 1023)
    np.testing.assert_allclose(found[:, 2], 0.3 * np.exp(1j), atol=0.002)
    assert np.abs(np.delete(found, 2, axis=1)).max() < 0.003


def test_play_is_the_opposite_of_project() -> None:
    rng = np.random.default_rng(0)
    spectra = np.zeros((1, 3, 1023), np.complex64)
    spectra[..., :40] = rng.normal(size=(1, 1, 40)) + 1j * rng.normal(size=(1, 1, 40))
    audio = play(spectra, np.array([0.0, 0.5, 1.0]), 50.0, np.ones(SAMPLE_RATE, np.float32))
    np.testing.assert_allclose(
        project(audio, np.array([0.5]), 50.0)[0, 0, :40], spectra[0, 1, :40], atol=0.02
    )


def test_frames_hold_peak_amplitudes() -> None:
    frame = frames_of(np.array([[0, 0.5j]], np.complex64))[0]
    np.testing.assert_allclose(frame, -0.5 * np.sin(2 * np.pi * 2 * np.arange(2048) / 2048), atol=1e-6)


@pytest.mark.parametrize("pitch", [12.0, 36.3, 59.98, 84.0, 120.0])
def test_plan_stands_on_a_low_base(pitch: float) -> None:
    plan = make_plan(pitch, 0.8, 2 * SAMPLE_RATE)
    assert plan.note == round(pitch) and abs(plan.cents) <= 50
    assert plan.note_hz == pytest.approx(midi_to_hz(pitch))
    assert 21.5 <= plan.base_hz < 43 or plan.octaves in (0, 4)
    assert len(plan.times_s) == N_FRAMES and (np.diff(plan.times_s) > 0).all()
    assert plan.times_s[N_HELD - 1] == pytest.approx(0.8) and plan.times_s[-1] == pytest.approx(2.0)


def test_frames_fit_a_tone_between_the_harmonics() -> None:
    audio = saw(130.81 * 2 ** (20 / 1200))  # 20 cents off the grid
    plan = make_plan(48.0, 0.9, audio.shape[1])
    contour = Contour(attack=0.0, release=16.0)
    seconds = np.arange(plan.n_samples) / SAMPLE_RATE
    envelope = contour.amplitude(seconds, plan.note_off_s).astype(np.float32)
    spectra = fit_frames(audio, plan, contour)
    assert snr_db(audio, play(spectra, plan.times_s, plan.base_hz, envelope)) > 15


def test_release_is_found() -> None:
    seconds = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    true = Contour(attack=0.0, release=0.4, release_curve=-20.0)
    audio = (np.sin(2 * np.pi * 200 * seconds) * true.amplitude(seconds, 1.0))[None].astype(np.float32)
    found = fit_release(audio, 1.0)
    level = [20 * np.log10(c.amplitude(np.array([1.05, 1.1, 1.15]), 1.0)) for c in (true, found)]
    np.testing.assert_allclose(level[1], level[0], atol=2.5)


def test_bright_layer_goes_on_with_the_slope() -> None:
    hz = 500.0
    power = harmonic_power(saw(hz), hz)
    np.testing.assert_allclose(np.sqrt(2 * power), 1 / np.arange(1, len(power) + 1), rtol=0.03)
    heard = hz * np.arange(1, len(power) + 1)
    np.testing.assert_allclose(extended(heard, power, hz)[:40], 1 / np.arange(39, 79), rtol=0.05)


def test_a_dull_clip_has_no_bright_layer() -> None:
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    sine = np.tile(np.sin(2 * np.pi * 200 * t), (2, 1)).astype(np.float32)
    plan = make_plan(55.35, 1.0, SAMPLE_RATE)
    assert bright_layer(sine, plan, np.ones((2, N_FRAMES, 1023), np.complex64), Contour()) is None


def test_sounds_as_the_clip(clip: np.ndarray, patch: Patch) -> None:
    assert patch.kind == "resynth" and patch.note == NOTE
    audio = VitalHost().render_patch(patch, NOTE, NOTE_S, TOTAL_S)
    assert snr_db(clip, audio) > 12


def test_plays_the_same_from_disk(patch: Patch) -> None:
    hosts = VitalHost(), VitalHost()
    hosts[0].set_patch(patch)
    hosts[1].set_text(patch_to_vital(patch))
    compact, full = (host.render(NOTE, NOTE_S, TOTAL_S) for host in hosts)
    assert snr_db(full, compact) > 12


@pytest.mark.parametrize("note_s", [0.2, 1.0])
def test_lets_go_at_any_duration(patch: Patch, note_s: float) -> None:
    audio = VitalHost().render_patch(patch, NOTE, note_s, note_s + 0.6)
    at = int(note_s * SAMPLE_RATE)
    held, after = audio[:, at - 4410 : at], audio[:, at + 13230 :]
    assert np.abs(held).max() > 0.02 and np.abs(after).max() < 0.05 * np.abs(held).max()


def test_stays_bright_on_lower_notes() -> None:
    clip = 0.2 * saw(midi_to_hz(60))
    patch = resynthesise(clip, 60.0, 0.9)
    audio = VitalHost().render_patch(patch, 36, 0.8, 0.9)
    spectrum = np.abs(np.fft.rfft(audio[0, 8820:33075]))
    hz = np.fft.rfftfreq(33075 - 8820, 1 / SAMPLE_RATE)
    power = [float((spectrum[(hz > low) & (hz < 2 * low)] ** 2).sum()) for low in (1000, 8000)]
    fall_db = 10 * np.log10(power[1] / power[0])
    assert fall_db == pytest.approx(-9, abs=4)  # of a saw: -3 dB an octave, all harmonics together


def test_a_sound_octaves_under_its_key_is_played_there() -> None:
    clip = 0.2 * saw(midi_to_hz(15))
    patch = resynthesise(clip, 27.0, 0.8, octaves_under=1)
    assert patch.note == 27
    init = VitalHost().render_patch(Patch(), 27, 0.8, 1.0)
    assert Distance(clip, init)(VitalHost().render_patch(patch, 27, 0.8, 1.0)) < 0.15


def test_a_clip_far_too_loud_still_gives_frames_that_load() -> None:
    patch = resynthesise(200 * saw(midi_to_hz(NOTE)), float(NOTE), 0.8)
    check(json.loads(patch_to_vital(patch)))
    assert max(np.abs(frames).max() for name, frames in patch.assets.items() if "table" in name) <= 8.001


@pytest.mark.parametrize("n", [900, 2000, 20_000])
def test_short_and_silent_clips_give_a_patch(n: int) -> None:
    rng = np.random.default_rng(0)
    for audio in (np.zeros((2, n), np.float32), rng.normal(size=(2, n)).astype(np.float32) * 0.1):
        for through in (False, True):
            patch = resynthesise(audio, 48.4, n / SAMPLE_RATE, through)
            assert np.isfinite(VitalHost().render_patch(patch, 48, 0.1, 0.2)).all()


@pytest.mark.parametrize("down", [5, 12])
def test_a_lower_note_is_as_bright_as_the_clip(down: int) -> None:
    """Up to the top of hearing, without a hole where the clip's own frames end."""
    patch = resynthesise(saw(midi_to_hz(NOTE), highest_hz=22_050), float(NOTE), 0.8)
    audio = VitalHost().render_patch(patch, NOTE - down, 0.8, 1.0)[:, 4410 : 4410 + 16384]
    power = (np.abs(np.fft.rfft(audio * np.hanning(16384))) ** 2).mean(axis=0)
    hz = np.fft.rfftfreq(16384, 1 / SAMPLE_RATE)
    levels = [
        10 * np.log10(power[(hz > low) & (hz < low + 1000)].sum()) for low in range(10_000, 19_000, 1000)
    ]
    assert np.ptp(levels) < 9.0  # a saw falls by 5.6 dB from 10 to 19 kHz


def test_a_plain_decay_is_the_envelope_s_and_goes_on() -> None:
    """A piano: let go sooner it starts to fall from where it is, held longer it dies away."""
    piano = Patch(
        {"env1.decay": 2.0, "env1.sustain": 0.0, "env1.decay_curve": -10.0, "env1.release": 0.5}, note=NOTE
    )
    host = VitalHost()
    clip = host.render_patch(piano, NOTE, 1.2, 2.5)
    patch = resynthesise(clip, float(NOTE), 1.2)
    assert patch.number("env1.sustain") < 15.0
    for seconds in (0.5, 2.0):
        ours, theirs = (loudness(host.render_patch(p, NOTE, seconds, 2.5)) for p in (patch, piano))
        off_db = 20 * np.log10((ours + 1e-4) / (theirs + 1e-4))
        assert np.abs(off_db[10:]).mean() < 2.0


def test_a_sound_that_beats_keeps_its_frames(clip: np.ndarray) -> None:
    contour = Contour(attack=0.0, release=0.1)
    assert with_decay(contour, clip, NOTE_S) == contour
