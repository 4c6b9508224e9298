"""A toy that learning can be seen on in minutes: push a disc onto a cross.

As a module of ``VD4RL_PLUGINS`` it adds the suite ``Disc`` to every command:

    python examples/disc.py data                                        # makes both datasets
    VD4RL_PLUGINS=examples.disc python -m baselines train --algorithm offline_dv2 \
        --dataset Disc/disc_push-random-64px-v0 --data-dir data ...
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.episode import Episode
from vd4rl_data.ids import DatasetId
from vd4rl_data.simulators import EnvironmentStep, View
from vd4rl_data.spec import DatasetSpec, FixedCamera, ReturnScore, TaskSpec
from vd4rl_data.storage import Provenance, write_dataset
from vd4rl_data.storage.naming import flat_path
from vd4rl_data.suite import Suite
from vd4rl_data.suites.rows import benchmark_of_datasets, plain_dataset

SIZE: Final = 64
HORIZON: Final = 50
EPISODES: Final = 200


@dataclass(frozen=True, slots=True)
class DiscSettings:
    """How far a full action moves the disc."""

    step: float


class DiscSimulator:
    """The position p in [-1, 1]² moves by a fifth of the action; the reward is 1 - |p|."""

    Settings: ClassVar[type[Any]] = DiscSettings
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

    def step(self, control: NDArray[np.float64]) -> EnvironmentStep:
        self.position = np.clip(self.position + self._step * control, -1, 1)
        return EnvironmentStep(1 - float(np.linalg.norm(self.position)))

    @property
    def state(self) -> NDArray[np.float32]:
        return self.position.astype(np.float32)

    @property
    def physics_state(self) -> NDArray[np.float64]:
        return self.position.copy()

    def set_physics_state(self, physics_state: NDArray[np.float64]) -> None:
        self.position = physics_state.copy()

    def draw(self, view: View) -> NDArray[np.uint8]:
        axis = np.linspace(-1.3, 1.3, view.size)
        x, y = axis[None], axis[:, None]
        frame = np.full((view.size, view.size, 3), (30, 40, 60), np.float64)
        near, far = np.minimum(np.abs(x), np.abs(y)), np.maximum(np.abs(x), np.abs(y))
        frame[(near < 0.05) & (far < 0.3)] = 200
        cover = np.clip(5.0 - 15.0 * np.hypot(y - self.position[1], x - self.position[0]), 0, 1)
        disc = np.array([255.0, 140.0, 20.0])
        return (frame + cover[..., None] * (disc - frame)).astype(np.uint8)

    def close(self) -> None:
        pass


TASK: Final = TaskSpec(
    name="disc_push",
    simulator="examples.disc:DiscSimulator",
    settings=DiscSettings(0.2),
    camera=FixedCamera(0),
    action_repeat=1,
    horizon=HORIZON,
    action_size=2,
)


def _dataset(behavior: str) -> DatasetSpec:
    return plain_dataset(
        DatasetId("Disc", TASK.name, behavior, None, SIZE, 0),
        TASK,
        num_episodes=EPISODES,
        score=ReturnScore(0.0, float(HORIZON), "the most that can be had"),
        license="CC0-1.0",
        citation="none",
        source="made by examples/disc.py",
    )


RANDOM: Final = _dataset("random")
EXPERT: Final = _dataset("expert")
SUITE: Final = Suite(
    name="Disc",
    title="Disc",
    paper="",
    license="CC0-1.0",
    citation="",
    tasks=(TASK,),
    datasets=(RANDOM, EXPERT),
    benchmarks=tuple(benchmark_of_datasets(spec, "main", (SIZE,)) for spec in (RANDOM, EXPERT)),
)


def make_datasets(folder: Path) -> None:
    """Write both datasets into a data folder: 10,000 transitions each, in seconds."""
    for spec in (RANDOM, EXPERT):
        path = flat_path(folder, spec.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        lengths = [HORIZON] * EPISODES
        episodes = _episodes(spec.id.behavior)
        write_dataset(path, spec, episodes, lengths, Provenance(origin="regenerated"))


def _episodes(behavior: str) -> Iterator[Episode]:
    rng, simulation = np.random.default_rng(behavior == "expert"), DiscSimulator(TASK)
    view = View(SIZE, TASK.camera)
    for number in range(EPISODES):
        simulation.reset(10_000 + number)
        frames, actions, rewards = [simulation.draw(view)], [], []
        for _ in range(HORIZON):
            action = rng.uniform(-1, 1, 2)
            if behavior == "expert":
                action = np.clip(-5 * simulation.position + 0.3 * action, -1, 1)
            actions.append(action.astype(np.float32))
            rewards.append(simulation.step(actions[-1].astype(np.float64)).reward)
            frames.append(simulation.draw(view))
        yield Episode(
            observations=np.stack(frames),
            actions=np.stack(actions),
            rewards=np.array(rewards, np.float32),
            discounts=np.ones(HORIZON, np.float32),
            terminated=False,
            truncated=True,
        )


if __name__ == "__main__":
    make_datasets(Path(sys.argv[1]))
