"""What a world model sees, expects and is unsure of, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baselines.dreamer.batches import Chunk
from baselines.dreamer.networks import centered
from baselines.dreamer.rssm import EnsembleRSSM, State


@runtime_checkable
class Inspectable(Protocol):
    """An agent with a world model that can be looked into."""

    @property
    def models(self) -> tuple[EnsembleRSSM, ...]:
        """What its states are of; the policy acts in the first one."""
        ...

    def observe_frames(self, chunk: Chunk, generator: torch.Generator) -> tuple[State, ...]:
        """Posterior states (B, T, ...) of a chunk with frames, of each model."""
        ...

    def pictures(self, states: tuple[State, ...]) -> dict[str, Tensor]:
        """What states (..., ...) look like, by name: (..., C, S, S), about [-0.5, 0.5]."""
        ...

    def expected_rewards(self, states: State) -> Tensor:
        """What the reward head says at states of the first model: (..., ...)."""
        ...

    def uncertainties(self, states: tuple[State, ...]) -> dict[str, Tensor]:
        """How unsure each model is of states, by name: first the penalty, without its weight."""
        ...


@dataclass(frozen=True, slots=True)
class Strip:
    """A row of pictures, uint8 (T, S, S, 3), with a name."""

    name: str
    frames: Tensor


@torch.no_grad()
def reconstructions(agent: Inspectable, chunk: Chunk, generator: torch.Generator) -> list[Strip]:
    """Each sequence above what its posterior states look like."""
    states = agent.observe_frames(chunk, generator)
    return _strips(chunk, agent.pictures(states))


@torch.no_grad()
def open_loop(
    agent: Inspectable, chunk: Chunk, seen: int, generator: torch.Generator
) -> list[Strip]:
    """Each sequence above what is expected of it from its first ``seen`` frames and all actions."""
    states = None if chunk.states is None else chunk.states[:, :seen]
    start = replace(
        chunk, frames=chunk.frames[:, :seen], actions=chunk.actions[:, :seen], states=states
    )
    observed, actions = agent.observe_frames(start, generator), chunk.actions[:, seen:]
    expected = tuple(
        _expected(model, state, actions, generator)
        for model, state in zip(agent.models, observed, strict=True)
    )
    return _strips(chunk, agent.pictures(expected))


def _expected(
    model: EnsembleRSSM, seen: State, actions: Tensor, generator: torch.Generator
) -> State:
    """States (B, t, ...) and those that follow upon them, drawn from the prior."""
    state, found = State(seen.z[:, -1], seen.h[:, -1]), [seen]
    for action in actions[..., : model.sizes.actions].unbind(1):
        h = model.carried(state, action)
        member = torch.randint(model.sizes.members, (1,), generator=generator, device=h.device)
        outputs = model.prior.chosen(h[None], member)[0]
        noise = model.latent.noise((len(h),), generator)
        state = State(model.latent.draw(outputs, noise), h)
        found.append(State(state.z[:, None], state.h[:, None]))
    return State(torch.cat([s.z for s in found], 1), torch.cat([s.h for s in found], 1))


@torch.no_grad()
def uncertainties(
    agent: Inspectable, chunk: Chunk, generator: torch.Generator
) -> dict[str, NDArray[np.float32]]:
    """How unsure each model is of a chunk's states, by its name: (B, T - 1); the penalty first.

    The first states are left out: what is expected there does not depend on any frame.
    """
    states = agent.observe_frames(chunk, generator)
    later = tuple(State(each.z[:, 1:], each.h[:, 1:]) for each in states)
    found = agent.uncertainties(later)
    return {name: each.float().cpu().numpy() for name, each in found.items()}


def sequences(chunk: Chunk) -> list[Strip]:
    """Each sequence by itself."""
    return _strips(chunk, {})


@torch.no_grad()
def reward_fit(agent: Inspectable, chunk: Chunk, generator: torch.Generator) -> float:
    """R² of the rewards of a chunk, its first rows left out: 1 is perfect, 0 the data's mean."""
    states = agent.observe_frames(chunk, generator)
    expected = agent.expected_rewards(states[0])[:, 1:]
    rewards = chunk.rewards[:, 1:]
    missed = (rewards - expected).square().mean() / rewards.var(correction=0).clamp(min=1e-12)
    return 1.0 - float(missed)


def noise_like(chunk: Chunk, generator: torch.Generator) -> Chunk:
    """The same actions with frames of white noise."""
    device, shape = chunk.frames.device, chunk.frames.shape
    frames = torch.randint(0, 256, shape, generator=generator, device=device, dtype=torch.uint8)
    return replace(chunk, frames=frames)


def _strips(chunk: Chunk, pictures: dict[str, Tensor]) -> list[Strip]:
    rows: list[Strip] = []
    for number, truth in enumerate(centered(chunk.frames)):
        rows.append(Strip("data", _bytes(truth)))
        rows += [Strip(name, _bytes(found[number])) for name, found in pictures.items()]
    return rows


def _bytes(pixels: Tensor) -> Tensor:
    """(T, C, S, S) in [-0.5, 0.5] → uint8 (T, S, S, 3), on the CPU; one channel becomes gray."""
    scaled = ((pixels.float() + 0.5) * 255.0).round().clamp(0, 255).to(torch.uint8).cpu()
    return scaled.expand(-1, 3, -1, -1).permute(0, 2, 3, 1)
