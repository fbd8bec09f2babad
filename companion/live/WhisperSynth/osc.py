"""Open Sound Control 1.0 on the wire: messages and bundles as bytes (https://opensoundcontrol.stanford.edu/spec-1_0.html).

Only what AbletonOSC and its clients say: i, f, s, b, d, h, T, F, N. Live brings no OSC library along.
"""

from __future__ import annotations

import struct
from typing import Any

BUNDLE = b"#bundle\0"
DEEPEST_BUNDLE = 8
MOST_ARGUMENTS = 4096


class OscError(ValueError):
    """Bytes that are no OSC."""


def encode(address: str, arguments: tuple[Any, ...] | list[Any] = ()) -> bytes:
    """A message as bytes.

    Raises:
        OscError: an argument has a type that the dialect lacks.
    """
    tags, data = ",", b""
    for value in arguments:
        tag, part = _encode_argument(value)
        tags += tag
        data += part
    return _text(address) + _text(tags) + data


def _encode_argument(value: Any) -> tuple[str, bytes]:
    if value is None:
        return "N", b""
    if isinstance(value, bool):
        return "T" if value else "F", b""
    if isinstance(value, int):
        small = -(2**31) <= value < 2**31
        return ("i", struct.pack(">i", value)) if small else ("h", struct.pack(">q", value))
    if isinstance(value, float):
        return "f", struct.pack(">f", value)
    if isinstance(value, bytes):
        return "b", struct.pack(">i", len(value)) + _padded(value)
    if isinstance(value, str):
        return "s", _text(value)
    raise OscError(f"no OSC type for {type(value)!r}")


def decode(data: bytes) -> list[tuple[str, tuple[Any, ...]]]:
    """The messages of a datagram, those of bundles in their order.

    Raises:
        OscError: it is damaged.
    """
    try:
        return _decode(data, 0)
    except (struct.error, UnicodeDecodeError, IndexError, ValueError) as error:
        raise OscError(f"this is no OSC ({error})") from error


def _decode(data: bytes, depth: int) -> list[tuple[str, tuple[Any, ...]]]:
    if not data.startswith(BUNDLE):
        return [_decode_message(data)]
    if depth >= DEEPEST_BUNDLE:
        raise OscError("bundles too deep")
    messages, at = [], 16  # after the time tag, which is taken for now
    while at < len(data):
        (size,) = struct.unpack_from(">i", data, at)
        if size <= 0 or at + 4 + size > len(data):
            raise OscError("a bundle of another length")
        messages += _decode(data[at + 4 : at + 4 + size], depth + 1)
        at += 4 + size
    return messages


def _decode_message(data: bytes) -> tuple[str, tuple[Any, ...]]:
    address, at = _read_text(data, 0)
    if not address.startswith("/"):
        raise OscError("an address begins with a slash")
    if at >= len(data):
        return address, ()  # older senders leave the tags out
    tags, at = _read_text(data, at)
    if not tags.startswith(",") or len(tags) > MOST_ARGUMENTS:
        raise OscError("no type tags")
    arguments = []
    for tag in tags[1:]:
        value, at = _decode_argument(tag, data, at)
        arguments.append(value)
    return address, tuple(arguments)


NUMBERS = {"i": ">i", "f": ">f", "d": ">d", "h": ">q"}
CONSTANTS = {"T": True, "F": False, "N": None}


def _decode_argument(tag: str, data: bytes, at: int) -> tuple[Any, int]:
    if tag in CONSTANTS:
        return CONSTANTS[tag], at
    if tag in NUMBERS:
        (value,) = struct.unpack_from(NUMBERS[tag], data, at)
        return value, at + struct.calcsize(NUMBERS[tag])
    if tag == "s":
        return _read_text(data, at)
    if tag == "b":
        (size,) = struct.unpack_from(">i", data, at)
        if not 0 <= size <= len(data) - at - 4:
            raise OscError("a blob of another length")
        return data[at + 4 : at + 4 + size], at + 4 + _padded_size(size)
    raise OscError(f"unknown type {tag!r}")


def _padded_size(size: int) -> int:
    return (size + 3) // 4 * 4


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (_padded_size(len(data)) - len(data))


def _text(value: str) -> bytes:
    return _padded(value.encode("utf-8", "replace").replace(b"\0", b"") + b"\0")


def _read_text(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(b"\0", at)
    return data[at:end].decode("utf-8"), at + _padded_size(end - at + 1)
