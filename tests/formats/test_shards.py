"""hdf5 shards: cut episodes, their order, and chunks of any shape."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.formats.reading import read_shards
from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.formats.vd4rl_hdf5.naming import ShardName, shard_order
from vd4rl_data.spec import DatasetSpec

Arrays = dict[str, Any]


def painted_numbers(found: list[Any]) -> list[int]:
    """Which painted episode each one is."""
    return [int(item.episode.observations[0, 0, 0, 1]) for item in found]


def check_frames(item: Any, kit: Any) -> None:
    """Frame t shows t, and every action and reward is the one that was painted for it."""
    number = painted_numbers([item])[0]
    steps = len(item.episode)
    np.testing.assert_array_equal(item.episode.observations[:, 0, 0, 0], np.arange(steps + 1))
    actions = [kit.painted_action(number, t) for t in range(steps)]
    np.testing.assert_array_equal(item.episode.actions, actions)
    rewards = np.float32([kit.painted_reward(number, t + 1) for t in range(steps)])
    np.testing.assert_array_equal(item.episode.rewards, rewards)


def split(kit: Any, folder: Path, arrays: Arrays, bounds: list[int], name: str) -> list[Path]:
    """Write rows [bounds[i], bounds[i + 1]) as shard i."""
    return [
        kit.write_hdf5(folder / name.format(i), arrays, start, stop)
        for i, (start, stop) in enumerate(pairwise(bounds))
    ]


@pytest.mark.parametrize("name", ["{}.hdf5", "{}_walker_walk_medium.hdf5"])
@pytest.mark.parametrize(
    "bounds", [[0, 17, 44], [0, 1, 44], [0, 5, 9, 44], [0, 12, 21, 44], [0, 43, 44], [0, 11, 44]]
)
def test_episodes_cut_by_shards_are_joined(
    bounds: list[int], name: str, kit: Any, spec: DatasetSpec, tmp_path: Path
) -> None:
    arrays = kit.shard_rows([0, 1, 2, 3])
    found = list(read_shards(split(kit, tmp_path, arrays, bounds, name), spec))
    assert painted_numbers(found) == [0, 1, 2, 3]
    cuts = {bound // 11 for bound in bounds if bound % 11}
    for number, item in enumerate(found):
        check_frames(item, kit)
        assert len(item.episode) == kit.steps
        assert item.episode.truncated
        if number in cuts:
            (repair,) = item.repairs
            assert repair.startswith("joined rows ")
        else:
            assert item.repairs == ()


def test_shards_are_read_in_numeric_order(kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    arrays = kit.shard_rows(list(range(12)))
    bounds = [*range(0, 11 * 12, 11), 132]
    bounds[10] += 4  # an episode lies in 9_ and 10_
    found = list(read_shards(split(kit, tmp_path, arrays, bounds, "{}_mixed.hdf5")[::-1], spec))
    assert painted_numbers(found) == list(range(12))
    assert [item.source for item in found][8:] == [f"{i}_mixed.hdf5" for i in (8, 9, 9, 11)]
    assert len(found[10].repairs) == 1


def test_halves_that_do_not_match(kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    """Shard 1 is missing: the head of shard 0 and the tail of shard 2 are not one episode."""
    paths = split(kit, tmp_path, kit.shard_rows([0, 1, 2, 3]), [0, 16, 27, 44], "{}.hdf5")
    found = list(read_shards([paths[0], paths[2]], spec))
    assert painted_numbers(found) == [0, 1, 3]
    for item in found:
        check_frames(item, kit)
    assert [len(item.episode) for item in found] == [10, 4, 10]
    assert found[1].episode.truncated
    assert found[1].repairs == (
        "cut after 5 rows (rows 11 to 15 of 0.hdf5), the end is missing; marked as truncated",
    )
    assert found[2].repairs == (
        "left out rows 0 to 5 of 2.hdf5: an episode without its beginning; rows 11 to 15 of 0.hdf5 "
        "do not match them (expected 11 rows in all, in neighboring shards)",
    )


def test_halves_of_another_length(kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    """Neighbors by name, but together they are longer, or shorter, than an episode."""
    arrays = kit.shard_rows([0, 1])
    for folder, stop, start in [("long", 8, 5), ("short", 5, 8)]:
        (tmp_path / folder).mkdir()
        paths = [
            kit.write_hdf5(tmp_path / folder / "0.hdf5", arrays, 0, stop),
            kit.write_hdf5(tmp_path / folder / "1.hdf5", arrays, start),
        ]
        found = list(read_shards(paths, spec))
        assert [len(item.episode) for item in found] == [stop - 1, 10]
        assert "cut after" in found[0].repairs[0]
        assert "left out" in found[1].repairs[0]


def test_a_cut_at_the_end_of_the_folder(kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    """As a medium_replay set ends that stopped at a number of rows."""
    path = kit.write_hdf5(tmp_path / "shard_1_reward_604.hdf5", kit.shard_rows([0, 1]), 0, 15)
    found = list(read_shards([path], spec))
    assert [len(item.episode) for item in found] == [10, 3]
    check_frames(found[1], kit)
    assert found[0].repairs == ()
    assert "cut after 4 rows" in found[1].repairs[0]


def test_a_folder_that_begins_inside_an_episode(
    kit: Any, spec: DatasetSpec, tmp_path: Path
) -> None:
    path = kit.write_hdf5(tmp_path / "3.hdf5", kit.shard_rows([0, 1]), 4)
    (item,) = read_shards([path], spec)
    check_frames(item, kit)
    assert item.repairs == (
        "left out rows 0 to 6 of 3.hdf5: an episode without its beginning; "
        "no shard before it ends inside an episode",
    )


def test_rows_left_out_at_the_end_are_recorded_too(
    kit: Any, spec: DatasetSpec, tmp_path: Path
) -> None:
    arrays = kit.shard_rows([0, 1])
    first = kit.write_hdf5(tmp_path / "0.hdf5", arrays, 0, 12)
    last = kit.write_hdf5(tmp_path / "7.hdf5", arrays, 14)
    (item,) = read_shards([first, last], spec)
    assert [repair.split(":")[0] for repair in item.repairs] == [
        "left out rows 11 to 11 of 0.hdf5",
        "left out rows 0 to 7 of 7.hdf5",
    ]


def test_no_whole_episode_at_all(kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    path = kit.write_hdf5(tmp_path / "0.hdf5", kit.shard_rows([0]), 3)
    with pytest.raises(DatasetFormatError, match="no episode in any file: left out rows 0 to 7"):
        list(read_shards([path], spec))


def test_a_cut_inside_a_shard(kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    """A FIRST that follows no LAST: the collector was stopped and started again."""
    arrays = kit.shard_rows([0, 1, 2])
    kept = np.r_[0:11, 11:15, 22:33]
    path = kit.write_hdf5(tmp_path / "0.hdf5", {k: v[kept] for k, v in arrays.items()})
    found = list(read_shards([path], spec))
    assert [len(item.episode) for item in found] == [10, 3, 10]
    assert [len(item.repairs) for item in found] == [0, 1, 0]
    for item in found:
        check_frames(item, kit)


def test_termination_is_a_discount_of_zero(kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    """An early end by termination is whole, also in two shards; one by nothing is not."""
    arrays = {key: values[:6].copy() for key, values in kit.shard_rows([0]).items()}
    arrays["step_type"][-1] = 2
    arrays["discount"][-1] = 0.0
    (item,) = read_shards(split(kit, tmp_path, arrays, [0, 4, 6], "{}.hdf5"), spec)
    assert item.episode.terminated
    assert not item.episode.truncated
    assert len(item.episode) == 5


def test_a_discount_of_zero_at_a_cut(kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    """The rows stop without a LAST: that is no termination, so the file contradicts itself."""
    arrays = kit.shard_rows([0, 1])
    arrays["discount"][14] = 0.0
    path = kit.write_hdf5(tmp_path / "0.hdf5", arrays, 0, 15)
    with pytest.raises(DatasetFormatError, match=r"episode from row 11: discount: expected 0 only"):
        list(read_shards([path], spec))


def test_two_open_halves_that_are_too_long(kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    """Neither has an end, and together they are longer than an episode."""
    arrays = kit.shard_rows([0, 1])
    first = kit.write_hdf5(tmp_path / "0.hdf5", arrays, 0, 8)
    second = kit.write_hdf5(tmp_path / "1.hdf5", arrays, 4, 10)
    (item,) = read_shards([first, second], spec)
    assert len(item.episode) == 7
    assert [repair.split(" (")[0][:9] for repair in item.repairs] == ["cut after", "left out "]


def test_series_are_not_mixed(kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    """medium_expert: two series with the same counters, each joined with its own."""
    arrays = kit.shard_rows([0, 1])
    medium = split(kit, tmp_path, arrays, [0, 5, 22], "{}_walker_walk_medium.hdf5")
    expert = split(kit, tmp_path, kit.shard_rows([2, 3]), [0, 6, 22], "{}_walker_walk_expert.hdf5")
    found = list(read_shards([*medium, *expert], spec))
    assert painted_numbers(found) == [2, 3, 0, 1]
    for item in found:
        check_frames(item, kit)
        assert len(item.episode) == kit.steps


@pytest.mark.parametrize(
    ("earlier", "later", "joined"),
    [
        ("0.hdf5", "1.hdf5", True),
        ("9_mixed.hdf5", "10_mixed.hdf5", True),
        ("0000_exported.hdf5", "0001_exported.hdf5", True),
        ("0.hdf5", "2.hdf5", False),
        ("1.hdf5", "0.hdf5", False),
        ("0_medium.hdf5", "1_expert.hdf5", False),
        ("shard_1_reward_521.hdf5", "shard_2_reward_521.hdf5", False),
        ("walker_expert_2.hdf5", "walker_expert_3.hdf5", False),
    ],
)
def test_names(earlier: str, later: str, joined: bool) -> None:
    assert ShardName.parse(later).continues(ShardName.parse(earlier)) is joined


def test_order_of_names() -> None:
    names = ["10_m.hdf5", "9_m.hdf5", "0_e.hdf5", "shard_10_reward_1.hdf5", "shard_9_reward_2.hdf5"]
    assert sorted(names, key=shard_order) == [
        "0_e.hdf5",
        "9_m.hdf5",
        "10_m.hdf5",
        "shard_9_reward_2.hdf5",
        "shard_10_reward_1.hdf5",
    ]


@pytest.mark.parametrize(
    "chunks", [None, (1, 1, 8, 8), (4, 3, 8, 8), (22, 1, 3, 3), (700, 3, 8, 8)]
)
def test_any_chunks(chunks: Any, kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    arrays = kit.shard_rows(list(range(80)))
    path = tmp_path / "0.hdf5"
    with h5py.File(path, "w") as file:
        for key, values in arrays.items():
            file.create_dataset(key, data=values, chunks=chunks if key == "observation" else None)
    found = list(read_shards([path], spec))
    assert painted_numbers(found) == list(range(80))
    for item in found:
        check_frames(item, kit)
