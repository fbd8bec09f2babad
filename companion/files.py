"""Whether a path is a file that this user may read, before a decoder sees it, whose words for it are other people's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def read_start(path: Path, n: int, kind: str, failure: Callable[[str], Exception]) -> bytes:
    """The first `n` bytes of a file.

    Args:
        kind: what it is to be, for the sentence: `clip`, `patch`.

    Raises:
        failure: it cannot be read; one sentence says why and what to do.
    """
    try:
        if path.is_dir():
            raise failure(f"{path} is a folder, not a {kind}; name a {kind} in it")
        if path.exists() and not path.is_file():
            raise failure(f"{path} is a device or a pipe, not a file; save the {kind} as a file first")
        with path.open("rb") as file:
            return file.read(n)
    except FileNotFoundError:
        raise failure(f"{path} does not exist; check the path") from None
    except PermissionError:
        raise failure(f"{path} may not be read by this user; change its permissions or copy it") from None
    except (OSError, ValueError) as error:
        raise failure(f"{str(path)!r} cannot be opened ({error}); check the path and the disk") from None
