"""Exports read with the real libraries, and compared with what was painted.

This file imports nothing of the package, since some of these libraries cannot stand beside it:

    python reading.py TARGET FOLDER EXPECTED.npz
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass
class Read:
    """An episode as a library hands it out: T + 1 frames (H, W, 3), T of everything else.

    ``infos`` are what it has beside; ``None`` where a format has no place for them.
    """

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    terminated: bool
    infos: dict[str, np.ndarray] | None = None


def read_minari(folder: Path) -> list[Read]:
    import minari

    dataset = minari.MinariDataset(folder / "data")
    episodes = []
    for episode in dataset.iterate_episodes():
        ends = (episode.terminations, episode.truncations)
        assert all(not end[:-1].any() for end in ends)
        assert episode.terminations[-1] != episode.truncations[-1]
        episodes.append(
            Read(
                episode.observations,
                episode.actions,
                episode.rewards,
                bool(episode.terminations[-1]),
                {name: values for name, values in episode.infos.items() if name != "discounts"},
            )
        )
    assert dataset.total_steps == sum(len(episode.actions) for episode in episodes)
    return episodes


def read_torchrl(folder: Path) -> list[Read]:
    from tensordict import TensorDict
    from torchrl.data import ImmutableDatasetWriter, TensorDictReplayBuffer, TensorStorage

    rows = TensorDict.load_memmap(folder)
    buffer = TensorDictReplayBuffer(
        storage=TensorStorage(rows), writer=ImmutableDatasetWriter(), batch_size=4
    )
    assert len(buffer) == len(rows)
    taken = buffer[:]  # every row, through the buffer
    stops = np.flatnonzero(taken["next", "done"].numpy().ravel()) + 1
    episodes, start = [], 0
    for number, stop in enumerate(stops):
        part, last = taken[start:stop], taken[stop - 1]
        assert bool((part["episode"] == number).all())
        assert bool((part["next", "pixels"][:-1] == part["pixels"][1:]).all())
        assert not bool(part["done"].any())
        assert bool(last["next", "terminated"]) != bool(last["next", "truncated"])
        frames = [part["pixels"].numpy(), last["next", "pixels"].numpy()[None]]
        episodes.append(
            Read(
                np.concatenate(frames),
                part["action"].numpy(),
                part["next", "reward"].numpy()[:, 0],
                bool(last["next", "terminated"]),
                _torchrl_infos(part),
            )
        )
        start = stop
    return episodes


def _torchrl_infos(part: Any) -> dict[str, np.ndarray]:
    later = {name: values.numpy() for name, values in part["next", "infos"].items()}
    now = {name: values.numpy() for name, values in part["infos"].items()}
    return later | {
        name: np.concatenate([values, later[name][-1:]]) for name, values in now.items()
    }


def read_d3rlpy(folder: Path) -> list[Read]:
    from d3rlpy.dataset import FrameStackTransitionPicker, InfiniteBuffer, ReplayBuffer

    picker = FrameStackTransitionPicker(n_frames=2)
    with (folder / "dataset.h5").open("rb") as file:
        buffer = ReplayBuffer.load(file, InfiniteBuffer(), transition_picker=picker)
    episodes = []
    for episode in buffer.episodes:
        frames, steps = episode.observations, episode.transition_count
        assert len(frames) == steps + 1
        assert episode.compute_return() == np.sum(episode.rewards[:steps])
        for t in range(steps):
            drawn = picker(episode, t)
            np.testing.assert_array_equal(drawn.observation[-3:], frames[t])
            np.testing.assert_array_equal(drawn.action, episode.actions[t])
            assert drawn.reward == episode.rewards[t]
            assert drawn.terminal == (episode.terminated and t == steps - 1)
            following = np.zeros_like(frames[t]) if drawn.terminal else frames[t + 1]
            np.testing.assert_array_equal(drawn.next_observation[-3:], following)
        episodes.append(
            Read(
                np.ascontiguousarray(frames.transpose(0, 2, 3, 1)),
                episode.actions[:steps],
                episode.rewards[:steps, 0],
                bool(episode.terminated),
            )
        )
    lengths = sum(len(episode.actions) for episode in episodes)
    assert buffer.transition_count == lengths
    for _ in range(20):  # sequences hold no row that is there for its frame alone
        drawn = buffer.sample_trajectory(3)
        assert drawn.actions[drawn.masks == 1].any(axis=1).all()
    assert buffer.dataset_info.action_size == episodes[0].actions.shape[1]
    return episodes


def read_lerobot(folder: Path) -> list[Read]:
    import io

    import torch
    from lerobot.datasets.lerobot_dataset import LeRobotDataset
    from PIL import Image

    def frame_of(values: Any) -> np.ndarray:
        exact = values * 255
        assert torch.equal(exact.round() / 255, values)
        return exact.round().to(torch.uint8).numpy().transpose(1, 2, 0)

    stack = {"observation.image": [-0.1, 0.0]}
    dataset = LeRobotDataset("tests/painted", root=folder)
    stacked = LeRobotDataset("tests/painted", root=folder, delta_timestamps=stack)
    assert len(dataset) == dataset.meta.total_frames
    episodes = []
    for about in dataset.meta.episodes:
        start, stop = about["dataset_from_index"], about["dataset_to_index"]
        rows = [dataset[index] for index in range(start, stop)]
        frames = [frame_of(row["observation.image"]) for row in rows]
        for t, index in enumerate(range(start, stop)):
            before, now = stacked[index]["observation.image"]
            np.testing.assert_array_equal(frame_of(before), frames[max(t - 1, 0)])
            np.testing.assert_array_equal(frame_of(now), frames[t])
        ends = [bool(row["next.done"]) for row in rows]
        assert ends == [False] * (len(rows) - 1) + [True]
        last = rows[-1]
        assert bool(last["next.terminated"]) != bool(last["next.truncated"])
        assert last["task"] == "walker_walk"
        with Image.open(io.BytesIO(about["final.observation.image"])) as picture:
            frames.append(np.asarray(picture))
        episodes.append(
            Read(
                np.stack(frames),
                np.stack([row["action"].numpy() for row in rows]),
                np.array([row["next.reward"].item() for row in rows], np.float32),
                bool(last["next.terminated"]),
                _lerobot_infos(dataset, about, rows),
            )
        )
    actions = np.concatenate([episode.actions for episode in episodes])
    np.testing.assert_allclose(dataset.meta.stats["action"]["mean"], actions.mean(axis=0), 1e-5)
    assert dataset.meta.stats["observation.image"]["mean"].shape == (3, 1, 1)
    return episodes


def _lerobot_infos(dataset: Any, about: Any, rows: list[Any]) -> dict[str, np.ndarray]:
    """The columns of ``infos``; what a row hands out is float32, the table below it is exact."""
    table = dataset.hf_dataset.with_format("arrow")[
        about["dataset_from_index"] : about["dataset_to_index"]
    ]
    infos: dict[str, np.ndarray] = {}
    for key, name in (("infos.physics_state", "physics_state"), ("next.infos.success", "success")):
        exact = np.array(table[key].to_pylist(), dataset.features[key]["dtype"])
        handed = np.stack([row[key].numpy() for row in rows])
        np.testing.assert_array_equal(handed, exact.astype(handed.dtype))
        final = about.get(f"final.{key}")
        infos[name] = exact if final is None else np.concatenate([exact, [final]])
    from lerobot.utils.feature_utils import dataset_to_policy_features

    taken = dataset_to_policy_features(dataset.features)
    assert sorted(taken) == ["action", "observation.image"]  # policies see pixels alone
    return infos


def read_rlds(folder: Path) -> list[Read]:
    import tensorflow_datasets as tfds

    source = tfds.builder_from_directory(str(folder)).as_data_source(split="train")
    assert "tensorflow" not in sys.modules
    episodes = []
    for number, example in enumerate(source):
        assert int(example["episode_id"]) == number
        steps = list(example["steps"])
        assert [bool(step["is_first"]) for step in steps] == [True] + [False] * (len(steps) - 1)
        assert [bool(step["is_last"]) for step in steps] == [False] * (len(steps) - 1) + [True]
        assert not any(step["is_terminal"] for step in steps[:-1])
        episodes.append(
            Read(
                np.stack([step["observation"] for step in steps]),
                np.stack([step["action"] for step in steps[:-1]]),
                np.array([step["reward"] for step in steps[:-1]]),
                bool(steps[-1]["is_terminal"]),
                {
                    "physics_state": np.stack([step["infos"]["physics_state"] for step in steps]),
                    "success": np.array([step["infos"]["success"] for step in steps[:-1]]),
                },
            )
        )
    return episodes


READERS: dict[str, tuple[tuple[str, ...], Callable[[Path], list[Read]]]] = {
    "minari": (("minari",), read_minari),
    "torchrl": (("torchrl",), read_torchrl),
    "d3rlpy": (("d3rlpy",), read_d3rlpy),
    "lerobot": (("lerobot",), read_lerobot),
    "rlds": (("tensorflow_datasets",), read_rlds),
}
"""Target → the modules that reading it imports, and how."""


def check(found: list[Read], expected: Any) -> None:
    """Every number of every episode is the one that was painted."""
    lengths = expected["lengths"]
    assert len(found) == len(lengths), (len(found), len(lengths))
    for number, episode in enumerate(found):
        assert episode.terminated == bool(expected["terminated"][number]), number
        for name in ("observations", "actions", "rewards"):
            got, want = getattr(episode, name), expected[f"{name}_{number}"]
            np.testing.assert_array_equal(got, want, strict=True, err_msg=f"{number} {name}")
        for name, got in (episode.infos or {}).items():
            want = expected[f"infos/{name}_{number}"]
            np.testing.assert_array_equal(got, want, strict=True, err_msg=f"{number} {name}")
        assert episode.infos is None or sorted(episode.infos) == ["physics_state", "success"]


def main(target: str, folder: str, expected: str) -> None:
    with np.load(expected) as arrays:
        check(READERS[target][1](Path(folder)), arrays)
    print(f"{target}: equal frame by frame")  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
