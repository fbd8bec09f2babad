"""The .txt codec: what it writes it reads, and a broken line is named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from presets.errors import PresetError
from presets.patch import Patch
from presets.schema import OWN, wavetable_synth
from presets.txt import HEADER, note_name, parse_note, patch_to_text, text_to_patch, value_text

SCHEMA = wavetable_synth()
OWNABLE = {"osc1.table": (3, 2048), "sub.shape": (1, 2048), "noise.kind": (2, 500), "lfo1.shape": (4, 3)}


def any_value(row):
    if row.kind == "continuous":
        return st.floats(row.low, row.high)
    if row.kind == "integer":
        return st.integers(int(row.low), int(row.high))
    return st.booleans() if row.kind == "switch" else st.sampled_from([c for c in row.choices if c != OWN])


VALUES = st.lists(st.sampled_from(SCHEMA.rows), max_size=30).flatmap(
    lambda rows: st.fixed_dictionaries({row.name: any_value(row) for row in rows})
)
PATCHES = st.builds(
    Patch, VALUES, note=st.integers(0, 127), name=st.text(max_size=20), comment=st.text(max_size=60)
)


@given(PATCHES)
def test_reads_what_it_wrote(patch):
    text = patch_to_text(patch)
    assert text_to_patch(text) == patch
    assert patch_to_text(text_to_patch(text)) == text


@given(PATCHES, st.sets(st.sampled_from(sorted(OWNABLE)), min_size=1))
def test_own_data_lies_beside_the_text(patch, names):
    assets = {name: np.ones(OWNABLE[name], np.float32) for name in names}
    own = patch.with_values(dict.fromkeys(names, OWN), assets=assets)
    files = {name: f"a {name}.wav" for name in names}
    text = patch_to_text(own, files)
    assert all(f'own "a {name}.wav"' in text for name in names)
    asked = {}
    back = text_to_patch(text, lambda name, file: asked.setdefault((name, file), assets[name]))
    assert back == own
    assert set(asked) == set(files.items())


def test_a_text_a_person_can_read():
    patch = Patch(
        {"filter1.on": True, "filter1.cutoff": 900, "osc1.octave": -1, "filter1.type": "lp24"},
        note=48,
        name="dub",
    )
    assert patch_to_text(patch).splitlines() == [
        HEADER, "note = 48 (C2)", "name = 'dub'", "",
        "[osc1]", "octave = -1", "",
        "[filter1]", "on = on", "type = lp24", "cutoff = 900 Hz",
    ]  # fmt: skip


def test_hands_may_write_it():
    text = f"{HEADER}\n# a comment\n\n  note = C2\n[filter1]\n  on=on\n cutoff = 0.9e3\n\tresonance =  20 %\n"
    patch = text_to_patch(text)
    assert (patch.note, patch["filter1.on"], patch["filter1.cutoff"], patch["filter1.resonance"]) == (
        48,
        True,
        900.0,
        20.0,
    )


@pytest.mark.parametrize("row", SCHEMA, ids=lambda row: row.name)
def test_every_line_says_its_unit(row):
    text = value_text(row, row.default)
    assert text.endswith(row.unit)
    assert text_to_patch(f"{HEADER}\n[{row.section}]\n{row.key} = {text}\n")[row.name] == Patch()[row.name]


BROKEN = [  # a line after `[osc1]`, which is line 2, and what the message must hold besides "line 3"
    ("level", "name = value"),
    ("level -6", "name = value"),
    ("level = -6 Hz", "-40 to 0 dB"),
    ("level = loud", "-40 to 0 dB"),
    ("level = 3 dB", "-40 to 0 dB"),
    ("level = nan", "-40 to 0 dB"),
    ("level = inf dB", "-40 to 0 dB"),
    ("level = ", "-40 to 0 dB"),
    ("levle = -6 dB", "the nearest are osc1.level"),
    ("on = yes", "on or off"),
    ("octave = 1.5", "-4 to 4"),
    ("octave = 9", "-4 to 4"),
    ("warp = fm", "fm_osc"),
    ("table = own", "file"),
    ('table = own "x.wav"', "x.wav"),
    ('level = own "x.wav"', "-40 to 0 dB"),
    ('table = own "../x.wav"', "file"),
    ("[osc9]", "osc1, osc2"),
    ("[osc1", "osc1, osc2"),
    ("\x00", "name = value"),
]


@pytest.mark.parametrize(("line", "expected"), BROKEN)
def test_a_broken_line_gives_its_number_and_what_was_expected(line, expected):
    with pytest.raises(PresetError) as error:
        text_to_patch(f"{HEADER}\n[osc1]\n{line}\n[osc2]\non = on\n")
    assert str(error.value).startswith("line 3: ")
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "line",
    ["x" * 9999, "level = " + "9" * 9999, "[" + "x" * 9999, "table = " + "x" * 9999, "x" * 9999 + "= 1"],
)
def test_a_long_line_is_quoted_in_part(line):
    with pytest.raises(PresetError) as error:
        text_to_patch(f"{HEADER}\n[osc1]\n{line}\n")
    assert len(str(error.value)) < 700


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "line 1"),
        ("hello", "line 1"),
        (f"{HEADER[:-1]}2\n", "line 1: .* another version"),
        (f"{HEADER}\nnote = H3\n", "line 2: 'H3' is no note"),
        (f"{HEADER}\nnote = 200\n", "line 2"),
        (f"{HEADER}\nname = dub\n", "line 2"),
        (f"{HEADER}\nname = __import__('os')\n", "line 2"),
        (f"{HEADER}\ntempo = 3\n", "line 2"),
        (f"{HEADER}\nnote = 60\nnote = 61\n", "line 3: note was set above"),
        (f"{HEADER}\n[osc1]\nlevel = -6 dB\nlevel = -7 dB\n", "line 4: osc1.level was set above"),
    ],
)
def test_a_broken_head(text, expected):
    with pytest.raises(PresetError, match=expected):
        text_to_patch(text)


@given(st.text(max_size=200))
def test_nothing_but_a_patch_or_a_reason(text):
    for candidate in (text, f"{HEADER}\n{text}", f"{HEADER}\n[osc1]\n{text}"):
        try:
            text_to_patch(candidate)
        except PresetError as error:
            assert str(error).startswith("line ")


@pytest.mark.parametrize("note", range(128))
def test_notes_have_names(note):
    assert parse_note(note_name(note)) == parse_note(str(note)) == note


def test_middle_c_is_c3_and_flats_are_read():
    assert note_name(60) == "C3"
    assert parse_note("Bb1") == parse_note("a#1") == 46


@pytest.mark.parametrize("text", ["", "H1", "C", "C99", "-1", "128", "G#8", "6O", "１２"])
def test_what_is_no_note_is_refused(text):
    with pytest.raises(PresetError, match="note"):
        parse_note(text)
