"""Evaluations of several environments, policies that want a state, successes."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator

import gymnasium
import numpy as np
import pytest

import vd4rl_data
from tests.baselines import blob
from vd4rl_data.envs import find_environments, make_env, register_environment
from vd4rl_data.envs.lanes import MEMBERS, LocalLanes, Start, open_lanes
from vd4rl_data.envs.registration import find_env_specs
from vd4rl_data.errors import InvalidTraceError
from vd4rl_data.evaluation import ActionTrace, evaluate, replay, replay_summaries
from vd4rl_data.registry import DATASETS, register_dataset
from vd4rl_data.simulators.looks import LOOKS, Moment
from vd4rl_data.spec import Look, SuccessScore

SLOW = dataclasses.replace(blob.TASK, settings=blob.BlobSettings(0.01))
FAST = dataclasses.replace(blob.TASK, settings=blob.BlobSettings(0.4))


class Negative:
    """Inverted colors; the first row tells the episode and the time step."""

    def __init__(self, look: Look, model: object) -> None:
        self.look = look

    def before(self, view: object, moment: Moment) -> object:
        return view

    def after(self, frame: np.ndarray, moment: Moment) -> np.ndarray:
        changed = 255 - frame
        changed[0] = (moment.episode + moment.step) % 256
        return changed


@pytest.fixture
def dataset(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A row with an evaluation of two tasks, and one with another look."""
    monkeypatch.setitem(LOOKS, "negative", f"{__name__}:Negative")
    original = blob.SPEC.environment
    spec = dataclasses.replace(
        blob.SPEC,
        id=dataclasses.replace(blob.SPEC.id, suite="Turns"),
        evaluations={
            "original": (original,),
            "both": (
                dataclasses.replace(original, task=FAST),
                dataclasses.replace(original, task=SLOW),
            ),
            "negative": (dataclasses.replace(original, look=Look("negative", seed=1)),),
        },
    )
    register_dataset(spec)
    register_environment(spec)
    yield spec.name
    DATASETS.pop(spec.name)
    gymnasium.registry.pop(spec.name)


def towards_the_middle(observations: np.ndarray, states: np.ndarray) -> np.ndarray:
    return np.clip(-2 * states, -1, 1)


towards_the_middle.wants_state = True  # type: ignore[attr-defined]


def still(observations: np.ndarray) -> np.ndarray:
    return np.zeros((len(observations), 2))


@pytest.mark.parametrize("workers", [1, 2])
def test_environments_of_an_evaluation_take_turns(dataset: str, workers: int) -> None:
    result = evaluate(
        towards_the_middle, dataset, 4, 0, evaluation="both", workers=workers, inference_batch=2
    )
    assert [trace.member for trace in result.traces] == [0, 1, 0, 1]
    assert result.successes is not None
    assert result.successes[[0, 2]].all()  # the slow ones do not get there
    np.testing.assert_array_equal(replay(dataset, result.traces, "both"), result.returns)
    with pytest.raises(InvalidTraceError, match="member: expected 0 to 0, got 1"):
        replay(dataset, result.traces)


def test_a_state_is_shown_to_policies_that_want_one(dataset: str) -> None:
    shown: list[tuple[tuple[int, ...], ...]] = []

    def policy(*arrays: np.ndarray) -> np.ndarray:
        shown.append(tuple(array.shape for array in arrays))
        return np.zeros((3, 2))

    evaluate(policy, dataset, 1, 0, inference_batch=3)
    policy.wants_state = True  # type: ignore[attr-defined]
    evaluate(policy, dataset, 1, 0, inference_batch=3, frame_stack=2)
    size = blob.SIZE
    assert shown[0] == ((3, 1, size, size, 3),)
    assert shown[-1] == ((3, 2, size, size, 3), (3, 2))


def test_a_look_changes_pixels_and_nothing_else(dataset: str) -> None:
    plain = gymnasium.make(dataset)
    negative = gymnasium.make(dataset, evaluation="negative")
    (environment,) = find_environments(negative)
    assert environment.look is not None
    frame, _ = plain.reset(seed=3)
    changed, _ = negative.reset(seed=3)
    np.testing.assert_array_equal(changed[1:], 255 - frame[1:])
    assert (changed[0] == 3).all()
    for step in range(1, 3):
        frame, reward, *_ = plain.step(np.ones(2, np.float32))
        changed, again, *_ = negative.step(np.ones(2, np.float32))
        assert reward == again
        np.testing.assert_array_equal(changed[1:], 255 - frame[1:])
        assert (changed[0] == 3 + step).all()
    simulation = negative.unwrapped.simulation
    np.testing.assert_array_equal(
        simulation.render_state(simulation.physics_state, blob.SIZE, Moment(3, 2)), changed
    )


def test_an_unknown_evaluation_or_member_is_told(dataset: str) -> None:
    expected = "evaluation: expected one of original, both, negative"
    with pytest.raises(ValueError, match=expected):
        gymnasium.make(dataset, evaluation="bothh")
    with pytest.raises(ValueError, match=expected):
        evaluate(still, dataset, 1, 0, evaluation="bothh")
    with pytest.raises(ValueError, match="member: expected 0 to 1 in evaluation 'both', got 2"):
        gymnasium.make(dataset, evaluation="both", member=2)
    with pytest.raises(ValueError, match="is not an environment of this package"):
        evaluate(still, "CartPole-v1", 1, 0, evaluation="both")


def test_success_is_scored_ever_or_at_the_last_step(dataset: str) -> None:
    """The disc starts away from the middle, goes there, and leaves it again."""
    env = make_env(FAST, blob.SIZE)

    class ThereAndBack:
        wants_state = True
        step = 0

        def __call__(self, observations: np.ndarray, states: np.ndarray) -> np.ndarray:
            self.step += 1
            return np.clip(-2.5 * states, -1, 1) if self.step < 5 else np.ones_like(states)

    result = vd4rl_data.evaluate(ThereAndBack(), env, 1, seed=0, inference_batch=1)
    assert (result.successes, result.final_successes) == ([True], [False])
    for when, expected in (("ever", 1.0), ("last", 0.0)):
        rule = SuccessScore("a test", when=when)  # type: ignore[arg-type]
        spec = dataclasses.replace(blob.SPEC, score=rule)
        assert result.normalized(spec).tolist() == [expected]
    (summary,) = replay_summaries(env, result.traces)
    assert (summary.success, summary.info["final_success"]) == (1.0, False)


def test_a_trace_of_nobody(dataset: str) -> None:
    trace = ActionTrace(0, np.zeros((blob.HORIZON, 2), np.float32), member=5)
    with pytest.raises(InvalidTraceError, match="trace 0: member: expected 0 to 0, got 5"):
        replay(dataset, [trace])


def test_a_lane_keeps_few_of_many_environments(dataset: str) -> None:
    """Their frames do not depend on it."""
    spec = find_env_specs(dataset, "negative")[0]
    specs = [copy.deepcopy(spec) for _ in range(MEMBERS + 2)]
    for seed, one in enumerate(specs):
        one.kwargs["evaluations"]["negative"][0]["look"]["seed"] = seed
    with open_lanes(specs, 1) as lanes:
        assert isinstance(lanes, LocalLanes)
        shown = [lanes.reset({0: Start(member, 3)})[0] for member in (*range(len(specs)), 0)]
        assert len(lanes._envs) == MEMBERS
    np.testing.assert_array_equal(shown[0].observation, shown[-1].observation)
