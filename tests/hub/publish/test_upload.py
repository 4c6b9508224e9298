"""Uploading with the hub's own client: what arrives, what is not sent twice, what goes wrong."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hub.publish.conftest import REPO_ID
from tests.hub.publish.fake_hub import READER, WRITER, FakeHub, git_id
from tests.storage import tiny
from vd4rl_data.errors import (
    OfflineError,
    PublishError,
    RemoteAccessError,
    RemoteFileNotFoundError,
    TransferError,
)
from vd4rl_data.hub.publish import Hub, Patience, PreparedRepository, prepare, upload

# The client hands files to its HTTP library in a way that this library no longer likes.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

Tree = Callable[[Path], dict[str, bytes]]
SHARD = f"{tiny.SPEC.name}.packed-00000-of-00002.h5"
QUICK = Hub(patience=Patience(attempts=3, first_delay=0.0))


def test_every_byte_arrives(hub: FakeHub, prepared: PreparedRepository, tree: Tree) -> None:
    told: list[tuple[str, int, int]] = []
    commit = upload(prepared, progress=lambda *news: told.append(news))
    found = hub.content(REPO_ID)
    assert found.pop(".gitattributes")
    assert found == tree(prepared.folder)
    head = hub.repos[REPO_ID].head
    assert commit.revision == head.sha
    assert commit.url == f"{hub.url}/datasets/{REPO_ID}/tree/{head.sha}"
    assert commit.source == f"hf://{REPO_ID}@{head.sha}"
    assert commit.uploaded == len(prepared.files)
    assert head.message == f"Publish {tiny.SPEC.name}"
    assert len(hub.repos[REPO_ID].commits) == 2, "the first is the hub's own; ours is one"
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert told[-1][1:] == (prepared.num_bytes, prepared.num_bytes)


def test_again_sends_nothing(hub: FakeHub, prepared: PreparedRepository) -> None:
    first = upload(prepared)
    hub.seen.clear()
    again = upload(prepared)
    assert again == dataclasses.replace(first, uploaded=0)
    assert {seen.method for seen in hub.seen} == {"GET"}


def test_only_what_changed_is_sent(hub: FakeHub, prepared: PreparedRepository) -> None:
    upload(prepared)
    hub.seen.clear()
    (prepared.folder / "README.md").write_text(prepared.card + "\nMore.\n")
    changed = prepare([prepared.folder / SHARD], prepared.folder, REPO_ID)
    assert upload(changed).uploaded == 1
    assert hub.content(REPO_ID)["README.md"].endswith(b"More.\n")
    assert not hub.requests(origin="store")


def test_killed_upload_goes_on(
    hub: FakeHub, prepared: PreparedRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the store has already is not sent again, although no commit names it."""

    def kill(what: str, done: int, total: int) -> None:
        if what == "upload: commit":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upload(prepared, progress=kill)
    assert len(hub.repos[REPO_ID].commits) == 1
    sent = len(hub.requests(origin="store"))
    assert sent == 4  # two shards, two pictures
    assert upload(prepared).uploaded == len(prepared.files)
    assert len(hub.requests(origin="store")) == sent


def test_old_shards_of_the_same_dataset_go(
    hub: FakeHub, prepared: PreparedRepository, tmp_path: Path, flat: Path
) -> None:
    old = f"{tiny.SPEC.name}.packed-00000-of-00009.h5"
    before = hub.commit(REPO_ID, {old: b"older", "LICENSE": b"words", "notes/a.packed.txt": b"b"})
    with pytest.raises(PublishError, match=rf"already, with other content.*--replace.*{before}"):
        upload(prepared)
    assert hub.repos[REPO_ID].head.sha == before
    done = upload(prepared, replace=True)
    assert (done.replaced, done.previous) == ((tiny.SPEC.name,), before)
    found = hub.content(REPO_ID)
    assert old not in found
    assert (found["LICENSE"], found["notes/a.packed.txt"]) == (b"words", b"b")
    assert set(found) >= {file.path for file in prepared.files}


def test_other_datasets_are_not_left_without_a_card(
    hub: FakeHub, prepared: PreparedRepository
) -> None:
    theirs = {
        f"{tiny.EXPERT.name}.packed-00000-of-00001.h5": b"x",
        f"pictures/{tiny.EXPERT.name}.episodes.png": b"y",
        "pictures/logo.png": b"z",
    }
    hub.commit(REPO_ID, theirs)
    before = hub.repos[REPO_ID].head
    with pytest.raises(PublishError, match=f"{tiny.EXPERT.name}.*--replace"):
        upload(prepared)
    assert hub.repos[REPO_ID].head == before
    assert upload(prepared, replace=True).replaced == (tiny.EXPERT.name,)
    assert not any(tiny.EXPERT.name in path for path in hub.content(REPO_ID))
    assert hub.content(REPO_ID)["pictures/logo.png"] == b"z"


