"""Behaviors: who acts while data are collected. One row per name in :data:`BEHAVIORS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from jaxtyping import Float32

from collection.errors import InvalidSettingError, NotCollectableError
from collection.policy_files import PolicyFile, read_policy, shipped_policy
from collection.replay_files import ReplayFile, open_replay, shipped_replay
from collection.rollout import Policy, Trajectory, rollout
from vd4rl_data.simulators import Simulation
from vd4rl_data.spec import TaskSpec


class Behavior(Protocol):
    """Plays the episodes of a dataset. It can be pickled; worker processes get copies."""

    @property
    def name(self) -> str:
        """As in dataset ids."""
        ...

    @property
    def description(self) -> Mapping[str, Any]:
        """What the manifest says about the policy, as JSON."""
        ...

    @property
    def identity(self) -> Mapping[str, Any]:
        """What decides the actions, besides name and seed, as JSON."""
        ...

    def lengths(self, task: TaskSpec, episodes: int) -> tuple[int, ...]:
        """Time steps of the first episodes; an upper bound where one can end earlier."""
        ...

    def play(self, simulation: Simulation, *, seed: int, episode: int) -> Trajectory:
        """Play one episode: a function of task, behavior, seed and number alone."""
        ...


@dataclass(frozen=True, slots=True)
class UniformBehavior:
    """Actions drawn independently and uniformly from [-1, 1]: V-D4RL's ``random`` datasets."""

    name: str = "random"

    @property
    def description(self) -> Mapping[str, Any]:
        """See :class:`Behavior`."""
        return {"name": self.name, "distribution": "uniform(-1, 1)"}

    @property
    def identity(self) -> Mapping[str, Any]:
        """See :class:`Behavior`."""
        return {}

    def lengths(self, task: TaskSpec, episodes: int) -> tuple[int, ...]:
        """See :class:`Behavior`."""
        return (task.time_steps,) * episodes

    def play(self, simulation: Simulation, *, seed: int, episode: int) -> Trajectory:
        """See :class:`Behavior`."""
        return rollout(simulation, make_uniform_policy, seed=seed, episode=episode)


@dataclass(frozen=True, slots=True)
class PolicyBehavior:
    """A trained policy acts.

    Attributes:
        policy: from a file.
        deterministic: the squashed mean acts; else, as in the paper, a sample.
    """

    policy: PolicyFile
    deterministic: bool = False

    @property
    def name(self) -> str:
        """See :class:`Behavior`."""
        return self.policy.tier

    @property
    def description(self) -> Mapping[str, Any]:
        """See :class:`Behavior`."""
        return {**self.policy.description, "deterministic": self.deterministic}

    @property
    def identity(self) -> Mapping[str, Any]:
        """See :class:`Behavior`."""
        return {"policy_sha256": self.policy.sha256, "deterministic": self.deterministic}

    def lengths(self, task: TaskSpec, episodes: int) -> tuple[int, ...]:
        """See :class:`Behavior`."""
        return (task.time_steps,) * episodes

    def play(self, simulation: Simulation, *, seed: int, episode: int) -> Trajectory:
        """See :class:`Behavior`."""
        return rollout(simulation, self._make_policy, seed=seed, episode=episode)

    def _make_policy(self, task: TaskSpec, rng: np.random.Generator) -> Policy:
        actor = self.policy.actor
        if task.name != self.policy.task:
            raise InvalidSettingError(
                f"{self.policy.path}: a policy of {self.policy.task} cannot act in {task.name}"
            )

        def act(state: Float32[np.ndarray, " P"]) -> Float32[np.ndarray, " A"]:
            states = state[None]
            return (actor.mode(states) if self.deterministic else actor.sample(states, rng))[0]

        return act


