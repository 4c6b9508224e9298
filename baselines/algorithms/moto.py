"""MOTO (Rafailov et al. 2023): offline pre-training, then fine-tuning online, from pixels.

A reimplementation from the paper. The model is Offline DV2's, trained on every batch; from each of
its states s_j H steps ŝ^0 = s_j, ŝ^1, … are imagined, with â^t ~ π(a | sg ŝ^t) and

    r̂^{t+1} = r(ŝ^{t+1}) - α u(ŝ^t, â^t),   u = std_k l_k(ŝ^{t+1}), mean over the logits l    (2, 3)
    V_0(ŝ^t) = min_i Q_i(ŝ^t, â^t)
    V_K(ŝ^t) = Σ_{k=1..K} γ^{k-1} r̂^{t+k} + γ^K V_0(ŝ^{t+K})
    V(ŝ^t) = (1 - λ) Σ_{k=1..H-t-1} λ^{k-1} V_k(ŝ^t) + λ^{H-t-1} V_{H-t}(ŝ^t)                    (5)
    V̂ = λ V + (1 - λ) V_0

    L(π) = -mean_{t < H, j} V̂(ŝ^t) - β mean_j f_j log π(a_j | sg s_j) - η entropy            (6, 10)
    L(Q_i) = mean_{t < H, j} (V̄(ŝ^t) - Q_i(ŝ^t, â^t))²                                          (7)
           + mean_{j < T} (r_{j+1} + γ V̄̂(s_{j+1}) - Q_i(s_j, a_j))²                             (8)

Bars are of target critics, renewed every so many steps. Rewards of (8) are the data's, without a
penalty; a_j is what was done at s_j. Gradients flow through rewards, penalties and values, along
the imagined states, into the actions. f_j says what is cloned: trajectories that reach the goal.

In the second phase an episode is played, with actions drawn from the policy, and the same updates
follow on the dataset and on all that was played. Then the next one is played.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines.bench.algorithm import Algorithm, Spaces
from baselines.dreamer.agent import Metrics, RecurrentPolicy
from baselines.dreamer.batches import Chunk
from baselines.dreamer.expansion import Rollout, expanded_values, roll_out, snippet_advantages
from baselines.dreamer.fine_tuning import FineTunedAgent, JointNoise
from baselines.dreamer.moto_settings import MotoSettings, caveat, preset
from baselines.dreamer.networks import Perceptron, check_frame_size
from baselines.dreamer.penalties import logit_deviation
from baselines.dreamer.rssm import State


class Moto(FineTunedAgent):
    """A world model, a policy and two critics of its actions, which are valued in the model."""

    agent_metrics = (
        "actor_loss",
        "cloning_loss",
        "cloned",
        "critic_loss",
        "data_loss",
        "reward",
        "penalty",
        "value",
        "entropy",
    )

    def __init__(
        self,
        settings: MotoSettings,
        spaces: Spaces,
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        super().__init__(settings, spaces, device, generator)
        self.settings = settings
        self.goal = settings.goal_reward if self.clones("goal") else None
        inputs, head = self.model.features + spaces.action_size, (settings.layers, settings.units)
        self.critics, self.slow_critics = (
            nn.ModuleList(Perceptron(inputs, 1, *head) for _ in range(2)) for _ in range(2)
        )
        for name in ("critics", "slow_critics"):
            self.add(name, getattr(self, name))
        self.add_descent(
            "critics", ("critics",), settings.agent_learning_rate, settings.weight_decay
        )
        self.copy_critics()

    def clones(self, what: str) -> bool:
        """Whether there is cloning, and this is what is cloned."""
        return self.settings.cloning_weight > 0.0 and self.settings.cloning_filter == what

    def agent_step(self, batch: Chunk, states: State, noise: JointNoise) -> Metrics:
        """One gradient step of actor and critics, both from the networks as they were."""
        with self.autocast():
            future = self.imagine(states.flat(), noise)
            expected = self.reward(future.features[1:])[..., 0]
            rewards = expected - self.settings.penalty_weight * future.penalties  # r̂^1 … r̂^H
            slow, mixed = self.targets(future, rewards)
            value_loss = self.value_loss(future, rewards)
            cloning_loss, cloned = self.cloning_loss(batch, states, slow)
            entropy = self.actor(future.features[:-1].detach()).entropy().mean()
            actor_loss = (
                value_loss
                + self.settings.cloning_weight * cloning_loss
                - self.settings.entropy_weight * entropy
            )
            model_loss, values = self.critic_loss(future, slow)
            data_loss = self.data_loss(batch, states, mixed)
            critic_loss = model_loss + data_loss
        losses = {"actor": actor_loss, "critics": critic_loss}
        gradients = {name: self.descents[name].gradient(loss) for name, loss in losses.items()}
        for name, gradient in gradients.items():
            self.descents[name].apply(gradient)
        told = {
            "actor_loss": actor_loss,
            "cloning_loss": cloning_loss,
            "cloned": cloned,
            "critic_loss": critic_loss,
            "data_loss": data_loss,
            "reward": expected.mean(),
            "penalty": future.penalties.mean(),
            "value": values.mean(),
            "entropy": entropy,
        }
        return {name: each.detach() for name, each in told.items()}

    def imagine(self, start: State, noise: JointNoise) -> Rollout:
        """H steps of the policy, from states (N, ...)."""
        penalize = self.penalize if self.settings.penalty_weight > 0.0 else None
        return roll_out(self.model, start, noise, self.sample, penalize)

    def penalize(self, outputs: Tensor) -> Tensor:
        """u, (...), of the members' outputs (K, ..., O)."""
        return logit_deviation(outputs)

    def expand(
        self, critics: nn.ModuleList, future: Rollout, rewards: Tensor
    ) -> tuple[Tensor, Tensor]:
        """V and V̂ with these critics, at ŝ^0 … ŝ^{H-1}: (H, N) each."""
        values = self.values(critics, future.features, future.actions).amin(0)
        settings = self.settings
        return expanded_values(rewards, values, settings.discount_factor, settings.trace_decay)

    @torch.no_grad()
    def targets(self, future: Rollout, rewards: Tensor) -> tuple[Tensor, Tensor]:
        """V̄ and V̄̂, without gradients."""
        return self.expand(self.slow_critics, future, rewards)

    def value_loss(self, future: Rollout, rewards: Tensor) -> Tensor:
        """Equation 6."""
        _, mixed = self.expand(self.critics, future, rewards)
        return -mixed.mean()

    def cloning_loss(self, batch: Chunk, states: State, slow: Tensor) -> tuple[Tensor, Tensor]:
        """-mean_j f_j log π(a_j | s_j), and the mean of f; zero where nothing is to be cloned."""
        if self.settings.cloning_weight == 0.0:
            return slow.new_zeros(()), slow.new_zeros(())
        chosen = self.filtered(batch, slow[0].view_as(batch.rewards))
        log_probs = self.actor(states.features[:, :-1]).log_prob(batch.actions[:, 1:])
        return -(chosen * log_probs).mean(), chosen.mean()

    def filtered(self, batch: Chunk, values: Tensor) -> Tensor:
        """f, one or zero, (B, T - 1), with V̄ (B, T) of the batch's states."""
        settings = self.settings
        if batch.reached is not None:
            return batch.reached[:, None].expand(-1, values.shape[1] - 1)
        if settings.cloning_filter == "all":
            return torch.ones_like(values[:, 1:])
        advantages = snippet_advantages(
            batch.rewards, values, settings.discount_factor, settings.horizon
        )
        return (advantages > 0.0).float()

    def critic_loss(self, future: Rollout, slow: Tensor) -> tuple[Tensor, Tensor]:
        """Equation 7, the sum over both critics, and their values (2, H, N)."""
        features, actions = future.features[:-1].detach(), future.actions[:-1].detach()
        values = self.values(self.critics, features, actions)
        return (slow - values).square().mean((1, 2)).sum(), values

    def data_loss(self, batch: Chunk, states: State, mixed: Tensor) -> Tensor:
        """Equation 8, the sum over both critics; ``mixed`` is V̄̂ (H, N)."""
        following = mixed[0].view_as(batch.rewards)[:, 1:]
        y = batch.rewards[:, 1:] + self.settings.discount_factor * following
        values = self.values(self.critics, states.features[:, :-1], batch.actions[:, 1:])
        return (y - values).square().mean((1, 2)).sum()

    @staticmethod
    def values(critics: nn.ModuleList, features: Tensor, actions: Tensor) -> Tensor:
        """Of both critics: (2, ...)."""
        inputs = torch.cat((features, actions), -1)
        return torch.stack([critic(inputs)[..., 0] for critic in critics])

    def copy_critics(self, _: int = 0) -> None:
        """Renew the critics of the targets."""
        self.slow_critics.load_state_dict(self.critics.state_dict())

    def policy(self) -> RecurrentPolicy:
        """The mode of the policy, on a latent state of its own."""
        return self.recurrent_policy(draw=self.settings.drawn_latents)


ALGORITHM = Algorithm(
    name="MOTO",
    paper="https://arxiv.org/abs/2401.03306",
    settings=MotoSettings,
    preset=preset,
    agent=Moto,
    shared="suite",
    check_size=check_frame_size,
    caveat=caveat,
)
