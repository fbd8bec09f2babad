"""A saved patch set in a hosted plugin, in the way that fits the two; and what it says of parameters, for a DAW to set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from companion.errors import HostError
from presets.errors import PresetError

if TYPE_CHECKING:
    from companion.hosts.bound import Bound
    from companion.hosts.plugin import PluginHost


def open_bound(host: PluginHost) -> Bound | None:
    """The plugin as one that takes patches of the common schema; None where it is none.

    Raises:
        HostError: there is a binding, but neither its states nor its parameters work here.
    """
    from companion.bindings import bound_to
    from companion.hosts.bound import Bound

    name = bound_to([parameter.name for parameter in host.parameters], host.name)
    return Bound(host, name) if name else None


def set_in_plugin(host: PluginHost, bound: Bound | None, files: Mapping[str, Path]) -> str:
    """Sets it; a sentence that says so.

    Raises:
        HostError: the plugin is of another synth than the patch.
        PresetError: the saved patch cannot be read any more.
    """
    if bound is not None:
        from companion.store import read_patch

        told = bound.set_patch(read_patch(files["txt"]))
        left_out = f" ({len(told)} settings only nearly)" if told else ""
        return f"{files['txt'].stem} is loaded in {host.name}{left_out}"
    if "vstpreset" in files:
        host.set_preset(files["vstpreset"].read_bytes())
        return f"{files['vstpreset'].stem} is loaded in {host.name}"
    raise HostError(
        f"this patch was made for another synth than {host.name}; match with --synth {host.path.name}"
    )


def parameters_of(files: Mapping[str, str]) -> dict[str, dict[str, float]] | None:
    """Plugin -> its parameters' names -> values 0..1, of a saved patch; None for a patch of no common schema."""
    from companion.hosts.bound import BINDINGS
    from companion.store import read_patch

    try:
        patch = read_patch(Path(files["txt"]))
    except (KeyError, PresetError):
        return None
    shown = json.loads(
        resources.files("presets").joinpath("bindings", "vital_display.json").read_text("utf-8")
    )
    found: dict[str, dict[str, float]] = {}
    for plugin, binding, names in (("Vital", "vital", shown), ("Serum", "serum1", None)):
        values = BINDINGS[binding].values
        if values is not None:
            raws = values(patch)[0]
            found[plugin] = {
                (names or {}).get(name, name): round(raw, 6)
                for name, raw in raws.items()
                if names is None or name in names
            }
    return found
