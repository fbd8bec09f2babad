"""Which parameters of a real plugin can be heard, found by rendering."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from companion.hosts.hearing import described_schema, listen_to
from companion.hosts.plugin import PluginHost
from presets.schema import Schema

SOUNDING = ("MasterVol", "A Vol", "A Semi", "Env1 Atk", "Env1 Sus", "Fil Cutoff", "OscA>Fil", "Filter On", "Sub Osc Level", "Osc S On")  # fmt: skip
SILENT = (
    "A Unison",
    "A Warp",
    "Fil Type",
    "Verb Wet",
    "Rev Enable",
    "LFO1 Rate",
    "Chaos1 BPM",
    "Macro 2",
    "Mod 1 amt",
)


def test_every_parameter_of_nekobi_is_heard_and_all_is_as_before(nekobi: Path) -> None:
    with PluginHost(nekobi) as host:
        schema = described_schema(host)
        before = host.values()
        heard = listen_to(host, schema)
        assert heard.audible == {row.name for row in schema} and len(schema) == 8
        assert host.values() == before


def test_kars_volume_is_only_gain(kars: Path) -> None:
    with PluginHost(kars) as host:
        heard = listen_to(host, described_schema(host))
    assert heard.gains == ("plugin.Volume",)


def test_of_a_large_synth_what_sounds_is_told_from_what_does_not(serumlike: Callable[[int], Path]) -> None:
    with PluginHost(serumlike(316)) as host:
        schema = described_schema(host)
        few = Schema(schema.name, tuple(schema[f"plugin.{name}"] for name in (*SOUNDING, *SILENT)))
        heard = listen_to(host, few)
    assert {name.partition(".")[2] for name in heard.audible} == set(SOUNDING)
    assert heard.gains[0] == "plugin.MasterVol"
