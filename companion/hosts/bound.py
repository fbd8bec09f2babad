"""Canonical patches in a hosted plugin that has a binding: by its state where that works, else by its parameters.

A state says everything (routings, wavetables, drawn LFOs); parameters say less but need nothing of the plugin's insides.
Which of the two works is found out on the running plugin: a patch is set by state, and the parameters have to show it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from companion.bindings import bound_to, resolution
from companion.errors import HostError
from companion.hosts.plugin import PluginHost
from presets.errors import PresetError
from presets.fxp import decode_fxp
from presets.host_state import COMPONENT, decode_host_state, encode_host_state
from presets.patch import Patch
from presets.serum1 import Serum1
from presets.serum1_binding import patch_to_serum1, serum1_by_parameter
from presets.serum1_in_state import find_serum1
from presets.vital import patch_to_vital
from presets.vital_binding import control_ranges

Lines = tuple[str, ...]
"""Sentences on what became something else, or is lost."""

PROBE = Patch(
    {
        "osc1.level": -20, "osc2.on": True, "osc2.level": -12, "filter1.on": True, "filter1.cutoff": 700,
        "filter1.resonance": 20, "env1.attack": 0.2, "env1.decay": 0.7, "env1.sustain": 40, "env1.release": 0.4,
    }
)  # fmt: skip
SHOWN = 0.8  # of what the probe changes, that the parameters must show
SAME_RAW = 0.02


@dataclass(frozen=True)
class Binding:
    """The two roads from a patch to a synth."""

    state: Callable[[bytes, Patch], tuple[bytes, Lines]]
    """Captured state of the running plugin, patch -> the state with the patch; raises PresetError when it holds none."""
    values: Callable[[Patch], tuple[Mapping[str, float], Lines]]
    """Patch -> raw values by the binding's names."""


# -- Serum 1 ----------------------------------------------------------------------------------------------------------


def _serum1_state(template: bytes, patch: Patch) -> tuple[bytes, Lines]:
    parts = decode_host_state(template)
    found = find_serum1(parts.get(COMPONENT, b""))
    if found is None:
        raise PresetError("its state holds no Serum preset that can be read")
    fxp, lines = patch_to_serum1(patch, Serum1(found.chunk))
    return encode_host_state({**parts, COMPONENT: found.with_chunk(decode_fxp(fxp).chunk)}), lines


# -- Vital ------------------------------------------------------------------------------------------------------------


def _vital_state(template: bytes, patch: Patch) -> tuple[bytes, Lines]:
    """Vital's component keeps the text of a .vital file, closed by a NUL."""
    parts = decode_host_state(template)
    if b'"settings"' not in parts.get(COMPONENT, b""):
        raise PresetError("its state is no text of a Vital preset")
    return encode_host_state({**parts, COMPONENT: patch_to_vital(patch).encode() + b"\0"}), ()


def _vital_values(patch: Patch) -> tuple[Mapping[str, float], Lines]:
    """Vital shows a control's way from its lowest to its highest value, whatever the scale it is drawn on."""
    settings = json.loads(patch_to_vital(patch))["settings"]
    raws = {}
    for control, (low, high) in control_ranges().items():
        if isinstance(native := settings.get(control), (int, float)):
            raws[control] = min(max((native - low) / (high - low), 0.0), 1.0)
    lost = []
    if any(patch[f"mod{n}.source"] != "none" for n in range(1, 9)):
        lost.append("Routings are left out: the plugin's parameters do not name them")
    if patch.assets or any(patch[f"osc{n}.on"] for n in (1, 2)):
        lost.append("Wavetables are left out: the plugin's parameters do not hold them")
    return raws, tuple(lost)


BINDINGS: dict[str, Binding] = {
    "serum1": Binding(_serum1_state, serum1_by_parameter),
    "vital": Binding(_vital_state, _vital_values),
}


class Bound:
    """A running plugin that takes canonical patches."""

    def __init__(self, host: PluginHost, name: str, by_state: bool | None = None) -> None:
        """Captures the plugin's state as it is, the template of every patch that is set by state.

        Args:
            name: of the binding.
            by_state: whether states are known to work here; None: find out.
        """
        self.host, self.name = host, name
        self._binding = BINDINGS[name]
        self._template = host.state()
        shown = [p.name for p in host.parameters]
        self._found = resolution(name, shown)
        self.notes: list[str] = []
        self.by_state = self._state_works() if by_state is None else by_state
        if not self.by_state:
            self._note_what_is_missing()

    def set_patch(self, patch: Patch) -> Lines:
        """Sets a patch; what became something else, or is lost."""
        if self.by_state:
            state, lines = self._binding.state(self._template, patch)
            self.host.set_state(state)
            return lines
        raws, lines = self._binding.values(patch)
        self.host.set_values(self.named(raws))
        return lines

    def named(self, raws: Mapping[str, float]) -> dict[str, float]:
        """Raw values by the plugin's own names, of those it has."""
        found = self._found.found
        return {found[name]: raw for name, raw in raws.items() if name in found}

    def shown_values(self, patch: Patch) -> dict[str, float]:
        """What the plugin's parameters should show of a patch, by its own names."""
        return self.named(self._binding.values(patch)[0])

    def _state_works(self) -> bool:
        """Sets a patch by state and looks whether the parameters show it; the plugin is left as it was."""
        before, wanted = self.host.values(), self.shown_values(PROBE)
        changed = [name for name, raw in wanted.items() if abs(raw - before[name]) > SAME_RAW]
        why = "its parameters did not show what was set"
        try:
            self.host.set_state(self._binding.state(self._template, PROBE)[0])
            now = self.host.values()
            right = sum(abs(now[name] - wanted[name]) <= SAME_RAW for name in changed)
            works = bool(changed) and right >= SHOWN * len(changed)
        except (HostError, PresetError) as error:
            works, why = False, str(error)
        self.host.set_state(self._template)
        if not works:
            self.notes.append(
                f"{self.host.name} is set by its parameters, not by its state ({why}): routings, wavetables and drawn "
                "shapes stay as they are in it"
            )
        return works

    def _note_what_is_missing(self) -> None:
        settable = set(self._binding.values(PROBE)[0])
        missing = [name for name in self._found.missing if name in settable]
        if missing:
            more = f" and {len(missing) - 6} more" if len(missing) > 6 else ""
            self.notes.append(f"{self.host.name} has no {', '.join(missing[:6])}{more}, which are left out")
        guesses = [f"{self._found.found[n]} for {n}" for n in self._found.guessed if n in settable]
        if guesses:
            self.notes.append(f"{', '.join(guesses[:6])} were found by their places in {self.host.name} only")


def bind(hosts: Sequence[PluginHost]) -> list[Bound] | None:
    """The binding of a plugin, for each of its workers; None for a plugin that has none.

    What works is found out on the first and holds for all.
    """
    name = bound_to([p.name for p in hosts[0].parameters])
    if name is None:
        return None
    first = Bound(hosts[0], name)
    return [first, *(Bound(host, name, first.by_state) for host in hosts[1:])]
