"""A patch as MIDI control changes: what to send (`messages`), where (`ports`), how fast (`pace`), and how a synth learns it.

python-rtmidi is asked for only when a port is opened: without it everything but the ports works.
"""
