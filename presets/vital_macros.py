"""Vital's four macros on a patch's most telling parameters, without changing how it sounds.

A macro takes its parameter over whole: the control goes to the low end of its range and a routing of the full range
brings it back to where it was, so that the macro's knob travels all the way the parameter's own knob does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from presets.patch import Patch
from presets.schema import N_MOD_SLOTS
from presets.vital import patch_to_vital
from presets.vital_binding import (
    N_SLOTS,
    control_ranges,
    destination_controls,
    init_controls,
    rows,
    safe_destinations,
)

N_MACROS = 4
TELLING: tuple[tuple[str, str], ...] = (  # what a player reaches for, the most telling first; its name on the macro
    ("filter1.cutoff", "CUTOFF"), ("osc1.position", "WAVE"), ("osc1.warp_amount", "WARP"), ("osc1.morph_amount", "MORPH"),
    ("reverb.mix", "REVERB"), ("filter1.resonance", "RESONANCE"), ("distortion.drive", "DRIVE"), ("osc1.detune", "DETUNE"),
    ("filter2.cutoff", "CUTOFF 2"), ("env1.release", "RELEASE"), ("env1.attack", "ATTACK"), ("delay.mix", "DELAY"),
    ("chorus.mix", "CHORUS"), ("osc2.level", "OSC 2"), ("noise.level", "NOISE"), ("osc2.position", "WAVE 2"),
    ("lfo1.rate", "LFO RATE"), ("phaser.mix", "PHASER"), ("flanger.mix", "FLANGER"), ("sub.level", "SUB"), ("osc1.level", "OSC 1"),
)  # fmt: skip


def telling_parameters(patch: Patch, n: int = N_MACROS) -> tuple[tuple[str, str], ...]:
    """The parameters worth a macro in this patch, each with the macro's name; at most `n`."""
    return tuple(pick for pick in TELLING if _is_telling(patch, pick[0]))[:n]


def _is_telling(patch: Patch, name: str) -> bool:
    section = name.partition(".")[0]
    is_on = f"{section}.on" not in patch.schema or bool(patch[f"{section}.on"])
    control = destination_controls().get(name)
    return is_on and patch.matters(name) and control in safe_destinations() and control == _control(name)


def _control(name: str) -> str:
    return str(rows()[name]["control"]) if name in rows() else ""


def vital_with_macros(patch: Patch) -> str:
    """The patch as .vital text, its most telling parameters on the macros that it does not use itself.

    Macros that the patch's own routings use are left as they are.
    """
    document = json.loads(patch_to_vital(patch))
    settings = document["settings"]
    picks = telling_parameters(patch)
    for macro, slot, (name, title) in zip(_free_macros(patch), _free_slots(settings), picks, strict=False):
        control = destination_controls()[name]
        low, high = control_ranges()[control]
        settings[f"macro_control_{macro}"] = (settings[control] - low) / (high - low)
        settings[control] = low
        settings["modulations"][slot - 1] = {"source": f"macro_control_{macro}", "destination": control}
        settings[f"modulation_{slot}_amount"] = 1.0
        for key in ("bipolar", "stereo", "bypass", "power"):
            settings[f"modulation_{slot}_{key}"] = init_controls().get(f"modulation_{slot}_{key}", 0.0)
        document[f"macro{macro}"] = title
    return json.dumps(document)


def _free_macros(patch: Patch) -> list[int]:
    return [n for n in range(1, N_MACROS + 1) if f"macro{n}" not in patch.sources]


def _free_slots(settings: dict[str, Any]) -> Iterator[int]:
    return (n for n in range(N_MOD_SLOTS + 1, N_SLOTS + 1) if not settings["modulations"][n - 1]["source"])
