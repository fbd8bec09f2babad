"""What is compared: the matcher, and simpler ways to a patch that it has to beat.

A method is a function from a Target to `.vital` text and the MIDI note at which to play it.
"""

from __future__ import annotations

import tempfile
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from companion.errors import WhisperSynthError
from companion.hearing.audio import SAMPLE_RATE, Audio
from companion.hearing.features import clip_features
from companion.proposing.bank import coarse
from export.targets import Target
from presets.patch import Patch
from presets.vital import patch_to_vital

if TYPE_CHECKING:
    from companion.match import Matcher
    from companion.proposing.propose import Proposer, Question

N_BEST = 16
Method = Callable[[Target], tuple[str, int]]


@dataclass(frozen=True)
class Setup:
    """What methods are built from."""

    targets: Sequence[Target] = ()
    seed: int = 0
    seconds: float = 2.0
    """Budget of a match."""
    bundle: Path | None = None
    """Model bundle; None: the one that ships."""
    shards: Path | None = None
    """Folder of rendered clips."""
    real: Path | None = None
    """Folder of presets that the prior mixes in."""


@dataclass(frozen=True)
class Answer:
    """What a method gave for a target."""

    text: str | None
    """`.vital` text; None when it failed."""
    note: int = 0
    seconds: float = 0.0
    why: str | None = None
    """Why it failed."""


def ask(method: Method, target: Target) -> Answer:
    """Runs a method against the clock; whatever it raises is a failure of the method, not of the evaluation."""
    began = time.perf_counter()
    try:
        text, note = method(target)
    except Exception as error:
        return Answer(None, 0, time.perf_counter() - began, f"{type(error).__name__}: {error}")
    return Answer(text, note, time.perf_counter() - began)


# --- yardsticks ------------------------------------------------------------------------------------------------------


def itself(setup: Setup) -> Method:
    """The preset itself: what is left is chance."""
    return lambda target: (target.text, target.heard.hearing.note)


def init(setup: Setup) -> Method:
    """Vital's init patch at the true note."""
    import vita

    synth = vita.Synth()
    synth.load_init_preset()
    text = synth.to_json()
    return lambda target: (text, target.heard.hearing.note)


def nearest(setup: Setup) -> Method:
    """The rendered patch whose coarse spectrogram is nearest, at the note it was rendered at."""
    if setup.shards is None:
        raise WhisperSynthError(
            "`nearest` needs a folder of rendered clips; give --shards, or leave it out of --methods"
        )
    found = nearest_patches([target.clip for target in setup.targets], setup.shards)
    patches = {target.name: patch for target, patch in zip(setup.targets, found, strict=True)}
    return lambda target: (patch_to_vital(patches[target.name]), patches[target.name].note)


def nearest_patches(clips: Sequence[Audio], shards: Path) -> list[Patch]:
    """For each clip, the patch of a folder of shards that sounds most like it; reads every shard once."""
    import pyarrow.parquet as pq

    from export.render import unpack_mel
    from presets.txt import text_to_patch

    wanted = np.stack([coarse(clip_features(clip, SAMPLE_RATE)) for clip in clips])
    best, texts = np.full(len(clips), np.inf), [""] * len(clips)
    for path in sorted(shards.glob("clips-*.parquet")):
        table = pq.read_table(path, columns=["mel", "txt"])
        held = coarse(np.stack([unpack_mel(mel) for mel in table["mel"].to_pylist()]))
        far = np.square(held).sum(axis=1) - 2 * wanted @ held.T + np.square(wanted).sum(axis=1)[:, None]
        for i, j in enumerate(far.argmin(axis=1)):
            if far[i, j] < best[i]:
                best[i], texts[i] = far[i, j], table["txt"][int(j)].as_py()
    if not texts or "" in texts:
        raise WhisperSynthError(f"there are no clips in {shards}; run `python -m export render` first")
    return [text_to_patch(text) for text in texts]


