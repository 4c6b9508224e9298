"""The painted dataset, exported once for each target."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.exporting import painted
from vd4rl_data.dataset import Dataset, load_dataset
from vd4rl_data.exporting import export, find_target


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The painted dataset, opened."""
    return load_dataset(painted.write_painted(tmp_path_factory.mktemp("painted") / "painted.h5"))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What was painted, as plain arrays."""
    return np.load(painted.save_expected(tmp_path_factory.mktemp("expected") / "expected.npz"))


@pytest.fixture(scope="module")
def exported(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Target → the folder of its export."""
    folder, made = tmp_path_factory.mktemp("exported"), dict[str, Path]()

    def get(name: str) -> Path:
        for module in find_target(name).modules:
            pytest.importorskip(module)
        if name not in made:
            made[name] = export(dataset, name, folder / name).folder
        return made[name]

    return get
