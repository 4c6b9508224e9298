"""Car racing: what is ours around Gymnasium's game."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pytest

from vd4rl_data.errors import MissingDependencyError
from vd4rl_data.registry import get_task_spec
from vd4rl_data.simulators import Simulation, car_racing

TASK = get_task_spec("car_racing")


@pytest.fixture
def car() -> Iterator[Simulation]:
    pytest.importorskip("Box2D")
    simulation = Simulation(TASK)
    yield simulation
    simulation.close()


def test_frames_are_gymnasiums_after_the_zoom(car: Simulation) -> None:
    car.reset(seed=5)
    game = car._simulator._game
    first, native = car.render(64), car.render(96)
    np.testing.assert_array_equal(native, game.state)
    assert (first.shape, first.dtype) == ((64, 64, 3), np.uint8)
    car.step([0.0, -1.0, -1.0])  # nothing moves, and the camera neither
    assert np.abs(car.render(64)[:50].astype(int) - first[:50]).max() <= 2


def test_gas_and_brake_are_mapped_to_gymnasiums_ranges(car: Simulation) -> None:
    car.reset(seed=0)
    given = []
    game = car._simulator._game
    step = game.step
    game.step = lambda action: given.append(action) or step(action)
    car.step([0.25, -1.0, 0.5])
    assert len(given) == TASK.action_repeat
    np.testing.assert_allclose(given[0], [0.25, 0.0, 0.75])


def test_the_state_knows_speed_and_road(car: Simulation) -> None:
    car.reset(seed=1)
    layout = dict(TASK.state_layout)
    start = car.state
    assert start is not None
    assert len(start) == sum(layout.values())
    road = start[-layout["road"] :].reshape(-1, 2)
    assert np.all(np.diff(road[:4, 1]) > 0)  # a track begins straight ahead
    for _ in range(15):
        car.step([0.0, 1.0, -1.0])
    assert car.state is not None
    assert car.state[1] > start[1] + 0.1  # forward


def test_rewards_are_within_the_row_and_leaving_the_field_ends_the_episode(
    car: Simulation,
) -> None:
    car.reset(seed=2)
    car._simulator._game.car.hull.position = (1e4, 0.0)
    result = car.step([0.0, -1.0, -1.0])
    low, high = TASK.reward_range
    assert low <= result.reward <= high
    assert (result.terminated, result.truncated, result.discount) == (True, False, 0.0)
    assert result.success is False


def test_a_whole_lap_is_a_success(car: Simulation) -> None:
    car.reset(seed=2)
    car._simulator._game.new_lap = True
    result = car.step([0.0, -1.0, -1.0])
    assert (result.terminated, result.success) == (True, True)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "Box2D", None)
    car_racing._game_class.cache_clear()
    with pytest.raises(MissingDependencyError, match=r"Box2D .*vd4rl-data\[car\]"):
        Simulation(TASK).reset(seed=0)
    with pytest.raises(ValueError, match="non-negative"):
        Simulation(TASK).reset(seed=-1)
