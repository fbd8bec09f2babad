import os
from pathlib import Path

import numpy as np
import pytest
from pedalboard.io import AudioFile

from companion.errors import ClipError, WhisperSynthError
from companion.hearing.audio import LEAD_S, LISTEN_S, SAMPLE_RATE, read_clip

TONE_HZ = 440.0


def tone(rate_hz: int = SAMPLE_RATE, seconds: float = 0.5, level: float = 0.5) -> np.ndarray:
    phase = 2 * np.pi * TONE_HZ * np.arange(round(seconds * rate_hz)) / rate_hz
    return (level * np.sin(phase)).astype(np.float32)


def write(path: Path, samples: np.ndarray, rate_hz: int = SAMPLE_RATE, **options) -> Path:
    samples = np.atleast_2d(samples)
    with AudioFile(str(path), "w", samplerate=rate_hz, num_channels=len(samples), **options) as file:
        file.write(samples)
    return path


def heard_hz(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples[0] * np.hanning(samples.shape[1])))
    return float(spectrum.argmax() * SAMPLE_RATE / samples.shape[1])


FILES = [
    *[(kind, hz, 16) for kind in ("wav", "aiff", "flac", "ogg") for hz in (8000, 44_100, 48_000, 192_000)],
    *[("mp3", hz, 16) for hz in (32_000, 44_100, 48_000)],
    ("wav", 8000, 8),
    ("wav", 96_000, 24),
    ("wav", 44_100, 32),
]


@pytest.mark.parametrize(("kind", "rate_hz", "bits"), FILES)
@pytest.mark.parametrize("channels", [1, 2])
def test_formats_rates_and_depths(tmp_path, kind, rate_hz, bits, channels):
    depth = {"bit_depth": bits} if kind in ("wav", "aiff", "flac") else {}
    samples = np.repeat([tone(rate_hz)], channels, axis=0)
    path = write(tmp_path / f"Clip One.{kind}", samples, rate_hz, **depth)
    clip = read_clip(path)
    assert clip.name == "Clip One"
    assert clip.rate_hz == rate_hz
    assert clip.samples.dtype == np.float32
    assert clip.samples.shape[0] == channels
    assert clip.duration_s == pytest.approx(0.5, abs=0.2 if kind == "mp3" else 1e-3)
    assert heard_hz(clip.samples) == pytest.approx(TONE_HZ, abs=3)
    assert np.abs(clip.samples).max() == pytest.approx(0.5, abs=0.05)
    assert bool(clip.warnings) == (rate_hz == 8000)


def test_only_two_channels_are_kept(tmp_path):
    clip = read_clip(write(tmp_path / "quad.wav", np.array([tone(), tone() * 0.5, tone() * 0, tone() * 0])))
    assert clip.samples.shape[0] == 2
    assert "4 channels" in clip.warnings[0]


def test_start_and_end(tmp_path):
    path = write(tmp_path / "clip.wav", np.concatenate([np.zeros(SAMPLE_RATE), tone(seconds=2)]))
    clip = read_clip(path, start_s=1.25, end_s=1.75)
    assert clip.start_s == 1.25
    assert clip.duration_s == pytest.approx(0.5)
    assert heard_hz(clip.samples) == pytest.approx(TONE_HZ, abs=3)
    assert read_clip(path, start_s=1.0).duration_s == pytest.approx(2.0)
    assert read_clip(path, end_s=0.3).is_silent


def test_shortest(tmp_path):
    assert read_clip(write(tmp_path / "short.wav", tone(seconds=0.02))).samples.shape == (1, 882)


def test_of_a_long_file_the_loud_part_is_kept(tmp_path):
    hiss = np.random.default_rng(0).standard_normal(100 * SAMPLE_RATE) * 1e-3
    hiss[60 * SAMPLE_RATE : 62 * SAMPLE_RATE] += tone(seconds=2)
    clip = read_clip(write(tmp_path / "long.flac", hiss))
    assert clip.duration_s == pytest.approx(LISTEN_S)
    assert clip.start_s == pytest.approx(60 - LEAD_S, abs=0.01)


