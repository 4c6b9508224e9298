"""Behavioral cloning (Lu et al. 2023, appendix D.3): the policy of DrQ+BC, fitted to the actions.

    L(ξ, φ) = E[(a~ - a)²],   a~ = π_φ(h) + ε,   h = f_ξ(aug(s)),   ε ~ clip(N(0, σ²), -c, c)

The mean goes over batch and action dimensions. Encoder and policy both follow this loss; in the
other two algorithms the policy's loss does not reach the encoder. The noise stays, as the published
code has it, so the loss has a floor: the variance of the clipped noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.nn import functional

from baselines.bench.algorithm import Algorithm, Spaces
from baselines.drq.agent import DrqAgent, Metrics, Noise
from baselines.drq.settings import PAPER, PolicySettings, preset_values
from baselines.optimization import Descent
from vd4rl_data.pytorch import TensorTransitions
from vd4rl_data.spec import DatasetSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class BCSettings(PolicySettings):
    """Hyperparameters; BC has none of its own."""


class BC(DrqAgent):
    """A policy that imitates."""

    METRICS: ClassVar[tuple[str, ...]] = ("actor_bc_loss", "batch_reward")

    def __init__(
        self,
        settings: BCSettings,
        spaces: Spaces,
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        super().__init__(settings, spaces, device, generator)
        self.settings = settings
        parameters = [*self.encoder.parameters(), *self.actor.parameters()]
        self.descents["policy"] = Descent(parameters, settings.learning_rate)

    def update(self, batch: TensorTransitions, noise: Noise) -> Metrics:
        """One gradient step of encoder and policy."""
        with self.autocast():
            h = self.encode(batch.observations, noise.shifts[0])
            action = self.sample(h, noise.stddev, noise.policy)
            loss = functional.mse_loss(action, batch.actions)
        self.descents["policy"].step(loss)
        return {"actor_bc_loss": loss.detach(), "batch_reward": batch.rewards.mean()}


def preset(name: str, dataset: DatasetSpec) -> BCSettings:
    """``paper``, ``official_code`` or ``smoke``.

    The paper says "the same hyperparameters as DrQ+BC"; n-step returns are none of BC's business.
    """
    return BCSettings(**preset_values(name, dataset))


ALGORITHM = Algorithm(
    name="BC",
    paper=PAPER,
    settings=BCSettings,
    preset=preset,
    agent=BC,
    shared="suite",
)
