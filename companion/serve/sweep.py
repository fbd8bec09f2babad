"""Clearing up after a process that was ended while it saved: hidden part files that nobody will finish."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from companion.serve.requests import JobRequest, out_folder

if TYPE_CHECKING:
    from companion.serve.jobs import Job

PART = re.compile(r"\.([0-9a-f]{32}|.+ \d+)\.part")
OLD_S = 60.0  # saving takes milliseconds: an older part belongs to nobody that lives


def sweep(recovered: Sequence[Job]) -> int:
    """Removes old parts in the folders that interrupted jobs were saving in; how many there were."""
    folders = {out_folder(job.request) for job in recovered}
    time.sleep(OLD_S if folders else 0)
    return sum(_sweep_folder(folder) for folder in folders)


def free_names(request: JobRequest) -> None:
    """Gives up the numbers that a process of ours had reserved for a clip when it died."""
    from companion.disk.store import safe_name

    reserved = re.compile(rf"\.{re.escape(safe_name(request.title))} \d+\.part")
    with suppress(OSError):
        for path in out_folder(request).iterdir():
            if reserved.fullmatch(path.name) and path.stat().st_size == 0:
                path.unlink(missing_ok=True)


def _sweep_folder(folder: Path) -> int:
    removed = 0
    with suppress(OSError):
        for path in folder.glob(".*.part"):
            with suppress(OSError):
                if PART.fullmatch(path.name) and time.time() - path.stat().st_mtime > OLD_S:
                    path.unlink()
                    removed += 1
    return removed
