"""A published tiny dataset, served by a real hub."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.storage import tiny
from vd4rl_data.download.published import acquire_published
from vd4rl_data.publish import PreparedRepository, prepare, shards
from vd4rl_data.registry import DATASETS

REPO_ID = "lab/pixels"
NAME = tiny.SPEC.name
SOURCE = f"hf://{REPO_ID}"
SIDECAR = f"{NAME}.packed.manifest.json"
SHARDS = [f"{NAME}.packed-0000{number}-of-00002.h5" for number in range(2)]
MakeHub = Callable[..., Any]


def acquire(root: Path, source: str = SOURCE, name: str = NAME, **options: Any) -> Path:
    """Acquire the tiny dataset, quietly."""
    return acquire_published(source, name, root, progress=False, **options)


def installed(root: Path) -> list[Path]:
    """Everything in place below a data folder, but hidden files."""
    return list(root.glob("hf/*/*/*/*/[!.]*"))


@pytest.fixture(autouse=True)
def tiny_specs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny specs are in the catalog, and shards hold two of their episodes at most."""
    for spec in tiny.SPECS:
        monkeypatch.setitem(DATASETS, spec.name, spec)
    monkeypatch.setattr(shards, "_RAW_BYTES", (700,))


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """A flat file of three tiny episodes, and its sidecar."""
    path = tmp_path / "data" / f"{tiny.SPEC.name}.h5"
    tiny.write(path)
    return path


@pytest.fixture(scope="session")
def templates() -> list[PreparedRepository]:
    """The upload folder, once the first test has made it; tests only read it."""
    return []


@pytest.fixture
def prepared(
    tmp_path_factory: pytest.TempPathFactory, flat: Path, templates: list[PreparedRepository]
) -> PreparedRepository:
    """The flat file as two shards in an upload folder."""
    if not templates:
        templates.append(prepare([flat], tmp_path_factory.mktemp("template"), REPO_ID))
    return dataclasses.replace(templates[0])


@pytest.fixture
def files(prepared: PreparedRepository) -> dict[str, bytes]:
    """What is published, by path."""
    return {file.path: (prepared.folder / file.path).read_bytes() for file in prepared.files}


@pytest.fixture
def hub(make_hub: MakeHub, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A hub that serves it, and that the client takes for the hub."""
    running = make_hub(files, REPO_ID)
    monkeypatch.setenv("HF_ENDPOINT", running.url)
    return running
