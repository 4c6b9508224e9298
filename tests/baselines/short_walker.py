"""Walker with episodes of a few steps, for processes that find it by ``$VD4RL_PLUGINS``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Final

from vd4rl_data.dataset import load_dataset
from vd4rl_data.envs import register_environment
from vd4rl_data.episode import Episode
from vd4rl_data.ids import DatasetId
from vd4rl_data.registry import register_dataset, register_task
from vd4rl_data.spec import ReturnScore
from vd4rl_data.storage import Provenance, write_dataset
from vd4rl_data.storage.naming import flat_path
from vd4rl_data.suites.dmc_tasks import DMC_TASKS
from vd4rl_data.suites.rows import plain_dataset

SAMPLE: Final = "VD4RL/walker_walk-random-sample-64px-v0"
STEPS: Final = 8
TASK: Final = dataclasses.replace(DMC_TASKS["walker_walk"], name="walker_short", horizon=2 * STEPS)
SPEC: Final = plain_dataset(
    DatasetId("Toy", TASK.name, "random", None, 64, 0),
    TASK,
    num_episodes=2,
    score=ReturnScore(0.0, float(TASK.horizon), "made by a test"),
    license="MIT",
    citation="nobody",
    source="made by a test",
)


def make_dataset(folder: Path) -> None:
    """The beginnings of the sample's episodes, as a file in a data folder."""
    path = flat_path(folder, SPEC.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    episodes = [_beginning(episode) for episode in load_dataset(SAMPLE)]
    write_dataset(path, SPEC, episodes, [STEPS] * 2, Provenance(origin="regenerated"))


def _beginning(episode: Episode) -> Episode:
    return Episode(
        observations=episode.observations[: STEPS + 1],
        actions=episode.actions[:STEPS],
        rewards=episode.rewards[:STEPS],
        discounts=episode.discounts[:STEPS],
        terminated=False,
        truncated=True,
    )


register_task(TASK)
register_dataset(SPEC)
register_environment(SPEC)
