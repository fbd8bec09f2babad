"""The table in docs/schema.md, made from the schema: `python -m presets.schema_doc docs/schema.md` renews it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from presets.schema import Condition, Parameter, Value, wavetable_synth
from presets.txt import value_text

MARK = "<!-- from here on: python -m presets.schema_doc docs/schema.md -->"
MANY = 20  # longer lists of choices stand once, below the tables


def table() -> str:
    """Every parameter, a table a section, as Markdown."""
    schema = wavetable_synth()
    lines = [
        f"{len(schema)} parameters, schema hash `{schema.hash}`; a model says {sum(bool(r.bins) for r in schema)} of them."
    ]
    for section in schema.sections():
        rows = [r for r in schema if r.section == section]
        lines += [
            "",
            f"### {section}",
            "",
            "| parameter | kind | range or choices | default | said in | matters when |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_line(row) for row in rows]
    lines += ["", "### Long lists", ""]
    lines += [f"`{key}`: {', '.join(choices)}\n" for choices, key in _long_lists().items()]
    return "\n".join(lines).rstrip() + "\n"


def _long_lists() -> dict[tuple[str, ...], str]:
    """Choices, of the rows with many -> the key of the first row that has them."""
    lists: dict[tuple[str, ...], str] = {}
    for row in wavetable_synth():
        if len(row.choices) > MANY:
            lists.setdefault(row.choices, row.key)
    return lists


def _line(row: Parameter) -> str:
    said = f"{row.n_tokens} steps" if row.bins else "not said"
    when = "; ".join(_condition(c) for c in row.when) or "always"
    return f"| `{row.name}` | {row.kind} | {_range(row)} | {value_text(row, row.default)} | {said} | {when} |"


def _range(row: Parameter) -> str:
    if row.kind == "switch":
        return "on, off"
    if row.kind == "choice":
        return (
            f"{len(row.choices)}, see below: `{_long_lists()[row.choices]}`"
            if len(row.choices) > MANY
            else ", ".join(row.choices)
        )
    curve = {"log": ", logarithmic", 1.0: ""}.get(row.curve, f", power {row.curve}")
    return row.range_text + curve


def _condition(condition: Condition) -> str:
    name, allowed = condition
    other = wavetable_synth()[name.replace("*", "1")]
    every: set[Value] = set(other.choices) or set(range(int(other.low), int(other.high) + 1))
    missing = every - allowed
    if allowed == {True}:
        return f"`{name}` is on"
    what = "any slot's source" if "*" in name else f"`{name}`"
    if other.kind != "switch" and len(missing) < len(allowed):
        return f"{what} is not {_names(missing)}"
    return f"{what} is {_names(allowed)}"


def _names(values: frozenset[Value] | set[Value]) -> str:
    return " or ".join(sorted(map(str, values)))


def renewed(text: str) -> str:
    """A document with its table made anew; what stands before the mark is a person's."""
    return f"{text.partition(MARK)[0]}{MARK}\n\n{table()}"


def main(arguments: Sequence[str]) -> int:
    """Renews the file named."""
    if len(arguments) != 1:
        print("usage: python -m presets.schema_doc docs/schema.md", file=sys.stderr)
        return 1
    path = Path(arguments[0])
    path.write_text(renewed(path.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
