"""The clip selected in Live, as a request to the companion: which file, which part of it, and how it is played.

Everything here is called on Live's own thread.
"""

from __future__ import annotations

import math
import os
import re
from typing import TYPE_CHECKING, Any

from .safely import ask

if TYPE_CHECKING:
    from Live.Clip import Clip
    from Live.Song import Song

REPITCH = 3
WARP_MODES = {0: "Beats", 1: "Tones", 2: "Texture", 3: "Re-Pitch", 4: "Complex", 5: "REX", 6: "Complex Pro"}
SHORTEST_S, LONGEST_S = 0.02, 86400.0  # beyond, the end is the file's
LONGEST_NAME = 200
NOTICED = 0.01  # share of a speed that is worth a warning
SILENT_DB, LOUDEST_DB = -70.0, 36.0
MOST_ST = 120.0
SLOWEST_BPM, FASTEST_BPM = 20.0, 300.0
UNITY_GAIN, DB_PER_GAIN = 0.4, 40.0  # from there to 1 (24 dB) Live's clip gain is straight in dB

NOTHING = "no clip is selected; click an audio clip in the Session or the Arrangement"
MIDI = "{name} is a MIDI clip, which has no sound of its own; freeze and flatten its track, or resample it"
RECORDING = "{name} is still being recorded; stop the recording first"
NO_FILE = "{name} has no sound file yet; save the set (Collect All and Save), or consolidate the clip"
MUTE = "{name} is turned down to silence; raise its gain"
TOO_SHORT = "{name} plays only {ms:.0f} ms; move its start and end markers at least 20 ms apart"


class SelectionError(Exception):
    """Nothing that can be matched is selected; the text is for the status bar."""


def describe(song: Song) -> dict[str, Any]:
    """The selected clip as the body of `POST /jobs`.

    Raises:
        SelectionError: there is none that can be matched.
    """
    clip = selected_clip(song)
    name = str(ask(clip, "name", "") or "the clip")[:LONGEST_NAME]
    path = file_of(clip, name)
    tempo = float(ask(song, "tempo", 120.0))
    timing = Timing(clip, tempo)
    start_s, end_s = timing.heard_s()
    if end_s - start_s < SHORTEST_S:
        raise SelectionError(TOO_SHORT.format(name=name, ms=max(end_s - start_s, 0) * 1000))
    gain_db, gain_warning = gain_of(clip)
    if gain_db <= SILENT_DB:
        raise SelectionError(MUTE.format(name=name))
    pitch_st, pitch_warning = timing.pitch_st()
    warnings = [gain_warning, pitch_warning, *timing.warnings(), envelopes_warning(clip)]
    return {
        "path": path,
        "name": name if name != "the clip" else stem(path)[:LONGEST_NAME],
        "start_s": round(start_s, 6),
        "end_s": round(end_s, 6) if end_s < LONGEST_S else None,
        "gain_db": round(min(gain_db, LOUDEST_DB), 3),
        "pitch_st": round(pitch_st, 4),
        "warped": timing.keeps_length,
        "bpm": round(tempo, 3) if SLOWEST_BPM <= tempo <= FASTEST_BPM else None,
        "source": "live",
        "warnings": [warning for warning in warnings if warning],
    }


def selected_clip(song: Song) -> Clip:
    """The clip shown in Live's detail view, of the Session or the Arrangement, else that of the highlighted slot.

    Raises:
        SelectionError: there is none.
    """
    view = song.view
    clip = ask(view, "detail_clip")
    if clip is None:
        slot = ask(view, "highlighted_clip_slot")
        clip = ask(slot, "clip") if slot is not None else None
    if clip is None:
        raise SelectionError(NOTHING)
    found: Clip = clip
    return found


def file_of(clip: Clip, name: str) -> str:
    """The sound file of a clip.

    Raises:
        SelectionError: it has none that can be read now.
    """
    is_audio = ask(clip, "is_audio_clip")
    if is_audio is None:
        raise SelectionError(NOTHING)  # it was deleted this moment
    if not is_audio:
        raise SelectionError(MIDI.format(name=name))
    if ask(clip, "is_recording", False):
        raise SelectionError(RECORDING.format(name=name))
    path = str(ask(clip, "file_path", "") or "")
    if not path or not os.path.isabs(path):
        raise SelectionError(NO_FILE.format(name=name))
    return path


def stem(path: str) -> str:
    """A file's name without folder and extension."""
    return os.path.splitext(os.path.basename(path))[0]


def gain_of(clip: Clip) -> tuple[float, str]:
    """The clip's gain in dB and a warning, empty where it is known exactly."""
    shown = parse_db(str(ask(clip, "gain_display_string", "") or ""))
    if shown is not None:
        return shown, ""
    value = ask(clip, "gain")
    if value is not None and value >= UNITY_GAIN:
        return (float(value) - UNITY_GAIN) * DB_PER_GAIN, ""
    return 0.0, "Live did not tell the clip's gain in dB; it was taken as 0 dB."


def parse_db(text: str) -> float | None:
    """`-3.5 dB` as a number; None if it says something else. Minus infinity is SILENT_DB."""
    if "inf" in text.lower() or "∞" in text:
        return SILENT_DB
    found = re.search(r"([-+−–]?)\s*(\d+(?:[.,]\d+)?)", text)
    if not found:
        return None
    size = float(found.group(2).replace(",", "."))
    return -size if found.group(1) in ("-", "−", "–") else size


def envelopes_warning(clip: Clip) -> str:
    """A sentence if the clip is automated."""
    if ask(clip, "has_envelopes", False):
        return "The clip has envelopes, which the match does not follow."
    return ""


