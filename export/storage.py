"""storage: a place for shards that many machines share: a folder that all of them mount, or an object store's URL.

pyarrow's own file systems (S3, Google Cloud, Azure, HDFS, local) rather than fsspec's: they come with the wheel that
writes the shards, so a node needs nothing more.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from pathlib import Path

from pyarrow import fs

OBJECT_STORES = (
    "s3",
    "gcs",
    "abfs",
)  # an object appears when it is whole; elsewhere a file is renamed into place
PARTIAL = ".tmp"  # what is being written: `NAME~UNIQUE.tmp`


@dataclass(frozen=True)
class Storage:
    """A flat folder whose files appear whole or not at all."""

    place: str
    """As given: a folder or a URL."""
    files: fs.FileSystem
    root: str

    @classmethod
    def of(cls, place: str | Path) -> Storage:
        """Opens a folder, or `s3://bucket/folder`, `gs://`, `abfs://`, `hdfs://`, `file://`.

        Raises:
            ValueError: nothing can open such a URL.
        """
        if not is_url(place):
            root = os.path.abspath(place)
            return cls(root, fs.LocalFileSystem(), root)
        try:
            files, root = fs.FileSystem.from_uri(str(place))
        except (OSError, ValueError) as error:  # ArrowInvalid is a ValueError
            raise ValueError(
                f"cannot open {place}: {error}; give a folder, or an s3://, gs:// or abfs:// URL"
            ) from None
        return cls(str(place), files, root.rstrip("/"))

    def create(self) -> Storage:
        """Makes the folder where there is none.

        Raises:
            ValueError: the place cannot be written to.
        """
        try:
            self.files.create_dir(self.root, recursive=True)
        except OSError as error:
            raise ValueError(f"cannot write to {self.place}: {error}") from None
        return self

    def sizes(self, suffix: str = "") -> dict[str, int]:
        """Bytes of every file, by name, in name order."""
        found = self.files.get_file_info(fs.FileSelector(self.root, allow_not_found=True))
        return {i.base_name: i.size for i in sorted(found, key=lambda i: i.base_name)
                if i.is_file and i.base_name.endswith(suffix)}  # fmt: skip

    def exists(self, name: str) -> bool:
        """Whether the file is there, whole."""
        return bool(self.files.get_file_info(self._path(name)).is_file)

    def read(self, name: str) -> bytes:
        """The file's bytes."""
        with self.files.open_input_stream(self._path(name)) as stream:
            return bytes(stream.read())

    def write(self, name: str, data: bytes) -> None:
        """Writes a file whole or not at all; two that write the same one at once do no harm."""
        direct = self.files.type_name in OBJECT_STORES
        path = self._path(name if direct else f"{name}~{uuid.uuid4().hex}{PARTIAL}")
        with self.files.open_output_stream(path) as stream:
            stream.write(data)
        if not direct:
            self.files.move(path, self._path(name))

    def tidy(self) -> None:
        """Removes what killed writers left of files that are there now."""
        for name in self.sizes(PARTIAL):
            if self.exists(name.partition("~")[0]):
                self.files.delete_file(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}"


def is_url(place: str | Path) -> bool:
    """Whether it names an object store rather than a folder."""
    return "://" in str(place)
