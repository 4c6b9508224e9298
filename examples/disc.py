"""A toy that learning can be seen on in minutes: push a disc onto a cross.

As a module of ``VD4RL_PLUGINS`` it adds the suite ``Disc`` to every command:

    python examples/disc.py data                                        # makes the datasets
    VD4RL_PLUGINS=examples.disc python -m baselines train --algorithm offline_dv2 \
        --dataset Disc/disc_push-random-64px-v0 --data-dir data ...

``Disc/disc_push-random-waves-64px-v0`` is the same before waves that nobody can foresee.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.episode import Episode
from vd4rl_data.ids import DatasetId, Variant
from vd4rl_data.simulators import EnvironmentStep, View
from vd4rl_data.simulators.looks import Moment
from vd4rl_data.spec import (
    ORIGINAL,
    DatasetSpec,
    FixedCamera,
    Look,
    ReturnScore,
    Share,
    TaskSpec,
)
from vd4rl_data.storage import Provenance, write_dataset
from vd4rl_data.storage.naming import flat_path
from vd4rl_data.suite import Suite
from vd4rl_data.suites.rows import benchmark_of_datasets, plain_dataset

SIZE: Final = 64
HORIZON: Final = 50
EPISODES: Final = 200
BACKGROUND: Final = (30, 40, 60)


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
        frame = np.full((view.size, view.size, 3), BACKGROUND, np.float64)
        near, far = np.minimum(np.abs(x), np.abs(y)), np.maximum(np.abs(x), np.abs(y))
        frame[(near < 0.05) & (far < 0.3)] = 200
        cover = np.clip(5.0 - 15.0 * np.hypot(y - self.position[1], x - self.position[0]), 0, 1)
        disc = np.array([255.0, 140.0, 20.0])
        return (frame + cover[..., None] * (disc - frame)).astype(np.uint8)

    def close(self) -> None:
        pass


class Waves:
    """Gray waves behind the disc: two of each episode's own, which come and go as they like."""

    def __init__(self, look: Look, model: Any) -> None:
        del model
        self._strength, self._episode = look.settings["strength"], -1
        self._directions, self._phases = np.zeros((2, 2)), np.zeros((2, 1))

    def before(self, view: View, moment: Moment) -> View:
        del moment
        return view

    def after(self, frame: NDArray[np.uint8], moment: Moment) -> NDArray[np.uint8]:
        if moment.episode != self._episode:
            random, self._episode = np.random.default_rng((7, moment.episode)), moment.episode
            angles, lengths = random.uniform(0, np.pi, 2), random.uniform(2, 5, 2)
            self._directions = lengths[:, None] * np.stack((np.cos(angles), np.sin(angles)), 1)
            steps = random.normal(0, 1.2, (2, HORIZON + 1))
            self._phases = random.uniform(0, 2 * np.pi, (2, 1)) + np.cumsum(steps, 1)
        axis = np.linspace(-1.3, 1.3, len(frame))
        height = np.zeros(frame.shape[:2])
        for (x, y), phases in zip(self._directions, self._phases, strict=True):
            height += np.sin(x * axis[None] + y * axis[:, None] + phases[moment.step]) / 2
        shade = 90 + self._strength * height
        behind = (frame == BACKGROUND).all(-1, keepdims=True)
        return np.where(behind, shade[..., None], frame).astype(np.uint8)


TASK: Final = TaskSpec(
    name="disc_push",
    simulator="examples.disc:DiscSimulator",
    settings=DiscSettings(0.2),
    camera=FixedCamera(0),
    action_repeat=1,
    horizon=HORIZON,
    action_size=2,
)


WAVES: Final = Look("examples.disc:Waves", dynamic=True, settings={"strength": 80.0})


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
_BEFORE_WAVES: Final = dataclasses.replace(RANDOM.environment, look=WAVES)
WAVING: Final = dataclasses.replace(
    RANDOM,
    id=dataclasses.replace(RANDOM.id, variant=Variant(look="waves")),
    mixture=(Share(_BEFORE_WAVES, 1.0),),
    evaluations={ORIGINAL: (_BEFORE_WAVES,)},
)
DATASETS: Final = (RANDOM, EXPERT, WAVING)
SUITE: Final = Suite(
    name="Disc",
    title="Disc",
    paper="",
    license="CC0-1.0",
    citation="",
    tasks=(TASK,),
    datasets=DATASETS,
    benchmarks=tuple(benchmark_of_datasets(spec, "main", (SIZE,)) for spec in DATASETS),
)


def make_datasets(folder: Path) -> None:
    """Write the datasets into a data folder: 10,000 transitions each, in seconds."""
    for spec in DATASETS:
        path = flat_path(folder, spec.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        lengths = [HORIZON] * EPISODES
        episodes = _episodes(spec)
        write_dataset(path, spec, episodes, lengths, Provenance(origin="regenerated"))


def _episodes(spec: DatasetSpec) -> Iterator[Episode]:
    expert, look = spec.id.behavior == "expert", spec.environment.look
    rng, simulation = np.random.default_rng(expert), DiscSimulator(TASK)
    drawn = None if look is None else Waves(look, None)
    view = View(SIZE, TASK.camera)
    for number in range(EPISODES):
        seed = 10_000 + number
        simulation.reset(seed)
        frames, actions, rewards = [simulation.draw(view)], [], []
        for _ in range(HORIZON):
            action = rng.uniform(-1, 1, 2)
            if expert:
                action = np.clip(-5 * simulation.position + 0.3 * action, -1, 1)
            actions.append(action.astype(np.float32))
            rewards.append(simulation.step(actions[-1].astype(np.float64)).reward)
            frames.append(simulation.draw(view))
        if drawn is not None:
            frames = [drawn.after(each, Moment(seed, step)) for step, each in enumerate(frames)]
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
