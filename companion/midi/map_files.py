"""Maps written to disk: as TOML to change, and as Serum 2's own `.SerumMIDIMap`."""

from __future__ import annotations

from pathlib import Path

from companion.disk.batch import Batch, uninterrupted
from companion.errors import MidiError, StoreError
from companion.midi.maps import MidiMap
from presets.midimap import encode_midi_map

TOML, SERUM = ".toml", ".serummidimap"


def serum_mapping(midi_map: MidiMap) -> dict[int, tuple[int, ...]]:
    """Controller -> Serum 2's numbers of the parameters it moves; raises MidiError when the map knows none."""
    mapping: dict[int, tuple[int, ...]] = {}
    for control in midi_map:
        if control.serum2 is not None:
            mapping[control.cc] = (*mapping.get(control.cc, ()), control.serum2)
    if not mapping:
        raise MidiError(
            f"the MIDI map {midi_map.name!r} has no `serum2` numbers of parameters; write the map serum2, or add them"
        )
    return mapping


def write_map(midi_map: MidiMap, path: Path) -> Path:
    """Writes a map as the file's ending says; returns the absolute path.

    Raises:
        MidiError: the ending is neither, or the map does not fit it.
        StoreError: it is there already, or cannot be written.
        PresetError: `.SerumMIDIMap` needs packages that are missing.
    """
    path = path.expanduser().absolute()
    kind = path.suffix.lower()
    if kind not in (TOML, SERUM):
        raise MidiError(f"{path.name} is neither .toml nor .SerumMIDIMap; give --out one of these endings")
    data = midi_map.text.encode() if kind == TOML else encode_midi_map(serum_mapping(midi_map))
    if path.exists():
        raise StoreError(f"{path} is there already and was left as it is; give another name with --out")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with uninterrupted(), Batch(path.parent) as batch:
            batch.add(path.name, data)
            batch.publish()
    except OSError as error:
        raise StoreError(f"{path} cannot be written ({error.strerror}); choose another folder") from None
    return path
