"""Fixtures of the tests of looks: models, made once, and short trajectories."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from vd4rl_data.registry import TASKS
from vd4rl_data.simulators import Simulation

DMC = sorted(name for name, task in TASKS.items() if task.simulator == "dmc" and task.body is None)


@pytest.fixture(params=DMC)
def dmc_task(request: pytest.FixtureRequest) -> str:
    """Each task of dm_control, with its own robot and floor."""
    return request.param


@pytest.fixture(scope="session")
def simulations() -> Iterator[dict[str, Simulation]]:
    """Task of dm_control → its simulation, without a look."""
    made = {name: Simulation(name) for name in DMC}
    yield made
    for simulation in made.values():
        simulation.close()


@pytest.fixture(scope="session")
def states(simulations: dict[str, Simulation]) -> dict[str, np.ndarray]:
    """Task → float64 (4, S): physics states of an episode, some steps apart."""
    found: dict[str, np.ndarray] = {}
    for name, simulation in simulations.items():
        rng = np.random.default_rng(0)
        simulation.reset(seed=1)
        visited = [simulation.physics_state]
        for step in range(30):
            simulation.step(rng.uniform(-1, 1, simulation.task.action_size))
            if step % 10 == 9:
                visited.append(simulation.physics_state)
        found[name] = np.stack(visited)
    return found
