"""Hyperparameters and presets of what is trained on a dataset first, and then goes on playing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from baselines.dreamer.settings import SMALL, AgentSettings
from baselines.errors import InvalidSettingError
from vd4rl_data.spec import DatasetSpec, SuccessScore


@dataclass(frozen=True, slots=True, kw_only=True)
class FineTuningSettings(AgentSettings):
    """Hyperparameters. [P]: the paper of MOTO; [D]: DreamerV2's defaults, which it keeps; [K]: a
    later code of its authors (CMIL), where both are silent.
    """

    offline_steps: int
    """How many of the gradient steps are on the dataset alone; the rest come with episodes that
    the agent plays. As many as all: offline alone; 0: online alone."""
    updates_per_episode: int = 50
    """Gradient steps after each episode. [P]: 50 in Kitchen, 20 in MetaWorld."""
    keep_data: bool = True
    """Whether the dataset is drawn from after that, too, each of its starts as likely as one of the
    agent's own. [P]"""
    batch_size: int = 16
    """B, sequences of a batch. [P]; its 128 of the agent cannot be read: all states count."""
    model_learning_rate: float = 1e-4
    """Of the model's Adam. [P]"""
    horizon: int = 15
    """H, imagined steps. [D], [K]"""
    drawn_latents: bool = True
    """Whether an evaluation draws latent states ([D]) or takes their mode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MotoSettings(FineTuningSettings):
    """Hyperparameters; sources as for :class:`FineTuningSettings`."""

    penalty_weight: float = 10.0
    """How much the members' disagreement counts. [P]; 0: "No Unc.", nothing of it is computed."""
    cloning_weight: float = 10.0
    """β. [P]; 0: "No BC", nothing of it is computed."""
    cloning_filter: Literal["goal", "advantage", "all"] = "goal"
    """f, what is cloned: trajectories that reach the goal ([P]'s choice), snippets that bring more
    than the value of where they begin ([P]'s general form), or everything."""
    goal_reward: float = 1.0
    """The reward of a time step at which a trajectory has reached the goal."""


_SMOKE: Final[dict[str, Any]] = {
    "steps": 20,
    "offline_steps": 10,
    "updates_per_episode": 5,
    "horizon": 3,
    **SMALL,
}

_STEPS: Final[dict[str, dict[str, Any]]] = {
    "Kitchen": {"steps": 76_300, "offline_steps": 10_000, "updates_per_episode": 50},
    "MetaWorld": {"steps": 21_000, "offline_steps": 1_000, "updates_per_episode": 20},
}
"""[P], appendix C.1. Other suites get Kitchen's."""

_THREE_OF_FOUR: Final = "microwave_kettle_bottom_burner_light"
"""No demonstration solves all four of it: [P] clones what solves three."""


def preset(name: str, dataset: DatasetSpec) -> MotoSettings:
    """``paper`` or ``smoke``.

    Where the score is a success, what reaches the goal is cloned, as in [P]; where rewards are
    dense, what has an advantage.

    Raises:
        InvalidSettingError: ``official_code``, which is not public.
    """
    own: dict[str, Any] = {"goal_reward": 1.0, "cloning_filter": "advantage"}
    if isinstance(dataset.score, SuccessScore):
        own = {"goal_reward": _goal(dataset), "cloning_filter": "goal"}
    return MotoSettings(**_schedule(name, dataset), **own)


def dreamer_preset(name: str, dataset: DatasetSpec) -> FineTuningSettings:
    """``paper`` or ``smoke``: what [P] ran beside MOTO, with the same hyperparameters.

    Raises:
        InvalidSettingError: ``official_code``, which is not public.
    """
    return FineTuningSettings(**_schedule(name, dataset))


def caveat(settings: FineTuningSettings) -> str | None:
    """Why a result must not be ranked beside those that had the dataset."""
    if settings.keep_data or settings.offline_steps:
        return None
    return "Trained online alone: nothing was learned from the dataset."


def _schedule(name: str, dataset: DatasetSpec) -> dict[str, Any]:
    if name == "official_code":
        raise InvalidSettingError(
            "preset: expected paper or smoke, got official_code: MOTO's code was never published"
        )
    if name == "smoke":
        return _SMOKE
    return _STEPS.get(dataset.id.suite, _STEPS["Kitchen"])


def _goal(dataset: DatasetSpec) -> float:
    """The largest reward of a time step, but for the task that no demonstration solves."""
    if dataset.id.task == _THREE_OF_FOUR:
        return 3.0
    return dataset.task.reward_range[1]
