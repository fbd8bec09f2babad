"""WAV files: wavetables as Serum and Vital read them, and plain samples.

A wavetable is a mono file of single cycles, 2048 samples each, one after the other. A `clm ` chunk that
begins with `<!>2048` tells a synth so; without it a synth has to guess.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from presets.errors import PresetError
from presets.tables import FRAME_SIZE

Floats = NDArray[np.float32]

SAMPLE_RATE_HZ = 44_100
MAX_RATE_HZ = 768_000
MAX_FRAMES = 256  # as many as Serum and Vital take
MAX_CHANNELS = 2
MAX_PEAK = 16.0  # +24 dB: more is a broken file, and would come out of the engine as a bang
MAX_FILE_BYTES = 64 * 2**20  # six minutes of stereo float: patches bring seconds
_NO_SOUND = f"that are no number or beyond {MAX_PEAK:g} times full scale"
CLM_CHUNK = f"<!>{FRAME_SIZE} 00000000 wavetable (whispersynth)".encode()

_PCM, _FLOAT, _EXTENSIBLE = 0x0001, 0x0003, 0xFFFE  # wFormatTag; the last repeats it further on
_SUB_FORMAT_AT = 24  # bytes into an extensible `fmt ` chunk
_RIFF_HEAD = struct.Struct("<4sI4s")  # "RIFF", bytes that follow, "WAVE"
_CHUNK_HEAD = struct.Struct("<4sI")
_FMT = struct.Struct("<HHIIHH")  # tag, channels, rate, bytes a second, bytes a sample of all channels, bits


@dataclass(frozen=True)
class Samples:
    """The sound of a WAV file."""

    audio: Floats
    """float32 (channels, n_samples), full scale 1."""

    rate_hz: int
    """Samples a second."""


def _from_16_bit(data: bytes) -> Floats:
    return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(2**15)


def _from_24_bit(data: bytes) -> Floats:
    padded = np.zeros((len(data) // 3, 4), np.uint8)
    padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
    return padded.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)


def _from_float(data: bytes) -> Floats:
    return np.frombuffer(data, "<f4").astype(np.float32)


_DECODERS: dict[tuple[int, int], Callable[[bytes], Floats]] = {
    (_PCM, 16): _from_16_bit,
    (_PCM, 24): _from_24_bit,
    (_FLOAT, 32): _from_float,
}


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each chunk of a RIFF file; raises PresetError where a length leads past the end."""
    if len(data) < _RIFF_HEAD.size or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise PresetError("it is not a WAV file; export it as WAV, 16 or 24 bit or 32-bit float")
    end = _CHUNK_HEAD.size + _RIFF_HEAD.unpack_from(data)[1]
    if end > len(data):
        raise PresetError(f"it is cut off: {len(data)} bytes of {end}; copy or export it again")
    at = _RIFF_HEAD.size
    while at + _CHUNK_HEAD.size <= end:
        name, size = _CHUNK_HEAD.unpack_from(data, at)
        at += _CHUNK_HEAD.size
        if size > end - at:
            raise PresetError(f"its chunk {name!r} claims {size} bytes of {end - at}; export it again")
        yield name, data[at : at + size]
        at += size + size % 2  # chunks begin at even bytes


def _first_chunks(data: bytes) -> dict[bytes, bytes]:
    chunks: dict[bytes, bytes] = {}
    for name, content in _chunks(data):
        chunks.setdefault(name, content)
    missing = [name.decode() for name in (b"fmt ", b"data") if name not in chunks]
    if missing:
        raise PresetError(f"it has no {' and no '.join(map(repr, missing))} chunk; export it again")
    return chunks


def _format_tag(fmt: bytes, tag: int) -> int:
    has_sub_format = tag == _EXTENSIBLE and len(fmt) >= _SUB_FORMAT_AT + 2
    return int.from_bytes(fmt[_SUB_FORMAT_AT : _SUB_FORMAT_AT + 2], "little") if has_sub_format else tag


def _decode(chunks: dict[bytes, bytes]) -> Samples:
    fmt, data = chunks[b"fmt "], chunks[b"data"]
    if len(fmt) < _FMT.size:
        raise PresetError(f"its 'fmt ' chunk has {len(fmt)} bytes, not {_FMT.size} or more; export it again")
    tag, n_channels, rate_hz, _, block, bits = _FMT.unpack_from(fmt)
    decoder = _DECODERS.get((_format_tag(fmt, tag), bits))
    if decoder is None:
        raise PresetError(f"it is {bits}-bit of format {tag}; export it as 16 or 24 bit or 32-bit float")
    if not 1 <= n_channels <= MAX_CHANNELS:
        raise PresetError(f"it has {n_channels} channels; export it as mono or stereo")
    if not 1 <= rate_hz <= MAX_RATE_HZ or block != n_channels * bits // 8 or len(data) % block:
        raise PresetError("its rate or sample size makes no sense; export it again")
    audio = decoder(data)
    if not (np.abs(audio) <= MAX_PEAK).all():  # False for NaN too
        raise PresetError(f"it holds samples {_NO_SOUND}; export it again")
    return Samples(np.ascontiguousarray(audio.reshape(-1, n_channels).T), rate_hz)


