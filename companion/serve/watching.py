"""`whispersynth watch`: a folder into the queue of the running process, or of one started for it."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from companion.errors import StoreError, WhisperSynthError
from companion.serve.arrivals import Arrivals
from companion.serve.client import Client, Refused
from companion.serve.places import Places, places
from companion.serve.watch import Full, Watch, WatchMemory
from companion.telling.complaints import say

FULL, OWN = 503, 409


class OwnFile(WhisperSynthError):
    """A match wrote it."""

    is_own = True


def watch_folder(folder: Path, request: Mapping[str, Any], existing: bool, deep: bool, as_json: bool) -> None:
    """Until Ctrl-C.

    Raises:
        WhisperSynthError: the folder does not exist, or nothing can be started.
    """
    from companion.serve.server import Server, wait_for_end

    folder = folder.expanduser().absolute()
    if not folder.is_dir():
        raise StoreError(f"{folder} is no folder; give the one that clips are exported to")
    where = places().prepare()
    with ExitStack() as stack:
        client = Client.find(where)
        if client is None:
            server = stack.enter_context(Server(where))
            client = Client(server.port, server.token)
        watch = open_watch(folder, request, client, where, existing, deep)
        stack.callback(watch.stop)
        threading.Thread(target=_show, args=(client, folder, as_json), daemon=True, name="show").start()
        threading.Thread(target=watch.run, daemon=True, name="watch").start()
        say(f"watching {folder}; Ctrl-C ends it")
        wait_for_end()
        say(f"ending; {watch.tally.sent} clips were sent, and what waits is matched the next time")


def open_watch(
    folder: Path, request: Mapping[str, Any], client: Client, where: Places, existing: bool = False, deep: bool = False,
    say: Callable[[str], None] = say,
) -> Watch:  # fmt: skip
    """A watch that sends to a server."""
    memory = WatchMemory(where.watches)
    known = memory.known(folder, Arrivals(folder, deep=deep).present, existing)
    return Watch(Arrivals(folder, known, deep), memory, _sender(client, request), say)


def _sender(client: Client, request: Mapping[str, Any]) -> Callable[[Path], dict[str, Any]]:
    def submit(path: Path) -> dict[str, Any]:
        try:
            return client.submit(str(path), **request, source="watch", once=True)
        except Refused as refusal:
            if refusal.status == FULL:
                raise Full(str(refusal)) from None
            if refusal.status == OWN:
                raise OwnFile(str(refusal)) from None
            raise
        except WhisperSynthError:  # the server is gone; it may come back, at another port
            found = Client.find()
            if found is None:
                raise Full("the server does not answer; waiting for it") from None
            return found.submit(str(path), **request, source="watch", once=True)

    return submit


def _show(client: Client, folder: Path, as_json: bool) -> None:
    """Prints what becomes of the clips of a folder."""
    from companion.serve.commands import job_text

    with suppress(WhisperSynthError, OSError):
        for event in client.events():
            job: dict[str, Any] = event.get("job", {})
            if event["type"] != "job" or not Path(job["clip"]).is_relative_to(folder):
                continue
            if job["state"] in ("done", "failed", "cancelled"):
                line = json.dumps(answer_json(job)) if as_json else job_text(job)
                print(line, file=sys.stdout, flush=True)


def answer_json(job: Mapping[str, Any]) -> dict[str, Any]:
    """A job as `match --json` prints a clip."""
    result = job["result"]
    if result is None:
        return {"clip": job["clip"], "error": job["error"] or job["state"], "candidates": []}
    keys = ("rank", "kind", "score", "files", "words", "differs")
    candidates = [
        {key: candidate[key] for key in keys if key in candidate} for candidate in result["candidates"]
    ]
    told = {key: result[key] for key in ("note", "note_off_s", "seconds", "warnings")}
    return {"clip": job["clip"], **told, "candidates": candidates}
