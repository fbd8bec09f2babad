"""Targets to match, and the judging of an answer by the gap G.

A Target is a preset rendered under the protocol: a fresh engine for every render, velocity 0.8, 2.5 s. It is prepared
once, about 5 s, and kept on disk where a cache folder is given. To measure any method on any folder of presets:

    from export.targets import judge, prepare_folder
    targets, excluded = prepare_folder("presets/", seed=0, cache="cache/")       # [Target], {name: why}
    for target in targets:
        # target.clip: float32 (2, 110250), what the method hears; target.heard.hearing: the true note and its seconds
        answer_json, note = my_method(target.clip)                               # `.vital` text, reported MIDI note
        print(target.name, judge(target, answer_json, note))                     # 4 renders, about 1.2 s
        # {"g_heard": 0.12, "g_unheard": 0.3, "heard": {"mss": ...}, "floor": ..., "init": ..., "terms": ...,
        #  "unheard": [...], "loudness_error_db": ..., "pitch": "ok" | "off" | "octave" | None, "cents": ..., ...}
    judge_audio(target, audio)     # G heard of a sound already rendered at the heard note, without an engine
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, astuple, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from companion.hearing.audio import SAMPLE_RATE, Audio
from companion.judging.metrics import (
    WORST,
    Measures,
    Reference,
    gap,
    gap_terms,
    is_silent,
    level_db,
    worse,
)
from export.yin import F0Estimator, cents_between, f0_yin
from presets.errors import PresetError
from presets.vital import parse

Judgement = dict[str, Any]

VELOCITY = 0.8
TOTAL_S = 2.5
PITCH_CENTS = 50.0  # an error is more than this
CACHE_VERSION = 1


@dataclass(frozen=True)
class Hearing:
    """A note and the seconds it is held."""

    note: int
    note_s: float


HEARD_NOTES = (36, 41, 48, 48, 53, 60)
HEARD_S = (0.8, 1.5, 1.8)
UNHEARD = (Hearing(60, 0.7), Hearing(36, 1.5), Hearing(43, 2.0))


def draw_hearing(name: str, seed: int) -> Hearing:
    """The heard note and duration of the preset `name`: drawn by seed and name, so that a subset hears the same."""
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    return Hearing(int(generator.choice(HEARD_NOTES)), float(generator.choice(HEARD_S)))


# --- rendering -------------------------------------------------------------------------------------------------------


class LoadError(Exception):
    """The engine, or the checker before it, refused a preset."""


def render_fresh(text: str | None, hearing: Hearing) -> Audio:
    """Renders `.vital` text (None: the init patch) in a fresh engine, float32 `(2, 110250)`; raises LoadError."""
    import vita

    synth = vita.Synth()
    synth.set_sample_rate(SAMPLE_RATE)
    if text is None:
        synth.load_init_preset()
    else:
        _check(text)
        if not synth.load_json(text):
            raise LoadError("the engine does not load this preset")
    return np.asarray(synth.render(hearing.note, VELOCITY, hearing.note_s, TOTAL_S), np.float32)


def _check(text: str) -> None:
    """Refuses what would crash the engine."""
    try:
        parse(text)
    except PresetError as error:
        raise LoadError(str(error)) from error


@cache
def _init_render(hearing: Hearing) -> Audio:
    return render_fresh(None, hearing)


# --- targets ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scene:
    """A target at one note: its reference render, and what the floor and the init patch measure against it."""

    hearing: Hearing
    reference: Reference
    floor: Measures
    init: Measures

    @classmethod
    def prepare(cls, text: str, hearing: Hearing) -> Scene:
        """Renders the target three times and the init patch; the floor is the worse of the two further renders."""
        reference = Reference(render_fresh(text, hearing))
        first, second = (reference.measure(render_fresh(text, hearing)) for _ in range(2))
        return cls(hearing, reference, worse(first, second), reference.measure(_init_render(hearing)))

    @property
    def usable(self) -> bool:
        """Whether the target sounds here and at least one measure says something about it."""
        return not is_silent(self.reference.audio) and bool(gap_terms(self.init, self.floor, self.init))

    def judge(self, audio: Audio) -> Judgement:
        """G of a sound, with its measures and terms; a silent one counts 2."""
        value = self.reference.measure(audio)
        g = WORST if is_silent(audio) else gap(value, self.floor, self.init)
        return {"g": g, **asdict(value), "terms": gap_terms(value, self.floor, self.init)}


@dataclass(frozen=True)
class Target:
    """A preset to match, rendered where it is heard and at three notes where it is not."""

    name: str
    text: str
    """The preset itself, as `.vital` text."""
    clip: Audio
    """What a method is given to hear, a render of its own, `(2, n_samples)`."""
    heard: Scene
    unheard: tuple[Scene, ...]

    @classmethod
    def prepare(cls, name: str, text: str, hearing: Hearing) -> Target:
        """Renders everything, about 5 s; raises LoadError."""
        clip = render_fresh(text, hearing)
        return cls(
            name, text, clip, Scene.prepare(text, hearing), tuple(Scene.prepare(text, at) for at in UNHEARD)
        )

    @classmethod
    def of_clip(cls, name: str, clip: Audio, hearing: Hearing) -> Target:
        """A sound that is no preset, heard at a known note: its own floor is 0, and there are no notes unheard."""
        reference = Reference(clip)
        scene = Scene(hearing, reference, Measures(0, 0, 0, 1, 0), reference.measure(_init_render(hearing)))
        return cls(name, "", clip, scene, ())

    def write(self, path: Path) -> None:
        """Writes all of it, but the text, to an npz file."""
        scenes = (self.heard, *self.unheard)
        partial = path.with_suffix(".partial.npz")
        np.savez(
            partial,
            clip=self.clip,
            hearings=[(scene.hearing.note, scene.hearing.note_s) for scene in scenes],
            references=[scene.reference.audio for scene in scenes],
            floors=[astuple(scene.floor) for scene in scenes],
            inits=[astuple(scene.init) for scene in scenes],
        )
        partial.replace(path)

    @classmethod
    def read(cls, name: str, text: str, path: Path) -> Target:
        """Reads what `write` wrote of the preset `text`."""
        with np.load(path) as data:
            rows = zip(data["hearings"], data["references"], data["floors"], data["inits"], strict=True)
            scenes = [
                Scene(
                    Hearing(int(note), float(note_s)),
                    Reference(audio),
                    Measures(*map(float, floor)),
                    Measures(*map(float, init)),
                )
                for (note, note_s), audio, floor, init in rows
            ]
            return cls(name, text, data["clip"], scenes[0], tuple(scenes[1:]))


def prepare(name: str, text: str, seed: int, cache: Path | str | None = None) -> Target:
    """The target of one preset, from the cache folder where it is there."""
    hearing = draw_hearing(name, seed)
    if cache is None:
        return Target.prepare(name, text, hearing)
    key = f"{CACHE_VERSION}|{hearing}|{text}"
    path = Path(cache) / f"{name}-{hashlib.sha1(key.encode()).hexdigest()[:12]}.npz"
    if path.exists():
        return Target.read(name, text, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    target = Target.prepare(name, text, hearing)
    target.write(path)
    return target


def exclusion(target: Target) -> str | None:
    """Why a target cannot be judged, or None."""
    if is_silent(target.heard.reference.audio) or is_silent(target.clip):
        return f"quieter than -60 dBFS ({level_db(target.clip):.0f} dBFS)"
    return None if target.heard.usable else "its own re-render is half as far from it as the init patch"


def prepare_folder(
    folder: Path | str,
    seed: int = 0,
    cache: Path | str | None = None,
    limit: int | None = None,
    track: Callable[[list[Path]], Iterable[Path]] = iter,
) -> tuple[list[Target], dict[str, str]]:
    """Targets of all (or `limit`) `.vital` files of a folder, and those excluded with the reason; `track` shows progress."""
    targets, excluded = [], {}
    for path in track(sorted(Path(folder).glob("*.vital"))[:limit]):
        try:
            target = prepare(path.stem, path.read_text("utf-8", errors="replace"), seed, cache)
        except LoadError as error:
            excluded[path.stem] = str(error)
            continue
        reason = exclusion(target)
        if reason:
            excluded[path.stem] = reason
        else:
            targets.append(target)
    return targets, excluded


# --- judging ---------------------------------------------------------------------------------------------------------


def target_f0(target: Target, estimate: F0Estimator) -> float | None:
    """The target's fundamental in Hz, where both of its renders agree on a stable one."""
    found = [estimate(target.clip), estimate(target.heard.reference.audio)]
    if found[0] is None or found[1] is None or abs(cents_between(found[0], found[1])) > PITCH_CENTS:
        return None
    return found[0]


