"""What happens, numbered, for whoever listens: the last thousand events, handed on across threads."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

KEPT = 1000

Event = dict[str, Any]


class Events:
    """A ring of events; any thread publishes, any task or thread waits."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._ring: deque[Event] = deque(maxlen=KEPT)
        self._listeners: set[Callable[[], None]] = set()
        self.last = 0
        self.closing = False

    def publish(self, kind: str, **what: Any) -> int:
        """Adds an event; returns its number."""
        with self._changed:
            self.last += 1
            number = self.last
            self._ring.append({"n": number, "type": kind, **what})
            self._changed.notify_all()
            listeners = tuple(self._listeners)
        for wake in listeners:
            wake()
        return number

    def close(self) -> None:
        """Says goodbye; whoever waits is woken and should leave."""
        self.closing = True
        self.publish("bye")

    def after(self, number: int) -> list[Event]:
        """Events with a higher number; all that are kept if `number` is from before a restart."""
        with self._changed:
            if number > self.last:
                number = 0
            return [event for event in self._ring if event["n"] > number]

    def wait(self, number: int, seconds: float, wanted: Callable[[Event], bool]) -> Event | None:
        """The first wanted event after `number`, waited for in a thread."""
        found: list[Event] = []

        def is_there() -> bool:
            found[:] = [event for event in self._ring if event["n"] > number and wanted(event)]
            return bool(found) or self.closing

        with self._changed:
            self._changed.wait_for(is_there, seconds)
        return found[0] if found else None

    async def wait_async(self, number: int, seconds: float) -> list[Event]:
        """Events after `number`, waited for in a task; none when the time is up."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(woken.set)

        self._listeners.add(wake)
        try:
            events = self.after(number)
            if not events and seconds > 0 and not self.closing:
                with suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), seconds)
                events = self.after(number)
            return events
        finally:
            self._listeners.discard(wake)
