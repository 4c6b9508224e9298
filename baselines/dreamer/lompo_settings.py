"""Hyperparameters and presets of LOMPO and COMBO."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Final, Literal

from baselines.dreamer.settings import WorldSettings
from vd4rl_data.spec import DatasetSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class LompoSettings(WorldSettings):
    """Hyperparameters. [P]: the paper; [C]: its published code; [V]: V-D4RL, which ran that code.

    Where [P] and [C] disagree about layers (three everywhere in [P]), numbers are [C]'s.
    """

    model_steps: int
    """How many of them train the model; the rest train actor and critic in it."""
    model_learning_rate: float = 6e-4
    """Of the model's Adam. [C]"""
    depth: int = 32
    """Channels of the encoder's first convolution. [P], [C]"""
    recurrent: int = 256
    """D, width of the recurrent state. [P], [C]"""
    hidden: int = 256
    """Width of the model's hidden layers. [P], [C]"""
    dimensions: int = 64
    """Of a latent state's Gaussian. [P], [C]"""
    epsilon: float = 1e-7
    """Of every Adam, added to the root of the uncorrected second moment: TensorFlow's. [C]"""
    units: int = 256
    """Width of hidden layers of reward head, actor and critics. [P], [C]"""
    reward_layers: int = 2
    """Hidden layers of the reward head. [C]"""
    actor_layers: int = 4
    """Hidden layers of the actor. [C]; [P]: 3."""
    critic_layers: int = 3
    """Hidden layers of each critic. [P], [C]"""
    agent_learning_rate: float = 3e-4
    """Of actor's and critics' Adam. [P], [C]"""
    agent_batch_size: int = 256
    """Transitions of the data in a batch, and as many imagined ones. [P], [C]"""
    horizon: int = 5
    """H, imagined steps. [P], [C]"""
    exploration: float = 0.2
    """Deviation of the noise on imagined actions. [C]"""
    refresh_every: int = 200
    """Gradient steps between looks at one more episode, and more imagination. [C]"""
    initial_fill: int = 50_000
    """Imagined transitions before the first step of actor and critics. [C]"""
    discount_factor: float = 0.99
    """Of a time step. [P], [C]"""
    tau: float = 5e-3
    """Share of the critics that enters their targets at each step. [P], [C]"""
    penalty: Literal["deviation", "variance"] = "deviation"
    """Of the members' log-probabilities. [P]: variance; [C]: standard deviation."""
    penalty_weight: float = 5.0
    """How much it counts. [P], [C]: 5; [V]: 1 on random data."""
    alpha: float = 0.0
    """How much COMBO's gap counts; without it nothing of it is computed. [C]: 0."""
    num_actions: int = 16
    """Uniform actions in COMBO's gap. [C]"""
    synchronized: bool = True
    """Whether targets begin as copies of the critics. In [C] they are copied before the critics
    have weights, so that they begin as networks of their own."""
    shared_noise: bool = False
    """Whether all sequences of a batch, and all states that a future starts from, draw their latent
    states with the same noise, as in [C]. [P] does not say."""
    proprioception: int = 0
    """Numbers of the task's state, the first ones, that the model sees beside each frame, and
    predicts. [P]: the robot's joints, of D'Claw and the pen; [C] has an option, but neither its
    encoder nor a term of the loss."""
    drawn_latents: bool = True
    """Whether an evaluation draws latent states ([C]) or takes their mode."""


_FELT: Final = {"dclaw_screw": 18, "adroit_pen": 24}
"""Tasks whose observations have proprioception ([P], section 5 and appendix A): positions and
velocities of the claw's nine joints, positions of the hand's; what else the state tells is not the
robot's."""

_SMOKE: Final[dict[str, Any]] = {
    "steps": 20,
    "model_steps": 10,
    "batch_size": 4,
    "length": 8,
    "depth": 8,
    "recurrent": 32,
    "hidden": 32,
    "dimensions": 8,
    "members": 3,
    "units": 32,
    "agent_batch_size": 16,
    "refresh_every": 5,
    "initial_fill": 100,
}


def preset(name: str, dataset: DatasetSpec) -> LompoSettings:
    """``paper``, ``official_code`` or ``smoke``; the first as [V] ran it, whatever the data."""
    weight = 1.0 if dataset.id.behavior == "random" else 5.0
    own: dict[str, Any] = {
        "paper": {"steps": 175_000, "model_steps": 25_000, "penalty_weight": weight},
        "official_code": {
            "steps": 125_000,
            "model_steps": 25_000,
            "synchronized": False,
            "shared_noise": True,
        },
        "smoke": _SMOKE,
    }
    return LompoSettings(proprioception=_FELT.get(dataset.id.task, 0), **own[name])


def combo_preset(name: str, dataset: DatasetSpec) -> LompoSettings:
    """LOMPO's with the gap in the place of the penalty; α = 2.5 is of MOTO's appendix."""
    return dataclasses.replace(preset(name, dataset), alpha=2.5, penalty_weight=0.0)
