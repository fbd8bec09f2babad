"""The line to the companion (`whispersynth serve`): HTTP on 127.0.0.1, in threads of its own.

Live's thread only puts requests into a queue and takes what came back out of another: it never waits for the network.
The protocol is docs/protocol.md of WhisperSynth.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import queue
import selectors
import socket
import sys
import threading
import time
from typing import Any

PROTOCOL = 1
HOST = "127.0.0.1"
POLL_S = 8.0  # of the long poll, and so between two hellos (the server forgets the bridge after 30 s)
TIMEOUT_S = 20.0
REST_S = 2.0  # between attempts to reach it
MOST_WAITING = 512
TURN_S, QUIET_TURNS = 0.001, 3
WAY_S = 0.01  # of a tick's tenth of a second
MOST_BYTES = 16 * 1024 * 1024
APP = "whispersynth"
ADDRESS_FILE = "serve.json"

NOT_RUNNING = "the companion is not running; start it with: whispersynth serve"
TOO_NEW = "this script is older than WhisperSynth; run `whispersynth live install` and restart Live"
TOO_OLD = "the companion gave no answer that this script knows; update it and run `whispersynth live install`"


class NotThere(Exception):
    """The companion cannot be reached; the text says what to do."""


def data_folder(configured: str = "") -> str:
    """Where the companion keeps its address: as configured at the installation, else where the system has it."""
    named = configured or os.environ.get("WHISPERSYNTH_DATA", "")
    if named:
        return named
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        return os.path.join(os.environ.get("LOCALAPPDATA", os.path.join(home, "AppData", "Local")), APP)
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Application Support", APP)
    return os.path.join(os.environ.get("XDG_DATA_HOME", os.path.join(home, ".local", "share")), APP)


def read_address(folder: str) -> dict[str, Any]:
    """Port and token of the running companion.

    Raises:
        NotThere: it is not running, or speaks a newer protocol.
    """
    try:
        with open(os.path.join(folder, ADDRESS_FILE), encoding="utf-8") as file:
            at = json.load(file)
        address: dict[str, Any] = {
            "port": int(at["port"]),
            "token": str(at["token"]),
            "version": int(at.get("version", 1)),
        }
        address["pid"] = at.get("pid", 0)
    except (OSError, ValueError, KeyError, TypeError):
        raise NotThere(NOT_RUNNING) from None
    if address["version"] > PROTOCOL:
        raise NotThere(TOO_NEW)
    return address


class Line:
    """One request at a time, each on a connection of its own."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._connection: http.client.HTTPConnection | None = None
        self._is_working = False
        self._awaited: socket.socket | None = None

    def call(self, method: str, route: str, body: dict[str, Any] | None, timeout: float = TIMEOUT_S) -> Any:
        """(status, answer).

        Raises:
            NotThere: no answer.
        """
        self._is_working = True
        try:
            at = read_address(self.folder)
            connection = self._connection = http.client.HTTPConnection(HOST, at["port"], timeout=timeout)
            try:
                return self._exchange(connection, at["token"], method, route, body)
            finally:
                connection.close()
        except ValueError:
            raise NotThere(TOO_OLD) from None
        except (OSError, AttributeError, http.client.HTTPException):  # AttributeError: hung up meanwhile
            raise NotThere(NOT_RUNNING) from None
        finally:
            self._is_working = False

    def _exchange(
        self, connection: http.client.HTTPConnection, token: str, method: str, route: str, body: Any
    ) -> tuple[int, Any]:
        headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode("utf-8")
        connection.request(method, route, data, headers)
        self._awaited = connection.sock
        try:
            answer = connection.getresponse()
        finally:
            self._awaited = None
        return answer.status, json.loads(answer.read(MOST_BYTES).decode("utf-8") or "{}")

    @property
    def needs_a_turn(self) -> bool:
        """Its thread has something to do: it works, or what it waits for has come. Asked on Live's thread."""
        awaited = self._awaited
        if awaited is None:
            return self._is_working
        try:
            with (
                selectors.DefaultSelector()
            ) as selector:  # select() fails for the high numbers that Live's files have
                selector.register(awaited, selectors.EVENT_READ)
                return bool(selector.select(0))
        except (OSError, ValueError, KeyError):  # it was closed this moment
            return True

    def hang_up(self) -> None:
        """Ends the request under way, from another thread."""
        sock = getattr(self._connection, "sock", None)
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class Companion:
    """Two threads: one listens for events, one carries requests."""

    def __init__(self, folder: str, release: str, script: str) -> None:
        self.folder = folder
        self.hello = {"app": "live", "release": release, "script": script}
        self._told: tuple[bool, str] | None = None
        self.run = ""
        """Which run of the companion this is: its event numbers begin anew with each."""
        self._lines = Line(folder), Line(folder)
        self._stopping = threading.Event()
        self._requests: queue.Queue[Any] = queue.Queue(MOST_WAITING)
        self._arrived: queue.Queue[Any] = queue.Queue(MOST_WAITING)
        self._threads = [
            threading.Thread(target=work, name="WhisperSynth", daemon=True)
            for work in (self._listen, self._carry)
        ]

    # -- on Live's thread ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins to look for the companion."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends the threads; nobody waits for them."""
        self._stopping.set()
        for line in self._lines:
            line.hang_up()

    def send(self, tag: Any, method: str, route: str, body: dict[str, Any] | None = None) -> bool:
        """Queues a request; its answer arrives as ("answer", tag, status, answer) or ("failed", tag, text)."""
        try:
            self._requests.put_nowait((tag, method, route, body))
        except queue.Full:
            return False
        return True

    def arrived(self, most: int) -> list[tuple[Any, ...]]:
        """What came in since, at most so many: ("event", event), ("answer", …), ("failed", …), ("there", bool)."""
        found: list[tuple[Any, ...]] = []
        while len(found) < most:
            try:
                found.append(self._arrived.get_nowait())
            except queue.Empty:
                break
        return found

    def give_way(self) -> None:
        """Lets the threads have their turn where they need one: Live may keep Python to itself between its calls.

        At most WAY_S, and nothing at all while they wait for the network.
        """
        if not self._needs_a_turn():
            return
        until, quiet = time.perf_counter() + WAY_S, 0
        while quiet < QUIET_TURNS and time.perf_counter() < until:
            time.sleep(TURN_S)
            quiet = 0 if self._needs_a_turn() else quiet + 1

    def _needs_a_turn(self) -> bool:
        return not self._requests.empty() or any(line.needs_a_turn for line in self._lines)

    # -- on the threads ------------------------------------------------------------------------------------------

    def _tell(self, *what: Any) -> None:
        while not self._stopping.is_set():
            try:
                self._arrived.put(what, timeout=0.5)
                return
            except queue.Full:
                pass  # Live is not ticking: wait for it

    def _listen(self) -> None:
        last = -1
        while not self._stopping.is_set():
            try:
                newest = self._greet()
                last = self._hear(
                    newest if last < 0 else last
                )  # events from before do not concern this script
            except NotThere as error:
                last = -1
                self._set_there(False, str(error))
                self._stopping.wait(REST_S)

    def _greet(self) -> int:
        """Says hello; the number of the newest event."""
        status, answer = self._lines[0].call("POST", "/bridge/hello", self.hello)
        if status != 200:
            raise NotThere(sentence(answer))
        self.run = str(read_address(self.folder)["pid"])
        self._set_there(True, "")
        return int(answer.get("events", 0))

    def _hear(self, last: int) -> int:
        route = f"/events?after={last}&wait={POLL_S:g}"
        status, answer = self._lines[0].call("GET", route, None, POLL_S + TIMEOUT_S)
        if status != 200:
            raise NotThere(sentence(answer))
        for event in answer.get("events", ()):
            if isinstance(event, dict):
                self._tell("event", event)
        return int(answer.get("last", last))

    def _set_there(self, there: bool, text: str) -> None:
        if (there, text) != self._told:
            self._told = there, text
            self._tell("there", there, text)

    def _carry(self) -> None:
        while not self._stopping.is_set():
            try:
                tag, method, route, body = self._requests.get(timeout=0.5)
            except queue.Empty:
                continue
            self._tell(*self._answer(tag, method, route, body))

    def _answer(self, tag: Any, method: str, route: str, body: Any) -> tuple[Any, ...]:
        """Tried again for a while: the companion may be starting, or have no room (503)."""
        until = time.time() + 3 * REST_S
        while True:
            try:
                status, answer = self._lines[1].call(method, route, body)
                if status != 503:
                    return "answer", tag, status, answer
                text = sentence(answer)
            except NotThere as error:
                text = str(error)
            if time.time() >= until or self._stopping.wait(REST_S):
                return "failed", tag, text


def sentence(answer: Any) -> str:
    """The companion's own words for what went wrong."""
    told = answer.get("error") if isinstance(answer, dict) else None
    return str(told or TOO_OLD)
