"""calibrate: what a score is worth, measured: the words' thresholds, the floor, what differs by chance, what a synth cannot make.

    python -m export calibrate --real PRESETS --out OUT        # OUT/nearness.json to companion/judging/, OUT/calibration.md to docs/score.md

Every clip is matched as a user's is, with default settings; a match that got less of the cores than on an idle machine is
made again with more time. Where the clip is a render of a known patch its answers are judged by the gap G as well
(`export.targets`), so that it shows which score means what. Records are kept in OUT: run again to go on. Nothing is fitted on
what it is judged on: figures are of presets left out of the fit, halves left out, kinds left out.
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import spearmanr

from companion.hearing.audio import Audio, read_clip
from companion.hearing.listen import Heard, listen
from companion.judging.board import Candidate
from companion.judging.differences import FACETS, Differences, width
from companion.judging.distance import Distance
from companion.judging.judge import Judge
from companion.judging.makeable import SIGNS, signs_of
from companion.judging.metrics import is_silent
from companion.judging.nearness import CALIBRATION
from companion.match import Match, Matcher, MatchOptions
from companion.proposing.propose import ask, from_model
from companion.telling.words import GAP_WORDS
from export.peers import write_clip
from export.priors import real_patches
from export.progress import track
from export.sample import sample_note_off, sample_patch
from export.sounds import CANNOT, HITS, TONE, Kinds, Sound, made, missing, rng_of
from export.targets import Hearing, LoadError, Scene, draw_hearing, render_fresh
from presets.vital import patch_to_vital

Record = dict[str, Any]
Floats = NDArray[np.float64]

EDGES = tuple(bound for bound, _ in GAP_WORDS[:-1])
REAL, PATCHES, AGAIN = "real presets", "sampled patches", "re-renders"
REHEARD = (Hearing(36, 1.5), Hearing(48, 0.8), Hearing(53, 1.8), Hearing(60, 0.8))
N_JUDGED, N_RAW = 4, 3  # answers of a match, and samples of the model, whose gap is measured
KEPT = 24  # candidates of a match, of which they are taken
CPU_S = 2.8  # of a default match that has two cores to itself: 1.4 of them are busy
TRIES = 3  # matches of a clip while other programs take the cores
SLOWEST = 3.0  # times the default's seconds, at most
LOUDEST = 4.0  # a patch whose render passes it is drawn again
RECORDS, FITTED, TABLES = "records.jsonl", "nearness.json", "calibration.md"
CHANCE = 0.98  # of re-renders differ by less than is told
FALSE_ALARMS = 0.05  # of sounds that a synth can make, at most, in the fit
RIDGE = 0.02
RECIPE_SHARE = (
    0.5  # of the floor that is taken off a recipe's score: 0 to 0.75 are as good, see docs/score.md
)


# --- clips -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clip:
    """A sound to match, and what it is judged against where it is the render of a patch."""

    sound: Sound
    scene: Scene | None = None


def clips(real: Path, n: int, seed: int) -> Iterator[tuple[str, Callable[[], Iterable[Clip]]]]:
    """Groups of clips by name, made when asked for."""
    yield REAL, partial(real_clips, real, seed)
    yield PATCHES, partial(patch_clips, real, 2 * n, seed)
    for kinds in (TONE, HITS, CANNOT):
        for group in kinds:
            if why := missing(group):
                typer.echo(f"{group} are left out: install {why}", err=True)
                continue
            yield group, partial(sound_clips, {group: kinds[group]}, n, seed)


def sound_clips(kinds: Kinds, n: int, seed: int) -> Iterator[Clip]:
    """Sounds that no patch made."""
    return map(Clip, made(kinds, n, seed))


def real_clips(folder: Path, seed: int) -> Iterator[Clip]:
    """Every preset of a folder that can be judged, at a note drawn for it."""
    for path in sorted(folder.glob("*.vital")):
        try:
            clip = rendered(
                REAL, path.stem, path.read_text("utf-8", errors="replace"), draw_hearing(path.stem, seed)
            )
        except LoadError:
            continue
        if clip:
            yield clip


def patch_clips(real: Path, n: int, seed: int) -> Iterator[Clip]:
    """`n` patches from the priors that the model learns from, at notes of their own."""
    pool, found, i = real_patches(real), 0, 0
    while found < n:
        rng = rng_of(PATCHES, seed, i)
        i += 1
        patch, note_off_s = sample_patch(rng, pool), min(sample_note_off(rng), 2.2)
        clip = rendered(PATCHES, f"patch {found}", patch_to_vital(patch), Hearing(patch.note, note_off_s))
        if clip:
            found += 1
            yield clip


def rendered(group: str, name: str, text: str, hearing: Hearing) -> Clip | None:
    """A clip with its judge; None for what is silent, far too loud, or says nothing."""
    audio = render_fresh(text, hearing)
    if is_silent(audio) or float(np.abs(audio).max()) > LOUDEST:
        return None
    scene = Scene.prepare(text, hearing)
    return Clip(Sound(group, name, audio), scene) if scene.usable else None


# --- records ---------------------------------------------------------------------------------------------------------


class Records:
    """What was measured so far, a line each; an interrupted run goes on."""

    def __init__(self, path: Path) -> None:
        text = path.read_text("utf-8") if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]  # an interruption may have cut the last line off
        if whole != text:
            path.write_text(whole, "utf-8")
        self.all: list[Record] = [json.loads(line) for line in whole.splitlines()]
        self._names = {(one["group"], one["name"]) for one in self.all}
        self._file = path.open("a", encoding="utf-8")

    def __contains__(self, key: tuple[str, str]) -> bool:
        return key in self._names

    def count(self, group: str) -> int:
        """How many a group has."""
        return sum(one["group"] == group for one in self.all)

    def add(self, record: Record) -> None:
        """Keeps one more."""
        self.all.append(record)
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()


def record_matches(real: Path, n: int, seed: int, records: Records) -> None:
    """Matches every clip of every group that is not there yet."""
    matcher = Matcher()
    for group, make in clips(real, n, seed):
        expected = {REAL: len(list(real.glob("*.vital"))), PATCHES: 2 * n}.get(group, n)
        if records.count(group) >= expected:
            continue
        for clip in track(make(), expected, group):
            if (group, clip.sound.name) not in records and (record := matched(matcher, clip)):
                records.add(record)


def matched(matcher: Matcher, clip: Clip) -> Record | None:
    """A match of a clip; None where nothing was heard in it."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_clip(clip.sound.audio, Path(folder))
        last, cpu_s = undisturbed(matcher, path)
        heard = listen(read_clip(path, None, None), None)
    if not last.candidates:
        return None
    best = {
        kind: min((c.heard for c in last.candidates if c.kind == kind), default=math.nan)
        for kind in ("recipe", "resynth")
    }
    record = {
        "group": clip.sound.group,
        "name": clip.sound.name,
        "width": width(heard.audio),
        "warned": last.warnings,
        "cpu_s": round(cpu_s, 2),
    }
    record |= {**best, "signs": signs_of(heard.audio), "answers": []}
    if clip.scene is not None:
        record["answers"] = list(answers(matcher, heard, last.candidates, clip.scene))
    return record