def cma(setup: Setup, n_renders: int) -> Method:
    """CMA-ES from the init patch, the note given."""
    from export.cma import search

    def run(target: Target) -> tuple[str, int]:
        hearing = target.heard.hearing
        return search(target.clip, hearing, n_renders, setup.seed), hearing.note

    return run


# --- the matcher -----------------------------------------------------------------------------------------------------


def write_clip(audio: Audio, folder: Path) -> Path:
    """Writes a clip as a wav of floats, as a sound designer would hand it in."""
    from scipy.io import wavfile

    path = folder / "clip.wav"
    wavfile.write(path, SAMPLE_RATE, audio.T)
    return path


@cache
def open_matcher(bundle: Path | None) -> Matcher:
    """One matcher for all kinds."""
    from companion.match import Matcher

    return Matcher(model=bundle)


def matched(setup: Setup, kind: str) -> Method:
    """`companion.match` as shipped; the first of its candidates."""
    from companion.match import MatchOptions

    matcher, options = (
        open_matcher(setup.bundle),
        MatchOptions(kind=kind, seconds=setup.seconds, seed=setup.seed),
    )

    def run(target: Target) -> tuple[str, int]:
        with tempfile.TemporaryDirectory() as folder:
            *_, last = matcher.match(write_clip(target.clip, Path(folder)), options)
        if not last.candidates:
            raise WhisperSynthError("; ".join(last.warnings) or "no candidates")
        return patch_to_vital(last.candidates[0].patch), last.note

    return run


def best_of(setup: Setup, propose: Proposer) -> Method:
    """The best by sound of 16 patches proposed for the note heard in the clip; no refining."""
    from companion.engines import Engines
    from companion.hearing.audio import read_clip
    from companion.hearing.listen import listen
    from companion.judging.judge import Judge
    from companion.proposing.propose import ask

    engines = Engines()

    def run(target: Target) -> tuple[str, int]:
        with tempfile.TemporaryDirectory() as folder:
            heard = listen(read_clip(write_clip(target.clip, Path(folder))), None)
        question = ask(heard, N_BEST, setup.seed)
        judge = Judge(heard.audio, question.notes[0], heard.moments, engines)
        best = min(judge(propose(question)), key=lambda candidate: candidate.score)
        return patch_to_vital(best.patch), best.patch.note

    return run


def from_model(setup: Setup) -> Method:
    """Best of 16 from the model."""
    from companion.proposing.model import PatchModel
    from companion.proposing.propose import from_model as proposer

    return best_of(setup, proposer(PatchModel(setup.bundle)))


def from_prior(setup: Setup) -> Method:
    """Best of 16 drawn from the prior that the model was trained on, put at the note heard."""
    from export.priors import real_patches
    from export.sample import sample_patches

    pool = real_patches(setup.real) if setup.real else ()

    def propose(question: Question) -> list[Patch]:
        rng = np.random.default_rng([setup.seed, zlib.crc32(question.audio.tobytes())])
        drawn = sample_patches(int(rng.integers(2**31)), N_BEST, pool)
        return [question.tuned(patch.with_values(note=question.notes[0])) for patch in drawn]

    return best_of(setup, propose)


METHODS: dict[str, Callable[[Setup], Method]] = {
    "any": partial(matched, kind="any"),
    "recipe": partial(matched, kind="recipe"),
    "resynth": partial(matched, kind="resynth"),
    "model16": from_model,
    "prior16": from_prior,
    "nearest": nearest,
    "cma200": partial(cma, n_renders=200),
    "cma800": partial(cma, n_renders=800),
    "init": init,
    "itself": itself,
}
TITLES = {
    "any": "match, any kind",
    "recipe": "match, recipe",
    "resynth": "match, resynth",
    "model16": "best of 16 from the model",
    "prior16": "best of 16 from the prior",
    "nearest": "nearest rendered patch",
    "cma200": "CMA-ES, 200 renders",
    "cma800": "CMA-ES, 800 renders",
    "init": "init patch",
    "itself": "the preset itself",
}
SAMPLED = ("cma200", "cma800")  # too slow for every target
