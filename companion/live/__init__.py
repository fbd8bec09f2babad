"""Ableton Live: the Remote Script that runs inside it (WhisperSynth/), its installation, and the companion's side."""
