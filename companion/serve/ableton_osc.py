"""An installed AbletonOSC asked for the clip that is selected in Live, for those who have it instead of our own script.

AbletonOSC (https://github.com/ideoforms/AbletonOSC, MIT) listens on UDP 11000 and answers to 11001; it knows no
arrangement clips.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from typing import Any

from companion.errors import HostError
from companion.live.WhisperSynth.clips import parse_db

ADDRESS = "127.0.0.1"
ASK_PORT, ANSWER_PORT = 11000, 11001
ANSWER_S = 1.0
MAX_PACKET = 65_536
UNITY_GAIN, DB_PER_GAIN = 0.4, 40.0  # from there up Live's clip gain is straight in dB
CLIP = "/live/clip/get/"
CLIP_PROPERTIES = (
    "file_path", "is_audio_clip", "start_marker", "end_marker", "warping", "gain", "pitch_coarse", "name",
)  # fmt: skip
OPTIONAL = ("pitch_fine", "looping", "loop_end", "gain_display_string")  # which older versions lack
NO_FILE = "the selected clip has no sound file; select an audio clip in the session view"

NO_ANSWER = (
    "no DAW answers; choose WhisperSynth under Control Surface in Live's settings (`whispersynth live install`), "
    "or send the clip as a file"
)


class AbletonOsc:
    """A conversation; the answers' port is held only as long as it lasts, since it can have one owner."""

    def __init__(self, ask_port: int = ASK_PORT, answer_port: int = ANSWER_PORT) -> None:
        self._to = (ADDRESS, ask_port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((ADDRESS, answer_port))
        except OSError as error:
            self._socket.close()
            raise HostError(
                f"port {answer_port}, to which AbletonOSC answers, is taken by another program; end that one first"
            ) from error

    def __enter__(self) -> AbletonOsc:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, address: str, *arguments: int) -> tuple[Any, ...] | None:
        """The answer's arguments; None when there is none in time."""
        return self.ask_all([address], *arguments).get(address)

    def ask_all(self, addresses: Sequence[str], *arguments: int) -> dict[str, tuple[Any, ...]]:
        """Many questions about one thing at once: address -> the answer's arguments, of those that came in time."""
        from pythonosc.osc_message_builder import OscMessageBuilder

        for address in addresses:
            builder = OscMessageBuilder(address)
            for argument in arguments:
                builder.add_arg(argument)
            self._socket.sendto(builder.build().dgram, self._to)
        answers: dict[str, tuple[Any, ...]] = {}
        until = time.monotonic() + ANSWER_S
        while len(answers) < len(addresses) and (left := until - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                found = _message(self._socket.recv(MAX_PACKET))
            except OSError:  # nobody listens there, or the time is up
                break
            if found is not None and found[0] in addresses and found[1][: len(arguments)] == arguments:
                answers[found[0]] = found[1]
        return answers

    def clip(self, track: int, slot: int, names: Sequence[str]) -> dict[str, Any]:
        """Properties of a clip; None for those it has not."""
        answers = self.ask_all([CLIP + name for name in names], track, slot)
        return {
            name: answers[CLIP + name][-1] if len(answers.get(CLIP + name, ())) == 3 else None
            for name in names
        }


def selected_clip(ask_port: int = ASK_PORT, answer_port: int = ANSWER_PORT) -> dict[str, Any]:
    """The selected session clip as the fields of a job.

    Raises:
        HostError: nobody answers, or no audio clip is selected.
    """
    with AbletonOsc(ask_port, answer_port) as live:
        place = live.ask("/live/view/get/selected_clip")
        if place is None or len(place) < 2:
            raise HostError(NO_ANSWER)
        track, slot = int(place[0]), int(place[1])
        has_clip = live.ask("/live/clip_slot/get/has_clip", track, slot)
        if has_clip is not None and not has_clip[-1]:
            raise HostError(NO_FILE)
        values = live.clip(track, slot, (*CLIP_PROPERTIES, *OPTIONAL))
        tempo = live.ask("/live/song/get/tempo")
    if not values["file_path"] or values["is_audio_clip"] in (0, False):
        raise HostError(NO_FILE)
    return _fields(values, float(tempo[0]) if tempo else None)


def _fields(values: dict[str, Any], bpm: float | None) -> dict[str, Any]:
    fields: dict[str, Any] = {"path": str(values["file_path"]), "name": str(values["name"] or "")}
    warped, warnings = bool(values["warping"]), []
    start, end = values["start_marker"], values["end_marker"]
    if values["looping"] and start is not None and (values["loop_end"] or 0) > start:
        end = values["loop_end"]
    if warped:
        warnings.append(
            "Warp is on, so the whole file was heard: AbletonOSC tells the markers in beats only."
        )
    elif start is not None and end is not None and end > start >= 0:
        fields |= {"start_s": float(start), "end_s": float(end)}
    gain, shown = values["gain"], parse_db(str(values["gain_display_string"] or ""))
    if shown is not None:
        fields["gain_db"] = shown
    elif gain is not None and gain >= UNITY_GAIN:
        fields["gain_db"] = min((float(gain) - UNITY_GAIN) * DB_PER_GAIN, 24.0)
    elif gain is not None:
        warnings.append(
            "The clip's gain is below 0 dB; AbletonOSC does not tell how far, so it was left out."
        )
    pitch = float(values["pitch_coarse"] or 0) + float(values["pitch_fine"] or 0) / 100
    fields |= {"pitch_st": pitch, "warped": warped, "warnings": warnings}
    if bpm is not None and 20 <= bpm <= 300:
        fields["bpm"] = bpm
    return fields


def _message(packet: bytes) -> tuple[str, tuple[Any, ...]] | None:
    from pythonosc.osc_message import OscMessage, ParseError

    try:
        message = OscMessage(packet)
    except ParseError:
        return None
    return message.address, tuple(message.params)
