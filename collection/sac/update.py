"""SAC's update (Haarnoja et al. 2018, second version): one gradient step of every part.

The rule, its order and its constants are those of Stable-Baselines3's ``SAC.train``; a test
compares the two. Only the way it is computed differs, see :mod:`collection.sac.mlp`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from collection.actor import Actor
from collection.sac.mlp import Pass, StackedMLP

LOG_STD_RANGE: Final = Actor.LOG_STD_RANGE
EPSILON: Final = 1e-6
"""Added to 1 - tanh(u)^2 before the logarithm, as Stable-Baselines3 does."""

_HALF_LOG_TWO_PI: Final = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True, slots=True)
class Batch:
    """Transitions as float32: states and next states (B, P), actions (B, A), rewards and
    bootstraps (B, 1); a bootstrap is 0 after a termination, else 1.
    """

    states: Tensor
    actions: Tensor
    rewards: Tensor
    next_states: Tensor
    bootstraps: Tensor


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """Hyperparameters of the update.

    Attributes:
        learning_rate: learning rate of all three Adam optimizers.
        discount_factor: discount factor per time step.
        tau: weight of the online critics in the moving average of their targets, at each update.
        target_entropy: entropy that the temperature aims at, in nats.
        low_precision: whether hidden layers multiply in bfloat16.
        critic_layer_norm: whether the critics' hidden layers are normalized.
        normalize_states: whether networks see states with mean 0 and deviation 1, by
            :meth:`SACLearner.set_statistics`.
        reward_scale: what rewards are multiplied with.
        root_rewards: whether rewards are raised to the power of :meth:`SACLearner.set_reward_power`
            before they are multiplied, their sign kept.
        critic_hidden: widths of the critics' hidden layers; ``None``: those of the actor.
    """

    learning_rate: float
    discount_factor: float
    tau: float
    target_entropy: float
    low_precision: bool = False
    critic_layer_norm: bool = False
    normalize_states: bool = False
    reward_scale: float = 1.0
    root_rewards: bool = False
    critic_hidden: tuple[int, ...] | None = None


class SACLearner:
    """Actor, two critics, their targets, the temperature, and the optimizers."""

    def __init__(
        self,
        state_size: int,
        action_size: int,
        hidden: tuple[int, ...],
        hyperparameters: Hyperparameters,
        device: torch.device,
    ) -> None:
        """Create the networks with zeros; fill them by :meth:`load_state_dict` or ``networks``."""
        low = hyperparameters.low_precision
        self.hyperparameters, self.action_size = hyperparameters, action_size
        inputs = state_size + action_size
        self.actor = StackedMLP(
            1, (state_size, *hidden, 2 * action_size), device, low_precision=low
        )
        norm = hyperparameters.critic_layer_norm
        widths = hyperparameters.critic_hidden or hidden
        self.critics, self.targets = (
            StackedMLP(2, (inputs, *widths, 1), device, low_precision=low, layer_norm=norm)
            for _ in range(2)
        )
        self._mean = torch.zeros(state_size, device=device)
        self._deviation = torch.ones(state_size, device=device)
        self._power = torch.ones(1, device=device)
        self.log_alpha = torch.zeros(1, device=device)
        self._alpha_gradient = torch.zeros(1, device=device)
        groups = (
            (self.actor.parameters, self.actor.gradients),
            (self.critics.parameters, self.critics.gradients),
            (self.log_alpha, self._alpha_gradient),
        )
        self.optimizers = [self._adam(*group, device) for group in groups]
        self.losses = torch.zeros(3, device=device)
        for optimizer in self.optimizers:
            _prepare(optimizer)

    def update(self, batch: Batch, noise: Tensor) -> None:
        """Make one gradient step of temperature, critics and actor, then update the targets.

        Args:
            batch: B transitions.
            noise: standard normal, (2B, A): for actions at the states, then at the next states.

        Writes the losses of temperature, critics and actor to ``losses``, on the device.
        """
        size = len(batch.states)
        alpha = self.log_alpha.exp()
        batch = self._normalized(batch)
        both = self.actor.forward(torch.cat((batch.states, batch.next_states))[None])
        head = _Head(both.output[0], noise, self.action_size)
        here, there = head.log_prob[:size], head.log_prob[size:]
        self._update_temperature(here)
        with_next = torch.cat((batch.next_states, head.actions[size:]), 1)[None]
        next_value = self.targets.forward(with_next).output.amin(0)
        backup = self._shaped(
            batch.rewards
        ) + batch.bootstraps * self.hyperparameters.discount_factor * (next_value - alpha * there)
        self._update_critics(torch.cat((batch.states, batch.actions), 1)[None], backup)
        self._update_actor(batch.states, both, head, alpha)
        self.targets.parameters.lerp_(self.critics.parameters, self.hyperparameters.tau)
        self.targets.refresh()

    def set_learning_rates(self, critics: float, others: float) -> None:
        """Set the learning rates of critics, and of actor and temperature, for later updates."""
        values = (others, critics, others)
        for optimizer, value in zip(self.optimizers, values, strict=True):
            for group in optimizer.param_groups:
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(value)  # in place: a captured graph reads it there
                else:
                    group["lr"] = value

    def set_reward_power(self, power: float) -> None:
        """Set the exponent of the rewards' size for later updates."""
        self._power.fill_(power)

    def set_statistics(self, mean: Tensor, deviation: Tensor) -> None:
        """Set mean and deviation of the states, (P,), that later updates normalize with."""
        self._mean.copy_(mean)
        self._deviation.copy_(deviation)

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next update depends on, except batch and noise."""
        return {
            "actor": self.actor.parameters,
            "critics": self.critics.parameters,
            "targets": self.targets.parameters,
            "log_alpha": self.log_alpha,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        for name, network in self.networks().items():
            network.parameters.copy_(state[name])
            network.refresh()
        self.log_alpha.copy_(state["log_alpha"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)

    def tensors(self) -> list[Tensor]:
        """The tensors that an update changes in place."""
        states = [
            state
            for optimizer in self.optimizers
            for by_parameter in optimizer.state.values()
            for state in by_parameter.values()
        ]
        parameters = [network.parameters for network in self.networks().values()]
        return [*parameters, self.log_alpha, self.losses, *states]

    def refresh(self) -> None:
        """Call this after changing parameters other than by :meth:`update`."""
        for network in self.networks().values():
            network.refresh()

    def networks(self) -> dict[str, StackedMLP]:
        """The networks by name."""
        return {"actor": self.actor, "critics": self.critics, "targets": self.targets}

    def _normalized(self, batch: Batch) -> Batch:
        if not self.hyperparameters.normalize_states:
            return batch
        here, there = (
            (states - self._mean) / self._deviation for states in (batch.states, batch.next_states)
        )
        return dataclasses.replace(batch, states=here, next_states=there)

    def _shaped(self, rewards: Tensor) -> Tensor:
        if self.hyperparameters.root_rewards:
            rewards = rewards.sign() * rewards.abs().pow(self._power)
        return rewards * self.hyperparameters.reward_scale

    def _update_temperature(self, log_prob: Tensor) -> None:
        surplus = (log_prob + self.hyperparameters.target_entropy).mean()
        self.losses[0] = -(self.log_alpha[0] * surplus)
        self._alpha_gradient[0] = -surplus
        self.optimizers[2].step()

    def _update_critics(self, inputs: Tensor, backup: Tensor) -> None:
        made = self.critics.forward(inputs)
        error = made.output - backup  # (2, B, 1)
        self.losses[1] = 0.5 * error.square().mean(1).sum()
        self.critics.backward(made, error / error.shape[1], weights=True, inputs=False)
        self.optimizers[1].step()
        self.critics.refresh()

    def _update_actor(self, states: Tensor, both: Pass, head: _Head, alpha: Tensor) -> None:
        size = len(states)
        actions = head.actions[:size]
        made = self.critics.forward(torch.cat((states, actions), 1)[None])
        values = made.output  # (2, B, 1)
        self.losses[2] = (alpha * head.log_prob[:size] - values.amin(0)).mean()
        least = (values == values.amin(0)).float()
        toward = -least / (least.sum(0) * size)
        by_inputs = self.critics.backward(made, toward, weights=False, inputs=True)
        assert by_inputs is not None
        by_actions = by_inputs.sum(0)[:, states.shape[1] :]
        gradient = head.backward(by_actions, alpha / size, size)
        self.actor.backward(both.first(size), gradient[None], weights=True, inputs=False)
        self.optimizers[0].step()
        self.actor.refresh()

    def _adam(
        self, parameters: Tensor, gradients: Tensor, device: torch.device
    ) -> torch.optim.Optimizer:
        parameters.grad = gradients
        rate, on_cuda = self.hyperparameters.learning_rate, device.type == "cuda"
        return torch.optim.Adam(
            [parameters],
            lr=torch.tensor(rate, device=device) if on_cuda else rate,
            fused=True,
            capturable=on_cuda,
        )


def _prepare(optimizer: torch.optim.Optimizer) -> None:
    """Create Adam's state now: a step with zero gradients changes nothing but its counter."""
    optimizer.step()
    for state in optimizer.state.values():
        state["step"].zero_()


