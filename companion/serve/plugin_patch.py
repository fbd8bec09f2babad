"""A saved patch set in a hosted plugin, in the way that fits the two."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from companion.errors import HostError

if TYPE_CHECKING:
    from companion.hosts.plugin import PluginHost


def set_in_plugin(host: PluginHost, files: Mapping[str, Path]) -> str:
    """Sets it; a sentence that says so.

    Raises:
        HostError: the plugin is of another synth than the patch.
    """
    if "vstpreset" in files:
        host.set_preset(files["vstpreset"].read_bytes())
        return f"{files['vstpreset'].stem} is loaded in {host.name}"
    raise HostError(
        f"this patch was made for another synth than {host.name}; match with --synth {host.path.name}"
    )
