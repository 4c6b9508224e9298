"""DrQ+BC (Lu et al. 2023, section 3.2 and appendix C.2): DrQ-v2 with TD3+BC's policy loss.

    h = f_ξ(aug(s)),  h' = f_ξ(aug(s')),  a~(h) = π_φ(h) + ε,  ε ~ clip(N(0, σ²), -c, c)
    y = Σ_{k<n} γ^k r_{t+k} + γ^n min_i Q̄_i(h', a~(h'))
    L(θ, ξ) = Σ_i E[(Q_i(h, a) - y)²]                                   critics and encoder
    L(φ) = -λ E[min_i Q_i(h, a~(h))] + E[(a~(h) - a)²],
    λ = α / mean |min_i Q_i(h, a~(h))|                                  policy alone
    θ̄ ← θ̄ + τ (θ - θ̄)

One update, in the published code's order: targets with the old networks; critics and encoder step;
the policy steps against the new critics, at the features from before that step; targets follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from baselines.bench.algorithm import Algorithm, Spaces
from baselines.drq.agent import DrqAgent, Metrics, Noise
from baselines.drq.settings import PAPER, CriticSettings, preset_values
from vd4rl_data.pytorch import TensorTransitions
from vd4rl_data.spec import DatasetSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class DrqBcSettings(CriticSettings):
    """Hyperparameters; those of DrQ-v2 and one more."""

    bc_weight: float = 2.5
    """Numerator of λ: how much values weigh against cloning. [P] (tried 1.5, 2.5, 3.5), [C]"""


class DrqBc(DrqAgent):
    """A policy that improves on the data where the critics say so, and imitates elsewhere."""

    METRICS: ClassVar[tuple[str, ...]] = (
        "critic_loss",
        "critic_q1",
        "critic_q2",
        "critic_target_q",
        "actor_loss",
        "actor_q",
        "actor_bc_loss",
        "batch_reward",
    )

    def __init__(
        self,
        settings: DrqBcSettings,
        spaces: Spaces,
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        super().__init__(settings, spaces, device, generator)
        self.settings = settings
        self.critic, self.target_critic = self.add_critics(settings)

    def update(self, batch: TensorTransitions, noise: Noise) -> Metrics:
        """One gradient step of encoder, critics and policy, and of the targets."""
        with self.autocast():
            h = self.encode(batch.observations, noise.shifts[0])
            y = self.target_values(batch, noise)
            critic_loss, metrics = self.critic_loss(h, batch.actions, y)
        self.descents["critic"].step(critic_loss)
        with self.autocast():
            actor_loss, parts = self.actor_loss(h.detach(), batch.actions, noise)
        self.descents["actor"].step(actor_loss)
        self.averages["target"].step(self.settings.tau)
        return {
            **metrics,
            **parts,
            "batch_reward": batch.rewards.mean(),
        }

    @torch.no_grad()
    def target_values(self, batch: TensorTransitions, noise: Noise) -> Tensor:
        """y, (B,); ``batch.rewards`` are n-step returns and ``batch.discounts`` γ^n, 0 at ends."""
        h_next = self.encode(batch.next_observations, noise.shifts[1])
        action = self.sample(h_next, noise.stddev, noise.target)
        return batch.rewards + batch.discounts * torch.minimum(*self.target_critic(h_next, action))

    def critic_loss(self, h: Tensor, actions: Tensor, y: Tensor) -> tuple[Tensor, Metrics]:
        """Both critics' squared errors, at features h (B, R), actions (B, A) and targets (B,)."""
        q1, q2 = self.critic(h, actions)
        loss = functional.mse_loss(q1, y) + functional.mse_loss(q2, y)
        return loss, {
            "critic_loss": loss.detach(),
            "critic_q1": q1.detach().mean(),
            "critic_q2": q2.detach().mean(),
            "critic_target_q": y.mean(),
        }

    def actor_loss(self, h: Tensor, actions: Tensor, noise: Noise) -> tuple[Tensor, Metrics]:
        """The policy's loss, at constant features h (B, R) and the data's actions (B, A)."""
        action = self.sample(h, noise.stddev, noise.policy)
        q = torch.minimum(*self.critic(h, action))
        scale = self.settings.bc_weight / q.abs().mean().detach()  # λ
        bc_loss = functional.mse_loss(action, actions)
        loss = -scale * q.mean() + bc_loss
        return loss, {
            "actor_loss": loss.detach(),
            "actor_q": q.detach().mean(),
            "actor_bc_loss": bc_loss.detach(),
        }


def preset(name: str, dataset: DatasetSpec) -> DrqBcSettings:
    """``paper``, ``official_code`` (whose README asks for 3-step returns here) or ``smoke``."""
    return DrqBcSettings(**preset_values(name, dataset))


ALGORITHM = Algorithm(
    name="DrQ+BC",
    paper=PAPER,
    settings=DrqBcSettings,
    preset=preset,
    agent=DrqBc,
    shared="suite",
)
