"""Clearing up after a process that was ended while it saved: hidden part files that nobody will finish."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from companion.serve.jobs import Job
from companion.serve.requests import BESIDE

PART = re.compile(r"\.([0-9a-f]{32}|.+ \d+)\.part")
OLD_S = 60.0  # saving takes milliseconds: an older part belongs to nobody that lives


def sweep(recovered: Sequence[Job]) -> int:
    """Removes old parts in the folders that interrupted jobs were saving in; how many there were."""
    folders = {_folder(job) for job in recovered}
    time.sleep(OLD_S if folders else 0)
    return sum(_sweep_folder(folder) for folder in folders)


def _folder(job: Job) -> Path:
    from companion.store import user_folder

    request = job.request
    return {"": user_folder(), BESIDE: request.clip.parent}.get(request.out, Path(request.out))


def _sweep_folder(folder: Path) -> int:
    removed = 0
    with suppress(OSError):
        for path in folder.glob(".*.part"):
            with suppress(OSError):
                if PART.fullmatch(path.name) and time.time() - path.stat().st_mtime > OLD_S:
                    path.unlink()
                    removed += 1
    return removed