def undisturbed(matcher: Matcher, path: Path) -> tuple[Match, float]:
    """A default match and the CPU seconds it had: about as many as on a machine that does nothing else."""
    seconds = MatchOptions().seconds
    for _ in range(TRIES):
        began = time.process_time()
        *_, last = matcher.match(path, MatchOptions(keep=KEPT, seconds=seconds))
        cpu_s = time.process_time() - began
        if not last.candidates or cpu_s > 0.9 * CPU_S:
            break
        seconds = min(seconds * CPU_S / cpu_s, SLOWEST * MatchOptions().seconds)
    return last, cpu_s


def answers(
    matcher: Matcher, heard: Heard, candidates: Iterable[Candidate], scene: Scene
) -> Iterator[Record]:
    """Score and gap of the best of each kind, of some more, and of some that the model says without being chosen."""
    ordered = list(candidates)
    firsts = {next(i for i, c in enumerate(ordered) if c.kind == kind) for kind in {c.kind for c in ordered}}
    chosen = sorted(firsts | set(range(3)) & set(range(len(ordered))))[:N_JUDGED]
    question = ask(heard, N_RAW, 0)
    judge = Judge(heard.audio, question.notes[0], heard.moments, matcher.engines)
    raw = judge(from_model(matcher.model)(question))
    for candidate, rank in [(ordered[i], i + 1 if i in firsts else 0) for i in chosen] + [
        (c, 0) for c in raw
    ]:
        audio = render_fresh(
            patch_to_vital(candidate.patch), Hearing(candidate.patch.note, scene.hearing.note_s)
        )
        yield {
            "kind": candidate.kind,
            "score": candidate.heard,
            "g": scene.judge(audio)["g"],
            "first": bool(rank),
        }


