"""Sending no faster than a wire takes it: 31 250 baud, ten bits a byte."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

WIRE_BYTES_PER_S = 3125
SHARE = 0.8  # of the wire: notes and clock of whoever plays meanwhile need some
DEFAULT_BYTES_PER_S = WIRE_BYTES_PER_S * SHARE
Send = Callable[[Sequence[int]], object]


def send_paced(
    messages: Iterable[Sequence[int]],
    send: Send,
    bytes_per_s: float = DEFAULT_BYTES_PER_S,
    on_sent: Callable[[int], object] = lambda n_sent: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> int:
    """Sends messages one by one, each when the wire is done with the one before; returns how many.

    Time lost in a late wake-up is never caught up, so within any span at most `bytes_per_s` times its length, and one
    message, go out. `on_sent` hears of each; it may raise to stop.
    """
    free_at, n_sent = -float("inf"), 0
    for message in messages:
        while (wait := free_at - clock()) > 0:
            sleep(wait)
        free_at = clock() + len(message) / bytes_per_s
        send(message)
        n_sent += 1
        on_sent(n_sent)
    while (wait := free_at - clock()) > 0:  # the last one is on the wire too
        sleep(wait)
    return n_sent
