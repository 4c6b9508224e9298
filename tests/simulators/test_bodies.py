"""Changed bodies: their geometry and masses, what else MTEnv's models draw, refused edits.

The masses are those of MTEnv's own models, compiled; the lengths those that its files name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from vd4rl_data.registry import TASKS, get_task_spec
from vd4rl_data.simulators import Simulation
from vd4rl_data.simulators.bodies import edited_model
from vd4rl_data.spec import Body, Edit
from vd4rl_data.suites.dmc_bodies import BODY_TASKS

pytestmark = pytest.mark.render

# task, letter, geom, half length in meters, mass of its body in kg
_LENGTHS = {
    "walker_walk": ("left_foot", (0.08, 0.09, 0.10, 0.11, 0.12, 0.13, 0.14, 0.15)),
    "cheetah_run": ("torso", (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2)),
}
_MASSES = {
    ("walker_walk", "a"): 1.780,
    ("walker_walk", "c"): 2.094,
    ("walker_walk", "h"): 2.880,
    ("cheetah_run", "a"): 6.25,
    ("cheetah_run", "b"): 6.71,
    ("cheetah_run", "h"): 8.62,
}
_BODIES = [(task, letter) for task, found in BODY_TASKS.items() for letter in found]


@pytest.fixture(scope="module")
def models() -> Iterator[dict[tuple[str, str], Any]]:
    """All sixteen, and the two of dm_control as letter ``""``, compiled once."""
    simulations = {
        (task, letter): Simulation(BODY_TASKS[task][letter] if letter else task)
        for task, letter in [*_BODIES, *((task, "") for task in BODY_TASKS)]
    }
    yield {key: simulation._simulator.model for key, simulation in simulations.items()}
    for simulation in simulations.values():
        simulation.close()


def test_there_are_eight_of_each_and_they_are_tasks() -> None:
    assert {task: "".join(found) for task, found in BODY_TASKS.items()} == dict.fromkeys(
        ("walker_walk", "cheetah_run"), "abcdefgh"
    )
    for found in BODY_TASKS.values():
        assert all(TASKS[task.name] == task for task in found.values())


@pytest.mark.parametrize(("task", "letter"), _BODIES)
def test_one_length_differs_and_the_mass_follows(
    models: dict[tuple[str, str], Any], task: str, letter: str
) -> None:
    model, stock = models[task, letter], models[task, ""]
    name, lengths = _LENGTHS[task]
    changed = model.geom(name).id
    assert model.geom_size[changed, 1] == pytest.approx(lengths["abcdefgh".index(letter)])
    others = np.arange(model.ngeom) != changed
    for field in ("geom_size", "geom_pos", "geom_quat"):
        np.testing.assert_array_equal(getattr(model, field)[others], getattr(stock, field)[others])
    np.testing.assert_array_equal(model.body_pos, stock.body_pos)
    if (task, letter) in _MASSES:
        mass = model.body_mass[model.geom_bodyid[changed]]
        assert mass == pytest.approx(_MASSES[task, letter], abs=0.006)
    if task == "cheetah_run":
        assert model.body_mass.sum() == pytest.approx(14.0)


@pytest.mark.parametrize(("task", "letter"), [("walker_walk", "c"), ("cheetah_run", "a")])
def test_one_body_of_each_is_that_of_dm_control(
    models: dict[tuple[str, str], Any], task: str, letter: str
) -> None:
    np.testing.assert_allclose(models[task, letter].body_mass, models[task, ""].body_mass)
    actions = np.random.default_rng(0).uniform(-1, 1, (5, 6))
    rewards = []
    for row in (BODY_TASKS[task][letter], get_task_spec(task)):
        simulation = Simulation(row)
        simulation.reset(seed=3)
        rewards.append([simulation.step(action).reward for action in actions])
        simulation.close()
    assert rewards[0] == rewards[1]


def _texture(model: Any, name: str) -> np.ndarray:
    number = model.texture(name).id
    first, size = model.tex_adr[number], model.tex_height[number] * model.tex_width[number] * 3
    return model.tex_data[first : first + size].reshape(-1, 3)


def test_the_floor_is_gray_and_the_sky_has_no_stars(models: dict[tuple[str, str], Any]) -> None:
    for key, model in models.items():
        floor, sky = _texture(model, "grid"), _texture(model, "skybox")
        assert bool(np.ptp(floor, axis=1).max() == 0) == (key[1] != "")
        assert bool((sky == 255).all(axis=1).any()) == (key[1] == "")


def test_edits_that_do_not_fit_are_refused() -> None:
    xml = '<mujoco><include file="a.xml"/><geom name="one" size="1 2"/></mujoco>'
    assets = {"a.xml": '<mujoco><geom name="two" size="3"/></mujoco>'}

    def edited(element: str = "geom", name: str = "two", attribute: str = "size") -> str:
        edit = Edit(element, name, attribute, (0.5,))
        return edited_model(xml, Body("odd", (edit,)), assets)

    assert '<geom name="two" size="0.5"' in edited()
    with pytest.raises(ValueError, match="body 'odd': geom 'three': expected one"):
        edited(name="three")
    with pytest.raises(ValueError, match="no attribute 'mass' to change, only name, size"):
        edited(attribute="mass")
    with pytest.raises(ValueError, match=r"includes 'a\.xml', the assets are none"):
        edited_model(xml, Body("odd", ()))
