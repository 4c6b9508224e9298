"""Tiny datasets to publish, and a hub on the loopback interface to publish them on."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest

from tests.publish.fake_hub import WRITER, FakeHub
from tests.publish.fake_server import running
from tests.storage import tiny
from vd4rl_data.publish import PreparedRepository, prepare, shards
from vd4rl_data.registry import DATASETS

REPO_ID = "lab/pixels"
SHARD = f"{tiny.SPEC.name}.packed-00000-of-00002.h5"


@pytest.fixture(autouse=True)
def tiny_specs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny specs are in the catalog, and shards hold two of their episodes at most."""
    for spec in tiny.SPECS:
        monkeypatch.setitem(DATASETS, spec.name, spec)
    monkeypatch.setattr(shards, "_RAW_BYTES", (700,))


@pytest.fixture(autouse=True)
def client_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No token, cache or setting of the person who runs the tests."""
    folder = tmp_path_factory.mktemp("hf_home")
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(folder / "token"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder / "hub"))
    for name in ("HF_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE", "HF_HUB_CACHE", "VD4RL_ENDPOINTS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """A flat file of three tiny episodes, and its sidecar."""
    path = tmp_path / "data" / f"{tiny.SPEC.name}.h5"
    tiny.write(path)
    return path


@pytest.fixture
def expert(tmp_path: Path) -> Path:
    """A flat file of another dataset, beside it."""
    path = tmp_path / "data" / f"{tiny.EXPERT.name}.h5"
    tiny.write(path, tiny.episodes_of((3, 3, 3)), spec=tiny.EXPERT)
    return path


@pytest.fixture(scope="session")
def templates() -> list[PreparedRepository]:
    """The upload folder that tests get copies of, once the first of them has made it."""
    return []


@pytest.fixture
def prepared(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    flat: Path,
    templates: list[PreparedRepository],
) -> PreparedRepository:
    """The flat file as two shards in an upload folder."""
    if not templates:
        templates.append(prepare([flat], tmp_path_factory.mktemp("template"), REPO_ID))
    shutil.copytree(templates[0].folder, tmp_path / "upload")
    return dataclasses.replace(templates[0], folder=tmp_path / "upload")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub that the client takes for its own, with a token that may write."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_TOKEN", WRITER)
    with running(FakeHub()) as fake:
        monkeypatch.setenv("HF_ENDPOINT", fake.url)
        yield fake


@pytest.fixture
def tree() -> Callable[[Path], dict[str, bytes]]:
    """All files below a folder but hidden ones, by relative path."""

    def read(folder: Path) -> dict[str, bytes]:
        paths = (path for path in folder.rglob("*") if path.is_file())
        relative = {path.relative_to(folder): path for path in paths}
        return {
            name.as_posix(): path.read_bytes()
            for name, path in relative.items()
            if not any(part.startswith(".") for part in name.parts)
        }

    return read
