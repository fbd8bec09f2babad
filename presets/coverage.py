"""How much of real Vital presets the schema carries: `python -m presets.coverage FOLDER` prints the table."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from presets.errors import PresetError
from presets.vital import Reading, vital_to_patch

N_SHOWN = 15  # of what is lost or approximated


@dataclass(frozen=True)
class Coverage:
    """What became of the presets of a folder."""

    readings: dict[str, Reading]
    """File name without ending -> what was read."""
    refused: dict[str, str]
    """File name without ending -> why it was not."""

    @property
    def n_active(self) -> int:
        """Controls in use (off Vital's init value, their section on), over all presets."""
        return sum(r.n_active for r in self.readings.values())

    @property
    def share(self) -> float:
        """Share of those that the schema carries, 0..1."""
        return sum(len(r.covered) for r in self.readings.values()) / max(self.n_active, 1)

    def lost(self) -> Counter[str]:
        """Native controls without a word in the schema, numbers left out -> in how many presets."""
        return _count(r.lost for r in self.readings.values())

    def approximated(self) -> Counter[str]:
        """What became something near, by what it is about -> in how many presets."""
        return _count([text.partition(":")[0] for text in r.approximated] for r in self.readings.values())


def _count(groups: Iterable[Iterable[str]]) -> Counter[str]:
    names = ({re.sub(r"(?<=[a-z_])\d+|_\d+", "", name) for name in group} for group in groups)
    return Counter(name for group in names for name in group)


def measure(folder: Path) -> Coverage:
    """Reads every .vital of a folder, in name order."""
    readings, refused = dict[str, Reading](), dict[str, str]()
    for path in sorted(folder.glob("*.vital")):
        try:
            readings[path.stem] = vital_to_patch(path.read_text("utf-8"))
        except (PresetError, UnicodeDecodeError) as error:
            refused[path.stem] = str(error)
    return Coverage(readings, refused)


def table(coverage: Coverage) -> str:
    """The table for people."""
    lines = [f"{'preset':32} {'controls':>8} {'carried':>8}"]
    lines += [f"{name[:32]:32} {r.n_active:8} {r.coverage:8.1%}" for name, r in coverage.readings.items()]
    lines += [f"{name[:32]:32} {why}" for name, why in coverage.refused.items()]
    middle = median([r.coverage for r in coverage.readings.values()] or [0.0])
    lines.append(
        f"{len(coverage.readings)} presets, {coverage.n_active} controls in use, {coverage.share:.1%} carried, median {middle:.1%}"
    )
    for title, counter in (("lost", coverage.lost()), ("approximated", coverage.approximated())):
        lines += ["", f"{title}, in how many presets:"]
        lines += [f"{count:4}  {name}" for name, count in counter.most_common(N_SHOWN)]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Prints the table of the folder named; 1 where there is none."""
    folder = Path(arguments[0]) if len(arguments) == 1 else None
    if folder is None or not any(folder.glob("*.vital")):
        print("usage: python -m presets.coverage FOLDER, a folder with .vital presets in it", file=sys.stderr)
        return 1
    print(table(measure(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
