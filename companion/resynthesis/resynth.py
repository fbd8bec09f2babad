"""Resynthesis: a patch whose wavetable is the clip's own, under plain knobs.

    patch = resynthesise(audio, 59.98, 0.8)      # audio (2, n) at 44.1 kHz from its onset, key let go after 0.8 s

Two oscillators carry the left and the right channel. Their frames are complex spectra on the grid of a base frequency
octaves under the note, so that subharmonics, beating, noise and chords all have a place. The frames are fitted by
listening: what the oscillators would still get wrong is analysed and added.

Frames stand at moments, denser at the attack. While the key is held LFO 1 walks through the held ones; when it is let
go, whenever that is, envelope 3 lets go of the LFO and envelope 2 walks through those after note-off, under the release
of envelope 1. Where nobody can tell when the key was released, the LFO walks through all of the clip and envelope 1 lets
go slowly: right for the clip whatever the truth, but no release of its own at other durations. A third layer, above
hearing at the clip's own note, keeps lower notes bright. A plain decay is envelope 1's, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from companion.hearing.audio import SAMPLE_RATE
from companion.resynthesis.brightness import BrightLayer, bright_layer
from companion.resynthesis.contours import Contour
from companion.resynthesis.decay import with_decay
from companion.resynthesis.frame_plan import (
    N_FRAMES,
    N_HELD,
    N_RELEASE,
    PER_STEP,
    RELEASE_BEND,
    Plan,
    make_plan,
    plan_through,
)
from companion.resynthesis.partials import Complexes, Floats, project
from companion.resynthesis.release import HOP, fit_release, loudness
from companion.resynthesis.tableplay import frames_of, play, response
from presets.patch import Patch
from presets.schema import OWN, Value

ROUNDS = 4  # of listening; a fifth gains under 0.2 dB
LOUDEST = 2.0  # a frame may be so much louder than the loudest held one: what an envelope hides stays hidden
FAINTEST_DB = -70.0  # an envelope under this counts as this, so that nothing is divided by silence
SETTLED_S = 0.2
LOUDEST_FRAME = 8.0  # times full scale, of a frame's peak
SILENT_DB = -90.0  # under the loudest moment of the clip
LONGEST_S = 6.0
SLOWER, LEAST_RELEASE_S = 1.5, 0.08  # of the release that seems to be there, where it is not sure
UNSEEN_S = 0.1  # so near the end of the clip no release shows,
UNSEEN_RELEASE_S = 4.0  # which is then taken for this long
LAYER_FALL_S = 0.02  # the bright layer reaches its level of the release so long after note-off

# Measured on the engine. Level, phase and pan stay where its init patch has them where they can: from there it glides.
POSITION_LAG_S = 0.008  # a position follows an LFO so late
SIDE_GAIN, MIDDLE_GAIN = 0.35256, 0.2493  # amplitude of a frame of peak 1 at volume -6 dB, velocity 0.8
INIT_LEVEL_DB = -6.0206
INIT_LEVEL = 0.70710678  # the same, as the engine counts: amplitude is its square
VOLUME_DB, LEAST_DB, MOST_DB = -6.0, -54.0, 12.0


def resynthesise(
    audio: Floats,
    key: float | None,
    note_off_s: float,
    through: bool = False,
    octaves_under: int = 0,
) -> Patch:
    """The patch with the clip's own wavetable.

    Args:
        audio: (2, n) at 44.1 kHz, from the note's onset.
        key: MIDI number with fraction that plays it; None: a drum or noise, which sounds the same at every key.
        note_off_s: when the key was let go.
        through: go through the whole clip, as when that is not known, rather than let go then.
        octaves_under: how far it sounds under its key.
    """
    audio = np.asarray(audio[:, : int(LONGEST_S * SAMPLE_RATE)], np.float32)
    n = audio.shape[1]
    note_off_s = min(max(note_off_s, 0.02), n / SAMPLE_RATE)
    contour = fit_release(audio, note_off_s)
    if through:
        plan = plan_through(key, n, octaves_under)
        contour = let_be_heard(contour, n / SAMPLE_RATE - note_off_s)
    else:
        plan = make_plan(key, note_off_s, n, octaves_under)
        contour = with_decay(contour, audio, note_off_s)
    spectra = fit_frames(audio, plan, contour)
    return patch_of(plan, contour, spectra, bright_layer(audio, plan, spectra, contour))


def let_be_heard(contour: Contour, rest_s: float) -> Contour:
    """A release slow enough for that of the clip to be heard, which goes on for `rest_s` after note-off."""
    seconds = UNSEEN_RELEASE_S if rest_s < UNSEEN_S else SLOWER * contour.release + LEAST_RELEASE_S
    return Contour(attack=0.0, release=min(seconds, 16.0))


# --- frames ----------------------------------------------------------------------------------------------------------


def fit_frames(audio: Floats, plan: Plan, contour: Contour) -> Complexes:
    """Complex spectra (channels, frames, harmonics) that, played under the contour, come nearest to the clip."""
    seconds = np.arange(plan.n_samples) / SAMPLE_RATE
    envelope = np.asarray(contour.amplitude(seconds, plan.note_off_s), np.float32)
    gains = _gains(envelope, plan)
    spectra = _limited(project(audio, plan.times_s, plan.base_hz) / gains, plan.n_held)
    for _ in range(ROUNDS - 1):
        rest = audio - play(spectra, plan.times_s, plan.base_hz, envelope)
        spectra = _limited(spectra + project(rest, plan.times_s, plan.base_hz) / gains, plan.n_held)
    spectra = _silenced(spectra, audio, plan)
    return spectra if plan.goes_through else _settled(spectra, plan)


def _gains(envelope: Floats, plan: Plan) -> Floats:
    """What the envelope does to each frame (frames, 1), in the window that looks at it."""
    reach, stride = int(SAMPLE_RATE / plan.base_hz), 32
    window = np.hanning(2 * reach + 1)[::stride]
    power = np.pad(envelope.astype(np.float64) ** 2, reach, mode="edge")[::stride]
    smooth = np.sqrt(np.convolve(power, window / window.sum(), "valid"))
    gains = np.interp(plan.times_s * SAMPLE_RATE / stride, np.arange(len(smooth)), smooth)
    return np.maximum(gains, 10 ** (FAINTEST_DB / 20)).astype(np.float32)[:, None]


def _limited(spectra: Complexes, n_held: int) -> Complexes:
    """No frame more than LOUDEST times as loud as the loudest held one."""
    sizes = np.sqrt((np.abs(spectra) ** 2).sum(axis=(0, 2)))
    top = LOUDEST * sizes[:n_held].max()
    return np.asarray(spectra * np.minimum(1, top / np.maximum(sizes, 1e-12))[None, :, None], np.complex64)


def _silenced(spectra: Complexes, audio: Floats, plan: Plan) -> Complexes:
    """Where the clip is silent the frames are: a synth's sound ends for good, where a window sees it fade."""
    levels = loudness(audio)
    there = np.interp(plan.times_s, np.arange(len(levels)) * HOP / SAMPLE_RATE, levels)
    return np.where((there > 10 ** (SILENT_DB / 20) * levels.max())[None, :, None], spectra, np.complex64(0))


