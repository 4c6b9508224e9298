"""Demonstrations by a script, which knows the state: attempts that fail are dropped and counted."""

from __future__ import annotations

import dataclasses
import importlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Float32

from collection.errors import NotCollectableError, ScriptFailedError
from collection.kitchen_script import LEAST, make_kitchen_policy
from collection.kitchen_script import keeps as keeps_elements
from collection.rollout import Policy, PolicyFactory, Trajectory, rollout
from vd4rl_data.seeding import COLLECTION_RECIPE
from vd4rl_data.simulators import Simulation
from vd4rl_data.spec import TaskSpec

SCRIPT_NOISE: Final = 0.2
"""Standard deviation of what is added to a script's actions where all episodes start alike."""

MOST_ATTEMPTS: Final = 50
"""Attempts at one demonstration after which a script is given up."""


@dataclass(frozen=True, slots=True)
class Script:
    """How the tasks of a simulator are demonstrated.

    Attributes:
        make_policy: makes the script of one episode.
        keeps: whether an episode is a demonstration.
        rule: the same in words.
    """

    make_policy: PolicyFactory
    keeps: Callable[[Trajectory], bool]
    rule: str


@dataclass(frozen=True, slots=True)
class ScriptedBehavior:
    """Plays a task by its script until an attempt succeeds.

    An episode depends on its number alone: its attempts start from seeds of their own.

    Attributes:
        simulator: of the task, a key of :data:`SCRIPTS`.
        name: the behavior's name in dataset ids.
        seed: seed of all episodes.
    """

    simulator: str
    name: str = "scripted"
    seed: int = 0

    @property
    def description(self) -> Mapping[str, Any]:
        """See :class:`collection.players.Behavior`."""
        return {"name": self.name, "script": self.simulator, "keeps": SCRIPTS[self.simulator].rule}

    @property
    def identity(self) -> Mapping[str, Any]:
        """See :class:`collection.players.Behavior`."""
        return {"seed": self.seed, "recipe_version": COLLECTION_RECIPE}

    @property
    def arguments(self) -> tuple[str, ...]:
        """See :class:`collection.players.Behavior`."""
        return ("--seed", str(self.seed))

    def lengths(self, task: TaskSpec, episodes: int) -> tuple[int, ...]:
        """See :class:`collection.players.Behavior`."""
        return (task.time_steps,) * episodes

    def play(self, simulation: Simulation, *, episode: int, size: int | None = None) -> Trajectory:
        """See :class:`collection.players.Behavior`.

        Raises:
            ScriptFailedError: no attempt succeeded.
        """
        script = SCRIPTS[self.simulator]
        for attempt in range(MOST_ATTEMPTS):
            trajectory = rollout(
                simulation,
                script.make_policy,
                behavior=self.name,
                seed=self.seed,
                episode=episode,
                size=size,
                attempt=attempt,
            )
            if script.keeps(trajectory):
                return dataclasses.replace(trajectory, failed_attempts=attempt)
        raise ScriptFailedError(
            f"task {simulation.task.name!r}, episode {episode}: none of {MOST_ATTEMPTS} attempts"
            f" was a demonstration ({script.rule})"
        )


def find_script(task: TaskSpec, name: str, seed: int) -> ScriptedBehavior:
    """The scripted behavior of a task.

    Raises:
        NotCollectableError: there is no script for the task's simulator.
    """
    if task.simulator not in SCRIPTS:
        raise NotCollectableError(
            f"{name}: there is no script for {task.name}; there are some for the tasks of"
            f" {', '.join(SCRIPTS)}"
        )
    return ScriptedBehavior(task.simulator, name, seed)


def make_metaworld_policy(task: TaskSpec, rng: np.random.Generator) -> Policy:
    """MetaWorld's own script of a task, which knows where everything is.

    Where neither the layout nor the hand changes, noise makes episodes differ.
    """
    alike = bool(task.settings.frozen_layout) and not task.settings.hand_spread
    spread = SCRIPT_NOISE if alike else 0.0
    scripts = importlib.import_module("metaworld.policies").ENV_POLICY_MAP
    script = scripts[task.settings.environment]()

    def act(state: Float32[np.ndarray, " P"]) -> Float32[np.ndarray, " A"]:
        moment, goal = state[:-3], state[-3:]
        observation = np.concatenate([moment, moment, goal]).astype(np.float64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the environment clips what it asks for
            action = script.get_action(observation)
        action = np.clip(action, -1.0, 1.0)
        if spread:
            action = np.clip(action + rng.normal(0.0, spread, action.shape), -1.0, 1.0)
        return action.astype(np.float32)

    return act


def ever_solved(trajectory: Trajectory) -> bool:
    """Whether the task was solved at the end of any time step."""
    return trajectory.successes is not None and bool(trajectory.successes.any())


SCRIPTS: Final[Mapping[str, Script]] = {
    "kitchen": Script(
        make_kitchen_policy,
        keeps_elements,
        f"at least {LEAST} elements in place at the end",
    ),
    "metaworld": Script(make_metaworld_policy, ever_solved, "solved at any time step"),
}
"""By the task's simulator."""
