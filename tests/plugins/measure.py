"""How near a match comes to random patches of a plugin: prints the gap G of each, heard.

    python tests/plugins/measure.py build/plugins/Nekobi.vst3 [--patches 20] [--seconds 10] [--seed 1]

The patches are drawn evenly over every parameter, and drawn again where the plugin is silent or where a measure can say
nothing. A clip is 2.5 s of one. G is 0 for what cannot be told from another render, 1 for the patch the plugin loads with.
With a plugin that was learnt (`whispersynth learn`) its model proposes; else the search begins at random.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))  # the sources, where they are not installed

from companion.disk.store import save_audio
from companion.hearing.audio import Audio
from companion.hosts.plugin import PluginHost
from companion.judging.metrics import Reference, is_silent, worse
from companion.match import MatchOptions
from companion.matching import open_matcher
from export.targets import HEARD_NOTES, HEARD_S, TOTAL_S, VELOCITY, Hearing, Scene

Raws = dict[str, float]


def main() -> None:
    """Draws, matches, judges, prints."""
    options = arguments()
    gaps, misses = [], []
    matcher = open_matcher(str(options.plugin))
    with PluginHost(options.plugin) as host, tempfile.TemporaryDirectory() as folder:
        start = {p.name: p.raw for p in host.parameters}
        for n, (raws, clip, scene) in enumerate(targets(host, start, options.patches, options.seed)):
            path = save_audio(clip, Path(folder), f"patch {n}")
            last = list(
                matcher.match(path, MatchOptions(seconds=options.seconds, synth=str(options.plugin)))
            )[-1]
            best = last.candidates[0]
            host.set_values(start)
            host.set_patch(best.patch)
            answer = host.render(best.patch.note, scene.hearing.note_s, TOTAL_S, VELOCITY)
            judged = scene.judge(answer)
            gaps.append(judged["g"])
            misses.append(abs(judged["loudness_db"]))
            terms = " ".join(f"{name} {term:.2f}" for name, term in judged["terms"].items())
            print(f"{n:3} note {scene.hearing.note} -> {best.patch.note}  distance {best.score:.3f}  G {judged['g']:.3f}  "
                  f"({terms}; {judged['loudness_db']:+.1f} dB)  {last.seconds:.1f} s", flush=True)  # fmt: skip
            if options.verbose:
                print("    ", {name: round(raw, 3) for name, raw in raws.items()})
                print("    ", {name: round(raw, 3) for name, raw in host.values().items()})
    print(f"{len(gaps)} patches, {options.seconds:g} s each: G heard {np.mean(gaps):.3f} (median {np.median(gaps):.3f}, "
          f"worst {max(gaps):.3f}), level off by {np.mean(misses):.1f} dB; "
          f"{os.cpu_count()} cores{load()}")  # fmt: skip


def load() -> str:
    """How busy the machine is: a match has the fewer tries for it."""
    return f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""


def arguments() -> argparse.Namespace:
    """What was asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("plugin", type=Path)
    parser.add_argument("--patches", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args()


def targets(host: PluginHost, start: Raws, n: int, seed: int) -> Iterator[tuple[Raws, Audio, Scene]]:
    """Random patches that sound: raw values, a clip of each, and what judges an answer."""
    rng, found = np.random.default_rng(seed), 0
    while found < n:
        raws = {name: float(rng.random()) for name in start}
        at = Hearing(int(rng.choice(HEARD_NOTES)), float(rng.choice(HEARD_S)))
        init = play(host, start, at)
        clip, *renders = (play(host, raws, at) for _ in range(4))
        if is_silent(clip):
            continue
        reference = Reference(renders[0])
        floor = worse(*(reference.measure(render) for render in renders[1:]))
        scene = Scene(at, reference, floor, reference.measure(init))
        if scene.usable:
            found += 1
            yield raws, clip, scene


def play(host: PluginHost, raws: Raws, at: Hearing) -> Audio:
    """A note of a patch."""
    host.set_values(raws)
    return host.render(at.note, at.note_s, TOTAL_S, VELOCITY)


if __name__ == "__main__":
    main()
