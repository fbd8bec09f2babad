"""Serum 2 presets (`.SerumPreset`): read, edited and written so that an untouched file stays byte for byte.

A preset is a tree of modules. Each has `plainParams`: the text "default", or a map of the parameters that are not at
their default, in real units. What is known of the format, and from whom: docs/serum.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presets.errors import PresetError
from presets.files import read_file, write_file
from presets.tables import FRAME_SIZE
from presets.wav import MAX_FRAMES, MAX_PEAK, SAMPLE_RATE_HZ
from presets.xferjson import MAX_BYTES, XferFile, decode, encode

Frames = NDArray[np.float32]
RawValue = float | str

FILE_TYPE = "SerumPreset"
DEFAULT = "default"
N_SLOTS, N_LFOS, N_RACKS = 64, 10, 3
OSCILLATORS = ("a", "b", "c")  # those with a wavetable
METADATA = ("presetName", "presetAuthor", "presetDescription")  # in head and tree alike
_EMBEDDED, _PATH = "embeddedWTData", "relativePathToWT"


@dataclass(frozen=True)
class Slot2:
    """A routing of the matrix; the default is an empty slot."""

    source: int = 0
    """Id: 2-5 Env 1-4, 6-15 LFO 1-10, 16 velocity, 17 note, 25-32 macros; more in docs/serum.md."""
    aux: int = 0
    module: str = ""
    """Kind of module of the destination, such as `VoiceFilter`."""
    module_id: int = 0
    """Which of them, from 0."""
    parameter: str = ""
    """Such as `kParamFreq`."""
    parameter_id: int = 0
    """Its number in the module."""
    values: tuple[tuple[str, RawValue], ...] = ()
    """kParamAmount in percent and the like, where not at their default, sorted by name."""


@dataclass(frozen=True)
class Curve2:
    """A drawn LFO: points joined by segments; y 0 is the top, and the LFO puts out 1 - y."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    tension: tuple[float, ...]
    """0.5 is straight; Serum stores one more than there are segments."""


