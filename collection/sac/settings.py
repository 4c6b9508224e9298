"""The settings of a training run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from collection.errors import InvalidSettingError
from vd4rl_data.seeding import COLLECTION_RECIPE

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """Settings of soft actor-critic. All defaults but two are those that made V-D4RL's data.

    These are (sources in ``docs/behavior_policies.md``): three hidden layers of 256, batches of
    256, discount factor 0.99, tau 0.005, Adam, a learned temperature with a target entropy of
    -A nats, 5000 time steps of uniform actions, updates from time step 1000 on.

    The two deviations: the learning rate is 3e-4, the default of V-D4RL's agent, instead of the
    1e-4 of its training script, and there is one update every two time steps instead of every one.
    Together they reach the same returns in about as many time steps with half the updates.

    Attributes:
        task: name of the task.
        seed: determines initial weights, episodes, exploration, batches and noise.
        steps: total environment steps, including the random warm-up; episodes still running at the
            end are played to completion.
        hidden: widths of the hidden layers of the actor, and of the critics if they have no others.
        critic_hidden: widths of the critics' hidden layers; ``None``: those of the actor. A policy
            file holds the actor alone, so wider critics do not make it larger.
        learning_rate: learning rate of actor, critics and temperature.
        batch_size: transitions per update.
        discount_factor: discount factor per time step.
        tau: weight of the critics in the moving average of their targets, at each update.
        random_steps: time steps of uniform actions at the start.
        learning_starts: time steps before the first update.
        actor_starts: time steps before the actor and the temperature start to learn; until then the
            critics learn the value of the actor that the run starts from.
        updates_per_step: updates per time step; may be a fraction.
        initial_temperature: initial value of the learned temperature. While rewards are rare, a
            value of 1 drowns them for some hundred thousand steps; a smaller one does not.
        environments: number of simulations that are stepped together.
        precision: precision of the products of hidden layers; weights stay float32. bfloat16 is
            faster only on devices with instructions for it.
        evaluation_episodes: deterministic episodes at each checkpoint.
        checkpoint_steps: environment steps between checkpoints (V-D4RL, appendix B.1).
        critic_layer_norm: whether the critics' hidden layers are normalized before they are
            rectified: their values then stay in bounds, and more updates per time step pay.
        normalize_states: whether networks see states with mean 0 and deviation 1, by running
            statistics of all states so far; actors that are written take states as they are.
        reward_scale: what rewards are multiplied with for the critics; the temperature counts in
            scaled rewards. Rewards far below the critics' errors, about 0.02 at the default
            learning rate, drown in them.
        reward_power: exponent of the rewards' size that the critics learn from, their sign kept.
            Below 1 it raises small rewards: dm_control's humanoid is paid 1e-14 where it lies, 1e-8
            where it sits and 1 where it walks. Returns are always reported of the task's rewards.
        raise_power: environment steps between which that exponent rises linearly to 1, so that the
            end of training is the task's own; ``None`` keeps it.
        initial_policy: SHA-256 of the policy file whose actor the run starts from, or of the kept
            training that it takes up; ``None`` starts from random weights.
        anneal_from: environment step from which the learning rate falls linearly to zero at
            ``steps``; ``None`` keeps it constant.
        recipe_version: version of the random streams; runs of older versions can be read but not
            continued.
    """

    task: str
    seed: int = 0
    steps: int = 1_000_000
    hidden: tuple[int, ...] = (256, 256, 256)
    critic_hidden: tuple[int, ...] | None = None
    learning_rate: float = 3e-4
    batch_size: int = 256
    discount_factor: float = 0.99
    tau: float = 0.005
    random_steps: int = 5_000
    learning_starts: int = 1_000
    actor_starts: int = 0
    updates_per_step: float = 0.5
    initial_temperature: float = 1.0
    environments: int = 1
    precision: Precision = "float32"
    evaluation_episodes: int = 5
    checkpoint_steps: int = 10_000
    critic_layer_norm: bool = False
    normalize_states: bool = False
    reward_scale: float = 1.0
    reward_power: float = 1.0
    raise_power: tuple[int, int] | None = None
    initial_policy: str | None = None
    anneal_from: int | None = None
    recipe_version: int = COLLECTION_RECIPE

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InvalidSettingError: a setting is out of range; the message says which.
        """
        counts = ("steps", "batch_size", "environments", "evaluation_episodes", "checkpoint_steps")
        for name in counts:
            self._check(name, getattr(self, name) >= 1, "at least 1")
        for name in ("seed", "random_steps", "actor_starts"):
            self._check(name, getattr(self, name) >= 0, "at least 0")
        self._check("learning_starts", self.learning_starts >= 1, "at least 1")
        for name in ("hidden", "critic_hidden"):
            widths = getattr(self, name)
            self._check(name, widths != (), "at least one layer")
            self._check(name, all(width >= 1 for width in widths or ()), "widths of at least 1")
        positive = ("learning_rate", "updates_per_step", "initial_temperature", "reward_scale")
        for name in positive:
            self._check(name, 0 < getattr(self, name) < float("inf"), "above 0")
        for name in ("discount_factor", "tau", "reward_power"):
            self._check(name, 0 < getattr(self, name) <= 1, "in (0, 1]")
        known = 1 <= self.recipe_version <= COLLECTION_RECIPE
        self._check("recipe_version", known, f"1 to {COLLECTION_RECIPE}")
        if self.anneal_from is not None:
            fits = 0 <= self.anneal_from < self.steps
            self._check("anneal_from", fits, f"less than steps, {self.steps}")

        if self.raise_power is not None:
            first, last = self.raise_power
            self._check("raise_power", 0 <= first < last, "two steps, the first one smaller")

    def reward_power_at(self, environment_steps: int) -> float:
        """The exponent of rewards after this number of environment steps."""
        if self.raise_power is None or environment_steps <= self.raise_power[0]:
            return self.reward_power
        first, last = self.raise_power
        passed = min(1.0, (environment_steps - first) / (last - first))
        return self.reward_power + passed * (1 - self.reward_power)

    def learning_rate_at(self, environment_steps: int) -> float:
        """The learning rate after this number of environment steps."""
        if self.anneal_from is None or environment_steps <= self.anneal_from:
            return self.learning_rate
        left = (self.steps - environment_steps) / (self.steps - self.anneal_from)
        return self.learning_rate * max(0.0, left)

    def _check(self, name: str, holds: bool, expected: str) -> None:
        if not holds:
            raise InvalidSettingError(f"{name}: expected {expected}, got {getattr(self, name)}")
