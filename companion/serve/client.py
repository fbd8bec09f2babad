"""The other side of the protocol: finds the running server and talks to it. Standard library alone."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from companion.errors import WhisperSynthError
from companion.serve.places import Places, places

PROTOCOL = 1
TIMEOUT_S = 40.0
WAIT_S = 20.0
HEALTH_S = 2.0


class Refused(WhisperSynthError):
    """The server said no, in a sentence."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Client:
    """A server that runs."""

    port: int
    token: str

    @staticmethod
    def find(where: Places | None = None) -> Client | None:
        """The server of this user, if one runs."""
        try:
            at = json.loads((where or places()).address.read_text("utf-8"))
            client = Client(int(at["port"]), str(at["token"]))
        except (OSError, ValueError, KeyError):
            return None
        try:
            health = client._ask("GET", "/health", timeout_s=HEALTH_S)
        except (OSError, http.client.HTTPException, WhisperSynthError):
            return None
        if health.get("app") != "whispersynth" or health.get("pid") != at.get("pid"):
            return None
        if health["version"] != PROTOCOL:
            raise WhisperSynthError(
                "the running server is of another version; end it and start `whispersynth serve` anew"
            )
        return client

    def submit(self, path: str, **request: Any) -> dict[str, Any]:
        """Queues a clip; the job. Fields as in docs/protocol.md. Raises Refused."""
        return self.call("POST", "/jobs", {"path": path, **request})

    def submit_patiently(self, path: str, patience_s: float, **request: Any) -> dict[str, Any]:
        """As submit, and again as long as the queue is full."""
        until = time.monotonic() + patience_s
        while True:
            try:
                return self.submit(path, **request)
            except Refused as refusal:
                if refusal.status != 503 or time.monotonic() > until:
                    raise
            time.sleep(1.0)

    def wait(self, number: int, seconds: float) -> dict[str, Any]:
        """A job when it has ended or the time is up."""
        until = time.monotonic() + seconds
        while True:
            left = max(until - time.monotonic(), 0)
            job = self.call("GET", f"/jobs/{number}?wait={min(left, WAIT_S):.1f}")
            if job["state"] in ("done", "failed", "cancelled") or not left:
                return job

    def events(self, after: int = 0) -> Iterator[dict[str, Any]]:
        """Events as they come; ends when the server does."""
        while True:
            answer = self.call("GET", f"/events?after={after}&wait={WAIT_S:g}")
            for event in answer["events"]:
                yield event
                if event["type"] == "bye":
                    return
            after = answer["last"]

    def call(self, method: str, route: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One request.

        Raises:
            Refused: the server said no.
            WhisperSynthError: there is no server any more.
        """
        try:
            return self._ask(method, route, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise WhisperSynthError(
                "the server does not answer any more; start it again with `whispersynth serve`"
            ) from error

    def _ask(
        self, method: str, route: str, body: dict[str, Any] | None = None, timeout_s: float = TIMEOUT_S
    ) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
            connection.request(method, route, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            data = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status >= 400:
            raise Refused(answer.status, str(data.get("error", "the server refused")))
        return dict(data)