class _Head:
    """A tanh-squashed Gaussian: actions (N, A), their log densities (N, 1), and gradients."""

    def __init__(self, output: Tensor, noise: Tensor, action_size: int) -> None:
        mean, raw = output.split(action_size, dim=1)
        self.raw, self.noise = raw, noise
        log_std = raw.clamp(*LOG_STD_RANGE)
        self.std = log_std.exp()
        self.actions = torch.tanh(mean + self.std * noise)
        self.slope = 1 - self.actions.square()
        density = -0.5 * noise.square() - log_std - _HALF_LOG_TWO_PI
        self.log_prob = (density - torch.log(self.slope + EPSILON)).sum(1, keepdim=True)

    def backward(self, by_actions: Tensor, weight: Tensor, size: int) -> Tensor:
        """Gradient with respect to the first ``size`` rows of the output, (size, 2A).

        Args:
            by_actions: gradient with respect to the actions, without the log densities' part.
            weight: gradient with respect to each log density.
            size: number of rows.
        """
        actions, slope, raw = self.actions[:size], self.slope[:size], self.raw[:size]
        by_actions = by_actions + weight * 2 * actions / (slope + EPSILON)
        by_mean = by_actions * slope
        by_log_std = by_mean * self.std[:size] * self.noise[:size] - weight
        low, high = LOG_STD_RANGE
        inside = (raw >= low) & (raw <= high)
        return torch.cat((by_mean, by_log_std * inside), 1)
