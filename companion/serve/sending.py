"""A clip into the queue of the process that runs, from another command, and what becomes of it."""

from __future__ import annotations

from pathlib import Path

from companion.serve.client import Client
from companion.telling.complaints import say

PATIENCE_S = 600.0  # for room in the queue, and then for the clips before it
FAILED = 1


def match_in_queue(path: Path, source: str) -> int | None:
    """Sends a clip, waits, and prints what became of it: an exit code; None when no process runs.

    Raises:
        WhisperSynthError: it was refused, or the process has ended meanwhile.
    """
    from companion.serve.commands import job_text

    client = Client.find()
    if client is None:
        return None
    job = client.submit_patiently(str(path.absolute()), PATIENCE_S, source=source)
    say(f"in the queue as job {job['id']}")
    job = client.wait(job["id"], PATIENCE_S)
    print(job_text(job))
    return 0 if job["state"] == "done" else FAILED
