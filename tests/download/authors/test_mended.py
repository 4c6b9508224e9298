"""A bad file is an error; once it is mended, the same call goes on, wherever it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.download.authors.conftest import Acquire, download_to_cache
from tests.download.authors.miniature import MEDIUM, REPO_ID, REVISION, SHARDS
from tests.download.static_server import put, serving
from vd4rl_data.errors import DatasetFormatError


def _broken(data: bytes) -> bytes:
    """Of the same size, and no npz or HDF5 any more."""
    return b"\0" * 100 + data[100:]


def _files(acquire: Acquire, name: str) -> list[str]:
    return [file.path for file in acquire.files.sources[name].files]


@pytest.mark.parametrize("name", [MEDIUM, SHARDS])
def test_at_a_hub(acquire: Acquire, server: Any, name: str) -> None:
    """It names the hash of what it has, so where no catalog knows better the reader finds out."""
    path = _files(acquire, name)[-1]
    good = server.files[path]
    server.files[path] = _broken(good)
    with pytest.raises(DatasetFormatError, match=Path(path).name):
        acquire(name, server.url)
    acquire.assert_nothing(name)
    server.files[path] = good
    acquire(name, server.url)
    assert acquire.stored(name).manifest.origin == "official"


@pytest.mark.parametrize("name", [MEDIUM, SHARDS])
def test_behind_a_plain_file_server(acquire: Acquire, tmp_path: Path, name: str) -> None:
    path = _files(acquire, name)[-1]
    good = acquire.files.files
    with serving(tmp_path / "served") as url:
        put(tmp_path / "served", REPO_ID, REVISION, {**good, path: _broken(good[path])})
        with pytest.raises(DatasetFormatError, match=Path(path).name):
            acquire(name, url)
        acquire.assert_nothing(name)
        put(tmp_path / "served", REPO_ID, REVISION, {path: good[path]})
        acquire(name, url)
    acquire.stored(name)


@pytest.mark.parametrize(("mended", "number"), [("replaced", 0), ("removed", 1)])
def test_in_the_cache_of_the_client(
    acquire: Acquire, server: Any, tmp_path: Path, mended: str, number: int
) -> None:
    """Bytes that a hub took for the file's when they were cached; nobody else knows better."""
    path, cache = _files(acquire, MEDIUM)[number], tmp_path / "cache"
    good = server.files[path]
    server.files[path] = _broken(good)
    download_to_cache(server, cache, _files(acquire, MEDIUM))
    with pytest.raises(DatasetFormatError) as caught:
        acquire(MEDIUM, cache=cache)
    assert f"{Path(path).name} is {cache}" in "".join(caught.value.__notes__)
    acquire.assert_nothing(MEDIUM)
    server.files[path] = good
    (place,) = cache.rglob(f"snapshots/**/{Path(path).name}")
    blob = place.resolve()
    place.unlink()
    blob.unlink()
    if mended == "replaced":
        download_to_cache(server, cache, [path])
        acquire(MEDIUM, cache=cache)
    else:
        acquire(MEDIUM, server.url, cache=cache)
    acquire.stored(MEDIUM)


def test_a_plan_of_what_a_hub_listed_wrongly_is_not_kept(acquire: Acquire, server: Any) -> None:
    path = _files(acquire, MEDIUM)[1]
    good = server.files[path]
    server.files[path] = _broken(good)
    server.add(path, lambda request, handler: _with(server, path, good, request, handler), None)
    with pytest.raises(DatasetFormatError, match="expected the SHA-256"):
        acquire(MEDIUM, server.url)
    server.mend()
    server.files[path] = good
    acquire(MEDIUM, server.url)
    acquire.stored(MEDIUM)


def _with(server: Any, path: str, data: bytes, request: Any, handler: Any) -> Any:
    """An answer as if the file were this, though another is listed."""
    listed, server.files[path] = server.files[path], data
    response = handler(request)
    server.files[path] = listed
    return response