@dataclass(frozen=True, slots=True)
class ReplayBehavior:
    """What a policy did while it was being trained, step by step: nothing is played again."""

    replay: ReplayFile
    name: str = "medium_replay"

    @property
    def description(self) -> Mapping[str, Any]:
        """See :class:`Behavior`."""
        return {"name": self.name, **self.replay.description}

    @property
    def identity(self) -> Mapping[str, Any]:
        """See :class:`Behavior`."""
        return {"replay_sha256": self.replay.sha256}

    def lengths(self, task: TaskSpec, episodes: int) -> tuple[int, ...]:
        """See :class:`Behavior`.

        Raises:
            InvalidSettingError: the replay holds fewer episodes, or is of another task.
        """
        if task.name != self.replay.task:
            raise InvalidSettingError(
                f"{self.replay.path}: expected a replay of {task.name}, got {self.replay.task}"
            )
        if episodes > len(self.replay):
            raise InvalidSettingError(
                f"episodes: {self.replay.path} holds {len(self.replay)}, got {episodes}"
            )
        return self.replay.lengths[:episodes]

    def play(self, simulation: Simulation, *, seed: int, episode: int) -> Trajectory:
        """See :class:`Behavior`; the seed is that of the training run, whatever is given."""
        del seed
        return self.replay.trajectory(episode, simulation)


def make_uniform_policy(task: TaskSpec, rng: np.random.Generator) -> Policy:
    """Uniform actions, blind by design."""

    def act(state: Float32[np.ndarray, " P"]) -> Float32[np.ndarray, " A"]:  # noqa: ARG001
        return rng.uniform(-1.0, 1.0, size=task.action_size).astype(np.float32)

    return act


@dataclass(frozen=True, slots=True)
class BehaviorOptions:
    """How a behavior is asked for.

    Attributes:
        source: a policy (``.safetensors``) or replay (``.h5``) to use in place of the shipped one.
        deterministic: let a trained policy act by its mean.
    """

    source: Path | None = None
    deterministic: bool = False


def _uniform(task: TaskSpec, name: str, options: BehaviorOptions) -> Behavior:
    del task
    _refuse(name, options, source=options.source is not None, deterministic=options.deterministic)
    return UniformBehavior(name)


def _trained(task: TaskSpec, name: str, options: BehaviorOptions) -> Behavior:
    path = options.source or shipped_policy(task.name, name)
    if path is None:
        raise _not_shipped(task, name)
    policy = read_policy(path)
    if policy.tier != name:
        raise InvalidSettingError(f"{path}: expected a policy of tier {name}, got {policy.tier}")
    return PolicyBehavior(policy, options.deterministic)


def _replayed(task: TaskSpec, name: str, options: BehaviorOptions) -> Behavior:
    _refuse(name, options, source=False, deterministic=options.deterministic)
    path = options.source or shipped_replay(task.name)
    if path is None:
        raise _not_shipped(task, name)
    return ReplayBehavior(open_replay(path), name)


BEHAVIORS: Final[Mapping[str, Callable[[TaskSpec, str, BehaviorOptions], Behavior]]] = {
    "random": _uniform,
    "medium_replay": _replayed,
    "medium": _trained,
    "expert": _trained,
}


def find_behavior(
    task: TaskSpec,
    name: str,
    options: BehaviorOptions = BehaviorOptions(),
) -> Behavior:
    """The behavior of this name for a task.

    Raises:
        NotCollectableError: there is no such behavior, or nothing is shipped for this task; the
            message prints the commands that make it.
        InvalidSettingError: an option means nothing to this behavior, or the file is another's.
        PolicyFileError, ReplayFileError: a file is missing or damaged.
    """
    if name not in BEHAVIORS:
        raise NotCollectableError(f"behavior: expected one of {', '.join(BEHAVIORS)}, got {name!r}")
    return BEHAVIORS[name](task, name, options)


def _refuse(name: str, options: BehaviorOptions, **given: bool) -> None:
    for option, is_given in given.items():
        if is_given:
            value = getattr(options, option)
            raise InvalidSettingError(f"{option}: {name} takes no such option, got {value!r}")


def _not_shipped(task: TaskSpec, name: str) -> NotCollectableError:
    folder = f"runs/{task.name}"
    return NotCollectableError(
        f"no {name} policy of {task.name} comes with the repository. Train one, select its tiers, "
        f"and name the file that results with --source:\n"
        f"    python -m collection train {task.name} --out {folder}\n"
        f"    python -m collection select {folder} --out {folder}/tiers"
    )
