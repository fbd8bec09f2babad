"""`whispersynth convert`: a patch or preset as a file of another kind, with what that changed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from companion.errors import OptionError, StoreError
from presets.patch import Patch
from presets.schema import OWN
from presets.vital import Reading

KINDS = (".txt", ".vital", ".fxp", ".SerumPreset")
LEFT_OUT = "left out"  # stands in the sentences about what is lost


@dataclass(frozen=True)
class Converted:
    """A file that was written."""

    path: Path
    approximated: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    coverage: float = 1.0
    """Share of the settings in use that crossed into the patch, 0..1."""
    n_active: int = 0
    """Settings in use in the preset read; 0 for a patch of one's own."""


def convert_file(source: Path, target: Path, *, overwrite: bool = False) -> Converted:
    """Converts a file by the endings of the two names; the same kind is written as it was read.

    Raises:
        OptionError: an ending is of no kind that can be written.
        StoreError: there is such a file already.
        PresetError: the source cannot be read, or cannot be said in the other kind.
    """
    kind = target.suffix.lower()
    if kind not in {k.lower() for k in KINDS}:
        raise OptionError(f"{target.name} is of no kind that can be written; end it in {', '.join(KINDS)}")
    same = source.suffix.lower() == kind
    if not same and {source.suffix.lower(), kind} == {".fxp", ".serumpreset"}:
        return _from_serum_to_serum(source, target, overwrite)
    reading, sentences = Reading(Patch()), tuple[str, ...]()
    if same and kind != ".txt":
        contents = {target.name: _same(source)}
    else:
        from companion.disk.store import read_preset

        reading = read_preset(source)
        contents, sentences = _contents(reading.patch, target)
    _write(target.parent, contents, overwrite)
    lost = [text if " " in text else f"Vital's {text} has no word here" for text in reading.lost]
    lost += [text for text in sentences if LEFT_OUT in text]
    near = (*reading.approximated, *(text for text in sentences if LEFT_OUT not in text))
    return Converted(target, near, tuple(lost), reading.coverage, reading.n_active)


def _from_serum_to_serum(source: Path, target: Path, overwrite: bool) -> Converted:
    """Knob by knob: what both have needs no words in between."""
    from presets.serum_files import cross

    crossing = cross(source)
    _write(target.parent, {target.name: crossing.data}, overwrite)
    share = 1 - crossing.n_lost / max(crossing.n_active, 1)
    return Converted(target, (), crossing.lost, share, crossing.n_active)


def _same(source: Path) -> bytes:
    """The bytes of a sound preset."""
    if source.suffix.lower() == ".vital":
        from companion.disk.store import read_text
        from presets.vital import parse

        text = read_text(source)
        parse(text)
        return text.encode()
    from presets.serum_files import same_again

    return same_again(source)


def _contents(patch: Patch, target: Path) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """File names and what they hold, and what had to become something else."""
    from presets.serum_files import SUFFIXES, encode_serum
    from presets.vital import patch_to_vital

    named = patch if patch.name else patch.with_values(name=target.stem)
    synth = SUFFIXES.get(target.suffix.lower())
    if synth:
        data, sentences = encode_serum(synth, named)
        return {target.name: data}, sentences
    if target.suffix.lower() == ".vital":
        return {target.name: patch_to_vital(named).encode()}, ()
    return _text_files(patch, target), ()


def _text_files(patch: Patch, target: Path) -> dict[str, bytes]:
    """A text and beside it what it names."""
    from companion.disk.store import ASSETS
    from presets.txt import patch_to_text

    own = {
        p: f"{target.stem} {p.replace('.', ' ')}{ASSETS[p].suffix}"
        for p in ASSETS
        if patch.values.get(p) == OWN
    }
    files = {file: ASSETS[p].encode(patch.assets[p]) for p, file in own.items()}
    return files | {target.name: patch_to_text(patch, own).encode()}


def _write(folder: Path, contents: dict[str, bytes], overwrite: bool) -> None:
    """All files or none; over others only when asked."""
    from companion.disk.batch import Batch, uninterrupted
    from companion.disk.store import prepare_folder
    from presets.files import write_file

    folder = prepare_folder(folder)
    there = [name for name in contents if (folder / name).exists()]
    if there and not overwrite:
        raise StoreError(
            f"{folder / there[0]} is there already and was left as it is; give another name, or --overwrite"
        )
    with uninterrupted():
        if overwrite:
            for name, data in contents.items():
                write_file(folder / name, data)
            return
        with Batch(folder) as batch:
            for name, data in contents.items():
                batch.add(name, data)
            batch.publish()


def convert(
    source: Annotated[
        Path, typer.Argument(metavar="IN", readable=False, help="A .txt, .vital, .fxp or .SerumPreset file.")
    ],
    target: Annotated[
        Path,
        typer.Argument(metavar="OUT", readable=False, help="The file to write; its ending says the kind."),
    ],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="What was changed, as one JSON object.")] = False,
) -> None:
    """Write a patch or preset for another synth, and say what that changed."""
    done = convert_file(source, target, overwrite=overwrite)
    if as_json:
        told = {"file": str(done.path.absolute()), "approximated": done.approximated, "lost": done.lost}
        typer.echo(json.dumps(told | {"settings": done.n_active, "carried": round(done.coverage, 4)}))
        return
    typer.echo(done.path)
    if done.n_active:
        typer.echo(f"{done.coverage:.0%} of the {done.n_active} settings in use crossed.")
    for title, sentences in (("Became something near:", done.approximated), ("Left out:", done.lost)):
        for line in (title, *(f"  {text}" for text in dict.fromkeys(sentences))) if sentences else ():
            typer.echo(line)
