"""What BC, DrQ+BC and CQL agents have in common: encoder, actor, noise, saving."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from baselines.bench.algorithm import Spaces
from baselines.bench.batches import SampledBatches
from baselines.bench.phases import Phase, PhaseContext
from baselines.bench.policy import Policy
from baselines.drq.augmentation import draw_shifts, random_shift
from baselines.drq.networks import Actor, Critic, Encoder, initialize
from baselines.drq.noise import linear_schedule, noisy_action
from baselines.drq.piecewise import PiecewiseEncoder
from baselines.drq.settings import CriticSettings, PolicySettings
from baselines.optimization import Average, Descent
from vd4rl_data.pytorch import TorchTransitions

Metrics = dict[str, Tensor]
"""Scalars on the device, by name."""


@dataclass(frozen=True, slots=True)
class Noise:
    """All that is random in an update.

    Attributes:
        stddev: float32 (), of the actions' noise.
        shifts: int64 (2, B, 2), of observations and next observations.
        policy, target: standard normal (B, A), for the action of the actor's loss and of the
            target.
    """

    stddev: Tensor
    shifts: Tensor
    policy: Tensor
    target: Tensor


class DrqAgent(ABC):
    """Networks, optimizers and their state; algorithms add ``update``.

    Attributes:
        METRICS: what ``update`` returns, in this order.
        networks, descents: by name, all that is saved.
        averages: by name, targets that follow other networks.
    """

    METRICS: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        settings: PolicySettings,
        spaces: Spaces,
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        """Make encoder and actor.

        Args:
            settings: of the algorithm.
            spaces: what goes in and out.
            device: where everything lives.
            generator: of initial weights, on the CPU: a seed means the same ones everywhere.
        """
        self.spaces, self.device, self._generator = spaces, device, generator
        self._policy = settings
        self.networks: dict[str, nn.Module] = {}
        self.descents: dict[str, Descent] = {}
        self.averages: dict[str, Average] = {}
        self.encoder = Encoder(spaces)
        self.add("encoder", self.encoder)
        self._encode: Callable[[Tensor, Tensor], Tensor] = (
            PiecewiseEncoder(self.encoder) if device.type == "cpu" else self._shift_and_encode
        )
        self.actor = Actor(
            self.encoder.size, spaces.action_size, settings.feature_dim, settings.hidden_dim
        )
        self.add("actor", self.actor)

    def add(self, name: str, network: nn.Module) -> None:
        """Initialize a network, move it to the device and let it be saved."""
        initialize(network, self._generator)
        network.to(self.device)
        if self.device.type == "cuda":
            network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.networks[name] = network

    def add_critics(self, settings: CriticSettings) -> tuple[Critic, Critic]:
        """Two critics in one, and their targets, which start equal and follow as an average.

        The critics' loss also moves the encoder, the policy's loss the actor alone.
        """
        sizes = self.spaces.action_size, settings.feature_dim, settings.hidden_dim
        critic, target = (Critic(self.encoder.size, *sizes) for _ in range(2))
        self.add("critic", critic)
        self.add("target_critic", target)
        self.averages["target"] = Average([target], [critic])
        values = [*self.encoder.parameters(), *critic.parameters()]
        self.descents["critic"] = Descent(values, settings.learning_rate)
        self.descents["actor"] = Descent(self.actor.parameters(), settings.learning_rate)
        return critic, target

    def phases(self) -> tuple[Phase, ...]:
        """One: all gradient steps are of the same kind."""
        return (
            Phase(batches=self.batches, draw=self.draw, update=self.update, metrics=self.METRICS),
        )

    def batches(self, context: PhaseContext) -> SampledBatches:
        """Transitions; without a critic they look one step ahead."""
        settings = self._policy
        critic = settings if isinstance(settings, CriticSettings) else None
        sampled = TorchTransitions(
            context.dataset,
            settings.batch_size,
            settings.frame_stack,
            1 if critic is None else critic.n_step,
            1.0 if critic is None else critic.discount_factor,
            context.generator,
            device=context.device,
            storage=context.storage,
            layout="stacked",
            reuse_buffers=context.device.type == "cpu",
        )
        return SampledBatches(sampled, context.state)

    @abstractmethod
    def update(self, batch: Any, noise: Any) -> Metrics:
        """One gradient step of everything; see :class:`~baselines.bench.phases.Phase`."""

    def draw(self, step: int, generator: torch.Generator) -> Noise:
        """The noise of a gradient step.

        Args:
            step: counted from 0.
            generator: of the agent's device.
        """
        size = self._policy.batch_size, self.spaces.action_size
        return Noise(
            stddev=torch.full((), self.stddev(step), device=self.device),
            shifts=draw_shifts(generator, 2, size[0]),
            policy=torch.randn(size, generator=generator, device=self.device),
            target=torch.randn(size, generator=generator, device=self.device),
        )

    def stddev(self, step: int) -> float:
        """Standard deviation of the actions' noise at a gradient step, counted from 0."""
        policy = self._policy
        return linear_schedule(
            policy.stddev_start,
            policy.stddev_end,
            policy.stddev_duration,
            policy.counts_per_step * step,
        )

    def encode(self, observations: Tensor, shifts: Tensor) -> Tensor:
        """Features (B, R) of augmented observations, uint8 (B, C, H, W)."""
        return self._encode(observations, shifts)

    def sample(self, features: Tensor, stddev: Tensor, normal: Tensor) -> Tensor:
        """The actor's actions at features (B, R), with noise like ``normal``: (B, A)."""
        return noisy_action(self.actor(features), stddev, normal, self._policy.stddev_clip)

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Where products are taken in bfloat16, if the settings say so."""
        low = self._policy.precision == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=low)

    def policy(self) -> Policy:
        """Acts by the last observation alone."""
        return lambda view: self.act(view.observations)

    @torch.no_grad()
    def act(self, observations: Tensor) -> Tensor:
        """The mean actions, float32 (B, A), at observations uint8 (B, C, H, W)."""
        return self.actor(self.encoder(observations))

    def state(self) -> dict[str, Any]:
        """Everything that the next update depends on, beside batch and noise."""
        return {
            "networks": {name: net.state_dict() for name, net in self.networks.items()},
            "optimizers": {name: d.adam.state_dict() for name, d in self.descents.items()},
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """The opposite of :meth:`state`.

        Raises:
            KeyError, RuntimeError, ValueError: it is of other networks.
        """
        for name, network in self.networks.items():
            network.load_state_dict(state["networks"][name])
        for name, descent in self.descents.items():
            descent.adam.load_state_dict(state["optimizers"][name])

    def tensors(self) -> list[Tensor]:
        """All that an update changes, as the very tensors that it changes in place."""
        changing = [*self.descents.values(), *self.averages.values()]
        return [tensor for part in changing for tensor in part.tensors()]

    def compile(self) -> None:
        """Let torch fuse augmentation with the encoder, and what the other networks do."""
        self._encode = torch.compile(self._shift_and_encode)
        for name, network in self.networks.items():
            if name != "encoder":
                network.compile()  # in place: parameters keep their names

    def _shift_and_encode(self, observations: Tensor, shifts: Tensor) -> Tensor:
        return self.encoder(random_shift(observations, shifts))
