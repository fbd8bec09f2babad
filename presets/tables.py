"""The standard wavetable set, made here by addition of harmonics since factory tables may not be shipped.

A trained model names these tables by index: changing a sound or the order means training again.
"""

from collections.abc import Callable
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

FRAME_SIZE = 2048  # samples in one cycle, as Serum and Vital read them
N_FRAMES = 17  # frames in a table: both ends and 15 between
N_HARMONICS = FRAME_SIZE // 2 - 1  # 1023, the highest below the cycle's own Nyquist
OVERSAMPLING = 16  # for shapes given as samples: keeps what folds back below -60 dB

Floats = NDArray[np.float64]
Frames = NDArray[np.float32]

_H = np.arange(1, N_HARMONICS + 1, dtype=np.float64)  # harmonic numbers (n_harmonics,)
_X = np.linspace(0.0, 1.0, N_FRAMES)[:, None]  # where in the table a frame lies (n_frames, 1)
_ODD = _H % 2
_EVEN = 1 - _ODD
_SINE = (_H == 1).astype(np.float64)
_SAW = 1 / _H
_SQUARE = _ODD / _H
_TRIANGLE = _ODD / _H**2
_TRIANGLE_PHASE = np.where(_H % 4 == 3, np.pi, 0.0)  # every second odd harmonic of a triangle is upside down
_SIGMA = np.sinc(_H / (N_HARMONICS + 1))  # Lanczos: edges without Gibbs ringing, -0.1 dB at harmonic 84

# The first three resonances of sung vowels in Hz (after Peterson and Barney 1952, rounded), a e i o u.
_VOWELS_HZ = np.array([
    [730, 1090, 2440],
    [530, 1840, 2480],
    [270, 2290, 3010],
    [570, 840, 2410],
    [300, 870, 2240],
])  # fmt: skip
_VOWEL_GAINS = np.array([1.0, 0.55, 0.25])
_VOWEL_PITCH_HZ = 130.8  # the note at which the formants lie where a voice has them

# Hammond registrations from flute to full, as levels of harmonics 1 2 3 4 5 6 8 (8' to 1').
_DRAWBAR_HARMONICS = np.array([1, 2, 3, 4, 5, 6, 8])
_DRAWBARS = np.array([
    [8, 0, 0, 0, 0, 0, 0],
    [8, 6, 0, 0, 0, 0, 0],
    [8, 8, 6, 0, 0, 0, 0],
    [8, 6, 4, 8, 3, 2, 6],
    [8, 8, 8, 8, 8, 8, 8],
])  # fmt: skip


def _normalise(frames: Floats) -> Frames:
    peak: Floats = np.abs(frames).max(axis=1, keepdims=True)
    return np.asarray(frames / peak, np.float32)


