"""LOMPO (Rafailov et al., L4DC 2021): walker, and three robots, from pixels.

Section 5, appendix A, and the environments of its code. Its data were never published, nor were the
constants of its scores: of the robots, returns are told. What is left open (horizons, which reward
a time step has, the versions of the robots) is decided here and said in ``docs/manipulation.md``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Final

from vd4rl_data.simulators.adroit import STATE_LAYOUT as PEN_LAYOUT
from vd4rl_data.simulators.adroit import AdroitPenSettings
from vd4rl_data.simulators.dclaw import STATE_LAYOUT as CLAW_LAYOUT
from vd4rl_data.simulators.dclaw import DClawSettings
from vd4rl_data.simulators.metaworld import STATE_LAYOUT, MetaWorldSettings
from vd4rl_data.spec import DatasetSpec, Drawing, FixedCamera, FreeCamera, ReturnScore, TaskSpec
from vd4rl_data.suite import Benchmark, Section, Suite
from vd4rl_data.suites.dmc_tasks import DMC_TASKS
from vd4rl_data.suites.metaworld import DRAWING
from vd4rl_data.suites.policies import DOOR, DOOR_DENSE, LATE_REPLAY
from vd4rl_data.suites.rows import (
    OTHER_PROTOCOLS,
    RETURN_OVER_1000,
    benchmark_id,
    benchmark_of_datasets,
    plain_dataset,
)

NAME: Final = "LOMPO"
LICENSE: Final = "unknown"
CITATION: Final = """\
@inproceedings{rafailov2021offline,
  title     = {Offline Reinforcement Learning from Images with Latent Space Models},
  author    = {Rafael Rafailov and Tianhe Yu and Aravind Rajeswaran and Chelsea Finn},
  booktitle = {Learning for Dynamics and Control},
  year      = {2021}
}"""
_SOURCE: Final = "LOMPO, section 5, appendix A, Table 1"
_K: Final = 1000
_TIERS: Final = ("medium_replay", "medium_expert", "expert")

DOOR_OPEN: Final = TaskSpec(
    name=DOOR,
    simulator="metaworld",
    settings=MetaWorldSettings("door-open-v3", frozen_layout=(0.0, 1.0, 0.1525)),
    camera=FreeCamera((0.075, 0.75, 0.15), distance=1.05, azimuth=115.0, elevation=-12.5),
    action_repeat=4,
    horizon=500,
    action_size=4,
    graded=False,
    state_layout=STATE_LAYOUT,
    reward_of="last",
    drawing=DRAWING,
)
"""The door always stands at the same place, and so does the hand."""

DOOR_OPEN_DENSE: Final = dataclasses.replace(
    DOOR_OPEN,
    name=DOOR_DENSE,
    settings=dataclasses.replace(DOOR_OPEN.settings, reward="dense"),
    reward_range=(0.0, 10.0),
    graded=True,
    reward_of="sum",
)
"""What its policies are trained on: a sparse reward is not found online."""

ADROIT_PEN: Final = TaskSpec(
    name="adroit_pen",
    simulator="adroit_pen",
    settings=AdroitPenSettings(goal=(1.0, -1.0)),
    camera=FixedCamera("fixed"),
    action_repeat=4,
    horizon=200,
    action_size=24,
    reward_range=(-20.0, 61.0),
    graded=False,
    state_layout=PEN_LAYOUT,
    drawing=DRAWING,
)
"""The goal points away from where the pen points at the start: it has to be flipped."""

DCLAW_SCREW: Final = TaskSpec(
    name="dclaw_screw",
    simulator="dclaw",
    settings=DClawSettings(),
    camera=FreeCamera((0.0, 0.0, 0.2), distance=0.5, azimuth=180.0, elevation=-30.0),
    action_repeat=2,
    horizon=200,
    action_size=9,
    reward_range=(-200.0, 200.0),
    state_layout=CLAW_LAYOUT,
    drawing=Drawing(shadow_size=1024, slices=16, stacks=8, grid=0.002),
)

TASKS: Final = (DOOR_OPEN, DOOR_OPEN_DENSE, ADROIT_PEN, DCLAW_SCREW)

_DATA: Final = (
    # the id's task, the task, size, image sizes that results use, transitions, behaviors
    ("walker_walk", DMC_TASKS["walker_walk"], (64, 84), 100 * _K, _TIERS),
    ("dclaw_screw", DCLAW_SCREW, (128,), 180 * _K, _TIERS),
    ("adroit_pen", ADROIT_PEN, (128,), 1000 * _K, _TIERS),
    ("door_open", DOOR_OPEN, (128,), 50 * _K, _TIERS[1:]),
)
_SCRIPTED: Final = 10
"""Demonstrations of the door, which are not the paper's."""


def _dataset(name: str, behavior: str, size: int, task: TaskSpec, episodes: int) -> DatasetSpec:
    return plain_dataset(
        benchmark_id(NAME, name, behavior).at(size),
        task,
        num_episodes=episodes,
        score=_score(task),
        license=LICENSE,
        citation=CITATION,
        source=_SOURCE if behavior in _TIERS else "collected with this package",
        collected_by=LATE_REPLAY if behavior == "medium_expert" else None,
    )


def _score(task: TaskSpec) -> ReturnScore | None:
    return RETURN_OVER_1000 if task.name in DMC_TASKS else None


def _datasets() -> Iterator[tuple[DatasetSpec, tuple[int, ...]]]:
    """The paper's datasets, each with the image sizes of its results."""
    for name, task, sizes, transitions, behaviors in _DATA:
        for behavior in behaviors:
            episodes = transitions // task.time_steps
            yield _dataset(name, behavior, sizes[0], task, episodes), sizes


def _benchmark(spec: DatasetSpec, sizes: tuple[int, ...]) -> Benchmark:
    return benchmark_of_datasets(spec, "robots" if spec.score is None else "main", sizes)


_PAPERS: Final = tuple(_datasets())
DATASETS: Final = (
    *(spec for spec, _ in _PAPERS),
    _dataset("door_open", "scripted", 128, DOOR_OPEN, _SCRIPTED),
)

SUITE: Final = Suite(
    name=NAME,
    title="LOMPO",
    paper="https://arxiv.org/abs/2012.11547",
    license=LICENSE,
    citation=CITATION,
    tasks=TASKS,
    datasets=DATASETS,
    benchmarks=tuple(_benchmark(*row) for row in _PAPERS),
    sections=(
        Section(
            "main",
            "Walker, by return",
            "LOMPO's walker data. Score: episode return / 10, comparable with V-D4RL's.",
        ),
        Section(
            "own_scale",
            "LOMPO's own scale",
            "0 is a random policy and 100 an expert, as printed; the constants were never"
            " published, so nothing can be compared with other tables.",
            unit="LOMPO's score, 0 to 100",
            sizes_by_task=True,
            scales=("lompo_0_100",),
        ),
        Section(
            "robots",
            "Robots, by return",
            "Raw episode returns of the robot tasks, whose score was never defined.",
            unit="episode return",
        ),
        OTHER_PROTOCOLS,
    ),
)
