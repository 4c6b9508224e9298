"""A server of the miniature repository, quick settings, processes to kill."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from tests.download.authors import miniature
from tests.download.authors.miniature import Miniature
from tests.download.processes import Child, children
from vd4rl_data.download import public_files
from vd4rl_data.download.authors import acquire_dataset
from vd4rl_data.download.client import Endpoint, Patience
from vd4rl_data.download.public_files import PublicSource
from vd4rl_data.download.settings import DownloadSettings
from vd4rl_data.registry import DATASETS
from vd4rl_data.storage import StoredDataset, open_dataset, verify_dataset

IN_FLIGHT = 4096
QUICK = Patience(attempts=4, first_delay=0.01, longest_delay=0.05, longest_wait=5.0, silence=10.0)


@pytest.fixture(autouse=True)
def miniature_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """The miniature ids are in the catalog while a test runs."""
    for name in (*miniature.STORED, miniature.MEDIUM_EXPERT):
        monkeypatch.setitem(DATASETS, name, miniature.spec_of(name))


@pytest.fixture(autouse=True)
def one_reader(shared_readers: Any) -> None:
    """Conversions of this process share their reading processes."""


@pytest.fixture(scope="session")
def repository_files(tmp_path_factory: pytest.TempPathFactory) -> Miniature:
    """What the miniature repository holds."""
    return miniature.build(tmp_path_factory.mktemp("miniature"))


@pytest.fixture
def server(make_hub: Any, repository_files: Miniature) -> Any:
    """A server of the miniature repository."""
    return make_hub(repository_files.files, miniature.REPO_ID, revision=miniature.REVISION)


@pytest.fixture
def hub(server: Any, repository_files: Miniature, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The server, in place of the hub for everything that reads the environment."""
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    sources = repository_files.sources
    monkeypatch.setattr(public_files, "_stored", lambda spec: sources.get(spec.name))
    return server


def settings(*urls: str, **options: Any) -> DownloadSettings:
    """Quick and quiet, with these endpoints."""
    base = DownloadSettings(
        tuple(Endpoint(url) for url in urls), progress=False, in_flight=IN_FLIGHT, patience=QUICK
    )
    return dataclasses.replace(base, **options)


@dataclass
class Acquire:
    """Acquires ids of a miniature, and says what is wrong with a data folder."""

    files: Miniature
    root: Path

    def __call__(self, name: str, *urls: str, **options: Any) -> Path:
        source = options.pop("source", self.files.sources[name])
        return acquire_dataset(
            miniature.spec_of(name), self.root, source=source, settings=settings(*urls, **options)
        )

    def stored(self, name: str) -> StoredDataset:
        """What is in the place of an id: sound, and made of the right episodes."""
        path = self.root / "public" / f"{name}.h5"
        assert verify_dataset(path).problems == ()
        stored = open_dataset(path)
        expected = self.files.episodes[name]
        assert len(stored) == len(expected)
        assert all(map(miniature.same, stored.episodes(), expected))
        leftovers = [
            item.name
            for item in path.parent.iterdir()
            if ".download" in item.name and not item.name.endswith(".lock")
        ]
        assert not leftovers
        return stored

    def assert_nothing(self, name: str) -> None:
        """No file is in the place of an id, not even half of one."""
        assert not list((self.root / "public").glob(f"{name}.h5"))


@pytest.fixture
def acquire(repository_files: Miniature, tmp_path: Path) -> Acquire:
    """Acquires into a fresh data folder."""
    return Acquire(repository_files, tmp_path / "root")


@pytest.fixture
def spawn(acquire: Acquire, tmp_path: Path) -> Iterator[Callable[..., Child]]:
    """Starts processes that acquire: ``spawn(name, url, **settings)``."""
    with children(tmp_path) as start:
        yield lambda name, url, **options: start(
            _acquired, name, acquire.root, acquire.files.sources[name], settings(url, **options)
        )


def _acquired(name: str, root: Path, source: PublicSource, how: DownloadSettings) -> Path:
    miniature.register()
    return acquire_dataset(miniature.spec_of(name), root, source=source, settings=how)


def download_to_cache(server: Any, cache: Path, paths: list[str]) -> None:
    """What the hub's own client does."""
    for path in paths:
        huggingface_hub.hf_hub_download(
            miniature.REPO_ID,
            path,
            repo_type="dataset",
            revision=miniature.REVISION,
            cache_dir=cache,
            endpoint=server.url,
            token=False,
        )
