"""Painted pixels through every reader: each observation meets its own action and reward."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.formats.reading import read_episode, read_shards
from vd4rl_data.formats import read_folder
from vd4rl_data.spec import DatasetSpec


def check_painted(episode: Any, kit: Any, number: int = 0, steps: int | None = None) -> None:
    steps = kit.steps if steps is None else steps
    assert len(episode) == steps
    assert episode.observations.shape == (steps + 1, kit.size, kit.size, 3)
    for t in range(steps + 1):
        frame = episode.observations[t]
        assert (frame[:, :, 0] == t).all()
        assert (frame[:, :, 1] == number).all()
        assert frame[0, 1, 2] == 255 - t
        assert frame[1, 0, 2] == t
    for t in range(steps):
        np.testing.assert_array_equal(episode.actions[t], kit.painted_action(number, t))
        assert episode.rewards[t] == np.float32(kit.painted_reward(number, t + 1))
        assert episode.discounts[t] == 1.0
    assert episode.truncated
    assert not episode.terminated


def official_transitions(rows: dict[str, np.ndarray]) -> list[tuple[Any, ...]]:
    """The papers' own loaders, restated: (s, a, r, d, s') = obs[t], action[t+1], reward[t+1], …"""
    return [
        (
            rows["image"][t],
            rows["action"][t + 1],
            np.float32(rows["reward"][t + 1]),
            np.float32(rows["discount"][t + 1]),
            rows["image"][t + 1],
        )
        for t in range(len(rows["action"]) - 1)
    ]


@pytest.mark.parametrize("variant", ["converted", "recorded"])
def test_npz_variants(variant: str, kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    path = kit.write_npz(tmp_path / "20220109T013642-0f-500.npz", getattr(kit, variant)(3))
    found = read_episode(path, spec)
    assert found.source == path.name
    assert found.repairs == ()
    check_painted(found.episode, kit, 3)
    if variant == "converted":
        assert not found.episode.infos
    else:
        state = found.episode.infos["state"]
        assert state.dtype == np.float32
        np.testing.assert_array_equal(state, [kit.painted_state(t) for t in range(kit.steps + 1)])


@pytest.mark.parametrize("step_dtype", ["int64", "float64", "int32"])
def test_shard(step_dtype: str, kit: Any, spec: DatasetSpec, tmp_path: Path) -> None:
    path = kit.write_hdf5(tmp_path / "0.hdf5", kit.shard_rows([0, 1, 2], step_dtype))
    found = list(read_shards([path], spec))
    assert [item.repairs for item in found] == [(), (), ()]
    for number, item in enumerate(found):
        check_painted(item.episode, kit, number)


def test_both_formats_agree_with_the_official_loaders(
    kit: Any, spec: DatasetSpec, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    rows = kit.official_rows()
    rows["image"] = rng.integers(0, 256, rows["image"].shape, dtype=np.uint8)
    rows["action"][1:] = rng.uniform(-1, 1, rows["action"][1:].shape)
    rows["reward"][1:] = rng.uniform(0, 2, len(rows["reward"]) - 1)
    rows["discount"][1:] = rng.uniform(0.5, 1, len(rows["reward"]) - 1)
    flat = kit.shard_rows([0])
    flat |= {key: rows[key] for key in ("action", "reward", "discount")}
    flat["observation"] = rows["image"].transpose(0, 3, 1, 2)
    from_npz = read_episode(
        kit.write_npz(tmp_path / "a.npz", {**kit.converted(), **rows}), spec
    ).episode
    (from_hdf5,) = read_shards([kit.write_hdf5(tmp_path / "0.hdf5", flat)], spec)
    for episode in (from_npz, from_hdf5.episode):
        ours = zip(
            episode.observations[:-1],
            episode.actions,
            episode.rewards,
            episode.discounts,
            episode.observations[1:],
            strict=True,
        )
        for mine, theirs in zip(ours, official_transitions(rows), strict=True):
            for left, right in zip(mine, theirs, strict=True):
                np.testing.assert_array_equal(left, right)


def test_a_file_in_the_other_convention_is_refused(
    kit: Any, spec: DatasetSpec, tmp_path: Path
) -> None:
    arrays = kit.converted()
    arrays["action"] = np.roll(arrays["action"], -1, axis=0)
    arrays["reward"] = np.roll(arrays["reward"], -1)
    path = kit.write_npz(tmp_path / "a.npz", arrays)
    with pytest.raises(ValueError, match="action: expected zeros in the first row"):
        read_episode(path, spec)


@pytest.mark.parametrize("kind", ["npz", "hdf5"])
def test_through_the_reading_process(
    kind: str, kit: Any, spec: DatasetSpec, tmp_path: Path
) -> None:
    if kind == "npz":
        for number in range(3):
            kit.write_npz(tmp_path / f"2022010{number}T000000-ab-500.npz", kit.recorded(number))
    else:
        kit.write_hdf5(tmp_path / "0.hdf5", kit.shard_rows([0, 1, 2]))
    reader = read_folder(tmp_path, spec)
    for number, item in enumerate(reader):
        check_painted(item.episode, kit, number)
        assert item.repairs == ()
    assert number == 2
    assert [file.hash_status for file in reader.files] == ["unknown"] * (3 if kind == "npz" else 1)
