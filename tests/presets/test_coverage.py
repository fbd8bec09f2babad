"""What the schema carries of real presets."""

import json
import subprocess
import sys
from pathlib import Path

from presets.coverage import main, measure, table
from presets.patch import Patch
from presets.vital import patch_to_vital
from presets.vital_binding import default_controls

REAL = Path(__file__).parents[1] / "data" / "vital"


def test_four_fifths_of_real_presets():
    coverage = measure(REAL)
    assert len(coverage.readings) == 6 and not coverage.refused
    assert coverage.n_active > 250
    assert coverage.share > 0.8
    assert coverage.lost()["effect_chain_order"] == 5
    assert set(coverage.approximated()) > {"mod", "lfo.rate"}


def test_a_control_counts_when_it_is_off_vitals_init_and_its_section_is_on(tmp_path):
    document = json.loads(patch_to_vital(Patch()))
    used = {"filter_1_on": 1, "filter_1_cutoff": 70, "osc_1_detune_power": 3.0}
    document["settings"].update(
        default_controls() | used | {"reverb_size": 0.9, "filter_fx_mix": 0.3, "lfo_3_phase": 1}
    )
    (tmp_path / "a.vital").write_text(json.dumps(document))
    reading = measure(tmp_path).readings["a"]
    assert reading.covered == {"filter_1_on", "filter_1_cutoff"}
    assert reading.lost == ("osc_1_detune_power",)


def test_the_table_says_what_was_refused(tmp_path):
    (tmp_path / "broken.vital").write_text("{}")
    (tmp_path / "plain.vital").write_text(patch_to_vital(Patch()))
    text = table(measure(tmp_path))
    assert "not a Vital preset" in text
    assert "1 presets" in text


def test_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "presets.coverage", str(REAL)], capture_output=True, text=True, check=True
    )
    assert "6 presets" in done.stdout and "effect_chain_order" in done.stdout


def test_the_command_without_presets(tmp_path, capsys):
    assert main([str(tmp_path)]) == main([]) == 1
    assert "FOLDER" in capsys.readouterr().err
