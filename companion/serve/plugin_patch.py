"""A saved patch set in a hosted plugin, in the way that fits the two."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from companion.errors import HostError

if TYPE_CHECKING:
    from companion.hosts.bound import Bound
    from companion.hosts.plugin import PluginHost


def open_bound(host: PluginHost) -> Bound | None:
    """The plugin as one that takes patches of the common schema; None where it is none.

    Raises:
        HostError: there is a binding, but neither its states nor its parameters work here.
    """
    from companion.hosts.bound import Bound
    from companion.plugins.bindings import bound_to

    name = bound_to([parameter.name for parameter in host.parameters], host.name)
    return Bound(host, name) if name else None


def set_in_plugin(host: PluginHost, bound: Bound | None, files: Mapping[str, Path]) -> str:
    """Sets it; a sentence that says so.

    Raises:
        HostError: the plugin is of another synth than the patch.
        PresetError: the saved patch cannot be read any more.
    """
    if bound is not None:
        from companion.disk.store import read_patch

        told = bound.set_patch(read_patch(files["txt"]))
        left_out = f" ({len(told)} settings only nearly)" if told else ""
        return f"{files['txt'].stem} is loaded in {host.name}{left_out}"
    if "vstpreset" in files:
        host.set_preset(files["vstpreset"].read_bytes())
        return f"{files['vstpreset'].stem} is loaded in {host.name}"
    raise HostError(
        f"this patch was made for another synth than {host.name}; match with --synth {host.path.name}"
    )
