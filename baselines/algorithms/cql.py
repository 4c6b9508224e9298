"""CQL on DrQ-v2 (Lu et al. 2023, appendix C.3): conservative values, no cloning.

    h = f_ξ(aug(s)),  h' = f_ξ(aug(s')),  a~(h) = π_φ(h) + ε,  ε ~ clip(N(0, σ²), -c, c)
    y = Σ_{k<n} γ^k r_{t+k} + γ^n min_i Q̄_i(h', a~(h'))
    L(θ, ξ) = Σ_i E[(Q_i(h, a) - y)²]
            + α_CQL Σ_i E[log Σ_{â ∈ Â} exp Q_i(h, â) - Q_i(h, a)]      critics and encoder
    L(φ) = -E[min_i Q_i(h, a~(h))]                                      policy alone
    θ̄ ← θ̄ + τ (θ - θ̄)

Â are 3 N + 1 actions, all valued at h: N uniform ones, the data's own, N of the policy at h' and N
at h. They are sampled without gradients and without importance weights, as in the published code.
For a constant Q the second line is α_CQL log(3 N + 1) per critic.

The published code runs the critics' trunk once for every action; here it runs once per observation,
which is the same function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

import torch
from torch import Tensor
from torch.nn import functional

from baselines.bench.algorithm import Algorithm, Spaces
from baselines.drq.agent import DrqAgent, Metrics
from baselines.drq.agent import Noise as DrqNoise
from baselines.drq.noise import noisy_action
from baselines.drq.settings import PAPER, CriticSettings, preset_values
from vd4rl_data.pytorch import TensorTransitions
from vd4rl_data.spec import DatasetSpec

TRADE_OFF: Final[dict[tuple[str, str], float]] = {
    ("walker_walk", "random"): 0.5,
    ("walker_walk", "medium_replay"): 0.5,
    ("walker_walk", "medium"): 2.0,
    ("walker_walk", "medium_expert"): 2.0,
    ("walker_walk", "expert"): 5.0,
    ("cheetah_run", "random"): 0.5,
    ("cheetah_run", "medium_replay"): 0.5,
    ("cheetah_run", "medium"): 10.0,
    ("cheetah_run", "medium_expert"): 1.0,
    ("cheetah_run", "expert"): 20.0,
}
"""The trade-off factor by task and behavior, chosen from 0.5, 1, 2, 5, 10, 20. [P], Table 9."""

OTHER_TRADE_OFF: Final = 10.0
"""The trade-off factor of everything else: the example in the published code's README, which is of
a humanoid. [P] prints none for the humanoid, "as all choices performed equally"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CQLSettings(CriticSettings):
    """Hyperparameters; those of DrQ-v2 and two more."""

    alpha: float = OTHER_TRADE_OFF
    """Trade-off factor. [P], Table 9: by dataset; [C]: README's example, 10."""
    num_actions: int = 10
    """N, actions of each kind. [C]; [P] says nothing."""


@dataclass(frozen=True, slots=True)
class Noise(DrqNoise):
    """All that is random in an update.

    Attributes:
        uniform: (B, N, A) in [-1, 1), random actions.
        following, current: standard normal (B, N, A), for the policy's actions at h' and at h.
    """

    uniform: Tensor
    following: Tensor
    current: Tensor


