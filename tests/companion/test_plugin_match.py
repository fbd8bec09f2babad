"""Matches on plugins without a binding and with one; a worker is killed in the middle."""

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from companion.cli import run
from companion.errors import WhisperSynthError
from companion.hosts import plugin
from companion.hosts.plugin import PluginHost
from companion.hosts.pool import HostPool
from companion.judging.metrics import WORST
from companion.match import MatchOptions
from companion.plugins.match import Search, Task, open_plugin_matcher
from presets.patch import Patch
from presets.plugin_schema import patch_of, raw_values
from presets.plugin_txt import read_plugin_text
from presets.vstpreset import decode_vstpreset
from presets.wav import encode_samples

SET = {
    "Waveform": 1.0,
    "Tuning": 0.4,
    "Cutoff": 0.7,
    "VCF Resonance": 0.6,
    "Env Mod": 0.3,
    "Accent": 0.5,
    "Volume": 0.6,
}


@pytest.fixture(scope="module")
def matcher(nekobi):
    matcher = open_plugin_matcher(nekobi)
    yield matcher
    matcher.close()


@pytest.fixture(scope="module")
def clip(nekobi, tmp_path_factory):
    """Nekobi, turned: to be found again."""
    with PluginHost(nekobi) as host:
        host.set_patch(patch_of(host.schema, {}))
        host.set_values(SET)
        audio = host.render(45, 0.5, 0.9)
    path = tmp_path_factory.mktemp("clips") / "acid.wav"
    path.write_bytes(encode_samples(audio))
    return path


def test_a_plugins_own_sound_is_found_again(matcher, clip):
    """Under a tenth of the way to the init patch, given ten seconds; here it has three, on any machine."""
    results = list(matcher.match(clip, MatchOptions(seconds=3, seed=1)))
    scores = [r.candidates[0].score for r in results if r.candidates]
    assert scores == sorted(scores, reverse=True)
    assert results[-1].stage == "done" and scores[-1] < 0.65
    best = results[-1].candidates
    assert 1 < len(best) <= 5
    name, note, raws = read_plugin_text(best[0].files["txt"].decode())
    assert (name, note) == ("Nekobi", results[-1].note)
    assert raws == pytest.approx(raw_values(best[0].patch), abs=1e-5)
    assert b"cutoff" in (decode_vstpreset(best[0].files["vstpreset"]).component or b"")


def test_what_was_saved_sounds_in_a_fresh_plugin_as_it_was_found(matcher, clip, nekobi):
    *_, result = matcher.match(clip, MatchOptions(seconds=1, seed=2))
    best = result.candidates[0]
    with PluginHost(nekobi) as host:
        host.set_preset(best.files["vstpreset"])
        assert (
            decode_vstpreset(host.preset()).component == decode_vstpreset(best.files["vstpreset"]).component
        )
        again = host.render(best.patch.note, result.note_off_s, best.audio.shape[1] / 44_100)
    spectra = [np.abs(np.fft.rfft(a[0])) for a in (again, best.audio)]
    assert np.corrcoef(*spectra)[0, 1] > 0.95


