"""sounds: clips that a synth can make and clips that it cannot, to tell where a match may be trusted.

    for sound in cannot(seed=0, n=10): ...     # Sound(name, group, audio)

What it can make: renders of real presets and of sampled patches (`patches`), and single tones of a General MIDI sound font
(`tones`), which are not a synth's but have one key. What no setting of the knobs makes: speech (espeak-ng), drum loops,
melodies, chords of several instruments and music (fluidsynth), and effects and crowds by formula. Groups whose program or
sound font is not installed are left out, with a word about it.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from companion.hearing.audio import SAMPLE_RATE, Audio, read_clip
from export.drums import DRUMS

Rng = np.random.Generator
Kinds = dict[str, Callable[[Rng], Audio]]
TOTAL_S = 2.5
N = round(TOTAL_S * SAMPLE_RATE)
PEAK = 0.5
SOUND_FONTS = tuple(
    Path("/usr/share/sounds/sf2") / name for name in ("FluidR3_GM.sf2", "TimGM6mb.sf2", "default-GM.sf2")
)
TICKS = 480  # a second: 120 BPM at 240 ticks a quarter
DRUM_CHANNEL = 9
KICK, SNARE, HAT, RIDE = 36, 38, 42, 51


@dataclass(frozen=True)
class Sound:
    """A clip and where it comes from."""

    group: str
    name: str
    audio: Audio
    """(2, n) at 44.1 kHz."""


def rng_of(group: str, seed: int, i: int) -> Rng:
    """A generator of its own for each sound, so that more of one group leave the others as they are."""
    return np.random.default_rng([seed, zlib.crc32(group.encode()), i])


def levelled(audio: NDArray[np.float64] | Audio) -> Audio:
    """Two channels of N samples at the same peak, faded at the end."""
    audio = np.atleast_2d(np.asarray(audio, np.float32))[:, :N]
    audio = np.pad(audio, ((0, 0), (0, N - audio.shape[1])))
    audio = audio * np.minimum(1, np.arange(N, 0, -1) / (0.02 * SAMPLE_RATE)).astype(np.float32)
    return np.repeat(audio, 3 - len(audio), axis=0) * np.float32(PEAK / max(float(np.abs(audio).max()), 1e-9))


# --- what a sound font plays -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Note:
    """A note of a small score."""

    start_s: float
    held_s: float
    note: int
    channel: int = 0
    velocity: int = 96


def sound_font() -> Path | None:
    """A General MIDI sound font, where fluidsynth and one are installed."""
    return next((path for path in SOUND_FONTS if path.exists()), None) if shutil.which("fluidsynth") else None


def play(notes: Iterable[Note], programs: Sequence[int]) -> Audio:
    """Notes through fluidsynth, one program a channel, dry."""
    font = sound_font()
    assert font is not None
    with tempfile.TemporaryDirectory() as folder:
        score, wav = Path(folder, "score.mid"), Path(folder, "score.wav")
        score.write_bytes(midi_file(notes, programs))
        command = [
            "fluidsynth",
            "-niq",
            "-R",
            "0",
            "-C",
            "0",
            "-g",
            "0.5",
            "-r",
            str(SAMPLE_RATE),
            "-F",
            str(wav),
        ]
        subprocess.run([*command, str(font), str(score)], check=True, capture_output=True)
        return levelled(read_clip(wav, None, None).samples)


def midi_file(notes: Iterable[Note], programs: Sequence[int]) -> bytes:
    """A Standard MIDI File of one track."""
    events = [(0.0, bytes([0xC0 | channel, program])) for channel, program in enumerate(programs)]
    for n in notes:
        events += [
            (n.start_s, bytes([0x90 | n.channel, n.note, n.velocity])),
            (n.start_s + n.held_s, bytes([0x80 | n.channel, n.note, 0])),
        ]
    events.append((TOTAL_S + 1, b"\xff\x2f\x00"))
    track, now = b"", 0
    for at_s, event in sorted(events, key=lambda e: e[0]):
        at = round(at_s * TICKS)
        track, now = track + _variable(at - now) + event, at
    return struct.pack(">4sIHHH4sI", b"MThd", 6, 0, 1, TICKS // 2, b"MTrk", len(track)) + track


def _variable(value: int) -> bytes:
    out = bytes([value & 0x7F])
    while value := value >> 7:
        out = bytes([0x80 | (value & 0x7F)]) + out
    return out


TONES = tuple(p for p in range(104) if p not in (55,))  # the sound effects and the orchestra hit are no tones


def tone(rng: Rng) -> Audio:
    """One note of one instrument."""
    return play([Note(0, float(rng.uniform(0.6, 1.8)), int(rng.integers(38, 73)))], [int(rng.choice(TONES))])


def melody(rng: Rng) -> Audio:
    """Five to nine different notes of one instrument."""
    starts = np.cumsum(rng.choice([0.15, 0.2, 0.3, 0.4], 9))
    steps = np.cumsum(rng.choice([-5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 7], 9)) + int(rng.integers(48, 70))
    notes = [
        Note(float(s - starts[0]), float(rng.uniform(0.1, 0.4)), int(np.clip(n, 30, 90)))
        for s, n in zip(starts, steps, strict=True)
        if s - starts[0] < TOTAL_S
    ]
    return play(notes, [int(rng.choice(TONES))])


def chord(rng: Rng) -> Audio:
    """Three to five notes at once or nearly, each of another instrument."""
    n, root = int(rng.integers(3, 6)), int(rng.integers(40, 60))
    heights = rng.choice([0, 3, 4, 7, 10, 11, 12, 14, 15, 16, 19, 22], n, replace=False)
    notes = [
        Note(float(rng.uniform(0, 0.05)), float(rng.uniform(0.6, 2)), root + int(h), i)
        for i, h in enumerate(heights)
    ]
    return play(notes, [int(p) for p in rng.choice(TONES, n, replace=False)])


def beat(rng: Rng) -> list[Note]:
    """Two and a half seconds of drums."""
    step = 60 / float(rng.uniform(85, 150)) / 4
    kicks = {0, *map(int, rng.choice(16, 3, replace=False))}
    voices = {
        KICK: kicks,
        SNARE: {4, 12, 20},
        int(rng.choice([HAT, RIDE])): set(range(0, 32, int(rng.choice([1, 2])))),
    }
    return [
        Note(at * step, 0.1, note, DRUM_CHANNEL, int(rng.integers(70, 120)))
        for note, places in voices.items()
        for at in places
        if at * step < TOTAL_S
    ]


def hit(rng: Rng) -> Audio:
    """One hit of a drum by formula."""
    return levelled(DRUMS[int(rng.integers(len(DRUMS)))](rng))


def drum_loop(rng: Rng) -> Audio:
    """A beat of a sound font's drums, or of drums by formula."""
    if rng.random() < 0.5:
        return play(beat(rng), [])
    kit = {note: DRUMS[i](rng) for note, i in ((KICK, 0), (SNARE, 2), (HAT, 3), (RIDE, 4))}
    audio = np.zeros(2 * N)
    for n in beat(rng):
        at = round(n.start_s * SAMPLE_RATE)
        audio[at : at + SAMPLE_RATE] += kit[n.note] * n.velocity / 127
    return levelled(audio)


