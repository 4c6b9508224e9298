"""What plays the episodes of a dataset: chance, a trained policy, a recorded replay."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from jaxtyping import Float32

from collection.actor import Actor
from collection.errors import InvalidSettingError
from collection.policy_files import FOLDER as POLICIES
from collection.policy_files import PolicyFile
from collection.replay_files import FOLDER as REPLAYS
from collection.replay_files import ReplayFile
from collection.rolled import Rolled
from collection.rollout import Policy, Trajectory
from vd4rl_data.simulators import Simulation
from vd4rl_data.spec import TaskSpec

HIDDEN: Final = (256, 256, 256)
"""Widths of the hidden layers of a policy that was never trained; those of V-D4RL's."""


class Behavior(Protocol):
    """Plays the episodes of a dataset. Must be picklable: each worker process gets a copy."""

    @property
    def name(self) -> str:
        """The behavior's name in dataset ids."""
        ...

    @property
    def description(self) -> Mapping[str, Any]:
        """What the manifest records about the policy; JSON values."""
        ...

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything besides the name that determines the episodes; JSON values."""
        ...

    @property
    def arguments(self) -> tuple[str, ...]:
        """The command-line options that select this behavior, besides its name."""
        ...

    def lengths(self, task: TaskSpec, episodes: int) -> tuple[int, ...]:
        """Time steps of each of the first episodes; upper bounds if an episode can end early."""
        ...

    def play(self, simulation: Simulation, *, episode: int, size: int | None = None) -> Trajectory:
        """Play one episode, determined by task, behavior and episode number alone.

        Args:
            simulation: a simulation of the task.
            episode: number of the episode.
            size: height and width of the frames, in pixels. They are rendered while playing, and
                only if the simulator has no physics state to render from later.
        """
        ...


@dataclass(frozen=True, slots=True)
class UniformBehavior(Rolled):
    """Actions drawn independently and uniformly from [-1, 1]: V-D4RL's ``random`` datasets."""

    @property
    def name(self) -> str:
        """See :class:`Behavior`."""
        return "random"

    @property
    def description(self) -> Mapping[str, Any]:
        """See :class:`Behavior`."""
        return {"name": self.name, "distribution": "uniform(-1, 1)"}

    def make_policy(self, task: TaskSpec, episode: int, rng: np.random.Generator) -> Policy:
        """See :class:`Rolled`."""
        del episode
        return make_uniform_policy(task, rng)


@dataclass(frozen=True, slots=True)
class RandomWeightsBehavior(Rolled):
    """A policy that was never trained, another one in every episode: LQV-D4RL's ``random``.

    Which initialization its authors used is not published. This one has the layers of the trained
    policies, with normal weights that keep the scale of what passes through them (He et al., 2015).
    """

    @property
    def name(self) -> str:
        """See :class:`Behavior`."""
        return "random_weights"

    @property
    def description(self) -> Mapping[str, Any]:
        """See :class:`Behavior`."""
        return {"name": self.name, "layers": [*HIDDEN], "deterministic": False}

    def make_policy(self, task: TaskSpec, episode: int, rng: np.random.Generator) -> Policy:
        """See :class:`Rolled`."""
        del episode
        return make_untrained_policy(task, rng)


@dataclass(frozen=True, slots=True)
class PolicyBehavior(Rolled):
    """A trained policy chooses the actions.

    Attributes:
        policy: the policy, read from a file.
        deterministic: whether to take the squashed mean; otherwise, as in the paper, a sample.
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
    def settings(self) -> Mapping[str, Any]:
        """See :class:`Rolled`."""
        return {"policy_sha256": self.policy.sha256, "deterministic": self.deterministic}

    @property
    def arguments(self) -> tuple[str, ...]:
        """See :class:`Behavior`."""
        return (
            *("--seed", str(self.seed)),
            *(("--deterministic",) if self.deterministic else ()),
            *_source(self.policy.path, POLICIES),
        )

    def make_policy(self, task: TaskSpec, episode: int, rng: np.random.Generator) -> Policy:
        """See :class:`Rolled`."""
        del task, episode
        actor = self.policy.actor

        def act(state: Float32[np.ndarray, " P"]) -> Float32[np.ndarray, " A"]:
            states = state[None]
            return (actor.mode(states) if self.deterministic else actor.sample(states, rng))[0]

        return act


@dataclass(frozen=True, slots=True)
class ReplayBehavior:
    """The recorded episodes of a training run: they are read from a file, not played again."""

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

    @property
    def arguments(self) -> tuple[str, ...]:
        """See :class:`Behavior`."""
        return _source(self.replay.path, REPLAYS)

    def lengths(self, task: TaskSpec, episodes: int) -> tuple[int, ...]:
        """See :class:`Behavior`.

        Raises:
            InvalidSettingError: the replay holds fewer episodes.
        """
        del task
        if episodes > len(self.replay):
            raise InvalidSettingError(
                f"episodes: expected at most {len(self.replay)}, as many as {self.replay.path} "
                f"holds, got {episodes}; collect so many with --episodes {len(self.replay)}"
            )
        return self.replay.lengths[:episodes]

    def play(self, simulation: Simulation, *, episode: int, size: int | None = None) -> Trajectory:
        """See :class:`Behavior`."""
        del size
        return dataclasses.replace(
            self.replay.trajectory(episode, simulation), look_episode=episode
        )


def make_uniform_policy(task: TaskSpec, rng: np.random.Generator) -> Policy:
    """Make a policy that draws uniform actions and ignores the state."""

    def act(state: Float32[np.ndarray, " P"]) -> Float32[np.ndarray, " A"]:  # noqa: ARG001
        return rng.uniform(-1.0, 1.0, size=task.action_size).astype(np.float32)

    return act


def make_untrained_policy(task: TaskSpec, rng: np.random.Generator) -> Policy:
    """Make a policy of random weights, whose actions are samples.

    Raises:
        InvalidSettingError: the task's row tells no proprioceptive state to act on.
    """
    state_size = sum(size for _, size in task.state_layout)
    if not state_size:
        raise InvalidSettingError(f"task: {task.name} has no proprioceptive state to act on")
    sizes = (state_size, *HIDDEN, 2 * task.action_size)
    gains = (*(2.0,) * len(HIDDEN), 1.0)  # half of what passes a ReLU is lost
    layers = list(zip(sizes[1:], sizes[:-1], gains, strict=True))
    actor = Actor(
        tuple(
            rng.normal(0.0, np.sqrt(gain / into), (out, into)).astype(np.float32)
            for out, into, gain in layers
        ),
        tuple(np.zeros(out, np.float32) for out, _, _ in layers),
    )

    def act(state: Float32[np.ndarray, " P"]) -> Float32[np.ndarray, " A"]:
        return actor.sample(state[None], rng)[0]

    return act


def _source(path: Path, shipped: Path) -> tuple[str, ...]:
    return () if path.parent == shipped else ("--source", path.name)
