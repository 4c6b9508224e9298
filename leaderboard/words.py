"""How tasks, behaviors, variants and environments are written for readers."""

from __future__ import annotations

from typing import Final

from vd4rl_data.ids import BenchmarkId
from vd4rl_data.registry import BENCHMARKS, SUITES

BEHAVIORS: Final = {
    "random": "random",
    "medium_replay": "medium-replay",
    "medium": "medium",
    "medium_expert": "medium-expert",
    "expert": "expert",
    "random_expert": "random-expert",
    "scripted": "scripted",
    "demos": "demonstrations",
}
ENVIRONMENTS: Final = {
    "original": "original",
    "distracted_train": "distraction seen in training",
    "distracted_test": "unseen distraction",
    "train_tasks": "training bodies",
    "interpolation_tasks": "between them",
    "extrapolation_tasks": "beyond them",
    "rgb_video": "colored video",
}
SCALES: Final = {
    "return": "episode return",
    "return/10": "episode return / 10",
    "normalized": "normalized score of the paper",
    "lompo_0_100": "LOMPO's score, 0 to 100",
    "success_percent": "success, percent",
}
_VIDEO: Final = "rgb_video"
"""An evaluation that only suites with video backgrounds have."""

_LEVELS: Final = {"easy": "low", "medium": "moderate", "hard": "high"}


def suite_words(name: str) -> str:
    """A suite's title; datasets that were registered alone have a suite without one."""
    suite = SUITES.get(name)
    return name if suite is None else suite.title


def task_words(benchmark: BenchmarkId) -> str:
    """``walker_walk`` → ``walker walk``."""
    return benchmark.task.replace("_", " ")


def distraction(benchmark: BenchmarkId) -> tuple[str, int] | None:
    """The level of a distracting variant, in the paper's word, and the percentage shifted."""
    variant = benchmark.variant
    if variant is None or variant.level is None or variant.percent is None:
        return None
    return _LEVELS[variant.level], variant.percent


def dataset_words(benchmark: BenchmarkId) -> str:
    """Behavior and variant, without the task: ``random, low distraction in 25 %``."""
    behavior = BEHAVIORS[benchmark.behavior]
    shifted = distraction(benchmark)
    if shifted is not None:
        level, percent = shifted
        media = benchmark.variant.media if benchmark.variant is not None else None
        scenes = "" if media is None else f" ({media})"
        return f"{behavior}, {level} distraction in {percent} %{scenes}"
    return behavior if benchmark.variant is None else f"{behavior}, {benchmark.variant}"


def short_words(benchmark: BenchmarkId) -> str:
    """The same inside a table of one variant: ``random``, or ``low, 25 %``."""
    shifted = distraction(benchmark)
    if shifted is not None:
        return f"{shifted[0]}, {shifted[1]} %"
    return BEHAVIORS[benchmark.behavior]


def distraction_kind(benchmark: BenchmarkId) -> str:
    """What the filter for distraction says: none, video, or the level."""
    row = BENCHMARKS.get(str(benchmark))
    if row is not None and _VIDEO in row.environments:
        return "video"
    shifted = distraction(benchmark)
    return "none" if shifted is None else shifted[0]