def music(rng: Rng) -> Audio:
    """Drums, a bass, chords and a tune."""
    bass, keys, lead = 36 + int(rng.integers(0, 12)), 60 + int(rng.integers(-5, 6)), 72
    step = float(rng.choice([0.25, 0.3, 0.4]))
    times = np.arange(0, TOTAL_S, step)
    notes = beat(rng)
    notes += [Note(float(t), 0.8 * step, bass + int(rng.choice([0, 0, 3, 5, 7, 12])), 0) for t in times]
    notes += [Note(float(t), 1.1, keys + h, 1) for t in (0.0, 1.2) for h in (0, int(rng.choice([3, 4])), 7)]
    notes += [Note(float(t), step, lead + int(rng.integers(-7, 8)), 2) for t in times if rng.random() < 0.7]
    programs = (
        rng.choice([32, 33, 35, 38, 39]),
        rng.choice([0, 4, 16, 24, 48, 88]),
        rng.choice([11, 40, 56, 65, 73, 80]),
    )
    return play(notes, [int(p) for p in programs])


# --- speech ----------------------------------------------------------------------------------------------------------

VOICES = (
    "en",
    "en+f3",
    "en-us+m7",
    "de+f2",
    "fr",
    "it+f4",
    "es+m3",
    "en+whisper",
    "pl+f1",
    "en+croak",
    "sv",
    "pt+m5",
)
SENTENCES = (
    "Would you pass me the salt, please?", "The train to the coast leaves at nine.", "One, two, three, four, five, six.",
    "Nobody told us about the rain.", "Put it over there, next to the lamp.", "Good morning, everyone, and welcome back.",
    "A long time ago, in a village by the sea.", "Stop! That is far too loud.", "Seven black cats sat on a wall.",
    "I think we should try it once more.",
)  # fmt: skip


def speech(rng: Rng) -> Audio:
    """A sentence by espeak-ng."""
    return levelled(spoken(rng))