def judge_pitch(target: Target, answer: Audio, estimate: F0Estimator) -> Judgement:
    """`pitch` is "ok", "off", or "octave" (off by octaves alone); None where the target itself has no stable pitch."""
    wanted = target_f0(target, estimate)
    if wanted is None:
        return {"pitch": None, "cents": None}
    found = estimate(answer)
    if found is None:
        return {"pitch": "off", "cents": None}
    cents = cents_between(wanted, found)
    beside = abs(cents - 1200 * round(cents / 1200))
    verdict = "off" if beside > PITCH_CENTS else "octave" if round(cents / 1200) else "ok"
    return {"pitch": verdict, "cents": cents}


def judge_audio(target: Target, audio: Audio, estimate: F0Estimator = f0_yin) -> Judgement:
    """G heard, measures, loudness and pitch error of a sound rendered at the heard note."""
    scene = target.heard.judge(audio)
    return {
        "name": target.name,
        "g_heard": scene["g"],
        "heard": scene,
        "floor": asdict(target.heard.floor),
        "init": asdict(target.heard.init),
        "loudness_error_db": abs(scene["loudness_db"]),
        "silent": is_silent(audio),
        **judge_pitch(target, audio, estimate),
    }


def failure(target: Target, reason: str) -> Judgement:
    """What a method that gave nothing, or nothing that loads, is worth."""
    return {
        "name": target.name,
        "g_heard": WORST,
        "g_unheard": WORST,
        "heard": None,
        "unheard": [],
        "failed": reason,
        "loudness_error_db": math.inf,
        "silent": True,
        "pitch": None,
        "cents": None,
    }


def judge(target: Target, answer_json: str | None, note: int, estimate: F0Estimator = f0_yin) -> Judgement:
    """Judges an answer: `.vital` text and the MIDI note the method reported; never raises for a bad answer.

    The heard render is at the reported note; the unheard ones keep the interval between the reported and the true one.
    """
    if answer_json is None:
        return failure(target, "no answer")
    interval = int(note) - target.heard.hearing.note
    try:
        result = judge_audio(target, _render_at(answer_json, target.heard.hearing, interval), estimate)
        scenes = [scene for scene in target.unheard if scene.usable]
        unheard = [scene.judge(_render_at(answer_json, scene.hearing, interval)) for scene in scenes]
    except LoadError as error:
        return failure(target, str(error))
    g_unheard = float(np.mean([scene["g"] for scene in unheard])) if unheard else math.nan
    return {**result, "g_unheard": g_unheard, "unheard": unheard, "failed": None}


def _render_at(text: str, hearing: Hearing, interval: int) -> Audio:
    note = min(127, max(0, hearing.note + interval))
    return render_fresh(text, Hearing(note, hearing.note_s))
