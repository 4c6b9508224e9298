"""Every fault of a server, through the whole path: the right data, or a clear error and nothing."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.download.acquire import miniature
from tests.download.acquire.conftest import CHUNK, QUICK, Acquire
from tests.download.acquire.miniature import MEDIUM, REVISION, SHARDS
from vd4rl_data.download.client import Patience
from vd4rl_data.download.transfer import Endpoint
from vd4rl_data.errors import (
    CorruptFileError,
    RemoteAccessError,
    RemoteFileNotFoundError,
    TransferError,
)
from vd4rl_data.hub.mirror import Handler, Request, Response

Fault = Callable[[Any, str], None]
KINDS = {MEDIUM: "npz", SHARDS: "hdf5"}
WORKERS = 4
LIST = f"/paths-info/{REVISION}"

MENDED: dict[str, Fault] = {
    "cut": lambda faults, end: faults.cut(end, 700, times=3),
    "cut at once": lambda faults, end: faults.drop(end, times=3),
    "wrong bytes": lambda faults, end: faults.corrupt(end, at=100),
    "429": lambda faults, end: faults.status(end, 429, times=2, retry_after="0"),
    "500": lambda faults, end: faults.status(end, 500, times=3),
    "no ranges": lambda faults, end: faults.refuse_ranges(end),
    "list 500": lambda faults, end: faults.status(LIST, 500, methods=("POST",)),
    "list cut": lambda faults, end: faults.drop(LIST, methods=("POST",)),
}

FATAL: dict[str, tuple[Fault, type[Exception]]] = {
    "wrong bytes": (
        lambda faults, end: faults.corrupt(end, at=100, times=None),
        CorruptFileError,
    ),
    "404": (lambda faults, end: faults.status(end, 404, times=None), RemoteFileNotFoundError),
    "403": (lambda faults, end: faults.status(end, 403, times=None), RemoteAccessError),
    "500": (lambda faults, end: faults.status(end, 500, times=None), TransferError),
    "429": (
        lambda faults, end: faults.status(end, 429, times=None, retry_after="86400"),
        TransferError,
    ),
}


def _sent(acquire: Acquire, mirror: Any, name: str) -> tuple[int, int]:
    """Bytes of data that were sent, and bytes of the files."""
    files = acquire.files.sources[name].files
    return mirror.bytes_sent(KINDS[name]), sum(len(acquire.files.files[f.path]) for f in files)


@pytest.mark.parametrize(
    ("name", "fault"), [*((MEDIUM, fault) for fault in MENDED), (SHARDS, "cut"), (SHARDS, "500")]
)
def test_what_mends_itself_gives_the_right_data(
    acquire: Acquire, mirror: Any, name: str, fault: str
) -> None:
    MENDED[fault](mirror.faults, KINDS[name])
    acquire(name, mirror.url)
    assert acquire.stored(name).manifest.origin == "official"


@pytest.mark.parametrize(
    ("name", "fault"), [*((MEDIUM, fault) for fault in FATAL), (SHARDS, "wrong bytes")]
)
def test_what_does_not_is_an_error_and_the_next_call_goes_on(
    acquire: Acquire, mirror: Any, name: str, fault: str
) -> None:
    act, kind = FATAL[fault]
    last = acquire.files.sources[name].files[-1].path
    act(mirror.faults, last)
    with pytest.raises(kind) as caught:
        acquire(name, mirror.url)
    assert type(caught.value) is kind
    assert (mirror.url if fault == "429" else Path(last).name) in str(caught.value)
    acquire.assert_nothing(name)
    mirror.faults.clear()
    acquire(name, mirror.url)
    acquire.stored(name)
    sent, total = _sent(acquire, mirror, name)
    again = 2 * len(acquire.files.files[last]) if fault == "wrong bytes" else 0
    assert sent <= total + again + WORKERS * CHUNK


@pytest.mark.parametrize("name", KINDS)
def test_a_short_file(acquire: Acquire, make_mirror: Any, mirror: Any, name: str) -> None:
    """The mirror's copy lacks its end; the catalog knows better, or the reader does."""
    last = acquire.files.sources[name].files[-1].path
    short = {**acquire.files.files, last: acquire.files.files[last][:-50]}
    other = make_mirror(short, miniature.REPO_ID)
    with pytest.raises(CorruptFileError, match=Path(last).name):
        acquire(name, other.url)
    acquire.assert_nothing(name)


def test_a_revision_that_is_gone(acquire: Acquire, make_mirror: Any) -> None:
    files = {**acquire.files.files, ".mirror.json": b'{"revision": "%s"}' % (b"f" * 40)}
    other = make_mirror(files, miniature.REPO_ID)
    with pytest.raises(RemoteFileNotFoundError, match=f"{REVISION}.*RevisionNotFound"):
        acquire(MEDIUM, other.url)
    acquire.assert_nothing(MEDIUM)


@pytest.mark.parametrize("name", KINDS)
def test_a_server_that_is_dead_from_the_start(acquire: Acquire, mirror: Any, name: str) -> None:
    url = mirror.url
    mirror.server.stop()
    with pytest.raises(TransferError, match=url):
        acquire(name, url)
    acquire.assert_nothing(name)


def test_a_server_that_never_answers(acquire: Acquire, mirror: Any) -> None:
    mirror.faults.add(LIST, lambda *_: mirror.faults._released.wait() or 1 / 0, None, ("POST",))
    with pytest.raises(TransferError, match=r"no answer within 0\.2 seconds"):
        acquire(MEDIUM, mirror.url, patience=Patience(2, 0.01, 0.2))


