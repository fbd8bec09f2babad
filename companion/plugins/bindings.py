"""Which plugins are bound to the canonical schema: told by their parameters' names, since a file may be called anything."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources

from presets.plugin_names import Resolution, Wanted, resolve

BOUND_SHARE = 0.7  # of a binding's names that a plugin must have
SERUM2 = re.compile(r"serum ?2( .*)?", re.IGNORECASE)
MOST_SHOWN = 4000  # parameters; a plugin with more is none of these


@cache
def _vital_names() -> tuple[Wanted, ...]:
    text = resources.files("presets").joinpath("bindings", "vital_display.json").read_text("utf-8")
    return tuple(Wanted(control, (shown,)) for control, shown in json.loads(text).items())


@cache
def _serum1_names() -> tuple[Wanted, ...]:
    from presets.serum1_layout import parameters

    return tuple(Wanted(row.name, tuple(row.aliases)) for row in parameters())


NAMES: dict[str, Callable[[], tuple[Wanted, ...]]] = {"serum1": _serum1_names, "vital": _vital_names}


def resolution(binding: str, shown: Sequence[str]) -> Resolution:
    """Which of a plugin's parameters is which of a binding's."""
    return resolve(NAMES[binding](), shown)


@cache
def _bound_to(shown: tuple[str, ...]) -> str | None:
    if not 0 < len(shown) <= MOST_SHOWN:
        return None
    shares = {name: resolution(name, shown).share for name in NAMES}
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] >= BOUND_SHARE else None


def bound_to(shown: Sequence[str], plugin_name: str = "") -> str | None:
    """`serum1`, `serum2` or `vital`, for the parameters that a plugin shows; None for a plugin without a binding."""
    # What Serum 2 calls its parameters is not known here, so only its own name tells it.
    return _bound_to(tuple(shown)) or ("serum2" if SERUM2.fullmatch(plugin_name) else None)
