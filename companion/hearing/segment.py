"""Where a note begins and ends in a clip: from silence to silence, or to the next note."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from companion.hearing.audio import SAMPLE_RATE, Audio
from companion.hearing.features import CLIP_S, HOP_LENGTH, MODEL_RATE, N_FRAMES, clip_features
from companion.hearing.pitch import HOP, PITCH_RATE, STEPS_PER_ST, Floats, Salience, between_candidates

FRAME = SAMPLE_RATE // 200  # 5 ms
CLEAR_DB = -25.0  # of the loudest: a note that reaches it is no noise before the note
QUIET_DB = -75.0  # of the loudest: silence, where the clip's own noise is lower
OVER_NOISE_DB = 6.0
CLEAR_FRAMES = 4  # 20 ms: shorter is a click
SWELL_S, SWELL_DB = 0.15, 12.0  # what rises so much before the start is no noise but a slow attack
LEAD_S = 0.001  # kept before the onset; the model's training clips begin at note-on
TAIL_S = 0.25  # of silence kept after the sound, so that an answer that rings on is heard to

RISE_DB = 7.0  # mean over bands within 30 ms: a new onset
RISE_FRAMES = 3
RANGE_DB = 80.0  # what a feature of span 2 spans
N_BANDS = 20
STEADY_ST = 0.3  # a glide moves more in STEP_FRAMES
STEP_FRAMES, BLUR_FRAMES = 3, 3  # of salience, 30 ms: steady on either side of a step, and in between
NO_FADE = 0.8  # of the energy: pitches that give way to each other in a tail are echoes
PART_S = 0.08  # shortest part between onsets
OTHER_NOTE_ST = 0.8  # pitches of parts this far apart are different notes
HARMONICS_ST = (12.0, 19.02, 24.0, 27.86, 31.02, 36.0)  # but these intervals may be slips within one note
PART_STRENGTH = 0.3  # of a pitch to be believed
OTHER_SOUND_DB = 11.0  # mean over bands between parts of different sounds, level apart
HEARD_DB = -20.0  # of the loudest part: quieter ones are attacks, echoes and tails
GAP_S, GAP_DB, AFTER_GAP_DB = 0.25, -50.0, -15.0  # silence that ends a note when something as loud follows


@dataclass(frozen=True)
class Part:
    """A stretch between two onsets."""

    start_s: float
    end_s: float
    note: float
    """MIDI number of its pitch, with fraction."""
    strength: float
    """Of the pitch."""
    level_db: float
    """Of its loudest band, relative to the clip's loudest bin."""
    bands_db: Floats
    """(N_BANDS,) spectrum, its mean taken off."""


