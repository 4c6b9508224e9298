"""Short training runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

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


@pytest.fixture
def training(settings: TrainSettings, tmp_path: Path) -> Training:
    """Train with some settings changed, into a folder of the given name."""

    def run(name: str, *, progress: Any = None, start: Any = None, **changes: Any) -> RunFolder:
        changed = dataclasses.replace(settings, **changes)
        return train(changed, tmp_path / name, progress=progress, start=start)

    return run
