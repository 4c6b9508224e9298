"""Agents with a model of the world: its networks, its phase, and how a policy sees through it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from baselines.bench.algorithm import Spaces
from baselines.bench.phases import Phase, PhaseContext
from baselines.dreamer.agent import DreamerAgent, Metrics, RecurrentPolicy
from baselines.dreamer.batches import Chunk, ChunkBatches, forgotten
from baselines.dreamer.cells import Cell
from baselines.dreamer.descent import ClippedDescent
from baselines.dreamer.latents import Latent
from baselines.dreamer.losses import image_log_prob, scalar_log_prob
from baselines.dreamer.networks import Decoder, Encoder, Perceptron, centered
from baselines.dreamer.noise import ModelNoise, draw_model_noise
from baselines.dreamer.rssm import EnsembleRSSM, Sizes, State
from baselines.dreamer.settings import WorldSettings

WORLD = ("encoder", "model", "decoder", "reward")
"""The networks of a model of the world."""


class WorldAgent(DreamerAgent, ABC):
    """A model of the world; algorithms add its loss, and who acts in it.

    Attributes:
        shape: B and T, of the model's batches.
        encoder, model, decoder, reward: what the model consists of.
    """

    forgets: ClassVar[bool]
    """Whether what led to the first frame of a chunk is unknown to the model."""
    model_metrics: tuple[str, ...] = (
        "model_loss",
        "divergence",
        "image_loss",
        "reward_loss",
        "gradient_norm",
    )
    """Of a step of the model."""
    seen_states: int = 0
    """P, numbers of the task's state, the first ones, that the model sees beside each frame."""

    def __init__(
        self,
        settings: WorldSettings,
        latent: Latent,
        spaces: Spaces,
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        """Args:
        settings: sizes, and of the optimizers.
        latent: kind of latent states.
        spaces, device, generator: see :class:`DreamerAgent`.

        Raises:
            InvalidSettingError: frames are stacked, or of a size that cannot be encoded.
        """
        super().__init__(settings.precision, spaces, device, generator)
        self.latent, self.shape = latent, (settings.batch_size, settings.length)
        self._world = settings

    def add_world(
        self, cell: type[Cell], head: tuple[int, int], activation: type[nn.Module] = nn.ELU
    ) -> None:
        """Make its networks.

        Args:
            cell: that carries the recurrent state on.
            head: layers and units of the reward head.
            activation: of encoder and decoder.
        """
        self.encoder, self.model = self.make_model(cell, self.spaces.action_size, activation)
        self.decoder = self.make_decoder(activation)
        self.reward = Perceptron(self.model.features, 1, *head)
        for name in WORLD:
            self.add(name, getattr(self, name))

    def make_decoder(self, activation: type[nn.Module]) -> nn.Module:
        """What shows how states look; not initialized."""
        depth = self._world.depth
        return Decoder(self.model.features, self.spaces.size, depth, activation=activation)

    def make_model(
        self, cell: type[Cell], actions: int, activation: type[nn.Module] = nn.ELU
    ) -> tuple[Encoder, EnsembleRSSM]:
        """An encoder, and the ensemble that sees through it; neither initialized."""
        settings = self._world
        encoder = Encoder(self.spaces.size, settings.depth, activation)
        embedding = encoder.size + self.seen_states
        sizes = Sizes(actions, embedding, settings.recurrent, settings.hidden, settings.members)
        return encoder, EnsembleRSSM(self.latent, sizes, cell)

    def add_descent(
        self, name: str, networks: Sequence[str], learning_rate: float, decay: float = 0.0
    ) -> None:
        """An optimizer of some networks, by their names."""
        parameters = [each for part in networks for each in self.networks[part].parameters()]
        epsilon, clip = self._world.epsilon, self._world.clip
        self.descents[name] = ClippedDescent(
            parameters, learning_rate, epsilon=epsilon, clip=clip, decay=decay
        )

    def model_phase(self, steps: int) -> Phase:
        """So many gradient steps of the model, on chunks with frames."""
        return Phase(
            name="model",
            steps=steps,
            batches=self.frames,
            draw=self.draw_model,
            update=self.update_model,
            metrics=self.model_metrics,
            evaluated=False,
        )

    def frames(self, context: PhaseContext) -> ChunkBatches:
        """Batches of the model's phase."""
        return ChunkBatches(context, *self.shape, proprioception=self.seen_states > 0)

    def draw_model(self, _: int, generator: torch.Generator) -> ModelNoise:
        """The noise of a step of the model."""
        return draw_model_noise(self.model, self.shape, generator)

    def update_model(self, batch: Chunk, noise: ModelNoise) -> Metrics:
        """One gradient step of the model."""
        with self.autocast():
            loss, metrics = self.model_loss(batch, noise)
        norm = self.descents["model"].step(loss)
        return {**metrics, "model_loss": loss.detach(), "gradient_norm": norm}

    @abstractmethod
    def model_loss(self, batch: Chunk, noise: ModelNoise) -> tuple[Tensor, Metrics]:
        """L of the model, and its parts without gradients: divergence, image and reward loss."""

    @abstractmethod
    def act(self, features: Tensor) -> Tensor:
        """The policy's likeliest actions (..., A) at features (..., F)."""

    def led(self, chunk: Chunk) -> Tensor:
        """The actions (B, T, A) that led to a chunk's frames, as far as the model knows them."""
        return forgotten(chunk.actions) if self.forgets else chunk.actions

    def image_loss(self, states: State, batch: Chunk) -> Tensor:
        """-E[log p(x_t | s_t)]."""
        return -image_log_prob(self.decoder(states.features), centered(batch.frames)).mean()

    def reward_loss(self, states: State, batch: Chunk) -> Tensor:
        """-E[log p(r_t | s_t)]."""
        return -scalar_log_prob(self.expected_rewards(states), batch.rewards).mean()

    def embed(self, frames: Tensor, states: Tensor | None) -> Tensor:
        """Embeddings (..., E) of frames uint8 (..., 3, S, S).

        Where the task's states (..., ≥ P) are given, what is seen of them stands behind.
        """
        seen = self.encoder(frames)
        if states is None:
            return seen
        return torch.cat((seen, states[..., : self.seen_states].to(seen.dtype)), -1)

    @torch.no_grad()
    def encode(self, frames: Tensor, states: Tensor | None = None) -> Tensor:
        """The same without gradients: float32 (N, E)."""
        with self.autocast():
            return self.embed(frames, states).float()

    def recurrent_policy(self, *, draw: bool) -> RecurrentPolicy:
        """The policy's mode, on a latent state of its own, which is drawn or the mode."""
        wants_state = self.seen_states > 0
        return RecurrentPolicy(
            self.encode, self.model, self.act, draw=draw, wants_state=wants_state
        )

    @property
    def models(self) -> tuple[EnsembleRSSM, ...]:
        """What its states are of; the policy acts in the first one."""
        return (self.model,)

    def observe_frames(self, chunk: Chunk, generator: torch.Generator) -> tuple[State, ...]:
        """Posterior states (B, T, ...) of frames, of each model."""
        noise = self.latent.noise(chunk.actions.shape[:2], generator)
        embeddings = self.encode(chunk.frames, chunk.states)
        return (self.model.observe(embeddings, self.led(chunk), noise)[0],)

    def pictures(self, states: tuple[State, ...]) -> dict[str, Tensor]:
        """What states look like."""
        return {"model": self.decoder(states[0].features)}

    def expected_rewards(self, states: State) -> Tensor:
        """What the reward head says at states: (..., ...)."""
        return self.reward(states.features)[..., 0]
