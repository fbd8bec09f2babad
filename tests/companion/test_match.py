"""The main road with the shipped model and the real engine."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from companion.errors import WhisperSynthError
from companion.hosts.vital import VitalHost
from companion.match import Match, Matcher, MatchOptions
from companion.telling.words import GAP_WORDS
from presets.patch import Patch
from presets.vital import patch_to_vital

EXAMPLE = Path(__file__).parents[2] / "examples" / "lead.flac"
RATE = 44_100


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return Matcher()


@pytest.fixture(scope="module")
def pluck(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A patch of our own, in tune with note 50 and 20 cents."""
    patch = Patch(
        {"osc1.table": "pwm", "osc1.position": 30.0, "filter1.on": True, "filter1.type": "lp24", "filter1.cutoff": 900.0,
         "env1.decay": 0.4, "env1.sustain": 30.0, "env1.release": 0.2, "voice.tune": 20.0}
    )  # fmt: skip
    path = tmp_path_factory.mktemp("clips") / "pluck.wav"
    wavfile.write(path, RATE, VitalHost().render_patch(patch, 50, 1.0, 2.0).T)
    return path


def last(matcher: Matcher, path: Path, **options: object) -> Match:
    *_, answer = matcher.match(path, MatchOptions(**options))  # type: ignore[arg-type]
    return answer


def test_any_holds_a_recipe_and_a_resynth_ranked_by_sound(matcher: Matcher, pluck: Path) -> None:
    answer = last(matcher, pluck)
    assert {c.kind for c in answer.candidates} == {"recipe", "resynth"}
    scores = [c.score for c in answer.candidates]
    assert scores == sorted(scores) and scores[0] < 0.35
    assert answer.note == 50
    assert answer.stage == "done" and answer.progress == 1.0


def test_every_answer_says_how_near_it_comes(matcher: Matcher, pluck: Path) -> None:
    answer = last(matcher, pluck, seconds=0)
    words = [known for _, known in GAP_WORDS]
    resynth = next(c for c in answer.candidates if c.kind == "resynth")
    assert words.index(resynth.words) <= 1 and not any("knobs" in warning for warning in answer.warnings)
    assert all(c.words in words and len(c.differs) <= 2 for c in answer.candidates)


@pytest.mark.parametrize("kind", ["any", "resynth"])
def test_a_dull_sound_s_resynth_has_the_filter_that_a_near_recipe_found(
    matcher: Matcher, tmp_path: Path, kind: str
) -> None:
    dull = {"osc1.table": "saw_stack", "osc1.position": 50.0, "filter1.on": True, "filter1.type": "lp24",
            "filter1.cutoff": 1000.0, "filter1.resonance": 0.0, "env1.attack": 0.05, "env1.release": 0.4}  # fmt: skip
    wavfile.write(tmp_path / "dull.wav", RATE, VitalHost().render_patch(Patch(dull), 50, 1.0, 2.0).T)
    answer = last(matcher, tmp_path / "dull.wav", kind=kind, seconds=0)
    resynth = next(c for c in answer.candidates if c.kind == "resynth")
    assert resynth.patch["filter1.on"] and resynth.patch["osc1.route"] == "filter1"
    assert resynth.heard < 0.1
    assert 700 < resynth.patch.number("filter1.cutoff") < 1600


@pytest.mark.parametrize("kind", ["recipe", "resynth"])
def test_a_kind_is_all_that_comes_back(matcher: Matcher, pluck: Path, kind: str) -> None:
    assert {c.kind for c in last(matcher, pluck, kind=kind, seconds=0).candidates} == {kind}


def test_results_never_get_worse(matcher: Matcher) -> None:
    best = [m.candidates[0].score for m in matcher.match(EXAMPLE, MatchOptions(seconds=3)) if m.candidates]
    assert len(best) > 2
    assert all(later <= earlier for earlier, later in pairwise(best))


def test_the_same_seed_gives_the_same_answer(matcher: Matcher, pluck: Path) -> None:
    first, second = (last(matcher, pluck, seconds=0, seed=3, kind="recipe") for _ in range(2))
    assert [c.patch for c in first.candidates] == [c.patch for c in second.candidates]


def test_every_candidate_loads_in_a_fresh_engine_and_sounds(matcher: Matcher, pluck: Path) -> None:
    for candidate in last(matcher, pluck, seconds=0).candidates:
        host = VitalHost()
        host.set_text(patch_to_vital(candidate.patch))
        assert np.abs(host.render(candidate.patch.note, 1.0, 2.0)).max() > 0.01


def test_the_note_can_be_given(matcher: Matcher, pluck: Path) -> None:
    assert last(matcher, pluck, note=62, seconds=0).note == 62


def test_settings_near_a_division_follow_the_tempo(matcher: Matcher, pluck: Path) -> None:
    for candidate in last(matcher, pluck, bpm=128, seconds=0).candidates:
        assert candidate.patch["voice.bpm"] == 128


def test_a_match_can_be_cancelled(matcher: Matcher, pluck: Path) -> None:
    results = matcher.match(pluck, MatchOptions(seconds=60))
    next(results)
    results.close()
    assert last(matcher, pluck, seconds=0).candidates  # and the matcher still works


def test_silence_is_a_warning_and_no_patch(matcher: Matcher, tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    wavfile.write(path, RATE, np.zeros((RATE, 2), np.float32))
    answer = last(matcher, path)
    assert answer.candidates == () and any("silent" in w for w in answer.warnings)


@pytest.mark.parametrize("make", ["noise", "click", "short"])
def test_what_is_no_note_still_gets_the_best_there_is(matcher: Matcher, tmp_path: Path, make: str) -> None:
    rng = np.random.default_rng(0)
    n = {"noise": RATE, "click": RATE, "short": RATE // 40}[make]
    audio = 0.3 * rng.standard_normal(n)
    if make == "click":
        audio *= np.exp(-np.arange(n) / 300)
    path = tmp_path / f"{make}.wav"
    wavfile.write(path, RATE, audio.astype(np.float32))
    assert last(matcher, path).candidates


@pytest.mark.parametrize(
    ("bad", "word"), [({"seconds": -1}, "seconds|s to refine"), ({"candidates": 0}, "candidates"), ({"kind": "x"}, "kind"),
                      ({"synth": ""}, "synth"), ({"note": 200}, "note"), ({"bpm": 5}, "bpm")]
)  # fmt: skip
def test_options_are_checked_at_the_door(bad: dict[str, object], word: str) -> None:
    with pytest.raises(WhisperSynthError, match=word):
        MatchOptions(**bad)  # type: ignore[arg-type]
