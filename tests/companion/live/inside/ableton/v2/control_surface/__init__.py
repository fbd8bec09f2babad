"""The newer framework, as far as the script meets it: `song` is a property there."""

from _Framework.ControlSurface import ControlSurface as Older


class ControlSurface(Older):
    @property
    def song(self):
        return self._c_instance.song()
