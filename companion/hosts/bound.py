"""Canonical patches in a hosted plugin that has a binding: by its state where that works, else by its parameters.

A state says everything (routings, wavetables, drawn LFOs); parameters say less but need nothing of the plugin's insides.
Which of the two works is found out on the running plugin: a patch is set by state, and the parameters have to show it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from companion.errors import HostError
from companion.hosts.plugin import PluginHost
from companion.hosts.verify import Likeness
from companion.judging.metrics import is_silent
from companion.plugins.bindings import bound_to, resolution
from presets.errors import PresetError
from presets.fxp import decode_fxp
from presets.host_state import COMPONENT, decode_host_state, encode_host_state
from presets.patch import Patch
from presets.plugin_names import Resolution
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
OTHER_PROBE = Patch({"osc1.octave": -1, "filter1.on": True, "filter1.cutoff": 5000, "env1.sustain": 100})
NOTE, NOTE_S, TOTAL_S = 60, 0.3, 0.5  # for the probes to be heard
N_REPEATS = 3
_XFER = b"XferJson"
SHOWN = 0.8  # of what the probe changes, that the parameters must show
SAME_RAW = 0.02


@dataclass(frozen=True)
class Binding:
    """The two roads from a patch to a synth."""

    state: Callable[[bytes, Patch], tuple[bytes, Lines]]
    """Captured state of the running plugin, patch -> the state with the patch; raises PresetError when it holds none."""
    values: Callable[[Patch], tuple[Mapping[str, float], Lines]] | None
    """Patch -> raw values by the binding's names; None where no names are known."""


# -- Serum 1 ----------------------------------------------------------------------------------------------------------


def _serum1_state(template: bytes, patch: Patch) -> tuple[bytes, Lines]:
    parts = decode_host_state(template)
    found = find_serum1(parts.get(COMPONENT, b""))
    if found is None:
        raise PresetError("its state holds no Serum preset that can be read")
    fxp, lines = patch_to_serum1(patch, Serum1(found.chunk))
    return encode_host_state({**parts, COMPONENT: found.with_chunk(decode_fxp(fxp).chunk)}), lines


# -- Serum 2 ----------------------------------------------------------------------------------------------------------


def _serum2_state(template: bytes, patch: Patch) -> tuple[bytes, Lines]:
    """A preset as Serum 2's processor keeps it, by serum2-preset-loader; what is drawn stays the template's."""
    parts = decode_host_state(template)
    if _XFER not in parts.get(COMPONENT, b""):
        raise PresetError("its state is none of Serum 2's")
    try:
        from serum2_preset_loader import convert_preset_bytes

        from presets.serum2_binding import patch_to_serum2
    except ImportError as error:
        raise PresetError(
            f"the package {error.name} is missing: pip install 'whispersynth[serum]'"
        ) from error
    preset, lines = patch_to_serum2(patch)
    try:
        state = decode_host_state(convert_preset_bytes(preset))
    except ValueError as error:
        raise PresetError(f"Serum 2's state cannot be made: {error}") from error
    return encode_host_state({**parts, COMPONENT: state[COMPONENT]}), lines


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
    if set(patch.sources) != {"none"}:
        lost.append("Routings are left out: the plugin's parameters do not name them")
    if patch.assets or any(patch[f"osc{n}.on"] for n in (1, 2)):
        lost.append("Wavetables are left out: the plugin's parameters do not hold them")
    return raws, tuple(lost)


BINDINGS: dict[str, Binding] = {
    "serum1": Binding(_serum1_state, serum1_by_parameter),
    "serum2": Binding(_serum2_state, None),
    "vital": Binding(_vital_state, _vital_values),
}


