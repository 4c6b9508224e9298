"""All that is random in gradient steps of world models, and of actors and critics in them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.dreamer.imagination import DreamNoise, draw_dream, draw_members
from baselines.dreamer.rssm import EnsembleRSSM


@dataclass(frozen=True, slots=True)
class ModelNoise:
    """Of a step of the model.

    Attributes:
        members: int64 (T,), which member is the prior at each time step.
        latents: (B, T, ...), for the posterior's draws.
    """

    members: Tensor
    latents: Tensor


@dataclass(frozen=True, slots=True)
class AgentNoise(DreamNoise):
    """Of a step of actor and critic: a future's, and what it starts from.

    Attributes:
        posteriors: (B, T, ...), for the draws of the states that the future starts from.
    """

    posteriors: Tensor


def draw_model_noise(
    model: EnsembleRSSM, shape: tuple[int, int], generator: torch.Generator
) -> ModelNoise:
    """For batches of ``shape``: B sequences of T frames."""
    return ModelNoise(
        members=draw_members(model, shape[1], generator),
        latents=model.latent.noise(shape, generator),
    )


def draw_agent_noise(
    model: EnsembleRSSM, shape: tuple[int, int], horizon: int, generator: torch.Generator
) -> AgentNoise:
    """For batches of ``shape``, and so many imagined steps from each of their states."""
    future = draw_dream(model, horizon, shape[0] * shape[1], generator)
    return AgentNoise(
        members=future.members,
        latents=future.latents,
        actions=future.actions,
        posteriors=model.latent.noise(shape, generator),
    )
