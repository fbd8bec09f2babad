"""The conversation with a DAW's script: it says hello, is asked for things as events, and answers by the event's number."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from companion.errors import HostError
from companion.serve.events import Events

GONE_S = 30.0  # after its last word
ANSWER_S = 5.0


class Bridge:
    """One script at a time."""

    def __init__(self, events: Events) -> None:
        self._events, self._seen = events, -GONE_S

    @property
    def is_there(self) -> bool:
        """Whether it said something lately."""
        return time.monotonic() - self._seen < GONE_S

    def hello(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """It says that it is there."""
        if not self.is_there:
            self._events.publish("notice", text=f"{str(body.get('app', 'a DAW'))[:40]} is connected")
        self._seen = time.monotonic()
        return {"ok": True, "events": self._events.last}

    def answer(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What it made of a request."""
        self._seen = time.monotonic()
        ok, text = bool(body.get("ok")), str(body.get("text", ""))[:500]
        self._events.publish("answer", request=int(body["request"]), ok=ok, text=text)
        return {"ok": True}

    def ask_selected(self) -> int:
        """Asks it to send the selected clip; the event's number."""
        return self._events.publish("bridge", want="selected")

    def ask(self, want: str, **what: Any) -> tuple[bool, str]:
        """Asks it to do something and waits: whether it did, and what it says.

        Raises:
            HostError: it is not there.
        """
        if not self.is_there:
            raise HostError("no DAW is connected; see docs/live.md, or load it with the target 'engine'")
        number = self._events.publish("bridge", want=want, **what)
        answer = self._events.wait(
            number, ANSWER_S, lambda event: event["type"] == "answer" and event["request"] == number
        )
        if answer is None:
            return False, "the DAW has not answered; look there whether it is done"
        return bool(answer["ok"]), str(answer["text"])