def record_again(real: Path, records: Records) -> None:
    """Renders every preset twice at some notes: what its re-render scores and how its traits differ."""
    paths = sorted(real.glob("*.vital"))
    for path in track(paths, len(paths), AGAIN):
        for hearing in REHEARD:
            name = f"{path.stem} {hearing.note} {hearing.note_s}"
            if (AGAIN, name) in records:
                continue
            try:
                first, second = (
                    render_fresh(path.read_text("utf-8", errors="replace"), hearing) for _ in range(2)
                )
            except LoadError:
                break
            if not is_silent(first):
                records.add(
                    {"group": AGAIN, "name": name, "preset": path.stem, **again(first, second, hearing)}
                )


def again(first: Audio, second: Audio, hearing: Hearing) -> Record:
    """What two renders of one preset are to each other."""
    score = Distance(first, render_fresh(None, hearing))(second)
    away = {
        facet.name: abs(x) for facet, x in Differences(first, hearing.note_s).away(second) if math.isfinite(x)
    }
    return {"width": width(first), "floor": score, "away": away}


# --- fits ------------------------------------------------------------------------------------------------------------


def fit_floor(records: list[Record]) -> tuple[float, float]:
    """The floor of a mono sound and what the root of the width adds, least squares."""
    roots = np.sqrt([one["width"] for one in records])
    start, slope = np.linalg.lstsq(
        np.stack([np.ones_like(roots), roots], 1), [one["floor"] for one in records]
    )[0]
    return float(start), float(slope)


def floor_of(one: Record, fitted: tuple[float, float]) -> float:
    """The floor foretold of a record's clip."""
    return max(0.0, fitted[0] + fitted[1] * math.sqrt(one["width"]))


@dataclass(frozen=True)
class Answers:
    """All judged answers as columns."""

    names: NDArray[np.str_]
    groups: NDArray[np.str_]
    scores: Floats
    """Above the floor, as far as it is taken off."""
    gaps: Floats
    recipes: NDArray[np.bool_]
    first: NDArray[np.bool_]

    @classmethod
    def of(cls, records: list[Record], floor: tuple[float, float], share: float = RECIPE_SHARE) -> Answers:
        """Of the records that have any."""
        rows = [
            (one["name"], one["group"], a["score"] - share * (a["kind"] == "recipe") * floor_of(one, floor), a["g"],
             a["kind"] == "recipe", a["first"])
            for one in records for a in one.get("answers", ())
        ]  # fmt: skip
        names, groups, scores, gaps, recipes, first = map(np.array, zip(*rows, strict=True))
        return cls(names, groups, scores, gaps, recipes, first)

    @property
    def weights(self) -> Floats:
        """What a match answers counts more than what it left."""
        return np.where(self.first, 4.0, 1.0)

    def bounds(self, kept: NDArray[np.bool_]) -> list[float]:
        """For each word the score at which the gap is as often above as below its bound."""
        found = [_even_odds(self.scores[kept], self.gaps[kept] > edge, self.weights[kept]) for edge in EDGES]
        return [float(x) for x in np.maximum.accumulate(found)]

    def left_out(self) -> NDArray[np.int64]:
        """The word (0: best) of each answer, fitted without its own preset."""
        words = np.zeros(len(self.scores), np.int64)
        for name in np.unique(self.names):
            own = self.names == name
            words[own] = np.digitize(self.scores[own], self.bounds(~own), right=True)
        return words

    @property
    def true_words(self) -> NDArray[np.int64]:
        """The word of each gap."""
        return np.digitize(self.gaps, EDGES, right=True)


