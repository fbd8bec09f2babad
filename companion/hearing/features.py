"""What the model hears: Whisper's log-mel spectrogram in numpy, cut to the length of a clip.

Training and serving share this file, so they cannot drift.
"""

from functools import lru_cache
from math import gcd

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft
from scipy.signal import resample_poly

MODEL_RATE = 16_000
N_FFT = 400  # 25 ms
HOP_LENGTH = 160  # 10 ms
N_MELS = 80
CLIP_S = 2.5
N_SAMPLES = int(CLIP_S * MODEL_RATE)  # 40,000 samples in a clip
N_FRAMES = N_SAMPLES // HOP_LENGTH  # 250 frames in a clip
N_BINS = N_FFT // 2 + 1  # 201
POWER_FLOOR = 1e-10
FEATURE_TOP = 1.5  # where clip_features puts the loudest bin; the rest spans 2.0 below it
RANGE_LOG10 = 8.0  # everything more than 80 dB under the clip's loudest band reads the same

# Slaney's mel scale: linear below 1 kHz, logarithmic above (Auditory Toolbox, 1998).
LINEAR_MELS_PER_HZ = 3 / 200
KNEE_HZ = 1000.0
KNEE_MEL = KNEE_HZ * LINEAR_MELS_PER_HZ
LOG_STEP = np.log(6.4) / 27


def resample(audio: NDArray[np.float32], from_hz: int, to_hz: int) -> NDArray[np.float32]:
    """Change the sample rate of `audio` along its last axis, band-limited, by polyphase filtering.

    1.5 ms for 2.5 s from 44.1 to 16 kHz (pedalboard's 256-tap sinc takes 54 ms).
    """
    if from_hz == to_hz:
        return audio.astype(np.float32, copy=False)
    common = gcd(from_hz, to_hz)
    resampled = resample_poly(audio, to_hz // common, from_hz // common, axis=-1)
    return np.asarray(resampled, dtype=np.float32)


def log_mel(audio_16k: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the log-mel spectrogram `(N_MELS, N_FRAMES)` of mono audio `(n,)` at MODEL_RATE, as Whisper hears it.

    Shorter audio is padded with silence, longer audio is cut. The arithmetic is that of openai/whisper `audio.py`.
    """
    clip = np.zeros(N_SAMPLES, np.float32)
    kept = audio_16k[:N_SAMPLES]
    clip[: len(kept)] = kept
    padded = np.pad(clip, N_FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP_LENGTH][:N_FRAMES]
    spectrum = rfft(frames * hann_window())  # (N_FRAMES, N_BINS)
    power = spectrum.real**2 + spectrum.imag**2
    log_power = np.log10(np.maximum(mel_filters() @ power.T, POWER_FLOOR))
    log_power = np.maximum(log_power, log_power.max() - RANGE_LOG10)
    return np.asarray((log_power + 4.0) / 4.0, dtype=np.float32)


def clip_features(audio: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
    """Give the features `(N_MELS, N_FRAMES)` of audio `(channels, n)` at `rate_hz`: folded to mono, blind to level.

    Level is measured elsewhere, to a fraction of a dB; here the loudest bin is put at FEATURE_TOP.
    """
    mono = audio.mean(axis=0)
    peak = float(np.abs(mono).max(initial=1e-9))
    mel = log_mel(resample(mono / peak, rate_hz, MODEL_RATE))
    return np.asarray(mel + (FEATURE_TOP - mel.max()), dtype=np.float32)


@lru_cache(maxsize=1)
def hann_window() -> NDArray[np.float32]:
    """Give the periodic Hann window `(N_FFT,)`."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT), dtype=np.float32)


@lru_cache(maxsize=1)
def mel_filters() -> NDArray[np.float32]:
    """Give the mel filters `(N_MELS, N_BINS)`: triangles on Slaney's scale, each of area 1 in Hz."""
    top_mel = hz_to_mel(np.array(MODEL_RATE / 2))
    edges_hz = mel_to_hz(np.linspace(0.0, top_mel, N_MELS + 2))
    bins_hz = np.linspace(0.0, MODEL_RATE / 2, N_BINS)
    lower, centre, upper = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rising = (bins_hz - lower) / (centre - lower)
    falling = (upper - bins_hz) / (upper - centre)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(triangles * 2.0 / (upper - lower), dtype=np.float32)


def hz_to_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert Hz to Slaney mels."""
    above = KNEE_MEL + np.log(np.maximum(hz, KNEE_HZ) / KNEE_HZ) / LOG_STEP
    return np.where(hz < KNEE_HZ, hz * LINEAR_MELS_PER_HZ, above)


def mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert Slaney mels to Hz."""
    above = KNEE_HZ * np.exp(LOG_STEP * (np.maximum(mel, KNEE_MEL) - KNEE_MEL))
    return np.where(mel < KNEE_MEL, mel / LINEAR_MELS_PER_HZ, above)
