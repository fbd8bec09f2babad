"""docs/schema.md is made from the schema and up to date."""

from pathlib import Path

from presets.schema import wavetable_synth
from presets.schema_doc import MARK, main, renewed, table

DOC = Path(__file__).parents[2] / "docs" / "schema.md"


def test_the_document_is_current():
    text = DOC.read_text("utf-8")
    assert MARK in text
    assert renewed(text) == text, f"run: python -m presets.schema_doc {DOC}"


def test_every_parameter_is_in_it():
    text = table()
    assert all(f"| `{row.name}` | {row.kind} |" in text for row in wavetable_synth())
    assert "| `filter1.cutoff` | continuous | 13 to 21000 Hz, logarithmic | 260 Hz | 56 steps |" in text
    assert "`filter1.on` is on" in text


def test_a_persons_words_are_kept(tmp_path):
    path = tmp_path / "schema.md"
    path.write_text("Words.\n\n" + MARK + "\n\nold")
    assert main([str(path)]) == 0
    assert path.read_text("utf-8") == f"Words.\n\n{MARK}\n\n{table()}"
    assert main([]) == 1
