"""Short training runs."""

from __future__ import annotations

import dataclasses
import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from collection.sac.kept import read_kept
from collection.sac.run_folder import RunFolder
from collection.sac.settings import TrainSettings
from collection.sac.train import train
from tests.collection.conftest import small_training
from vd4rl_data.spec import DatasetSpec

Training = Callable[..., RunFolder]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def settings(rows: list[DatasetSpec]) -> TrainSettings:
    """Six checkpoints of ten episodes of ten time steps."""
    return small_training(rows[0].task.name, steps=1200)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[TrainSettings], Path]:
    """The folder of a run with these settings; each is trained once and must not be changed."""
    folder = tmp_path_factory.mktemp("trained")

    @functools.cache
    def run(settings: TrainSettings) -> Path:
        path = folder / str(run.cache_info().currsize)
        train(settings, path)
        return path

    return run


@pytest.fixture
def training(
    settings: TrainSettings, trained: Callable[[TrainSettings], Path], tmp_path: Path
) -> Training:
    """Train with some settings changed, into a folder of the given name.

    A run that needs no more than its settings is a copy of one made before, unless ``anew``.
    """

    def run(
        name: str, *, progress: Any = None, start: Any = None, anew: bool = False, **changes: Any
    ) -> RunFolder:
        changed = dataclasses.replace(settings, **changes)
        folder = tmp_path / name
        if progress is None and start is None and not anew and not folder.exists():
            shutil.copytree(trained(changed), folder)
            return RunFolder(folder)
        return train(changed, folder, progress=progress, start=start)

    return run


def take_up_kept(training: Any, folder: Path, name: str, **changes: Any) -> RunFolder:
    """Go on from what was kept, with some settings changed."""
    found = read_kept(folder)
    usual = {
        "start": found,
        "initial_policy": found.sha256,
        "initial_temperature": found.temperature,
        "random_steps": 0,
    }
    return training(name, **{**usual, **changes})
