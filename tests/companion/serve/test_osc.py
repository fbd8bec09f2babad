"""The OSC door, by a real client of python-osc; and AbletonOSC asked through a stand-in that speaks its dialect."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from companion.errors import HostError
from companion.serve.ableton_osc import selected_clip
from companion.serve.server import Server

Clip = Callable[..., Path]


def packet(address: str, *arguments: Any) -> bytes:
    builder = OscMessageBuilder(address)
    for argument in arguments:
        builder.add_arg(argument)
    return bytes(builder.build().dgram)


class Controller:
    def __init__(self, server: Server) -> None:
        self.to = ("127.0.0.1", server._osc.port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(30)

    def send(self, address: str, *arguments: Any) -> None:
        self.socket.sendto(packet(address, *arguments), self.to)

    def hear(self) -> tuple[str, tuple[Any, ...]]:
        message = OscMessage(self.socket.recv(65_536))
        return message.address, tuple(message.params)


@pytest.fixture
def controller(server: Server) -> Iterator[Controller]:
    made = Controller(server)
    yield made
    made.socket.close()


def test_a_match_is_followed_to_its_end(server: Server, controller: Controller, clip: Clip) -> None:
    controller.send("/whispersynth/match", server.token, str(clip("Bass")), -1.0, -1.0, -6.0, 0.0, 128.0)
    states = []
    while "done" not in states:
        address, (number, state, progress, name) = controller.hear()
        assert address == "/whispersynth/job" and name == "Bass" and 0 <= progress <= 1
        states.append(state)
    request = server.service.job(number).request
    assert (request.gain_db, request.bpm, request.start_s, request.source) == (-6.0, 128.0, None, "osc")


def test_status_and_errors(server: Server, controller: Controller) -> None:
    controller.send("/whispersynth/status", server.token)
    assert controller.hear() == ("/whispersynth/status", (0, 0, 600))
    controller.send("/whispersynth/match", server.token, "/nowhere.wav")
    address, (text,) = controller.hear()
    assert address == "/whispersynth/error" and "does not exist" in text
    controller.send("/whispersynth/undo", server.token)
    assert controller.hear()[0] == "/whispersynth/error"


def test_without_the_token_there_is_no_answer(controller: Controller) -> None:
    controller.socket.settimeout(0.5)
    for arguments in ((), ("x",), (7,)):
        controller.send("/whispersynth/status", *arguments)
    with pytest.raises(TimeoutError):
        controller.hear()


class Ableton:
    """Answers as AbletonOSC does, from a table, to a fixed port."""

    def __init__(self, clip: dict[str, Any], answer_port: int) -> None:
        self.clip, self.answer = clip, ("127.0.0.1", answer_port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                message = OscMessage(self.socket.recv(65_536))
            except OSError:
                return
            name = message.address.rpartition("/")[2]
            fixed = {"/live/view/get/selected_clip": (2, 5), "/live/song/get/tempo": (127.5,)}
            reply = fixed.get(message.address) or (*message.params, self.clip.get(name))
            if reply[-1] is not None:
                self.socket.sendto(packet(message.address, *reply), self.answer)


@pytest.fixture
def ports() -> tuple[int, int]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as a,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as b,
    ):
        a.bind(("127.0.0.1", 0))
        b.bind(("127.0.0.1", 0))
        return a.getsockname()[1], b.getsockname()[1]


CLIP = {"file_path": "/a/Bass.wav", "is_audio_clip": True, "start_marker": 0.5, "end_marker": 2.0, "warping": False,
        "gain": 0.55, "pitch_coarse": -2, "pitch_fine": 25.0, "name": "Bass"}  # fmt: skip


def test_ableton_osc_tells_the_selected_clip(ports: tuple[int, int]) -> None:
    fields = selected_clip(Ableton(CLIP, ports[1]).port, ports[1])
    assert fields["path"] == "/a/Bass.wav" and (fields["start_s"], fields["end_s"]) == (0.5, 2.0)
    assert fields["gain_db"] == pytest.approx(6.0, abs=1e-4) and fields["pitch_st"] == pytest.approx(-1.75)
    assert fields["bpm"] == 127.5 and fields["warnings"] == []


def test_a_warped_clip_is_heard_whole_with_a_warning(ports: tuple[int, int]) -> None:
    fields = selected_clip(Ableton(CLIP | {"warping": True, "gain": 0.3}, ports[1]).port, ports[1])
    assert "start_s" not in fields and fields["warped"] and len(fields["warnings"]) == 2


def test_no_live_is_a_sentence(ports: tuple[int, int]) -> None:
    with pytest.raises(HostError, match="Control Surface"):
        selected_clip(*ports)
    with pytest.raises(HostError, match="audio clip"):
        selected_clip(Ableton(CLIP | {"is_audio_clip": False}, ports[1]).port, ports[1])
