"""WhisperSynth at run time: clip -> model -> ranked patches -> synth, MIDI, disk.

    from companion.match import match
    for so_far in match(Path("clip.wav")):  # improving results; close the iterator to cancel
        ...

Importing this package loads nothing heavy.
"""

import os

# Everything stays on this machine. ONNX Runtime sends the names and hashes of models, and a number for the machine, to its maker
# from 1.29 on, unless this is set before it is first imported (microsoft/onnxruntime, pull request 27379).
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# Patches are judged on a thread a core already: a linear algebra that starts its own on top makes them wait for each other. It reads
# this when numpy is first imported; where that was before, numpy keeps its threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