def levels_db(samples: Audio) -> Floats:
    """RMS of each FRAME of samples (channels, n), in dBFS, at least -120."""
    n_frames = max(1, -(-samples.shape[1] // FRAME))
    power = np.zeros(n_frames * FRAME, np.float32)
    power[: samples.shape[1]] = np.square(samples).mean(axis=0)
    mean = power.reshape(n_frames, FRAME).mean(axis=1, dtype=np.float64)
    return np.asarray(10 * np.log10(mean + 1e-12), dtype=np.float32)


def find_note(samples: Audio) -> tuple[int, int]:
    """Give the first sample of the first clear note and the one past what is worth hearing, CLIP_S later at most.

    The start is where the sound leaves the silence or noise that comes before it.
    """
    levels = levels_db(samples)
    loud = levels > levels.max() + CLEAR_DB
    held = np.convolve(loud, np.ones(CLEAR_FRAMES), "valid") == CLEAR_FRAMES
    clear = int(held.argmax()) if held.any() else int(loud.argmax())
    noise_db = float(np.percentile(levels[: clear + 1], 10)) if clear else -120.0
    quiet_db = min(
        max(float(levels.max()) + QUIET_DB, noise_db + OVER_NOISE_DB), float(levels.max()) + CLEAR_DB
    )
    before = np.flatnonzero(levels[:clear] <= quiet_db)
    start = first_sample_over(samples, int(before[-1]) if before.size else 0, quiet_db)
    if start < SWELL_S * SAMPLE_RATE and np.ptp(levels[: start // FRAME + 1]) > SWELL_DB:
        start = 0
    end = min(samples.shape[1], start + round(CLIP_S * SAMPLE_RATE))
    sounding = np.flatnonzero(levels[start // FRAME : -(-end // FRAME)] > levels.max() + QUIET_DB)
    last = (start // FRAME + int(sounding[-1]) + 1) * FRAME if sounding.size else end
    return start, min(end, last + round(TAIL_S * SAMPLE_RATE))


def first_sample_over(samples: Audio, frame: int, level_db: float) -> int:
    """Give the sample, LEAD_S before the first over `level_db` from `frame` on."""
    part = np.abs(samples[:, frame * FRAME : (frame + CLEAR_FRAMES) * FRAME]).max(axis=0)
    over = part > 10 ** ((level_db + OVER_NOISE_DB) / 20)  # samples stand out of their RMS
    first = frame * FRAME + (int(over.argmax()) if over.any() else 0)
    return max(0, first - round(LEAD_S * SAMPLE_RATE))


def gap_end(samples: Audio) -> int | None:
    """Give the sample at which something new begins after GAP_S of silence, if it does."""
    levels = levels_db(samples)
    silent = levels < levels.max() + GAP_DB
    ends = np.flatnonzero(silent[:-1] & ~silent[1:]) + 1
    for frame in ends:
        run = frame - 1 - int(np.flatnonzero(~silent[:frame]).max(initial=-1))
        follows = levels[frame : frame + SAMPLE_RATE // FRAME // 5].max() > levels.max() + AFTER_GAP_DB
        if run * FRAME >= GAP_S * SAMPLE_RATE and run < frame - 1 and follows:
            return int(frame) * FRAME
    return None


def bands_of(audio: Audio) -> Floats:
    """Levels in dB (N_BANDS, N_FRAMES), 0 the loudest bin."""
    mel = clip_features(audio, SAMPLE_RATE)
    return np.asarray((mel - mel.max()).reshape(N_BANDS, -1, N_FRAMES).mean(axis=1) * (RANGE_DB / 2))


def onsets_s(bands_db: Floats) -> list[float]:
    """Find the moments at which most bands rise at once, the first at 0."""
    rise = np.zeros(N_FRAMES)
    rise[RISE_FRAMES:] = np.maximum(bands_db[:, RISE_FRAMES:] - bands_db[:, :-RISE_FRAMES], 0).mean(axis=0)
    frame_s = HOP_LENGTH / MODEL_RATE
    found = [0.0]
    for frame in np.argsort(-rise):
        at = max(0.0, (int(frame) - 1) * frame_s)
        if rise[frame] < RISE_DB:
            break
        if all(abs(at - other) >= PART_S for other in found):
            found.append(at)
    return sorted(found)


def steps_s(salience: Salience) -> list[float]:
    """Find the moments at which a clear pitch gives way to a different one."""
    notes = salience.strengths.argmax(axis=1) / STEPS_PER_ST
    clear = salience.strengths.max(axis=1) > PART_STRENGTH
    steps = []
    for at in range(STEP_FRAMES, len(notes) - STEP_FRAMES - BLUR_FRAMES):
        before = slice(at - STEP_FRAMES, at)
        after = slice(at + BLUR_FRAMES, at + BLUR_FRAMES + STEP_FRAMES)
        steady = all(clear[side].all() and np.ptp(notes[side]) < STEADY_ST for side in (before, after))
        fades = salience.energies[after].mean() < salience.energies[before].mean() * NO_FADE
        if steady and not fades and other_note(float(np.median(notes[after]) - np.median(notes[before]))):
            steps.append(float(salience.times_s[at + BLUR_FRAMES // 2]))
    return steps


def other_note(interval_st: float) -> bool:
    """Whether an interval lies between notes, and not between one note and its harmonics or octaves."""
    return abs(interval_st) > OTHER_NOTE_ST and all(
        abs(abs(interval_st) - harmonic) > OTHER_NOTE_ST / 2 for harmonic in HARMONICS_ST
    )


def parts(audio: Audio, salience: Salience) -> list[Part]:
    """Cut audio (channels, n) at its onsets and hear the pitch and colour of each part loud enough to count."""
    bands_db = bands_of(audio)
    duration_s = audio.shape[1] / SAMPLE_RATE
    starts = [at for at in onsets_s(bands_db) if at < duration_s - PART_S] or [0.0]
    starts += [at for at in steps_s(salience) if all(abs(at - onset) > PART_S for onset in starts)]
    starts = sorted(starts)
    ends = [*starts[1:], duration_s]
    heard = [part_of(bands_db, salience, start, end) for start, end in zip(starts, ends, strict=True)]
    loudest_db = max(part.level_db for part in heard)
    return [part for part in heard if part.level_db >= loudest_db + HEARD_DB]


def part_of(bands_db: Floats, salience: Salience, start_s: float, end_s: float) -> Part:
    """Hear the first 0.3 s of a part, less what the next part reaches into."""
    until_s = max(min(end_s - 0.03, start_s + 0.3), start_s + 0.02)
    pitched = salience.strengths[span(start_s, until_s, PITCH_RATE / HOP, len(salience.strengths))].mean(
        axis=0
    )
    top = int(pitched.argmax())
    colour = bands_db[:, span(start_s, until_s, MODEL_RATE / HOP_LENGTH, N_FRAMES)].mean(axis=1)
    note, strength = between_candidates(pitched, top), float(pitched[top])
    return Part(start_s, end_s, note, strength, float(colour.max()), colour - colour.mean())


def span(start_s: float, end_s: float, per_s: float, n_frames: int) -> slice:
    """Give the frames, at least one, of a stretch of time."""
    first = min(round(start_s * per_s), n_frames - 1)
    return slice(first, max(first + 1, round(end_s * per_s)))


def differ(a: Part, b: Part) -> bool:
    """Whether two parts are different notes or different sounds, and not one note that pulses."""
    if min(a.strength, b.strength) > PART_STRENGTH:
        return abs(a.note - b.note) > OTHER_NOTE_ST
    return float(np.abs(a.bands_db - b.bands_db).mean()) > OTHER_SOUND_DB
