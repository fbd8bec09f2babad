"""The engine's process: holds the matcher, matches one clip after the other, and publishes only what was noted before.

    python -m companion.serve.worker DATA_FOLDER [SYNTH]

It says `ready`, then for each `match`: `stage` (several), `plan` (all files that are about to appear, with the result), waits
for `go`, publishes, says `done`; or `failed`, `cancelled`. `again` after a failure that trying again may cure.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.disk.batch import Appeared
from companion.errors import WhisperSynthError
from companion.serve.jobs import content_of
from companion.serve.link import Parent
from companion.serve.places import Places
from companion.serve.prepare import needs_preparing, write_prepared
from companion.serve.requests import JobRequest, from_json, out_folder
from companion.serve.results import result_json
from companion.telling.complaints import describe, show_traceback

if TYPE_CHECKING:
    from companion.disk.batch import Batch
    from companion.disk.store import Files
    from companion.match import Match, Matcher


SYNTH = "vital"


class Cancelled(Exception):
    """The job is not wanted any more."""


def main(folder: Path, synth: str = SYNTH, open_matcher: Callable[[str], Matcher] | None = None) -> None:
    """Runs until the server ends it; the matcher of `synth` is opened before the first job comes."""
    from companion.telling.report import answers_alone

    with answers_alone() as stream:
        parent = Parent(stream)
        try:
            with _only_engine(Places(folder)):
                matchers = Matchers(open_matcher)
                matchers[synth]
                parent.send("ready")
                while True:
                    _one(parent.receive(), matchers, parent, Places(folder))
        except Exception as error:
            show_traceback(error)
            parent.send("broken", error=describe(error))


class Matchers(dict[str, Any]):
    """A matcher a synth, opened when first asked for."""

    def __init__(self, open_matcher: Callable[[str], Matcher] | None) -> None:
        super().__init__()
        self._open = open_matcher

    def __missing__(self, synth: str) -> Matcher:
        from companion.matching import open_matcher

        self[synth] = (self._open or open_matcher)(synth)
        return self[synth]  # type: ignore[no-any-return]


def _only_engine(places: Places) -> Any:
    """Waits until the engine of a server before this one is gone: two might publish the same job."""
    from filelock import FileLock

    return FileLock(places.engine_lock)


def _one(message: Mapping[str, Any], matchers: Matchers, parent: Parent, places: Places) -> None:
    number, request = int(message["id"]), from_json(message["request"])
    parent.cancelled.clear()
    try:
        _match(number, request, matchers, parent, places)
        parent.send("done", id=number)
    except Cancelled:
        parent.send("cancelled", id=number)
    except Exception as error:
        show_traceback(error)
        parent.send("failed", id=number, error=describe(error), again=isinstance(error, Appeared))
    finally:
        shutil.rmtree(places.clips / str(number), ignore_errors=True)


def _match(number: int, request: JobRequest, matchers: Matchers, parent: Parent, places: Places) -> None:
    from companion.disk.store import prepare_folder, save_candidates

    began = time.perf_counter()
    folder = prepare_folder(out_folder(request))
    last = _last_answer(number, request, matchers, parent, places)
    with ExitStack() as stack:
        installing: list[Batch] = []

        def ready(batch: Batch, saved: tuple[Files, ...]) -> None:
            pending = dict(batch.pending)
            if request.install and saved:
                installing.extend(_install(last, saved, stack))
                pending.update(pair for one in installing for pair in one.pending.items())
            installed = [str(path) for one in installing for path in one.pending]
            result = result_json(last, saved, folder, installed, request, time.perf_counter() - began)
            plan = {
                "files": {str(path): content_of(part) for path, part in pending.items()},
                "result": result,
            }
            parent.send("plan", id=number, plan=plan)
            if parent.receive()["do"] != "go":
                raise Cancelled

        saved = save_candidates(request.title, last.candidates, folder, ready)
        for batch in installing:
            batch.publish()
    del saved


def _last_answer(
    number: int, request: JobRequest, matchers: Matchers, parent: Parent, places: Places
) -> Match:
    options, clip, odd = request.match_options(), request.clip, tuple[str, ...]()
    if needs_preparing(request):
        clip, odd = write_prepared(request, places.clips, number)
        options = replace(options, start_s=None, end_s=None)
    last: Match | None = None
    with closing(matchers[options.synth].match(clip, options)) as results:
        for last in results:
            parent.send("stage", id=number, stage=last.stage, progress=last.progress)
            if parent.cancelled.is_set():
                raise Cancelled
    if last is None:
        raise WhisperSynthError(f"{request.path} gave no answer; please report it")
    return replace(last, warnings=tuple(dict.fromkeys((*odd, *last.warnings))))


def _install(last: Match, saved: tuple[Files, ...], stack: ExitStack) -> list[Batch]:
    from companion.disk.install import install_batches

    return [stack.enter_context(batch) for batch in install_batches(last.candidates[0].patch, saved[0])]


if __name__ == "__main__":
    main(Path(sys.argv[1]), "".join(sys.argv[2:3]) or SYNTH)
