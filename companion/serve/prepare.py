"""A clip as the DAW plays it: the part between its markers, with the clip's gain and pitch, as a file to match."""

from __future__ import annotations

from pathlib import Path

from companion.serve.requests import JobRequest

MIN_GAIN_DB, MIN_PITCH_ST = 0.01, 0.005


def needs_preparing(request: JobRequest) -> bool:
    """Whether the file itself is not what is heard."""
    return abs(request.gain_db) >= MIN_GAIN_DB or abs(request.pitch_st) >= MIN_PITCH_ST


def write_prepared(request: JobRequest, folder: Path, number: int) -> tuple[Path, tuple[str, ...]]:
    """Writes what is heard as a wav in a folder of its job's own, named after the clip; also what was odd about it.

    Raises:
        ClipError: the file cannot be read, or nothing is left of it.
    """
    from companion.disk.store import safe_name
    from companion.hearing.audio import read_clip
    from companion.hearing.heard import Treatment, heard
    from presets.wav import encode_samples

    clip = read_clip(request.clip, request.start_s, request.end_s)
    played = heard(clip, Treatment(request.gain_db, request.pitch_st, request.warped))
    place = folder / str(number)
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{safe_name(request.title)}.wav"
    path.write_bytes(encode_samples(played.samples))
    return path, played.warnings
