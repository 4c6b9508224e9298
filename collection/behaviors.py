"""Behaviors: what chooses the actions of a dataset. :data:`BEHAVIORS` has one row per name."""

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
class UniformBehavior:
    """Actions drawn independently and uniformly from [-1, 1]: V-D4RL's ``random`` datasets.

    Attributes:
        name: the behavior's name in dataset ids.
        seed: seed of all episodes.
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
    """A trained policy chooses the actions.

    Attributes:
        policy: the policy, read from a file.
        deterministic: whether to take the squashed mean; otherwise, as in the paper, a sample.
        seed: seed of all episodes.
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
        return _source(self.replay.path, shipped_replay(self.replay.task))

    def lengths(self, task: TaskSpec, episodes: int) -> tuple[int, ...]:
        """See :class:`Behavior`.

        Raises:
            InvalidSettingError: the replay holds fewer episodes.
        """
        del task
        if episodes > len(self.replay):
            raise InvalidSettingError(
                f"episodes: expected at most {len(self.replay)}, as many as {self.replay.path} "
                f"holds, got {episodes}"
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


@dataclass(frozen=True, slots=True)
class BehaviorOptions:
    """A user's options for a behavior; each is ``None`` if the user did not give it.

    Attributes:
        source: a policy (``.safetensors``) or replay (``.h5``) to use in place of the shipped one.
        deterministic: whether a trained policy takes its mean action instead of a sample.
        seed: seed of all episodes; 0 if not given.
    """

    source: Path | None = None
    deterministic: bool | None = None
    seed: int | None = None

    def given(self) -> tuple[str, ...]:
        """Names of the options that were given."""
        values = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return tuple(name for name, value in values.items() if value is not None)


@dataclass(frozen=True, slots=True)
class BehaviorKind:
    """A row of :data:`BEHAVIORS`.

    Attributes:
        make: makes the behavior from a task, the behavior's name and the options.
        options: names of the options that apply to it; all others are refused.
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


_OF_A_POLICY: Final = BehaviorKind(_trained, frozenset({"source", "deterministic", "seed"}))

BEHAVIORS: Final[Mapping[str, BehaviorKind]] = {
    "random": BehaviorKind(_uniform, frozenset({"seed"})),
    "medium_replay": BehaviorKind(_replayed, frozenset({"source"})),
    "medium": _OF_A_POLICY,
    "expert": _OF_A_POLICY,
}


def find_behavior(
    task: TaskSpec,
    name: str,
    options: BehaviorOptions = BehaviorOptions(),
) -> Behavior:
    """Find the behavior with this name for a task.

    Raises:
        NotCollectableError: there is no such behavior, or none is shipped for this task; the
            message prints the commands that make one.
        InvalidSettingError: an option does not apply to this behavior or is out of range, or the
            file belongs to another task or behavior.
        PolicyFileError, ReplayFileError: a file is missing or damaged.
    """
    if name not in BEHAVIORS:
        raise NotCollectableError(f"behavior: expected one of {', '.join(BEHAVIORS)}, got {name!r}")
    kind = BEHAVIORS[name]
    for option in options.given():
        if option not in kind.options:
            takes = ", ".join(sorted(kind.options))
            raise InvalidSettingError(
                f"{option}: does not apply to {name}, which takes only {takes}; got "
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
        f"the repository has no {name} policy for {task.name}. Train one, select its tiers, and "
        f"pass the resulting file with --source:\n"
        f"    python -m collection train {task.name} --out {folder}\n"
        f"    python -m collection select {folder} --out {folder}/tiers"
    )
