"""Live's own thread: it makes the script, ticks, runs what a test asks for, and notes how long a tick took."""

import queue
import sys
import threading
import time

import Live


class Runner:
    """A Live that has chosen the script; `run` does something on its thread."""

    TICK_S = 0.01
    HELD = 0  # numbers to count between ticks without letting go of Python, as Live's own work may

    def __init__(self, a_set, package):
        self.set, self.slowest_s, self.ticks = a_set, 0.0, 0
        self._asked, self._stop = queue.Queue(), threading.Event()
        self._package = package
        self._thread = threading.Thread(target=self._live, name="Live")
        self._started = threading.Event()
        self.script = None
        self._thread.start()
        assert self._started.wait(10)

    def _live(self):
        self.set.thread = threading.current_thread()
        Live.current = self.set
        import fake_set

        self.script = self._package.create_instance(fake_set.CInstance(self.set))
        self.script.build_midi_map(1)
        self._started.set()
        while not self._stop.is_set():
            self._do_asked()
            began = time.perf_counter()
            self.script.update_display()
            self.slowest_s = max(self.slowest_s, time.perf_counter() - began)
            self.ticks += 1
            if self.HELD:
                sum(range(self.HELD))  # in C: no other thread runs meanwhile
            else:
                time.sleep(self.TICK_S)
        self.script.disconnect()

    def _do_asked(self):
        while True:
            try:
                work, answers = self._asked.get_nowait()
            except queue.Empty:
                return
            try:
                answers.put((work(), None))
            except Exception as error:
                answers.put((None, error))

    def run(self, work):
        answers = queue.Queue()
        self._asked.put((work, answers))
        value, error = answers.get(timeout=10)
        if error is not None:
            raise error
        return value

    def press(self, *message):
        self.run(lambda: self.script.receive_midi(message))

    def until(self, true, seconds=15.0):
        """Waits for something to become true; returns it."""
        end = time.time() + seconds
        while time.time() < end:
            value = true()
            if value:
                return value
            time.sleep(0.01)
        print(self.set.messages, self.set.logged, file=sys.stderr)
        raise AssertionError("it never happened")

    def shows(self, part, seconds=15.0):
        return self.until(lambda: next((m for m in list(self.set.messages) if part in m), None), seconds)

    def stop(self):
        self._stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()
