"""Offline DV2 (Lu et al. 2023, section 3.2 and appendix C.1): DreamerV2 with a cautious reward.

Phase one, the world model, on sequences of the data (m_t: one of K members, drawn at each step):

    e_t = enc(x_t),  h_t = f(h_{t-1}, z_{t-1}, a_{t-1}),  z_t ~ q(z | h_t, e_t),  s_t = (z_t, h_t)
    L = β max(KL(sg q ‖ p_m), free) + (1 - β) max(KL(q ‖ sg p_m), free)
      - E[log p(x_t | s_t)] - E[log p(r_t | s_t)],   p_m = p_{m_t}(z | h_t)

Phase two, actor and critic, in the model as it is then. From every state of a batch H steps are
imagined, with a_t ~ π(a | sg s_t) and ẑ_{t+1} ~ p_{m_t}(z | h_{t+1}):

    r~_t = r(s_t) - λ u_t,   u_t = (1/K) Σ_k ‖μ_k(h_t) - mean_j μ_j(h_t)‖
    R_t = r~_t + γ ((1 - λ') v̄(s_{t+1}) + λ' R_{t+1}),   R_H = v̄(s_H),   w_t = γ^t
    L(π) = -mean_{t < H-1} w_t (R_{t+1} + η entropy(π(· | sg s_t)))
    L(v) = -mean_{t < H} w_t log N(sg R_t; v(sg s_t), 1)

The penalty stands at every state, the first one included, and gradients flow through rewards,
penalties and values, along the imagined states, into the actions. v̄ is a copy of v, renewed every
so many steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
from torch import Tensor

from baselines.bench.algorithm import Algorithm, Spaces
from baselines.bench.phases import Phase, PhaseContext
from baselines.dreamer.actors import StochasticActor
from baselines.dreamer.agent import Metrics, RecurrentPolicy
from baselines.dreamer.batches import Chunk, EmbeddedBatches
from baselines.dreamer.cells import LayerNormCell
from baselines.dreamer.imagination import Dream, DreamNoise, dream
from baselines.dreamer.latents import Categorical, Latent
from baselines.dreamer.losses import balanced_divergence, lambda_returns, scalar_log_prob
from baselines.dreamer.networks import Perceptron, check_frame_size
from baselines.dreamer.noise import AgentNoise, ModelNoise, draw_agent_noise
from baselines.dreamer.penalties import mean_disagreement, squared_disagreement
from baselines.dreamer.rssm import State
from baselines.dreamer.settings import AgentSettings
from baselines.dreamer.world import WORLD, WorldAgent
from vd4rl_data.spec import DatasetSpec

Penalty = Literal["mean_disagreement", "squared_disagreement"]

_PENALTIES: Final[dict[str, Callable[[Latent, Tensor], Tensor]]] = {
    "mean_disagreement": mean_disagreement,
    "squared_disagreement": squared_disagreement,
}

PENALTY_WEIGHT: Final[dict[tuple[str, str], float]] = {
    ("walker_walk", "random"): 3.0,
    ("cheetah_run", "random"): 3.0,
    ("walker_walk", "medium_replay"): 8.0,
}
"""λ by task and behavior where it is not 10. [P], appendix D.1: "both random datasets"."""

_USUAL_WEIGHT: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineDv2Settings(AgentSettings):
    """Hyperparameters. [P]: Table 7; [C]: the published code; [D]: DreamerV2's defaults."""

    model_steps: int
    """How many of them train the model; the rest train actor and critic in it."""
    penalty: Penalty = "mean_disagreement"
    """u: what [C] computes, or equation 1 of [P] as printed, some seven times larger."""
    penalty_weight: float = _USUAL_WEIGHT
    """λ. [P]: 10, 3 on random data, 8 on walker's medium_replay; [C]: 5."""
    drawn_latents: bool = True
    """Whether an evaluation draws latent states ([C]) or takes their mode; actions are the
    policy's mode either way."""


