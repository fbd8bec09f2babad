"""The command `synths`: which synths a match can be made for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from companion.plugins.scan import Plugin


def synths(
    json: Annotated[bool, typer.Option("--json", help="One JSON object a synth, one a line.")] = False,
    folder: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR", help="Another folder with plugins; WHISPERSYNTH_PLUGINS names some for good."
        ),
    ] = None,
    effects: Annotated[
        bool, typer.Option("--effects", help="List effects and plugins that fail, too.")
    ] = False,
    parameters: Annotated[
        str | None, typer.Option(metavar="NAME", help="List the parameters of the plugin of this name.")
    ] = None,
    rescan: Annotated[bool, typer.Option("--rescan", help="Ask every plugin anew.")] = False,
) -> int:
    """List the synths that a match can be made for: the embedded engine, and the plugins found here."""
    found = _scanned(folder or [], rescan)
    if parameters is not None:
        return _print_parameters(parameters, found)
    shown = [p for p in found if effects or (p.is_instrument and not p.error)]
    return _print_json(shown) if json else _print_table(shown, found)


def _scanned(more: list[Path], rescan: bool) -> list[Plugin]:
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    from companion.plugins.scan import files_in, plugin_folders, scan

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("looking for plugins")

        def on_progress(path: Path, n: int, total: int) -> None:
            progress.update(task, description=f"asking {path.name} ({n + 1} of {total})")

        return scan(files_in(plugin_folders(more)), again=rescan, on_progress=on_progress)


def synth_json(plugin: Plugin) -> dict[str, Any]:
    """The object of a plugin."""
    from companion.plugins.bindings import bound_to
    from companion.plugins.learnt import SCHEMA_FILE, learnt_folder

    return {
        "name": plugin.name,
        "format": plugin.format,
        "version": plugin.version,
        "maker": plugin.maker,
        "parameters": len(plugin.parameters),
        "bound": bound_to(plugin.parameters, plugin.name) if plugin.is_instrument else None,
        "learnt": plugin.is_instrument and (learnt_folder(plugin.name) / SCHEMA_FILE).exists(),
        "instrument": plugin.is_instrument,
        "path": str(plugin.path),
        "error": plugin.error or None,
    }


def _built_in() -> dict[str, Any]:
    from importlib.metadata import version

    from presets.vital_binding import init_controls

    return {
        "name": "vital", "format": "built in", "version": version("vita"), "maker": "Vital's engine",
        "parameters": len(init_controls()), "bound": "vital", "learnt": True, "instrument": True,
        "path": None, "error": None,
    }  # fmt: skip


def _print_json(plugins: list[Plugin]) -> int:
    import json

    for synth in (_built_in(), *map(synth_json, plugins)):
        typer.echo(json.dumps(synth))
    return 0


def _print_table(plugins: list[Plugin], found: list[Plugin]) -> int:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("name", "format", "version", "parameters", "bound to", "path")
    for synth in (_built_in(), *map(synth_json, plugins)):
        how = _how(synth)
        where = synth["path"] or "whispersynth match --synth vital"
        cells = synth["name"], synth["format"], synth["version"], str(synth["parameters"]), how, where
        table.add_row(*(Text(cell, overflow="fold") for cell in cells))
    console = Console(highlight=False)
    console.print(table)
    hidden = [p for p in found if p not in plugins]
    if hidden:
        failed = sum(bool(p.error) for p in hidden)
        console.print(f"{len(hidden)} more that play no notes or fail ({failed}): --effects lists them.")
    return 0


def _how(synth: dict[str, Any]) -> str:
    """By what a match knows a synth, in a word or two."""
    if synth["error"] or not synth["instrument"]:
        return synth["error"] or "an effect"
    return synth["bound"] or ("learnt" if synth["learnt"] else "-")


def _print_parameters(name: str, found: list[Plugin]) -> int:
    from companion.errors import HostError

    named = [p for p in found if name.lower() in (p.name.lower(), p.path.name.lower()) and not p.error]
    if not named:
        raise HostError(
            f"there is no plugin {name!r}; `whispersynth synths --effects` lists all that were found"
        )
    for parameter in named[0].parameters:
        typer.echo(parameter)
    return 0
