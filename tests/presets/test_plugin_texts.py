"""What a plugin's texts are taken for: every kind of row there is, and that a row gives back the plugin's raw values."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from presets.plugin_texts import raws, row_from_texts
from presets.schema import Parameter

FILTERS = ("Low 12", "Low 24", "High 12", "Band 12", "Notch 12")


def seconds(x: float) -> str:
    value = 32 * x**5
    return f"{1000 * value:.2f} ms" if value < 1 else f"{value:.2f} s"


def hertz(x: float) -> str:
    value = 8.1758 * 2 ** (11.4 * x)
    return f"{value / 1000:.2f} kHz" if value >= 1000 else f"{value:.1f} Hz"


def step(x: float, names: tuple[str, ...]) -> str:
    return names[math.floor(x * (len(names) - 1) + 0.5)]


# fmt: off
ROWS: tuple[tuple[str, Callable[[float], str], dict[str, object]], ...] = (
    ("a percentage", lambda x: f"{100 * x:.0f}%", dict(kind="continuous", unit="%", low=0, high=100, curve=1.0)),
    ("a bare number", lambda x: f"{24 * x - 12:f}", dict(kind="continuous", unit="", low=-12, high=12, curve=1.0)),
    ("an envelope's time", seconds, dict(kind="continuous", unit="s", low=0, high=32, curve=5.0)),
    ("a cutoff", hertz, dict(kind="continuous", unit="Hz", low=8.2, high=22080, curve="log")),
    ("a squared number", lambda x: f"{x * x:.3f}", dict(kind="continuous", unit="", low=0, high=1, curve=2.0)),
    ("octaves", lambda x: f"{math.floor(8 * x + 0.5) - 4} oct", dict(kind="integer", unit="oct", low=-4, high=4)),
    ("voices", lambda x: f"{1 + math.floor(15 * x + 0.5)}", dict(kind="integer", low=1, high=16)),
    ("a menu", lambda x: step(x, FILTERS), dict(kind="choice", choices=FILTERS)),
    ("a menu with numbers in it", lambda x: step(x, ("Off", "2x", "4x", "Auto")), dict(kind="choice", choices=("Off", "2x", "4x", "Auto"))),
    ("a menu that says a thing twice", lambda x: step(x, ("A", "B", "A")), dict(kind="choice", choices=("A", "B", "A (2)"))),
    ("a switch", lambda x: step(x, ("Off", "On")), dict(kind="switch")),
    ("decibels from silence", lambda x: f"{40 * math.log10(x):.1f} dB" if x else "-inf dB", dict(kind="continuous", unit="", low=0, high=1)),
    ("divisions of uneven shares", lambda x: "1/4" if x < 0.2 else "1/8" if x < 0.3 else "1/16", dict(kind="continuous", low=0, high=1)),
    ("nothing at all", lambda x: "", dict(kind="continuous", low=0, high=1)),
)
# fmt: on


@pytest.mark.parametrize(("show", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_texts_become_the_row_they_speak_of(
    show: Callable[[float], str], expected: dict[str, object]
) -> None:
    row = row_from_texts("Knob", 0.5, [show(x) for x in raws()])
    assert row.name == "plugin.Knob"
    for name, value in expected.items():
        got = getattr(row, name)
        assert got == pytest.approx(value, rel=0.01) if name in ("low", "high") else got == value, name


@pytest.mark.parametrize("show", [row[1] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_value_of_any_row_is_its_raw_value_again(show: Callable[[float], str]) -> None:
    texts = [show(x) for x in raws()]
    for default in (0.0, 0.003, 0.12, 0.37, 0.5, 0.81, 1.0):
        row = row_from_texts("Knob", default, texts)
        slack = {"switch": 0.5, "integer": 0.5 / max(row.high - row.low, 1)}.get(row.kind, 1e-4)
        slack = 0.5 / (len(row.choices) - 1) if row.kind == "choice" else slack
        assert row.value_to_raw(row.default) == pytest.approx(default, abs=slack)


def test_a_plugin_that_cannot_say_gives_a_row_in_raw_values() -> None:
    texts: list[str | None] = [None] * len(raws())
    assert row_from_texts("x", 0.25, texts) == Parameter("plugin.x", "continuous", 0.25)


def test_two_numbers_are_a_switch_where_the_plugin_says_two_steps() -> None:
    texts = [f"{round(x):f}" for x in raws()]
    assert row_from_texts("Sustain", 0.0, texts, n_steps=2).kind == "switch"


def test_the_laws_of_serums_sheet_are_found_in_its_texts(serumlike: Callable[[int], Path]) -> None:
    """From a real plugin: each row of a power, an octave or a range law comes back with that law."""
    from companion.hosts.hearing import described_schema
    from companion.hosts.plugin import PluginHost

    path = Path(__file__).parent.parent / "data" / "serum" / "parameters.tsv"
    facts = [line.split("\t") for line in path.read_text().splitlines()[1:]]
    with PluginHost(serumlike(316)) as host:
        schema = described_schema(host)
    checked = 0
    for name, _, default, law, _, synced, choices in facts:
        if synced or f"plugin.{name}" not in schema:
            continue
        row, (kind, *numbers) = schema[f"plugin.{name}"], law.split()
        assert row.value_to_raw(row.default) == pytest.approx(
            float(default), abs=0.003 if kind != "round" else 0.03
        )
        if kind == "power" and float(numbers[0]) == 0:
            assert row.curve == float(numbers[2]), name
        elif kind == "octaves":
            assert row.curve == "log" and row.low == pytest.approx(float(numbers[0]), rel=0.01), name
        elif name == "Hyp_Unison":
            assert (row.kind, row.low, row.high) == ("integer", 0, 7)  # a menu of numbers
        elif kind == "choice" and choices != "off|on":
            assert row.kind == "choice" and len(row.choices) == len(choices.split("|")), name
        checked += 1
    assert checked > 280
