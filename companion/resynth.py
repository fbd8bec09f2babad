"""Resynthesis: patches whose wavetable is the clip's own, under plain knobs.

    patches = resynthesise(audio, (59.98,), note_off_s)      # audio (2, n) at 44.1 kHz from its onset

Two oscillators carry the left and the right channel. Their frames are complex spectra on the grid of a base frequency
octaves under the note, so that subharmonics, beating, noise and chords all have a place. The frames are fitted by
listening: what the oscillators would still get wrong is analysed and added.

Frames stand at moments, denser at the attack. While the key is held LFO 1 walks through the held ones; when it is let
go, whenever that is, envelope 3 lets go of the LFO and envelope 2 walks through those after note-off, under the release
of envelope 1. A third layer, above hearing at the clip's own note, keeps lower notes bright.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from companion.audio import SAMPLE_RATE
from companion.brightness import BrightLayer, bright_layer
from companion.contours import Contour
from companion.partials import Complexes, Floats, project
from companion.release import fit_release
from companion.tableplay import frames_of, play
from presets.laws import midi_to_hz
from presets.patch import Patch
from presets.schema import OWN, Value, wavetable_synth

N_HELD, N_RELEASE = 49, 16  # frames; 64 steps divide Vital's 256 positions evenly
N_FRAMES = N_HELD + N_RELEASE
HELD_POWER = 1.4  # times of held frames grow as this power: denser at the attack
RELEASE_BEND = 2.0  # of envelope 2: denser after note-off
LOWEST_BASE_HZ = 16.0
MOST_OCTAVES = 4
ROUNDS = 4  # of listening; a fifth gains under 0.2 dB
LOUDEST = 2.0  # a frame may be so much louder than the loudest held one: what an envelope hides stays hidden
FAINTEST_DB = -70.0  # an envelope under this counts as this, so that nothing is divided by silence
LONGEST_S = 6.0
LOOP_S, LOOP_SHARE = 1.0, 0.7  # a note held longer than the clip walks to and fro through its end

# Measured on the engine. Level, phase and pan stay where its init patch has them where they can: from there it glides.
POSITION_LAG_S = 0.008  # a position follows an LFO so late
SIDE_GAIN, MIDDLE_GAIN = 0.35256, 0.2493  # amplitude of a frame of peak 1 at volume -6 dB, velocity 0.8
INIT_LEVEL_DB = -6.0206
INIT_LEVEL = 0.70710678  # the same, as the engine counts: amplitude is its square
VOLUME_DB, LEAST_DB, MOST_DB = -6.0, -54.0, 12.0


@dataclass(frozen=True)
class Plan:
    """Where frames stand and on which grid."""

    note: int
    cents: float
    """Of the pitch above the note."""
    octaves: int
    """Of the base under the note."""
    times_s: Floats
    """(N_FRAMES,) of each frame, ascending from 0; the last held one stands at note-off."""
    note_off_s: float
    n_samples: int

    @property
    def note_hz(self) -> float:
        """The pitch."""
        return midi_to_hz(self.note + self.cents / 100)

    @property
    def base_hz(self) -> float:
        """The lowest harmonic of the frames."""
        return self.note_hz / 2**self.octaves

    @property
    def rest_s(self) -> float:
        """Of the clip after note-off."""
        return max(self.n_samples / SAMPLE_RATE - self.note_off_s, 0.002)


def resynthesise(audio: Floats, pitches: Sequence[float], note_off_s: float) -> list[Patch]:
    """Patches with the clip's own wavetable, best guess first.

    Args:
        audio: (2, n) at 44.1 kHz, from the note's onset.
        pitches: MIDI numbers with fraction, likeliest first; at least one.
        note_off_s: when the key was let go.
    """
    audio = np.asarray(audio[:, : int(LONGEST_S * SAMPLE_RATE)], np.float32)
    note_off_s = min(max(note_off_s, 0.02), audio.shape[1] / SAMPLE_RATE)
    plan = make_plan(pitches[0], note_off_s, audio.shape[1])
    contour = fit_release(audio, note_off_s)
    spectra = fit_frames(audio, plan, contour)
    layer = bright_layer(audio, plan.note_hz, note_off_s, spectra[:, :N_HELD], plan.octaves)
    return [patch_of(plan, contour, spectra, layer)]


def make_plan(pitch: float, note_off_s: float, n_samples: int) -> Plan:
    """Frame times, and the deepest octave under the pitch whose base lies over LOWEST_BASE_HZ."""
    note = round(min(max(pitch, 0.0), 127.0))
    octaves = min(max(int(math.log2(midi_to_hz(pitch) / LOWEST_BASE_HZ)), 0), MOST_OCTAVES)
    held = np.linspace(0, 1, N_HELD) ** HELD_POWER * note_off_s
    share = np.arange(1, N_RELEASE + 1) / N_RELEASE * -math.expm1(-RELEASE_BEND)
    rest_s = max(n_samples / SAMPLE_RATE - note_off_s, 0.002)
    after = note_off_s - np.log1p(-share) / RELEASE_BEND * rest_s
    return Plan(note, 100 * (pitch - note), octaves, np.concatenate([held, after]), note_off_s, n_samples)


# --- frames ----------------------------------------------------------------------------------------------------------


def fit_frames(audio: Floats, plan: Plan, contour: Contour) -> Complexes:
    """Complex spectra (channels, frames, harmonics) that, played under the contour, come nearest to the clip."""
    seconds = np.arange(plan.n_samples) / SAMPLE_RATE
    envelope = np.asarray(contour.amplitude(seconds, plan.note_off_s), np.float32)
    gains = _gains(envelope, plan)
    spectra = _limited(project(audio, plan.times_s, plan.base_hz) / gains)
    for _ in range(ROUNDS - 1):
        rest = audio - play(spectra, plan.times_s, plan.base_hz, envelope)
        spectra = _limited(spectra + project(rest, plan.times_s, plan.base_hz) / gains)
    return spectra


def _gains(envelope: Floats, plan: Plan) -> Floats:
    """What the envelope does to each frame (frames, 1), in the window that looks at it."""
    reach, stride = int(SAMPLE_RATE / plan.base_hz), 32
    window = np.hanning(2 * reach + 1)[::stride]
    power = np.pad(envelope.astype(np.float64) ** 2, reach, mode="edge")[::stride]
    smooth = np.sqrt(np.convolve(power, window / window.sum(), "valid"))
    gains = np.interp(plan.times_s * SAMPLE_RATE / stride, np.arange(len(smooth)), smooth)
    return np.maximum(gains, 10 ** (FAINTEST_DB / 20)).astype(np.float32)[:, None]


def _limited(spectra: Complexes) -> Complexes:
    """No frame more than LOUDEST times as loud as the loudest held one."""
    sizes = np.sqrt((np.abs(spectra) ** 2).sum(axis=(0, 2)))
    top = LOUDEST * sizes[:N_HELD].max()
    return np.asarray(spectra * np.minimum(1, top / np.maximum(sizes, 1e-12))[None, :, None], np.complex64)


# --- the patch -------------------------------------------------------------------------------------------------------


def patch_of(plan: Plan, contour: Contour, spectra: Complexes, layer: BrightLayer | None) -> Patch:
    """The patch that plays the frames (2, frames, harmonics) of a clip."""
    waves = frames_of(spectra)
    peak = max(float(np.abs(waves).max()), 1e-9)
    gain_db = min(max(20 * math.log10(peak / SIDE_GAIN), LEAST_DB), MOST_DB)
    gain = 10 ** (gain_db / 20)  # frames may pass 1 where the volume knob ends
    values: dict[str, Value] = {"volume.level": VOLUME_DB + gain_db, **contour.values(), **_walk_values(plan)}
    for n, pan in ((1, -100.0), (2, 100.0)):
        values |= {f"osc{n}.{key}": value for key, value in _oscillator(pan, plan).items()}
    assets = {f"osc{n}.table": np.asarray(w / (SIDE_GAIN * gain), np.float32) for n, w in enumerate(waves, start=1)}
    assets["lfo1.shape"] = _walk(plan)
    if layer is not None:
        values |= _layer_values(plan)
        assets["sub.shape"] = np.asarray(layer.frame[None] / (MIDDLE_GAIN * gain), np.float32)
        assets["lfo2.shape"] = _layer_level(plan, layer)
    return Patch(values, note=plan.note, assets=assets)


def _oscillator(pan: float, plan: Plan) -> dict[str, Value]:
    return {
        "on": True, "table": OWN, "position": 100.0, "level": INIT_LEVEL_DB, "octave": -plan.octaves,
        "fine": plan.cents, "pan": pan, "phase": 180.0, "phase_random": 0.0, "route": "effects",
    }  # fmt: skip


def _walk_values(plan: Plan) -> dict[str, Value]:
    """The routings that move through the frames; position 100 % is the last frame, the end of the release.

    Held: 100 % less what LFO 1 and envelope 2 take off. Let go: envelope 3 falls at once and with it the LFO's share,
    envelope 2 falls through the rest. The amount of a routing is half as wide as it goes from -100 to 100 %.
    """
    held, after = (100 * n / (N_FRAMES - 1) for n in (N_HELD - 1, N_RELEASE))
    values: dict[str, Value] = {
        "lfo1.shape": OWN, "lfo1.mode": "hold", "lfo1.phase": 360.0, "lfo1.rate": 1 / plan.note_off_s,
        "env2.attack": 0.0, "env2.decay": 0.0, "env2.sustain": 100.0,
        "env2.release": min(plan.rest_s, 16.0), "env2.release_curve": -5 * RELEASE_BEND,
        "env3.attack": 0.0, "env3.decay": 0.0, "env3.sustain": 100.0, "env3.release": 0.0,
    }  # fmt: skip
    routes = [
        ("lfo1", "osc1.position", 0.0), ("lfo1", "osc2.position", 0.0),
        ("env3", "mod1.amount", -held / 2), ("env3", "mod2.amount", -held / 2),
        ("env2", "osc1.position", -after), ("env2", "osc2.position", -after),
    ]  # fmt: skip
    for n, (source, destination, amount) in enumerate(routes, start=1):
        values |= {f"mod{n}.source": source, f"mod{n}.destination": destination, f"mod{n}.amount": amount}
    if "lfo1.loop" in wavetable_synth():
        turn_s, end_s = _loop(plan)
        values |= {"lfo1.loop": True, "lfo1.rate": 1 / end_s, "lfo1.phase": 360 * turn_s / end_s}
    return values


def _loop(plan: Plan) -> tuple[float, float]:
    """Where the loop begins and where its way back ends."""
    length = min(LOOP_S, LOOP_SHARE * plan.note_off_s)
    return plan.note_off_s - length, plan.note_off_s + length


def _walk(plan: Plan) -> Floats:
    """LFO points (n, 3), falling from 1 at the first frame to 0 at the last held one, and back through the loop."""
    frames, times = np.arange(N_HELD), plan.times_s[:N_HELD]
    begin, end = times[0], times[-1]
    if "lfo1.loop" in wavetable_synth():
        begin, end = _loop(plan)
        back = np.flatnonzero((times > begin) & (times < times[-1]))[::-1]
        at_begin = np.interp(begin, times, frames)
        frames = np.concatenate([frames, back, [at_begin]])
        times = np.concatenate([times, 2 * times[-1] - times[back], [end]])
    x = np.maximum(times - POSITION_LAG_S, 0) / end
    x[-1] = 1.0
    return np.asarray(np.stack([x, 1 - frames / (N_HELD - 1), np.zeros_like(x)], axis=1), np.float32)


def _layer_values(plan: Plan) -> dict[str, Value]:
    """The sub oscillator with the bright layer; LFO 2 takes off its level where the clip is duller."""
    return {
        "sub.on": True, "sub.shape": OWN, "sub.level": INIT_LEVEL_DB, "sub.octave": 0, "sub.fine": plan.cents,
        "sub.phase": 180.0, "sub.phase_random": 0.0, "sub.route": "effects",
        "lfo2.shape": OWN, "lfo2.mode": "one_shot", "lfo2.rate": 1 / plan.note_off_s,
        "mod7.source": "lfo2", "mod7.destination": "sub.level", "mod7.amount": -100 * INIT_LEVEL,
    }  # fmt: skip


def _layer_level(plan: Plan, layer: BrightLayer) -> Floats:
    x = plan.times_s[:N_HELD] / plan.note_off_s
    return np.asarray(np.stack([x, 1 - np.sqrt(layer.loudness), np.zeros_like(x)], axis=1), np.float32)
