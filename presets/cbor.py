"""The CBOR (RFC 8949) that Serum 2 writes: text keys in order, float32 where it is exact, no tags.

cbor2 decodes, after a walk over the bytes has shown that they are bounded and plain: a byte can cost 70 of memory, and
tags can do worse. It cannot encode as Serum does, which this file does itself.
"""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np

from presets.errors import PresetError

MAX_ITEMS = 200_000  # beside long arrays of floats, which are cheap; the files seen have up to 2,000
MAX_DEPTH = 32
_LONG_ARRAY = 64  # from which on an array is looked at as a whole
_FLOAT_ITEM = np.dtype([("head", "u1"), ("value", ">f4")])
_UINT, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_FLOAT32 = 0xFA
_SIMPLES = {20: 0, 21: 0, 22: 0, 25: 2, 26: 4, 27: 8}  # false, true, null, floats: bytes that follow


def check(data: bytes) -> None:
    """Walk over one CBOR item, in time and memory of its size; raises PresetError when it is not plain and whole."""
    at, n_items, open_items = 0, 0, [1]  # open_items: how many items each open array or map still lacks
    while open_items:
        if open_items[-1] == 0:
            open_items.pop()
            continue
        open_items[-1] -= 1
        n_items += 1
        kind, count, at = _head(data, at)
        if n_items > MAX_ITEMS or len(open_items) > MAX_DEPTH:
            raise _damaged(f"more than {MAX_ITEMS} items or {MAX_DEPTH} levels")
        if kind in (_BYTES, _TEXT):
            at += count
        elif kind in (_ARRAY, _MAP):
            count *= kind - _ARRAY + 1
            if count > len(data) - at:
                raise _damaged(f"{count} items claimed in {len(data) - at} bytes")
            floats = _floats(data, at, count)
            at += floats * _FLOAT_ITEM.itemsize
            open_items.append(count - floats)
        if at > len(data):
            raise _damaged("it ends too early")
    if at != len(data):
        raise _damaged(f"{len(data) - at} bytes too many")


def _damaged(why: str) -> PresetError:
    return PresetError(f"its data is damaged ({why}); copy the file again, and do not trust it")


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """Kind, number and where the content begins."""
    if at >= len(data):
        raise _damaged("it ends too early")
    kind, low = divmod(data[at], 32)
    if kind == _SIMPLE:
        if low not in _SIMPLES:
            raise _damaged(f"value {data[at]:#x}")
        return kind, low, at + 1 + _SIMPLES[low]
    if low > 27 or kind == _TAG:  # 31 is a length that is not told
        raise _damaged(f"item {data[at]:#x}")
    if low < 24:
        return kind, low, at + 1
    width = 1 << (low - 24)
    return kind, int.from_bytes(data[at + 1 : at + 1 + width], "big"), at + 1 + width


def _floats(data: bytes, at: int, count: int) -> int:
    """`count` if that many float32 follow, else 0."""
    if count < _LONG_ARRAY or count * _FLOAT_ITEM.itemsize > len(data) - at:
        return 0
    items = np.frombuffer(data, _FLOAT_ITEM, count, at)
    return count if (items["head"] == _FLOAT32).all() else 0


def decode(data: bytes) -> Any:
    """What one CBOR item holds.

    Raises:
        PresetError: it is damaged or beyond the limits, or cbor2 is not installed.
    """
    try:
        import cbor2
    except ImportError as error:
        raise missing("cbor2") from error
    check(data)
    try:
        return cbor2.loads(data)
    except (cbor2.CBORError, ValueError, TypeError, RecursionError) as error:
        raise _damaged(str(error)[:80]) from error


def missing(package: str) -> PresetError:
    """The error of a package of the extra that is not there."""
    return PresetError(
        f"Serum 2 presets need {package}, which is not installed; run: pip install 'whispersynth[serum]'"
    )


def encode(value: Any) -> bytes:
    """CBOR as Serum 2 writes it; raises PresetError for what it never writes, NaN included."""
    parts: list[bytes] = []
    _encode(value, parts)
    return b"".join(parts)


def _encode(value: Any, parts: list[bytes]) -> None:
    if isinstance(value, dict):
        parts.append(_number(_MAP, len(value)))
        if not all(isinstance(key, str) for key in value):
            raise PresetError("a key of its data is no text; do not trust the file")
        for key in sorted(value):
            _encode(key, parts)
            _encode(value[key], parts)
    elif isinstance(value, list | tuple):
        parts.append(_number(_ARRAY, len(value)))
        whole = _encode_floats(value) if len(value) >= _LONG_ARRAY else b""
        if whole:
            parts.append(whole)
            return
        for item in value:
            _encode(item, parts)
    else:
        parts.append(_encode_scalar(value))


def _encode_scalar(value: Any) -> bytes:
    if value is None or isinstance(value, bool):
        return bytes([_SIMPLE << 5 | (22 if value is None else 20 + value)])
    if isinstance(value, int) and -(2**64) <= value < 2**64:
        return _number(_NEGATIVE, -1 - value) if value < 0 else _number(_UINT, value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, str | bytes):
        data = value.encode("utf-8", "replace") if isinstance(value, str) else value
        return _number(_TEXT if isinstance(value, str) else _BYTES, len(data)) + data
    raise PresetError(
        f"{str(value)[:40]!r} cannot stand in a Serum 2 preset; give numbers, texts, lists and maps"
    )


def _number(kind: int, value: int) -> bytes:
    if value < 24:
        return bytes([kind << 5 | value])
    for k in range(4):
        if value < 1 << (8 << k):
            break
    return bytes([kind << 5 | 24 + k]) + value.to_bytes(1 << k, "big")


def _float(value: float) -> bytes:
    if not math.isfinite(value):
        raise PresetError(f"a value is {value}, which is no number; do not trust its source")
    try:
        short = struct.pack(">f", value)
    except OverflowError:
        short = b""
    if short and struct.unpack(">f", short)[0] == value:
        return bytes([_FLOAT32]) + short
    return bytes([_FLOAT32 + 1]) + struct.pack(">d", value)


def _encode_floats(values: list[Any] | tuple[Any, ...]) -> bytes:
    """The floats of a long array at once; b"" when it is not all of float32."""
    if not all(type(value) is float for value in values):
        return b""
    exact = np.array(values, np.float64)
    with np.errstate(over="ignore"):
        short = exact.astype(np.float32)
    if not (np.isfinite(short).all() and (short == exact).all()):
        return b""
    items = np.empty(len(values), _FLOAT_ITEM)
    items["head"], items["value"] = _FLOAT32, short
    return items.tobytes()
