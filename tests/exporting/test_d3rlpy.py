"""The file that d3rlpy loads, without d3rlpy: ``scripts/readers.sh`` reads it with the real one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.exporting import painted


def test_the_file_is_laid_out_as_d3rlpy_loads_it(exported: Callable[[str], Path]) -> None:
    with h5py.File(exported("d3rlpy") / "dataset.h5") as opened:
        file: Any = opened
        assert file["version"].asstr()[()] == "2.1"
        assert file["num_episodes"][()] == len(painted.LENGTHS)
        columns = file["columns"].asstr()[()].tolist()
        assert columns == ["observations", "actions", "rewards", "terminated"]
        for number, want in enumerate(painted.painted_episodes()):
            frames, actions, rewards, terminated = (
                file[f"{name}_{number}"][()] for name in columns
            )
            steps = len(want)
            assert len(actions) == len(rewards) == steps + want.truncated
            np.testing.assert_array_equal(frames.transpose(0, 2, 3, 1), want.observations)
            np.testing.assert_array_equal(actions[:steps], want.actions, strict=True)
            np.testing.assert_array_equal(rewards[:steps, 0], want.rewards, strict=True)
            assert terminated == want.terminated
