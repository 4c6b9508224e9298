"""Tiny datasets on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.storage import tiny
from vd4rl_data.registry import DATASETS
from vd4rl_data.storage import pack
from vd4rl_data.storage.naming import sidecar_path


@pytest.fixture(autouse=True)
def tiny_specs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny specs are in the catalog while a test runs."""
    for spec in tiny.SPECS:
        monkeypatch.setitem(DATASETS, spec.name, spec)


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """A flat file of three tiny episodes, and its sidecar."""
    path = tmp_path / "flat" / "tiny.h5"
    tiny.write(path)
    return path


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """The first of two shards of the same three episodes, with their sidecar."""
    path = tmp_path / "unpacked" / "tiny.h5"
    tiny.write(path)
    return pack(path, tmp_path / "packed", shard_raw_bytes=700)[0]


@pytest.fixture(params=["flat", "packed"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file of either layout, without a sidecar, so that only the file itself can tell."""
    path = tmp_path / f"{request.param}.h5"
    tiny.write(path, layout=request.param)
    sidecar_path(path).unlink()
    return path


@pytest.fixture
def flat_file(tmp_path: Path) -> Path:
    """A flat file without a sidecar."""
    path = tmp_path / "flat.h5"
    tiny.write(path)
    sidecar_path(path).unlink()
    return path
