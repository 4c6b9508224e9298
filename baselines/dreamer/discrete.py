"""DreamerV2's model and policy: categorical latent states, actions of truncated normals."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from baselines.bench.algorithm import Spaces
from baselines.dreamer.actors import StochasticActor
from baselines.dreamer.agent import Metrics
from baselines.dreamer.batches import Chunk
from baselines.dreamer.cells import LayerNormCell
from baselines.dreamer.latents import Categorical
from baselines.dreamer.losses import balanced_divergence
from baselines.dreamer.noise import ModelNoise
from baselines.dreamer.rssm import State
from baselines.dreamer.settings import AgentSettings
from baselines.dreamer.world import WORLD, WorldAgent


class DiscreteAgent(WorldAgent):
    """Algorithms add critics.

    Attributes:
        actor: the policy.
        categorical: kind of the latent states.
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
        self.categorical = Categorical(settings.variables, settings.classes)
        super().__init__(settings, self.categorical, spaces, device, generator)
        self._settings, head = settings, (settings.layers, settings.units)
        self.add_world(LayerNormCell, head)
        self.actor = StochasticActor(self.model.features, spaces.action_size, *head)
        self.add("actor", self.actor)
        decay = settings.weight_decay
        self.add_descent("model", WORLD, settings.model_learning_rate, decay)
        self.add_descent("actor", ("actor",), settings.agent_learning_rate, decay)

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
        balance, free = self._settings.kl_balance, self._settings.free_nats
        kl_loss, divergence = balanced_divergence(self.latent, posterior, prior, balance, free)
        image, reward = self.image_loss(states, batch), self.reward_loss(states, batch)
        parts = {"divergence": divergence, "image_loss": image, "reward_loss": reward}
        return kl_loss + image + reward, {name: each.detach() for name, each in parts.items()}

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