def test_a_dataset_is_added_to_what_was_published(
    hub: FakeHub, prepared: PreparedRepository, tmp_path: Path, flat: Path
) -> None:
    """Nothing is replaced, and only what is new is sent."""
    upload(prepared)
    expert = tmp_path / "data" / f"{tiny.EXPERT.name}.h5"
    tiny.write(expert, tiny.episodes_of((3, 3, 3)), spec=tiny.EXPERT)
    both = prepare([flat, expert], prepared.folder, REPO_ID)
    hub.seen.clear()
    done = upload(both)
    assert (done.replaced, done.previous) == ((), None)
    assert done.uploaded == len(both.files) - len(prepared.files) + 2  # card and Croissant, too
    stored = {seen.path.rpartition("/")[2] for seen in hub.requests(origin="store")}
    assert not stored & {file.sha256 for file in prepared.files}


# --- the token -------------------------------------------------------------------------------


def test_token_goes_to_the_hub_alone(
    hub: FakeHub, prepared: PreparedRepository, caplog: pytest.LogCaptureFixture, tree: Tree
) -> None:
    with caplog.at_level(logging.DEBUG):
        commit = upload(prepared, token=WRITER)
    assert hub.requests(origin="store")
    assert {seen.token for seen in hub.requests(origin="store")} == {None}
    assert {seen.token for seen in hub.requests()} == {WRITER}
    assert WRITER not in caplog.text + repr(commit) + repr(prepared)
    assert not any(WRITER.encode() in content for content in tree(prepared.folder).values())


def test_own_token_is_for_the_own_hub(
    hub: FakeHub, prepared: PreparedRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token of the environment belongs to the endpoint of the environment."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(RemoteAccessError):
        upload(prepared, endpoint=hub.url)
    assert {seen.token for seen in hub.seen} == {None}
    upload(prepared, endpoint=hub.url, token=WRITER)
    assert hub.repos[REPO_ID]


@pytest.mark.parametrize("token", ["hf_wrong", READER])
def test_no_right_to_make_it(token: str, hub: FakeHub, prepared: PreparedRepository) -> None:
    with pytest.raises(RemoteAccessError, match=REPO_ID) as caught:
        upload(prepared, token=token)
    assert token not in str(caught.value)
    assert not hub.repos


def test_no_right_to_write(hub: FakeHub, prepared: PreparedRepository) -> None:
    hub.commit(REPO_ID, {"a": b"b"})
    with pytest.raises(RemoteAccessError, match=r"403.*rights to write here"):
        upload(prepared, token=READER)
    assert len(hub.repos[REPO_ID].commits) == 1


def test_no_token_at_all(
    hub: FakeHub, prepared: PreparedRepository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import huggingface_hub.constants

    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    with pytest.raises(RemoteAccessError, match="HF_TOKEN"):
        upload(prepared)


# --- the repository --------------------------------------------------------------------------


@pytest.mark.parametrize(("private", "expected"), [(None, False), (False, False), (True, True)])
def test_new_repository(
    private: bool | None, expected: bool, hub: FakeHub, prepared: PreparedRepository
) -> None:
    upload(prepared, private=private)
    assert hub.repos[REPO_ID].private is expected


def test_private_data_does_not_go_to_a_public_place(
    hub: FakeHub, prepared: PreparedRepository
) -> None:
    hub.commit(REPO_ID, {"a": b"b"})
    with pytest.raises(PublishError, match="everybody can read it"):
        upload(prepared, private=True)
    assert not hub.objects


def test_not_made_unless_asked(hub: FakeHub, prepared: PreparedRepository) -> None:
    with pytest.raises(RemoteFileNotFoundError, match=REPO_ID):
        upload(prepared, create=False)
    assert not hub.repos


# --- what goes wrong -------------------------------------------------------------------------


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
    with pytest.raises(TransferError, match=r"500 again and again.*the disk is on fire"):
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


def test_git_id() -> None:
    """The hash that git gives a file of these bytes."""
    from vd4rl_data.hub.publish.upload import git_id as ours

    assert ours(b"hello\n") == git_id(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"
