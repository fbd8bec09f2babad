"""Foreign wavetables, samples and LFO shapes, and what they are taken for."""

import base64

import numpy as np
import pytest

from presets.schema import LFO_SHAPES, NOISES, TABLE_NAMES
from presets.tables import table_frames
from presets.vital import LFO_POINTS, noise_samples, sub_frames
from presets.vital_shapes import (
    frame_at,
    full_scale,
    is_plain,
    keyframes,
    line_curve,
    louder_db,
    nearest_lfo_shape,
    nearest_noise,
    nearest_sub,
    nearest_table,
    own_frames,
    sample_audio,
)


def table(frames, positions, style=1, **more):
    stored = [
        {"position": p, "wave_data": base64.b64encode(np.asarray(f, "<f4").tobytes()).decode()}
        for f, p in zip(frames, positions, strict=True)
    ]
    return {
        "groups": [
            {"components": [{"type": "Wave Source", "interpolation_style": style, "keyframes": stored}]}
        ],
        **more,
    }


RAMP = np.linspace(-1, 1, 2048, dtype=np.float32)
TWO = table([RAMP, -RAMP], [64, 192])


def test_keyframes_come_back():
    positions, frames = keyframes(TWO)
    assert list(positions) == [64, 192]
    np.testing.assert_array_equal(frames, [RAMP, -RAMP])
    assert len(keyframes({})[1]) == 0


@pytest.mark.parametrize(
    ("position", "blend", "step"),
    [(0, 1, 1), (64, 1, 1), (96, 0.5, 1), (128, 0, 1), (192, -1, -1), (256, -1, -1)],
)
def test_between_two_frames(position, blend, step):
    np.testing.assert_allclose(frame_at(TWO, position), blend * RAMP, atol=1e-6)
    np.testing.assert_array_equal(frame_at(table([RAMP, -RAMP], [64, 192], style=0), position), step * RAMP)


@pytest.mark.parametrize("n", [1, 2, 9, 257])
def test_even_frames_are_kept_as_they_are(n):
    frames = np.random.default_rng(n).uniform(-1, 1, (n, 2048)).astype(np.float32)
    positions = [round(p) for p in np.linspace(0, 256, n)]
    np.testing.assert_array_equal(own_frames(table(frames, positions)), frames)


def test_uneven_frames_are_spread():
    frames = own_frames(TWO)
    np.testing.assert_allclose(frames[len(frames) // 2], 0 * RAMP, atol=1e-6)
    np.testing.assert_allclose(frames[[0, -1]], [RAMP, -RAMP], atol=1e-6)


def test_full_scale_is_asked_for():
    quiet = table([0.25 * RAMP], [0])
    assert full_scale(quiet) == 1
    assert full_scale(quiet | {"full_normalize": True}) == pytest.approx(4)
    np.testing.assert_allclose(own_frames(quiet | {"full_normalize": True}), [RAMP], atol=1e-6)


def test_modifiers_are_noticed():
    assert is_plain(TWO)
    assert not is_plain(
        {"groups": [{"components": [*TWO["groups"][0]["components"], {"type": "Wave Folder"}]}]}
    )


@pytest.mark.parametrize("name", TABLE_NAMES)
def test_a_standard_frame_is_its_own_nearest(name):
    near = nearest_table(np.roll(0.5 * table_frames(name)[8], 300))  # neither level nor phase matter
    assert near.off < 1e-6
    np.testing.assert_allclose(near.louder_db, -6.02, atol=0.01)


def test_subs_and_loudness():
    for shape in ("sine", "triangle", "saw", "square", "pulse"):
        assert nearest_sub(np.roll(0.3 * sub_frames(shape)[0], 100)) == (shape, pytest.approx(0, abs=1e-6))
    assert louder_db(RAMP, 0.1 * RAMP + 0.5) == pytest.approx(20, abs=1e-3)
    assert louder_db(RAMP, 0 * RAMP) == 0


@pytest.mark.parametrize("kind", NOISES[:-1])
def test_noises_are_told_by_their_fall(kind):
    found, off = nearest_noise(noise_samples(kind), 44_100)
    assert found == kind and off < 1


def test_a_tone_is_no_noise():
    tone = np.sin(np.arange(44_100) / 10, dtype=np.float32)[None]
    assert nearest_noise(tone, 44_100)[1] > 6
    assert nearest_noise(tone[:, :2], 44_100) == ("white", np.inf)


def test_samples_are_stereo_where_they_say():
    pcm = base64.b64encode(np.array([0, 16_384, -32_767, 5], "<i2").tobytes()).decode()
    mono = sample_audio({"samples": pcm, "length": 3})
    np.testing.assert_allclose(mono, [[0, 0.5, -1]], atol=1e-3)
    assert sample_audio({"samples": pcm, "samples_stereo": pcm, "length": 4}).shape == (2, 4)


@pytest.mark.parametrize("shape", LFO_SHAPES[:-1])
def test_lfo_shapes_are_their_own_nearest(shape):
    points = LFO_POINTS[shape]
    line = {
        "num_points": len(points),
        "points": [x for t, y, _ in points for x in (t, 1 - y)],
        "powers": [0] * len(points),
        "smooth": shape == "sine",
    }
    assert nearest_lfo_shape(line) == (shape, pytest.approx(0, abs=1e-9))


def test_curves_bend():
    fall = [(0, 1, 0), (1, 0, 0)]
    assert line_curve(fall, False)[32] == pytest.approx(0.5, abs=0.02)
    assert line_curve([(0, 1, 5), (1, 0, 0)], False)[32] > 0.9  # a positive power starts late
    assert line_curve([(0, 1, -5), (1, 0, 0)], False)[32] < 0.1
    assert line_curve([(0, 1, 0)], False)[0] == 1  # a single point is a level
