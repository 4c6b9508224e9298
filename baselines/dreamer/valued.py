"""Actor and critic of DreamerV2 (Hafner et al. 2021), in futures that a model imagines.

From every state of a batch H steps are imagined, with a_t ~ π(a | sg s_t) and
ẑ_{t+1} ~ p_{m_t}(z | h_{t+1}):

    R_t = r~_t + γ ((1 - λ') v̄(s_{t+1}) + λ' R_{t+1}),   R_H = v̄(s_H),   w_t = γ^t
    L(π) = -mean_{t < H-1} w_t (R_{t+1} + η entropy(π(· | sg s_t)))
    L(v) = -mean_{t < H} w_t log N(sg R_t; v(sg s_t), 1)

r~_t is r(s_t), from which an algorithm may subtract a penalty. Gradients flow through rewards,
penalties and values, along the imagined states, into the actions. v̄ is a copy of v, renewed every
so many steps.
"""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.bench.algorithm import Spaces
from baselines.dreamer.agent import Metrics
from baselines.dreamer.discrete import DiscreteAgent
from baselines.dreamer.imagination import Dream, DreamNoise, dream
from baselines.dreamer.losses import lambda_returns, scalar_log_prob
from baselines.dreamer.networks import Perceptron
from baselines.dreamer.rssm import State
from baselines.dreamer.settings import AgentSettings


class ValuedAgent(DiscreteAgent):
    """Algorithms add phases, and a penalty if they have one.

    Attributes:
        critic, slow_critic: v and v̄, of features.
    """

    def __init__(
        self,
        settings: AgentSettings,
        spaces: Spaces,
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        """Raises:
        InvalidSettingError: frames are stacked, or of a size that cannot be encoded.
        """
        super().__init__(settings, spaces, device, generator)
        features, head = self.model.features, (settings.layers, settings.units)
        self.critic, self.slow_critic = (Perceptron(features, 1, *head) for _ in range(2))
        for name in ("critic", "slow_critic"):
            self.add(name, getattr(self, name))
        self.copy_critic()
        rate, decay = settings.agent_learning_rate, settings.weight_decay
        self.add_descent("critic", ("critic",), rate, decay)

    def learn(self, start: State, noise: DreamNoise) -> Metrics:
        """One gradient step of actor and critic, both from the networks as they were.

        Args:
            start: states (N, ...), without gradients.
            noise: of H imagined steps.
        """
        with self.autocast():
            future = self.imagine(start, noise)
            rewards = self.reward(future.features[:-1])[..., 0]
            returns = self.returns(future, rewards)
            weights = self.weights(len(rewards))
            actor_loss, entropy = self.actor_loss(future, returns, weights)
            critic_loss, values = self.critic_loss(future, returns, weights)
        losses = {"actor": actor_loss, "critic": critic_loss}
        gradients = {name: self.descents[name].gradient(loss) for name, loss in losses.items()}
        for name, gradient in gradients.items():
            self.descents[name].apply(gradient)
        return {
            "actor_loss": actor_loss.detach(),
            "critic_loss": critic_loss.detach(),
            "reward": rewards.detach().mean(),
            "penalty": future.penalties.detach().mean(),
            "value": values.detach().mean(),
            "entropy": entropy.detach().mean(),
        }

    def imagine(self, start: State, noise: DreamNoise) -> Dream:
        """A future of the policy, from states (N, ...)."""
        return dream(self.model, start, noise, self.sample, None)

    def cautious(self, rewards: Tensor, future: Dream) -> Tensor:
        """r~, (H, N), of the rewards r(s_t)."""
        del future
        return rewards

    def returns(self, future: Dream, rewards: Tensor) -> Tensor:
        """R, (H, N)."""
        settings = self._settings
        values = self.slow_critic(future.features)[..., 0]
        gained = self.cautious(rewards, future)
        return lambda_returns(
            gained, values[:-1], values[-1], settings.discount_factor, settings.trace_decay
        )

    def weights(self, horizon: int) -> Tensor:
        """w, (H, 1)."""
        steps = torch.arange(horizon, device=self.device)
        return (self._settings.discount_factor**steps)[:, None]

    def actor_loss(self, future: Dream, returns: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """L(π), and the policy's entropy (H - 1, N)."""
        entropy = self.actor(future.features[:-2].detach()).entropy()
        objective = returns[1:] + self._settings.entropy_weight * entropy
        return -(weights[:-1] * objective).mean(), entropy

    def critic_loss(self, future: Dream, returns: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """L(v), and the critic's values (H, N)."""
        values = self.critic(future.features[:-1].detach())[..., 0]
        return -(weights * scalar_log_prob(values, returns.detach())).mean(), values

    def copy_critic(self, _: int = 0) -> None:
        """Renew the critic of the targets."""
        self.slow_critic.load_state_dict(self.critic.state_dict())
