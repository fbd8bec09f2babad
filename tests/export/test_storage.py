"""A folder by its path and by its URL."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pyarrow")

from export.storage import Storage


@pytest.mark.parametrize("url", [False, True])
def test_files_appear_whole(tmp_path: Path, url: bool) -> None:
    folder = tmp_path / "new" / "clips"
    storage = Storage.of(folder.as_uri() if url else folder).create()
    storage.write("a.parquet", b"first")
    storage.write("a.parquet", b"second")
    assert storage.read("a.parquet") == b"second" and storage.sizes() == {"a.parquet": 6}
    assert storage.exists("a.parquet") and not storage.exists("b.parquet")


def test_what_killed_writers_left_is_removed_once_the_file_is_there(tmp_path: Path) -> None:
    storage = Storage.of(tmp_path)
    storage.write("a.parquet", b"whole")
    for name in ("a.parquet~1f.tmp", "b.parquet~2f.tmp"):
        (tmp_path / name).write_bytes(b"par")
    storage.tidy()
    assert list(storage.sizes()) == ["a.parquet", "b.parquet~2f.tmp"]  # b may be in the making


def test_a_url_that_nothing_opens_is_refused() -> None:
    with pytest.raises(ValueError, match="s3://"):
        Storage.of("carrier-pigeon://loft/clips")
