"""A Schema as JSON, for a model that was trained on one that no code holds: the opposite sides read and write all of it."""

from __future__ import annotations

import dataclasses
from typing import Any

from presets.errors import PresetError
from presets.schema import Parameter, Prior, Schema

VERSION = 1


def schema_to_json(schema: Schema) -> dict[str, Any]:
    """What `json.dumps` takes: its name and a row a parameter; what is as a Parameter has it is left out."""
    return {"version": VERSION, "name": schema.name, "rows": [_row_to_json(row) for row in schema]}


def schema_from_json(data: Any) -> Schema:
    """The opposite of schema_to_json.

    Raises:
        PresetError: it is no such thing.
    """
    try:
        if data["version"] != VERSION:
            raise PresetError(f"the schema is of version {data['version']}; this program reads {VERSION}")
        schema = Schema(str(data["name"]), tuple(_row_from_json(row) for row in data["rows"]))
        for row in schema:
            row.check(row.default)
        return schema
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PresetError(
            f"this is no schema ({type(error).__name__}: {error}); learn the plugin again"
        ) from None


def _row_to_json(row: Parameter) -> dict[str, Any]:
    out = {}
    for field in dataclasses.fields(row):
        value = getattr(row, field.name)
        plain = field.default_factory() if callable(field.default_factory) else field.default
        if repr(value) != repr(plain):  # 0 and 0.0 are not the same to a hash
            out[field.name] = _plain(value)
    return out


def _plain(value: Any) -> Any:
    if isinstance(value, Prior):
        return {k: _plain(v) for k, v in dataclasses.asdict(value).items()}
    if isinstance(value, frozenset):
        return sorted(value, key=str)
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


def _row_from_json(data: dict[str, Any]) -> Parameter:
    fields = dict(data)
    if "prior" in fields:
        prior = dict(fields["prior"])
        prior["weights"] = tuple((value, float(weight)) for value, weight in prior.get("weights", ()))
        fields["prior"] = Prior(**prior)
    fields["choices"] = tuple(fields.get("choices", ()))
    fields["when"] = tuple((name, frozenset(allowed)) for name, allowed in fields.get("when", ()))
    return Parameter(**fields)