class OfflineDv2(WorldAgent):
    """A world model, and a policy that avoids what the model is unsure of."""

    forgets = True

    def __init__(
        self,
        settings: OfflineDv2Settings,
        spaces: Spaces,
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        latent = Categorical(settings.variables, settings.classes)
        super().__init__(settings, latent, spaces, device, generator)
        self.settings = settings
        head = settings.layers, settings.units
        self.add_world(LayerNormCell, head)
        features = self.model.features
        self.actor = StochasticActor(features, spaces.action_size, *head)
        self.critic, self.slow_critic = (Perceptron(features, 1, *head) for _ in range(2))
        for name in ("actor", "critic", "slow_critic"):
            self.add(name, getattr(self, name))
        self.copy_critic()
        self._penalize = _PENALTIES[settings.penalty]
        self.add_model_descents()
        for name in ("actor", "critic"):
            self.add_descent(name, (name,), settings.agent_learning_rate, settings.weight_decay)

    def add_model_descents(self) -> None:
        """Make the optimizers of the first phase."""
        rate, decay = self.settings.model_learning_rate, self.settings.weight_decay
        self.add_descent("model", WORLD, rate, decay)

    def phases(self) -> tuple[Phase, ...]:
        """The model, then actor and critic in it."""
        settings = self.settings
        return (
            self.model_phase(settings.model_steps),
            Phase(
                name="agent",
                batches=self.embeddings,
                draw=self.draw_agent,
                update=self.update_agent,
                metrics=("actor_loss", "critic_loss", "reward", "penalty", "value", "entropy"),
                every=((settings.slow_every, self.copy_critic),),
            ),
        )

    def embeddings(self, context: PhaseContext) -> EmbeddedBatches:
        """Batches of the second phase, in which the model stays as it is."""
        for part in ("encoder", "model", "reward"):
            self.networks[part].requires_grad_(False)
        return EmbeddedBatches(context, *self.shape, self.encode)

    def draw_agent(self, _: int, generator: torch.Generator) -> AgentNoise:
        """The noise of a step of actor and critic."""
        return draw_agent_noise(self.model, self.shape, self.settings.horizon, generator)

    def model_loss(self, batch: Chunk, noise: ModelNoise) -> tuple[Tensor, Metrics]:
        """L of the model, and its parts."""
        embeddings = self.encoder(batch.frames)
        states, posterior = self.model.observe(embeddings, self.led(batch), noise.latents)
        prior = self.model.priors(states.h, noise.members)
        kl_loss, divergence = self.kl_loss(posterior, prior)
        image, reward = self.image_loss(states, batch), self.reward_loss(states, batch)
        parts = {"divergence": divergence, "image_loss": image, "reward_loss": reward}
        return kl_loss + image + reward, {name: each.detach() for name, each in parts.items()}

    def kl_loss(self, posterior: Tensor, prior: Tensor) -> tuple[Tensor, Tensor]:
        """Both terms of L with a divergence, and the mean divergence without gradients."""
        balance, free = self.settings.kl_balance, self.settings.free_nats
        return balanced_divergence(self.latent, posterior, prior, balance, free)

    def update_agent(self, batch: Chunk, noise: AgentNoise) -> Metrics:
        """One gradient step of actor and critic, both from the networks as they were."""
        with self.autocast():
            with torch.no_grad():
                states, _ = self.model.observe(batch.frames, self.led(batch), noise.posteriors)
            future = self.imagine(states.flat(), noise)
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
        return dream(self.model, start, noise, self.sample, self.penalize)

    def sample(self, features: Tensor, uniform: Tensor) -> Tensor:
        """Actions (N, A) of the policy at features (N, F), which get no gradient."""
        return self.actor(features.detach()).draw(uniform)

    def penalize(self, outputs: Tensor) -> Tensor:
        """u, (...), of the members' outputs (K, ..., O)."""
        return self._penalize(self.latent, outputs)

    def uncertainties(self, states: tuple[State, ...]) -> dict[str, Tensor]:
        """The penalty u, at states (..., ...)."""
        return {"model": self.penalize(self.model.prior(states[0].h))}

    def returns(self, future: Dream, rewards: Tensor) -> Tensor:
        """R, (H, N), of penalized rewards."""
        settings = self.settings
        values = self.slow_critic(future.features)[..., 0]
        cautious = rewards - settings.penalty_weight * future.penalties
        return lambda_returns(
            cautious, values[:-1], values[-1], settings.discount_factor, settings.trace_decay
        )

    def weights(self, horizon: int) -> Tensor:
        """w, (H, 1)."""
        steps = torch.arange(horizon, device=self.device)
        return (self.settings.discount_factor**steps)[:, None]

    def actor_loss(self, future: Dream, returns: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """L(π), and the policy's entropy (H - 1, N)."""
        entropy = self.actor(future.features[:-2].detach()).entropy()
        objective = returns[1:] + self.settings.entropy_weight * entropy
        return -(weights[:-1] * objective).mean(), entropy

    def critic_loss(self, future: Dream, returns: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """L(v), and the critic's values (H, N)."""
        values = self.critic(future.features[:-1].detach())[..., 0]
        return -(weights * scalar_log_prob(values, returns.detach())).mean(), values

    def copy_critic(self, _: int = 0) -> None:
        """Renew the critic of the targets."""
        self.slow_critic.load_state_dict(self.critic.state_dict())

    def act(self, features: Tensor) -> Tensor:
        """The policy's likeliest actions (N, A) at features (N, F)."""
        return self.actor(features).mean

    def policy(self) -> RecurrentPolicy:
        """The mode of the policy, on a latent state of its own."""
        return self.recurrent_policy(draw=self.settings.drawn_latents)


SMOKE: Final[dict[str, Any]] = {
    "steps": 20,
    "model_steps": 10,
    "batch_size": 4,
    "length": 8,
    "depth": 8,
    "recurrent": 32,
    "hidden": 32,
    "variables": 8,
    "classes": 8,
    "members": 3,
    "layers": 2,
    "units": 32,
    "slow_every": 5,
}


def preset(name: str, dataset: DatasetSpec) -> OfflineDv2Settings:
    """``paper``, ``official_code`` or ``smoke``.

    Steps of [P]: 800 and 2,400 epochs, that is 25,000 and 75,000 for 100,000 transitions. [C] runs
    25,100 and 200,000 whatever the data.
    """
    weight = PENALTY_WEIGHT.get((dataset.id.task, dataset.id.behavior), _USUAL_WEIGHT)
    model_steps = max(1, epochs(800, dataset))
    own: dict[str, Any] = {
        "paper": {"steps": 4 * model_steps, "model_steps": model_steps, "penalty_weight": weight},
        "official_code": {"steps": 225_100, "model_steps": 25_100, "penalty_weight": 5.0},
        "smoke": {**SMOKE, "penalty_weight": weight},
    }
    return OfflineDv2Settings(**own[name])


def epochs(count: int, dataset: DatasetSpec) -> int:
    """Gradient steps of so many passes over a dataset, in batches of 64 sequences of 50."""
    return count * dataset.num_transitions // (64 * 50)


ALGORITHM = Algorithm(
    name="Offline DV2",
    paper="https://arxiv.org/abs/2206.04779",
    settings=OfflineDv2Settings,
    preset=preset,
    agent=OfflineDv2,
    shared="dataset",
    check_size=check_frame_size,
)
