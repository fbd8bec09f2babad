"""The OSC door: UDP on this machine alone, for controllers and patchers. The first argument of every message is the token."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_server import ThreadingOSCUDPServer

from companion.serve.requests import RequestError
from companion.telling.complaints import describe

if TYPE_CHECKING:
    from companion.serve.service import Service

ADDRESS = "127.0.0.1"
PORT = 8766
PREFIX = "/whispersynth/"
NOT_GIVEN = -1.0
MATCH_FIELDS = ("start_s", "end_s", "gain_db", "pitch_st", "bpm")
MAX_FOLLOWED = 64  # jobs whose progress is told at once
FOLLOW_S = 600.0

Client = tuple[str, int]
Reply = tuple[str, tuple[Any, ...]]


class OscDoor:
    """Listens in threads; whatever arrives, it goes on listening."""

    def __init__(self, service: Service, token: str) -> None:
        self._service, self._token = service, token
        dispatcher = Dispatcher()
        for name in ANSWERS:
            dispatcher.map(PREFIX + name, self._handle, needs_reply_address=True)
        self._server = _listen(dispatcher)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True, name="osc")
        self._following = threading.BoundedSemaphore(MAX_FOLLOWED)

    def start(self) -> None:
        """Begins to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()

    def _handle(self, client: Client, address: str, *arguments: Any) -> None:
        token = arguments[0] if arguments and isinstance(arguments[0], str) else ""
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self._token.encode()):
            return
        try:
            self._reply(client, *ANSWERS[address.removeprefix(PREFIX)](self, client, arguments[1:]))
        except Exception as error:
            self._reply(client, PREFIX + "error", (describe(error),))

    def _reply(self, client: Client, address: str, arguments: tuple[Any, ...]) -> None:
        builder = OscMessageBuilder(address)
        for argument in arguments:
            builder.add_arg(argument)
        with suppress(OSError):
            self._server.socket.sendto(builder.build().dgram, client)

    # -- one method an address -----------------------------------------------------------------------------------------

    def _match(self, client: Client, arguments: tuple[Any, ...]) -> Reply:
        if not arguments or not isinstance(arguments[0], str):
            raise RequestError("a match needs the clip's path; give it after the token")
        given = dict(zip(MATCH_FIELDS, arguments[1:], strict=False))
        fields = {
            key: value for key, value in given.items() if value != NOT_GIVEN or key in ("gain_db", "pitch_st")
        }
        job, _ = self._service.submit({"path": arguments[0], "source": "osc", **fields})
        self._follow(client, job.id)
        return _job_reply(job.to_json())

    def _match_selected(self, client: Client, arguments: tuple[Any, ...]) -> Reply:
        answer = self._service.ask_selected()
        if "job" not in answer:
            return PREFIX + "asked", (answer["via"],)
        self._follow(client, answer["job"]["id"])
        return _job_reply(answer["job"])

    def _load(self, client: Client, arguments: tuple[Any, ...]) -> Reply:
        numbers = [argument for argument in arguments if type(argument) is int]
        if not numbers:
            raise RequestError("a load needs the job's number; give it after the token")
        answer = self._service.load(numbers[0], numbers[1] if len(numbers) > 1 else 1)
        return PREFIX + "loaded", (answer["target"], answer["text"])

    def _undo(self, client: Client, arguments: tuple[Any, ...]) -> Reply:
        answer = self._service.undo()
        return PREFIX + "undone", (answer["target"], answer["text"])

    def _status(self, client: Client, arguments: tuple[Any, ...]) -> Reply:
        status = self._service.status()
        return PREFIX + "status", (status["queued"], status["running"], status["room"])

    def _follow(self, client: Client, number: int) -> None:
        """Tells the client how a job goes on, until it ends."""
        if not self._following.acquire(blocking=False):
            return

        def tell() -> None:
            events, last = self._service.events, 0
            try:
                while not events.closing:
                    event = events.wait(
                        last, FOLLOW_S, lambda e: e["type"] == "job" and e["job"]["id"] == number
                    )
                    if event is None:
                        return
                    last = event["n"]
                    self._reply(client, *_job_reply(event["job"]))
                    if event["job"]["state"] in ("done", "failed", "cancelled"):
                        return
            finally:
                self._following.release()

        threading.Thread(target=tell, daemon=True, name="osc-follow").start()


ANSWERS: dict[str, Callable[[OscDoor, Client, tuple[Any, ...]], Reply]] = {
    "match": OscDoor._match, "match_selected": OscDoor._match_selected, "load": OscDoor._load, "undo": OscDoor._undo,
    "status": OscDoor._status,
}  # fmt: skip


def _job_reply(job: dict[str, Any]) -> Reply:
    return PREFIX + "job", (job["id"], job["state"], float(job["progress"]), job["name"])


def _listen(dispatcher: Dispatcher) -> ThreadingOSCUDPServer:
    try:
        return _Server((ADDRESS, PORT), dispatcher)
    except OSError:
        return _Server((ADDRESS, 0), dispatcher)


class _Server(ThreadingOSCUDPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a damaged packet is nobody's business."""
