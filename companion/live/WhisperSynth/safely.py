"""Live's objects, asked without being trusted.

Live answers a wrong question (an audio property of a MIDI clip) with RuntimeError, a deleted object with an
ArgumentError of Boost.Python, which is a TypeError, and what a version lacks with AttributeError.
"""

from __future__ import annotations

from typing import Any

REFUSALS = (RuntimeError, TypeError, AttributeError, ValueError)


def ask(thing: Any, name: str, default: Any = None) -> Any:
    """A property of a Live object, or `default` where Live refuses or has None."""
    try:
        value = getattr(thing, name)
    except REFUSALS:
        return default
    return default if value is None else value


def is_there(thing: Any) -> bool:
    """The object has not been deleted."""
    if thing is None:
        return False
    try:
        thing._live_ptr  # noqa: B018 (asking is the test)
    except REFUSALS:
        return False
    return True


def same(one: Any, other: Any) -> bool:
    """Two handles of one Live object: Live makes a new Python object at every asking."""
    if one is None or other is None:
        return one is other
    try:
        return bool(one == other)
    except REFUSALS:
        return False


def place_in(things: Any, wanted: Any) -> int:
    """Where a Live object stands in a list of Live's; -1 where it does not."""
    for place, thing in enumerate(things):
        if same(thing, wanted):
            return place
    return -1
