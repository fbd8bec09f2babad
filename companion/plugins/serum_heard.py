"""Which Serum presets sound when they are read as patches: `python -m companion.plugins.serum_heard FOLDER` prints the table."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from companion.hosts.vital import VitalHost
from companion.judging.metrics import is_silent
from presets.errors import PresetError
from presets.serum_coverage import serum_files
from presets.serum_files import read_serum

NOTES = (36, 48, 60)  # a preset sounds if one of them does
NOTE_S, TOTAL_S = 1.5, 2.0


def peaks_db(path: Path, host: VitalHost) -> list[float]:
    """Peak in dBFS of each note of NOTES; -inf for one that is silent. Raises PresetError."""
    host.set_patch(read_serum(path).patch)
    renders = [host.render(note, NOTE_S, TOTAL_S) for note in NOTES]
    return [float("-inf") if is_silent(a) else float(20 * np.log10(np.abs(a).max())) for a in renders]


def main(arguments: Sequence[str]) -> int:
    """Prints how loud every preset of the folder plays; 1 where there is none."""
    files = serum_files(Path(arguments[0])) if len(arguments) == 1 else []
    if not files:
        text = "usage: python -m companion.plugins.serum_heard FOLDER, a folder with .fxp or .SerumPreset files in it"
        print(text, file=sys.stderr)
        return 1
    host, heard = VitalHost(), 0
    for path in files:
        try:
            peaks = peaks_db(path, host)
        except PresetError as error:
            print(error)
            continue
        heard += max(peaks) > float("-inf")
        print(f"{path.stem[:40]:40}", *(f"{peak:6.1f}" for peak in peaks), flush=True)
    print(f"{heard} of {len(files)} presets sound ({heard / len(files):.1%})")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
