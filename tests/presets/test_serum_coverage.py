"""What crosses from real Serum presets, as the command tells it."""

import subprocess
import sys

from presets.serum_coverage import alike, main, measure, table
from tests.presets.serum_files import DATA, FXP, SERUM2


def test_most_of_real_presets_crosses():
    coverage = measure(DATA)
    assert len(coverage.readings) == len(FXP) + len(SERUM2) and not coverage.refused
    assert coverage.n_active > 400
    assert coverage.share > 0.8
    assert 0 < coverage.n_near < coverage.n_active / 4
    assert coverage.n_lost == sum(r.n_active - len(r.covered) for r in coverage.readings.values())


def test_the_table_says_what_was_refused(tmp_path):
    (tmp_path / "broken.fxp").write_bytes(b"CcnK")
    (tmp_path / "fine.fxp").write_bytes(FXP[0].read_bytes())
    text = table(measure(tmp_path))
    assert "does not begin as one" in text and "1 presets" in text and "lost" in text


def test_sentences_are_counted_without_their_numbers():
    a, b = (f"Serum's slot {n}, LFO {n} to A Vol, is left out: there is no word for LFO {n}" for n in (1, 3))
    assert alike(a) == alike(b)
    assert alike("Serum's table /Analog/Jno.wav is not in the file and became pwm").startswith(
        "Serum's table is not"
    )


def test_the_command():
    command = [sys.executable, "-m", "presets.serum_coverage", str(DATA)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "13 presets" in done.stdout and "approximated, in how many presets" in done.stdout


def test_the_command_without_presets(tmp_path, capsys):
    assert main([str(tmp_path)]) == main([]) == 1
    assert "FOLDER" in capsys.readouterr().err