class Serum2:
    """A preset open for editing; `tree` and `head` may be changed directly too."""

    def __init__(self, file: XferFile) -> None:
        """Raises PresetError for another kind of file."""
        if file.head.get("fileType") != FILE_TYPE:
            raise PresetError(
                f"it is a {str(file.head.get('fileType'))[:40]!r}, not a {FILE_TYPE}; choose another file"
            )
        self.file = file

    @property
    def tree(self) -> dict[str, Any]:
        return self.file.tree

    @property
    def head(self) -> dict[str, Any]:
        return self.file.head

    def encode(self) -> bytes:
        """The bytes of a `.SerumPreset` file; raises PresetError."""
        return encode(self.file)

    # -- metadata -----------------------------------------------------------------------------------------------

    def text(self, name: str) -> str:
        """presetName, presetAuthor or presetDescription."""
        value = self.head.get(_metadata(name), "")
        if not isinstance(value, str):
            raise PresetError(f"its {name} is no text; do not trust the file")
        return value

    def set_text(self, name: str, text: str) -> None:
        """Sets it in head and tree."""
        self.head[_metadata(name)] = self.tree[name] = text

    # -- modules ------------------------------------------------------------------------------------------------

    def module(self, path: str) -> dict[str, Any]:
        """A module by path, such as `VoiceFilter0` or `Oscillator0/WTOsc0`; raises PresetError."""
        found: Any = self.tree
        for key in path.split("/"):
            found = found.get(key) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            raise PresetError(f"the preset has no module {path!r}; start from one that Serum 2 saved")
        return found

    def parameters(self, path: str) -> dict[str, RawValue]:
        """The parameters of a module that are not at their default."""
        return _plain(self.module(path), path)

    def set_parameter(self, path: str, name: str, value: RawValue | None) -> None:
        """Set a parameter in its real unit; None sets it to its default. Raises PresetError."""
        _set_plain(self.module(path), path, name, value)

    # -- the matrix ---------------------------------------------------------------------------------------------

    def slot(self, number: int) -> Slot2:
        """A slot, counted from 1; raises PresetError."""
        path = _numbered("ModSlot", number, N_SLOTS)
        stored = self.module(path)
        values = tuple(sorted(self.parameters(path).items()))
        if "source" not in stored:
            return Slot2(values=values)
        try:
            source, aux = (int(k) for k in stored["source"])
            return Slot2(
                source,
                aux,
                str(stored.get("destModuleTypeString", "")),
                int(stored.get("destModuleID", 0)),
                str(stored.get("destModuleParamName", "")),
                int(stored.get("destModuleParamID", 0)),
                values,
            )
        except (TypeError, ValueError) as error:
            raise PresetError(f"slot {number} is damaged ({error}); do not trust the file") from error

    def slots(self) -> dict[int, Slot2]:
        """Number -> slot of those with a source."""
        slots = {number: self.slot(number) for number in range(1, N_SLOTS + 1)}
        return {number: slot for number, slot in slots.items() if slot.source}

    def set_slot(self, number: int, slot: Slot2) -> None:
        """The opposite of slot: keys that are not known here stay. Raises PresetError."""
        if slot == self.slot(number):
            return
        path = _numbered("ModSlot", number, N_SLOTS)
        stored = self.module(path)
        routing = {
            "source": [slot.source, slot.aux],
            "destModuleTypeString": slot.module,
            "destModuleID": slot.module_id,
            "destModuleParamName": slot.parameter,
            "destModuleParamID": slot.parameter_id,
        }
        if slot.source:
            stored.update(routing)
        else:
            for key in routing:
                stored.pop(key, None)
        for name in self.parameters(path).keys() - dict(slot.values).keys():
            self.set_parameter(path, name, None)
        for name, value in slot.values:
            self.set_parameter(path, name, value)

    # -- LFOs ---------------------------------------------------------------------------------------------------

    def curve(self, number: int) -> Curve2 | None:
        """What is drawn for an LFO, counted from 1; None for the default triangle. Raises PresetError."""
        data = self.module(_numbered("LFO", number, N_LFOS)).get("curveData")
        if not data:
            return None
        try:
            n = int(data["numPoints"])
            x, y, tension = (tuple(map(float, data[key])) for key in ("xVals", "yVals", "curveVals"))
        except (TypeError, ValueError, KeyError) as error:
            raise PresetError(
                f"the curve of LFO {number} is damaged ({error!r}); do not trust the file"
            ) from error
        curve = Curve2(x, y, tension)
        _check_curve(curve)
        if n != len(x) - 1:
            raise PresetError(f"the curve of LFO {number} claims {n} segments and has {len(x) - 1}")
        return curve

    def set_curve(self, number: int, curve: Curve2 | None) -> None:
        """The opposite of curve; raises PresetError."""
        module = self.module(_numbered("LFO", number, N_LFOS))
        if curve is None:
            module["curveData"] = {}
            return
        _check_curve(curve)
        module["curveData"] = {
            "curveVals": list(curve.tension),
            "numPoints": len(curve.x) - 1,
            "xVals": list(curve.x),
            "yVals": list(curve.y),
        }
        module["curveDisplayName"] = "Custom"

    # -- tables and effects -------------------------------------------------------------------------------------

    def _oscillator(self, oscillator: str) -> dict[str, Any]:
        if oscillator not in OSCILLATORS:
            raise PresetError(f"{oscillator!r} is no oscillator with a table; expected a, b or c")
        n = OSCILLATORS.index(oscillator)
        return self.module(f"Oscillator{n}/WTOsc{n}")

    def table(self, oscillator: str) -> Frames | None:
        """The embedded table of oscillator `a`, `b` or `c`, float32 (n_frames, 2048); None when there is none."""
        data = self._oscillator(oscillator).get(_EMBEDDED)
        if data is None:
            return None
        try:
            flat = np.array(data, np.float32)
        except (TypeError, ValueError, OverflowError) as error:
            raise PresetError(f"table {oscillator} is damaged; do not trust the file") from error
        if flat.ndim != 1 or flat.size % FRAME_SIZE or not 0 < flat.size <= MAX_FRAMES * FRAME_SIZE:
            raise PresetError(
                f"table {oscillator} {flat.shape} is not 1 to {MAX_FRAMES} frames of {FRAME_SIZE}"
            )
        if not (np.abs(flat) <= MAX_PEAK).all():
            raise PresetError(f"table {oscillator} holds samples that are no sound; do not trust the file")
        return flat.reshape(-1, FRAME_SIZE)

    def table_path(self, oscillator: str) -> str:
        """Path of the table in Serum's Tables folder; "" when it is embedded or not told."""
        return str(self._oscillator(oscillator).get(_PATH, ""))

    def set_table(self, oscillator: str, frames: Frames) -> None:
        """Embed frames (1..256, 2048), full scale 1; raises PresetError."""
        if frames.ndim != 2 or frames.shape[1] != FRAME_SIZE or not 1 <= len(frames) <= MAX_FRAMES:
            raise PresetError(
                f"frames {frames.shape} are not (1 to {MAX_FRAMES}, {FRAME_SIZE}); resample them"
            )
        if not (np.abs(frames) <= MAX_PEAK).all():
            raise PresetError("the frames hold samples that are no sound; mend or scale them")
        before = self.table(oscillator)
        if before is not None and np.array_equal(before, frames):
            return
        module = self._oscillator(oscillator)
        module.pop(_PATH, None)
        module[_EMBEDDED] = frames.astype(np.float32).ravel().tolist()
        # As Serum writes beside an embedded table.
        fixed = {"interpolateAfterLoad": 0, "tableDisplayName": "Custom", "numChannels": 1}
        module.update(fixed | {"numFrames": int(frames.size), "sampleRate": SAMPLE_RATE_HZ})

    def name_table(self, oscillator: str, path: str, n_frames: int) -> None:
        """Use a table of Serum's Tables folder, such as `S2 Tables/Default Shapes.wav`; drops an embedded one."""
        module = self._oscillator(oscillator)
        for key in (_EMBEDDED, "interpolateAfterLoad", "tableDisplayName"):
            module.pop(key, None)
        size = n_frames * FRAME_SIZE
        module.update({_PATH: path, "numChannels": 1, "numFrames": size, "sampleRate": SAMPLE_RATE_HZ})

    def effects(self, rack: int = 0) -> list[tuple[str, dict[str, RawValue]]]:
        """Name and changed parameters of each effect of a rack (0 main, 1 and 2 buses), in their order."""
        effects = []
        for entry in self._rack(rack):
            name = next((key for key in entry if key.startswith("FX")), None)
            if name is None or not isinstance(entry[name], dict):
                raise PresetError(f"an effect of rack {rack} is damaged; do not trust the file")
            effects.append((name, _plain(entry[name], name)))
        return effects

    def set_effect(self, rack: int, place: int, name: str, value: RawValue | None) -> None:
        """Set a parameter of the effect at that place, from 0; None sets its default. Raises PresetError."""
        effects = self.effects(rack)
        if not 0 <= place < len(effects):
            raise PresetError(f"rack {rack} has {len(effects)} effects and none at {place}")
        module = effects[place][0]
        _set_plain(self._rack(rack)[place][module], module, name, value)

    def _rack(self, rack: int) -> list[dict[str, Any]]:
        entries = self.module(_numbered("FXRack", rack + 1, N_RACKS)).get("FX")
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise PresetError(f"rack {rack} is damaged; do not trust the file")
        return entries


