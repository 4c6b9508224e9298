"""Imagined futures: the policy acts in the model, from latent states of the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from baselines.dreamer.rssm import EnsembleRSSM, State

_ROWS: Final = 64
"""States whose members a CPU evaluates at once: two megabytes of outputs."""


@dataclass(frozen=True, slots=True)
class DreamNoise:
    """All that is random in an imagined future of H steps from N states.

    Attributes:
        members: int64 (H,), which member of the ensemble gives each next state, to all N.
        latents: (H, N, ...), for the draws of z.
        actions: (H, N, A), for the draws of actions.
    """

    members: Tensor
    latents: Tensor
    actions: Tensor


@dataclass(frozen=True, slots=True)
class Dream:
    """An imagined future.

    Attributes:
        features: (H + 1, N, F), of all states, the first one included.
        penalties: (H, N), at all states but the last.
    """

    features: Tensor
    penalties: Tensor


def draw_dream(
    model: EnsembleRSSM, horizon: int, count: int, generator: torch.Generator
) -> DreamNoise:
    """The noise of a future.

    Args:
        model: whose future.
        horizon: H.
        count: N.
        generator: of the model's device.
    """
    device, actions = generator.device, (horizon, count, model.sizes.actions)
    return DreamNoise(
        members=draw_members(model, horizon, generator),
        latents=model.latent.noise((horizon, count), generator),
        actions=torch.rand(actions, generator=generator, device=device),
    )


def draw_members(model: EnsembleRSSM, count: int, generator: torch.Generator) -> Tensor:
    """``count`` members, uniformly: int64, on the generator's device."""
    members = (count,)
    return torch.randint(model.sizes.members, members, generator=generator, device=generator.device)


def penalties_at(
    model: EnsembleRSSM, h: Tensor, penalize: Callable[[Tensor], Tensor] | None
) -> Tensor:
    """The penalty (N,) at states with h (N, D), on a CPU in pieces that its cache can hold; zero,
    and not computed, without one.
    """
    if penalize is None:
        return h.new_zeros(len(h))
    pieces = h.split(_ROWS) if h.device.type == "cpu" else (h,)
    return torch.cat([penalize(model.prior(piece)) for piece in pieces])


def dream(
    model: EnsembleRSSM,
    start: State,
    noise: DreamNoise,
    act: Callable[[Tensor, Tensor], Tensor],
    penalize: Callable[[Tensor], Tensor] | None,
) -> Dream:
    """Imagine H steps. Gradients flow along the states, and from them into the actions.

    All members are evaluated once per state, for its penalty, and one of them for ẑ_t.

    Args:
        model: of the world.
        start: (N, ...), without gradients.
        noise: of H steps.
        act: features (N, F), which it must detach itself, and noise (N, A) → actions (N, A).
        penalize: outputs of all members (K, N, O) → (N,); ``None``: penalties are zero, and nothing
            is computed for them.
    """
    horizon = len(noise.members)
    with torch.no_grad():
        penalties = [penalties_at(model, start.h, penalize)]
    state, features = start, [start.features]
    for step in range(horizon):
        action = act(features[-1], noise.actions[step])
        h = model.carried(state, action)
        if step + 1 < horizon:  # nothing follows upon the last state, whose penalty is nobody's
            penalties.append(penalties_at(model, h, penalize))
        # Once more: to pick one of the outputs takes longer than this, backward and for all K.
        chosen = model.prior.chosen(h[None], noise.members[step : step + 1])[0]
        state = State(model.latent.draw(chosen, noise.latents[step]), h)
        features.append(state.features)
    return Dream(torch.stack(features), torch.stack(penalties))
