"""Hyperparameters of world models.

Sources: [P] the paper of the algorithm; [C] the settings that its published code ships; [D] the
defaults of DreamerV2, which papers and code keep where they are silent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from baselines.hyperparameters import Precision, check_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldSettings:
    """What every world model is made and trained with."""

    steps: int
    """Gradient steps of the whole run."""
    batch_size: int = 64
    """B, sequences of a batch."""
    length: int = 50
    """T, frames of a sequence."""
    model_learning_rate: float = 3e-4
    """Of the model's Adam."""
    depth: int = 48
    """Channels of the encoder's first convolution. [D]"""
    recurrent: int = 200
    """D, width of the recurrent state. [C]"""
    hidden: int = 200
    """Width of the model's hidden layers. [C]"""
    members: int = 7
    """K, members of the ensemble. [P]"""
    epsilon: float = 1e-5
    """Of every Adam, added to the root of the uncorrected second moment. [D]"""
    clip: float = 100.0
    """Largest global norm of gradients. [D]"""
    frame_stack: int = 1
    """Frames per observation: a model sees one at a time. [D]"""
    precision: Precision = "tf32"
    """Of matrix products: float32, tf32 (CUDA), or bfloat16 (weights and optimizer stay float32).
    Not part of any paper."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InvalidSettingError: a number makes no sense; the message says which.
        """
        check_settings(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings(WorldSettings):
    """What one in the manner of DreamerV2 has beyond that."""

    variables: int = 32
    """One-hot variables of a latent state. [D]"""
    classes: int = 32
    """Classes of each. [D]"""
    layers: int = 4
    """Hidden layers of reward head, actor and critic. [D]"""
    units: int = 400
    """Width of each. [D]"""
    kl_balance: float = 0.8
    """Share of the KL loss that moves the prior. [D]"""
    free_nats: float = 1.0
    """KL divergence, mean over the batch, that costs nothing. [D]"""
    weight_decay: float = 1e-6
    """Share of every parameter that is lost at each step. [D]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings(ModelSettings):
    """What an actor and a critic are trained with in it, beyond that."""

    agent_learning_rate: float = 8e-5
    """Of actor's and critic's Adam. [P], [C]"""
    horizon: int = 5
    """H, imagined steps. [P], [C]"""
    discount_factor: float = 0.99
    """Of a time step. [P], [C]"""
    trace_decay: float = 0.95
    """Of the returns: 0 looks one step ahead, 1 all H. [D]"""
    entropy_weight: float = 1e-4
    """How much the policy's entropy counts. [D]"""
    slow_every: int = 100
    """Gradient steps between copies of the critic for targets. [D]"""


SMALL: Final[dict[str, Any]] = {
    "batch_size": 4,
    "length": 8,
    "depth": 8,
    "recurrent": 32,
    "hidden": 32,
    "variables": 8,
    "classes": 8,
    "members": 3,
    "layers": 2,
    "units": 32,
    "slow_every": 5,
}
"""Sizes with which an agent of DreamerV2's kind is seen to run, in seconds: preset ``smoke``."""
