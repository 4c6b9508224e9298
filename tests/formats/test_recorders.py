"""Files of recorders other than the published ones: what a dataset needs of them, and no more."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.formats.reading import read_episode, read_shards
from tests.tasks import NAMES
from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.formats import ReadEpisode
from vd4rl_data.registry import TASKS
from vd4rl_data.spec import DatasetSpec

Arrays = dict[str, Any]
Layout = tuple[tuple[str, int], ...]
Read = Callable[[Arrays], list[ReadEpisode]]

IGNORED_BY_THE_DRIVER = ("orientations", "height", "velocity")
"""What the published collecting driver drops of every domain's proprioception."""

NPZ_KEYS = ("image", "action", "reward", "discount", "is_first", "is_last", "is_terminal")
HDF5_KEYS = ("observation", "action", "reward", "discount", "step_type")


@pytest.fixture(params=["npz", "hdf5"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def arrays(kind: str, kit: Any) -> Arrays:
    """An episode whose actions and rewards any type of float holds: multiples of 1/32."""
    found = kit.converted() if kind == "npz" else kit.shard_rows([0])
    for key in ("action", "reward"):
        found[key] = np.round(np.asarray(found[key], np.float64) * 32) / 32
    found["action"] = found["action"].astype(np.float32)
    found["image" if kind == "npz" else "observation"] //= 2  # any integer holds them
    return found


@pytest.fixture
def read(kind: str, kit: Any, spec: DatasetSpec, tmp_path: Path) -> Read:
    def call(arrays: Arrays) -> list[ReadEpisode]:
        if kind == "npz":
            return [read_episode(kit.write_npz(tmp_path / "0.npz", arrays), spec)]
        return list(read_shards([kit.write_hdf5(tmp_path / "0.hdf5", arrays)], spec))

    return call


def _same(left: ReadEpisode, right: ReadEpisode) -> bool:
    fields = ("observations", "actions", "rewards", "discounts")
    pairs = [(getattr(left.episode, name), getattr(right.episode, name)) for name in fields]
    ends = [(one.episode.terminated, one.episode.truncated) for one in (left, right)]
    return ends[0] == ends[1] and all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs)


# ---- converted without loss ----


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", ">f4", ">f8", "int8", "int16", "int64", ">i4"]
)
@pytest.mark.parametrize("place", range(len(NPZ_KEYS)))
def test_any_type_that_holds_the_values(
    place: int, dtype: str, kind: str, arrays: Arrays, read: Read
) -> None:
    keys = NPZ_KEYS if kind == "npz" else HDF5_KEYS
    key = keys[place % len(keys)]
    expected = read(arrays)
    if key in ("action", "reward") and np.dtype(dtype).kind == "i":
        arrays[key] = np.round(arrays[key])
        expected = read({**arrays, "action": np.float32(arrays["action"])})
    arrays[key] = arrays[key].astype(dtype)
    (found,) = read(arrays)
    assert found.repairs == expected[0].repairs == ()
    assert _same(found, expected[0])


def test_actions_of_the_published_gatherer_today(arrays: Arrays, read: Read, kit: Any) -> None:
    """float64 that hold float32 values, also those that have no short decimal form."""
    single = np.random.default_rng(0).uniform(-1, 1, arrays["action"].shape).astype(np.float32)
    single[0] = 0
    (found,) = read({**arrays, "action": single.astype(np.float64)})
    np.testing.assert_array_equal(found.episode.actions, single[1:])


@pytest.mark.parametrize("key", ["reward", "discount", "action", "is_first", "step_type"])
def test_sides_of_length_one(key: str, arrays: Arrays, read: Read) -> None:
    expected = read(arrays)
    if key in arrays:
        arrays[key] = arrays[key][:, None]
    assert _same(read(arrays)[0], expected[0])


def test_channels_first_or_last(arrays: Arrays, kind: str, read: Read) -> None:
    expected = read(arrays)
    key, axes = ("image", (0, 3, 1, 2)) if kind == "npz" else ("observation", (0, 2, 3, 1))
    arrays[key] = arrays[key].transpose(axes)
    assert _same(read(arrays)[0], expected[0])


@pytest.mark.parametrize(
    ("key", "dtype", "value", "message"),
    [
        ("action", "float64", 0.1, "float32 holds exactly, got float64 0.1 at row 4"),
        ("action", "int64", 2**24 + 1, "float32 holds exactly, got int64 16777217 at row 4"),
        ("reward", "int64", 2**53 + 1, "float64 holds exactly, got int64 9007199254740993 at row"),
        ("image", "float64", 0.5, "whole numbers from 0 to 255, got float64 0.5 at row 4"),
        ("image", "int16", 256, "whole numbers from 0 to 255, got int16 256 at row 4"),
        ("image", "int16", -1, "whole numbers from 0 to 255, got int16 -1 at row 4"),
        ("image", "float32", np.nan, "whole numbers from 0 to 255, got float32 nan at row 4"),
        ("is_last", "int64", 2, "true or false, or 0 or 1, got int64 2 at row 4"),
    ],
)
def test_what_would_change_a_value_is_refused(
    key: str, dtype: str, value: float, message: str, arrays: Arrays, kind: str, read: Read
) -> None:
    if kind == "hdf5":
        key = {"image": "observation", "is_last": "reward"}.get(key, key)
        if key == "reward" and "true" in message:
            return
    arrays[key] = arrays[key].astype(dtype)
    arrays[key][4] = value
    with pytest.raises(DatasetFormatError, match=rf"0\.{kind}: {key}: expected .*{message}"):
        read(arrays)