def _add(amplitude: Floats, phase: Floats | float = 0.0) -> Frames:
    """Frames of `amplitude` sin(h t + `phase`), both (n_frames, n_harmonics) or what spreads to it."""
    spectrum = np.zeros((N_FRAMES, FRAME_SIZE // 2 + 1), np.complex128)
    spectrum[:, 1:-1] = -1j * amplitude * _SIGMA * np.exp(1j * np.asarray(phase))
    return _normalise(np.fft.irfft(spectrum, axis=1))


def _band_limit(shape: Callable[[Floats], Floats]) -> Frames:
    """Frames of a `shape` of time 0..1 that answers with samples (n_frames, n)."""
    n = FRAME_SIZE * OVERSAMPLING
    fine = np.fft.rfft(shape(np.arange(n) / n), axis=1)
    spectrum = np.zeros((N_FRAMES, FRAME_SIZE // 2 + 1), np.complex128)
    spectrum[:, 1:-1] = fine[:, 1 : N_HARMONICS + 1] * _SIGMA
    return _normalise(np.fft.irfft(spectrum, axis=1))


def _between(*keys: Floats) -> Floats:
    """Rows that go through `keys` (each (n,)) at even distances: (n_frames, n)."""
    place = _X[:, 0] * (len(keys) - 1)
    left = np.minimum(place.astype(int), len(keys) - 2)
    share = (place - left)[:, None]
    stacked = np.stack(keys)
    rows: Floats = (1 - share) * stacked[left] + share * stacked[left + 1]
    return rows


def _sweep(start: float, stop: float) -> Floats:
    """One figure a frame, in equal ratios from `start` to `stop`: (n_frames, 1)."""
    return start * (stop / start) ** _X


def _bump(centre: Floats | float, width_octaves: float) -> Floats:
    """A resonance around harmonic `centre`, Gaussian in octaves."""
    return np.exp(-0.5 * (np.log2(_H / centre) / width_octaves) ** 2)


def _lowpass(cutoff: Floats | float, order: int) -> Floats:
    return 1 / np.sqrt(1 + (_H / cutoff) ** (2 * order))


def _spread_phase() -> Floats:
    """Schroeder's phases for a flat spectrum: bright without one spike a cycle (IEEE Trans. IT-16, 1970)."""
    return -np.pi * _H * (_H - 1) / 64


def _basic_shapes() -> Frames:
    sine, triangle, saw, square = _SINE, _TRIANGLE, _SAW, _SQUARE
    at = np.array([0, 5, 11, 16])  # whole frames, so that each plain shape can be picked exactly
    place = np.interp(np.arange(N_FRAMES), at, np.arange(4.0))[:, None]
    keys = (sine, triangle, saw, square)
    weights = [np.maximum(0.0, 1 - np.abs(place - k)) for k in range(4)]
    amplitude = np.sum([w * key for w, key in zip(weights, keys, strict=True)], axis=0)
    # Turned, not crossfaded: a crossfade from triangle to saw would lose the third harmonic on the way.
    return _add(amplitude, _TRIANGLE_PHASE * np.clip(2 - place, 0.0, 1.0))


def _sine_to_saw() -> Frames:
    return _add(_between(_SINE, _SAW))


def _pwm() -> Frames:
    width = _sweep(0.5, 0.03)
    turn = 2 * np.pi * _H * width
    rising_at_zero = (1 - np.exp(-1j * turn)) / _H  # Fourier series of a pulse that starts at t = 0
    return _add(np.abs(rising_at_zero), np.angle(rising_at_zero))


def _saw_stack() -> Frames:
    octave = _EVEN * 2 / _H
    two_octaves = (_H % 4 == 0) * 4 / _H
    return _add(_between(_SAW, _SAW + octave, _SAW + octave + two_octaves))


def _sub_harmonics() -> Frames:
    return _add(_between(_SINE, _SINE + _EVEN * 1.2 / _H, 0.6 * _SINE + _EVEN * 2 / _H))


def _odd_harmonics() -> Frames:
    return _add(_ODD * _H ** -(4.0 - 3.2 * _X))


def _organ_drawbars() -> Frames:
    keys = np.zeros((len(_DRAWBARS), N_HARMONICS))
    keys[:, _DRAWBAR_HARMONICS - 1] = _DRAWBARS / 8
    return _add(_between(*keys))


def _lowpass_sweep() -> Frames:
    return _add(_SAW * _lowpass(_sweep(1.0, 400.0), order=4))


def _spectral_tilt() -> Frames:
    return _add(_H ** -(3.0 - 2.6 * _X), _spread_phase())


def _formant_vowels() -> Frames:
    centres = np.exp2(_between(*np.log2(_VOWELS_HZ / _VOWEL_PITCH_HZ)))  # (n_frames, 3)
    formants = sum(gain * _bump(centres[:, [k]], 0.25) for k, gain in enumerate(_VOWEL_GAINS))
    return _add(formants * _H**-0.5 + 0.1 * _SAW)


def _formant_sweep() -> Frames:
    return _add(0.25 * _SAW + _bump(_sweep(2.0, 48.0), 0.3) * _H**-0.4)


def _hard_sync() -> Frames:
    return _band_limit(lambda t: 1 - 2 * (((1 + 3 * _X) * t) % 1.0))


def _fm_2to1() -> Frames:
    return _band_limit(lambda t: np.sin(2 * np.pi * t + 5 * _X * np.sin(4 * np.pi * t)))


def _fm_bell() -> Frames:
    # 1 : 3.5 as on the first digital pianos; a single cycle holds it as harmonics 2 and 7.
    return _band_limit(lambda t: np.sin(4 * np.pi * t + 4 * _X * np.sin(14 * np.pi * t)))


def _fm_growl() -> Frames:
    def shape(t: Floats) -> Floats:
        turn = 2 * np.pi * t
        return np.sin(turn + 6 * _X * np.sin(turn + 1.5 * _X * np.sin(3 * turn)))

    return _band_limit(shape)


def _harmonics_single() -> Frames:
    # Half a harmonic a frame: every second frame is a blend, so that neighbours always share a partial.
    centre = 1 + 8 * _X
    return _add(np.maximum(0.0, 1 - np.abs(_H - centre)))


def _comb_saw() -> Frames:
    return _add(_SAW * (0.04 + np.abs(np.cos(np.pi * (_H - 1) * 0.4 * _X))))


def _bright_digital() -> Frames:
    return _add(_H**-0.2 * _lowpass(_sweep(3.0, 160.0), order=8), _spread_phase())


def _hollow() -> Frames:
    # A closed pipe: odd harmonics, even ones entering high up, a rise near the third to the ninth.
    leak = np.minimum(1.0, _H / 40)
    pipe = (_ODD + leak * _EVEN) * (_H**-1.6 + 0.35 * _X * _bump(6.0, 0.8))
    return _add(pipe * _lowpass(_sweep(4.0, 40.0), order=2))


def _brass() -> Frames:
    # Risset and Mathews 1969: louder is brighter; the bell lifts what lies near 1 kHz.
    return _add(_H**-0.7 * (1 + 1.5 * _bump(6.0, 0.7)) * _lowpass(_sweep(1.5, 30.0), order=2))


def _strings() -> Frames:
    modes = 10 ** (np.random.RandomState(4).uniform(-18.0, 6.0, N_HARMONICS) / 20)  # peaks and dips, dB
    body = (1 - _X) + _X * modes
    return _add(_SAW * body * _lowpass(_sweep(60.0, 24.0), order=1))


def _electric_piano() -> Frames:
    tine = _bump(14.0, 0.12)
    soft = _SINE + 0.12 * (_H == 2) + 0.03 * (_H == 3)
    bark = _SINE + 0.7 * (_H == 2) + _H**-2.2
    return _add(_between(soft, soft + 0.15 * tine, bark + 0.15 * tine, bark + 0.3 * _H**-1.2))


def _random_partials(seed: int, n_partials: int, slope: float) -> Frames:
    """Seeded partials that come and go along the table; RandomState, whose stream numpy keeps for ever."""
    rng = np.random.RandomState(seed)
    phase = rng.uniform(0.0, 2 * np.pi, N_HARMONICS)
    keys = rng.uniform(0.0, 1.0, (5, N_HARMONICS)) ** 3
    keys[:, 0] = np.maximum(keys[:, 0], 0.4)  # the note stays heard
    return _add(_between(*keys) * _H**-slope * (n_partials >= _H), phase)


def _random_a() -> Frames:
    return _random_partials(seed=1, n_partials=24, slope=0.5)


def _random_b() -> Frames:
    return _random_partials(seed=2, n_partials=200, slope=0.8)


TABLES: MappingProxyType[str, Callable[[], Frames]] = MappingProxyType({
    "basic_shapes": _basic_shapes,
    "sine_to_saw": _sine_to_saw,
    "pwm": _pwm,
    "odd_harmonics": _odd_harmonics,
    "saw_stack": _saw_stack,
    "sub_harmonics": _sub_harmonics,
    "lowpass_sweep": _lowpass_sweep,
    "spectral_tilt": _spectral_tilt,
    "organ_drawbars": _organ_drawbars,
    "harmonics_single": _harmonics_single,
    "formant_vowels": _formant_vowels,
    "formant_sweep": _formant_sweep,
    "hard_sync": _hard_sync,
    "fm_2to1": _fm_2to1,
    "fm_bell": _fm_bell,
    "fm_growl": _fm_growl,
    "comb_saw": _comb_saw,
    "bright_digital": _bright_digital,
    "hollow": _hollow,
    "brass": _brass,
    "strings": _strings,
    "electric_piano": _electric_piano,
    "random_a": _random_a,
    "random_b": _random_b,
})  # fmt: skip

TABLE_NAMES: tuple[str, ...] = tuple(TABLES)


@cache
def table_frames(name: str) -> Frames:
    """Frames of a standard table, float32 (n_frames, frame_size), peak 1, no DC, read-only.

    Raises KeyError for a name that is not in `TABLE_NAMES`.
    """
    frames = TABLES[name]()
    frames.setflags(write=False)
    return frames
