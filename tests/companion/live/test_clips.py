"""The selected clip becomes a request: markers, loop, gain, pitch and warp as Live plays them."""

import json
import random

import pytest

from companion.serve.requests import from_json


@pytest.fixture
def clips(script, inside):
    return inside("WhisperSynth.clips")


@pytest.fixture
def ask(clips, a_set, inside):
    """What is asked for with a clip selected."""

    def describe(clip=None, **values):
        track = a_set.add_track("Audio")
        chosen = clip or a_set.clip("/music/bass.wav", **{"name": "Bass", **values})
        a_set.select(a_set.put(track, 0, chosen), track)
        return clips.describe(inside("fake_set").Handle(a_set.song))

    return describe


def test_a_plain_clip(ask):
    assert ask() == {
        "path": "/music/bass.wav", "name": "Bass", "start_s": 0.0, "end_s": 4.0, "gain_db": 0.0, "pitch_st": 0.0,
        "warped": False, "bpm": 120.0, "source": "live", "warnings": [],
    }  # fmt: skip


def test_a_clip_without_a_name_has_its_files(ask):
    assert ask(name="")["name"] == "bass"


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"start_marker": 0.5, "end_marker": 1.5}, (0.5, 1.5)),
        ({"start_marker": 0.5, "end_marker": 99.0}, (0.5, 4.0)),  # no further than the file
        ({"start_marker": -1.0, "end_marker": 2.0}, (0.0, 2.0)),  # nor before it
        ({"looping": True, "start_marker": 0.5, "loop_start": 1.0, "loop_end": 2.0}, (0.5, 2.0)),
        (
            {"looping": True, "start_marker": 3.0, "loop_start": 1.0, "loop_end": 2.0},
            (3.0, 4.0),
        ),  # it never loops
    ],
)
def test_the_part_that_is_heard(ask, values, part):
    told = ask(**values)
    assert (told["start_s"], told["end_s"]) == pytest.approx(part)


def test_a_warped_clips_markers_are_beats(ask):
    """At 90 BPM a beat is two thirds of a second of the file; the last marker is Live's hidden one."""
    markers = [(0.0, 0.1), (8.0, 0.1 + 8 * 60 / 90), (8.03125, 0.1 + 8.03125 * 60 / 90)]
    told = ask(warping=True, warp_markers=markers, start_marker=1.0, end_marker=4.0, sample_length=441000)
    assert (told["start_s"], told["end_s"]) == pytest.approx((0.1 + 60 / 90, 0.1 + 4 * 60 / 90))
    assert told["warped"] is True
    assert told["warnings"] == [
        "Warp (Beats) plays the clip at 133 % of its speed (90.0 to 120.0 BPM): it was heard at the file's own."
    ]


def test_beyond_the_markers_the_tempo_goes_on(ask):
    markers = [(0.0, 0.0), (2.0, 1.0), (3.0, 1.25)]
    told = ask(warping=True, warp_markers=markers, start_marker=-1.0, end_marker=5.0)
    assert (told["start_s"], told["end_s"]) == pytest.approx((0.0, 1.75))


def test_a_clip_warped_to_the_sets_own_tempo_is_no_reason_to_warn(ask):
    assert ask(warping=True, warp_markers=[(0.0, 0.0), (8.0, 4.0)])["warnings"] == []


def test_bent_timing_is_warned_of(ask):
    markers = [(0.0, 0.0), (2.0, 1.0), (4.0, 2.5), (4.03, 2.52)]
    warnings = ask(warping=True, warp_markers=markers, warp_mode=4)["warnings"]
    assert any("bend" in warning for warning in warnings)


def test_warp_without_markers_hears_the_whole_file(ask):
    told = ask(warping=True, start_marker=1.0, end_marker=2.0)
    assert (told["start_s"], told["end_s"]) == (0.0, 4.0)
    assert "whole file" in told["warnings"][0]


@pytest.mark.parametrize("warping", [False, True])
def test_transposition(ask, warping):
    told = ask(
        pitch_coarse=-12, pitch_fine=25.0, warping=warping, warp_markers=[(0.0, 0.0), (8.0, 4.0)], warp_mode=6
    )
    assert told["pitch_st"] == pytest.approx(-11.75)
    assert told["warped"] is warping


def test_re_pitch_follows_the_tempo_and_leaves_transpose_aside(ask):
    told = ask(
        warping=True, warp_markers=[(0.0, 0.0), (2.0, 2.0)], warp_mode=3, pitch_coarse=5, end_marker=2.0
    )
    assert told["pitch_st"] == pytest.approx(12.0)  # 60 BPM played at 120
    assert told["warped"] is False
    assert told["warnings"] == []


@pytest.mark.parametrize(
    ("shown", "db"),
    [("0.00 dB", 0.0), ("-6.02 dB", -6.02), ("+24.0 dB", 24.0), ("−3,5 dB", -3.5), ("12 dB", 12.0)],
)
def test_gain(ask, shown, db):
    assert ask(gain_display_string=shown)["gain_db"] == pytest.approx(db)