def test_of_a_long_quiet_file_the_loudest_part_is_kept(tmp_path):
    quiet = np.zeros(60 * SAMPLE_RATE)
    quiet[40 * SAMPLE_RATE : 41 * SAMPLE_RATE] = tone(seconds=1, level=0.005)
    clip = read_clip(write(tmp_path / "quiet.wav", quiet))
    assert clip.start_s == pytest.approx(40 - LEAD_S, abs=0.1)
    assert not clip.is_silent


@pytest.fixture(scope="module")
def hour(tmp_path_factory):
    path = tmp_path_factory.mktemp("hour") / "hour.wav"
    minute = np.tile(tone(8000, 1.0), (1, 60))
    with AudioFile(str(path), "w", samplerate=8000, num_channels=1) as file:
        for _ in range(60):
            file.write(minute)
    return path


def test_an_hour_needs_a_start(hour):
    with pytest.raises(ClipError, match=r"60 minutes long.*--start"):
        read_clip(hour)
    clip = read_clip(hour, start_s=3000.0)
    assert clip.start_s == 3000.0
    assert clip.duration_s == pytest.approx(LISTEN_S)


def test_an_hour_is_not_read_whole(hour, monkeypatch):
    frames = []

    class Counting:
        def __init__(self, path):
            self.file = AudioFile(path)

        def __getattr__(self, name):
            return getattr(self.file, name)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def read(self, count):
            frames.append(count)
            return self.file.read(count)

    monkeypatch.setattr("companion.hearing.audio.AudioFile", Counting)
    read_clip(hour, start_s=1800.0)
    assert sum(frames) <= 60 * 8000


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_no_numbers_are_silenced(tmp_path, value):
    samples = tone()
    samples[100:110] = value
    clip = read_clip(write(tmp_path / "nan.wav", samples, bit_depth=32))
    assert np.isfinite(clip.samples).all()
    assert clip.warnings == ("10 samples were no numbers (NaN or infinite); silence stands there instead.",)


def test_offset_is_removed(tmp_path):
    clip = read_clip(write(tmp_path / "dc.wav", tone(level=0.3) + 0.4))
    assert "offset (DC) of 0.400" in clip.warnings[0]
    assert abs(clip.samples.mean()) < 1e-3
    assert read_clip(write(tmp_path / "onlydc.wav", np.full(SAMPLE_RATE, 0.5))).is_silent


