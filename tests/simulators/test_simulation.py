"""Episodes as physics: seeds, rewards, horizons, ends."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from gymnasium.error import ResetNeeded

from vd4rl_data.errors import InvalidActionError, UnknownSimulatorError, UnknownTaskError
from vd4rl_data.registry import get_task_spec
from vd4rl_data.simulators import Simulation
from vd4rl_data.simulators.contexts import left_as_it_was
from vd4rl_data.simulators.dmc import DMCSettings, load_suite
from vd4rl_data.spec import TaskSpec

pytestmark = pytest.mark.render  # the suite wants an OpenGL library even where nobody renders


def actions_for(task: str, steps: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    size = get_task_spec(task).action_size
    return rng.uniform(-1.0, 1.0, (steps, size)).astype(np.float32)


def states_of(simulation: Simulation, seed: int | None, actions: np.ndarray) -> list[bytes]:
    simulation.reset(seed)
    states = [_bytes(simulation.physics_state) + simulation.state.tobytes()]
    for action in actions:
        reward = np.float64(simulation.step(action).reward)
        parts = (simulation.physics_state, simulation.state, reward)
        states.append(b"".join(map(_bytes, parts)))
    return states


def _bytes(values: Any) -> bytes:
    return b"" if values is None else np.asarray(values).tobytes()


@pytest.fixture
def walker() -> Iterator[Simulation]:
    simulation = Simulation("walker_walk")
    yield simulation
    simulation.close()


def short(task: str = "walker_walk", **changes: Any) -> TaskSpec:
    return dataclasses.replace(get_task_spec(task), **changes)


def test_a_time_step_is_action_repeat_steps_of_the_suite(suite_task: str) -> None:
    row = get_task_spec(suite_task)
    suite = load_suite().load(row.settings.domain, row.settings.goal, task_kwargs={"random": 5})
    simulation = Simulation(suite_task)
    simulation.reset(seed=5)
    time_step = suite.reset()
    for action in actions_for(suite_task, 6):
        expected = np.concatenate([np.ravel(value) for value in time_step.observation.values()])
        np.testing.assert_array_equal(simulation.state, expected.astype(np.float32))
        np.testing.assert_array_equal(simulation.physics_state, suite.physics.get_state())
        result = simulation.step(action)
        reward = 0.0
        for _ in range(row.action_repeat):
            time_step = suite.step(action.astype(np.float64))
            reward += time_step.reward
        assert (result.reward, result.discount) == (reward, 1.0)


def test_a_full_episode_ends_where_the_suite_ends_it(suite_task: str) -> None:
    row = get_task_spec(suite_task)
    suite = load_suite().load(row.settings.domain, row.settings.goal)
    assert suite._step_limit == pytest.approx(row.horizon)
    simulation = Simulation(suite_task)
    simulation.reset(seed=0)
    results = [simulation.step(action) for action in actions_for(suite_task, row.time_steps)]
    assert [result.truncated for result in results] == [False] * (row.time_steps - 1) + [True]
    assert not any(result.terminated for result in results)
    with pytest.raises(ResetNeeded, match="reset"):
        simulation.step(np.zeros(row.action_size))


def test_a_seed_is_the_whole_story(task: str) -> None:
    actions = actions_for(task, 5)
    simulation, other = Simulation(task), Simulation(task)
    first = states_of(simulation, 11, actions)
    states_of(simulation, None, actions[:2])
    simulation.render(64)
    assert states_of(simulation, 11, actions) == first
    assert states_of(other, 11, actions) == first
    assert states_of(other, 12, actions) != first


def test_without_a_seed_the_stream_goes_on(walker: Simulation) -> None:
    none = actions_for("walker_walk", 0)
    seeded = [states_of(walker, seed, none) for seed in (3, None, None)]
    again = [states_of(walker, seed, none) for seed in (3, None, None)]
    assert seeded == again
    assert len({states[0] for states in seeded}) == 3
    fresh = [states_of(Simulation("walker_walk"), None, none)[0] for _ in range(2)]
    assert fresh[0] != fresh[1]


def test_seeds_of_more_than_32_bits_differ(walker: Simulation) -> None:
    none = actions_for("walker_walk", 0)
    seeds = (1, 1 + 2**32, 2**32, 2**64 + 1, 2**32 - 1)
    assert len({states_of(walker, seed, none)[0] for seed in seeds}) == len(seeds)
    with pytest.raises(ValueError, match="non-negative"):
        walker.reset(seed=-1)


def test_the_horizon_cuts_the_last_action_short() -> None:
    simulation = Simulation(short(action_repeat=2, horizon=5))
    simulation.reset(seed=0)
    assert [simulation.step(np.zeros(6)).truncated for _ in range(3)] == [False, False, True]
    assert simulation._simulator._load().physics.time() == pytest.approx(5 * 0.025)


@pytest.mark.parametrize(("discount", "terminated"), [(0.0, True), (1.0, False), (0.5, False)])
def test_the_tasks_own_end_stops_the_repeat(discount: float, terminated: bool) -> None:
    simulation = Simulation(short(action_repeat=4))
    simulation.reset(seed=0)
    calls: list[int] = []

    def end(physics: Any) -> float | None:
        calls.append(1)
        return discount if len(calls) == 3 else None

    simulation._simulator._load().task.get_termination = end
    result = simulation.step(np.zeros(6))
    assert len(calls) == 3
    assert (result.terminated, result.truncated) == (terminated, not terminated)
    assert result.discount == discount
    with pytest.raises(ResetNeeded):
        simulation.step(np.zeros(6))


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (np.zeros(5), r"\(6,\)"),
        (np.zeros((1, 6)), r"\(6,\)"),
        (np.full(6, np.nan), "finite"),
        (np.full(6, np.inf), "finite"),
        (np.array([0, 0, 0, 1.001, 0, 0]), r"1\.001\d* at \(3,\)"),
        (["left"] * 6, "numbers"),
    ],
)
def test_bad_actions_are_refused(walker: Simulation, action: Any, message: str) -> None:
    walker.reset(seed=0)
    before = walker.physics_state
    with pytest.raises(InvalidActionError, match=message):
        walker.step(action)
    np.testing.assert_array_equal(walker.physics_state, before)


def test_rounding_past_one_is_clipped(walker: Simulation) -> None:
    one = states_of(walker, 0, np.ones((3, 6), dtype=np.float32))
    past = states_of(walker, 0, np.full((3, 6), np.nextafter(np.float32(1), np.float32(2))))
    assert one == past


def test_actions_are_rounded_to_float32_first(walker: Simulation) -> None:
    """So that a recorded float32 action is exactly what the simulator got."""
    exact = np.random.default_rng(0).uniform(-1.0, 1.0, (3, 6))
    assert states_of(walker, 0, exact) == states_of(walker, 0, exact.astype(np.float32))


def test_nothing_works_before_a_reset(walker: Simulation) -> None:
    with pytest.raises(ResetNeeded):
        walker.step(np.zeros(6))
    with pytest.raises(ResetNeeded):
        walker.render(64)
    with pytest.raises(ResetNeeded):
        _ = walker.state
    with pytest.raises(ResetNeeded):
        _ = walker.physics_state


def test_rows_that_disagree_with_the_suite_are_refused() -> None:
    with pytest.raises(ValueError, match="7 action dimensions"):
        Simulation(short(action_size=7)).reset()
    with pytest.raises(UnknownSimulatorError, match=r"'dmcc'\. Did you mean 'dmc'"):
        Simulation(short(simulator="dmcc"))
    with pytest.raises(UnknownSimulatorError, match="cannot be imported"):
        Simulation(short(simulator="no_such_module:Simulator"))
    with pytest.raises(ValueError, match="expected a DMCSettings"):
        Simulation(short(settings=None))
    with pytest.raises(UnknownTaskError, match="walker_walk"):
        Simulation("walker_wlk")


@pytest.mark.parametrize(("domain", "goal"), [("pendulum", "swingup"), ("cartpole", "swingup")])
def test_any_suite_task_can_be_a_row(domain: str, goal: str) -> None:
    row = short(name="new", settings=DMCSettings(domain, goal), action_size=1)
    simulation = Simulation(row)
    simulation.reset(seed=0)
    assert simulation.step(np.array([0.5])).discount == 1.0
    assert simulation.state.shape == (3,) if domain == "pendulum" else (5,)


def test_a_context_that_is_freed_meanwhile_is_not_missed() -> None:
    """As when the garbage collector finds a simulation while another one is made."""
    current = Simulation("walker_walk")
    current.reset(seed=0)
    current.render(16)
    with left_as_it_was():
        current.close()
    other = Simulation("walker_walk")
    other.reset(seed=0)
    assert other.render(16).any()
    other.close()
