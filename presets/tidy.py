"""Leaving out what nothing reaches: a filter without input, an effect without mix, a routing to what is off.

A model's patches, and people's, have such leftovers; they cannot be heard, but who reads the patch takes them for settings that
matter, and a search turns their knobs in vain.
"""

from __future__ import annotations

from collections.abc import Callable

from presets.patch import Patch
from presets.schema import N_MOD_SLOTS, Value

SOURCES = ("osc1", "osc2", "sub", "noise")
EFFECTS = ("distortion", "chorus", "phaser", "flanger", "delay", "reverb", "compressor")


def tidied(patch: Patch) -> Patch:
    """The same sound, with everything switched off that no sound reaches or that lets none through."""
    while changes := {
        name: value for look in LOOKS for name, value in look(patch).items() if patch[name] != value
    }:
        patch = patch.with_values(changes)  # what goes off may leave something else without effect
    return patch.canonical()


def _filters_without_input(patch: Patch) -> dict[str, Value]:
    routes = {patch[f"{source}.route"] for source in SOURCES if patch[f"{source}.on"]}
    first = bool(routes & {"filter1", "both"})
    second = bool(routes & {"filter2", "both"}) or (first and bool(patch["filter2.after_filter1"]))
    return {f"{name}.on": False for name, reached in (("filter1", first), ("filter2", second)) if not reached}


def _effects_without_mix(patch: Patch) -> dict[str, Value]:
    return {
        f"{name}.on": False
        for name in EFFECTS
        if not patch.number(f"{name}.mix") and not patch.is_moved(f"{name}.mix")
    }


def _routings_to_what_is_off(patch: Patch) -> dict[str, Value]:
    off: dict[str, Value] = {}
    for n in range(1, N_MOD_SLOTS + 1):
        section = str(patch[f"mod{n}.destination"]).partition(".")[0]
        idle = section.startswith("mod") and patch[f"{section}.source"] == "none"
        if idle or (f"{section}.on" in patch.schema and not patch[f"{section}.on"]):
            off[f"mod{n}.source"] = "none"
    return off


LOOKS: tuple[Callable[[Patch], dict[str, Value]], ...] = (
    _filters_without_input,
    _effects_without_mix,
    _routings_to_what_is_off,
)
