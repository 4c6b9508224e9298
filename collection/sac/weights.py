"""Initial weights of training, distributed like those of Stable-Baselines3's networks."""

from __future__ import annotations

import math

import torch
from torch import nn

from collection.actor import Actor
from collection.errors import InvalidSettingError
from collection.sac.mlp import StackedMLP
from collection.sac.update import SACLearner


def initialize(learner: SACLearner, seed: int, temperature: float = 1.0) -> None:
    """Fill a learner with random weights from a seed, drawn as torch initializes linear layers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _draw(learner.actor)
        _draw(learner.critics)
    learner.targets.parameters.copy_(learner.critics.parameters)
    learner.targets.refresh()
    learner.log_alpha.fill_(math.log(temperature))


def load_actor(learner: SACLearner, actor: Actor) -> None:
    """Copy an actor into a learner, to start training from it.

    Raises:
        InvalidSettingError: the actor's layers have other sizes.
    """
    layers = learner.actor.layers
    expected = [tuple(layer.weight.shape[1:]) for layer in layers]
    found = [weight.shape for weight in actor.weights]
    if found != expected:
        raise InvalidSettingError(
            f"the policy to start from has layers {found} (out, in), expected {expected}: it must "
            "be for the same robot and have the same hidden layers"
        )
    for layer, weight, bias in zip(layers, actor.weights, actor.biases, strict=True):
        layer.weight[0].copy_(torch.from_numpy(weight))
        layer.bias[0, 0].copy_(torch.from_numpy(bias))
    learner.actor.refresh()


def _draw(network: StackedMLP) -> None:
    """Draw weights for one network after the other, each from its input to its output."""
    for group in range(network.groups):
        for layer in network.layers:
            fan_out, fan_in = layer.weight.shape[1:]
            drawn = nn.Linear(fan_in, fan_out)
            layer.weight[group].copy_(drawn.weight.detach())
            layer.bias[group, 0].copy_(drawn.bias.detach())
    network.refresh()
