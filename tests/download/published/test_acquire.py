"""Published datasets: listed, fetched, verified, kept apart from the benchmark's own."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.download.published.conftest import (
    NAME,
    REPO_ID,
    SHARDS,
    SIDECAR,
    SOURCE,
    MakeHub,
    acquire,
    installed,
)
from tests.storage import tiny
from vd4rl_data.dataset import Dataset, load_dataset
from vd4rl_data.download import client
from vd4rl_data.download import published as acquiring
from vd4rl_data.errors import (
    CorruptFileError,
    DatasetNotFoundError,
    InvalidIdError,
    NoSpaceError,
    OfflineError,
    RemoteFileNotFoundError,
    TransferError,
    UnknownDatasetError,
)
from vd4rl_data.publish import PreparedRepository

# --- acquiring -------------------------------------------------------------------------------


def test_acquired_file_is_the_published_one(hub: Any, flat: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    path = acquire(root)
    revision = hub.revision
    assert path == root / "hf" / "lab" / "pixels" / revision / f"{NAME}.h5"
    assert path.read_bytes() == flat.read_bytes()
    assert not list(path.parent.rglob("*.packed-*")), "downloads are gone"
    assert sorted(item.name for item in installed(root)) == [
        f"{path.stem}.{end}" for end in ("h5", "manifest.json", "source.json")
    ]
    record = json.loads((path.parent / f"{path.stem}.source.json").read_text())
    assert record["source"] == f"{SOURCE}@{revision}"
    assert [file["path"] for file in record["files"]] == SHARDS


def test_second_call_with_a_commit_asks_nobody(
    hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the hub's client is loaded."""
    source = f"{SOURCE}@{hub.revision}"
    first = acquire(tmp_path, source)
    monkeypatch.setattr(acquiring, "is_offline", pytest.fail)
    monkeypatch.setattr(acquiring, "endpoint_of", pytest.fail)
    hub.stop()
    before = len(hub.begun)
    assert acquire(tmp_path, source) == first
    assert len(hub.begun) == before


def test_second_call_with_a_branch_fetches_nothing(hub: Any, tmp_path: Path) -> None:
    first = acquire(tmp_path)
    before = hub.bytes_sent(".h5")
    count = len(hub.requests())
    assert acquire(tmp_path) == first
    assert hub.bytes_sent(".h5") == before
    assert [exchange.path for exchange in hub.requests()[count:]] == [
        f"/api/datasets/{REPO_ID}/revision/main"
    ]


def test_new_commit_goes_beside_the_old(
    hub: Any, make_hub: MakeHub, files: dict[str, bytes], tmp_path: Path
) -> None:
    old = acquire(tmp_path)
    later = make_hub({**files, "README.md": b"other words"}, REPO_ID)
    new = acquire(tmp_path, endpoint=later.url)
    assert new != old
    assert new.read_bytes() == old.read_bytes()


def test_never_taken_for_the_benchmark(hub: Any, data_dir: Path) -> None:
    """Neither ``auto`` nor ``local`` looks where a third party's file lies; its path works."""
    path = acquire(data_dir)
    for source in ("auto", "local"):
        with pytest.raises(DatasetNotFoundError):
            load_dataset(NAME, source=source)
    assert len(load_dataset(path)) == 3


@pytest.mark.filterwarnings("ignore::vd4rl_data.errors.ShortEpisodesWarning")
def test_code_of_the_card_runs(hub: Any, prepared: PreparedRepository, data_dir: Path) -> None:
    blocks = re.findall(r"```python\n(.+?)```", prepared.card, re.DOTALL)
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)
    assert isinstance(names["dataset"], Dataset)
    assert names["dataset"].spec == tiny.SPEC
    assert len(names["dataset"]) == 3
    assert list(data_dir.glob(f"hf/lab/pixels/*/{NAME}.h5"))


