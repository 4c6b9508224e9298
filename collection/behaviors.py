"""Behaviors: what chooses the actions of a dataset. :data:`BEHAVIORS` has one row per name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collection.checks import check_least
from collection.demonstrations import DemonstrationsBehavior
from collection.driver import LEARNING, SKILLED, DriverBehavior
from collection.errors import InvalidSettingError, NotCollectableError
from collection.minari_files import open_minari
from collection.players import (
    Behavior,
    PolicyBehavior,
    RandomWeightsBehavior,
    ReplayBehavior,
    UniformBehavior,
)
from collection.policy_files import read_policy
from collection.replay_files import open_replay
from collection.scripted import find_script
from collection.sources import Source, find_policy, find_replay, trained_on
from vd4rl_data.simulators.kitchen import KitchenSettings
from vd4rl_data.spec import TaskSpec
from vd4rl_data.suites.policies import LATE_REPLAY, REPLAY, TRAINED_ON


@dataclass(frozen=True, slots=True)
class BehaviorOptions:
    """A user's options for a behavior; each is ``None`` if the user did not give it.

    Attributes:
        source: a policy (``.safetensors``) or replay (``.h5``) to use in place of the shipped one,
            or a folder of them as ``select`` writes it: in it, or in its folders ``policies`` and
            ``replays``; or a repository of them on the Hub.
        deterministic: whether a trained policy takes its mean action instead of a sample.
        seed: seed of all episodes; 0 if not given.
    """

    source: Source | None = None
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
        make: makes the behavior from a task, the behavior's name, the options, and the level of
            the medium policy, ``None`` for the task's usual one.
        options: names of the options that apply to it; all others are refused.
    """

    make: Callable[[TaskSpec, str, BehaviorOptions, float | None], Behavior]
    options: frozenset[str]


def _uniform(task: TaskSpec, name: str, options: BehaviorOptions, level: float | None) -> Behavior:
    del task, name, level
    return UniformBehavior(seed=options.seed or 0)


def _random_weights(
    task: TaskSpec, name: str, options: BehaviorOptions, level: float | None
) -> Behavior:
    del task, name, level
    return RandomWeightsBehavior(seed=options.seed or 0)


def _driver(task: TaskSpec, name: str, options: BehaviorOptions, level: float | None) -> Behavior:
    del task, level
    return DriverBehavior(name, seed=options.seed or 0)


def _scripted(task: TaskSpec, name: str, options: BehaviorOptions, level: float | None) -> Behavior:
    del level
    return find_script(task, name, options.seed or 0)


def _demonstrated(
    task: TaskSpec, name: str, options: BehaviorOptions, level: float | None
) -> Behavior:
    del level
    if not isinstance(options.source, Path) or not isinstance(task.settings, KitchenSettings):
        raise NotCollectableError(
            f"{name} of {task.name}: expected demonstrations of the kitchen, as Minari publishes"
            " them: --source D4RL/kitchen/mixed-v2, or the folder of such a dataset"
        )
    return DemonstrationsBehavior(open_minari(options.source), name)


def _trained(task: TaskSpec, name: str, options: BehaviorOptions, level: float | None) -> Behavior:
    trained = TRAINED_ON.get(task.name, task.name)
    path = find_policy(options.source, trained, name, level)
    if path is None:
        raise _not_shipped(trained, name, level)
    expected = trained_on(path, options.source, trained, name, level)
    policy = read_policy(path)
    if policy.tier != name:
        raise InvalidSettingError(f"{path}: expected a policy of tier {name}, got {policy.tier}")
    if policy.task != expected:
        raise InvalidSettingError(f"{path}: expected a policy of {expected}, got {policy.task}")
    return PolicyBehavior(policy, bool(options.deterministic), seed=options.seed or 0)


def _replayed(task: TaskSpec, name: str, options: BehaviorOptions, level: float | None) -> Behavior:
    trained = TRAINED_ON.get(task.name, task.name)
    path = find_replay(options.source, trained, level, name)
    if path is None:
        raise _not_shipped(trained, name, level)
    replay = open_replay(path)
    if replay.task != trained:
        raise InvalidSettingError(f"{path}: expected a replay of {trained}, got {replay.task}")
    if trained != task.name and not replay.stores_successes:
        raise InvalidSettingError(
            f"{path}: expected a replay that tells successes, the rewards of {task.name}; make it"
            " again of its training run"
        )
    return ReplayBehavior(replay, name)


_OF_A_POLICY: Final = BehaviorKind(_trained, frozenset({"source", "deterministic", "seed"}))

BEHAVIORS: Final[Mapping[str, BehaviorKind]] = {
    "random": BehaviorKind(_uniform, frozenset({"seed"})),
    "random_weights": BehaviorKind(_random_weights, frozenset({"seed"})),
    SKILLED: BehaviorKind(_driver, frozenset({"seed"})),
    LEARNING: BehaviorKind(_driver, frozenset({"seed"})),
    REPLAY: BehaviorKind(_replayed, frozenset({"source"})),
    LATE_REPLAY: BehaviorKind(_replayed, frozenset({"source"})),
    "medium": _OF_A_POLICY,
    "expert": _OF_A_POLICY,
    "demos": BehaviorKind(_demonstrated, frozenset({"source"})),
    "scripted": BehaviorKind(_scripted, frozenset({"seed"})),
}


def find_behavior(
    task: TaskSpec,
    name: str,
    options: BehaviorOptions = BehaviorOptions(),
    level: float | None = None,
) -> Behavior:
    """Find the behavior with this name for a task.

    Args:
        task: the task.
        name: one of :data:`BEHAVIORS`.
        options: the user's.
        level: return above which the medium policy was chosen; ``None`` for the task's usual one.

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
    return kind.make(task, name, options, level)


def _not_shipped(task: str, name: str, level: float | None) -> NotCollectableError:
    folder = f"runs/{task}"
    tier = "expert" if name == "expert" else "medium"
    above = "" if level is None else f" --level {level:g}"
    of_level = "" if level is None else f" of level {level:g}"
    return NotCollectableError(
        f"the repository has no {name} policy{of_level} for {task}. Train one, select it, and "
        f"pass the folder with --source:\n"
        f"    python -m collection train {task} --out {folder}\n"
        f"    python -m collection select {folder} --tiers {tier}{above} --out {folder}/tiers"
    )
