"""What a training run depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from collection.errors import InvalidSettingError
from vd4rl_data.seeding import COLLECTION_RECIPE

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """Settings of soft actor-critic; defaults as the data of V-D4RL were made, but for two.

    That is (``docs/behavior_policies.md`` names sources): three hidden layers of 256, batches of
    256, discount factor 0.99, tau 0.005, Adam, a learned temperature that aims at an entropy of
    -A nats, 5000 time steps of uniform actions, updates from time step 1000 on.

    Deviations: the learning rate is 3e-4, its agent's default, where its training script has 1e-4,
    and there is one update every two time steps, where it has one each. Together they reach the
    same returns at about the same number of time steps with half the updates.

    Attributes:
        task: name of the task.
        seed: decides initial weights, episodes, exploration, batches and noise.
        steps: environment steps in all, those of the random warm-up included; the episodes that are
            under way then are played to their end.
        hidden: widths of the hidden layers of actor and critics.
        learning_rate: of actor, critics and temperature.
        batch_size: transitions per update.
        discount_factor: per time step.
        tau: share of the critics that enters their targets at each update.
        random_steps: time steps of uniform actions at the start.
        learning_starts: time steps before the first update.
        actor_starts: time steps before the actor and the temperature learn, too; until then the
            critics learn what the actor that a run begins with is worth.
        updates_per_step: updates per time step; may be a fraction.
        initial_temperature: where the learned temperature starts. While rewards are rare, one of 1
            drowns them for some hundred thousand steps; a smaller one does not.
        environments: simulations that step together.
        precision: of the products of hidden layers; weights stay float32. bfloat16 is faster on
            devices with instructions for it alone.
        evaluation_episodes: deterministic episodes at each checkpoint.
        checkpoint_steps: environment steps between checkpoints (V-D4RL, appendix B.1).
        initial_policy: SHA-256 of the policy file whose actor the run begins with; ``None`` draws
            one.
        anneal_from: environment step from which the learning rate falls linearly, to nothing at
            ``steps``; ``None`` keeps it constant.
        recipe_version: of the random streams; a run of an older one can be read, not gone on with.
    """

    task: str
    seed: int = 0
    steps: int = 1_000_000
    hidden: tuple[int, ...] = (256, 256, 256)
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
    initial_policy: str | None = None
    anneal_from: int | None = None
    recipe_version: int = COLLECTION_RECIPE

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InvalidSettingError: a number makes no sense; the message says which.
        """
        counts = ("steps", "batch_size", "environments", "evaluation_episodes", "checkpoint_steps")
        for name in counts:
            self._check(name, getattr(self, name) >= 1, "at least 1")
        for name in ("seed", "random_steps", "actor_starts"):
            self._check(name, getattr(self, name) >= 0, "at least 0")
        self._check("learning_starts", self.learning_starts >= 1, "at least 1")
        self._check("hidden", all(width >= 1 for width in self.hidden), "widths of at least 1")
        self._check("hidden", len(self.hidden) >= 1, "at least one layer")
        for name in ("learning_rate", "updates_per_step", "initial_temperature"):
            self._check(name, 0 < getattr(self, name) < float("inf"), "above 0")
        for name in ("discount_factor", "tau"):
            self._check(name, 0 < getattr(self, name) <= 1, "in (0, 1]")
        known = 1 <= self.recipe_version <= COLLECTION_RECIPE
        self._check("recipe_version", known, f"1 to {COLLECTION_RECIPE}")
        if self.anneal_from is not None:
            fits = 0 <= self.anneal_from < self.steps
            self._check("anneal_from", fits, f"less than steps, {self.steps}")

    def learning_rate_at(self, environment_steps: int) -> float:
        """The learning rate after so many environment steps."""
        if self.anneal_from is None or environment_steps <= self.anneal_from:
            return self.learning_rate
        left = (self.steps - environment_steps) / (self.steps - self.anneal_from)
        return self.learning_rate * max(0.0, left)

    def _check(self, name: str, holds: bool, expected: str) -> None:
        if not holds:
            raise InvalidSettingError(f"{name}: expected {expected}, got {getattr(self, name)}")
