"""The WAV codec: what goes in comes out, other readers agree, and no file breaks it."""

import struct
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from presets.errors import PresetError
from presets.tables import FRAME_SIZE, table_frames
from presets.wav import (
    CLM_CHUNK,
    MAX_FRAMES,
    encode_frames,
    encode_samples,
    read_frames,
    read_samples,
    write_frames,
    write_samples,
)

BYTES = st.binary(max_size=200)
LEVELS = st.floats(-16, 16, width=32)


def riff(*chunks):
    body = b"".join(struct.pack("<4sI", name, len(c)) + c + b"\0" * (len(c) % 2) for name, c in chunks)
    return struct.pack("<4sI4s", b"RIFF", len(body) + 4, b"WAVE") + body


def fmt(tag=1, channels=1, bits=16, rate=44_100):
    block = channels * bits // 8
    return b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("wav") / "table.wav"


@given(frames=arrays(np.float32, st.tuples(st.integers(1, 5), st.just(FRAME_SIZE)), elements=LEVELS))
@settings(max_examples=30, deadline=None)
def test_frames_come_back_bit_for_bit(path, frames):
    write_frames(path, frames)
    np.testing.assert_array_equal(read_frames(path), frames)


@given(
    audio=arrays(np.float32, st.tuples(st.integers(1, 2), st.integers(0, 300)), elements=LEVELS),
    rate_hz=st.integers(1, 384_000),
)
@settings(max_examples=50, deadline=None)
def test_samples_come_back_bit_for_bit(path, audio, rate_hz):
    write_samples(path, audio, rate_hz)
    sound = read_samples(path)
    np.testing.assert_array_equal(sound.audio, audio)
    assert sound.rate_hz == rate_hz


@given(data=BYTES | BYTES.map(lambda b: b"RIFF" + b[:4] + b"WAVE" + b[4:]))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused(path, data):
    path.write_bytes(data)
    for read in (read_frames, read_samples):
        try:
            read(path)
        except PresetError as error:
            assert str(path) in str(error)