def test_the_next_endpoint_is_asked(acquire: Acquire, mirror: Any, make_mirror: Any) -> None:
    dead = make_mirror({}, miniature.REPO_ID)
    url = dead.url
    dead.server.stop()
    empty = make_mirror({"a.txt": b"a"}, miniature.REPO_ID)
    acquire(MEDIUM, url, empty.url, mirror.url)
    assert acquire.stored(MEDIUM).manifest.origin == "official"


def test_a_mirror_with_some_of_the_files(acquire: Acquire, make_mirror: Any) -> None:
    source = acquire.files.sources[MEDIUM]
    some = {p: data for p, data in acquire.files.files.items() if p != source.files[1].path}
    with pytest.raises(RemoteFileNotFoundError, match="has 1 of 2 files"):
        acquire(MEDIUM, make_mirror(some, miniature.REPO_ID).url)


def test_a_token_is_for_its_own_endpoint_alone(
    acquire: Acquire, mirror: Any, make_mirror: Any
) -> None:
    bare = make_mirror({"a.txt": b"a"}, miniature.REPO_ID)
    endpoints = (Endpoint(bare.url, "secret"), Endpoint(mirror.url))
    acquire(MEDIUM, endpoints=endpoints)
    acquire.stored(MEDIUM)
    assert {request.headers.get("authorization") for request in bare.begun} == {"Bearer secret"}
    assert {request.headers.get("authorization") for request in mirror.begun} == {None}


@pytest.mark.parametrize("what", ["bytes", "SHA-256"])
def test_catalog_and_server_disagree(acquire: Acquire, mirror: Any, what: str) -> None:
    source = acquire.files.sources[MEDIUM]
    change: Any = {"num_bytes": 7} if what == "bytes" else {"sha256": "0" * 64}
    changed = (source.files[0], dataclasses.replace(source.files[1], **change))
    with pytest.raises(CorruptFileError, match=f"the catalog of this package says {what}"):
        acquire(MEDIUM, mirror.url, source=dataclasses.replace(source, files=changed))
    assert not mirror.requests("npz")


def _rewritten(change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Any:
    """An action of :meth:`Faults.add` that changes a listing."""

    def act(request: Request, handler: Handler) -> Response:
        response = handler(request)
        assert isinstance(response.body, bytes)
        body = json.dumps(change(json.loads(response.body))).encode()
        headers = {**response.headers, "Content-Length": str(len(body))}
        return Response(response.status, headers, body)

    return act


def test_hostile_names_in_the_listing_change_nothing(
    acquire: Acquire, mirror: Any, tmp_path: Path
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

    mirror.faults.add(LIST, _rewritten(add), None, ("POST",))
    acquire(MEDIUM, mirror.url)
    acquire.stored(MEDIUM)
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize(
    ("field", "value"), [("size", -1), ("size", 10**15), ("oid", "../../etc/passwd")]
)
def test_hostile_values_in_the_listing(
    acquire: Acquire, mirror: Any, field: str, value: Any
) -> None:
    def change(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for entry in entries:
            if field == "size":
                entry["size"] = value
            else:
                entry["lfs"]["oid"] = value
        return entries

    mirror.faults.add(LIST, _rewritten(change), None, ("POST",))
    if field == "oid":  # as if it named none; the answers to the downloads do
        acquire(MEDIUM, mirror.url)
        assert acquire.stored(MEDIUM).manifest.origin == "official"
        return
    with pytest.raises((CorruptFileError, OSError)):
        acquire(MEDIUM, mirror.url)
    acquire.assert_nothing(MEDIUM)
    assert not mirror.requests("npz")


def _plain(mirror: Any) -> None:
    """Make a mirror a server of files that knows nothing of hashes."""
    mirror.faults.status(LIST, 404, times=None, methods=("POST",))
    mirror.faults.header("npz", ETag=None, X_Linked_Etag=None)


def test_the_first_use_is_trusted_recorded_and_held_against_the_second(
    acquire: Acquire, mirror: Any, make_mirror: Any
) -> None:
    _plain(mirror)
    path = acquire(MEDIUM, mirror.url)
    manifest = acquire.stored(MEDIUM).manifest
    assert manifest.origin == "imported"
    assert {file["hash_from"] for file in manifest.provenance.sources} == {"first use"}
    assert {file["hash_status"] for file in manifest.provenance.sources} == {"unknown"}
    path.unlink()
    changed = miniature.build(acquire.root / "other", small=2)
    victim = acquire.files.sources[MEDIUM].files[0].path
    twin = acquire.files.sources[miniature.EXPERT].files[0].path
    files = {**changed.files, victim: changed.files[twin]}
    other = make_mirror(files, miniature.REPO_ID)
    _plain(other)
    with pytest.raises(CorruptFileError, match="expected the SHA-256") as caught:
        acquire(MEDIUM, other.url)
    assert "source.json holds the SHA-256 of an earlier download" in caught.value.__notes__[-1]
    acquire.assert_nothing(MEDIUM)
    acquire(MEDIUM, mirror.url)
    acquire.stored(MEDIUM)


def test_patience_is_the_policy(acquire: Acquire, mirror: Any) -> None:
    mirror.faults.status("npz", 500, times=None)
    with pytest.raises(TransferError, match="gave up after 2 failures"):
        acquire(MEDIUM, mirror.url, policy=dataclasses.replace(QUICK, attempts=2))
