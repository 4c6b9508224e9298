"""Round trips through the official formats, and that the official loaders could read them."""

from __future__ import annotations

import dataclasses
import errno
import re
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.strides import strided
from vd4rl_data.episode import Episode
from vd4rl_data.errors import InvalidEpisodeError, NoSpaceError, OutputExistsError
from vd4rl_data.formats import export_dataset, find_format, read_folder, writable_formats
from vd4rl_data.spec import DatasetSpec

FORMATS = writable_formats()


def random_episode(seed: int, steps: int = 10, *, terminated: bool = False) -> Episode:
    rng = np.random.default_rng(seed)
    discounts = rng.uniform(0.5, 1.0, steps).astype(np.float32)
    if terminated:
        discounts[-1] = 0.0
    return Episode(
        observations=rng.integers(0, 256, (steps + 1, 8, 8, 3), dtype=np.uint8),
        actions=rng.uniform(-1, 1, (steps, 6)).astype(np.float32),
        rewards=rng.normal(size=steps).astype(np.float32),
        discounts=discounts,
        terminated=terminated,
        truncated=not terminated,
        infos={"state": rng.normal(size=(steps + 1, 24)).astype(np.float32)},
    )


def some_episodes() -> list[Episode]:
    return [
        random_episode(0),
        random_episode(1, 4, terminated=True),
        random_episode(2, 1),
        random_episode(3),
        random_episode(4, terminated=True),
    ]


def per_file(kind: str, count: int) -> dict[str, int]:
    """The option that says how many episodes a file holds, if the format has it."""
    known = "episodes_per_shard" in find_format(kind).options
    return {"episodes_per_shard": count} if known else {}


def check_equal(a: Episode, b: Episode) -> None:
    for name in ("observations", "actions", "rewards", "discounts"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), strict=True)
    assert (a.terminated, a.truncated) == (b.terminated, b.truncated)


@pytest.mark.parametrize("kind", FORMATS)
def test_read_inverts_export(kind: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    episodes = some_episodes()
    seen: list[int] = []
    paths = export_dataset(
        iter(episodes), tmp_path, kind, progress=seen.append, **per_file(kind, 2)
    )
    assert seen == [1, 2, 3, 4, 5]
    assert paths == sorted(tmp_path.iterdir())
    assert len(paths) == (5 if find_format(kind).one_per_file else 3)
    found = list(read_folder(tmp_path, spec))
    assert [item.repairs for item in found] == [()] * 5
    for item, episode in zip(found, episodes, strict=True):
        check_equal(item.episode, episode)
        assert not item.episode.infos


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("layout", ["transposed", "every second", "backwards", "inner part"])
def test_arrays_may_lie_in_memory_as_they_like(
    kind: Any, layout: str, spec: DatasetSpec, tmp_path: Path
) -> None:
    episodes = some_episodes()
    names = ("observations", "actions", "rewards", "discounts")
    arrays = [{name: strided(getattr(e, name), layout) for name in names} for e in episodes]
    given = [dataclasses.replace(e, **a) for e, a in zip(episodes, arrays, strict=True)]
    export_dataset(given, tmp_path, kind, **per_file(kind, 2))
    for item, episode in zip(read_folder(tmp_path, spec), episodes, strict=True):
        check_equal(item.episode, episode)


def test_the_recorded_variant_keeps_the_state(spec: DatasetSpec, tmp_path: Path) -> None:
    episodes = [
        dataclasses.replace(random_episode(0), discounts=np.ones(10, np.float32)),
        random_episode(1, 1, terminated=True),
    ]
    paths = export_dataset(episodes, tmp_path, "vd4rl-npz", proprioception_of=spec.task)
    with np.load(paths[0], allow_pickle=False) as archive:
        shapes = {key: archive[key].shape for key in archive.files}
        assert archive["reward"].dtype == np.float32
    assert shapes == {
        "image": (11, 8, 8, 3),
        "action": (11, 6),
        "reward": (11,),
        "orientations": (11, 14),
        "height": (11,),
        "velocity": (11, 9),
        "is_first": (11,),
        "is_last": (11,),
        "is_terminal": (11,),
    }
    for item, episode in zip(read_folder(tmp_path, spec), episodes, strict=True):
        check_equal(item.episode, episode)
        np.testing.assert_array_equal(
            item.episode.infos["state"], episode.infos["state"], strict=True
        )


def test_npz_is_what_the_official_code_expects(spec: DatasetSpec, tmp_path: Path) -> None:
    episode = random_episode(0)
    (path,) = export_dataset([episode], tmp_path, "vd4rl-npz")
    assert re.fullmatch(r"20000101T000000-[0-9a-f]{32}-10\.npz", path.name)
    with np.load(path, allow_pickle=False) as archive:
        rows = {key: archive[key] for key in archive.files}
    assert {key: (str(value.dtype), value.shape) for key, value in rows.items()} == {
        "image": ("uint8", (11, 8, 8, 3)),
        "action": ("float32", (11, 6)),
        "reward": ("float64", (11,)),
        "discount": ("float64", (11,)),
        "is_first": ("bool", (11,)),
        "is_last": ("bool", (11,)),
        "is_terminal": ("bool", (11,)),
    }
    assert (rows["action"][0] == 0).all()
    assert (rows["reward"][0], rows["discount"][0]) == (0.0, 1.0)
    for t in range(10):  # (s, a, r, d, s') as the papers' loaders form it
        np.testing.assert_array_equal(rows["image"][t], episode.observations[t])
        np.testing.assert_array_equal(rows["action"][t + 1], episode.actions[t])
        assert rows["reward"][t + 1] == episode.rewards[t]
        assert rows["discount"][t + 1] == episode.discounts[t]
        np.testing.assert_array_equal(rows["image"][t + 1], episode.observations[t + 1])
    assert rows["is_first"].tolist() == [True] + [False] * 10
    assert rows["is_last"].tolist() == [False] * 10 + [True]
    assert not rows["is_terminal"].any()


def test_hdf5_is_what_the_official_code_expects(tmp_path: Path) -> None:
    episodes = [random_episode(0), random_episode(1, terminated=True)]
    (path,) = export_dataset(episodes, tmp_path, "vd4rl-hdf5", label="walker_walk_random")
    assert path.name == "0000_walker_walk_random.hdf5"
    with h5py.File(path) as file:
        rows: dict[str, Any] = {key: file[key][()] for key in file}  # type: ignore[index]
        assert {file[key].compression for key in file} == {"gzip"}  # type: ignore[union-attr]
    assert {key: (str(value.dtype), value.shape) for key, value in rows.items()} == {
        "action": ("float32", (22, 6)),
        "discount": ("float64", (22,)),
        "observation": ("uint8", (22, 3, 8, 8)),
        "reward": ("float64", (22,)),
        "step_type": ("int64", (22,)),
    }
    assert rows["step_type"].tolist() == [0, *[1] * 9, 2] * 2
    for number, episode in enumerate(episodes):
        first = 11 * number
        assert (rows["action"][first] == 0).all()
        assert (rows["reward"][first], rows["discount"][first]) == (0.0, 1.0)
        for t in range(10):
            row = first + t
            frame = rows["observation"][row].transpose(1, 2, 0)
            np.testing.assert_array_equal(frame, episode.observations[t])
            np.testing.assert_array_equal(rows["action"][row + 1], episode.actions[t])
            assert rows["reward"][row + 1] == episode.rewards[t]
            assert rows["discount"][row + 1] == episode.discounts[t]


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_episodes_give_the_same_bytes(kind: Any, tmp_path: Path) -> None:
    contents = []
    for folder in ("a", "b"):
        paths = export_dataset(some_episodes(), tmp_path / folder, kind)
        contents.append({path.name: path.read_bytes() for path in paths})
    assert contents[0] == contents[1]


def test_npz_names_tell_equal_episodes_apart(tmp_path: Path) -> None:
    paths = export_dataset([random_episode(0)] * 2 + [random_episode(1)], tmp_path, "vd4rl-npz")
    times, ids, _ = zip(*(path.name.split("-") for path in paths), strict=True)
    assert len(set(times)) == 3
    assert len(set(ids)) == 2


def _with(**changes: Any) -> list[Episode]:
    return [random_episode(0), dataclasses.replace(random_episode(1), **changes)]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    ("episodes", "message"),
    [
        ([], "expected at least one episode, got none"),
        (_with(rewards=np.full(10, np.nan, np.float32)), "episode 1: rewards: expected finite"),
        (
            _with(observations=np.zeros((11, 9, 9, 3), np.uint8)),
            "episode 1: observations: expected",
        ),
        (_with(actions=np.zeros((10, 5), np.float32)), "episode 1: actions: expected 6 dimensions"),
        (_with(terminated=True, truncated=False), "episode 1: discounts: expected 0 exactly where"),
        (
            _with(discounts=np.zeros(10, np.float32)),
            "episode 1: discounts: expected 0 exactly where",
        ),
    ],
)
def test_what_cannot_be_exported(
    episodes: list[Episode], message: str, kind: Any, tmp_path: Path
) -> None:
    with pytest.raises(InvalidEpisodeError, match=message):
        export_dataset(episodes, tmp_path, kind)
    assert not [path for path in tmp_path.iterdir() if "incomplete" in path.name]


