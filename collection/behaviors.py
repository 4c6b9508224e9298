"""Behaviors: who acts while data are collected. One row per name in :data:`BEHAVIORS`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from jaxtyping import Float32

from collection.checks import check_least
from collection.errors import InvalidSettingError, NotCollectableError
from collection.policy_files import PolicyFile, read_policy, shipped_policy
from collection.replay_files import ReplayFile, open_replay, shipped_replay
from collection.rollout import Policy, Trajectory, rollout
from vd4rl_data.seeding import COLLECTION_RECIPE
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
        """What decides the episodes besides the name, as JSON."""
        ...

    @property
    def arguments(self) -> tuple[str, ...]:
        """What a command line says to ask for this behavior, besides its name."""
        ...

    def lengths(self, task: TaskSpec, episodes: int) -> tuple[int, ...]:
        """Time steps of the first episodes; an upper bound where one can end earlier."""
        ...

    def play(self, simulation: Simulation, *, episode: int, size: int | None = None) -> Trajectory:
        """Play one episode: a function of task, behavior and number alone.

        Args:
            simulation: of the task.
            episode: its number.
            size: of the frames to draw on the way where no physics state could be drawn later.
        """
        ...


@dataclass(frozen=True, slots=True)
class UniformBehavior:
    """Actions drawn independently and uniformly from [-1, 1]: V-D4RL's ``random`` datasets.

    Attributes:
        name: as in dataset ids.
        seed: of all episodes.
    """

    name: str = "random"
    seed: int = 0

    @property
    def description(self) -> Mapping[str, Any]:
        """See :class:`Behavior`."""
        return {"name": self.name, "distribution": "uniform(-1, 1)"}

    @property
    def identity(self) -> Mapping[str, Any]:
        """See :class:`Behavior`."""
        return _seeding(self.seed)

    @property
    def arguments(self) -> tuple[str, ...]:
        """See :class:`Behavior`."""
        return ("--seed", str(self.seed))

    def lengths(self, task: TaskSpec, episodes: int) -> tuple[int, ...]:
        """See :class:`Behavior`."""
        return (task.time_steps,) * episodes

    def play(self, simulation: Simulation, *, episode: int, size: int | None = None) -> Trajectory:
        """See :class:`Behavior`."""
        return rollout(
            simulation,
            make_uniform_policy,
            behavior=self.name,
            seed=self.seed,
            episode=episode,
            size=size,
        )


@dataclass(frozen=True, slots=True)
class PolicyBehavior:
    """A trained policy acts.

    Attributes:
        policy: from a file.
        deterministic: the squashed mean acts; else, as in the paper, a sample.
        seed: of all episodes.
    """

    policy: PolicyFile
    deterministic: bool = False
    seed: int = 0

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
        return {
            "policy_sha256": self.policy.sha256,
            "deterministic": self.deterministic,
            **_seeding(self.seed),
        }

    @property
    def arguments(self) -> tuple[str, ...]:
        """See :class:`Behavior`."""
        return (
            *("--seed", str(self.seed)),
            *(("--deterministic",) if self.deterministic else ()),
            *_source(self.policy.path, shipped_policy(self.policy.task, self.policy.tier)),
        )

    def lengths(self, task: TaskSpec, episodes: int) -> tuple[int, ...]:
        """See :class:`Behavior`."""
        return (task.time_steps,) * episodes

    def play(self, simulation: Simulation, *, episode: int, size: int | None = None) -> Trajectory:
        """See :class:`Behavior`."""
        return rollout(
            simulation,
            self._make_policy,
            behavior=self.name,
            seed=self.seed,
            episode=episode,
            size=size,
        )

    def _make_policy(self, task: TaskSpec, rng: np.random.Generator) -> Policy:
        del task
        actor = self.policy.actor

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

    @property
    def arguments(self) -> tuple[str, ...]:
        """See :class:`Behavior`."""
        return _source(self.replay.path, shipped_replay(self.replay.task))

    def lengths(self, task: TaskSpec, episodes: int) -> tuple[int, ...]:
        """See :class:`Behavior`.

        Raises:
            InvalidSettingError: the replay holds fewer episodes.
        """
        del task
        if episodes > len(self.replay):
            raise InvalidSettingError(
                f"episodes: {self.replay.path} holds {len(self.replay)}, got {episodes}"
            )
        return self.replay.lengths[:episodes]

    def play(self, simulation: Simulation, *, episode: int, size: int | None = None) -> Trajectory:
        """See :class:`Behavior`."""
        del size
        return dataclasses.replace(
            self.replay.trajectory(episode, simulation), look_episode=episode
        )


def make_uniform_policy(task: TaskSpec, rng: np.random.Generator) -> Policy:
    """Uniform actions, blind by design."""

    def act(state: Float32[np.ndarray, " P"]) -> Float32[np.ndarray, " A"]:  # noqa: ARG001
        return rng.uniform(-1.0, 1.0, size=task.action_size).astype(np.float32)

    return act


@dataclass(frozen=True, slots=True)
class BehaviorOptions:
    """How a behavior is asked for. ``None`` everywhere asks for nothing special.

    Attributes:
        source: a policy (``.safetensors``) or replay (``.h5``) to use in place of the shipped one.
        deterministic: whether a trained policy acts by its mean, instead of by samples.
        seed: of all episodes; 0 where none is given.
    """

    source: Path | None = None
    deterministic: bool | None = None
    seed: int | None = None

    def given(self) -> tuple[str, ...]:
        """Names of the options that were given."""
        values = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return tuple(name for name, value in values.items() if value is not None)


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of :data:`BEHAVIORS`.

    Attributes:
        make: the behavior for a task, its name and options.
        options: names of the options that mean something to it; all others are refused.
    """

    make: Callable[[TaskSpec, str, BehaviorOptions], Behavior]
    options: frozenset[str]


