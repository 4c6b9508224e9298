"""Hyperparameters that BC, DrQ+BC and CQL share.

Sources: [P] Lu et al. 2023 (V-D4RL), appendix D, Table 8; [C] the settings that their published
code ships for offline training; [D] DrQ-v2's own defaults, which [P] keeps where it is silent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from baselines.hyperparameters import Precision, check_settings
from vd4rl_data.spec import DatasetSpec

PAPER: Final = "https://arxiv.org/abs/2206.04779"
"""Where [P] is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    """What an encoder and a policy are trained with."""

    steps: int
    """Gradient steps. [P]: 256 epochs, that is 256 N / B for N transitions; [C]: 550,000."""
    batch_size: int = 256
    """B. [P], [C]"""
    learning_rate: float = 1e-4
    """Of every Adam (betas and epsilon: torch's). [P]: 1e-4; [C]: 3e-4."""
    frame_stack: int = 3
    """K, frames per observation. [D]"""
    feature_dim: int = 50
    """F, width of the trunks. [D]"""
    hidden_dim: int = 1024
    """Width of the hidden layers. [D]"""
    stddev_start: float = 1.0
    """Standard deviation of actions in losses at the first step. [P], [C]"""
    stddev_end: float = 0.1
    """The same, in the end. [P], [C]"""
    stddev_duration: float = 500_000
    """Counts from start to end. [P]: 500,000; [C]: 250,000."""
    counts_per_step: int = 2
    """Counts that a gradient step takes: the published code counts two for each. [C]"""
    stddev_clip: float = 0.3
    """Largest noise on an action. [P], [C]"""
    precision: Precision = "tf32"
    """Of matrix products: float32, tf32 (CUDA), or bfloat16 (weights and optimizer stay float32).
    Not part of any paper. On a CPU tf32 is float32, and bfloat16 is faster only with instructions
    for it (amx_bf16 in /proc/cpuinfo), several times slower without."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InvalidSettingError: a number makes no sense; the message says which.
        """
        check_settings(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class CriticSettings(PolicySettings):
    """What critics are trained with, beyond that."""

    n_step: int = 3
    """Rewards that a target sums up. [P]: 3; [C]: 1 unless given, which is done for DrQ+BC."""
    discount_factor: float = 0.99
    """Of a time step. [P], [C]"""
    tau: float = 0.01
    """Share of the critic that enters its target at each step. [D]"""


SMOKE: Final[dict[str, Any]] = {
    "steps": 20,
    "batch_size": 16,
    "feature_dim": 16,
    "hidden_dim": 64,
    "stddev_duration": 40.0,
}
"""Enough to see that everything runs, in seconds, and nothing more."""

OFFICIAL_CODE: Final[dict[str, Any]] = {
    "steps": 550_000,
    "learning_rate": 3e-4,
    "stddev_duration": 250_000.0,
}
"""Where the published code differs from the paper, for all three algorithms."""


def paper_steps(num_transitions: int) -> int:
    """256 epochs in batches of 256: as many gradient steps as there are transitions."""
    epochs, batch_size = 256, 256
    return epochs * num_transitions // batch_size


def preset_values(name: str, dataset: DatasetSpec) -> dict[str, Any]:
    """What the presets ``paper``, ``official_code`` and ``smoke`` of all three have in common.

    Everything else is a default of the settings, or an algorithm's own.
    """
    return {
        "paper": {"steps": paper_steps(dataset.num_transitions)},
        "official_code": OFFICIAL_CODE,
        "smoke": SMOKE,
    }[name]
