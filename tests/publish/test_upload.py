"""Uploading with the hub's own client: what arrives, what is not sent twice, who may."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.publish.conftest import REPO_ID, SHARD
from tests.publish.fake_hub import READER, WRITER, FakeHub, git_id
from tests.storage import tiny
from vd4rl_data.errors import PublishError, RemoteAccessError, RemoteFileNotFoundError
from vd4rl_data.publish import PreparedRepository, prepare, upload

# The client hands files to its HTTP library in a way that this library no longer likes.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

Tree = Callable[[Path], dict[str, bytes]]


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
    with pytest.raises(PublishError, match=rf"already, with other content.*replace=True.*{before}"):
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
        f"viewer/{tiny.EXPERT.name}.tar": b"v",
        "pictures/logo.png": b"z",
    }
    hub.commit(REPO_ID, theirs)
    before = hub.repos[REPO_ID].head
    with pytest.raises(PublishError, match=f"{tiny.EXPERT.name}.*replace=True"):
        upload(prepared)
    assert hub.repos[REPO_ID].head == before
    assert upload(prepared, replace=True).replaced == (tiny.EXPERT.name,)
    assert not any(tiny.EXPERT.name in path for path in hub.content(REPO_ID))
    assert hub.content(REPO_ID)["pictures/logo.png"] == b"z"


def test_a_dataset_is_added_to_what_was_published(
    hub: FakeHub, prepared: PreparedRepository, flat: Path, expert: Path
) -> None:
    """Nothing is replaced, and only what is new is sent."""
    upload(prepared)
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


def test_git_id() -> None:
    """The hash that git gives a file of these bytes."""
    from vd4rl_data.publish.upload import git_id as ours

    assert ours(b"hello\n") == git_id(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"