def test_rounding_is_the_cure_that_the_message_names(arrays: Arrays, read: Read) -> None:
    arrays["action"] = arrays["action"].astype(np.float64)
    arrays["action"][1:] += 1e-9
    with pytest.raises(DatasetFormatError, match="round the values first if that is meant"):
        read(arrays)
    arrays["action"] = arrays["action"].astype(np.float32)
    assert len(read(arrays)) == 1


# ---- left out, with a line ----


def test_arrays_that_no_dataset_has(arrays: Arrays, read: Read) -> None:
    expected = read(arrays)
    (found,) = read({**arrays, "zeta": np.zeros(3), "log_prob": np.zeros((11, 2))})
    assert found.repairs == tuple(
        f"left out the unknown array {key!r}" for key in ("log_prob", "zeta")
    )
    assert _same(found, expected[0])


def test_no_discount(arrays: Arrays, read: Read) -> None:
    expected = read(arrays)
    for key in ("discount", "is_terminal"):
        arrays.pop(key, None)
    (found,) = read(arrays)
    assert found.repairs == ("no discount: taken for 1 throughout, so no episode terminates",)
    assert _same(found, expected[0])


def test_a_line_is_kept_where_the_rows_beside_it_are_left_out(
    kit: Any, spec: DatasetSpec, tmp_path: Path
) -> None:
    arrays = {**kit.shard_rows([0, 1]), "extra": np.zeros(22)}
    path = kit.write_hdf5(tmp_path / "0.hdf5", arrays, 4)
    (item,) = read_shards([path], spec)
    assert [repair.split(":")[0] for repair in item.repairs] == [
        "left out the unknown array 'extra'",
        "left out rows 0 to 6 of 0.hdf5",
    ]


def _state(layout: Layout, rows: int) -> Arrays:
    rng = np.random.default_rng(0)
    return {
        key: rng.random((rows, columns) if columns > 1 else rows, dtype=np.float32)
        for key, columns in layout
    }


@pytest.mark.parametrize("name", [name for name in NAMES if TASKS[name].state_layout])
def test_the_published_driver_records_part_of_the_proprioception(
    name: str, kit: Any, spec: DatasetSpec, tmp_path: Path
) -> None:
    task = dataclasses.replace(TASKS[name], horizon=20, action_repeat=2)
    spec = spec.with_environments(lambda place: dataclasses.replace(place, task=task))
    arrays = kit.recorded()
    for key in ("orientations", "height", "velocity"):
        del arrays[key]
    arrays["action"] = np.zeros((11, task.action_size), np.float32)
    path, layout = tmp_path / "0.npz", task.state_layout
    whole = read_episode(kit.write_npz(path, {**arrays, **_state(layout, 11)}), spec)
    assert whole.repairs == ()
    assert whole.episode.infos["state"].shape == (11, sum(columns for _, columns in layout))
    kept = tuple(item for item in layout if item[0] not in IGNORED_BY_THE_DRIVER)
    found = read_episode(kit.write_npz(path, {**arrays, **_state(kept, 11)}), spec)
    assert _same(found, whole)
    if kept in ((), layout):
        assert found.repairs == ()
        return
    assert found.episode.infos == {}
    (line,) = found.repairs
    names, every = (", ".join(key for key, _ in keys) for keys in (kept, layout))
    assert line.startswith(f"left out {names}: the state of this task is {every}, and the file has")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values[:-1], "height: expected 11 rows"),
        (lambda values: values[:, None].repeat(2, 1), r"height: expected shape \(rows, 1\)"),
        (lambda values: values + 1e-9, "height: expected float32, or numbers that float32"),
        (lambda values: values.astype("S3"), "height: expected numbers of at most 64 bits"),
    ],
)
def test_proprioception_that_does_not_fit(
    change: Callable[[Any], Any], message: str, kit: Any, spec: DatasetSpec, tmp_path: Path
) -> None:
    arrays = kit.recorded()
    whole = read_episode(kit.write_npz(tmp_path / "0.npz", arrays), spec)
    arrays["height"] = change(arrays["height"].astype(np.float64))
    found = read_episode(kit.write_npz(tmp_path / "0.npz", arrays), spec)
    assert found.episode.infos == {}
    (line,) = found.repairs
    assert line.startswith("left out orientations, height, velocity: ")
    with pytest.raises(DatasetFormatError, match=message):
        raise DatasetFormatError(line)
    assert _same(found, whole)


@pytest.mark.parametrize("dtype", ["float64", ">f4", ">f8"])
def test_proprioception_of_another_type(
    dtype: str, kit: Any, spec: DatasetSpec, tmp_path: Path
) -> None:
    arrays = kit.recorded()
    whole = read_episode(kit.write_npz(tmp_path / "0.npz", arrays), spec)
    for key in ("orientations", "height", "velocity"):
        arrays[key] = arrays[key].astype(dtype)
    arrays["height"] = arrays["height"][:, None]
    found = read_episode(kit.write_npz(tmp_path / "0.npz", arrays), spec)
    assert found.repairs == ()
    np.testing.assert_array_equal(found.episode.infos["state"], whole.episode.infos["state"])
    assert found.episode.infos["state"].dtype == np.float32
