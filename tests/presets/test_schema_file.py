"""A Schema comes back from its file as it was, to its hash; what is no Schema is refused in a sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from presets.errors import PresetError
from presets.plugin_texts import raws, row_from_texts
from presets.schema import Schema, wavetable_synth
from presets.schema_file import schema_from_json, schema_to_json


def again(schema: Schema) -> Schema:
    return schema_from_json(json.loads(json.dumps(schema_to_json(schema))))


def test_every_row_of_the_canonical_schema_comes_back() -> None:
    schema = wavetable_synth()
    assert again(schema).rows == schema.rows
    assert again(schema).hash == schema.hash
    assert again(schema).name == schema.name


def test_a_plugins_schema_comes_back() -> None:
    texts = [[f"{100 * x:.0f}%" for x in raws()], ["On" if x > 0.5 else "Off" for x in raws()]]
    schema = Schema("Synth", tuple(row_from_texts(f"Knob {n}", 0.3, t) for n, t in enumerate(texts)))
    assert again(schema).rows == schema.rows


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d | {"version": 2},
        lambda d: d | {"rows": [{"name": "x"}]},
        lambda d: d | {"rows": [{"name": "x", "kind": "choice", "default": "b", "choices": ["a"]}]},
        lambda d: d | {"rows": [{"name": "x", "kind": "switch", "default": False, "colour": 1}]},
        lambda d: {},
        lambda d: [],
    ],
)
def test_what_is_no_schema_is_refused(damage: Any) -> None:
    with pytest.raises(PresetError):
        schema_from_json(damage(schema_to_json(wavetable_synth())))
