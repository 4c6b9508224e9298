"""Frames that an algorithm cannot take are refused before data are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from baselines.bench.presets import preset_settings
from baselines.bench.registry import get_algorithm
from baselines.bench.settings import RunSettings
from baselines.bench.training import train
from baselines.errors import InvalidSettingError
from tests.baselines.conftest import CPU, MODEL_BASED

_DATASET = "VD4RL/walker_walk-random-84px-v0"


@pytest.mark.parametrize("name", list(MODEL_BASED))
def test_other_sizes_are_refused_without_the_data(name: str, tmp_path: Path) -> None:
    assert get_algorithm(name).check_size is not None
    hyper, protocol = preset_settings(name, _DATASET, "smoke")
    settings = RunSettings(
        algorithm=name,
        dataset=_DATASET,
        seed=0,
        preset="smoke",
        hyperparameters=hyper,
        protocol=protocol,
    )
    with pytest.raises(InvalidSettingError, match=r"expected 64 or 128 px.*got 84 px"):
        train(settings, tmp_path / "run", CPU, root=tmp_path, source="local")
    assert not list(tmp_path.iterdir())