@given(at=st.integers(0, 99), value=st.binary(min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_a_damaged_header_is_read_or_refused(path, at, value):
    data = bytearray(encode_frames(table_frames("pwm")[:1]))
    data[at : at + len(value)] = value
    path.write_bytes(data)
    try:
        frames = read_frames(path)
    except PresetError:
        return
    assert frames.shape[1] == FRAME_SIZE
    assert np.isfinite(frames).all()


@given(share=st.floats(0, 1, exclude_max=True))
@settings(max_examples=50, deadline=None)
def test_a_truncated_file_is_refused(path, share):
    data = encode_frames(table_frames("pwm")[:2])
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(PresetError):
        read_frames(path)


def test_the_clm_chunk_stands_before_the_data():
    data = encode_frames(table_frames("pwm"))
    assert b"clm " + struct.pack("<I", len(CLM_CHUNK)) + b"<!>2048 00000000 wavetable (whispersynth)" in data
    assert data.index(b"clm ") < data.index(b"data")
    assert len(data) % 2 == 0


def test_other_readers_hear_the_same(path):
    wavfile = pytest.importorskip("scipy.io.wavfile")
    pedalboard = pytest.importorskip("pedalboard.io")
    frames = table_frames("brass")
    write_frames(path, frames)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy says that it skips the clm chunk
        rate, audio = wavfile.read(path)
    assert rate == 44_100
    np.testing.assert_array_equal(audio.reshape(-1, FRAME_SIZE), frames)
    with pedalboard.AudioFile(str(path)) as file:
        np.testing.assert_array_equal(file.read(file.frames).reshape(-1, FRAME_SIZE), frames)


@pytest.mark.parametrize(("subtype", "step"), [("int16", 2.0**-15), ("int24", 2.0**-23), ("float32", 0.0)])
def test_other_writers_are_read(path, subtype, step):
    pedalboard = pytest.importorskip("pedalboard.io")
    frames = table_frames("fm_growl")[3:6] * np.float32(0.99)
    depth = {"int16": 16, "int24": 24, "float32": 32}[subtype]
    with pedalboard.AudioFile(str(path), "w", samplerate=48_000, num_channels=1, bit_depth=depth) as file:
        file.write(frames.reshape(1, -1))
    np.testing.assert_allclose(read_frames(path), frames, atol=1.5 * step, rtol=2e-7)


def test_whole_numbers_span_full_scale(path):
    path.write_bytes(riff(fmt(bits=16), (b"data", struct.pack("<3h", -32768, 0, 16384))))
    np.testing.assert_array_equal(read_samples(path).audio, [[-1.0, 0.0, 0.5]])
    path.write_bytes(riff(fmt(bits=24), (b"data", b"\x00\x00\x80\x00\x00\x00\x00\x00\x40")))
    np.testing.assert_array_equal(read_samples(path).audio, [[-1.0, 0.0, 0.5]])


def test_extensible_and_unknown_chunks_are_read(path):
    name, head = fmt(tag=0xFFFE)
    extensible = head + struct.pack("<HHIH", 22, 16, 4, 1) + bytes(14)
    path.write_bytes(riff((b"JUNK", b"odd"), (name, extensible), (b"data", bytes(4096))) + b"trailing")
    assert read_frames(path).shape == (1, FRAME_SIZE)


LYING_LENGTH = (
    struct.pack("<4sI4s", b"RIFF", 40, b"WAVE") + riff(fmt())[12:] + b"data\xff\xff\xff\x7f" + bytes(4)
)
SILENT_FRAME = (b"data", bytes(2 * FRAME_SIZE))
REFUSED = {
    "not 2048": (riff(fmt(), (b"data", bytes(2 * 2047))), "2047 samples"),
    "empty": (riff(fmt(), (b"data", b"")), "0 samples"),
    "too many frames": (riff(fmt(), (b"data", bytes(2 * FRAME_SIZE * (MAX_FRAMES + 1)))), "1 to 256"),
    "stereo": (riff(fmt(channels=2), SILENT_FRAME), "mono"),
    "no channels": (riff(fmt(channels=0), SILENT_FRAME), "0 channels"),
    "8 bit": (riff(fmt(bits=8), SILENT_FRAME), "8-bit"),
    "compressed": (riff(fmt(tag=0x55), SILENT_FRAME), "format 85"),
    "rate 0": (riff(fmt(rate=0), SILENT_FRAME), "makes no sense"),
    "half a sample": (riff(fmt(), (b"data", bytes(4097))), "makes no sense"),
    "other frame size": (riff(fmt(), (b"clm ", b"<!>1024 00000000 wavetable"), SILENT_FRAME), "not 2048"),
    "not a number": (riff(fmt(3, 1, 32), (b"data", struct.pack("<f", np.nan) * 2048)), "no number"),
    "infinite": (riff(fmt(3, 1, 32), (b"data", struct.pack("<f", np.inf) * 2048)), "no number"),
    "huge": (riff(fmt(3, 1, 32), (b"data", struct.pack("<f", 1e30) * 2048)), "full scale"),
    "no data": (riff(fmt()), "no 'data' chunk"),
    "no format": (riff(SILENT_FRAME), "no 'fmt ' chunk"),
    "short format": (riff((b"fmt ", bytes(15)), SILENT_FRAME), "15 bytes"),
    "data length lies": (LYING_LENGTH, "claims 2147483647 bytes of 4"),
    "not a wav": (b"fLaC" + bytes(100), "not a WAV"),
    "nothing": (b"", "not a WAV"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_wavetable_is_refused_with_the_reason(path, data, reason):
    path.write_bytes(data)
    with pytest.raises(PresetError, match=reason) as caught:
        read_frames(path)
    assert str(path) in str(caught.value)


def test_missing_files_and_folders_are_refused(tmp_path):
    for read in (read_frames, read_samples):
        for path in (tmp_path, tmp_path / "missing.wav"):
            with pytest.raises(PresetError, match="there is no file"):
                read(path)
    with pytest.raises(PresetError, match="cannot be written"):
        write_frames(tmp_path / "missing" / "table.wav", table_frames("pwm"))


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    (tmp_path / "table.wav").mkdir()
    with pytest.raises(PresetError, match="cannot be written"):
        write_frames(tmp_path / "table.wav", table_frames("pwm"))
    assert [p.name for p in tmp_path.iterdir()] == ["table.wav"]


@pytest.mark.parametrize("shape", [(2048,), (0, 2048), (257, 2048), (2, 1024)])
def test_frames_of_another_shape_are_not_written(shape):
    with pytest.raises(PresetError, match="resample"):
        encode_frames(np.zeros(shape))


@pytest.mark.parametrize("value", [np.nan, np.inf, 17.0])
def test_what_is_no_sound_is_not_written(value):
    with pytest.raises(PresetError, match="no number"):
        encode_frames(np.full((1, FRAME_SIZE), value))
    with pytest.raises(PresetError, match="no number"):
        encode_samples(np.full((2, 10), value))


def test_audio_of_another_shape_is_not_written():
    for shape in [(10,), (3, 10), (0, 10)]:
        with pytest.raises(PresetError, match="transpose"):
            encode_samples(np.zeros(shape))


@pytest.mark.parametrize("rate_hz", [0, -1, 2**33])
def test_an_impossible_rate_is_not_written(rate_hz):
    with pytest.raises(PresetError, match="resample"):
        encode_samples(np.zeros((1, 10)), rate_hz)
