"""``load_dataset``: what is here, else the authors' files, else an error that says what to do."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any

import gymnasium
import pytest

import vd4rl_data
from tests.download.authors import miniature
from tests.download.authors.miniature import (
    BROKEN,
    EXPERT,
    MEDIUM,
    MEDIUM_EXPERT,
    RANDOM,
    Miniature,
)
from vd4rl_data.dataset import find_local
from vd4rl_data.download import client, public_files
from vd4rl_data.envs.offline import OfflineDataset
from vd4rl_data.errors import (
    DatasetNotFoundError,
    DatasetUnavailableError,
    OutputExistsError,
    TransferError,
)
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.storage import Provenance, write_dataset
from vd4rl_data.storage.naming import flat_path, public_path


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a server that is not there."""
    monkeypatch.setattr(client.time, "sleep", lambda seconds: None)


def _put(root: Path, name: str, count: int, origin: str) -> Path:
    """A file of other episodes at the id's own place."""
    path = flat_path(root, name)
    episodes = miniature.originals(name, count, seed=1)
    lengths = [miniature.STEPS] * count
    provenance = Provenance(origin)
    write_dataset(path, get_dataset_spec(name), episodes, lengths, provenance, replace=True)
    return path


def test_the_first_load_fetches_and_the_second_asks_nobody(
    hub: Any,
    repository_files: Miniature,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, logger="vd4rl_data"):
        first = vd4rl_data.load_dataset(MEDIUM)
    assert all(map(miniature.same, first, repository_files.episodes[MEDIUM]))
    assert (len(first), first.complete, first.manifest.origin) == (2, False, "official")
    assert first.paths == (public_path(data_dir, MEDIUM),)
    said = [record.getMessage() for record in caplog.records]
    assert any("not here; asking for the authors' public files" in line for line in said)
    (warning,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert "2 of 4 episodes, all that the authors' public files hold" in warning
    hub.stop()
    count = len(hub.requests())
    monkeypatch.setattr(client, "opened", pytest.fail)
    monkeypatch.setattr(client, "endpoint_of", pytest.fail)
    assert vd4rl_data.load_dataset(MEDIUM).paths == first.paths
    wrapped = OfflineDataset(gymnasium.Env(), MEDIUM)
    assert wrapped.get_dataset()["observations"].shape == (22, 8, 8, 3)
    assert len(hub.requests()) == count


def test_a_composite_fetches_its_parts_once(
    hub: Any, repository_files: Miniature, data_dir: Path
) -> None:
    dataset = vd4rl_data.load_dataset(MEDIUM_EXPERT)
    expected = [*repository_files.episodes[MEDIUM], *repository_files.episodes[EXPERT]]
    assert all(map(miniature.same, dataset, expected))
    assert dataset.paths == tuple(public_path(data_dir, name) for name in (MEDIUM, EXPERT))
    count = len(hub.requests())
    own = vd4rl_data.load_dataset(MEDIUM_EXPERT, materialize=True)
    assert own.paths == (flat_path(data_dir, MEDIUM_EXPERT),)
    assert vd4rl_data.load_dataset(MEDIUM_EXPERT).paths == own.paths
    assert vd4rl_data.load_dataset(EXPERT).paths == dataset.paths[1:]
    assert len(hub.requests()) == count


@pytest.mark.parametrize("origin", ["regenerated", "sample", "imported"])
def test_a_short_file_of_the_user_is_neither_taken_nor_touched(
    hub: Any, data_dir: Path, origin: str
) -> None:
    mine = _put(data_dir, MEDIUM, 3, origin)
    before = mine.read_bytes()
    assert vd4rl_data.load_dataset(MEDIUM).paths == (public_path(data_dir, MEDIUM),)
    assert vd4rl_data.load_dataset(MEDIUM, source="local").paths == (mine,)
    assert mine.read_bytes() == before


def test_complete_files_come_before_the_public_ones(hub: Any, data_dir: Path) -> None:
    vd4rl_data.load_dataset(MEDIUM)
    for origin in ("regenerated", "imported"):
        mine = _put(data_dir, MEDIUM, 4, origin)
        assert vd4rl_data.load_dataset(MEDIUM).paths == (mine,)
    assert len(list(find_local(get_dataset_spec(MEDIUM)))) == 2


def test_root_is_where_it_is_put(hub: Any, data_dir: Path, tmp_path: Path) -> None:
    dataset = vd4rl_data.load_dataset(BROKEN, root=tmp_path)
    assert dataset.paths == (public_path(tmp_path, BROKEN),)
    assert not list(data_dir.iterdir())


def test_local_never_asks(hub: Any) -> None:
    with pytest.raises(DatasetNotFoundError, match=f"vd4rl download {MEDIUM}"):
        vd4rl_data.load_dataset(MEDIUM, source="local")
    assert not hub.begun


def test_an_id_that_was_never_published_asks_nobody(
    hub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public_files, "_stored", lambda spec: None)
    with pytest.raises(DatasetNotFoundError) as caught:
        vd4rl_data.load_dataset(MEDIUM)
    assert not isinstance(caught.value, TransferError)
    assert f"vd4rl import FOLDER --id {MEDIUM}" in str(caught.value)
    assert "vd4rl download" not in str(caught.value)
    assert not hub.begun


@pytest.mark.parametrize("trouble", ["offline", "dead", "gone"])
def test_the_error_says_what_failed_and_what_to_do(
    hub: Any, data_dir: Path, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = hub.url
    if trouble == "offline":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    elif trouble == "dead":
        hub.stop()
    else:
        hub.status("", 404, times=None)
    with pytest.raises(DatasetUnavailableError) as caught:
        vd4rl_data.load_dataset(RANDOM)
    text = str(caught.value)
    assert isinstance(caught.value, FileNotFoundError)
    assert {"offline": "HF_HUB_OFFLINE", "dead": url, "gone": "does not exist"}[trouble] in text
    assert f"    vd4rl download {RANDOM}" in text
    assert f"    python -m collection collect {RANDOM}" in text
    assert f"    vd4rl import FOLDER --id {RANDOM}" in text
    assert not list(data_dir.rglob("*.h5"))


def test_an_old_download_of_other_files_is_named_and_kept(
    hub: Any, repository_files: Miniature, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = vd4rl_data.load_dataset(MEDIUM).paths[0]
    other = dataclasses.replace(repository_files.sources[MEDIUM], revision="f" * 40)
    monkeypatch.setattr(public_files, "_stored", lambda spec: other)
    with pytest.raises(OutputExistsError, match=f"vd4rl cache rm {MEDIUM}"):
        vd4rl_data.load_dataset(MEDIUM)
    assert path.is_file()
