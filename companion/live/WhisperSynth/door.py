"""UDP on 127.0.0.1, asked on Live's ticks: never waits, and no thread is needed."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from .osc import OscError, decode, encode

HOST = "127.0.0.1"
LARGEST = 65535


class Door:
    """A port that AbletonOSC's clients send to; answers go to their reply port, as AbletonOSC's do."""

    def __init__(self, port: int, reply_port: int) -> None:
        """Raises OSError where the port is taken."""
        self.reply_port = reply_port
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.bind((HOST, port))
        except OSError:
            self._socket.close()
            raise

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    def receive(self, most: int) -> list[tuple[str, tuple[Any, ...]]]:
        """Messages that came in since, of at most so many datagrams; what is no OSC is dropped."""
        messages: list[tuple[str, tuple[Any, ...]]] = []
        for _ in range(most):
            try:
                data = self._socket.recv(LARGEST)
            except BlockingIOError:
                break
            except OSError:
                continue  # Windows tells of an answer that nobody took
            try:
                messages += decode(data)
            except OscError:
                continue
        return messages

    def send(self, address: str, arguments: tuple[Any, ...]) -> None:
        """An answer; that nobody hears it, or that it is too long for a datagram, is no error here."""
        with contextlib.suppress(OSError, OscError):
            self._socket.sendto(encode(address, arguments), (HOST, self.reply_port))

    def close(self) -> None:
        """Frees the port."""
        self._socket.close()
