"""What can go wrong at run time: one family, whose messages are one sentence with what to do next."""


class WhisperSynthError(Exception):
    """Something the user can understand and act on; the command line prints it as one line."""


class ClipError(WhisperSynthError):
    """A clip that cannot be read, or the part of it that was asked for does not exist."""


class ModelError(WhisperSynthError):
    """A model bundle that is missing, damaged, or does not fit the schema."""


class HostError(WhisperSynthError):
    """A synth that cannot be loaded, or does not sound."""


class StoreError(WhisperSynthError):
    """A file or folder that cannot be written."""


class OptionError(WhisperSynthError):
    """An option with a value outside its range."""


class MidiError(WhisperSynthError):
    """A MIDI map that makes no sense, or a port that cannot be had."""


class CaptureError(WhisperSynthError):
    """A device that cannot be recorded from, or from which nothing came."""