def _metadata(name: str) -> str:
    if name not in METADATA:
        raise PresetError(f"{name!r} is no text of Serum 2; expected one of {', '.join(METADATA)}")
    return name


def _numbered(kind: str, number: int, count: int) -> str:
    """Modules are counted from 0, people from 1."""
    if not 1 <= number <= count:
        raise PresetError(f"{kind} {number} is not 1 to {count}")
    return f"{kind}{number - 1}"


def _plain(module: Mapping[str, Any], path: str) -> dict[str, RawValue]:
    stored = module.get("plainParams", DEFAULT)
    if stored == DEFAULT:
        return {}
    if not isinstance(stored, dict):
        raise PresetError(f"the parameters of {path} are damaged; do not trust the file")
    return dict(stored)


def _set_plain(module: dict[str, Any], path: str, name: str, value: RawValue | None) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise PresetError(f"{name} of {path} is {value}, which is no number")
    stored = _plain(module, path)
    if value is None:
        stored.pop(name, None)
    else:
        stored[name] = value if isinstance(value, str) else float(value)
    module["plainParams"] = stored or DEFAULT


def _check_curve(curve: Curve2) -> None:
    n = len(curve.x)
    if n < 2 or len(curve.y) != n or len(curve.tension) != n:
        raise PresetError(
            f"a curve has {n} x, {len(curve.y)} y and {len(curve.tension)} tensions; expected as many of each"
        )
    if not all(0 <= value <= 1 for value in (*curve.x, *curve.y, *curve.tension)):
        raise PresetError("a curve has a point that is not within 0 to 1; do not trust its source")
    if any(after < before for before, after in zip(curve.x, curve.x[1:], strict=False)):
        raise PresetError("a curve goes back in time; sort its points by x")


def decode_serum2(data: bytes) -> Serum2:
    """The preset in the bytes of a `.SerumPreset` file.

    Raises:
        PresetError: it is damaged or another kind, or a package of the extra is missing.
    """
    return Serum2(decode(data))


def read_serum2(path: Path) -> Serum2:
    """The preset of a `.SerumPreset` file; raises PresetError as decode_serum2."""
    data = read_file(path, MAX_BYTES)
    try:
        return decode_serum2(data)
    except PresetError as error:
        raise PresetError(f"{path} cannot be read as a Serum 2 preset: {error}") from error


def write_serum2(path: Path, preset: Serum2) -> None:
    """Write a `.SerumPreset` file, replacing `path`; raises PresetError."""
    write_file(path, preset.encode())
