"""evaluate: a folder of presets -> how near every method comes to them, as a table, JSON and a picture."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import IO, Annotated, Any, Optional

import typer
from rich.console import Console

from companion.errors import WhisperSynthError
from export.peers import METHODS, SAMPLED, TITLES, Method, Setup, ask
from export.progress import track
from export.standings import GAPS, Panel, Standing, as_json, no_nan, picture, table
from export.targets import Judgement, Target, judge, prepare_folder
from presets.schema import wavetable_synth

DEFAULT_METHODS = ("any", "recipe", "resynth", "model16", "prior16", "init", "itself")
JSON_FILE, TEXT_FILE, PICTURE_FILE = "evaluation.json", "evaluation.txt", "evaluation.png"
UNFINISHED = "unfinished.jsonl"
TABLE_WIDTH = 190


@dataclass(frozen=True)
class Evaluation:
    """What came out."""

    targets: list[Target]
    excluded: dict[str, str]
    """Preset -> why it could not be judged."""
    items: dict[str, list[Judgement]] = field(default_factory=dict)
    """Method -> judgements."""

    @property
    def standings(self) -> list[Standing]:
        """A line a method."""
        return [Standing.of(method, items) for method, items in self.items.items()]


class Ledger:
    """Judgements of a run, kept as they come in, so that an interrupted run goes on where it stopped.

    A context: when it ends well the run is done, and what it was is in its report.
    """

    def __init__(self, path: Path, run: dict[str, Any]) -> None:
        """Goes on with `path` if it is of the same run, else begins anew."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._known: dict[tuple[str, str], Judgement] = {}
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        if lines and json.loads(lines[0]) == json.loads(json.dumps(run)):
            self._known = {(method, item["name"]): item for method, item in map(_whole, lines[1:]) if method}
        self._file: IO[str] = path.open("w", encoding="utf-8")
        self._file.write(json.dumps(run) + "\n")
        for (method, _), item in self._known.items():
            self._write(method, item)

    def get(self, method: str, name: str) -> Judgement | None:
        """What is known already."""
        return self._known.get((method, name))

    def add(self, method: str, item: Judgement) -> None:
        """Keeps one more."""
        self._write(method, item)

    def _write(self, method: str, item: Judgement) -> None:
        self._file.write(json.dumps([method, item]) + "\n")
        self._file.flush()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        if kind is None:
            self._path.unlink()


def _whole(line: str) -> tuple[str, Judgement]:
    """A line of the ledger; ("", {}) for the one that an interruption cut off."""
    try:
        method, item = json.loads(line)
    except ValueError:
        return "", {}
    return method, item


def judge_all(method: Method, name: str, targets: Sequence[Target], ledger: Ledger) -> Iterator[Judgement]:
    """Asks and judges one method, target by target."""
    for target in track(targets, len(targets), TITLES.get(name, name)):
        item = ledger.get(name, target.name)
        if item is None:
            answer = ask(method, target)
            item = judge(target, answer.text, answer.note)
            if answer.why:
                item["failed"] = answer.why
            item |= {"note": answer.note, "true_note": target.heard.hearing.note, "seconds": answer.seconds}
            ledger.add(name, item)
        yield item


def run(
    folder: Path,
    out: Path,
    methods: Sequence[str],
    setup: Setup,
    limit: int | None = None,
    sample: int = 4,
    cache: Path | None = None,
) -> Evaluation:
    """Prepares the targets, runs every method and writes the three reports to `out`.

    Raises:
        WhisperSynthError: no such method, or no preset that can be judged.
    """
    check_methods(methods)
    targets, excluded = prepare_folder(
        folder, setup.seed, cache or out / "targets", limit, lambda paths: track(paths, len(paths), "targets")
    )
    if not targets:
        raise WhisperSynthError(f"there is no preset to judge in {folder}; give a folder of .vital files")
    evaluation, about = Evaluation(targets, excluded), {"presets": folder.name, **describe(setup)}
    with Ledger(out / UNFINISHED, about) as ledger:
        ask_all(evaluation, methods, setup, ledger, sample)
        write_reports(evaluation, out, about)
    return evaluation


