"""A policy cloned from episodes of a replay: what a training run did at one time, without the run.

A replay has the episodes of a learner, not its policies. Where a policy of one of its stages is
wanted, e.g. of another level than the one that was kept, the stage's own states and actions are
enough to learn it: the actions' likelihood under the policy is maximized.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from collection.actor import Actor
from collection.checks import check_least
from collection.errors import InvalidSettingError
from collection.keyframes import warn_about
from collection.players import HIDDEN
from collection.policy_files import policy_contents, policy_in
from collection.replay_files import ReplayFile, open_replay
from collection.selection import write_files
from collection.tiers import level_in_name
from collection.versions import installed_versions
from vd4rl_data.registry import get_task_spec
from vd4rl_data.simulators import Simulation

BATCH: Final = 256
LEARNING_RATE: Final = 1e-3
_LARGEST: Final = 0.999
"""Actions are clipped to this before the inverse of tanh: at 1 it is infinite."""

Told = Callable[[int, float], None]
"""Called with the step and the mean negative log likelihood of its batch, in nats."""


def clone_into(
    out: Path,
    path: Path,
    episodes: tuple[int, int],
    *,
    level: float,
    steps: int,
    seed: int,
    replace: bool,
    told: Told,
) -> Path:
    """Clone the medium policy of a level, and write it as ``select`` would.

    Args:
        out: folder; the policy is ``policies/<task>-medium_<level>.safetensors`` in it.
        path: the replay.
        episodes: numbers of the first and the last episode.
        level: return that the policy stands for.
        steps: see :func:`clone`.
        seed: see :func:`clone`.
        told: see :func:`clone`.
        replace: replace another policy of this name.

    Returns:
        The policy's file.

    Raises:
        OutputExistsError: another policy exists there, and ``replace`` is false.
        NoSpaceError: the disk is full.
        As :func:`clone`.
    """
    replay = open_replay(path)
    actor = clone(replay, *episodes, steps=steps, seed=seed, told=told)
    first, last = episodes
    returns = replay.returns[first : last + 1]
    named = level_in_name(replay.task, level)
    target = policy_in(out / "policies", replay.task, "medium", named)
    training = {
        "algorithm": "behavioral cloning",
        "settings": {"task": replay.task, "seed": seed, "steps": steps, "batch_size": BATCH},
        "replay": {"file": path.name, "sha256": replay.sha256, "training": dict(replay.training)},
        "checkpoint": {
            "tier": "medium",
            "rule": {
                "rule": f"the policy of episodes {first} to {last} of the replay",
                "level": level,
                "mean_return": float(returns.mean()),
            },
        },
        "machine": {
            "versions": {
                **installed_versions(get_task_spec(replay.task)),
                "torch": torch.__version__,
            }
        },
    }
    contents = policy_contents(
        target,
        actor,
        task=replay.task,
        tier="medium",
        observations=get_task_spec(replay.task).state_layout,
        training=training,
    )
    write_files(contents, replace=replace)
    return target


def clone(
    replay: ReplayFile, first: int, last: int, *, steps: int = 5_000, seed: int = 0, told: Told
) -> Actor:
    """Learn the policy of some episodes.

    Args:
        replay: the episodes' replay.
        first: number of the first episode.
        last: number of the last episode.
        steps: gradient steps; the learning rate falls to zero over them.
        seed: of weights and batches.
        told: hears about the progress, every thousand steps.

    Raises:
        InvalidSettingError: a number is out of range.
        ReplayFileError: the replay is damaged.
    """
    check_least("first", first, 0)
    check_least("steps", steps, 1)
    check_least("seed", seed, 0)
    if not first <= last < len(replay):
        raise InvalidSettingError(
            f"last: expected {first} to {len(replay) - 1}, the last episode of {replay.path}, got"
            f" {last}"
        )
    states, actions = _examples(replay, first, last)
    targets = np.arctanh(actions.clip(-_LARGEST, _LARGEST))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = _network(states, targets.shape[1])
        _fit(layers, torch.from_numpy(states), torch.from_numpy(targets), steps, told)
    return _folded(layers)


def _examples(
    replay: ReplayFile, first: int, last: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    simulation = Simulation(replay.task)
    try:
        episodes = [replay.trajectory(number, simulation) for number in range(first, last + 1)]
    finally:
        simulation.close()
    warn_about(max(episode.deviation for episode in episodes), str(replay.path))
    states = np.concatenate([episode.recorded()[1][:-1] for episode in episodes])
    return states, np.concatenate([episode.actions for episode in episodes])


class _Scale(nn.Module):
    """States to mean 0 and deviation 1."""

    def __init__(self, states: NDArray[np.float32]) -> None:
        super().__init__()
        self.mean = torch.from_numpy(states.mean(axis=0))
        self.std = torch.from_numpy(states.std(axis=0) + 1e-3)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return (states - self.mean) / self.std


def _network(states: NDArray[np.float32], action_size: int) -> nn.Sequential:
    sizes = (states.shape[1], *HIDDEN, 2 * action_size)
    layers: list[nn.Module] = [_Scale(states)]
    for into, out in pairwise(sizes):
        layers += [nn.Linear(into, out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _fit(
    network: nn.Sequential, states: torch.Tensor, targets: torch.Tensor, steps: int, told: Told
) -> None:
    """Maximize the likelihood of the actions before tanh, which differs by a constant."""
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    for step in range(1, steps + 1):
        rows = torch.randint(len(states), (BATCH,))
        means, log_stds = network(states[rows]).chunk(2, dim=1)
        log_stds = log_stds.clamp(*Actor.LOG_STD_RANGE)
        errors = (targets[rows] - means) * torch.exp(-log_stds)
        loss = (0.5 * errors.square() + log_stds).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()  # pyright: ignore[reportUnknownMemberType]
        optimizer.step()
        schedule.step()
        if step % 1000 == 0 or step == steps:
            told(step, float(loss.detach()))


def _folded(network: nn.Sequential) -> Actor:
    """The policy, with the scaling of states inside its first layer."""
    scale: Any = network[0]
    linear: list[Any] = [layer for layer in network if isinstance(layer, nn.Linear)]
    weights = [layer.weight.detach() for layer in linear]
    biases = [layer.bias.detach() for layer in linear]
    weights[0] = weights[0] / scale.std
    biases[0] = biases[0] - weights[0] @ scale.mean
    return Actor(
        tuple(weight.numpy().copy() for weight in weights),
        tuple(bias.numpy().copy() for bias in biases),
    )
