import numpy as np
import pytest

from companion.hearing.audio import SAMPLE_RATE
from companion.hearing.ear import NoteOffGuess
from companion.hearing.features import clip_features
from companion.proposing.propose import Question
from presets.patch import Patch


def question(*pitches: float) -> Question:
    audio = np.zeros((2, 4410), np.float32)
    return Question(audio, clip_features(audio, SAMPLE_RATE), pitches, (NoteOffGuess(0.1, 1.0),), 1, 0)


@pytest.mark.parametrize(
    ("pitches", "said", "note"),
    [((19.2, 31.0), 21, 19), ((19.2, 31.0), 31, 31), ((110.0,), 108, 110), ((), 50, 50)],
)
def test_a_patch_is_put_at_a_note_that_was_heard(pitches, said, note):
    assert question(*pitches).tuned(Patch(note=said)).note == note
