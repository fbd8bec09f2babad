"""Audio in: any common sound file to float32 at SAMPLE_RATE, and a sentence for whatever is odd about it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.signal
from numpy.typing import NDArray
from pedalboard.io import AudioFile, ReadableAudioFile

from companion.errors import ClipError
from companion.files import read_start
from companion.hearing.features import resample

Audio = NDArray[np.float32]

SAMPLE_RATE = 44_100
SHORTEST_S = 0.02
LONGEST_S = 600.0  # a longer file needs a start
LISTEN_S = 20.0  # of a longer file only this much is kept, from where it gets loud
BLOCK_S = 10.0  # read at a time while looking for where it gets loud
READ_FRAMES = 8192  # at a time: where a damaged file ends, a decoder gives up all that it was asked for
LEAD_S = 2.0  # kept before the place where it gets loud: slow attacks begin in it
LOUD = 10 ** (-40 / 20)  # peak of a part worth listening to
SILENT = 10 ** (-70 / 20)  # peak of a clip in which there is nothing to hear
FULL_SCALE = 0.999
FAR_OVER = 8.0  # 18 dB above full scale: no recording is, a file of integers written as floats is
LEAST_FLAT = 4  # samples that are no chance any more
STEPS_OF_A_TOP = 12  # a round top that stays within a step for n samples has dropped 9 steps n samples on
SHARP = 0.02  # how far a wave drops within the length of a top that was cut flat
SLOWEST_RATE, FASTEST_RATE = 4_000, 768_000
DULL_RATE = 22_050
DC_SHARE = 0.1  # of the RMS; waveforms of synths reach a few hundredths by themselves
DC_HIGH_PASS_HZ = 8.0  # takes 0.3 dB off the lowest bass, 30 Hz
DC_START_S = 0.01  # an offset is there from the start only if the sound is
DC_SHORTEST_S = 0.2  # in less, a low note's mean is not zero either
FORMATS = "wav, aiff, flac, mp3 or ogg"


@dataclass(frozen=True)
class Clip:
    """A stretch of audio as read from a file."""

    name: str
    """The file's name without folder and extension."""
    samples: Audio
    """(channels, n), one or two channels, finite, at SAMPLE_RATE."""
    start_s: float = 0.0
    """Where in the file the samples begin."""
    rate_hz: int = SAMPLE_RATE
    """The file's own sample rate: it holds nothing above half of it."""
    warnings: tuple[str, ...] = ()
    """What was odd, one sentence each."""

    @property
    def duration_s(self) -> float:
        """Length of the samples."""
        return int(self.samples.shape[1]) / SAMPLE_RATE

    @property
    def is_silent(self) -> bool:
        """Nothing reaches -70 dBFS."""
        return float(np.abs(self.samples).max(initial=0.0)) < SILENT


def read_clip(path: str | Path, start_s: float | None = None, end_s: float | None = None) -> Clip:
    """Read a sound file, or the part of it from `start_s` to `end_s`.

    Of a file over LISTEN_S only the part from the first loud place on is kept, so an hour-long file is cheap.
    Raises ClipError, with a sentence for the user, for whatever is not a sound file of at least SHORTEST_S.
    """
    path = Path(path)
    check_times(start_s, end_s)
    check_file(path)
    with open_audio(path) as file:
        check_format(path, file)
        first, last = asked_frames(path, file, start_s, end_s)
        rate_hz = round(file.samplerate)
        first, raw = read_loud_part(file, first, last)
        warnings = [TWO_CHANNELS.format(n=file.num_channels)] if file.num_channels > 2 else []
    if raw.shape[1] < SHORTEST_S * rate_hz:
        raise ClipError(
            f"{path} holds only {raw.shape[1] / rate_hz * 1000:.0f} ms of sound where it was read; "
            f"give a clip of at least {SHORTEST_S * 1000:.0f} ms."
        )
    samples, odd = mend(raw[:2], rate_hz)
    samples = resample(samples, rate_hz, SAMPLE_RATE)
    return Clip(path.stem, samples, first / rate_hz, rate_hz, (*warnings, *odd))


TWO_CHANNELS = "The file has {n} channels; only the first two were heard."
NOT_AUDIO = "{path} is not a sound file that can be read, or holds no sound; give a " + FORMATS + " file."