def spoken(rng: Rng) -> NDArray[np.float64]:
    """Samples (n,) of a sentence in a voice, a pitch and a speed."""
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder, "speech.wav")
        how = [
            "-v",
            str(rng.choice(VOICES)),
            "-p",
            str(rng.integers(20, 80)),
            "-s",
            str(rng.integers(120, 210)),
        ]
        command = ["espeak-ng", *how, "-w", str(wav), str(rng.choice(SENTENCES))]
        subprocess.run(command, check=True, capture_output=True)
        return np.asarray(read_clip(wav, None, None).samples[0], np.float64)


# --- by formula ------------------------------------------------------------------------------------------------------


def scattered(
    rng: Rng, n: int, grain: Callable[[Rng], NDArray[np.float64]], starts: NDArray[np.float64]
) -> Audio:
    """Grains at moments in seconds."""
    audio = np.zeros(3 * N)
    for at in starts[:n]:
        sound = grain(rng)
        first = round(float(at) * SAMPLE_RATE)
        audio[first : first + len(sound)] += sound * rng.uniform(0.3, 1)
    return levelled(audio)


def _ping(rng: Rng) -> NDArray[np.float64]:
    seconds = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    hz = np.exp(rng.uniform(np.log(900), np.log(9000)))
    return np.asarray(np.sin(2 * np.pi * hz * seconds) * np.exp(-seconds * rng.uniform(8, 40)))


def _chirp(rng: Rng) -> NDArray[np.float64]:
    length = rng.uniform(0.04, 0.16)
    seconds = np.arange(round(length * SAMPLE_RATE)) / SAMPLE_RATE
    hz = rng.uniform(1500, 5000) + rng.uniform(-20000, 20000) * seconds * rng.choice([0.3, 1])
    return np.asarray(np.sin(2 * np.pi * np.cumsum(np.abs(hz)) / SAMPLE_RATE) * np.hanning(len(seconds)))


def _click(rng: Rng) -> NDArray[np.float64]:
    seconds = np.arange(round(0.03 * SAMPLE_RATE)) / SAMPLE_RATE
    return np.asarray(rng.standard_normal(len(seconds)) * np.exp(-seconds * rng.uniform(150, 1500)))


def effect(rng: Rng) -> Audio:
    """Broken glass, birds, a crackling fire, footsteps, a falling ball."""
    steps = np.cumsum(rng.uniform(0.35, 0.55, 8)) - 0.35
    falls = np.concatenate([[0], np.cumsum(0.45 * rng.uniform(0.75, 0.9) ** np.arange(14))])
    thud = DRUMS[int(rng.choice([1, 2, 4]))]
    kinds = (
        (40, _ping, np.sort(rng.exponential(0.35, 40))),
        (12, _chirp, np.sort(rng.uniform(0, 0.9 * TOTAL_S, 12))),
        (60, _click, np.sort(rng.uniform(0, 0.9 * TOTAL_S, 60))),
        (8, lambda r: DRUMS[1](r) * 0.6 + DRUMS[6](r) * 0.2, steps),
        (15, thud, falls),
    )
    n, grain, starts = kinds[int(rng.integers(len(kinds)))]
    return scattered(rng, n, grain, starts)


def crowd(rng: Rng) -> Audio:
    """Many talking at once, or applause."""
    if rng.random() < 0.4:
        n = int(rng.integers(150, 500))
        return scattered(
            rng, n, lambda r: DRUMS[5](r)[: SAMPLE_RATE // 8], np.sort(rng.uniform(0, TOTAL_S, n))
        )
    audio = np.zeros(2 * N)
    for _ in range(int(rng.integers(6, 14))):
        voice = np.roll(np.resize(spoken(rng), 2 * N), int(rng.integers(2 * N)))
        audio += voice * rng.uniform(0.3, 1)
    return levelled(audio[:N])


NEEDS = {
    "tones": "fluidsynth", "melodies": "fluidsynth", "chords": "fluidsynth", "drum loops": "fluidsynth",
    "music": "fluidsynth", "speech": "espeak-ng", "crowds": "espeak-ng", "effects": "", "single hits": "",
}  # fmt: skip
TONE: Kinds = {"tones": tone}
HITS: Kinds = {"single hits": hit}
CANNOT: Kinds = {
    "speech": speech, "drum loops": drum_loop, "melodies": melody, "chords": chord, "music": music,
    "effects": effect, "crowds": crowd,
}  # fmt: skip


def missing(group: str) -> str:
    """What has to be installed for a group; "" where all is there."""
    needed = NEEDS[group]
    if needed == "fluidsynth":
        return "" if sound_font() else "fluidsynth and a General MIDI sound font"
    return "" if not needed or shutil.which(needed) else needed


def made(kinds: Kinds, n: int, seed: int) -> Iterator[Sound]:
    """`n` sounds of each kind whose program is installed."""
    for group, make in kinds.items():
        if not missing(group):
            yield from (Sound(group, f"{group} {i}", make(rng_of(group, seed, i))) for i in range(n))
