"""A physics state fixes the picture, also where a task writes its episode into the model."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from vd4rl_data.registry import get_task_spec
from vd4rl_data.simulators import Simulation
from vd4rl_data.simulators.dmc import DMCSettings, load_suite
from vd4rl_data.simulators.dmc_layout import LAYOUTS

pytestmark = pytest.mark.render

ACTIONS = {
    ("finger", "spin"): 2,
    ("finger", "turn_hard"): 2,
    ("fish", "swim"): 5,
    ("manipulator", "insert_ball"): 5,
    ("reacher", "hard"): 2,
    ("stacker", "stack_2"): 5,
    ("swimmer", "swimmer6"): 5,
}
"""Domain and goal → dimensions of the action; each domain that writes something."""

SEEN = ("body", "geom", "site", "light", "cam", "mat", "hfield", "tex")
"""Beginnings of the names of the model's arrays that a picture may depend on."""


def simulation(domain: str, goal: str) -> Simulation:
    row = dataclasses.replace(
        get_task_spec("walker_walk"),
        name=f"{domain}_{goal}",
        settings=DMCSettings(domain, goal),
        action_size=ACTIONS[domain, goal],
    )
    return Simulation(row)


def test_every_domain_is_tested() -> None:
    assert {domain for domain, _ in ACTIONS} == set(LAYOUTS)


@pytest.mark.parametrize(("domain", "goal"), ACTIONS)
def test_a_physics_state_fixes_the_picture(domain: str, goal: str) -> None:
    played, fresh = simulation(domain, goal), simulation(domain, goal)
    played.reset(seed=1)
    state, expected = played.physics_state, played.render(24)
    assert state is not None
    played.reset(seed=2)
    for other in (played, fresh):
        np.testing.assert_array_equal(other.render_state(state, 24), expected)
    with pytest.raises(ValueError, match="physics state: expected shape"):
        fresh.render_state(state[:-1], 24)
    played.close()
    fresh.close()


@pytest.mark.parametrize(("domain", "goal"), ACTIONS)
def test_nothing_else_that_is_seen_is_written(domain: str, goal: str) -> None:
    suite = load_suite().load(domain, goal, task_kwargs={"random": 1})
    model = suite.physics.model.ptr
    names = [name for name in dir(model) if name.split("_")[0] in SEEN]
    arrays: dict[str, Any] = {name: getattr(model, name) for name in names}
    before = {name: array.copy() for name, array in arrays.items() if hasattr(array, "copy")}
    suite.reset()
    changed = {name for name in before if not np.array_equal(before[name], arrays[name])}
    assert changed <= {array for array, _ in LAYOUTS[domain]}