def test_gain_that_is_not_shown_is_known_above_unity_only(ask):
    assert ask(gain_display_string="", gain=1.0)["gain_db"] == pytest.approx(24.0)
    told = ask(gain_display_string="", gain=0.2)
    assert told["gain_db"] == 0.0
    assert "gain" in told["warnings"][0]


def test_an_arrangement_clip_is_heard_as_long_as_it_is_shown(ask, a_set, inside):
    arrangement = inside("fake_set").ARRANGEMENT
    unwarped = a_set.clip("/music/a.wav", where=arrangement, start_marker=1.0, start_time=4.0, end_time=6.0)
    assert (ask(unwarped)["start_s"], ask(unwarped)["end_s"]) == pytest.approx((1.0, 2.0))  # 2 beats at 120
    faster = a_set.clip("/music/a.wav", where=arrangement, pitch_coarse=12, start_time=4.0, end_time=6.0)
    assert ask(faster)["end_s"] == pytest.approx(2.0)  # an octave up, a second takes two of the file
    warped = a_set.clip(
        "/music/a.wav", where=arrangement, warping=True, warp_markers=[(0.0, 0.0), (8.0, 8.0)], start_time=0.0, end_time=2.0
    )  # fmt: skip
    assert ask(warped)["end_s"] == pytest.approx(2.0)


def test_whatever_live_tells_the_companion_takes_it(clips, a_set, inside):
    """Numbers of any size, markers in any order: a request that the companion accepts, or a sentence."""
    draw, track = random.Random(0), a_set.add_track("Audio")

    def place():
        return draw.choice([0.0, -1.0, 1e9, -1e9, 0.5, 1.0, 4.0, draw.uniform(-10, 10)])

    for _ in range(3000):
        places = ("start_marker", "end_marker", "loop_start", "loop_end", "start_time", "end_time")
        clip = a_set.clip(
            "/a/b.wav", name=draw.choice(["", "X" * 300, "ä"]), warping=draw.random() < 0.6, warp_mode=draw.randrange(8),
            warp_markers=[(place(), place()) for _ in range(draw.randrange(5))], looping=draw.random() < 0.5,
            where=draw.choice(["session", "arrangement"]), pitch_coarse=draw.randrange(-48, 49),
            sample_length=draw.choice([-1, 1, 44100, 10**9]), sample_rate=draw.choice([0.0, 44100.0]),
            gain_display_string=draw.choice(["0 dB", "-inf dB", "", "x", "24.0 dB"]), **{name: place() for name in places},
        )  # fmt: skip
        a_set.select(a_set.put(track, 0, clip), track)
        try:
            told = clips.describe(inside("fake_set").Handle(a_set.song))
        except clips.SelectionError:
            continue
        from_json(json.loads(json.dumps(told, allow_nan=False)))


def test_envelopes_are_warned_of(ask):
    assert "envelopes" in ask(has_envelopes=True)["warnings"][0]


def test_a_tempo_that_no_sync_knows_is_left_out(ask, a_set):
    a_set.song.values["tempo"] = 999.0
    assert ask()["bpm"] is None


def test_the_highlighted_slot_is_taken_where_no_clip_is_shown(clips, a_set, inside):
    track = a_set.add_track("Audio")
    a_set.put(track, 1, a_set.clip("/music/b.wav", name="B"))
    a_set.song.values["view"].values["highlighted_clip_slot"] = track.values["clip_slots"][1]
    assert clips.describe(inside("fake_set").Handle(a_set.song))["path"] == "/music/b.wav"


def refusal(clips, a_set, inside):
    with pytest.raises(clips.SelectionError) as error:
        clips.describe(inside("fake_set").Handle(a_set.song))
    return str(error.value)


def test_nothing_selected(clips, a_set, inside):
    assert "no clip is selected" in refusal(clips, a_set, inside)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"midi": True}, "MIDI clip"),
        ({"is_recording": True}, "being recorded"),
        ({"path": ""}, "no sound file"),
        ({"path": "somewhere.wav"}, "no sound file"),
        ({"gain_display_string": "-inf dB"}, "silence"),
        ({"start_marker": 1.0, "end_marker": 1.01}, "plays only 10 ms"),
        ({"start_marker": 9.0, "end_marker": 10.0}, "plays only 0 ms"),
    ],
)
def test_what_cannot_be_matched_is_told(clips, a_set, inside, values, words):
    values = {"path": "/music/x.wav", "name": "Odd", **values}
    a_set.select(a_set.clip(**values))
    assert words in refusal(clips, a_set, inside)


def test_a_clip_deleted_this_moment_is_no_clip(clips, a_set, inside):
    clip = a_set.clip("/music/x.wav")
    a_set.select(clip)
    clip.alive = False
    assert "no clip is selected" in refusal(clips, a_set, inside)
