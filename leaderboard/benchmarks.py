"""What results can be given for: every benchmark of the four suites, its bounds and its score.

A row here says nothing about whether the library can load the data: for that, the size is added and
the id looked up in its catalog. Names follow the library's id grammar.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from vd4rl_data.ids import BenchmarkId, parse_benchmark
from vd4rl_data.registry import TASKS, list_datasets
from vd4rl_data.results.model import Environment, Scale
from vd4rl_data.scores import return_score
from vd4rl_data.spec import TaskSpec

DISTRACTIONS: Final = ("easy", "medium", "hard")
"""Levels as the files are named; the paper calls them low, moderate, high."""

SHIFTED: Final = (0, 25, 50, 75, 100)
"""Percent of the data with a distraction."""

CAR_RACING_PRINTED_MIN: Final = 10.3
"""What SeMOPO's Table 1 really took as car racing's minimum: the mean of the random dataset."""

_ORIGINAL: Final[tuple[Environment, ...]] = ("original",)
_DISTRACTED: Final[tuple[Environment, ...]] = ("original", "distracted_train", "distracted_test")
_BODIES: Final[tuple[Environment, ...]] = (
    "original",
    "train_tasks",
    "interpolation_tasks",
    "extrapolation_tasks",
)
_DMC_RETURN: Final = (0.0, 1000.0)


@dataclass(frozen=True, slots=True)
class ScoreRange:
    """Episode returns that map to normalized scores 0 and 1, and who says so."""

    low: float
    high: float
    source: str


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One row.

    Attributes:
        id: the parsed name.
        family: which table of its suite it belongs to.
        sizes: image sizes that its papers use.
        environments: where agents may be evaluated.
        metric: what the score is made of.
        bounds: the least and the largest possible episode return.
        score: ``None`` where constants were never published, or the metric is success.
        task: the simulator's task for replays; ``None`` where the library cannot simulate it.
        source: of these figures.
    """

    id: BenchmarkId
    family: str
    sizes: tuple[int, ...]
    environments: tuple[Environment, ...]
    metric: Literal["return", "success"]
    bounds: tuple[float, float]
    score: ScoreRange | None
    task: TaskSpec | None
    source: str

    @property
    def continuous(self) -> bool:
        """Whether returns are sums of graded rewards, so that chance never repeats one."""
        return self.metric == "return" and self.bounds == _DMC_RETURN

    def normalized(self, value: float, scale: Scale) -> float | None:
        """The score, 0 to 1, of a number on one of the papers' scales; ``None`` if it has none."""
        if scale == "normalized":
            return value
        if scale == "success_percent":
            return value / 100
        if self.score is None or scale == "lompo_0_100":
            return None
        episode_return = value * 10 if scale == "return/10" else value
        return (episode_return - self.score.low) / (self.score.high - self.score.low)


@functools.cache
def benchmarks() -> dict[str, Benchmark]:
    """All rows by name, in the order of the papers' tables."""
    rows = (*_vd4rl(), *_lqvd4rl(), *_lompo(), *_kitchen(), *_metaworld())
    return {str(row.id): row for row in rows}


def _row(
    name: str,
    family: str,
    sizes: tuple[int, ...],
    score: ScoreRange | None,
    source: str,
    environments: tuple[Environment, ...] = _ORIGINAL,
    bounds: tuple[float, float] = _DMC_RETURN,
    metric: Literal["return", "success"] = "return",
    task: TaskSpec | None = None,
) -> Benchmark:
    row_id = parse_benchmark(f"{name}-v0")
    return Benchmark(row_id, family, sizes, environments, metric, bounds, score, task, source)


