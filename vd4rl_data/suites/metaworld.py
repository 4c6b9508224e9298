"""MetaWorld from pixels, as MOTO (Rafailov et al., CoRL 2023) uses it.

Ten tasks on a table, solved by a script: appendix C.1 and C.2, and the wrapper of D5RL's code, from
which camera, start of the hand and reward are taken. Objects and goals are elsewhere in every
episode. The paper used the environments ``-v2`` of the library's MuJoCo-py days; these are its
``-v3``.
"""

from __future__ import annotations

from typing import Final

from vd4rl_data.simulators.metaworld import STATE_LAYOUT, MetaWorldSettings
from vd4rl_data.spec import Drawing, FreeCamera, SuccessScore, TaskSpec
from vd4rl_data.suite import Section, Suite
from vd4rl_data.suites.moto import CITATION, PAPER
from vd4rl_data.suites.rows import (
    OTHER_PROTOCOLS,
    benchmark_id,
    benchmark_of_datasets,
    plain_dataset,
)

NAME: Final = "MetaWorld"
SIZE: Final = 64
LICENSE: Final = "MIT"
_NAMES: Final = (
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
_EPISODES: Final = 10
_SOURCE: Final = "MOTO, appendix C, Table 1: 9 to 10 demonstrations of 101 rows"
_SCORE: Final = SuccessScore("solved at any time step of the episode")

DRAWING: Final = Drawing(shadow_size=1024, slices=16, stacks=8, reflections=False, grid=0.003)
"""A third of the time of the library's pictures, at 0.4 gray levels of difference."""


def _task(name: str) -> TaskSpec:
    return TaskSpec(
        name=name,
        simulator="metaworld",
        settings=MetaWorldSettings(
            f"{name.replace('_', '-')}-v3",
            hand=(0.1, 0.5, 0.3),
            hand_spread=0.02,
            settle_steps=10,
        ),
        camera=FreeCamera((-0.15, 0.65, 0.25), distance=0.75, azimuth=15.0, elevation=-22.5),
        action_repeat=2,
        horizon=200,
        action_size=4,
        graded=False,
        state_layout=STATE_LAYOUT,
        reward_of="last",
        drawing=DRAWING,
    )


TASKS: Final = tuple(_task(name) for name in _NAMES)
DATASETS: Final = tuple(
    plain_dataset(
        benchmark_id(NAME, task.name, "scripted").at(SIZE),
        task,
        num_episodes=_EPISODES,
        score=_SCORE,
        license=LICENSE,
        citation=CITATION,
        source=_SOURCE,
    )
    for task in TASKS
)

SUITE: Final = Suite(
    name=NAME,
    title="MetaWorld",
    paper=PAPER,
    license=LICENSE,
    citation=CITATION,
    tasks=TASKS,
    datasets=DATASETS,
    benchmarks=tuple(benchmark_of_datasets(spec, "main", (SIZE,)) for spec in DATASETS),
    sections=(
        Section(
            "main",
            "Offline",
            "Score: percent of episodes that solve the task at any step. The papers show curves"
            " only; there are no printed results.",
        ),
        Section(
            "online",
            "Offline, then online",
            "Fine-tuned online after offline training, with the number of environment steps that"
            " each row says. Rows of different budgets are not ranked.",
            unit="success, percent",
            track="offline_to_online",
        ),
        OTHER_PROTOCOLS,
    ),
)