def _settled(spectra: Complexes, plan: Plan) -> Complexes:
    """The last held frame is the mean of the last SETTLED_S: it stands still for as long as the key is held longer than
    in the clip, where one instant of a beating sound may be its faintest."""
    last = plan.n_held - 1
    power = (np.abs(spectra[:, : last + 1]) ** 2).astype(np.float64)
    levels = power.sum(axis=(0, 2))
    times_s = plan.times_s[: last + 1]
    late = (times_s >= times_s[-1] - SETTLED_S) & (np.arange(last + 1) > 0)
    if levels[late].min() <= 10 ** (FAINTEST_DB / 10) * levels.max():  # the clip falls silent by itself
        return spectra
    spans = np.gradient(times_s)[late]
    spans /= spans.sum()
    shape = (power[:, late] / levels[late, None] * spans[:, None]).sum(axis=1)  # (2, harmonics), sums to 1
    size = np.sqrt(shape * (spans @ levels[late]))
    settled = spectra.copy()
    settled[:, last] *= size / np.maximum(np.abs(spectra[:, last]), 1e-12)
    return settled


# --- the patch -------------------------------------------------------------------------------------------------------


def patch_of(plan: Plan, contour: Contour, spectra: Complexes, layer: BrightLayer | None) -> Patch:
    """The patch that plays the frames (2, frames, harmonics) of a clip."""
    waves = frames_of(spectra / response())
    peak = max(float(np.abs(waves).max()), 1e-9)
    gain_db = min(max(20 * math.log10(peak / SIDE_GAIN), LEAST_DB), MOST_DB)
    gain = max(10 ** (gain_db / 20), peak / SIDE_GAIN / LOUDEST_FRAME)  # past 1 where the volume knob ends
    values: dict[str, Value] = {"volume.level": VOLUME_DB + gain_db, **contour.values(), **_walk_values(plan)}
    for n, pan in ((1, -100.0), (2, 100.0)):
        values |= {f"osc{n}.{key}": value for key, value in _oscillator(pan, plan).items()}
    assets = {
        f"osc{n}.table": np.asarray(w / (SIDE_GAIN * gain), np.float32) for n, w in enumerate(waves, start=1)
    }
    assets["lfo1.shape"] = _walk(plan)
    if layer is not None:
        values |= _layer_values(plan)
        assets["sub.shape"] = np.asarray(layer.frame[None] / (MIDDLE_GAIN * gain), np.float32)
        assets["lfo2.shape"] = _layer_level(plan, layer)
    return Patch(values, note=plan.note, assets=assets)