def test_an_offset_that_ends_with_the_note_leaves_silence(tmp_path):
    note = np.concatenate([tone(level=0.3) + 0.2, np.zeros(SAMPLE_RATE)])
    clip = read_clip(write(tmp_path / "sampled.wav", note))
    assert "offset (DC)" in clip.warnings[0]
    assert np.abs(clip.samples[:, -SAMPLE_RATE // 2 :]).max() < 1e-4
    np.testing.assert_allclose(clip.samples[:, :1000], tone(level=0.3)[None, :1000], atol=0.02)


def test_clipping_is_told(tmp_path):
    clip = read_clip(write(tmp_path / "clipped.wav", np.clip(tone(level=3.0), -1, 1)))
    assert any("clipping" in warning for warning in clip.warnings)
    assert read_clip(write(tmp_path / "full.wav", tone(level=0.99999))).warnings == ()


@pytest.mark.parametrize("bits", [8, 16, 24])
def test_a_deep_sine_at_full_scale_is_not_taken_for_clipping(tmp_path, bits):
    sine = np.sin(2 * np.pi * 32.7 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    clean, cut = (
        write(tmp_path / f"{gain}.wav", np.clip(gain * sine, -1, 1), bit_depth=bits) for gain in (1, 2)
    )
    assert not read_clip(clean).warnings
    assert any("clipping" in warning for warning in read_clip(cut).warnings)


def test_what_is_far_above_full_scale_comes_down_to_it(tmp_path):
    clip = read_clip(write(tmp_path / "integers.wav", 32_767 * tone(level=1.0), bit_depth=32))
    assert np.abs(clip.samples).max() == pytest.approx(1.0)
    assert clip.warnings == ("The clip peaks 90 dB above full scale and was brought down to it.",)


def test_of_a_file_that_is_cut_off_what_is_there_is_heard(tmp_path):
    whole = write(tmp_path / "whole.flac", tone(seconds=2.0))
    (tmp_path / "cut.flac").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    heard = read_clip(tmp_path / "cut.flac").samples
    np.testing.assert_array_equal(
        heard[:, : SAMPLE_RATE // 2], read_clip(whole).samples[:, : SAMPLE_RATE // 2]
    )


def test_silence_is_a_property(tmp_path):
    assert read_clip(write(tmp_path / "silence.wav", np.zeros(SAMPLE_RATE))).is_silent
    assert not read_clip(write(tmp_path / "quiet.wav", tone(level=0.001), bit_depth=24)).is_silent


def no_audio(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / f"{kind}.wav"
    whole = write(tmp_path / "whole.wav", tone()).read_bytes()
    mp3 = write(tmp_path / "whole.mp3", tone()).read_bytes()
    contents = {"empty": b"", "text": b"not a sound\n" * 99, "header": whole[:44], "stub": whole[:20]}
    path.write_bytes(contents.get(kind, mp3[:700]))
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [("empty", "is empty"), *[(kind, "not a sound file") for kind in ("text", "header", "stub", "mp3")]],
)
def test_not_audio(tmp_path, kind, message):
    with pytest.raises(ClipError, match=message):
        read_clip(no_audio(tmp_path, kind))


def test_folder_missing_device_and_odd_names(tmp_path):
    for path, message in [
        (tmp_path, "is a folder"),
        (tmp_path / "missing.wav", "does not exist"),
        (Path(os.devnull), "is a device or a pipe"),
        (tmp_path / "a\0b.wav", "cannot be opened"),
        (tmp_path / ("long" * 99), "cannot be opened"),
    ]:
        with pytest.raises(ClipError, match=message):
            read_clip(path)


@pytest.mark.skipif(os.name == "nt", reason="Windows names are always Unicode")
def test_name_that_is_no_unicode(tmp_path):
    path = tmp_path / os.fsdecode(b"\xff.wav")
    try:
        write(tmp_path / "a.wav", tone()).rename(path)
    except OSError:
        pytest.skip("this file system takes only Unicode names")
    with pytest.raises(ClipError, match="rename the file"):
        read_clip(path)


@pytest.mark.skipif(os.name == "nt", reason="permissions of files work otherwise on Windows")
def test_no_permission(tmp_path):
    path = write(tmp_path / "secret.wav", tone())
    path.chmod(0)
    user = os.geteuid()
    if user == 0:  # root may read everything: look as nobody
        os.seteuid(65_534)
    try:
        with pytest.raises(ClipError, match="may not be read"):
            read_clip(path)
    finally:
        os.seteuid(user)


def test_too_short_or_outside(tmp_path):
    path = write(tmp_path / "clip.wav", tone(seconds=1.0))
    for options, message in [
        ({"start_s": 5.0}, "1.00 s long"),
        ({"start_s": 0.5, "end_s": 0.4}, "there is no clip"),
        ({"start_s": -1.0}, "no place in a clip"),
        ({"end_s": float("nan")}, "no place in a clip"),
        ({"end_s": 0.01}, "only 10 ms"),
    ]:
        with pytest.raises(ClipError, match=message):
            read_clip(path, **options)
    with pytest.raises(ClipError, match="only 10 ms"):
        read_clip(write(tmp_path / "blip.wav", tone(seconds=0.01)))


def test_a_sample_rate_of_nothing(tmp_path):
    with pytest.raises(ClipError, match="sample rate of 100 Hz"):
        read_clip(write(tmp_path / "slow.wav", tone(), 100))


def test_messages_are_one_line_of_one_family(tmp_path):
    with pytest.raises(WhisperSynthError) as error:
        read_clip(tmp_path / "missing.wav")
    assert "\n" not in str(error.value)