class Bound:
    """A running plugin that takes canonical patches."""

    def __init__(self, host: PluginHost, name: str, by_state: bool | None = None) -> None:
        """Captures the plugin's state as it is, the template of every patch that is set by state.

        Args:
            name: of the binding.
            by_state: whether states are known to work here; None: find out.

        Raises:
            HostError: states do not work, and nothing else is known of this synth.
        """
        self.host, self.name = host, name
        self._state, self._values = BINDINGS[name].state, BINDINGS[name].values
        self._template = host.state()
        shown = [p.name for p in host.parameters]
        self._found = resolution(name, shown) if self._values else Resolution({}, (), ())
        self.notes: list[str] = []
        self.by_state = self._state_works() if by_state is None else by_state
        if not self.by_state:
            self._note_what_is_missing()

    def set_patch(self, patch: Patch) -> Lines:
        """Sets a patch; what became something else, or is lost."""
        if self.by_state or self._values is None:
            state, lines = self._state(self._template, patch)
            self.host.set_state(state)
            return lines
        raws, lines = self._values(patch)
        self.host.set_values(self._named(raws))
        return lines

    def shown_values(self, patch: Patch) -> dict[str, float]:
        """What the plugin's parameters should show of a patch, by its own names; empty where they are not known."""
        return self._named(self._values(patch)[0]) if self._values else {}

    def _named(self, raws: Mapping[str, float]) -> dict[str, float]:
        found = self._found.found
        return {found[name]: raw for name, raw in raws.items() if name in found}

    # -- finding out --------------------------------------------------------------------------------------------

    def _state_works(self) -> bool:
        """Sets patches by state and looks whether the plugin follows; it is left as it was."""
        try:
            works, why = self._follows(), "it does not follow what was set"
        except (HostError, PresetError) as error:
            works, why = False, str(error)
        self.host.set_state(self._template)
        if not works and self._values is None:
            raise HostError(
                f"{self.host.name} cannot be set by its state ({why}), so its own parameters are searched"
            )
        if not works:
            self.notes.append(
                f"{self.host.name} is set by its parameters, not by its state ({why}): routings, wavetables and drawn "
                "shapes stay as they are in it"
            )
        return works

    def _follows(self) -> bool:
        return self._shows_it() if self._values else self._sounds_of_it()

    def _shows_it(self) -> bool:
        """Whether the parameters show what was set by state."""
        before, wanted = self.host.values(), self.shown_values(PROBE)
        changed = [name for name, raw in wanted.items() if abs(raw - before[name]) > SAME_RAW]
        self.host.set_state(self._state(self._template, PROBE)[0])
        self.host.render(
            NOTE, NOTE_S, TOTAL_S
        )  # some plugins show what they were given once they have played
        now = self.host.values()
        right = sum(abs(now[name] - wanted[name]) <= SAME_RAW for name in changed)
        return bool(changed) and right >= SHOWN * len(changed)

    def _sounds_of_it(self) -> bool:
        """Whether two patches set by state sound, and differently."""
        self.host.set_state(self._state(self._template, PROBE)[0])
        likeness = Likeness([self.host.render(NOTE, NOTE_S, TOTAL_S) for _ in range(N_REPEATS)])
        self.host.set_state(self._state(self._template, OTHER_PROBE)[0])
        other = self.host.render(NOTE, NOTE_S, TOTAL_S)
        return not is_silent(other) and likeness.differs(other)

    def _note_what_is_missing(self) -> None:
        settable = set(self._values(PROBE)[0]) if self._values else set()
        missing = [name for name in self._found.missing if name in settable]
        if missing:
            more = f" and {len(missing) - 6} more" if len(missing) > 6 else ""
            self.notes.append(f"{self.host.name} has no {', '.join(missing[:6])}{more}, which are left out")
        guesses = [f"{self._found.found[n]} for {n}" for n in self._found.guessed if n in settable]
        if guesses:
            self.notes.append(f"{', '.join(guesses[:6])} were found by their places in {self.host.name} only")


def bind(hosts: Sequence[PluginHost]) -> list[Bound]:
    """The binding of a plugin, for each of its workers; empty for a plugin that has none.

    What works is found out on the first and holds for all.

    Raises:
        HostError: it has a binding that does not work here.
    """
    name = bound_to([p.name for p in hosts[0].parameters], hosts[0].name)
    if name is None:
        return []
    first = Bound(hosts[0], name)
    return [first, *(Bound(host, name, first.by_state) for host in hosts[1:])]
