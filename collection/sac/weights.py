"""The weights that training starts from: those of Stable-Baselines3's own networks."""

from __future__ import annotations

import math

import torch
from torch import nn

from collection.sac.mlp import StackedMLP
from collection.sac.update import SACLearner


def initialize(learner: SACLearner, seed: int, temperature: float = 1.0) -> None:
    """Fill a learner with weights that a seed decides, drawn as torch draws a linear layer's."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _draw(learner.actor)
        _draw(learner.critics)
    learner.targets.parameters.copy_(learner.critics.parameters)
    learner.targets.refresh()
    learner.log_alpha.fill_(math.log(temperature))


def _draw(network: StackedMLP) -> None:
    """One network after the other, each from its input to its output."""
    for group in range(network.groups):
        for layer in network.layers:
            fan_out, fan_in = layer.weight.shape[1:]
            drawn = nn.Linear(fan_in, fan_out)
            layer.weight[group].copy_(drawn.weight.detach())
            layer.bias[group, 0].copy_(drawn.bias.detach())
    network.refresh()
