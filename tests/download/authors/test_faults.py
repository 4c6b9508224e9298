"""Faults of a server through the whole path: the right data, or a clear error and nothing.

Every fault of a single file is tried in ``tests/download``.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.download.authors import miniature
from tests.download.authors.conftest import IN_FLIGHT, Acquire
from tests.download.authors.miniature import MEDIUM, REVISION, SHARDS
from tests.download.local_hub import Response
from vd4rl_data.errors import (
    CorruptFileError,
)

KINDS = {MEDIUM: "npz", SHARDS: "hdf5"}
LIST = f"/paths-info/{REVISION}"


@pytest.mark.parametrize("fault", ["busy", "cut"])
def test_a_list_that_fails_once_is_asked_for_again(
    acquire: Acquire, server: Any, fault: str
) -> None:
    server.status(LIST, 500 if fault == "busy" else 0)
    acquire(MEDIUM, server.url)
    assert acquire.stored(MEDIUM).manifest.origin == "official"


@pytest.mark.parametrize("name", KINDS)
def test_wrong_bytes_are_an_error_and_the_next_call_goes_on(
    acquire: Acquire, server: Any, name: str
) -> None:
    files = [file.path for file in acquire.files.sources[name].files]
    server.corrupt(files[-1], at=100, times=None)
    with pytest.raises(CorruptFileError, match=Path(files[-1]).name):
        acquire(name, server.url)
    acquire.assert_nothing(name)
    server.mend()
    acquire(name, server.url)
    acquire.stored(name)
    *others, last = (len(acquire.files.files[path]) for path in files)
    assert server.bytes_sent(KINDS[name]) <= sum(others) + 3 * last + IN_FLIGHT


@pytest.mark.parametrize("name", KINDS)
def test_a_short_file(acquire: Acquire, make_hub: Any, server: Any, name: str) -> None:
    """The server's copy lacks its end; the catalog knows better, or the reader does."""
    last = acquire.files.sources[name].files[-1].path
    short = {**acquire.files.files, last: acquire.files.files[last][:-50]}
    other = make_hub(short, miniature.REPO_ID, revision=REVISION)
    with pytest.raises(CorruptFileError, match=Path(last).name):
        acquire(name, other.url)
    acquire.assert_nothing(name)


def test_the_next_endpoint_is_asked(acquire: Acquire, server: Any, make_hub: Any) -> None:
    dead = make_hub({}, miniature.REPO_ID)
    url = dead.url
    dead.stop()
    empty = make_hub({"a.txt": b"a"}, miniature.REPO_ID, revision=REVISION)
    acquire(MEDIUM, url, empty.url, server.url)
    assert acquire.stored(MEDIUM).manifest.origin == "official"


@pytest.mark.parametrize("what", ["bytes", "SHA-256"])
def test_catalog_and_server_disagree(acquire: Acquire, server: Any, what: str) -> None:
    source = acquire.files.sources[MEDIUM]
    change: Any = {"num_bytes": 7} if what == "bytes" else {"sha256": "0" * 64}
    changed = (source.files[0], dataclasses.replace(source.files[1], **change))
    with pytest.raises(CorruptFileError, match=f"the catalog of this package says {what}"):
        acquire(MEDIUM, server.url, source=dataclasses.replace(source, files=changed))
    assert not server.requests("npz")


def _rewritten(change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Any:
    """An action of :meth:`LocalHub.add` that changes a listing."""

    def act(request: Any, handler: Any) -> Response:
        body = b"".join(handler(request).body)
        return Response(200, {}, [json.dumps(change(json.loads(body))).encode()])

    return act


def test_hostile_names_in_the_listing_change_nothing(
    acquire: Acquire, server: Any, tmp_path: Path
) -> None:
    names = [
        "../../evil",
        f"{tmp_path}/evil",
        "C:\\evil",
        ".transfer/journal.jsonl",
        "a\x00b",
        "CON",
    ]

    def add(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        hostile = [{**entries[0], "path": path} for path in names]
        return [*hostile, *entries, *hostile]

    server.add(LIST, _rewritten(add), None)
    acquire(MEDIUM, server.url)
    acquire.stored(MEDIUM)
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize(
    ("field", "value"), [("size", -1), ("size", 10**15), ("oid", "../../etc/passwd")]
)
def test_hostile_values_in_the_listing(
    acquire: Acquire, server: Any, field: str, value: Any
) -> None:
    def change(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for entry in entries:
            if field == "size":
                entry["size"] = value
            else:
                entry["lfs"]["oid"] = value
        return entries

    server.add(LIST, _rewritten(change), None)
    if field == "oid" or value < 0:  # as if it named none; the answers to the downloads do
        acquire(MEDIUM, server.url)
        assert acquire.stored(MEDIUM).manifest.origin == "official"
        return
    with pytest.raises((CorruptFileError, OSError)):
        acquire(MEDIUM, server.url)
    acquire.assert_nothing(MEDIUM)
    assert not server.requests("npz")


def _plain(server: Any) -> None:
    """Make a server a server of files that knows nothing of hashes."""
    server.status(LIST, 404, times=None)
    server.header("npz", ETag=None, X_Linked_ETag=None)


def test_the_first_use_is_trusted_recorded_and_held_against_the_second(
    acquire: Acquire, server: Any, make_hub: Any
) -> None:
    _plain(server)
    path = acquire(MEDIUM, server.url)
    manifest = acquire.stored(MEDIUM).manifest
    assert manifest.origin == "imported"
    assert {file["hash_from"] for file in manifest.provenance.sources} == {"first use"}
    assert {file["hash_status"] for file in manifest.provenance.sources} == {"unknown"}
    path.unlink()
    changed = miniature.build(acquire.root / "other", small=2)
    victim = acquire.files.sources[MEDIUM].files[0].path
    twin = acquire.files.sources[miniature.EXPERT].files[0].path
    files = {**changed.files, victim: changed.files[twin]}
    other = make_hub(files, miniature.REPO_ID, revision=REVISION)
    _plain(other)
    with pytest.raises(CorruptFileError, match="expected the SHA-256") as caught:
        acquire(MEDIUM, other.url)
    assert "source.json holds the SHA-256 of an earlier download" in caught.value.__notes__[-1]
    acquire.assert_nothing(MEDIUM)
    acquire(MEDIUM, server.url)
    acquire.stored(MEDIUM)
