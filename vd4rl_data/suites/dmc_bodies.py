"""Changed bodies of walker and cheetah, as V-D4RL took them from MTEnv (Sodhani et al., 2021).

Eight bodies of each robot, A to H, ordered by length (V-D4RL, section 4.2): levels 1 to 8 of MTEnv.
The paper does not print which letter is which level; its files of the training bodies B, C, F, G
are named 2, 3, 6, 7. Walker's "leg length" is the half length of the left foot, 0.08 to 0.15 m (0.1
in dm_control: body C); cheetah's torso has a half length of 0.5 to 1.2 m (0.5: body A), and the
model keeps its total mass of 14 kg. MTEnv's models also draw a gray floor, and a sky without stars.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final

from vd4rl_data.spec import ORIGINAL, Body, DatasetSpec, Edit, EnvironmentSpec, Share, TaskSpec
from vd4rl_data.suites.dmc_tasks import DMC_TASKS

MULTITASK: Final = "multitask"
"""The word of ids whose data mix several bodies."""

LETTERS: Final = "abcdefgh"
GROUPS: Final = {
    "train_tasks": "bcfg",
    "interpolation_tasks": "de",
    "extrapolation_tasks": "ah",
}
"""Evaluation → the letters of its bodies. Data are collected with those of ``train_tasks``."""

_DRAWN: Final = (
    Edit("texture", "grid", "rgb1", (0.1, 0.1, 0.1)),
    Edit("texture", "grid", "rgb2", (0.2, 0.2, 0.2)),
    Edit("texture", "grid", "markrgb", (0.1, 0.1, 0.1)),
    Edit("texture", "skybox", "markrgb", (0.0, 0.0, 0.0)),
)
"""The floor and the sky of MTEnv's models."""


def _foot(level: int) -> Edit:
    return Edit("geom", "left_foot", "size", (0.05, _hundredths(7 + level)))


def _torso(level: int) -> Edit:
    half = _hundredths(40 + 10 * level)
    return Edit("geom", "torso", "fromto", (-half, 0.0, 0.0, half, 0.0, 0.0))


def _hundredths(number: int) -> float:
    return number / 100  # the nearest float: 0.1 * 3 is not 0.3


_CHANGED: Final = {"walker_walk": ("foot", _foot), "cheetah_run": ("torso", _torso)}
"""Task → what of its robot changes, and the edit of a level."""


def _tasks(task: str) -> dict[str, TaskSpec]:
    part, edit = _CHANGED[task]
    found: dict[str, TaskSpec] = {}
    for level, letter in enumerate(LETTERS, start=1):
        word = f"{part}_{letter}"
        body = Body(word, (edit(level), *_DRAWN))
        found[letter] = dataclasses.replace(DMC_TASKS[task], name=f"{task}_{word}", body=body)
    return found


BODY_TASKS: Final = {task: _tasks(task) for task in _CHANGED}
"""Task → letter → the task with that body, e.g. ``walker_walk_foot_b``."""


def with_bodies(spec: DatasetSpec, tasks: Mapping[str, TaskSpec]) -> DatasetSpec:
    """The same dataset, collected with the training bodies in equal parts.

    Args:
        spec: the row of a single body.
        tasks: letter → the task with that body.
    """

    def environments(letters: str) -> tuple[EnvironmentSpec, ...]:
        return tuple(EnvironmentSpec(tasks[letter], spec.size) for letter in letters)

    groups = {name: environments(letters) for name, letters in GROUPS.items()}
    train = groups["train_tasks"]
    return dataclasses.replace(
        spec,
        mixture=tuple(Share(environment, 1 / len(train)) for environment in train),
        evaluations={ORIGINAL: train, **groups},
    )
