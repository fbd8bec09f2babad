"""The wager on the note-off: beliefs and sounds of which the right choice is known."""

import numpy as np
import pytest

from companion.hearing.audio import SAMPLE_RATE
from companion.hearing.ear import FRAME_S, NoteOffGuess
from companion.hearing.features import N_FRAMES, clip_features
from companion.resynthesis.wager import N_BANDS, RANGE_DB, going_through, lets_go, letting_go, levels

N = 2 * SAMPLE_RATE
SECONDS = np.arange(N) / SAMPLE_RATE
NOISE = np.random.default_rng(0).normal(0, 0.1, (2, N)).astype(np.float32)
DECAY = NOISE * np.exp(-3 * SECONDS).astype(np.float32)
HELD = NOISE * np.where(SECONDS < 0.8, 1, np.exp(-30 * (SECONDS - 0.8))).astype(np.float32)


def belief(*chances):
    """Moments and their chances as a belief."""
    frames = np.zeros(N_FRAMES, np.float32)
    for time_s, chance in chances:
        frames[round(time_s / FRAME_S)] += chance
    return frames


EVEN = tuple((n / 20, 0.7 / 40) for n in range(40))


@pytest.mark.parametrize(
    ("audio", "chances", "goes"),
    [
        (HELD, [(0.8, 0.95), (1.2, 0.05)], True),
        (HELD, [(0.8, 0.4), (1.2, 0.6)], False),  # a sound that ends by itself: to hold it would be far off
        (DECAY, [(0.3, 0.3), *EVEN], False),  # to stand still at a wrong knee of a decay would be far off
        (DECAY, [(0.3, 0.99), (0.8, 0.01)], True),
    ],
)
def test_what_is_least_wrong(audio, chances, goes):
    assert (
        lets_go(audio, clip_features(audio, SAMPLE_RATE), belief(*chances), NoteOffGuess(*chances[0])) is goes
    )


def test_levels_of_plans():
    level_db = levels(clip_features(HELD, SAMPLE_RATE), N / SAMPLE_RATE)
    assert level_db.shape == (100, N_BANDS) and -10 < level_db.max() <= 0 and level_db.min() >= -RANGE_DB
    assert letting_go(level_db, 0.8)([0.8])[0] == pytest.approx(level_db, abs=0.5)
    held = level_db[5:35].mean()
    longer, shorter = letting_go(level_db, 0.8)([1.4, 0.4]).mean(axis=-1) - held
    assert longer[65] > -3 > -30 > longer[85] and shorter[35] < -20
    through = going_through(level_db, 0.5)([0.4, 2.0])
    assert through[1] == pytest.approx(level_db)
    assert through[0, 35] == pytest.approx(np.maximum(level_db[35] - 36, -RANGE_DB), abs=1.5)


def test_silence_and_instants_have_a_choice():
    for audio in (np.zeros((2, 900), np.float32), NOISE[:, :400]):
        assert lets_go(audio, clip_features(audio, SAMPLE_RATE), belief(), NoteOffGuess(0.01, 0.5)) in (
            True,
            False,
        )
