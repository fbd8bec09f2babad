"""What `whispersynth learn` has made of plugins: a model bundle each, in the user's data folder.

A bundle is as the shipped one (see `companion.proposing.model`), with the plugin's Schema beside it in `schema.json`: the rows that
can be heard are spoken, the others stay as the plugin had them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from companion.errors import WhisperSynthError
from companion.hearing.audio import SAMPLE_RATE
from companion.hearing.features import clip_features
from companion.hosts.plugin import PluginInfo
from companion.proposing.bank import Bank
from companion.proposing.model import PatchModel
from companion.proposing.tokens import Vocabulary
from companion.serve.places import places
from presets.errors import PresetError
from presets.patch import Patch
from presets.schema import Schema
from presets.schema_file import schema_from_json

SCHEMA_FILE = "schema.json"
N_BANK = 8  # remembered sounds proposed, half of them moved to the clip's note


@dataclass(frozen=True)
class Learnt:
    """A plugin that was learnt."""

    schema: Schema
    """Every parameter of the plugin; the spoken rows are those that can be heard."""
    volume: str | None
    """The row that is nothing but gain, which the model leaves alone."""
    model: PatchModel
    bank: Bank | None

    @property
    def turned(self) -> tuple[str, ...]:
        """Rows that a search is to turn: those that can be heard, the volume too."""
        return tuple(row.name for row in self.schema if row.bins or row.name == self.volume)

    def propose(self, audio: NDArray[np.float32], notes: tuple[int, ...], n: int, seed: int) -> list[Patch]:
        """Up to `n` patches of the model for a sound (2, n_samples) at 44.1 kHz, and some of the bank."""
        mel = clip_features(audio, SAMPLE_RATE)
        said = self.model.speak(self.model.hear(mel), n, seed, notes=notes or None)
        return [*(s.sentence.patch for s in said), *self._remembered(mel, notes)]

    def _remembered(self, mel: NDArray[np.float32], notes: tuple[int, ...]) -> list[Patch]:
        """As they were played: a plugin may tune a note away, so that the key says little. And at the clip's note."""
        if self.bank is None:
            return []
        near = self.bank.nearest(mel, N_BANK // 2)
        moved = self.bank.nearest(mel, N_BANK // 2, notes[:1]) if notes else []
        return [*(s.patch for s in near), *(s.patch.with_values(note=notes[0]) for s in moved)]


def learnt_folder(plugin_name: str) -> Path:
    """Where the bundle of a plugin lies, by the name that the plugin gives itself."""
    slug = re.sub(r"[^a-z0-9]+", "-", plugin_name.lower()).strip("-") or "plugin"
    return places().folder / "learnt" / slug


def open_learnt(info: PluginInfo) -> Learnt | None:
    """The model of a plugin; None where it was never learnt.

    Raises:
        WhisperSynthError: the bundle is damaged, or the plugin has other parameters than when it was learnt.
    """
    folder = learnt_folder(info.name)
    if not (folder / SCHEMA_FILE).exists():
        return None
    again = f"run `whispersynth learn` on {info.path.name} again, or remove {folder}"
    try:
        data = json.loads((folder / SCHEMA_FILE).read_text("utf-8"))
        schema, volume = schema_from_json(data["schema"]), data["volume"]
        words = Vocabulary(schema)
        learnt = Learnt(schema, volume, PatchModel(folder, words), Bank.read(folder, words))
    except (OSError, ValueError, KeyError, TypeError, PresetError, WhisperSynthError) as error:
        raise WhisperSynthError(f"what was learnt of {info.name} cannot be read ({error}); {again}") from None
    missing = {row.key for row in schema} - {p.name for p in info.parameters}
    if missing:
        raise WhisperSynthError(
            f"{info.name} has changed since it was learnt: it has no {', '.join(sorted(missing)[:4])}; {again}"
        )
    return learnt
