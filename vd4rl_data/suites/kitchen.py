"""Franka Kitchen from pixels, as MOTO (Rafailov et al., CoRL 2023) and D5RL use it.

MOTO's appendix C and D5RL's code: the view from above, four elements that pay one point each in
every step that they are in place, 280 steps. MOTO and D5RL call the tasks below "mixed" and
"partial"; D4RL calls the first one "partial", the second one "mixed". So these ids name elements.
"""

from __future__ import annotations

import dataclasses
from typing import Final

from vd4rl_data.simulators.kitchen import STATE_LAYOUT, KitchenSettings
from vd4rl_data.spec import DatasetSpec, Drawing, FreeCamera, SuccessScore, TaskSpec
from vd4rl_data.suite import Section, Suite
from vd4rl_data.suites.moto import CITATION, PAPER
from vd4rl_data.suites.rows import (
    OTHER_PROTOCOLS,
    benchmark_id,
    benchmark_of_datasets,
    plain_dataset,
)

NAME: Final = "Kitchen"
SIZE: Final = 64
LICENSE: Final = "CC-BY-4.0"
_ELEMENTS: Final = {
    "microwave_kettle_light_slide": ("microwave", "kettle", "light switch", "slide cabinet"),
    "microwave_kettle_bottom_burner_light": (
        "microwave",
        "kettle",
        "bottom burner",
        "light switch",
    ),
}
_SWAPPED: Final = (
    "MOTO and D4RL mean different tasks by it: MOTO's and D5RL's mixed is D4RL's partial (and"
    " complete), microwave_kettle_light_slide; MOTO's partial is D4RL's mixed,"
    " microwave_kettle_bottom_burner_light. Name the elements"
)
REFUSED: Final = tuple((alias, _SWAPPED) for alias in ("mixed", "partial", "complete"))

_SOURCE: Final = "MOTO, appendix C.1; four elements, one point each, at every step of 280"
_DEMONSTRATIONS: Final = (563, 128_569)
"""Episodes and transitions of MOTO's and D5RL's demonstrations (appendix C.2)."""

_SCRIPTED: Final = 60
_SCORE: Final = SuccessScore("all four elements in place at the last step", when="last")

DRAWING: Final = Drawing(shadow_size=1024, slices=12, stacks=4, reflections=False, mesh_faces=800)
"""A sixth of the library's time, within two gray levels of its pictures."""

TASKS: Final = tuple(
    TaskSpec(
        name=name,
        simulator="kitchen",
        settings=KitchenSettings(elements),
        camera=FreeCamera((-0.3, 0.5, 2.0), distance=1.86, azimuth=90.0, elevation=-60.0),
        action_repeat=1,
        horizon=280,
        action_size=9,
        reward_range=(0.0, float(len(elements))),
        graded=False,
        state_layout=STATE_LAYOUT,
        drawing=DRAWING,
    )
    for name, elements in _ELEMENTS.items()
)


def _dataset(task: TaskSpec, behavior: str, episodes: int, source: str) -> DatasetSpec:
    return plain_dataset(
        benchmark_id(NAME, task.name, behavior).at(SIZE),
        task,
        num_episodes=episodes,
        score=_SCORE,
        license=LICENSE,
        citation=CITATION,
        source=source,
    )


def _demonstrations(task: TaskSpec) -> DatasetSpec:
    episodes, transitions = _DEMONSTRATIONS
    row = _dataset(task, "demos", episodes, f"{_SOURCE}; C.2: 563 demonstrations by people")
    return dataclasses.replace(row, num_transitions=transitions)


DEMONSTRATIONS: Final = tuple(_demonstrations(task) for task in TASKS)
DATASETS: Final = (
    *DEMONSTRATIONS,
    *(_dataset(task, "scripted", _SCRIPTED, "collected with this package") for task in TASKS),
)

SUITE: Final = Suite(
    name=NAME,
    title="Kitchen",
    paper=PAPER,
    license=LICENSE,
    citation=CITATION,
    tasks=TASKS,
    datasets=DATASETS,
    benchmarks=tuple(benchmark_of_datasets(spec, "main", (SIZE,)) for spec in DATASETS),
    refused=REFUSED,
    sections=(
        Section("main", "Offline", "Score: percent of episodes that end with all four in place."),
        Section(
            "online",
            "Offline, then online",
            "Fine-tuned with 500,000 online environment steps after offline training (MOTO, section"
            " 5). The papers print the end alone; results of other budgets stand below.",
            unit="success, percent",
            track="offline_to_online",
            environment_steps=500_000,
        ),
        OTHER_PROTOCOLS,
    ),
)
