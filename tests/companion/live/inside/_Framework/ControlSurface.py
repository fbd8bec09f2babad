"""As much of Live's framework as a script without controls meets."""


class ControlSurface:
    def __init__(self, c_instance=None, *a, **k):
        self._c_instance = c_instance
        self.unknown = []

    def song(self):
        return self._c_instance.song()

    def show_message(self, message):
        self._c_instance.show_message(message)

    def log_message(self, *message):
        self._c_instance.log_message(" ".join(map(str, message)))

    def request_rebuild_midi_map(self):
        self._c_instance.request_rebuild_midi_map()

    def build_midi_map(self, midi_map_handle):
        pass

    def update_display(self):
        pass

    def receive_midi(self, midi_bytes):
        self.unknown.append(midi_bytes)

    def disconnect(self):
        pass
