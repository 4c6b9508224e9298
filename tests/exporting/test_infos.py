"""Arrays of ``infos`` where a toolbox has the same columns throughout."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.exporting import painted
from vd4rl_data.dataset import Dataset
from vd4rl_data.exporting import About


def test_lerobot_keeps_them_exactly_and_apart_from_observations(
    exported: Callable[[str], Path],
) -> None:
    folder = exported("lerobot")
    parquet: Any = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(folder / "data").to_pydict()
    listed = parquet.read_table(folder / "meta/episodes").to_pylist()
    start = 0
    for number, want in enumerate(painted.painted_episodes()):
        rows = slice(start, start + len(want))
        states = [*table["infos.physics_state"][rows], listed[number]["final.infos.physics_state"]]
        np.testing.assert_array_equal(states, want.infos["physics_state"])
        assert table["next.infos.success"][rows] == want.infos["success"].tolist()
        start += len(want)
    info = json.loads((folder / "meta/info.json").read_text(encoding="utf-8"))
    kinds = {name: (of["dtype"], of["shape"]) for name, of in info["features"].items()}
    assert kinds["infos.physics_state"] == ("float64", [2])
    assert kinds["next.infos.success"] == ("bool", [1])
    assert [name for name in kinds if name.startswith("observation")] == ["observation.image"]


def test_what_only_some_episodes_have_is_left_out_and_named(
    dataset: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    about = About.of(dataset)
    every = about.infos[0]
    assert sorted(every) == ["physics_state", "success"]
    assert about.common_infos == every
    assert not caplog.records
    some = {"success": every["success"]}
    other = {**some, "physics_state": replace(every["physics_state"], row_shape=(3,)), "more": 0}
    for infos in ([some, every, every], [other, every, every]):
        assert replace(about, infos=infos).common_infos == some
    assert "left out infos/physics_state, which only some" in caplog.messages[0]
    assert "left out infos/more, infos/physics_state, which" in caplog.messages[1]