def check_times(start_s: float | None, end_s: float | None) -> None:
    """Refuse times that no file has."""
    for name, value in (("start", start_s), ("end", end_s)):
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise ClipError(f"The {name} is {value} s, which is no place in a clip; give seconds from 0 on.")
    if start_s is not None and end_s is not None and end_s - start_s < SHORTEST_S:
        raise ClipError(
            f"From {start_s:g} s to {end_s:g} s there is no clip; the end must be at least "
            f"{SHORTEST_S:g} s after the start."
        )


def check_file(path: Path) -> None:
    """Refuse what cannot be a sound file before the decoder sees it, whose messages all say `does not exist`."""
    if not read_start(path, 1, "clip", ClipError):
        raise ClipError(f"{path} is empty (0 bytes); give a {FORMATS} file with sound in it.")


def open_audio(path: Path) -> ReadableAudioFile:
    """Open a file by its path: given a Python file object, pedalboard reads some damaged files for ever."""
    try:
        return AudioFile(str(path))
    except ValueError:
        raise ClipError(NOT_AUDIO.format(path=path)) from None
    except TypeError:  # a name that is no Unicode
        raise ClipError(f"The name of {str(path)!r} is not valid Unicode; rename the file.") from None


def check_format(path: Path, file: ReadableAudioFile) -> None:
    """Refuse headers that promise nothing, or that no recorder writes."""
    if file.num_channels < 1 or file.frames < 1:
        raise ClipError(NOT_AUDIO.format(path=path))
    if not SLOWEST_RATE <= file.samplerate <= FASTEST_RATE:
        raise ClipError(
            f"{path} has a sample rate of {file.samplerate:g} Hz, outside {SLOWEST_RATE} to "
            f"{FASTEST_RATE} Hz; convert it to 44100 Hz."
        )


def asked_frames(
    path: Path, file: ReadableAudioFile, start_s: float | None, end_s: float | None
) -> tuple[int, int]:
    """Give the first frame and the one past the last that was asked for, at most LONGEST_S apart."""
    duration_s = file.frames / file.samplerate
    if start_s is None and duration_s > LONGEST_S:
        raise ClipError(
            f"{path} is {duration_s / 60:.0f} minutes long, too much to search; "
            "say where the note is with --start (seconds)."
        )
    start_s = start_s or 0.0
    if start_s > duration_s - SHORTEST_S and start_s > 0:
        raise ClipError(
            f"{path} is {duration_s:.2f} s long, so nothing starts at {start_s:g} s; give an earlier start."
        )
    end_s = min(duration_s if end_s is None else end_s, start_s + LONGEST_S)
    return round(start_s * file.samplerate), min(round(end_s * file.samplerate), file.frames)


def read_loud_part(file: ReadableAudioFile, first: int, last: int) -> tuple[int, Audio]:
    """Read frames `first` to `last`; of more than LISTEN_S keep that much, from just before where it gets loud.

    Gives the first frame kept and the samples `(channels, n)` at the file's own rate.
    """
    kept = round(LISTEN_S * file.samplerate)
    if last - first > kept:
        loud = first_loud_frame(file, first, last)
        first = max(first, loud - round(LEAD_S * file.samplerate))
    return first, read_frames(file, first, min(kept, last - first))


def read_frames(file: ReadableAudioFile, first: int, n: int) -> Audio:
    """Up to `n` frames `(channels, n)` from `first` on; those before the damage where a file is cut off."""
    file.seek(first)
    parts = [file.read(min(READ_FRAMES, n - at)) for at in range(0, n, READ_FRAMES)]
    return np.concatenate(parts, axis=1, dtype=np.float32)


def first_loud_frame(file: ReadableAudioFile, first: int, last: int) -> int:
    """Find the first frame over LOUD, or the loudest one where none is, reading only as far as needed."""
    block = round(BLOCK_S * file.samplerate)
    loudest, loudest_at = 0.0, first
    file.seek(first)
    for at in range(first, last, block):
        part = np.nan_to_num(file.read(min(block, last - at)), posinf=0.0, neginf=0.0)
        level = np.abs(part).max(axis=0, initial=0.0)
        if not level.size:
            break
        over = level > LOUD
        if over.any():
            return at + int(over.argmax())
        if level.max() > loudest:
            loudest, loudest_at = float(level.max()), at + int(level.argmax())
    return loudest_at


