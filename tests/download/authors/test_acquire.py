"""The real client and a server of the miniature repository: the same episodes come out."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import h5py
import pytest

from tests.download.authors import miniature
from tests.download.authors.conftest import IN_FLIGHT, Acquire, download_to_cache, settings
from tests.download.authors.miniature import MEDIUM, SHARDS, STORED
from vd4rl_data.download.authors import acquire_dataset
from vd4rl_data.download.plan import DownloadPreview, plan_download
from vd4rl_data.download.settings import DownloadSettings
from vd4rl_data.errors import (
    DatasetFormatError,
    DatasetNotFoundError,
    InvalidSourceError,
    OfflineError,
)
from vd4rl_data.formats import export_dataset
from vd4rl_data.importing import Conversion, import_folder
from vd4rl_data.registry import get_dataset_spec


@pytest.mark.parametrize("name", STORED)
def test_the_episodes_are_the_originals(acquire: Acquire, server: Any, name: str) -> None:
    acquire(name, server.url)
    stored = acquire.stored(name)
    manifest = stored.manifest
    assert manifest.origin == "official"
    assert manifest.complete == (name == miniature.SHARDS)
    expected = "catalog" if name == miniature.SHARDS else "server"
    assert {file["hash_from"] for file in manifest.provenance.sources} == {expected}
    repairs = manifest.provenance.repairs
    assert len(repairs) == (1 if name == miniature.BROKEN else 0), repairs
    record = json.loads((stored.path.parent / f"{stored.path.stem}.source.json").read_text())
    assert [file["hash_from"] for file in record["files"]] == [expected] * len(record["files"])
    files = acquire.files.sources[name].files
    assert [file["path"] for file in record["files"]] == [file.path for file in files]
    assert server.bytes_sent("npz") + server.bytes_sent("hdf5") == sum(
        len(acquire.files.files[file.path]) for file in files
    )


@pytest.mark.parametrize("leftover", ["", ".removed"])
@pytest.mark.parametrize("online", [True, False])
def test_what_a_kill_left_goes_with_the_next_call(
    acquire: Acquire, server: Any, leftover: str, online: bool
) -> None:
    path = acquire(MEDIUM, server.url)
    before = len(server.requests())
    folder = path.with_name(f"{path.name}.download{leftover}")
    folder.mkdir()
    (folder / "raw").write_bytes(b"half")
    assert acquire(MEDIUM, *[server.url][:online]) == path
    assert acquire.stored(MEDIUM)
    assert len(server.requests()) == before


@pytest.mark.parametrize("lost", [False, True])
def test_shards_cut_inside_an_episode(
    acquire: Acquire, make_hub: Any, tmp_path: Path, lost: bool
) -> None:
    """Rows are split without regard to episodes, as the authors' tool does; a kill after each.

    Rows that are kept for the next shard may be lost: then the shards before come again.
    """
    episodes = acquire.files.episodes[SHARDS]
    (whole,) = export_dataset(episodes, tmp_path / "whole", "vd4rl-hdf5")
    where = "vd4rl/main/cheetah_run/medium/84px"
    files: dict[str, bytes] = {}
    with h5py.File(whole) as source:
        rows = len(source["action"])
        cuts = [0, 4, 8, 25, rows]  # the second holds a middle alone
        for number, (start, stop) in enumerate(itertools.pairwise(cuts)):
            path = tmp_path / f"{number}_cheetah_run_medium.hdf5"
            with h5py.File(path, "w") as part:
                for key in source:
                    part.create_dataset(key, data=source[key][start:stop], chunks=True)
            files[f"{where}/{path.name}"] = path.read_bytes()
    shards = {path: data for path, data in files.items() if path.endswith("hdf5")}
    table = miniature.table(shards, miniature.EPISODES, known=True)
    server = make_hub(files, miniature.REPO_ID, revision=miniature.REVISION)
    add, calls = Conversion.add, itertools.count()

    def add_one_and_die(*arguments: Any, **options: Any) -> None:
        if next(calls) % 2:  # what was added before is gone from the disk by now
            raise SystemExit("killed")
        add(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Conversion, "add", add_one_and_die)
        for _ in range(len(shards) - 1):
            with pytest.raises(SystemExit, match="killed"):
                acquire(SHARDS, server.url, source=table)
    kept = sorted(acquire.root.rglob("parts/*.npz"), key=lambda path: path.stat().st_mtime_ns)
    if lost:
        kept[0].write_bytes(kept[0].read_bytes()[:100])
    acquire(SHARDS, server.url, source=table)
    stored = acquire.stored(SHARDS)
    assert sum("joined" in repair for repair in stored.manifest.provenance.repairs) == 2
    total, again = sum(map(len, shards.values())), sum(map(len, list(shards.values())[:3]))
    least = total + (again if lost else 0)
    assert least <= server.bytes_sent("hdf5") <= least + len(shards) * IN_FLIGHT
    folder = tmp_path / "folder"
    folder.mkdir()
    for path, data in shards.items():
        (folder / Path(path).name).write_bytes(data)
    imported = import_folder(folder, miniature.spec_of(SHARDS), tmp_path, check_hashes=False)
    assert imported.manifest.content_sha256 == stored.manifest.content_sha256
    assert list(imported.manifest.provenance.repairs) == stored.manifest.provenance.repairs


# --- the client's cache ----------------------------------------------------------------------


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("name", [MEDIUM, SHARDS])
def test_what_the_client_has_is_taken_and_left(
    acquire: Acquire, server: Any, tmp_path: Path, name: str
) -> None:
    cache = tmp_path / "cache"
    paths = [file.path for file in acquire.files.sources[name].files]
    download_to_cache(server, cache, paths[1::2])
    before, sent = _contents(cache), server.bytes_sent(Path(paths[0]).suffix)
    acquire(name, server.url, cache=cache)
    acquire.stored(name)
    assert _contents(cache) == before
    fetched = sum(len(acquire.files.files[path]) for path in paths[0::2])
    assert server.bytes_sent(Path(paths[0]).suffix) - sent == fetched


def test_offline_with_all_in_the_cache(acquire: Acquire, server: Any, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    paths = [file.path for file in acquire.files.sources[MEDIUM].files]
    download_to_cache(server, cache, paths[:1])
    with pytest.raises(OfflineError, match="holds 1 of 2 files"):
        acquire(MEDIUM, cache=cache)
    assert not acquire.root.exists()
    download_to_cache(server, cache, paths)
    count = len(server.requests())
    acquire(MEDIUM, cache=cache)
    assert acquire.stored(MEDIUM).manifest.origin == "official"
    assert len(server.requests()) == count


def test_a_damaged_cache_is_passed_over_and_left(
    acquire: Acquire, server: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = tmp_path / "cache"
    download_to_cache(server, cache, [file.path for file in acquire.files.sources[MEDIUM].files])
    blobs = sorted(path for path in cache.rglob("blobs/*") if path.is_file())
    blobs[0].write_bytes(blobs[0].read_bytes()[:-1] + b"x")
    before = _contents(cache)
    acquire(MEDIUM, server.url, cache=cache)
    acquire.stored(MEDIUM)
    assert _contents(cache) == before
    assert "fetching it" in caplog.text


# --- settings and plans ----------------------------------------------------------------------


def test_settings_are_read_when_they_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1/")
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("VD4RL_ENDPOINTS", "http://127.0.0.1:2, http://127.0.0.1:1,,http://b/hub/")
    found = DownloadSettings.current()
    assert [endpoint.url for endpoint in found.endpoints] == [
        "http://127.0.0.1:1",
        "http://127.0.0.1:2",
        "http://b/hub",
    ]
    assert [endpoint.token for endpoint in found.endpoints] == ["secret", None, None]
    assert found.cache == tmp_path
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    offline = DownloadSettings.current()
    assert not offline.endpoints
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:3")
    assert DownloadSettings.current().endpoints[0].url == "http://127.0.0.1:3"
    monkeypatch.setenv("VD4RL_ENDPOINTS", "ftp://127.0.0.1")
    with pytest.raises(InvalidSourceError, match="VD4RL_ENDPOINTS: expected http or https URLs"):
        DownloadSettings.current()


def test_a_plan_asks_for_sizes_alone_and_writes_nothing(acquire: Acquire, server: Any) -> None:
    def plan(name: str, *urls: str) -> DownloadPreview:
        return plan_download(
            miniature.spec_of(name),
            acquire.root,
            source=acquire.files.sources[name],
            settings=settings(*urls),
        )

    total = sum(len(acquire.files.files[f.path]) for f in acquire.files.sources[MEDIUM].files)
    before = plan(MEDIUM, server.url)
    assert (before.num_bytes, before.problem) == (total, "")
    assert before.needed_bytes > total
    assert before.free_bytes > 0
    assert not acquire.root.exists()
    assert not server.requests("npz")
    url = server.url
    count = len(server.requests())
    assert plan(SHARDS, url).num_bytes == acquire.files.sources[SHARDS].num_bytes
    assert len(server.requests()) == count, "the catalog knows"
    server.stop()
    dead = plan(MEDIUM, url)
    assert dead.num_bytes is None
    assert url in dead.problem


def test_composites_and_unpublished_ids_are_refused(tmp_path: Path) -> None:
    sample = get_dataset_spec("VD4RL/walker_walk-random-sample-64px-v0")
    with pytest.raises(DatasetNotFoundError, match="was never published as files"):
        acquire_dataset(sample, tmp_path)
    composite = get_dataset_spec("VD4RL/walker_walk-medium_expert-64px-v0")
    with pytest.raises(DatasetFormatError, match="is not stored itself"):
        acquire_dataset(composite, tmp_path)
