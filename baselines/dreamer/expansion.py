"""Model-based value expansion (Rafailov et al. 2023, section 4): values of all horizons, mixed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.dreamer.imagination import DreamNoise, penalties_at
from baselines.dreamer.losses import lambda_returns
from baselines.dreamer.rssm import EnsembleRSSM, State


@dataclass(frozen=True, slots=True)
class Rollout:
    """An imagined future of H steps, with what was done in it.

    Attributes:
        features: (H + 1, N, F), of ŝ^0 … ŝ^H; the first one is of the data.
        actions: (H + 1, N, A), â^t at each of them.
        penalties: (H, N), u(ŝ^t, â^t): of what follows upon each state but the last.
    """

    features: Tensor
    actions: Tensor
    penalties: Tensor


def roll_out(
    model: EnsembleRSSM,
    start: State,
    noise: DreamNoise,
    act: Callable[[Tensor, Tensor], Tensor],
    penalize: Callable[[Tensor], Tensor] | None,
) -> Rollout:
    """Imagine H steps. Gradients flow along the states, and from them into the actions.

    Args:
        model: of the world.
        start: (N, ...), without gradients.
        noise: of H steps, and of H + 1 actions.
        act: features (N, F), which it must detach itself, and noise (N, A) → actions (N, A).
        penalize: outputs of all members (K, N, O) → (N,); ``None``: penalties are zero, and nothing
            is computed for them.
    """
    state, features, actions, penalties = start, [start.features], list[Tensor](), list[Tensor]()
    for step, latents in enumerate(noise.latents):
        actions.append(act(features[-1], noise.actions[step]))
        h = model.carried(state, actions[-1])
        penalties.append(penalties_at(model, h, penalize))
        chosen = model.prior.chosen(h[None], noise.members[step : step + 1])[0]
        state = State(model.latent.draw(chosen, latents), h)
        features.append(state.features)
    actions.append(act(features[-1], noise.actions[-1]))
    return Rollout(torch.stack(features), torch.stack(actions), torch.stack(penalties))


def expanded_values(
    rewards: Tensor, values: Tensor, discount_factor: float, lambda_: float
) -> tuple[Tensor, Tensor]:
    """V, equation 5, and V̂ = λ V + (1 - λ) V_0.

        V_K(ŝ^t) = Σ_{k=1..K} γ^{k-1} r̂^{t+k} + γ^K V_0(ŝ^{t+K})
        V(ŝ^t) = (1 - λ) Σ_{k=1..H-t-1} λ^{k-1} V_k(ŝ^t) + λ^{H-t-1} V_{H-t}(ŝ^t)

    Args:
        rewards: (H, N), r̂^1 … r̂^H.
        values: (H + 1, N), V_0 at ŝ^0 … ŝ^H.
        discount_factor: γ.
        lambda_: λ.

    Returns:
        (H, N) each, at ŝ^0 … ŝ^{H-1}.
    """
    mixed = lambda_returns(rewards, values[:-1], values[-1], discount_factor, lambda_)
    return mixed, lambda_ * mixed + (1.0 - lambda_) * values[:-1]


def snippet_advantages(
    rewards: Tensor, values: Tensor, discount_factor: float, horizon: int
) -> Tensor:
    """How much more than V a piece of a trajectory has brought, with V at its end.

        Σ_{j=1..h} γ^{j-1} r_{t+j} + γ^h V(s_{t+h}) - V(s_t),   h = min(H, T - 1 - t)

    Args:
        rewards: (B, T); row t was received on arriving at state t.
        values: (B, T).
        discount_factor: γ.
        horizon: H.

    Returns:
        (B, T - 1).
    """
    brought = values
    for _ in range(min(horizon, values.shape[1] - 1)):
        brought = torch.cat(
            (rewards[:, 1:] + discount_factor * brought[:, 1:], values[:, -1:]), dim=1
        )
    return (brought - values)[:, :-1]