def _even_odds(scores: Floats, above: NDArray[np.bool_], weights: Floats) -> float:
    """Where a logistic regression on the log of the score is undecided."""
    offset = 0.02  # scores above the floor may be a little under 0
    x = np.log(np.maximum(scores, 0) + offset)

    def cost(p: Floats) -> float:
        z = p[0] * (x - p[1])
        return float((weights * (np.logaddexp(0, z) - above * z)).sum() + 0.01 * p[0] ** 2)

    best = minimize(cost, np.array([2.0, -1.5]), method="Nelder-Mead").x
    return max(float(np.exp(best[1])) - offset, 0.001)


@dataclass(frozen=True)
class Logistic:
    """A regression on SIGNS that says what is more than one key does."""

    weights: Floats
    bias: float

    @classmethod
    def fit(cls, signs: Floats, cannot: NDArray[np.bool_], groups: NDArray[np.str_]) -> Logistic:
        """Each side and each group in it counts the same."""
        share = np.zeros(len(signs))
        for side in (cannot, ~cannot):
            for group in (kinds := np.unique(groups[side])):
                share[groups == group] = 1 / (groups == group).sum() / len(kinds)
        mean, spread = signs.mean(axis=0), signs.std(axis=0) + 1e-9
        scaled = (signs - mean) / spread

        def cost(p: Floats) -> float:
            z = scaled @ p[:-1] + p[-1]
            return float((share * (np.logaddexp(0, z) - cannot * z)).sum() + RIDGE * (p[:-1] ** 2).sum())

        p = minimize(cost, np.zeros(signs.shape[1] + 1)).x
        weights = p[:-1] / spread
        return cls(weights, float(p[-1] - weights @ mean))

    def chances(self, signs: Floats) -> Floats:
        """The chance for each row."""
        return np.asarray(1 / (1 + np.exp(-(signs @ self.weights + self.bias))))


def fit_alarm(
    records: list[Record], bounds: list[float], floor: tuple[float, float]
) -> tuple[Logistic, float]:
    """The regression, and the chance that FALSE_ALARMS of what a synth can make reach, groups counting the same."""
    signs, cannot, groups = sign_columns(records)
    fitted = Logistic.fit(signs, cannot, groups)
    far = recipe_is_far(records, bounds, floor)
    chances = np.where(far, fitted.chances(signs), 0.0)
    for alarm in np.arange(0.5, 1.0, 0.01):
        rates = [float((chances[groups == group] >= alarm).mean()) for group in np.unique(groups[~cannot])]
        if np.mean(rates) <= FALSE_ALARMS:
            return fitted, round(float(alarm), 2)
    return fitted, 0.99


def sign_columns(records: list[Record]) -> tuple[Floats, NDArray[np.bool_], NDArray[np.str_]]:
    """Signs (n, len(SIGNS)), whether no knobs make it, and the group."""
    groups = np.array([one["group"] for one in records])
    signs = np.array([[one["signs"][name] for name in SIGNS] for one in records])
    return signs, np.isin(groups, list(CANNOT)), groups


def recipe_is_far(
    records: list[Record], bounds: list[float], floor: tuple[float, float]
) -> NDArray[np.bool_]:
    """Whether not even a close relative was found."""
    above = [one["recipe"] - RECIPE_SHARE * floor_of(one, floor) for one in records]
    return np.array(above) > bounds[2]


