"""DreamerV2's model and policy: categorical latent states, actions of truncated normals.

The model learns from sequences of data (m_t: one of K members, drawn at each step):

    e_t = enc(x_t),  h_t = f(h_{t-1}, z_{t-1}, a_{t-1}),  z_t ~ q(z | h_t, e_t),  s_t = (z_t, h_t)
    L = β max(KL(sg q ‖ p_m), free) + (1 - β) max(KL(q ‖ sg p_m), free)
      - E[log p(x_t | s_t)] - E[log p(r_t | s_t)],   p_m = p_{m_t}(z | h_t)
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from baselines.bench.algorithm import Spaces
from baselines.dreamer.actors import StochasticActor
from baselines.dreamer.agent import Metrics
from baselines.dreamer.batches import Chunk
from baselines.dreamer.cells import LayerNormCell
from baselines.dreamer.latents import Categorical, Latent
from baselines.dreamer.losses import balanced_divergence
from baselines.dreamer.noise import ModelNoise
from baselines.dreamer.rssm import State
from baselines.dreamer.settings import AgentSettings
from baselines.dreamer.world import WORLD, WorldAgent


class DiscreteAgent(WorldAgent):
    """Algorithms add critics.

    Attributes:
        actor: the policy.
    """

    forgets = True

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
        super().__init__(settings, self.make_latent(settings), spaces, device, generator)
        self._settings, head = settings, (settings.layers, settings.units)
        self.add_world(LayerNormCell, head)
        self.actor = StochasticActor(self.model.features, spaces.action_size, *head)
        self.add("actor", self.actor)
        self.add_model_descents()
        self.add_descent("actor", ("actor",), settings.agent_learning_rate, settings.weight_decay)

    def make_latent(self, settings: AgentSettings) -> Latent:
        """The kind of latent states."""
        return Categorical(settings.variables, settings.classes)

    def add_model_descents(self) -> None:
        """Make the optimizers of the model."""
        rate, decay = self._settings.model_learning_rate, self._settings.weight_decay
        self.add_descent("model", WORLD, rate, decay)

    def observe(self, batch: Chunk, noise: Tensor) -> tuple[State, Tensor]:
        """Posterior states (B, T, ...) of a chunk with frames, and the posterior's outputs."""
        return self.model.observe(self.encoder(batch.frames), self.led(batch), noise)

    def model_loss(self, batch: Chunk, noise: ModelNoise) -> tuple[Tensor, Metrics]:
        """L of the model, and its parts."""
        return self.evidence_loss(*self.observe(batch, noise.latents), batch, noise)

    def evidence_loss(
        self, states: State, posterior: Tensor, batch: Chunk, noise: ModelNoise
    ) -> tuple[Tensor, Metrics]:
        """The same, at states that were observed already."""
        prior = self.model.priors(states.h, noise.members)
        kl_loss, divergence = self.kl_loss(posterior, prior)
        image, reward = self.image_loss(states, batch), self.reward_loss(states, batch)
        parts = {"divergence": divergence, "image_loss": image, "reward_loss": reward}
        return kl_loss + image + reward, {name: each.detach() for name, each in parts.items()}

    def kl_loss(self, posterior: Tensor, prior: Tensor) -> tuple[Tensor, Tensor]:
        """The divergence's share of L, balanced and with free nats, and the mean divergence."""
        balance, free = self._settings.kl_balance, self._settings.free_nats
        return balanced_divergence(self.latent, posterior, prior, balance, free)

    def sample(self, features: Tensor, uniform: Tensor) -> Tensor:
        """Actions (N, A) of the policy at features (N, F), which get no gradient."""
        return self.actor(features.detach()).draw(uniform)

    def act(self, features: Tensor) -> Tensor:
        """The policy's likeliest actions (N, A) at features (N, F)."""
        return self.actor(features).mean

    @abstractmethod
    def penalize(self, outputs: Tensor) -> Tensor:
        """u, (...), of the members' outputs (K, ..., O)."""

    def uncertainties(self, states: tuple[State, ...]) -> dict[str, Tensor]:
        """The penalty u, at states (..., ...)."""
        return {"model": self.penalize(self.model.prior(states[0].h))}