def test_what_a_stranger_published_is_materialized_where_only_that_source_looks(
    make_hub: MakeHub, tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vd4rl_data.publish import prepare

    name = tiny.MEDIUM_EXPERT.name
    claimed = dataclasses.replace(tiny.PROVENANCE, origin="official")
    paths = []
    for spec, lengths in {tiny.MEDIUM: (3, 3), tiny.EXPERT: (3, 3, 3)}.items():
        paths.append(tmp_path / f"{spec.name}.h5")
        tiny.write(paths[-1], tiny.episodes_of(lengths), spec=spec, provenance=claimed)
    prepared = prepare(paths, tmp_path / "upload", REPO_ID)
    content = {file.path: (prepared.folder / file.path).read_bytes() for file in prepared.files}
    monkeypatch.setenv("HF_ENDPOINT", make_hub(content, REPO_ID).url)
    lazy = load_dataset(name, source=SOURCE)
    dataset = load_dataset(name, source=SOURCE, materialize=True)
    (path,) = dataset.paths
    assert path.parent == lazy.paths[0].parent
    assert (data_dir / "hf") in path.parents
    recipe = dataset.manifest.provenance.recipe
    commit = path.parts[-3]
    assert [part["fetched_from"] for part in recipe["composed_of"]] == [f"{SOURCE}@{commit}"] * 2
    assert all(tiny.same(a, b) for a, b in zip(dataset, lazy, strict=True))
    written = path.stat().st_mtime_ns
    assert load_dataset(name, source=SOURCE, materialize=True).paths == (path,)
    assert path.stat().st_mtime_ns == written
    for source in ("auto", "local"):
        with pytest.raises(DatasetNotFoundError):
            load_dataset(name, source=source)


def test_two_at_once_fetch_once(hub: Any, files: dict[str, bytes], tmp_path: Path) -> None:
    hub.slow(SHARDS[0], piece=4000, seconds=0.05)
    paths: list[Path] = []
    threads = [threading.Thread(target=lambda: paths.append(acquire(tmp_path))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(paths) == 2
    assert paths[0] == paths[1]
    for shard in SHARDS:
        assert hub.bytes_sent(shard) == len(files[shard])


@pytest.mark.parametrize("step", ["unpack", "verify_dataset", "_install"])
def test_killed_and_asked_again(
    step: str, hub: Any, files: dict[str, bytes], flat: Path, tmp_path: Path
) -> None:
    """Whatever was going on when it ended: no file is there, and nothing is fetched twice."""

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(acquiring, step, die)
        with pytest.raises(KeyboardInterrupt):
            acquire(tmp_path)
    assert not installed(tmp_path)
    assert acquire(tmp_path).read_bytes() == flat.read_bytes()
    for shard in SHARDS:
        assert hub.bytes_sent(shard) == len(files[shard])


# --- offline ---------------------------------------------------------------------------------


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Forbid the network from now on, the way its users do."""
    return lambda: monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_offline_branch_means_what_it_meant(
    hub: Any, tmp_path: Path, offline: Callable[[], None]
) -> None:
    path = acquire(tmp_path)
    count = len(hub.requests())
    offline()
    assert acquire(tmp_path) == path
    assert acquire(tmp_path, f"{SOURCE}@{path.parts[-3]}") == path
    assert len(hub.requests()) == count


def test_offline_and_not_here(hub: Any, tmp_path: Path, offline: Callable[[], None]) -> None:
    revision = hub.revision
    count = len(hub.requests())
    offline()
    with pytest.raises(OfflineError, match="never looked up"):
        acquire(tmp_path)
    with pytest.raises(OfflineError, match="must not be used"):
        acquire(tmp_path, f"{SOURCE}@{revision}")
    assert len(hub.requests()) == count


def test_without_a_network_a_branch_means_what_it_meant(
    hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody set it offline; there is just no answer. What is here is taken, and said."""
    path = acquire(tmp_path)
    monkeypatch.setattr(client.time, "sleep", lambda seconds: None)
    hub.stop()
    assert acquire(tmp_path) == path
    assert f"so {SOURCE}@main means {path.parts[-3]} as before" in caplog.text
    with pytest.raises(TransferError):
        acquire(tmp_path, f"{SOURCE}@v1")


def test_a_repository_that_is_gone_is_not_taken_from_memory(
    hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acquire(tmp_path)
    hub.status("revision/main", 404, times=None)
    with pytest.raises(RemoteFileNotFoundError):
        acquire(tmp_path)


# --- what goes wrong -------------------------------------------------------------------------


def test_unknown_names(hub: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidIdError):
        acquire(tmp_path, name="walker")
    with pytest.raises(UnknownDatasetError):
        acquire(tmp_path, name="Tiny/dot_leap-expert-4px-v0")
    with pytest.raises(DatasetNotFoundError, match=f"has no {tiny.EXPERT.name}; it has {NAME}"):
        acquire(tmp_path, name=tiny.EXPERT.name)


@pytest.mark.parametrize("source", ["hf://lab/other", f"{SOURCE}@v9", f"{SOURCE}@{'0' * 40}"])
def test_no_such_repository_or_revision(source: str, hub: Any, tmp_path: Path) -> None:
    with pytest.raises(RemoteFileNotFoundError, match=source.removeprefix("hf://").split("@")[0]):
        acquire(tmp_path, source)


def test_token_of_the_environment(
    make_hub: MakeHub,
    files: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It opens the environment's own endpoint, and no other gets to see it."""
    own = make_hub(files, REPO_ID, token="hf_secret")
    other = make_hub(files, REPO_ID)
    monkeypatch.setenv("HF_ENDPOINT", own.url)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert acquire(tmp_path / "own").is_file()
    assert acquire(tmp_path / "other", endpoint=other.url).is_file()
    assert {request.headers.get("authorization") for request in other.begun} == {None}
    assert {request.headers.get("authorization") for request in own.begun} == {"Bearer hf_secret"}


def test_no_room_is_told_before_anything_is_fetched(
    hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes]
) -> None:
    """Shards and flat file together: half of them does not do."""
    size = sum(len(files[shard]) for shard in SHARDS)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=size + 100))
    with pytest.raises(NoSpaceError, match="are free"):
        acquire(tmp_path)
    assert not hub.requests(".h5")
    monkeypatch.undo()


def test_wrong_sidecar_on_the_way(hub: Any, tmp_path: Path) -> None:
    """A small text has no SHA-256 in the hub's list, but git's own hash."""
    hub.corrupt(SIDECAR, at=40, times=None)
    with pytest.raises(
        CorruptFileError, match=r"json: expected the content with the hash [0-9a-f]{40}"
    ):
        acquire(tmp_path)
