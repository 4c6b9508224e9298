"""Tiny datasets in a data folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.storage import tiny
from vd4rl_data.registry import DATASETS
from vd4rl_data.storage.naming import flat_path


@pytest.fixture(autouse=True)
def tiny_specs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny specs are in the catalog while a test runs."""
    for spec in tiny.SPECS:
        monkeypatch.setitem(DATASETS, spec.name, spec)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test of files that are here asks anybody for others."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def stored(data_dir: Path) -> Path:
    """The complete tiny dataset, in the data folder."""
    path = flat_path(data_dir, tiny.SPEC.name)
    tiny.write(path)
    return path


@pytest.fixture
def parts(data_dir: Path) -> tuple[Path, Path]:
    """The two complete parts of the tiny composite dataset, in the data folder."""
    medium, expert = (flat_path(data_dir, spec.name) for spec in (tiny.MEDIUM, tiny.EXPERT))
    tiny.write(medium, tiny.episodes_of((3, 2)), spec=tiny.MEDIUM)
    tiny.write(expert, tiny.episodes_of((1, 4, 2), start=7), spec=tiny.EXPERT)
    return medium, expert