def held_out(
    records: list[Record], bounds: list[float], floor: tuple[float, float], by: str
) -> dict[str, float]:
    """Rate of alarms a group, weights and threshold fitted without it: on the other half (`halves`), or on all other groups."""
    groups = np.array([one["group"] for one in records])
    parts = np.arange(len(records)) % 2 if by == "halves" else np.unique(groups, return_inverse=True)[1]
    alarms = recipe_is_far(records, bounds, floor)
    for part in np.unique(parts):
        own, others = (
            [one for one, p in zip(records, parts, strict=True) if (p == part) == same]
            for same in (True, False)
        )
        fitted, alarm = fit_alarm(others, bounds, floor)
        alarms[parts == part] &= fitted.chances(sign_columns(own)[0]) >= alarm
    return {str(group): float(alarms[groups == group].mean()) for group in np.unique(groups)}


def fit_far(records: list[Record], bounds: list[float]) -> float:
    """The score from which a resynth is far, too: no close relative, and what all but a few that can be made stay under."""
    scores = [one["resynth"] for one in records if one["group"] not in CANNOT]
    return max(bounds[2], float(np.quantile(scores, 1 - FALSE_ALARMS / 2)))


def fit_least(records: list[Record]) -> dict[str, float]:
    """For each facet the difference that all but a few re-renders stay under, no less than can be heard."""
    return {
        facet.name: max(
            facet.audible, float(np.quantile([one["away"].get(facet.name, 0.0) for one in records], CHANCE))
        )
        for facet in FACETS
    }


# --- reports ---------------------------------------------------------------------------------------------------------


def calibrated(records: list[Record]) -> tuple[dict[str, Any], str]:
    """What ships, and the tables that say how good it is."""
    repeats, matches = (
        [r for r in records if r["group"] == AGAIN],
        [r for r in records if r["group"] != AGAIN],
    )
    matches = [
        one for one in matches if np.isfinite([one["recipe"], one["resynth"], *one["signs"].values()]).all()
    ]
    floor = fit_floor(repeats)
    found = Answers.of(matches, floor)
    bounds = found.bounds(np.isin(found.groups, [REAL, PATCHES]))
    fitted, alarm = fit_alarm(matches, bounds, floor)
    data: dict[str, Any] = {
        "floor": [round(x, 4) for x in floor],
        "recipe_share": RECIPE_SHARE,
        "bounds": [round(x, 3) for x in bounds],
        "least": {name: round(x, 3) for name, x in fit_least(repeats).items()},
        "weights": [round(float(x), 4) for x in fitted.weights],
        "bias": round(fitted.bias, 4),
        "alarm": alarm,
        "far": round(fit_far(matches, bounds), 3),
    }
    tables = (
        floor_table(repeats),
        words_table(found, bounds),
        alarm_table(matches, bounds, floor, data["far"]),
    )
    return data, "\n\n".join(tables) + "\n"


def floor_table(repeats: list[Record]) -> str:
    """How well the floor is foretold, each preset by the others."""
    truth = np.array([one["floor"] for one in repeats])
    presets = np.array([one["preset"] for one in repeats])
    guess = np.zeros(len(repeats))
    for preset in np.unique(presets):
        fitted = fit_floor([one for one in repeats if one["preset"] != preset])
        guess[presets == preset] = [floor_of(one, fitted) for one in repeats if one["preset"] == preset]
    rank = float(spearmanr(guess, truth).statistic)
    off, plain = float(np.abs(guess - truth).mean()), float(np.abs(truth - np.median(truth)).mean())
    return (
        f"Floor of {len(truth)} re-renders of {len(np.unique(presets))} presets: median {np.median(truth):.3f}, "
        f"highest {truth.max():.3f}. Foretold from the width, each preset by the others: rank correlation {rank:.2f}, "
        f"off by {off:.3f} in the mean ({plain:.3f} with one figure for all)."
    )