def test_what_the_recorded_variant_cannot_say(spec: DatasetSpec, tmp_path: Path) -> None:
    for episode, message in [
        (dataclasses.replace(random_episode(0), infos={}), "infos/state: .* got none"),
        (random_episode(0), "discounts: expected 0 or 1"),
        (
            dataclasses.replace(random_episode(0), infos={"state": np.zeros((11, 3), np.float32)}),
            "infos/state: .* 24 columns .* got 3",
        ),
    ]:
        with pytest.raises(InvalidEpisodeError, match=message):
            export_dataset([episode], tmp_path, "vd4rl-npz", proprioception_of=spec.task)


def test_arguments_out_of_range(spec: DatasetSpec, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="episodes_per_shard: expected at least 1, got 0"):
        export_dataset(some_episodes(), tmp_path, "vd4rl-hdf5", episodes_per_shard=0)
    with pytest.raises(
        ValueError, match=r"^proprioception_of: expected an option of .*hdf5, which"
    ):
        export_dataset(some_episodes(), tmp_path, "vd4rl-hdf5", proprioception_of=spec.task)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_mixed_with_data_that_is_there(tmp_path: Path) -> None:
    export_dataset(some_episodes(), tmp_path, "vd4rl-npz")
    for kind in FORMATS:
        with pytest.raises(OutputExistsError, match=r"found 5 \(20000101T000000-"):
            export_dataset(some_episodes(), tmp_path, kind)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_full_disk_leaves_whole_files_only(
    kind: Any, spec: DatasetSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    writing = sys.modules[find_format(kind).write.__module__]
    (name,) = {"write_npz", "_shard_arrays"} & vars(writing).keys()
    real = getattr(writing, name)

    def full(*arguments: Any, **arrays: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments, **arrays)

    monkeypatch.setattr(writing, name, full)
    with pytest.raises(NoSpaceError, match=str(tmp_path)):
        export_dataset(some_episodes(), tmp_path, kind, **per_file(kind, 1))
    assert len(list(tmp_path.iterdir())) == 3
    assert len(list(read_folder(tmp_path, spec))) == 3
