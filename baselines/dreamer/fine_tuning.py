"""Training on a dataset first, and then on it and on what the agent plays: model and agent at once.

Of each batch the model gets a gradient step, and then the agent, in futures that the new model
imagines from the states that the old one saw (DreamerV2's order).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from baselines.bench.algorithm import Spaces
from baselines.bench.phases import Batches, Phase, PhaseContext
from baselines.dreamer.agent import Metrics, RecurrentPolicy
from baselines.dreamer.batches import Chunk, ChunkBatches
from baselines.dreamer.discrete import DiscreteAgent
from baselines.dreamer.growing import GrowingChunks, GrowthSettings
from baselines.dreamer.imagination import DreamNoise, draw_members
from baselines.dreamer.moto_settings import FineTuningSettings
from baselines.dreamer.noise import ModelNoise, draw_model_noise
from baselines.dreamer.rssm import State
from vd4rl_data import seeding
from vd4rl_data.seeding import Purpose

_MODEL_METRICS = ("model_loss", "divergence", "image_loss", "reward_loss", "gradient_norm")


@dataclass(frozen=True, slots=True)
class JointNoise(DreamNoise):
    """Of a step of model and agent: a future's with H + 1 actions, and the model's.

    Attributes:
        priors: int64 (T,), which member is the prior at each time step.
        posteriors: (B, T, ...), for the posterior's draws.
    """

    priors: Tensor
    posteriors: Tensor


class FineTunedAgent(DiscreteAgent):
    """Two phases of the same updates; algorithms add the step of actor and critics."""

    agent_metrics: ClassVar[tuple[str, ...]]
    """What :meth:`agent_step` returns."""
    goal: float | None = None
    """See :class:`ChunkBatches`."""

    def __init__(
        self,
        settings: FineTuningSettings,
        spaces: Spaces,
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        """Raises:
        InvalidSettingError: frames are stacked, or of a size that cannot be encoded.
        """
        super().__init__(settings, spaces, device, generator)
        self._tuning = settings

    def phases(self) -> tuple[Phase, ...]:
        """On the dataset; then on it and on what is played."""
        settings = self._tuning
        found: list[Phase] = []
        if settings.offline_steps:
            found.append(self._phase("offline", settings.offline_steps, self.frames))
        if settings.steps > settings.offline_steps:
            found.append(self._phase("online", None, self.growing))
        return tuple(found)

    def _phase(
        self, name: str, steps: int | None, batches: Callable[[PhaseContext], Batches]
    ) -> Phase:
        return Phase(
            name=name,
            steps=steps,
            batches=batches,
            draw=self.draw,
            update=self.update,
            metrics=(*_MODEL_METRICS, *self.agent_metrics),
            every=((self._tuning.slow_every, self.copy_critics),),
            online=name == "online",
        )

    def frames(self, context: PhaseContext) -> ChunkBatches:
        """Batches of the dataset."""
        return ChunkBatches(context, *self.shape, self.goal)

    def growing(self, context: PhaseContext) -> GrowingChunks:
        """Batches of the dataset and of what is played."""
        settings = self._tuning
        growth = GrowthSettings(
            *self.shape, settings.updates_per_episode, settings.keep_data, self.goal
        )
        return GrowingChunks(context, growth, self.explorer)

    def explorer(self, seed: int, number: int) -> RecurrentPolicy:
        """The policy as it is now, whose actions and latent states are drawn.

        Args:
            seed: of the run.
            number: of the episode, whose draws have streams of their own.
        """
        generator = torch.Generator()
        generator.manual_seed(seeding.word(Purpose.ONLINE_ACTIONS, seed, number))

        def act(features: Tensor) -> Tensor:
            shape = len(features), self.spaces.action_size
            return self.sample(features, torch.rand(shape, generator=generator).to(self.device))

        latents = seeding.word(Purpose.ONLINE_LATENTS, seed, number)
        return RecurrentPolicy(self.encode, self.model, act, draw=True, seed=latents)

    def draw(self, _: int, generator: torch.Generator) -> JointNoise:
        """The noise of a step."""
        model, horizon, (batch_size, length) = self.model, self._tuning.horizon, self.shape
        count, seen = batch_size * length, draw_model_noise(model, self.shape, generator)
        actions = horizon + 1, count, self.spaces.action_size
        return JointNoise(
            members=draw_members(model, horizon, generator),
            latents=model.latent.noise((horizon, count), generator),
            actions=torch.rand(actions, generator=generator, device=generator.device),
            priors=seen.members,
            posteriors=seen.latents,
        )

    def update(self, batch: Chunk, noise: JointNoise) -> Metrics:
        """A gradient step of the model, then one of actor and critics."""
        with self.autocast():
            states, posterior = self.observe(batch, noise.posteriors)
            seen = ModelNoise(noise.priors, noise.posteriors)
            loss, metrics = self.evidence_loss(states, posterior, batch, seen)
        norm = self.descents["model"].step(loss)
        states = State(states.z.detach(), states.h.detach())
        told = {"model_loss": loss.detach(), "gradient_norm": norm}
        return {**metrics, **told, **self.agent_step(batch, states, noise)}

    @abstractmethod
    def agent_step(self, batch: Chunk, states: State, noise: JointNoise) -> Metrics:
        """One gradient step of actor and critics, both from the networks as they were.

        Args:
            batch: with frames.
            states: (B, T, ...), of its frames, without gradients.
            noise: of the step.
        """

    @abstractmethod
    def copy_critics(self, _: int = 0) -> None:
        """Renew the critics of the targets."""
