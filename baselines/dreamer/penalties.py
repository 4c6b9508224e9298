"""How much the members of an ensemble disagree about what comes next: (K, ...) → (...).

Each is a pure function of the members' outputs, zero if they agree and blind to their order.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from baselines.dreamer.latents import Latent


def mean_disagreement(latent: Latent, outputs: Tensor) -> Tensor:
    """(1 / K) Σ_k ‖μ_k - mean_j μ_j‖, with what each member expects, μ: probabilities or means.

    What the published code of Offline DV2 and SeMOPO computes: the Frobenius norm, not squared, and
    the mean over members.

    Args:
        latent: kind of the outputs.
        outputs: (K, ..., O).
    """
    return _distances(latent, outputs).mean(0)


def squared_disagreement(latent: Latent, outputs: Tensor) -> Tensor:
    """Σ_k ‖μ_k - mean_j μ_j‖²: equation 1 of the paper of Offline DV2 as it is printed."""
    return _distances(latent, outputs).square().sum(0)


def log_prob_deviation(latent: Latent, outputs: Tensor, vectors: Tensor) -> Tensor:
    """std_k log p_k(z): how differently the members expect what was drawn (LOMPO).

    The standard deviation of a population, as numpy's and TensorFlow's.

    Args:
        latent: kind of the outputs.
        outputs: (K, ..., O).
        vectors: z, (..., Z).
    """
    return latent.log_prob(outputs, vectors).std(0, correction=0)


def logit_deviation(outputs: Tensor) -> Tensor:
    """std_k l_k, the mean over all logits: equation 2 of the paper of MOTO.

    The standard deviation of a population; that it is averaged over logits is how a later code of
    the same authors reads. Logits are the members' outputs as they are.

    Args:
        outputs: (K, ..., O).
    """
    return outputs.float().std(0, correction=0).mean(-1)


def _distances(latent: Latent, outputs: Tensor) -> Tensor:
    """(K, ...): how far what each member expects lies from their mean."""
    distances: Any = _Distances.apply(latent.expected(outputs))
    return distances


class _Distances(torch.autograd.Function):
    """‖μ_k - mean_j μ_j‖ of (K, ..., O), whose gradient is zero where it is zero.

    By hand because it is what most of an imagined step's memory goes through: half the passes.
    """

    @staticmethod
    def forward(ctx: Any, means: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        center = means.mean(0)
        distances = torch.linalg.vector_norm(means - center, dim=-1)
        ctx.save_for_backward(means, center, distances)
        return distances

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        means, center, distances = ctx.saved_tensors
        scale = torch.where(distances > 0, gradient / distances, 0.0)[..., None]
        slopes = (means - center).mul_(scale)
        return slopes.sub_(slopes.mean(0))