class CQL(DrqAgent):
    """A policy that trusts values, which are kept low where there are no data."""

    METRICS: ClassVar[tuple[str, ...]] = (
        "critic_loss",
        "critic_q1",
        "critic_q2",
        "critic_target_q",
        "cql_critic_q1_loss",
        "cql_critic_q2_loss",
        "cql_critic_q1_rand",
        "cql_critic_q2_rand",
        "cql_critic_q1_next_actions",
        "cql_critic_q2_next_actions",
        "cql_critic_q1_curr_actions",
        "cql_critic_q2_curr_actions",
        "actor_loss",
        "batch_reward",
    )

    def __init__(
        self,
        settings: CQLSettings,
        spaces: Spaces,
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        super().__init__(settings, spaces, device, generator)
        self.settings = settings
        self.critic, self.target_critic = self.add_critics(settings)

    def draw(self, step: int, generator: torch.Generator) -> Noise:
        """The noise of a gradient step, counted from 0."""
        common = super().draw(step, generator)
        sampled = (self.settings.batch_size, self.settings.num_actions, self.spaces.action_size)
        options: dict[str, Any] = {"generator": generator, "device": self.device}
        return Noise(
            stddev=common.stddev,
            shifts=common.shifts,
            policy=common.policy,
            target=common.target,
            uniform=torch.rand(sampled, **options) * 2.0 - 1.0,
            following=torch.randn(sampled, **options),
            current=torch.randn(sampled, **options),
        )

    def update(self, batch: TensorTransitions, noise: Noise) -> Metrics:
        """One gradient step of encoder, critics and policy, and of the targets."""
        with self.autocast():
            h = self.encode(batch.observations, noise.shifts[0])
            with torch.no_grad():
                h_next = self.encode(batch.next_observations, noise.shifts[1])
                y = self.target_values(batch, h_next, noise)
                sampled = self.sampled_actions(h, h_next, batch.actions, noise)
            critic_loss, metrics = self.critic_loss(h, sampled, y)
        self.descents["critic"].step(critic_loss)
        with self.autocast():
            action = self.sample(h.detach(), noise.stddev, noise.policy)
            actor_loss = -torch.minimum(*self.critic(h.detach(), action)).mean()
        self.descents["actor"].step(actor_loss)
        self.averages["target"].step(self.settings.tau)
        return {
            **metrics,
            "actor_loss": actor_loss.detach(),
            "batch_reward": batch.rewards.mean(),
        }

    def target_values(self, batch: TensorTransitions, h_next: Tensor, noise: Noise) -> Tensor:
        """y, (B,); ``batch.rewards`` are n-step returns and ``batch.discounts`` γ^n, 0 at ends."""
        action = self.sample(h_next, noise.stddev, noise.target)
        return batch.rewards + batch.discounts * torch.minimum(*self.target_critic(h_next, action))

    def sampled_actions(self, h: Tensor, h_next: Tensor, actions: Tensor, noise: Noise) -> Tensor:
        """Â, (B, 3 N + 1, A): uniform ones, the data's, the policy's at h' and at h."""
        clip = self.settings.stddev_clip
        following = noisy_action(self.actor(h_next)[:, None], noise.stddev, noise.following, clip)
        current = noisy_action(self.actor(h)[:, None], noise.stddev, noise.current, clip)
        return torch.cat((noise.uniform, actions[:, None], following, current), dim=1)

    def critic_loss(self, h: Tensor, sampled: Tensor, y: Tensor) -> tuple[Tensor, Metrics]:
        """Both critics' losses, at features h (B, R), actions Â and targets y (B,)."""
        metrics: Metrics = {"critic_target_q": y.mean()}
        size, loss = self.settings.num_actions, torch.zeros((), device=h.device)
        for name, q in zip(("q1", "q2"), self.critic(h, sampled), strict=True):  # (B, 3 N + 1)
            data = q[:, size]  # Q(h, a)
            gap = self.settings.alpha * (torch.logsumexp(q, dim=1) - data).mean()
            loss = loss + functional.mse_loss(data, y) + gap
            metrics[f"critic_{name}"] = data.detach().mean()
            metrics[f"cql_critic_{name}_loss"] = gap.detach()
            metrics[f"cql_critic_{name}_rand"] = q[:, :size].detach().mean()
            metrics[f"cql_critic_{name}_next_actions"] = (
                q[:, size + 1 : 2 * size + 1].detach().mean()
            )
            metrics[f"cql_critic_{name}_curr_actions"] = q[:, 2 * size + 1 :].detach().mean()
        return loss, {**metrics, "critic_loss": loss.detach()}


def preset(name: str, dataset: DatasetSpec) -> CQLSettings:
    """``paper``, ``official_code`` or ``smoke``."""
    alpha = TRADE_OFF.get((dataset.id.task, dataset.id.behavior), OTHER_TRADE_OFF)
    own: dict[str, Any] = {
        "paper": {"alpha": alpha},
        "official_code": {"n_step": 1},
        "smoke": {"alpha": alpha},
    }[name]
    return CQLSettings(**preset_values(name, dataset), **own)


ALGORITHM = Algorithm(
    name="CQL",
    paper=PAPER,
    settings=CQLSettings,
    preset=preset,
    agent=CQL,
    shared="dataset",
)