def mend(raw: Audio, rate_hz: int) -> tuple[Audio, list[str]]:
    """Make samples fit to be heard: each entry of MENDS looks, and mends or warns."""
    warnings = []
    for look in MENDS:
        raw, warning = look(raw, rate_hz)
        warnings += [warning] if warning else []
    return raw, warnings


def mend_numbers(raw: Audio, rate_hz: int) -> tuple[Audio, str]:
    """Replace NaN and infinities by silence."""
    finite = np.isfinite(raw)
    if finite.all():
        return raw, ""
    bad = int(raw.size - finite.sum())
    mended = np.where(finite, raw, np.float32(0.0))
    were = "1 sample was no number" if bad == 1 else f"{bad} samples were no numbers"
    return mended, f"{were} (NaN or infinite); silence stands there instead."


def mend_level(raw: Audio, rate_hz: int) -> tuple[Audio, str]:
    """Bring what is far above full scale down to it; what is a little above, as floats may be, stays."""
    peak = float(np.abs(raw).max(initial=0.0))
    if peak <= FAR_OVER:
        return raw, ""
    over_db = 20 * math.log10(peak)
    return raw / np.float32(
        peak
    ), f"The clip peaks {over_db:.0f} dB above full scale and was brought down to it."


def mend_offset(raw: Audio, rate_hz: int) -> tuple[Audio, str]:
    """Remove an offset (DC), which would read as a very low note.

    By a high-pass filter that is settled at the start: the offset of a sampled note comes and goes with the note, and its
    mean, taken off all of the clip, would hum on where the note has ended.
    """
    if raw.shape[1] < DC_SHORTEST_S * rate_hz:
        return raw, ""
    mean = raw.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
    rms = float(np.sqrt(np.mean(raw**2, dtype=np.float64)))
    offset = float(np.abs(mean).max())
    if offset < max(DC_SHARE * rms, SILENT):
        return raw, ""
    sections = scipy.signal.butter(1, DC_HIGH_PASS_HZ, "highpass", fs=rate_hz, output="sos")
    at_start = raw[:, : round(rate_hz / DC_HIGH_PASS_HZ)].mean(axis=1, dtype=np.float64)
    most = np.abs(raw[:, : round(DC_START_S * rate_hz)]).max(axis=1)
    at_start = np.clip(at_start, -most, most)
    settled = scipy.signal.sosfilt_zi(sections)[:, None] * at_start[:, None]
    mended, _ = scipy.signal.sosfilt(sections, raw, axis=1, zi=settled)
    return mended.astype(np.float32), f"The clip had an offset (DC) of {offset:.3f}, which was removed."


def warn_clipping(raw: Audio, rate_hz: int) -> tuple[Audio, str]:
    """Warn of tops cut flat at full scale."""
    if sum(n_flat_tops(channel) for channel in raw) < LEAST_FLAT:
        return raw, ""
    return (
        raw,
        "The clip is cut flat at full scale (clipping); the match copies that distortion as brightness.",
    )


def n_flat_tops(channel: NDArray[np.float32]) -> int:
    """Samples that begin three equal ones at full scale, beside which the wave drops sharply.

    A deep sine at full scale stays on its top for a few samples, too, for want of finer steps; it leaves it slowly.
    """
    same = (np.abs(channel[1:]) >= FULL_SCALE) & (channel[1:] == channel[:-1])
    edges = np.flatnonzero(np.diff(np.concatenate(([False], same, [False])).astype(np.int8)))
    steps = np.abs(np.diff(channel))
    drop = max(SHARP, STEPS_OF_A_TOP * float(steps[steps > 0].min(initial=1.0)))
    found = 0
    for first, past in edges.reshape(
        -1, 2
    ):  # `same` runs from `first` to before `past`: past - first + 1 equal samples
        n = past - first + 1
        around = channel[max(first - n, 0) : past + n + 1]
        if n >= 3 and np.abs(around - channel[first]).max() > drop:
            found += n - 2
    return found


def warn_dull(raw: Audio, rate_hz: int) -> tuple[Audio, str]:
    """Warn of a low sample rate."""
    if rate_hz >= DULL_RATE:
        return raw, ""
    return (
        raw,
        f"The clip holds nothing above {rate_hz // 2} Hz (half its sample rate), so it is matched as dull.",
    )


Mend = Callable[[Audio, int], tuple[Audio, str]]
MENDS: tuple[Mend, ...] = (mend_numbers, mend_level, mend_offset, warn_clipping, warn_dull)
