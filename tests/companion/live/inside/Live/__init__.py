"""The module that only Live has; `current` is the set of the test."""

import fake_set

current = None


class Application:
    @staticmethod
    def get_application():
        return fake_set.Handle(current.application)


class MidiMap:
    @staticmethod
    def forward_midi_note(script, midi_map, channel, note, consume=True):
        current.forwarded.append(("note", script, channel, note))
        return True

    @staticmethod
    def forward_midi_cc(script, midi_map, channel, number, consume=True):
        current.forwarded.append(("cc", script, channel, number))
        return True
