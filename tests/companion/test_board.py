"""The board ranks by score, and lets no answer in that sounds like a better one."""

import numpy as np
import pytest

from companion.hosts.vital import VitalHost
from companion.judging.board import Board, Candidate
from presets.patch import Patch
from presets.schema import OWN
from presets.tables import table_frames

SAW = {"osc1.table": "sine_to_saw", "osc1.position": 100}
SAME_SAW = {"osc1.table": "hard_sync", "osc1.position": 0}  # other settings, the same wave
DARK = {**SAW, "filter1.on": True, "filter1.cutoff": 900}
SHORT = {**SAW, "env1.sustain": 0, "env1.decay": 0.2}


@pytest.fixture(scope="module")
def played():
    host = VitalHost()

    def candidate(values, score, frames=None):
        assets = {} if frames is None else {"osc1.table": frames}
        patch = Patch(values, note=48, assets=assets)
        return Candidate(patch, score, host.render_patch(patch, 48, 0.5, 0.7))

    return candidate


def test_what_sounds_like_a_better_one_is_left_out(played):
    best, same, dark, short = (played(v, 0.1 * n) for n, v in enumerate((SAW, SAME_SAW, DARK, SHORT), 1))
    board = Board([short, dark, same, best])
    assert board.ranked(4) == (best, same, dark, short)
    assert board.ranked(4, by_ear=True) == (best, dark, short)
    assert board.ranked(2, by_ear=True) == (best, dark)


def test_each_kind_is_answered_though_it_sounds_like_the_other(played):
    frames = table_frames("hard_sync")[:1]
    resynths = [played({"osc1.table": OWN, "osc1.level": level}, 0.1, frames) for level in (-6, -6.1)]
    recipes = [played(v, 0.2 + n / 100) for n, v in enumerate((SAME_SAW, SAW, DARK))]
    assert Board([*resynths, *recipes]).ranked(5, by_ear=True) == (resynths[0], recipes[0], recipes[2])
    assert {c.kind for c in Board([*resynths, *recipes]).ranked(2, by_ear=True)} == {"recipe", "resynth"}


def test_silence_is_no_trouble():
    silent = [Candidate(Patch(note=n), n / 10, np.zeros((2, 9999), np.float32)) for n in (40, 41)]
    assert Board(silent).ranked(5, by_ear=True) == (silent[0],)
