"""How much of real Serum presets the schema carries: `python -m presets.serum_coverage FOLDER` prints the table.

A setting counts when it is off Serum's init and its section is on: a knob, a menu, a switch, a routing (with all it
says), a drawn LFO in use, a wavetable, the order of effects. What Serum's files do not hold (its own tables and samples)
counts as approximated or lost, as it went.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from presets import coverage as vital_coverage
from presets.errors import PresetError
from presets.serum_files import SUFFIXES, read_serum
from presets.vital import Reading

N_SHOWN = 20  # of what is lost or approximated
PARTS = (  # of Serum, by what its controls are called; the first that matches
    ("routings", r"slot "), ("LFOs", r"LFO|Chaos|chaos"), ("envelopes", r"Env|[ADR] curve"),
    ("sub and noise", r"Sub|sub|Noise|noise|Osc[NS]|Osc [NS]"),
    ("oscillators", r"[ABC] |Osc|WarpOsc|table|unison|WTOsc"), ("filter", r"Fil\d? |Filter|filter|VoiceFilter"),
    ("effects", r"FX|Hyp|Dist|Flg|Phs|Cho|Dly|Cmp|Comp|Verb|Decay|Spin|reverb|EQ|Rev|effects"), ("voice and rest", r""),
)  # fmt: skip


class Coverage(vital_coverage.Coverage):
    """What became of the presets of a folder, what is near apart."""

    @property
    def n_near(self) -> int:
        """Those that are only near."""
        return sum(len(r.near) for r in self.readings.values())

    @property
    def n_lost(self) -> int:
        return self.n_active - sum(len(r.covered) for r in self.readings.values())

    @property
    def share(self) -> float:
        """Share of the settings in use that crosses, near or not, 0..1."""
        return 1 - self.n_lost / max(self.n_active, 1)


def measure(folder: Path) -> Coverage:
    """Reads every Serum preset of a folder and those in it, in name order."""
    readings, refused = dict[str, Reading](), dict[str, str]()
    for path in serum_files(folder):
        try:
            readings[path.stem] = read_serum(path)
        except PresetError as error:
            refused[path.stem] = str(error)
    return Coverage(readings, refused)


def serum_files(folder: Path) -> list[Path]:
    """The presets of a folder and those in it."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def by_part(coverage: Coverage) -> dict[str, tuple[int, int, int]]:
    """Part of Serum -> settings in use, how many of them are near, how many are lost."""
    out = {part: (0, 0, 0) for part, _ in PARTS}
    for reading in coverage.readings.values():
        for name in reading.active:
            part = next(part for part, pattern in PARTS if re.match(pattern, name))
            n, near, lost = out[part]
            out[part] = (n + 1, near + (name in reading.near), lost + (name not in reading.covered))
    return out


def table(coverage: Coverage) -> str:
    """The table for people."""
    lines = [f"{'preset':40} {'settings':>8} {'exactly':>8} {'near':>8} {'lost':>8}"]
    for name, r in coverage.readings.items():
        near, lost = len(r.near), r.n_active - len(r.covered)
        exact = r.n_active - near - lost
        lines.append(f"{name[:40]:40} {r.n_active:8} {exact:8} {near:8} {lost:8}")
    lines += [f"{name[:40]:40} {why}" for name, why in coverage.refused.items()]
    n, near, lost = coverage.n_active, coverage.n_near, coverage.n_lost
    middle, least = (f([r.coverage for r in coverage.readings.values()] or [0.0]) for f in (median, min))
    lines.append(
        f"{len(coverage.readings)} presets, {n} settings in use: {1 - (near + lost) / max(n, 1):.1%} exactly, "
        f"{near / max(n, 1):.1%} near, {lost / max(n, 1):.1%} lost; a preset carries {middle:.1%} (median), {least:.1%} at least"
    )
    lines += ["", f"{'part':16} {'settings':>8} {'exactly':>8} {'near':>8} {'lost':>8}"]
    for part, (n, near, lost) in by_part(coverage).items():
        exact, n = n - near - lost, max(n, 1)
        lines.append(f"{part:16} {n:8} {exact / n:8.1%} {near / n:8.1%} {lost / n:8.1%}")
    readings = coverage.readings.values()
    for title, texts in (
        ("lost", [r.lost for r in readings]),
        ("approximated", [r.approximated for r in readings]),
    ):
        lines += ["", f"{title}, in how many presets:"]
        lines += [f"{count:4}  {text}" for text, count in _count(texts).most_common(N_SHOWN)]
    return "\n".join(lines)


def _count(groups: Iterable[Iterable[str]]) -> Counter[str]:
    """Sentences alike but for numbers -> in how many presets."""
    return Counter(text for group in groups for text in {alike(text) for text in group})


def alike(text: str) -> str:
    """A sentence without what differs from preset to preset."""
    text = re.sub(r"\s*[\d.]+(?=\b)", " #", text.partition("; ")[0])
    text = re.sub(r"go .*", "go in an order of their own", text)
    text = re.sub(
        r"slot #, .*", "slot is left out", re.sub(r"(table|sample) \S.*?(?= is not| was)", r"\1", text)
    )
    return re.sub(r"\s+", " ", text)


def main(arguments: Sequence[str]) -> int:
    """Prints the table of the folder named; 1 where there is none."""
    folder = Path(arguments[0]) if len(arguments) == 1 else None
    if folder is None or not serum_files(folder):
        text = (
            "usage: python -m presets.serum_coverage FOLDER, a folder with .fxp or .SerumPreset files in it"
        )
        print(text, file=sys.stderr)
        return 1
    print(table(measure(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
