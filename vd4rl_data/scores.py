"""Scores: pure arithmetic on episodes and a catalog row."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vd4rl_data.errors import NoScoreError
from vd4rl_data.spec import DatasetSpec, ReturnScore, ReturnStatistics, Score, SuccessScore


@dataclass(frozen=True, slots=True)
class EpisodeSummary:
    """Everything that a score may depend on.

    Attributes:
        episode_return: undiscounted return.
        length: number of time steps.
        success: whether the task was solved at any time step, or how much of it at the last one,
            from 0 to 1; ``None`` if the environment does not report it.
        info: whatever else the environment reported at the last step.
    """

    episode_return: float
    length: int
    success: float | None = None
    info: Mapping[str, Any] = field(default_factory=dict[str, Any])


def normalized_score(
    spec: DatasetSpec, episode_return: ArrayLike | float
) -> NDArray[np.float64] | float:
    """Map undiscounted episode returns to the suite's normalized score.

    Args:
        spec: a catalog row whose score is a function of the return.
        episode_return: one return or an array of any shape.

    Returns:
        A float for one return, else a float64 array of the same shape. Papers print 100 times this.

    Raises:
        NoScoreError: the score is not a function of the return; see :func:`score`.
    """
    returns = np.asarray(episode_return, dtype=np.float64)
    score = _of_return(return_score(spec), returns)
    return float(score) if score.ndim == 0 else score


def return_score(spec: DatasetSpec) -> ReturnScore:
    """The linear function of the return that is a dataset's score.

    Raises:
        NoScoreError: its score is not a function of the return.
    """
    if isinstance(spec.score, ReturnScore):
        return spec.score
    if spec.score is None:
        raise NoScoreError(
            f"{spec.name} has no normalized score: its constants were never published. Report"
            " returns."
        )
    raise NoScoreError(
        f"{spec.name}: its score is not a function of the return ({spec.score.source}). Use"
        " vd4rl_data.scores.score(spec, summary), or Evaluation.normalized(id), which know more"
        " about the episode."
    )


def score(spec: DatasetSpec, episode: EpisodeSummary) -> float:
    """The score of one episode, 0 to 1, by whatever rule the dataset has.

    Raises:
        NoScoreError: the dataset has no score, or the summary lacks what the score needs.
    """
    if spec.score is None:
        return_score(spec)  # raises
    return score_of(spec.score, episode, spec.name)


def score_of(rule: Score | None, episode: EpisodeSummary, name: str) -> float:
    """The score of one episode by a rule; raises the same errors as :func:`score`."""
    if isinstance(rule, ReturnScore):
        return float(_of_return(rule, np.float64(episode.episode_return)))
    if isinstance(rule, SuccessScore):
        if episode.success is None:
            raise NoScoreError(
                f"{name}: the score is the success of an episode ({rule.source}), but the"
                " environment did not report whether this episode succeeded"
            )
        return float(episode.success)
    if rule is None:
        raise NoScoreError(f"{name} has no score")
    module, _, function = rule.function.partition(":")
    return float(getattr(importlib.import_module(module), function)(episode))


def describe_score(rule: Score | None) -> str:
    """Describe a score in a few words, for readers."""
    if rule is None:
        return "none: the constants were never published"
    if isinstance(rule, ReturnScore):
        return f"0 at a return of {rule.low:g}, 1 at {rule.high:g}"
    return rule.source


def return_statistics(returns: ArrayLike) -> ReturnStatistics:
    """Summarize episode returns, shape (E,), the way the papers' tables do.

    Raises:
        ValueError: there are no returns.
    """
    values = np.asarray(returns, dtype=np.float64)
    if values.size == 0:
        raise ValueError("return statistics need at least one episode, got none")
    p25, median, p75 = (float(np.percentile(values, q)) for q in (25, 50, 75))
    return ReturnStatistics(
        mean=float(values.mean()),
        std=float(values.std()),
        min=float(values.min()),
        p25=p25,
        median=median,
        p75=p75,
        max=float(values.max()),
    )


def _of_return(rule: ReturnScore, returns: Any) -> Any:
    return (returns - rule.low) / (rule.high - rule.low)
