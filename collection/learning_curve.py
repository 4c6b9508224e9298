"""The learning curve of a training run, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from collection.sac.kept import KEPT
from collection.tiers import MEDIUM_LEVELS, Choice
from vd4rl_data.storage.atomic import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLORS = {
    "evaluation": "#1f5fa8",
    "training": "#b8b8b8",
    "medium": "#d97706",
    "expert": "#15803d",
    "before": "#5b6470",
}


def draw_learning_curve(
    path: Path,
    task: str,
    curve: Sequence[Mapping[str, Any]],
    choices: Sequence[Choice] = (),
    before: Sequence[Sequence[Mapping[str, Any]]] = (),
) -> None:
    """Plot returns against environment steps into a PNG.

    Args:
        path: the PNG to write.
        task: name of the task, for the title and the medium level.
        curve: one record per checkpoint.
        choices: checkpoints to mark.
        before: curves of the runs that this one goes on from, as :func:`curves_before` gives them;
            steps are counted through, and a line marks where each was taken up.
    """
    from matplotlib.figure import Figure  # no window, no global state

    figure = Figure(figsize=(7, 4), dpi=140, layout="constrained")
    axes = figure.add_subplot()
    passed = _draw_before(axes, before)
    steps = passed + np.array([record["environment_steps"] for record in curve])
    returns = [record["evaluation_returns"] for record in curve]
    means = np.array([np.mean(values) for values in returns])
    lows, highs = ([function(values) for values in returns] for function in (min, max))
    trained = [
        (s, r) for s, record in zip(steps, curve, strict=True) for r in record["training_returns"]
    ]
    axes.scatter(
        *zip(*trained, strict=True), s=3, color=_COLORS["training"], label="training episodes"
    )
    axes.fill_between(steps, lows, highs, color=_COLORS["evaluation"], alpha=0.2, linewidth=0)
    axes.plot(steps, means, color=_COLORS["evaluation"], label="evaluation, mean and range")
    if task in MEDIUM_LEVELS:
        axes.axhline(MEDIUM_LEVELS[task], color=_COLORS["medium"], linewidth=0.8, linestyle=":")
    for choice in choices:
        at = passed + choice.environment_steps
        axes.plot(
            at,
            choice.evaluation_mean,
            "o",
            color=_COLORS[choice.tier],
            markersize=8,
            markeredgecolor="white",
            label=f"{choice.tier}: {choice.evaluation_mean:.0f} at {at:,}",
        )
    axes.set(title=task, xlabel="environment steps", ylabel="episode return")
    if axes.dataLim.y0 >= 0:
        axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="best", fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")


def curves_before(task: str, start: Mapping[str, Any] | None) -> list[list[Mapping[str, Any]]]:
    """Curves of the runs of a task that a run goes on from, the first one first.

    Args:
        task: name of the task.
        start: what the run started from, as its folder and its policies record it.
    """
    if start is None or (start["name"], start["task"]) != (KEPT, task):
        return []
    training = start["training"]
    return [*curves_before(task, training.get("start")), training["curve"]]


def _draw_before(axes: Axes, before: Sequence[Sequence[Mapping[str, Any]]]) -> int:
    """Draw the curves of earlier runs; returns how many environment steps they took."""
    passed = 0
    for number, curve in enumerate(before):
        steps = [passed + record["environment_steps"] for record in curve]
        axes.plot(
            steps,
            [record["evaluation_mean"] for record in curve],
            color=_COLORS["before"],
            label=None if number else "before, evaluation",
        )
        passed = steps[-1]
        axes.axvline(
            passed,
            color=_COLORS["before"],
            linewidth=0.8,
            linestyle="--",
            label=None if number else "taken up",
        )
    return passed
