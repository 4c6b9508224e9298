"""Weights that training starts with: random, or those of an earlier run.

Random ones are distributed like those of Stable-Baselines3's networks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from collection.actor import Layers
from collection.errors import InvalidSettingError
from collection.sac.kept import KeptTraining, Start
from collection.sac.mlp import StackedMLP
from collection.sac.settings import TrainSettings
from collection.sac.update import Hyperparameters, SACLearner


def new_learner(
    settings: TrainSettings, state_size: int, action_size: int, device: torch.device
) -> SACLearner:
    """A learner with the settings of a run; its weights are zeros."""
    hyperparameters = Hyperparameters(
        learning_rate=settings.learning_rate,
        discount_factor=settings.discount_factor,
        tau=settings.tau,
        target_entropy=-float(action_size),
        critic_hidden=settings.critic_hidden,
        low_precision=settings.precision == "bfloat16",
        critic_layer_norm=settings.critic_layer_norm,
        normalize_states=settings.normalize_states,
        reward_scale=settings.reward_scale,
        root_rewards=settings.reward_power != 1,
    )
    return SACLearner(state_size, action_size, settings.hidden, hyperparameters, device)


def initialize(learner: SACLearner, seed: int, temperature: float = 1.0) -> None:
    """Fill a learner with random weights from a seed, drawn as torch initializes linear layers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _draw(learner.actor)
        _draw(learner.critics)
    learner.targets.parameters.copy_(learner.critics.parameters)
    learner.targets.refresh()
    learner.log_alpha.fill_(math.log(temperature))


def load(learner: SACLearner, start: Start, settings: TrainSettings) -> None:
    """Copy a policy, or a kept actor and its critics, into a learner, to start training from it.

    Args:
        learner: of a run with these settings.
        start: what to copy.
        settings: of the new run.

    Raises:
        InvalidSettingError: the layers have other sizes, or are normalized where the learner's are
            not, or the other way round, or new critics would not learn before the actor.

    Critics of other widths than the kept ones, if a run asks for them, stay random, and have to
    learn before the actor does.
    """
    _check_alike(settings, start)
    if isinstance(start, KeptTraining):
        given = [start.policy.actor], start.critics
        if start.statistics is not None:
            given = [[start.statistics.unfolded(layers) for layers in part] for part in given]
        _load(learner.actor, given[0])
        if _critics_go_on(settings, start):
            _load(learner.critics, given[1])
        learner.targets.parameters.copy_(learner.critics.parameters)
        learner.targets.refresh()
    else:
        _load(learner.actor, [start.actor])


def layers_of(network: StackedMLP) -> list[Layers]:
    """Copies of the layers of each network of a group."""
    return [
        Layers(
            tuple(layer.weight[group].cpu().numpy().copy() for layer in network.layers),
            tuple(layer.bias[group, 0].cpu().numpy().copy() for layer in network.layers),
        )
        for group in range(network.groups)
    ]


def _check_alike(wanted: TrainSettings, start: Start) -> None:
    kept = isinstance(start, KeptTraining)
    found = {
        "normalize_states": kept and start.statistics is not None,
        "critic_layer_norm": start.critic_layer_norm if kept else wanted.critic_layer_norm,
        "reward_scale": start.reward_scale if kept else wanted.reward_scale,
        "reward_power": start.reward_power if kept else wanted.reward_power,
    }
    for name, value in found.items():
        given = getattr(wanted, name)
        if value != given:
            raise InvalidSettingError(
                f"{name}: the run to start from has {value}, got {given}; start with the same"
                " setting, or from random weights"
            )


def _critics_go_on(wanted: TrainSettings, start: KeptTraining) -> bool:
    """Whether the run has critics like the kept ones; if not, they must be ahead of the actor."""
    if wanted.critic_hidden == start.critic_hidden:
        return True
    if wanted.actor_starts <= wanted.learning_starts:
        raise InvalidSettingError(
            f"critic_hidden: the kept critics have {start.critic_hidden or start.hidden}, got"
            f" {wanted.critic_hidden or wanted.hidden}: these begin with random weights and would"
            f" mislead the actor; give actor_starts above {wanted.learning_starts:,}, such as"
            f" {wanted.learning_starts + 25_000:,}, or leave critic_hidden out"
        )
    return False


def _load(network: StackedMLP, layers: Sequence[Layers]) -> None:
    expected = [tuple(layer.weight.shape[1:]) for layer in network.layers]
    for group, given in enumerate(layers):
        found = [weight.shape for weight in given.weights]
        if found != expected:
            raise InvalidSettingError(
                f"the policy to start from has layers {found} (out, in), expected {expected}: it "
                "must be for the same robot and have the same hidden layers"
            )
        for layer, weight, bias in zip(network.layers, given.weights, given.biases, strict=True):
            layer.weight[group].copy_(torch.from_numpy(weight))
            layer.bias[group, 0].copy_(torch.from_numpy(bias))
    network.refresh()


def _draw(network: StackedMLP) -> None:
    """Draw weights for one network after the other, each from its input to its output."""
    for group in range(network.groups):
        for layer in network.layers:
            fan_out, fan_in = layer.weight.shape[1:]
            drawn = nn.Linear(fan_in, fan_out)
            layer.weight[group].copy_(drawn.weight.detach())
            layer.bias[group, 0].copy_(drawn.bias.detach())
    network.refresh()