class Timing:
    """Where a clip plays its file, and how fast: beats to seconds by its warp markers."""

    def __init__(self, clip: Clip, tempo: float) -> None:
        self.clip, self.tempo = clip, tempo
        self.is_warped = bool(ask(clip, "warping", False))
        self.mode = int(ask(clip, "warp_mode", 0)) if self.is_warped else -1
        self.markers = warp_markers(clip) if self.is_warped else []
        self.length_s = file_length_s(clip)
        self.own_st = float(ask(clip, "pitch_coarse", 0)) + float(ask(clip, "pitch_fine", 0.0)) / 100

    @property
    def keeps_length(self) -> bool:
        """Transposing leaves the length alone: warped, but not as a tape."""
        return self.is_warped and self.mode != REPITCH

    @property
    def is_known(self) -> bool:
        """Beats can be told as seconds of the file."""
        return not self.is_warped or len(self.markers) >= 2

    def heard(self) -> tuple[float, float]:
        """Where playing begins and first ends or loops, in the clip's own unit: beats if warped, else seconds."""
        clip = self.clip
        start, end = float(ask(clip, "start_marker", 0.0)), float(ask(clip, "end_marker", math.inf))
        if ask(clip, "looping", False):
            loop_end = float(ask(clip, "loop_end", end))
            end = loop_end if loop_end > start else end
        if ask(clip, "is_arrangement_clip", False):
            end = min(end, start + self.shown())
        return start, end

    def shown(self) -> float:
        """How much of an Arrangement clip is played, in the clip's own unit."""
        begins, ends = ask(self.clip, "start_time"), ask(self.clip, "end_time")
        if begins is None or ends is None or ends <= begins:
            return math.inf
        beats = float(ends) - float(begins)
        return beats if self.is_warped else beats * 60.0 / self.tempo * 2.0 ** (self.own_st / 12)

    def heard_s(self) -> tuple[float, float]:
        """As `heard`, in seconds of the file."""
        if not self.is_known:
            return 0.0, min(self.length_s, LONGEST_S)
        start, end = self.heard()
        if self.is_warped:
            start, end = self.seconds(start), self.seconds(end)
        return max(start, 0.0), min(end, self.length_s, LONGEST_S)

    def seconds(self, beat: float) -> float:
        """Where in the file a beat of the clip lies: straight between warp markers and beyond them.

        Live's last marker is hidden and tells the tempo after the last that is seen.
        """
        later = 1
        while later < len(self.markers) - 1 and beat > self.markers[later][0]:
            later += 1
        (beat0, second0), (beat1, second1) = self.markers[later - 1], self.markers[later]
        return second0 + (beat - beat0) * (second1 - second0) / (beat1 - beat0)

    def own_bpm(self) -> float | None:
        """The file's own tempo over what is heard; None if it is not warped."""
        if not self.is_warped or not self.is_known:
            return None
        start, end = self.heard()
        taken_s = self.seconds(end) - self.seconds(start)
        if not math.isfinite(end) or end <= start or taken_s <= 0:
            return None
        return (end - start) * 60 / taken_s

    def speed(self) -> float:
        """How much faster than the file Live plays, before transposition."""
        bpm = self.own_bpm()
        return self.tempo / bpm if bpm else 1.0

    def pitch_st(self) -> tuple[float, str]:
        """Semitones that Live adds, and a warning if they are beyond what can be matched."""
        as_tape = self.is_warped and self.mode == REPITCH  # then Live leaves Transpose aside
        pitch_st = 12 * math.log(self.speed(), 2) if as_tape else self.own_st
        if abs(pitch_st) <= MOST_ST:
            return pitch_st, ""
        return math.copysign(
            MOST_ST, pitch_st
        ), "The clip plays more than 120 semitones off; 120 were applied."

    def warnings(self) -> list[str]:
        """What Warp changes in the sound that the match does not follow."""
        if not self.is_warped:
            return []
        if not self.is_known:
            return [
                "Warp is on and Live did not tell the warp markers: the whole file was heard, at its own speed."
            ]
        told = []
        if self.keeps_length and abs(self.speed() - 1) > NOTICED:
            told.append(
                f"Warp ({self.mode_name}) plays the clip at {self.speed() * 100:.0f} % of its speed "
                f"({self.own_bpm() or 0.0:.1f} to {self.tempo:.1f} BPM): it was heard at the file's own."
            )
        if self.is_bent():
            told.append("Warp markers bend the clip's timing; it was heard as the file has it.")
        return told

    @property
    def mode_name(self) -> str:
        """As Live's menu calls the warp mode."""
        return WARP_MODES.get(self.mode, f"mode {self.mode}")

    def is_bent(self) -> bool:
        """The speed changes within what is heard."""
        start, end = self.heard()
        inside = [beat for beat, _ in self.markers[:-1] if start < beat < end]
        places = [start, *inside, end]
        rates = [
            (self.seconds(after) - self.seconds(before)) / (after - before)
            for before, after in zip(places, places[1:])
            if after > before and math.isfinite(after)
        ]
        return bool(rates) and max(rates) > min(rates) * (1 + NOTICED)


def warp_markers(clip: Clip) -> list[tuple[float, float]]:
    """(beat, second of the file) of each warp marker in order, no two at one beat; empty where Live tells none."""
    found: dict[float, float] = {}
    for marker in ask(clip, "warp_markers", ()) or ():
        beat, second = ask(marker, "beat_time"), ask(marker, "sample_time")
        if beat is not None and second is not None:
            found[float(beat)] = float(second)
    return sorted(found.items())


def file_length_s(clip: Clip) -> float:
    """Of the clip's file; infinity where Live does not tell."""
    frames, rate = ask(clip, "sample_length", -1), ask(clip, "sample_rate", 0.0)
    return float(frames) / float(rate) if frames and frames > 0 and rate and rate > 0 else math.inf