def _oscillator(pan: float, plan: Plan) -> dict[str, Value]:
    return {
        "on": True, "table": OWN, "position": 100.0, "level": INIT_LEVEL_DB, "octave": -plan.octaves,
        "fine": plan.cents, "pan": pan, "phase": 180.0, "phase_random": 0.0, "route": "effects", "keytrack": plan.keytrack,
    }  # fmt: skip


def _walk_values(plan: Plan) -> dict[str, Value]:
    """The routings that move through the frames; position 100 % is the last frame, where everything ends."""
    values: dict[str, Value] = {
        "lfo1.shape": OWN, "lfo1.mode": "hold", "lfo1.phase": 360.0, "lfo1.rate": 1 / plan.note_off_s,
    }  # fmt: skip
    if plan.goes_through:
        return (
            values | {"lfo1.mode": "one_shot", "lfo1.phase": 0.0} | _routes([("lfo1", ".position", -100.0)])
        )
    return values | _gate(plan)


def _gate(plan: Plan) -> dict[str, Value]:
    """Held: 100 % less what LFO 1 and envelope 2 take off. Let go: envelope 3 falls at once and with it the LFO's share,
    envelope 2 falls through the rest. The amount of a routing is half as wide, as it goes from -100 to 100 %.
    """
    held, after = (100 * n / (N_FRAMES - 1) for n in (N_HELD - 1, N_RELEASE))
    routes = [("lfo1", ".position", 0.0), ("env3", ".amount", -held / 2), ("env2", ".position", -after)]
    return {
        "env2.attack": 0.0, "env2.decay": 0.0, "env2.sustain": 100.0,
        "env2.release": min(plan.rest_s, 16.0), "env2.release_curve": -5 * RELEASE_BEND,
        "env3.attack": 0.0, "env3.decay": 0.0, "env3.sustain": 100.0, "env3.release": 0.0,
    } | _routes(routes)  # fmt: skip


def _routes(routes: Sequence[tuple[str, str, float]]) -> dict[str, Value]:
    """Each routing twice: to both oscillators, or to the routings in the slots 1 and 2."""
    values: dict[str, Value] = {}
    for i, (source, key, amount) in enumerate(routes):
        for n in (1, 2):
            slot, owner = f"mod{2 * i + n}", "mod" if key == ".amount" else "osc"
            values |= {
                f"{slot}.source": source,
                f"{slot}.destination": f"{owner}{n}{key}",
                f"{slot}.amount": amount,
            }
    return values


def _walk(plan: Plan) -> Floats:
    """LFO points (n, 3), one a step, falling from 1 at the first frame to 0 at the last held one."""
    x = np.maximum(plan.times_s[: plan.n_held : PER_STEP] - POSITION_LAG_S, 0) / plan.note_off_s
    x[-1] = 1.0
    return np.asarray(np.stack([x, np.linspace(1, 0, len(x)), np.zeros_like(x)], axis=1), np.float32)


def _layer_values(plan: Plan) -> dict[str, Value]:
    """The sub oscillator with the bright layer; LFO 2 takes off its level where the clip is duller.

    An envelope would let go sooner on a short note, but another routing from one makes the engine's first block, and with
    it the first milliseconds of the walk, wrong.
    """
    end_s = plan.note_off_s + LAYER_FALL_S
    return {
        "sub.on": True, "sub.shape": OWN, "sub.level": INIT_LEVEL_DB, "sub.octave": 0, "sub.fine": plan.cents,
        "sub.phase": 180.0, "sub.phase_random": 0.0, "sub.route": "effects", "sub.keytrack": plan.keytrack,
        "lfo2.shape": OWN, "lfo2.mode": "hold", "lfo2.rate": 1 / end_s, "lfo2.phase": 360 * plan.note_off_s / end_s,
        "mod7.source": "lfo2", "mod7.destination": "sub.level", "mod7.amount": -100 * INIT_LEVEL,
    }  # fmt: skip


def _layer_level(plan: Plan, layer: BrightLayer) -> Floats:
    """LFO points (n, 3), 0 where the top is loudest; after note-off what the release takes off beyond envelope 1."""
    end_s = plan.note_off_s + LAYER_FALL_S
    x = np.append(plan.times_s[: plan.n_held : PER_STEP], end_s) / end_s
    loudness = np.append(layer.loudness[::PER_STEP], layer.loudness[-1] * layer.release_share)
    return np.asarray(np.stack([x, 1 - np.sqrt(loudness), np.zeros_like(x)], axis=1), np.float32)
