"""A toy simulator: a disc that the action pushes towards the middle of the picture."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import gymnasium
import numpy as np

from vd4rl_data.envs import register_environment
from vd4rl_data.episode import Episode
from vd4rl_data.ids import DatasetId
from vd4rl_data.registry import DATASETS, register_dataset, register_task
from vd4rl_data.simulators import EnvironmentStep, View
from vd4rl_data.spec import DatasetSpec, FixedCamera, ReturnScore, TaskSpec
from vd4rl_data.storage import Provenance, write_dataset
from vd4rl_data.storage.naming import flat_path
from vd4rl_data.suites.rows import plain_dataset

SIZE: Final = 16
HORIZON: Final = 6
EPISODES: Final = 4


@dataclass(frozen=True, slots=True)
class BlobSettings:
    """How far the disc moves."""

    step: float


class BlobSimulator:
    """The position p in [-1, 1]² moves by 0.4 times the action; the reward is 1 - |p|."""

    Settings: ClassVar[type[Any]] = BlobSettings
    PACKAGES: ClassVar[tuple[str, ...]] = ("numpy",)
    control_timestep = 0.1
    state_layout = (("position", 2),)
    model = None

    def __init__(self, task: TaskSpec) -> None:
        self._step = task.settings.step
        self._random = np.random.default_rng()
        self.position = np.zeros(2)

    def reset(self, seed: int | None) -> None:
        if seed is not None:
            self._random = np.random.default_rng(seed)
        self.position = self._random.uniform(-1, 1, 2)

    def step(self, control: np.ndarray) -> EnvironmentStep:
        self.position = np.clip(self.position + self._step * control, -1, 1)
        distance = float(np.abs(self.position).mean())
        return EnvironmentStep(1 - distance, success=distance < 0.2)

    @property
    def state(self) -> np.ndarray:
        return self.position.astype(np.float32)

    @property
    def physics_state(self) -> np.ndarray:
        return self.position.copy()

    def set_physics_state(self, physics_state: np.ndarray) -> None:
        self.position = physics_state.copy()

    def draw(self, view: View) -> np.ndarray:
        axis = np.linspace(-1.2, 1.2, view.size)
        distance = np.hypot(axis[:, None] - self.position[1], axis[None] - self.position[0])
        disc = np.clip(1.5 - 3 * distance, 0, 1)
        return (disc[..., None] * np.array([255, 160, 40])).astype(np.uint8)

    def close(self) -> None:
        pass


TASK: Final = TaskSpec(
    name="blob_push",
    simulator="tests.baselines.blob:BlobSimulator",
    settings=BlobSettings(0.4),
    camera=FixedCamera(0),
    action_repeat=1,
    horizon=HORIZON,
    action_size=2,
)


def _dataset(size: int) -> DatasetSpec:
    """With a second evaluation, in the same environment."""
    row = plain_dataset(
        DatasetId("Toy", "blob_push", "expert", None, size, 0),
        TASK,
        num_episodes=EPISODES,
        score=ReturnScore(0.0, float(HORIZON), "made by a test"),
        license="CC0-1.0",
        citation="nobody",
        source="made by a test",
    )
    evaluations = {**row.evaluations, "distracted_train": (row.environment,)}
    return dataclasses.replace(row, evaluations=evaluations)


SPEC: Final = _dataset(SIZE)
LARGE: Final = _dataset(64)
"""The same in frames that world models take."""


def register() -> None:
    """Make task, dataset and environment known to this process."""
    register_task(TASK)
    for spec in (SPEC, LARGE):
        register_dataset(spec)
        register_environment(spec)


def unregister() -> None:
    """The opposite."""
    from vd4rl_data.registry import TASKS

    TASKS.pop(TASK.name)
    for spec in (SPEC, LARGE):
        DATASETS.pop(spec.name)
        gymnasium.registry.pop(spec.name)


def make_dataset(folder: Path, seed: int = 0, spec: DatasetSpec = SPEC) -> Path:
    """Episodes of an expert with some noise, as a file in a data folder."""
    rng, simulation = np.random.default_rng(seed), BlobSimulator(TASK)
    view = View(spec.size, TASK.camera)
    episodes: list[Episode] = []
    for number in range(EPISODES):
        simulation.reset(number)
        frames, actions, rewards = [simulation.draw(view)], [], []
        for _ in range(HORIZON):
            action = np.clip(-2 * simulation.position + rng.normal(0, 0.1, 2), -1, 1).astype(
                np.float32
            )
            rewards.append(simulation.step(action.astype(np.float64)).reward)
            frames.append(simulation.draw(view))
            actions.append(action)
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
    path = flat_path(folder, spec.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    lengths = [HORIZON] * EPISODES
    write_dataset(path, spec, episodes, lengths, Provenance(origin="regenerated"))
    return path
