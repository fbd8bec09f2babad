import re

import pytest

from companion.plugins.bindings import NAMES, bound_to
from presets.plugin_names import LOOKS, Wanted, letters, resolve, words

SERUM = NAMES["serum1"]()
VITAL = NAMES["vital"]()


def spelt_out(name: str) -> str:
    """As a build with long names might have it."""
    long = {"Vol": "Volume", "Atk": "Attack", "Dec": "Decay", "Sus": "Sustain", "Rel": "Release", "Hld": "Hold",
            "Fil": "Filter", "Reso": "Resonance", "Cho": "Chorus", "Dly": "Delay", "Verb": "Reverb", "Dist": "Distortion"}  # fmt: skip
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^A-Za-z\d]+", name)
    return "".join(long.get(part, part) for part in parts)


VARIANTS = {
    "as they are": str,
    "underscores": lambda name: name.replace(" ", "_"),
    "capitals": str.upper,
    "without blanks": lambda name: name.replace(" ", ""),
    "units in brackets": lambda name: f"{name} [ms]",
    "units as python names have them": lambda name: f"{name}_hz",
    "numbers apart": lambda name: re.sub(r"(?<=[A-Za-z])(\d)", r" \1", name),
    "spelt out": spelt_out,
}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("rows", [SERUM, VITAL], ids=["serum1", "vital"])
def test_every_row_of_a_binding_is_found_in_every_spelling(rows, variant):
    shown = [variant(row.name) for row in rows]
    found = resolve(rows, shown)
    wrong = {row.name: found.found.get(row.name) for row, name in zip(rows, shown, strict=True)
             if found.found.get(row.name) != name}  # fmt: skip
    assert not wrong


def test_vital_is_found_by_the_names_it_shows_and_by_its_controls():
    for shown in ([row.aliases[0] for row in VITAL], [row.name for row in VITAL]):
        assert not resolve(VITAL, shown).missing
        assert bound_to(shown) == "vital"


@pytest.mark.parametrize("n", [228, 273, 299, 316])
def test_serum_is_told_by_its_parameters_whatever_their_number(n):
    shown = [row.name for row in SERUM[:n]] + [f"Extra {i}" for i in range(20)]
    assert bound_to(shown) == "serum1"
    assert set(resolve(SERUM, shown).missing) == {row.name for row in SERUM[n:]}


def test_other_synths_are_not_bound():
    assert bound_to([]) is None
    assert bound_to(["Cutoff", "Resonance", "Attack", "Decay", "Volume", "Env Mod"]) is None
    assert bound_to([row.name for row in SERUM[:100]]) is None


def test_of_a_name_shown_twice_the_places_decide():
    rows = [Wanted(n) for n in ("Mod 7 amt", "Mod 7 out", "Mod 8 amt", "Mod 8 out", "Last")]
    shown = ["Mod 7 amt", "Mod 8 out", "Mod 8 amt", "Mod 8 out (2)", "Last"]
    found = resolve(rows, shown)
    assert found.found["Mod 7 out"] == "Mod 8 out" and found.found["Mod 8 out"] == "Mod 8 out (2)"
    assert set(found.guessed) == {"Mod 7 out", "Mod 8 out"}


def test_what_only_its_place_would_tell_is_a_guess_and_needs_both_neighbours():
    rows = [Wanted(n) for n in ("One", "Two", "Three")]
    assert resolve(rows, ["One", "Zwei", "Three"]).guessed == ("Two",)
    assert resolve(rows, ["One", "Zwei", "Drei"]).missing == ("Two", "Three")
    assert resolve(rows, ["Zero", "One", "Three"]).missing == ("Two",)


def test_a_unit_is_dropped_only_where_it_stands_apart():
    assert words("Env1 Atk (ms)") == words("Env1 Atk") == words("env_1_attack_ms")
    assert words("Osc S") != words("Osc")[:-1] and letters("Dist_L/B/H") == "distlbh"
    for look in LOOKS[:4]:
        assert len({look(row.name) for row in SERUM}) == len(SERUM)
