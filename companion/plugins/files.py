"""What of a plugin's patch goes to disk: a text to turn the knobs by, and the plugin's own state as a `.vstpreset`."""

from __future__ import annotations

from collections.abc import Mapping

from companion.errors import HostError
from companion.hosts.plugin import PluginHost
from presets.patch import Patch
from presets.plugin_schema import raw_values
from presets.plugin_txt import plugin_text


def plugin_files(host: PluginHost, patch: Patch) -> Mapping[str, bytes]:
    """Suffix -> content, of the patch set in the plugin: `txt`, and `vstpreset` where the plugin gives one."""
    raws = raw_values(patch)
    host.set_values(raws)
    files = {"txt": plugin_text(patch, host.name, host.shown(raws)).encode()}
    try:
        files["vstpreset"] = host.preset()
    except HostError:  # an Audio Unit
        return files
    return files
