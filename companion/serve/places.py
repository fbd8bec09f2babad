"""Where the running process keeps what must outlive it, and where clients find it."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from companion.errors import StoreError

APP = "whispersynth"
FOLDER_VARIABLE = "WHISPERSYNTH_DATA"
TOKEN_BYTES = 32
PRIVATE = 0o600
PRIVATE_FOLDER = 0o700


@dataclass(frozen=True)
class Places:
    """The files of one data folder."""

    folder: Path

    @property
    def ledger(self) -> Path:
        """Jobs, results and the library (SQLite)."""
        return self.folder / "whispersynth.db"

    @property
    def watches(self) -> Path:
        """What lay in watched folders before they were watched (SQLite)."""
        return self.folder / "watch.db"

    @property
    def address(self) -> Path:
        """Where the server is: url, token, pid."""
        return self.folder / "serve.json"

    @property
    def token(self) -> Path:
        """The token that changes need."""
        return self.folder / "token"

    @property
    def server_lock(self) -> Path:
        """Held by the server as long as it lives."""
        return self.folder / "serve.lock"

    @property
    def engine_lock(self) -> Path:
        """Held by the engine's process as long as it lives, which may be a moment longer than its server."""
        return self.folder / "engine.lock"

    @property
    def log(self) -> Path:
        """What the engine's process printed."""
        return self.folder / "engine.log"

    @property
    def clips(self) -> Path:
        """Clips with gain or pitch applied, while they are matched."""
        return self.folder / "clips"

    def prepare(self) -> Places:
        """Makes the folder, readable by its user only.

        Raises:
            StoreError: it cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        except OSError as error:
            raise StoreError(
                f"{self.folder} cannot be made ({error.strerror}); name another folder with {FOLDER_VARIABLE}"
            ) from error
        return self


def places() -> Places:
    """The data folder of this user, or the one that WHISPERSYNTH_DATA names."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Places(Path(named).absolute() if named else platformdirs.user_data_path(APP, appauthor=False))


def read_or_make_token(path: Path) -> str:
    """The token of this user, made at the first call: 43 characters, in a file that only the user may read."""
    try:
        token = path.read_text("ascii").strip()
        if len(token) >= TOKEN_BYTES:
            os.chmod(path, PRIVATE)
            return token
    except (FileNotFoundError, UnicodeDecodeError):
        pass
    token = secrets.token_urlsafe(TOKEN_BYTES)
    write_private(path, token)
    return token


def write_private(path: Path, text: str) -> None:
    """Writes a file that only the user may read, whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