def _vd4rl() -> Iterator[Benchmark]:
    """Main rows come from the library's catalog, which owns their score."""
    score = None
    for spec in list_datasets(suite="VD4RL", size=64):
        if spec.id.variant is not None:
            continue
        low, high = return_score(spec).low, return_score(spec).high
        score = ScoreRange(low, high, "episode return / 1000")
        name = f"VD4RL/{spec.id.task}-{spec.id.behavior}"
        yield _row(name, "main", (64, 84), score, spec.source, task=spec.task)
    for task in ("walker_walk", "cheetah_run"):
        for behavior in ("random", "medium", "medium_expert", "expert"):
            name = f"VD4RL/{task}-{behavior}-500k"
            source = "V-D4RL, section 4.3, Table 4"
            yield _row(name, "500k", (64, 84), score, source, task=TASKS[task])
    for task, behavior, size in (
        ("walker_walk", "random", 64),
        ("cheetah_run", "medium_expert", 84),
    ):
        for level in DISTRACTIONS:
            for percent in SHIFTED:
                name = f"VD4RL/{task}-{behavior}-distracting_{level}_{percent}"
                source = "V-D4RL, section 4.1, Tables 10 and 11"
                yield _row(name, "distracting", (size,), score, source, _DISTRACTED)
    for task in ("walker_walk", "cheetah_run"):
        for behavior, size in (("random", 64), ("medium_expert", 84)):
            name = f"VD4RL/{task}-{behavior}-multitask"
            source = "V-D4RL, section 4.2, Tables 3 and 12"
            yield _row(name, "multitask", (size,), score, source, _BODIES)


_LQV_RANGES: Final = {
    # task: least and largest episode return over its three datasets; possible returns
    "walker_walk": (5.0, 598.0, _DMC_RETURN),
    "cheetah_run": (1.7, 403.2, _DMC_RETURN),
    "hopper_hop": (0.0, 84.9, _DMC_RETURN),
    "humanoid_walk": (0.0, 609.4, _DMC_RETURN),
    # 1000 points for the whole track; -0.1 a frame and -100 for leaving the field.
    "car_racing": (-82.0, 449.9, (-200.0, 1000.0)),
}


def _lqvd4rl() -> Iterator[Benchmark]:
    source = "SeMOPO, appendix, Table 3"
    for task, (low, high, bounds) in _LQV_RANGES.items():
        for behavior in ("random", "medium_replay", "medium"):
            name = f"LQVD4RL/{task}-{behavior}"
            score = ScoreRange(low, high, f"({source}: least and largest of the task's datasets)")
            yield _row(name, "main", (64,), score, source, ("original", "rgb_video"), bounds)


def _lompo() -> Iterator[Benchmark]:
    walker = ScoreRange(0.0, 1000.0, "episode return / 1000")
    behaviors = ("medium_replay", "medium_expert", "expert")
    for task, size in (
        ("walker_walk", 64),
        ("dclaw_screw", 128),
        ("adroit_pen", 128),
        ("door_open", 128),
    ):
        for behavior in behaviors:
            if (task, behavior) == ("door_open", "medium_replay"):
                continue
            is_walker = task == "walker_walk"
            yield _row(
                f"LOMPO/{task}-{behavior}",
                "main",
                (64, 84) if is_walker else (size,),
                walker if is_walker else None,
                "LOMPO, section 5, Table 1",
                # The robots' reward constants were never published: any return goes.
                bounds=_DMC_RETURN if is_walker else (-1e6, 1e6),
            )


def _kitchen() -> Iterator[Benchmark]:
    source = "MOTO, appendix C.1; four elements, one point each, at every step of 280"
    for elements in ("microwave_kettle_light_slide", "microwave_kettle_bottom_burner_light"):
        name = f"Kitchen/{elements}-demos"
        yield _row(name, "main", (64,), None, source, bounds=(0.0, 4 * 280.0), metric="success")


def _metaworld() -> Iterator[Benchmark]:
    source = "MOTO, appendix C.1, Table 1; sparse reward, at most 101 decisions of 2 steps"
    tasks = (
        "assembly",
        "bin_picking",
        "box_close",
        "coffee_push",
        "disassemble",
        "door_open",
        "drawer_open",
        "hammer",
        "plate_slide",
        "window_open",
    )
    for task in tasks:
        name = f"MetaWorld/{task}-scripted"
        yield _row(name, "main", (64,), None, source, bounds=(0.0, 500.0), metric="success")