def words_table(found: Answers, bounds: list[float]) -> str:
    """The words: their scores, how often they are right, and what the gap was."""
    words, truth = found.left_out(), found.true_words
    lines = [
        "| words | G | distance above the floor | said | right | one off at most | median G | G of four in five |",
        "|---|---|---|---|---|---|---|---|",
    ]
    ends = [*map("{:.2f}".format, EDGES), ""], [*map("{:.3f}".format, bounds), ""]
    for n, (_, name) in enumerate(GAP_WORDS):
        own = words == n
        spread = "..".join(f"{x:.2f}" for x in np.quantile(found.gaps[own], [0.1, 0.9])) if own.any() else ""
        to = [f"up to {end[n]}" if end[n] else f"over {end[n - 1]}" for end in ends]
        lines.append(
            f"| {name} | {to[0]} | {to[1]} | {own.sum()} | {_rate(truth[own] == n)} | {_rate(np.abs(truth[own] - n) <= 1)} "
            f"| {np.median(found.gaps[own]) if own.any() else math.nan:.2f} | {spread} |"
        )
    for group in (REAL, PATCHES):
        for kind, recipes in (("resynth", False), ("recipe", True)):
            own = (found.groups == group) & (found.recipes == recipes) & found.first
            off = np.abs(words[own] - truth[own])
            lines.append(
                f"\nBest {kind} of {own.sum()} {group}: right {_rate(off == 0)}, one off at most {_rate(off <= 1)}."
            )
    return "\n".join(lines)


def _rate(hits: NDArray[np.bool_]) -> str:
    return f"{100 * hits.mean():.0f} %" if hits.size else ""


def alarm_table(records: list[Record], bounds: list[float], floor: tuple[float, float], far: float) -> str:
    """How often it is said that no knobs make a sound, a line a group."""
    halves, kinds = (held_out(records, bounds, floor, by) for by in ("halves", "kinds"))
    lines = [
        "| sounds | number | recipe: said, other half fitted | recipe: said, this kind never seen | resynth far, too | median distance recipe / resynth |",
        "|---|---|---|---|---|---|",
    ]
    for group in sorted(halves, key=lambda g: (g in CANNOT, g)):
        own = [one for one in records if one["group"] == group]
        scores = " / ".join(f"{np.median([one[k] for one in own]):.2f}" for k in ("recipe", "resynth"))
        also = _rate(np.array([one["resynth"] > far for one in own]))
        title = f"{group} ({'cannot' if group in CANNOT else 'can'})"
        lines.append(
            f"| {title} | {len(own)} | {halves[group]:.0%} | {kinds[group]:.0%} | {also} | {scores} |"
        )
    for title, wanted in (("what can be made, mean of the kinds", False), ("what cannot", True)):
        of = [group for group in halves if (group in CANNOT) == wanted]
        rates = " | ".join(f"{np.mean([rate[group] for group in of]):.0%}" for rate in (halves, kinds))
        lines.append(f"| **{title}** | | {rates} | | |")
    return "\n".join(lines)


def calibrate(
    real: Annotated[Path, typer.Option(help="Folder of .vital presets that nothing is judged on.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for records and reports; run again to go on.")],
    n: Annotated[int, typer.Option(help="Sounds of each kind; twice as many sampled patches.")] = 16,
    seed: Annotated[int, typer.Option(help="The same seed makes the same sounds.")] = 0,
) -> None:
    """Measure what scores mean, on sounds that a synth can make and sounds that it cannot; an hour on two cores."""
    out.mkdir(parents=True, exist_ok=True)
    records = Records(out / RECORDS)
    record_again(real, records)
    record_matches(real, n, seed, records)
    data, tables = calibrated(records.all)
    (out / FITTED).write_text(json.dumps(data, indent=1) + "\n", "utf-8")
    (out / TABLES).write_text(tables, "utf-8")
    typer.echo(tables)
    typer.echo(f"{out / FITTED} takes the place of {CALIBRATION}")
