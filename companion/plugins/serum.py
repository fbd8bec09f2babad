"""clip -> patches for Serum: matched on the embedded engine, each patch also written as Serum's file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from companion.disk.store import safe_name
from companion.judging.board import Candidate
from companion.match import Match, Matcher, MatchOptions
from presets.errors import PresetError
from presets.serum_files import KINDS, encode_serum

ENGINE = "vital"  # whose sound stands in for Serum's
MAX_NAME = 40  # letters of a clip's name in Serum's browser


class SerumMatcher:
    """A Matcher whose last answer brings files for Serum.

    Raises:
        PresetError: a package that the files need is missing.
    """

    def __init__(self, synth: str, matcher: Matcher | None = None) -> None:
        _try_out(synth)
        self.synth = synth
        self._matcher = matcher or Matcher(ENGINE)

    def match(self, path: Path, options: MatchOptions | None = None) -> Iterator[Match]:
        """As Matcher.match."""
        options = replace(options or MatchOptions(), synth=ENGINE)
        with closing(self._matcher.match(path, options)) as results:  # type: ignore[type-var]  # a generator
            for so_far in results:
                yield self._with_files(so_far) if so_far.stage == "done" else so_far

    def _with_files(self, match: Match) -> Match:
        done, warnings = [], list(match.warnings)
        for rank, candidate in enumerate(match.candidates, 1):
            name = f"{safe_name(match.clip.name)[:MAX_NAME]} {rank} {candidate.kind}"
            try:
                done.append(with_file(candidate, self.synth, name))
            except PresetError as error:
                done.append(candidate)
                warnings.append(f"patch {rank} could not be written for Serum: {error}")
        return replace(match, candidates=tuple(done), warnings=tuple(warnings))


def _try_out(synth: str) -> None:
    from presets.patch import Patch

    encode_serum(synth, Patch())


def with_file(candidate: Candidate, synth: str, name: str) -> Candidate:
    """The candidate with its patch as Serum's file, and what became something else on the way.

    Raises:
        PresetError: the patch cannot be written.
    """
    data, changes = encode_serum(synth, candidate.patch.with_values(name=name))
    return replace(candidate, files={**candidate.files, KINDS[synth]: data}, changes=changes)