def check_methods(methods: Sequence[str]) -> None:
    """Refuses a method that does not exist.

    Raises:
        WhisperSynthError: no such method.
    """
    unknown = [name for name in methods if name not in METHODS]
    if unknown:
        raise WhisperSynthError(f"there is no method {unknown[0]!r}; choose from {', '.join(METHODS)}")


def ask_all(
    evaluation: Evaluation, methods: Sequence[str], setup: Setup, ledger: Ledger, sample: int = 4
) -> None:
    """Asks every method about the targets of an evaluation, which takes up what was judged."""
    targets = evaluation.targets
    setup = Setup(**{**vars(setup), "targets": tuple(targets)})
    built = {
        name: METHODS[name](setup) for name in methods
    }  # before any is run, so that what is missing shows at once
    for name, method in built.items():
        asked = targets[:: max(1, len(targets) // sample)][:sample] if name in SAMPLED else targets
        evaluation.items[name] = list(judge_all(method, name, asked, ledger))


def describe(setup: Setup) -> dict[str, Any]:
    """What a result depends on besides the program and the targets."""
    return {
        "seed": setup.seed,
        "seconds": setup.seconds,
        "bundle": str(setup.bundle or "shipped"),
        "shards": str(setup.shards or ""),
        "real": str(setup.real or ""),
        "schema_hash": wavetable_synth().hash,
        "engine_version": metadata.version("vita"),
    }


def write_reports(
    evaluation: Evaluation, out: Path, about: dict[str, Any], panels: Sequence[Panel] = GAPS
) -> None:
    """`evaluation.json`, `.txt` and, where matplotlib is installed, `.png` with `panels`."""
    data = {**about, "excluded": evaluation.excluded, **as_json(evaluation.standings, evaluation.targets)}
    text = json.dumps(data | {"items": no_nan(evaluation.items)}, indent=1)
    (out / JSON_FILE).write_text(text + "\n", "utf-8")
    with (out / TEXT_FILE).open("w", encoding="utf-8") as file:
        show(evaluation, Console(file=file, width=TABLE_WIDTH))
    try:
        picture(evaluation.items, out / PICTURE_FILE, panels)
    except ImportError:
        Console(stderr=True).print("no picture: matplotlib comes with the [train] extra")


def show(evaluation: Evaluation, console: Console) -> None:
    """Prints the table, and whom it leaves out."""
    console.print(table(evaluation.standings, evaluation.targets))
    for name, why in evaluation.excluded.items():
        console.print(f"excluded: {name}: {why}", highlight=False, markup=False)
    for standing in evaluation.standings:
        for name, why in standing.failures.items():
            console.print(f"{standing.method} failed on {name}: {why}", highlight=False, markup=False)


def evaluate(
    folder: Annotated[Path, typer.Argument(help="Folder of .vital presets to match.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the reports; run again to go on.")],
    methods: Annotated[str, typer.Option(help=f"Comma-separated, of: {', '.join(METHODS)}.")] = ",".join(
        DEFAULT_METHODS
    ),
    limit: Annotated[Optional[int], typer.Option(help="Only so many presets.")] = None,  # noqa: UP045
    seed: Annotated[int, typer.Option(help="Draws the heard notes and everything else.")] = 0,
    seconds: Annotated[float, typer.Option(help="Budget of a match.")] = 2.0,
    sample: Annotated[int, typer.Option(help="Targets for the slow methods (CMA-ES).")] = 4,
    shards: Annotated[Optional[Path], typer.Option(help="Folder of rendered clips, for `nearest`.")] = None,  # noqa: UP045
    real: Annotated[Optional[Path], typer.Option(help="Folder of .vital presets in the prior.")] = None,  # noqa: UP045
    model: Annotated[Optional[Path], typer.Option(help="Model bundle; default: the one that ships.")] = None,  # noqa: UP045
    cache: Annotated[Optional[Path], typer.Option(help="Folder to keep rendered targets in.")] = None,  # noqa: UP045
) -> None:
    """Match every preset of a folder and measure how near the answers come, beside simpler ways to an answer."""
    setup = Setup(seed=seed, seconds=seconds, bundle=model, shards=shards, real=real)
    names = [name.strip() for name in methods.split(",") if name.strip()]
    show(run(folder, out, names, setup, limit, sample, cache), Console(width=TABLE_WIDTH))