def test_workers_that_are_killed_during_a_match_are_replaced_and_the_user_is_told(nekobi, clip):
    matcher = open_plugin_matcher(nekobi)
    try:
        n_killed, scores = 0, []
        for result in matcher.match(clip, MatchOptions(seconds=2, seed=3)):
            if result.candidates:
                scores.append(result.candidates[0].score)
            host = matcher.pool.hosts[n_killed % len(matcher.pool.hosts)]
            if result.stage in ("candidates", "refining") and len(matcher.pool.notices) == n_killed < 4:
                os.kill(host.pid, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
                n_killed += 1
        assert n_killed >= 1 and len(matcher.pool.notices) == n_killed
        assert scores == sorted(scores, reverse=True) and result.stage == "done"
        assert sum("started anew" in w for w in result.warnings) == n_killed
        assert result.candidates[0].files["vstpreset"]
    finally:
        matcher.close()


def test_a_patch_that_always_crashes_the_plugin_is_the_worst_and_the_search_goes_on(matcher, monkeypatch):
    """Every worker that is to set a certain value is killed, again and again."""
    ask, fatal = plugin._Process.ask, 0.987654

    def ask_or_die(process, do, head, body, limit_s):
        if do == "set" and np.isclose(np.frombuffer(body, "<f4"), fatal, atol=1e-5).any():
            process._process.kill()
        return ask(process, do, head, body, limit_s)

    monkeypatch.setattr(plugin._Process, "ask", ask_or_die)
    audio = matcher.pool.first.render(48, 0.3, 0.5)
    search = Search(matcher.pool, matcher.schema, Task(audio, (48,), 0.3), seed=0)
    bad = search.default().with_values({"plugin.Accent": fatal})
    heard = search.judge([search.default(), bad, search.default()])
    assert [c.score == WORST for c in heard] == [False, True, False]
    assert not any(np.isclose(host.values()["Accent"], fatal) for host in matcher.pool.hosts)


def test_of_a_large_synth_what_can_be_heard_is_turned(serumlike):
    with HostPool(serumlike(316)) as pool:
        host = pool.first
        host.set_patch(Patch(schema=host.schema))
        host.set_values({"Filter On": 1.0, "Fil Cutoff": 0.4, "A Octave": 0.375})
        search = Search(pool, host.schema, Task(host.render(60, 0.3, 0.4), (60,), 0.3), seed=0)
        start = search.judge([search.default()])[0]
        best = start
        for _ in range(3):
            best = [best, *search._sweep(best, time.perf_counter() + 5)][-1]
        assert best.score < start.score
        weights = dict(zip((row.key for row in host.schema), search._weights, strict=True))
        mute = [weight for name, weight in weights.items() if name.startswith("LFO Bus")]
        assert (
            max(mute)
            <= 1
            < sum(weights[name] > 1 for name in ("A Vol", "MasterVol", "A WTPos", "Env1 Rel", "OscA>Fil"))
        )


def test_a_match_may_be_closed_at_any_time(matcher, clip):
    results = matcher.match(clip, MatchOptions(seconds=10))
    for result in results:
        if result.stage == "refining":
            break
    results.close()
    assert next(matcher.match(clip, MatchOptions(seconds=0))).stage == "heard"


def test_without_time_there_are_proposals(matcher, clip):
    *_, result = matcher.match(clip, MatchOptions(seconds=0))
    assert result.stage == "done" and result.candidates


def test_silence_has_no_patch_and_frames_of_the_clip_need_a_binding(matcher, clip, tmp_path):
    silent = tmp_path / "silent.wav"
    silent.write_bytes(encode_samples(np.zeros((1, 44_100), np.float32)))
    (result,) = matcher.match(silent, MatchOptions())
    assert result.stage == "done" and not result.candidates and result.warnings
    with pytest.raises(WhisperSynthError, match="recipe"):
        next(matcher.match(clip, MatchOptions(kind="resynth")))


def test_an_own_patch_of_a_plugin_with_a_binding_is_found_by_its_sound(serumlike, tmp_path):
    matcher = open_plugin_matcher(serumlike(316))
    try:
        with PluginHost(serumlike(316)) as host:
            host.set_values({"Filter On": 1.0, "Fil Cutoff": 0.5, "Env1 Rel": 0.3})
            clip = tmp_path / "clip.wav"
            clip.write_bytes(encode_samples(host.render(48, 0.6, 1.0)))
        *_, result = matcher.match(clip, MatchOptions(seconds=1, seed=1, kind="recipe"))
    finally:
        matcher.close()
    best = result.candidates[0]
    assert result.stage == "done" and best.score < 0.9
    assert {"fxp", "vstpreset"} <= best.files.keys()
    assert any("by its parameters" in warning for warning in result.warnings)


def test_the_command_matches_with_a_plugin(nekobi, clip, tmp_path, capfd):
    args = ["match", str(clip), "--json", "--synth", str(nekobi), "--seconds", "0.5", "--out", str(tmp_path)]
    assert run(args) == 0
    answer = json.loads(capfd.readouterr().out)
    files = answer["candidates"][0]["files"]
    assert set(files) == {"txt", "wav", "vstpreset"}
    assert "plugin = 'Nekobi'" in Path(files["txt"]).read_text("utf-8")
