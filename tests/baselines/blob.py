"""A toy without a simulator: a disc that the action pushes towards the middle of the picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import gymnasium
import numpy as np

from vd4rl_data.episode import Episode
from vd4rl_data.registry import (
    DATASETS,
    DatasetId,
    DatasetSpec,
    TaskSpec,
    register_dataset,
    register_task,
)
from vd4rl_data.storage import Provenance, write_dataset
from vd4rl_data.storage.naming import flat_path

SIZE: Final = 16
HORIZON: Final = 6
EPISODES: Final = 4
TASK: Final = TaskSpec(
    name="blob_push",
    simulator="dmc",
    domain="blob",
    goal="push",
    camera_id=0,
    action_repeat=1,
    horizon=HORIZON,
    action_size=2,
)
SPEC: Final = DatasetSpec(
    id=DatasetId("Toy", "blob_push", "expert", None, SIZE, 0),
    task=TASK,
    num_transitions=EPISODES * HORIZON,
    num_episodes=EPISODES,
    score_min=0.0,
    score_max=float(HORIZON),
    published_returns=None,
    parts=(),
    license="CC0-1.0",
    citation="nobody",
    source="made by a test",
)


class BlobEnv(gymnasium.Env[np.ndarray, np.ndarray]):
    """The position p in [-1, 1]² moves by 0.4 times the action; the reward is 1 - |p|."""

    observation_space = gymnasium.spaces.Box(0, 255, (SIZE, SIZE, 3), np.uint8)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.position = self.np_random.uniform(-1, 1, 2)
        return self.draw(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.position = np.clip(self.position + 0.4 * np.asarray(action, np.float64), -1, 1)
        return self.draw(), float(1 - np.abs(self.position).mean()), False, False, {}

    def draw(self) -> np.ndarray:
        axis = np.linspace(-1.2, 1.2, SIZE)
        distance = np.hypot(axis[:, None] - self.position[1], axis[None] - self.position[0])
        disc = np.clip(1.5 - 3 * distance, 0, 1)
        return (disc[..., None] * np.array([255, 160, 40])).astype(np.uint8)


def register() -> None:
    """Make task, dataset and environment known to this process."""
    if SPEC.name in DATASETS:
        return
    register_task(TASK)
    register_dataset(SPEC)
    gymnasium.register(
        SPEC.name, "tests.baselines.blob:BlobEnv", max_episode_steps=HORIZON, order_enforce=False
    )


def unregister() -> None:
    """The opposite."""
    from vd4rl_data.registry import TASKS

    DATASETS.pop(SPEC.name)
    TASKS.pop(TASK.name)
    gymnasium.registry.pop(SPEC.name)


def make_dataset(folder: Path) -> Path:
    """Episodes of an expert with some noise, as a file in a data folder."""
    rng, env = np.random.default_rng(0), BlobEnv()
    episodes: list[Episode] = []
    for number in range(EPISODES):
        frames, actions, rewards = [env.reset(seed=number)[0]], [], []
        for _ in range(HORIZON):
            action = np.clip(-2 * env.position + rng.normal(0, 0.1, 2), -1, 1).astype(np.float32)
            frame, reward, *_ = env.step(action)
            frames.append(frame)
            actions.append(action)
            rewards.append(reward)
        episodes.append(
            Episode(
                observations=np.stack(frames),
                actions=np.stack(actions),
                rewards=np.array(rewards, np.float32),
                discounts=np.ones(HORIZON, np.float32),
                terminated=False,
                truncated=True,
            )
        )
    path = flat_path(folder, SPEC.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    lengths = [HORIZON] * EPISODES
    write_dataset(path, SPEC, episodes, lengths, Provenance(origin="regenerated"))
    return path
