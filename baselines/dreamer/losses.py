"""Pure functions that losses are made of."""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.dreamer.latents import HALF_LOG_TWO_PI, Latent, normal_log_prob


def balanced_divergence(
    latent: Latent, posterior: Tensor, prior: Tensor, balance: float, free: float
) -> tuple[Tensor, Tensor]:
    """KL divergence that moves the prior more than the posterior, above some free nats.

        balance · max(mean KL(sg q ‖ p), free) + (1 - balance) · max(mean KL(q ‖ sg p), free)

    The mean over batch and time is taken before the maximum (DreamerV2's ``free_avg``).

    Args:
        latent: what the outputs mean.
        posterior: outputs (..., O), of q.
        prior: the same, of p.
        balance: share of the prior, in [0, 1].
        free: nats.

    Returns:
        The loss, and the mean divergence without gradients.
    """
    toward = latent.divergence(posterior.detach(), prior).mean()
    back = latent.divergence(posterior, prior.detach()).mean()
    loss = balance * toward.clamp(min=free) + (1.0 - balance) * back.clamp(min=free)
    return loss, toward.detach()


def image_log_prob(mean: Tensor, pixels: Tensor) -> Tensor:
    """Log-density of pixels (..., C, H, W) under normals of deviation 1, summed: (...)."""
    distance = (pixels - mean).square().flatten(-3)
    return -0.5 * distance.sum(-1) - HALF_LOG_TWO_PI * distance.shape[-1]


def scalar_log_prob(mean: Tensor, value: Tensor) -> Tensor:
    """Log-density of numbers under normals of deviation 1, element by element."""
    return normal_log_prob(value, mean, 1.0)


def lambda_returns(
    rewards: Tensor, values: Tensor, bootstrap: Tensor, discount_factor: float, lambda_: float
) -> Tensor:
    """Returns that mix all horizons (Sutton): R_t = r_t + γ ((1 - λ) v_{t+1} + λ R_{t+1}).

    Args:
        rewards: (T, ...).
        values: (T, ...), v_0 … v_{T-1}; the first is not used.
        bootstrap: (...), v_T, which stands for R_T, too.
        discount_factor: γ.
        lambda_: 0 takes one step, 1 all.

    Returns:
        (T, ...).
    """
    following = torch.cat((values[1:], bootstrap[None]))
    steps = rewards + discount_factor * (1.0 - lambda_) * following
    returns, last = [], bootstrap
    for step in reversed(steps.unbind(0)):
        last = step + discount_factor * lambda_ * last
        returns.append(last)
    return torch.stack(returns[::-1])
