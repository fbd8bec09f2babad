"""The table itself: every row goes there and back, refuses what it should, and names only what exists."""

import math

import pytest

from presets.errors import PresetError
from presets.schema import MOD_DESTINATIONS, N_MOD_SLOTS, Schema, wavetable_synth

SCHEMA = wavetable_synth()
ROWS = [pytest.param(row, id=row.name) for row in SCHEMA]
RAWS = [i / 24 for i in range(25)]


def of_kind(*kinds):
    return [pytest.param(row, id=row.name) for row in SCHEMA if row.kind in kinds]


def values_of(row):
    """Every value of a discrete row, 25 of a continuous one."""
    if row.kind == "continuous":
        return [row.raw_to_value(raw) for raw in RAWS]
    if row.kind == "integer":
        return list(range(int(row.low), int(row.high) + 1, row.step))
    return [False, True] if row.kind == "switch" else list(row.choices)


def test_enough_of_a_synth():
    assert len(SCHEMA) >= 90
    assert len({row.name for row in SCHEMA}) == len(SCHEMA)
    assert {"osc1", "osc2", "sub", "noise", "filter1", "filter2", "env1", "env3", "lfo2", "mod8"} <= set(
        SCHEMA.sections()
    )
    assert {"distortion", "chorus", "phaser", "flanger", "delay", "reverb", "compressor", "eq"} <= set(
        SCHEMA.sections()
    )


@pytest.mark.parametrize("row", ROWS)
def test_raw_and_value_are_opposites(row):
    for value in values_of(row):
        back = row.raw_to_value(row.value_to_raw(value))
        assert (
            back == pytest.approx(value, rel=1e-9, abs=1e-12) if row.kind == "continuous" else back == value
        )
    for raw in RAWS:
        assert 0.0 <= row.value_to_raw(row.raw_to_value(raw)) <= 1.0


@pytest.mark.parametrize("row", of_kind("continuous"))
def test_raw_rises_with_value_and_spans_the_range(row):
    values = [row.raw_to_value(raw) for raw in RAWS]
    assert values == sorted(values)
    assert values[0] == pytest.approx(row.low) and values[-1] == pytest.approx(row.high)
    assert row.raw_to_value(-1.0) == values[0] and row.raw_to_value(2.0) == values[-1]


@pytest.mark.parametrize("row", [p for p in ROWS if p.values[0].bins])
def test_a_value_becomes_the_nearest_token(row):
    tokens = range(row.n_tokens)
    assert [row.value_to_token(row.token_to_value(t)) for t in tokens] == list(tokens)
    for value in values_of(row):
        raw, token = row.value_to_raw(value), row.value_to_token(value)
        nearest = min(abs(raw - row.value_to_raw(row.token_to_value(t))) for t in tokens)
        assert abs(raw - row.value_to_raw(row.token_to_value(token))) == pytest.approx(nearest, abs=1e-9)
        if row.kind != "continuous":
            assert row.token_to_value(token) == value


@pytest.mark.parametrize("row", ROWS)
def test_default_is_valid(row):
    assert row.check(row.default) == row.default
    assert type(row.check(row.default)) is type(values_of(row)[0])


@pytest.mark.parametrize("row", of_kind("continuous", "integer"))
def test_a_number_refuses_what_is_none_or_out_of_range(row):
    for wrong in (math.nan, math.inf, -math.inf, 1e30, -1e30, "1", True, None):
        with pytest.raises(PresetError, match=row.name):
            row.check(wrong)


@pytest.mark.parametrize("row", of_kind("choice"))
def test_a_choice_names_the_choices(row):
    for wrong in ("no such choice", 0, True, None, ""):
        with pytest.raises(PresetError, match=row.choices[-1]):
            row.check(wrong)


@pytest.mark.parametrize("row", of_kind("switch"))
def test_a_switch_is_on_or_off(row):
    for wrong in ("on", 2, -1, 0.5, None):
        with pytest.raises(PresetError, match="on or off"):
            row.check(wrong)


@pytest.mark.parametrize("row", of_kind("continuous", "integer"))
def test_the_ends_of_a_range_are_in_it(row):
    for value in (row.low, row.high):
        assert row.low <= row.check(value) <= row.high


@pytest.mark.parametrize("row", [p for p in ROWS if p.values[0].when])
def test_conditions_name_rows_and_values_that_exist(row):
    for name, allowed in row.when:
        names = [name.replace("*", str(n)) for n in range(1, N_MOD_SLOTS + 1)] if "*" in name else [name]
        for other in names:
            assert {SCHEMA[other].check(value) for value in allowed} == set(allowed)


@pytest.mark.parametrize("row", [p for p in ROWS if p.values[0].when])
def test_what_a_row_depends_on_is_said_before_it(row):
    order = [r.name for r in SCHEMA]
    for name, _ in row.when:
        assert order.index(name.replace("*", "1")) < order.index(row.name)


@pytest.mark.parametrize("row", [p for p in ROWS if p.values[0].prior.weights])
def test_priors_weigh_values_that_exist(row):
    values, weights = zip(*row.prior.weights, strict=True)
    assert [row.check(v) for v in values] == list(values)
    assert all(w >= 0 for w in weights) and sum(weights) > 0


@pytest.mark.parametrize("row", [p for p in ROWS if p.values[0].prior.centre is not None])
def test_priors_gather_inside_the_range(row):
    assert row.low <= row.prior.centre <= row.high


@pytest.mark.parametrize("name", MOD_DESTINATIONS)
def test_a_destination_is_a_parameter_or_a_pitch(name):
    assert name in SCHEMA or name in {"osc1.pitch", "osc2.pitch", "sub.pitch", "voice.pitch"}


def test_gates_open_their_sections():
    values = {"filter1.on": False, "filter1.type": "lp12"}
    assert not SCHEMA.matters(SCHEMA["filter1.cutoff"], values)
    assert SCHEMA.matters(SCHEMA["filter1.cutoff"], {**values, "filter1.on": True})
    assert not SCHEMA.matters(SCHEMA["lfo1.rate"], {})
    assert SCHEMA.matters(SCHEMA["lfo1.rate"], {"mod3.source": "lfo1"})


def test_an_unknown_parameter_is_named():
    with pytest.raises(PresetError, match=r"filter1\.cutof"):
        SCHEMA["filter1.cutof"]


def test_the_hash_follows_what_a_model_depends_on():
    def changed(**fields):
        rows = list(SCHEMA.rows)
        at = next(i for i, r in enumerate(rows) if r.name == "filter1.cutoff")
        rows[at] = type(rows[at])(
            **{**{f: getattr(rows[at], f) for f in rows[at].__dataclass_fields__}, **fields}
        )
        return Schema(SCHEMA.name, tuple(rows)).hash

    assert changed() == SCHEMA.hash
    assert changed(high=20_000) != SCHEMA.hash
    assert changed(bins=55) != SCHEMA.hash
    assert changed(default=300) == SCHEMA.hash  # a default changes no token


def test_chorus_voices_come_in_fours():
    row = wavetable_synth()["chorus.voices"]
    assert [row.check(n) for n in (4, 5, 7, 9, 16)] == [4, 4, 8, 8, 16]
    assert {row.raw_to_value(n / 50) for n in range(51)} == {4, 8, 12, 16}
    assert row.range_text == "4 to 16 in steps of 4"
