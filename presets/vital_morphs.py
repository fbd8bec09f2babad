"""What Vital's low-pass and high-pass morphs make of a frame, for synths that have no such stage.

The other morphs move phases or harmonics in ways that have not been worked out here.
"""

from __future__ import annotations

import numpy as np

from presets.patch import Asset
from presets.tables import FRAME_SIZE

BAKED = ("low_pass", "high_pass")
OCTAVES = 10.0  # from the first harmonic to the last, over the knob; measured on the engine


def baked(frames: Asset, morph: str, amount: float) -> Asset:
    """Frames (n, 2048) as a morph of BAKED plays them at an amount 0..1.

    Harmonics up to 2 ** (10 amount) are kept, or taken away, and the one at the edge in part.
    """
    edge = 2.0 ** (OCTAVES * amount)
    harmonics = np.arange(FRAME_SIZE // 2 + 1)
    gain = np.clip(edge - harmonics + 1, 0, 1) if morph == "low_pass" else np.clip(harmonics - edge + 1, 0, 1)
    spectra = np.fft.rfft(frames, axis=-1)
    return np.asarray(np.fft.irfft(spectra * gain, FRAME_SIZE, axis=-1), np.float32)
