"""What goes wrong while uploading: what is tried again, what is told, what stays whole."""

from __future__ import annotations

import dataclasses

import pytest

from tests.publish.conftest import REPO_ID, SHARD
from tests.publish.fake_hub import WRITER, FakeHub
from vd4rl_data.errors import (
    OfflineError,
    PublishError,
    RemoteAccessError,
    RemoteFileNotFoundError,
    TransferError,
)
from vd4rl_data.publish import Hub, Patience, PreparedRepository, upload

# The client hands files to its HTTP library in a way that this library no longer likes.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

QUICK = Hub(patience=Patience(attempts=3, first_delay=0.0))


@pytest.mark.parametrize("path", ["revision/main", "repos/create", "validate-yaml", "commit/main"])
@pytest.mark.parametrize("statuses", [(500,), (503, 502)])
def test_trouble_that_passes(
    path: str, statuses: tuple[int, ...], hub: FakeHub, prepared: PreparedRepository
) -> None:
    hub.fail(path, *statuses)
    assert upload(prepared, hub=QUICK).revision == hub.repos[REPO_ID].head.sha
    assert not hub.faults, "the fault was met"
    assert len(hub.repos[REPO_ID].commits) == 2


def test_page_of_a_gateway(hub: FakeHub, prepared: PreparedRepository) -> None:
    hub.fail("validate-yaml", 502, says="<html>Bad gateway</html>")
    assert upload(prepared, hub=QUICK).revision == hub.repos[REPO_ID].head.sha
    assert not hub.faults


@pytest.mark.parametrize(
    ("status", "kind", "requests"),
    [(403, RemoteAccessError, 1), (500, TransferError, QUICK.patience.attempts)],
)
def test_trouble_within_the_commit(
    status: int,
    kind: type[Exception],
    requests: int,
    hub: FakeHub,
    prepared: PreparedRepository,
) -> None:
    """Before it commits, it looks again at the repository; patience is not multiplied."""

    def break_down(what: str, done: int, total: int) -> None:
        if what == "upload: commit":
            hub.seen.clear()
            hub.fail("revision/main", *[status] * 20, says="out of order")

    with pytest.raises(kind, match="out of order"):
        upload(prepared, hub=QUICK, progress=break_down)
    assert len(hub.seen) == requests


@pytest.mark.parametrize("path", ["preupload", "objects/batch", "verify"])
def test_trouble_that_the_client_mends(
    path: str, hub: FakeHub, prepared: PreparedRepository
) -> None:
    hub.fail(path, 500)
    assert upload(prepared, hub=QUICK).revision == hub.repos[REPO_ID].head.sha
    assert not hub.faults


def test_trouble_that_stays(hub: FakeHub, prepared: PreparedRepository) -> None:
    hub.fail("commit/main", *[500] * 9, says="the disk is on fire")
    with pytest.raises(TransferError, match=r"gave up after 3.*status 500.*the disk is on fire"):
        upload(prepared, hub=QUICK)
    assert len(hub.faults) == 9 - QUICK.patience.attempts


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("commit/main", 401, RemoteAccessError),
        ("commit/main", 403, RemoteAccessError),
        ("preupload", 403, RemoteAccessError),
        ("objects/batch", 403, RemoteAccessError),
        ("repos/create", 403, RemoteAccessError),
        ("commit/main", 409, PublishError),
        ("commit/main", 412, PublishError),
        ("commit/main", 413, PublishError),
        ("preupload", 404, RemoteFileNotFoundError),
    ],
)
def test_refusals_are_not_repeated(
    path: str, status: int, kind: type[Exception], hub: FakeHub, prepared: PreparedRepository
) -> None:
    hub.fail(path, status, says="because")
    with pytest.raises(kind, match=rf"{status}.*because") as caught:
        upload(prepared, hub=QUICK)
    assert REPO_ID in str(caught.value)
    assert len(hub.requests(path)) == 1


def test_store_refuses(hub: FakeHub, prepared: PreparedRepository) -> None:
    sha256 = next(file.sha256 for file in prepared.files if file.path == SHARD)
    hub.fail(sha256, 403, says="expired")
    with pytest.raises(RemoteAccessError, match=f"sending {SHARD}.*403"):
        upload(prepared, hub=QUICK)


def test_somebody_else_commits_meanwhile(hub: FakeHub, prepared: PreparedRepository) -> None:
    hub.before_commit = lambda: hub.commit(REPO_ID, {"other": b"work"})
    with pytest.raises(PublishError, match="someone else meanwhile"):
        upload(prepared)
    assert hub.content(REPO_ID)["other"] == b"work"
    upload(prepared)
    assert hub.content(REPO_ID)["other"] == b"work"


def test_lost_answer_makes_no_second_commit(hub: FakeHub, prepared: PreparedRepository) -> None:
    """The commit is made, its answer is lost: the repeated one finds it done."""
    answer = hub.answer

    def lossy(seen, body):
        status, content, headers = answer(seen, body)
        if "commit/main" in seen.path and status == 200:
            return 502, {"error": "bad gateway"}, {}
        return status, content, headers

    hub.answer = lossy
    commit = upload(prepared, hub=QUICK)
    assert commit.revision == hub.repos[REPO_ID].head.sha
    assert len(hub.repos[REPO_ID].commits) == 2


def test_hidden_by_a_gitignore(hub: FakeHub, prepared: PreparedRepository) -> None:
    hub.ignored.add(SHARD)
    with pytest.raises(TransferError, match="gitignore"):
        upload(prepared)


def test_file_changed_since(hub: FakeHub, prepared: PreparedRepository) -> None:
    path = prepared.folder / SHARD
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(PublishError, match="changed after it was prepared"):
        upload(prepared)
    assert len(hub.repos[REPO_ID].commits) == 1


def test_file_gone(hub: FakeHub, prepared: PreparedRepository) -> None:
    (prepared.folder / SHARD).unlink()
    with pytest.raises(PublishError, match="changed after it was prepared"):
        upload(prepared)


def test_offline(
    hub: FakeHub, prepared: PreparedRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(OfflineError, match="HF_HUB_OFFLINE"):
        upload(prepared)
    assert not hub.seen


def test_no_server(prepared: PreparedRepository, hub: FakeHub) -> None:
    """Nothing listens at port 9 of this machine."""
    nobody = dataclasses.replace(QUICK, endpoint="http://127.0.0.1:9", token=WRITER)
    with pytest.raises(TransferError, match=r"127\.0\.0\.1:9"):
        upload(prepared, hub=nobody)
