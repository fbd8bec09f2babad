"""The wavetable set: sound shapes, and the same ones for ever (a trained model names them by index)."""

from pathlib import Path

import numpy as np
import pytest

from presets.tables import FRAME_SIZE, N_FRAMES, N_HARMONICS, TABLE_NAMES, table_frames

REFERENCE = Path(__file__).parents[1] / "data" / "tables.npz"
STRIDE = 32  # every 32nd sample of each frame is kept in the reference


def spectrum(frames):
    return np.abs(np.fft.rfft(frames.astype(np.float64), axis=1))


def test_a_designers_set_with_the_plain_shapes_first():
    assert len(TABLE_NAMES) >= 16
    assert len(set(TABLE_NAMES)) == len(TABLE_NAMES)
    assert TABLE_NAMES[0] == "basic_shapes"


@pytest.mark.parametrize("name", TABLE_NAMES)
def test_frames_are_clean_cycles(name):
    frames = table_frames(name)
    assert frames.shape == (N_FRAMES, FRAME_SIZE)
    assert frames.dtype == np.float32
    assert np.isfinite(frames).all()
    np.testing.assert_allclose(np.abs(frames).max(axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(frames.mean(axis=1, dtype=np.float64), 0.0, atol=1e-6)
    assert spectrum(frames)[:, N_HARMONICS + 1].max() < 1e-3  # of a possible 1024: nothing at Nyquist


@pytest.mark.parametrize("name", TABLE_NAMES)
def test_neighbours_blend_without_cancelling(name):
    frames = table_frames(name).astype(np.float64)
    power = (frames**2).mean(axis=1)
    blend = ((frames[:-1] + frames[1:]) ** 2).mean(axis=1) / 4
    correlation = (frames[:-1] * frames[1:]).mean(axis=1) / np.sqrt(power[:-1] * power[1:])
    assert correlation.min() > 0.3
    assert (blend / (power[:-1] + power[1:]) * 2).min() > 0.6


@pytest.mark.parametrize("name", TABLE_NAMES)
def test_the_position_changes_the_sound(name):
    harmonics = spectrum(table_frames(name))
    harmonics /= np.linalg.norm(harmonics, axis=1, keepdims=True)
    assert (harmonics @ harmonics.T).min() < 0.97


def test_no_two_tables_sound_the_same():
    flat = np.stack([spectrum(table_frames(name)).ravel() for name in TABLE_NAMES])
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    likeness = flat @ flat.T - np.eye(len(flat))
    assert likeness.max() < 0.99


def test_basic_shapes_hold_the_textbook_series():
    harmonics = spectrum(table_frames("basic_shapes"))[[0, 5, 11, 16], 1:10]
    harmonics /= harmonics[:, :1]
    h = np.arange(1, 10)
    odd = h % 2
    expected = np.stack([h == 1, odd / h**2, 1 / h, odd / h])
    np.testing.assert_allclose(harmonics, expected, atol=2e-4)


def test_basic_shapes_look_as_drawn():
    sine, triangle, saw, square = table_frames("basic_shapes")[[0, 5, 11, 16]]
    t = np.arange(FRAME_SIZE) / FRAME_SIZE
    inside = (t % 0.5 > 0.02) & (t % 0.5 < 0.48)  # away from the edges, which the band limit rounds
    np.testing.assert_allclose(sine, np.sin(2 * np.pi * t), atol=1e-6)
    np.testing.assert_allclose(triangle, 2 / np.pi * np.arcsin(np.sin(2 * np.pi * t)), atol=0.01)
    np.testing.assert_allclose(saw[inside], (1 - 2 * t)[inside], atol=0.02)
    np.testing.assert_allclose(square[inside], np.where(t < 0.5, 1, -1)[inside], atol=0.02)


def test_frames_are_made_once_and_cannot_be_written():
    frames = table_frames("pwm")
    assert table_frames("pwm") is frames
    with pytest.raises(ValueError, match="read-only"):
        frames[0, 0] = 0.0


def test_an_unknown_table_is_a_key_error():
    with pytest.raises(KeyError):
        table_frames("no_such_table")


def test_tables_are_those_the_model_was_trained_on():
    # A tolerance instead of a hash: numpy versions differ in the last bits, which rounding can flip.
    with np.load(REFERENCE) as reference:
        assert tuple(reference["names"]) == TABLE_NAMES
        kept = reference["samples"]
    now = np.stack([table_frames(name)[:, ::STRIDE] for name in TABLE_NAMES])
    np.testing.assert_allclose(now, kept / np.float32(10_000), atol=2e-4)


def test_every_table_is_described():
    text = (Path(__file__).parents[2] / "docs" / "wavetables.md").read_text(encoding="utf-8")
    assert [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")] == list(TABLE_NAMES)
