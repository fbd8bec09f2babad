import pytest
from hypothesis import given
from hypothesis import strategies as st

from presets.errors import PresetError
from presets.plugin_schema import Control, patch_of, plugin_schema, raw_values
from presets.plugin_txt import plugin_text, read_plugin_text

names = st.text(st.characters(categories=["L", "N"], include_characters=" ._/>()-"), min_size=1, max_size=12)
names = names.map(str.strip).filter(bool)


@given(st.dictionaries(names, st.floats(0, 1), min_size=1), st.integers(0, 127), st.text(max_size=9))
def test_a_patch_of_any_plugin_comes_back(raws, note, shown):
    schema = plugin_schema("Any", [Control(name, 0.5, 2**31) for name in raws])
    patch = patch_of(schema, raws, note)
    plugin, heard, read = read_plugin_text(plugin_text(patch, "Any", dict.fromkeys(raws, shown)))
    assert (plugin, heard) == ("Any", note)
    assert read == pytest.approx(raw_values(patch), abs=1e-6)


def test_a_text_says_what_the_plugin_shows():
    patch = patch_of(plugin_schema("X", [Control("Cutoff", 0.5, 2**31)]), {"Cutoff": 0.7}, 48)
    text = plugin_text(patch, "X", {"Cutoff": "425 Hz\n"})
    assert "Cutoff = 0.700000 (425 Hz)\n" in text and "note = 48 (C2)" in text


@pytest.mark.parametrize("text", ["", "whispersynth patch 1\n", "whispersynth plugin patch 1\nfoo = 1\n",
                                  "whispersynth plugin patch 1\n\nCutoff = 1.5\n",
                                  "whispersynth plugin patch 1\n\nCutoff\n"])  # fmt: skip
def test_what_is_no_patch_gives_one_error(text):
    with pytest.raises(PresetError):
        read_plugin_text(text)
