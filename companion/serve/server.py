"""The running process: the service, its doors, a file that says where they are, and a clean end."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from companion.errors import HostError
from companion.serve.http import PROTOCOL, make_app
from companion.serve.places import Places, read_or_make_token, write_private
from companion.serve.service import Service, Settings

if TYPE_CHECKING:
    import uvicorn

ADDRESS = "127.0.0.1"
PORT = 8765
GOODBYE_S = 3  # for answers under way when the server ends
HEAD_S = 10.0  # a connection that has not asked anything by then is closed
BACKLOG = 128


def release() -> str:
    """The installed version."""
    try:
        return version("whispersynth")
    except PackageNotFoundError:
        return "0"


class Server:
    """Open as a context: inside it everything runs.

    Raises:
        WhisperSynthError: another server runs on the data folder, or no port is free.
    """

    def __init__(
        self, places: Places, settings: Settings | None = None, port: int | None = None, osc: bool = True
    ) -> None:
        self.places = places.prepare()
        self.service = Service(places, settings)
        self.token = read_or_make_token(places.token)
        self._socket = _listen(port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{ADDRESS}:{self.port}"
        self._server = _uvicorn(make_app(self.service, self.port, self.token, release()))
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="http", daemon=True
        )
        self._osc = _open_osc(self.service, self.token) if osc else None

    def __enter__(self) -> Server:
        self._thread.start()
        self.service.start()
        if self._osc is not None:
            self._osc.start()
        write_private(self.places.address, json.dumps(self.address()))
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError, ValueError):
            if json.loads(self.places.address.read_text("utf-8"))["pid"] == os.getpid():
                self.places.address.unlink()
        if self._osc is not None:
            self._osc.stop()
        self.service.events.close()
        self._server.should_exit = True
        self._thread.join(GOODBYE_S + 5)
        self.service.stop()

    def address(self) -> dict[str, Any]:
        """What clients need to know."""
        return {
            "url": self.url, "port": self.port, "token": self.token, "pid": os.getpid(), "version": PROTOCOL,
            "release": release(), "osc_port": self._osc.port if self._osc else None,
        }  # fmt: skip


def wait_for_end(each_s: float = 0.5, look: Callable[[], None] = lambda: None) -> None:
    """Returns at Ctrl-C, SIGTERM or SIGHUP."""
    ended = threading.Event()
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), lambda *_: ended.set()) for name in names}
    try:
        while not ended.wait(each_s):
            look()
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _listen(port: int | None) -> socket.socket:
    """A socket on this machine alone: at the usual port, or where that is taken and none was asked for, a free one."""
    for tried in (PORT, 0) if port is None else (port,):
        opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if os.name != "nt":
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind((ADDRESS, tried))
            opened.listen(BACKLOG)
            return opened
        except OSError as error:
            opened.close()
            reason = error.strerror
    raise HostError(f"port {port or PORT} cannot be used ({reason}); leave out --port to take a free one")


def _uvicorn(app: Any) -> uvicorn.Server:
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Impatient(H11Protocol):
        """Closes a connection whose first request does not come: open sockets are few."""

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.loop.call_later(HEAD_S, self._close_if_silent)

        def _close_if_silent(self) -> None:
            if self.cycle is None and not self.transport.is_closing():
                self.transport.close()

    config = uvicorn.Config(
        app, http=Impatient, ws="none", lifespan="off", loop="asyncio", log_config=None, access_log=False,
        server_header=False, timeout_keep_alive=10, timeout_graceful_shutdown=GOODBYE_S, proxy_headers=False,
        h11_max_incomplete_event_size=16 * 1024,
    )  # fmt: skip
    return uvicorn.Server(config)


def _open_osc(service: Service, token: str) -> Any:
    try:
        from companion.serve.osc import OscDoor
    except ModuleNotFoundError:
        return None
    return OscDoor(service, token)
