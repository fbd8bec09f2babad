"""Two processes that talk in lines of JSON: the server on one side, an engine that may crash on the other."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

MAX_LOG = 2**20  # bytes; an older log is begun anew
STOP_S = 3.0

Message = dict[str, Any]


class Gone(Exception):
    """The process on the other side has ended."""


class Child:
    """A process of our own that answers in JSON lines; its stderr goes to a log."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        with suppress(OSError):
            if log.stat().st_size > MAX_LOG:
                log.unlink()
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, **_apart()
            )
        self._inbox: queue.Queue[Message | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True, name="child-reader").start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def send(self, message: Message) -> None:
        """Sends a message.

        Raises:
            Gone: it has ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise Gone from error

    def receive(self, timeout_s: float) -> Message | None:
        """Its next message; None when the time is up.

        Raises:
            Gone: it has ended and said all it had to say.
        """
        try:
            message = self._inbox.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if message is None:
            self._inbox.put(None)
            raise Gone
        return message

    def stop(self) -> None:
        """Ends it: asked first, then killed; returns when it is gone."""
        with suppress(OSError, ValueError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()
        self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with suppress(ValueError):
                message = json.loads(line)
                if isinstance(message, dict):
                    self._inbox.put(message)
        self._process.wait()
        self._inbox.put(None)


def _apart() -> dict[str, Any]:
    """Ctrl-C in the terminal is for the server alone: it ends its children itself."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


class Parent:
    """The child's side: messages come in on stdin and go out on `stream`; it ends with its parent."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._lock = stream, threading.Lock()
        self._inbox: queue.Queue[Message] = queue.Queue()
        self.cancelled = threading.Event()
        for name in ("SIGINT", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_IGN)
        threading.Thread(target=self._read, daemon=True, name="parent-reader").start()

    def send(self, at: str, **what: Any) -> None:
        """Tells the server."""
        with self._lock:
            self._stream.write(json.dumps({"at": at, **what}, allow_nan=False) + "\n")
            self._stream.flush()

    def receive(self) -> Message:
        """The next thing to do."""
        return self._inbox.get()

    def _read(self) -> None:
        for line in sys.stdin.buffer:
            message = json.loads(line)
            if message["do"] == "cancel":
                self.cancelled.set()
            else:
                self._inbox.put(message)
        os._exit(0)  # the server has gone; what was being published is settled by the next one