def _uniform(task: TaskSpec, name: str, options: BehaviorOptions) -> Behavior:
    del task
    return UniformBehavior(name, options.seed or 0)


def _trained(task: TaskSpec, name: str, options: BehaviorOptions) -> Behavior:
    path = options.source or shipped_policy(task.name, name)
    if path is None:
        raise _not_shipped(task, name)
    policy = read_policy(path)
    if policy.tier != name:
        raise InvalidSettingError(f"{path}: expected a policy of tier {name}, got {policy.tier}")
    if policy.task != task.name:
        raise InvalidSettingError(f"{path}: expected a policy of {task.name}, got {policy.task}")
    return PolicyBehavior(policy, bool(options.deterministic), options.seed or 0)


def _replayed(task: TaskSpec, name: str, options: BehaviorOptions) -> Behavior:
    path = options.source or shipped_replay(task.name)
    if path is None:
        raise _not_shipped(task, name)
    replay = open_replay(path)
    if replay.task != task.name:
        raise InvalidSettingError(f"{path}: expected a replay of {task.name}, got {replay.task}")
    return ReplayBehavior(replay, name)


_OF_A_POLICY: Final = Kind(_trained, frozenset({"source", "deterministic", "seed"}))

BEHAVIORS: Final[Mapping[str, Kind]] = {
    "random": Kind(_uniform, frozenset({"seed"})),
    "medium_replay": Kind(_replayed, frozenset({"source"})),
    "medium": _OF_A_POLICY,
    "expert": _OF_A_POLICY,
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
        InvalidSettingError: an option means nothing to this behavior or is out of range, or the
            file is another's.
        PolicyFileError, ReplayFileError: a file is missing or damaged.
    """
    if name not in BEHAVIORS:
        raise NotCollectableError(f"behavior: expected one of {', '.join(BEHAVIORS)}, got {name!r}")
    kind = BEHAVIORS[name]
    for option in options.given():
        if option not in kind.options:
            takes = ", ".join(sorted(kind.options))
            raise InvalidSettingError(
                f"{option}: means nothing to {name}, which takes {takes} alone; got "
                f"{getattr(options, option)!s}. Leave it out"
            )
    if options.seed is not None:
        check_least("seed", options.seed, 0)
    return kind.make(task, name, options)


def _source(path: Path, shipped: Path | None) -> tuple[str, ...]:
    return () if path == shipped else ("--source", path.name)


def _seeding(seed: int) -> dict[str, int]:
    return {"seed": seed, "recipe_version": COLLECTION_RECIPE}


def _not_shipped(task: TaskSpec, name: str) -> NotCollectableError:
    folder = f"runs/{task.name}"
    return NotCollectableError(
        f"no {name} policy of {task.name} comes with the repository. Train one, select its tiers, "
        f"and name the file that results with --source:\n"
        f"    python -m collection train {task.name} --out {folder}\n"
        f"    python -m collection select {folder} --out {folder}/tiers"
    )
