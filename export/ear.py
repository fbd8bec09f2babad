"""ear: train the small weights of companion/hearing/ear.py; an hour or two on one core.

    python -m export.ear train CLIPS --real VITAL_PRESETS --real SERUM_PRESETS --renders FOLDER --out companion/hearing/ear.npz
    python -m export.ear judge CLIPS --real VITAL_PRESETS --real SERUM_PRESETS --renders FOLDER

Two things are learnt: the note-off (`ear_off.py`), from the shards of `render` and from clips of real presets with their
settings moved (`ear_clips.py`), and to tell notes, chords and drums apart (`ear_kinds.py`). `judge` says how well note-offs
of presets are heard that the net never met: it learns without a part of them, in turn.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from companion.hearing.features import N_FRAMES
from export.ear_clips import RealClips, documents, half_of, read_real, render_real, render_unmoved
from export.ear_kinds import fit_kinds, kind_examples
from export.ear_off import Examples, read_sampled, train_note_off, train_sampled, weights_of
from export.ear_verdict import verdict

Clips = Annotated[list[Path], typer.Argument(help="Folders of shards.")]
Real = Annotated[list[Path], typer.Option(help="Folder of .vital or .fxp presets; may be given again.")]
Renders = Annotated[Path, typer.Option(help="Where clips of real presets go; those there are used.")]
Out = Annotated[Path, typer.Option(help="Where the weights go.")]
Count = Annotated[int, typer.Option(help="Clips of real presets.")]
N_CLIPS = 10_000

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command()
def train(
    clips: Clips,
    real: Real,
    renders: Renders,
    out: Out = Path("companion/hearing/ear.npz"),
    n: Count = N_CLIPS,
    seed: int = 0,
) -> None:
    """Train the note-off weights and those that tell notes, chords and drums apart."""
    made = real_clips(real, renders, n, seed)
    net = train_note_off(read_sampled(clips), Examples.of(made.mel, made.note_off_s), seed)
    kind, bias = fit_kinds(*kind_examples(real, seed))
    np.savez_compressed(out, kind=np.float32(kind), kind_bias=np.float32(bias), **weights_of(net))


@app.command()
def judge(clips: Clips, real: Real, renders: Renders, n: Count = N_CLIPS, seed: int = 0) -> None:
    """Print how well note-offs are heard in presets that the net never met, half of them at a time."""
    made, sampled = real_clips(real, renders, n, seed), read_sampled(clips)
    tests = render_unmoved(documents(real), seed)
    start = train_sampled(sampled, seed)
    scores = np.empty((len(tests.mel), N_FRAMES), np.float32)
    for half in (False, True):
        learnt, asked = in_half(made, half), in_half(tests, not half)
        net = train_note_off(sampled, Examples.of(made.mel[learnt], made.note_off_s[learnt]), seed, start)
        scores[asked] = net.scores(Examples.of(tests.mel[asked], tests.note_off_s[asked]).bands)
    print(verdict(scores, tests.note_off_s))


def in_half(clips: RealClips, half: bool) -> NDArray[np.bool_]:
    """Which clips (n,) are of presets of a half."""
    return np.array([half_of(name) == half for name in clips.preset])


def real_clips(real: list[Path], renders: Path, n: int, seed: int) -> RealClips:
    """Clips of real presets: what is there, and the rest rendered."""
    for _ in render_real(documents(real), renders, n, seed):
        pass
    return read_real(renders)


if __name__ == "__main__":
    app()
