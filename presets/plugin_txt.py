"""The .txt of a plugin's patch: every parameter by its own name, raw and as the plugin shows it.

whispersynth plugin patch 1
plugin = 'Nekobi'
note = 48 (C2)

Cutoff = 0.713251 (71.33 %)
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from presets.errors import PresetError
from presets.patch import Patch
from presets.plugin_schema import raw_values
from presets.txt import note_name, parse_note, unquote

HEADER = "whispersynth plugin patch 1"
_SETTING = re.compile(r"(.+?) = ([01](?:\.\d+)?)(?: \(.*\))?")
_TEXTS = ("plugin", "name", "comment")


def plugin_text(patch: Patch, plugin: str, shown: Mapping[str, str | None]) -> str:
    """The patch as text.

    Args:
        shown: parameter -> what the plugin shows at its value.
    """
    head = (("plugin", plugin), ("name", patch.name), ("comment", patch.comment))
    lines = [HEADER, *(f"{key} = {text!r}" for key, text in head if text)]
    lines += [f"note = {patch.note} ({note_name(patch.note)})", ""]
    for name, raw in raw_values(patch).items():
        text = " ".join((shown.get(name) or "").split())
        lines.append(f"{name} = {raw:.6f}" + (f" ({text})" if text else ""))
    return "\n".join(lines) + "\n"


def read_plugin_text(text: str) -> tuple[str, int, dict[str, float]]:
    """The plugin's name, the note and the raw values by parameter; the opposite of plugin_text.

    Raises:
        PresetError: the line, what stands there and what was expected.
    """
    lines = text.splitlines()
    if not lines or lines[0].strip() != HEADER:
        raise PresetError(f"line 1: expected {HEADER!r}; this is no patch of a plugin")
    head, _, body = "\n".join(lines[1:]).partition("\n\n")
    plugin, note, raws = "", 60, dict[str, float]()
    for number, line in enumerate(head.splitlines(), 2):
        key, _, value = (part.strip() for part in line.partition("="))
        if key == "note":
            note = parse_note(value.partition("(")[0])
        elif key not in _TEXTS:
            raise PresetError(f"line {number}: {key!r} is not known here; expected note, {', '.join(_TEXTS)}")
        elif key == "plugin":
            plugin = unquote(value)
    for line in body.splitlines():
        setting = _SETTING.fullmatch(line)
        if not setting or float(setting[2]) > 1:
            raise PresetError(f"{line[:80]!r} is no setting; expected `parameter = 0.5`, from 0 to 1")
        raws[setting[1]] = float(setting[2])
    return plugin, note, raws
