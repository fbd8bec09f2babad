"""What can go wrong with a patch or a preset file."""

from __future__ import annotations


class PresetError(Exception):
    """A patch or file that cannot be used; the message is one sentence with what to do next."""
