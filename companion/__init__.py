"""WhisperSynth at run time: clip -> model -> ranked patches -> synth, MIDI, disk.

    from companion.match import match
    for so_far in match(Path("clip.wav")):  # improving results; close the iterator to cancel
        ...

Importing this package loads nothing heavy.
"""
