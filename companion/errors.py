"""What can go wrong at run time: one family; the command line prints the sentence and exits with a non-zero code."""

from __future__ import annotations


class WhisperSynthError(Exception):
    """Something a user can act on; the message is one sentence: what, why, what to do next."""