def _decode_frames(chunks: dict[bytes, bytes]) -> Floats:
    head = chunks.get(b"clm ", CLM_CHUNK)
    if head.startswith(b"<!>") and head[3:].split(b" ")[0] != str(FRAME_SIZE).encode():
        raise PresetError(f"its frames are not {FRAME_SIZE} samples long; export it with such frames")
    audio = _decode(chunks).audio
    n_channels, n_samples = audio.shape
    if n_channels != 1:
        raise PresetError("it is stereo and a wavetable is mono; export it as mono")
    if n_samples == 0 or n_samples % FRAME_SIZE or n_samples > MAX_FRAMES * FRAME_SIZE:
        frames = f"1 to {MAX_FRAMES} frames of {FRAME_SIZE}"
        raise PresetError(f"it has {n_samples} samples and a wavetable {frames}; cut it to that")
    return audio.reshape(-1, FRAME_SIZE)


def _chunk(name: bytes, content: bytes) -> bytes:
    return _CHUNK_HEAD.pack(name, len(content)) + content + b"\0" * (len(content) % 2)


def _encode(audio: Floats, rate_hz: int, clm: bytes | None = None) -> bytes:
    """A 32-bit float WAV of `audio` (channels, n_samples)."""
    n_channels = len(audio)
    block = 4 * n_channels
    chunks = {b"fmt ": _FMT.pack(_FLOAT, n_channels, rate_hz, rate_hz * block, block, 32)}
    if clm is not None:
        chunks[b"clm "] = clm  # ahead of the data, where some readers stop
    chunks[b"data"] = audio.T.astype("<f4").tobytes()
    body = b"".join(_chunk(name, content) for name, content in chunks.items())
    return _RIFF_HEAD.pack(b"RIFF", len(body) + 4, b"WAVE") + body


def _read_chunks(path: Path) -> dict[bytes, bytes]:
    if not path.is_file():  # a pipe or a device would be read for ever
        raise PresetError("there is no file; check the path")
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise PresetError(f"it is larger than {MAX_FILE_BYTES // 2**20} MiB; cut it shorter")
    return _first_chunks(data)


def _write_whole(path: Path, data: bytes) -> None:
    """Write beside `path` and rename, so that a full disk or an interruption leaves no half file."""
    part = path.with_name(f".{uuid4().hex}.part")  # not tempfile, whose files nobody else may read
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _checked(audio: NDArray[np.floating], what: str) -> Floats:
    if not (np.abs(audio) <= MAX_PEAK).all():
        raise PresetError(f"{what} hold samples {_NO_SOUND}; mend or scale them")
    return np.asarray(audio, np.float32)


def encode_frames(frames: NDArray[np.floating]) -> bytes:
    """A wavetable file's bytes of `frames` (n_frames, 2048); raises PresetError."""
    if frames.ndim != 2 or frames.shape[1] != FRAME_SIZE or not 1 <= len(frames) <= MAX_FRAMES:
        raise PresetError(f"frames {frames.shape} are not (1 to {MAX_FRAMES}, {FRAME_SIZE}); resample them")
    return _encode(_checked(frames, "the frames").reshape(1, -1), SAMPLE_RATE_HZ, CLM_CHUNK)


def encode_samples(audio: NDArray[np.floating], rate_hz: int = SAMPLE_RATE_HZ) -> bytes:
    """A WAV file's bytes of `audio` (channels, n_samples), mono or stereo, any length; raises PresetError."""
    if audio.ndim != 2 or not 1 <= len(audio) <= MAX_CHANNELS:
        raise PresetError(f"audio {audio.shape} is not (1 or 2, n_samples); transpose or mix it to that")
    if not 1 <= rate_hz <= MAX_RATE_HZ:
        raise PresetError(f"a rate of {rate_hz} Hz is not 1 to {MAX_RATE_HZ}; resample the audio")
    return _encode(_checked(audio, "the samples"), rate_hz)


def read_frames(path: Path) -> Floats:
    """Read a wavetable, float32 (n_frames, 2048), from 16 or 24-bit or float WAV; raises PresetError."""
    try:
        return _decode_frames(_read_chunks(path))
    except (PresetError, OSError) as error:
        raise PresetError(f"{path} cannot be read as a wavetable: {error}") from error


def write_frames(path: Path, frames: NDArray[np.floating]) -> None:
    """Write `frames` (n_frames, 2048) as a wavetable, replacing `path`; raises PresetError."""
    _write(path, encode_frames(frames))


def read_samples(path: Path) -> Samples:
    """Read a mono or stereo sound from 16 or 24-bit or float WAV; raises PresetError."""
    try:
        return _decode(_read_chunks(path))
    except (PresetError, OSError) as error:
        raise PresetError(f"{path} cannot be read as a sample: {error}") from error


def write_samples(path: Path, audio: NDArray[np.floating], rate_hz: int = SAMPLE_RATE_HZ) -> None:
    """Write `audio` (channels, n_samples) as 32-bit float WAV, replacing `path`; raises PresetError."""
    _write(path, encode_samples(audio, rate_hz))


def _write(path: Path, data: bytes) -> None:
    try:
        _write_whole(path, data)
    except OSError as error:
        raise PresetError(f"{path} cannot be written: {error}") from error
