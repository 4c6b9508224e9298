"""Evaluation: what the policy sees, what comes back, and that grouping never matters."""

from __future__ import annotations

import dataclasses
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.wrappers import FrameStackObservation

from vd4rl_data.envs import make_env
from vd4rl_data.errors import InvalidActionError, InvalidIdError, UnknownDatasetError
from vd4rl_data.evaluation import Evaluation, episode_seed, evaluate
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.seeding import Purpose, word
from vd4rl_data.spec import ReturnScore

ID = "VD4RL/walker_walk-random-64px-v0"
STEPS = 4  # of the fixture `env`


def same(a: Evaluation, b: Evaluation) -> bool:
    return all(
        np.array_equal(x, y)
        for x, y in [
            (a.returns, b.returns),
            (a.lengths, b.lengths),
            ([t.seed for t in a.traces], [t.seed for t in b.traces]),
            *[(t.actions, u.actions) for t, u in zip(a.traces, b.traces, strict=True)],
        ]
    )


class Counting(gymnasium.Env[np.ndarray, np.ndarray]):
    """No simulator: frames tell the seed and the time; length and success vary with the seed."""

    observation_space = gymnasium.spaces.Box(0, 255, (2, 2, 3), np.uint8)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        assert seed is not None
        self.seed, self.time = seed, 0
        return self._frame(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.time += 1
        ended = self.time == 2 + self.seed % 4
        succeeded = self.time == 2 and self.seed % 2 == 0
        return self._frame(), float(action[0]), ended, False, {"success": succeeded}

    def _frame(self) -> np.ndarray:
        frame = np.full((2, 2, 3), self.seed % 256, dtype=np.uint8)
        frame[0] = self.time
        return frame


@pytest.fixture
def counting() -> gymnasium.Env[Any, Any]:
    return gymnasium.make(EnvSpec("Counting-v0", entry_point=Counting))


def half(observations: np.ndarray) -> np.ndarray:
    return np.full((len(observations), 1), 0.5)


@pytest.mark.render
@pytest.mark.parametrize("frame_stack", [1, 3])
def test_the_policy_sees_what_gymnasiums_frame_stack_shows(
    env: gymnasium.Env[Any, Any], policy: Any, frame_stack: int
) -> None:
    result = evaluate(policy, env, 2, seed=5, frame_stack=frame_stack, inference_batch=2)
    stacked = FrameStackObservation(env, frame_stack, padding_type="reset")
    for episode, trace in enumerate(result.traces):
        assert trace.seed == episode_seed(5, episode)
        observation, _ = stacked.reset(seed=trace.seed)
        episode_return = 0.0
        for time, action in enumerate(trace.actions):
            np.testing.assert_array_equal(policy.seen[time][episode], observation)
            observation, reward, *_ = stacked.step(action)
            episode_return += float(reward)
        assert result.returns[episode] == episode_return
    assert result.lengths.tolist() == [STEPS, STEPS]
    assert result.successes is None


@pytest.mark.render
def test_workers_give_the_same_bits(env: gymnasium.Env[Any, Any], policy: Any) -> None:
    alone = evaluate(policy, env, 3, seed=1, frame_stack=2, inference_batch=2)
    shared = evaluate(policy, env, 3, seed=1, frame_stack=2, inference_batch=2, workers=2)
    assert same(alone, shared)
    assert not same(alone, evaluate(policy, env, 3, seed=2, frame_stack=2, inference_batch=2))


@pytest.mark.render
def test_ids_environments_and_vectors_mean_the_same(policy: Any) -> None:
    vector = gymnasium.make_vec(ID, num_envs=3, max_episode_steps=STEPS)
    single = gymnasium.make(ID, max_episode_steps=STEPS, render_mode="rgb_array")
    bare = make_env("walker_walk")
    assert bare.spec is not None
    bare.spec.max_episode_steps = STEPS
    first, *others = [evaluate(policy, e, 1, seed=0) for e in (single, vector, bare)]
    assert all(same(first, other) for other in others)
    assert first.returns.shape == (1,)
    single.close()
    vector.close()


def test_a_batch_is_always_full(counting: gymnasium.Env[Any, Any]) -> None:
    batches: list[np.ndarray] = []

    def policy(observations: np.ndarray) -> np.ndarray:
        batches.append(observations)
        return half(observations)

    evaluate(policy, counting, 5, seed=0, frame_stack=2, inference_batch=3)
    assert {batch.shape for batch in batches} == {(3, 2, 2, 2, 3)}
    assert not batches[-1][2].any()  # the sixth episode does not exist: black


@pytest.mark.parametrize("inference_batch", [1, 2, 5, 8])
def test_episodes_do_not_depend_on_their_group(
    counting: gymnasium.Env[Any, Any], inference_batch: int
) -> None:
    def policy(observations: np.ndarray) -> np.ndarray:
        return observations[:, -1, :1, 0, 0] / 10 + observations[:, -1, 1:, 0, 0] / 1000

    result = evaluate(policy, counting, 5, seed=3, inference_batch=inference_batch)
    assert same(result, evaluate(policy, counting, 5, seed=3, inference_batch=10))


def test_lengths_returns_and_successes(counting: gymnasium.Env[Any, Any]) -> None:
    result = evaluate(half, counting, 12, seed=0, inference_batch=5)
    seeds = np.array([episode_seed(0, i) for i in range(12)])
    np.testing.assert_array_equal(result.lengths, 2 + seeds % 4)
    np.testing.assert_array_equal(result.returns, result.lengths * 0.5)
    np.testing.assert_array_equal(result.successes, seeds % 2 == 0)
    assert [trace.seed for trace in result.traces] == seeds.tolist()
    assert all(len(t.actions) == n for t, n in zip(result.traces, result.lengths, strict=True))
    assert (result.returns.dtype, result.lengths.dtype) == (np.float64, np.int64)
    assert len(set(result.lengths.tolist())) > 1


def test_the_last_frames_stay_when_an_episode_has_ended(
    counting: gymnasium.Env[Any, Any],
) -> None:
    batches: list[np.ndarray] = []

    def policy(observations: np.ndarray) -> np.ndarray:
        batches.append(observations.copy())
        observations[:] = 255  # its own copy: nobody minds
        return half(observations)

    result = evaluate(policy, counting, 6, seed=0, inference_batch=6)
    first = int(np.argmin(result.lengths))
    assert batches[-1][first, 0, 0, 0, 0] == result.lengths[first]


def test_a_policy_with_memory_is_reset_for_every_group(
    counting: gymnasium.Env[Any, Any],
) -> None:
    class Remembering:
        def __init__(self) -> None:
            self.calls: list[int] = []

        def reset(self, batch_size: int) -> None:
            self.calls.append(batch_size)

        def __call__(self, observations: np.ndarray) -> np.ndarray:
            assert self.calls
            return half(observations)

    policy = Remembering()
    evaluate(policy, counting, 5, seed=0, inference_batch=2)
    assert policy.calls == [2, 2, 2]


def test_seeds_are_a_documented_function() -> None:
    assert episode_seed(7, 3) == word(Purpose.EVALUATION_EPISODE, 7, 3)
    seeds = {episode_seed(seed, i) for seed in range(20) for i in range(20)}
    assert len(seeds) == 400


def test_normalized_scores() -> None:
    result = Evaluation(np.array([0.0, 250.0]), np.array([500, 500]), None, ())
    spec = dataclasses.replace(get_dataset_spec(ID), score=ReturnScore(50.0, 250.0, "a test"))
    np.testing.assert_array_equal(result.normalized(ID), [0.0, 0.25])
    np.testing.assert_array_equal(result.normalized(spec), [-0.25, 1.0])


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (np.zeros((2, 2)), r"expected shape|of shape \(3, 1\)"),
        (np.zeros(3), r"of shape \(3, 1\)"),
        (np.array([[0.0], [np.nan], [0.0]]), "episode 1 of the batch"),
        (np.array([[0.0], [0.0], [-1.5]]), "episode 2 of the batch.*Clip"),
        ([["a"], ["b"], ["c"]], "numbers"),
        ([[0.0], [0.0, 1.0], [0.0]], "policy"),
    ],
)
def test_bad_policies_are_told_so(
    counting: gymnasium.Env[Any, Any], output: Any, message: str
) -> None:
    with pytest.raises(InvalidActionError, match=message):
        evaluate(lambda _: output, counting, 3, seed=0, inference_batch=3)


def test_what_a_policy_says_about_empty_places_does_not_matter(
    counting: gymnasium.Env[Any, Any],
) -> None:
    output = np.array([[0.5], [np.nan]])
    result = evaluate(lambda _: output, counting, 1, seed=0, inference_batch=2)
    assert result.returns[0] == result.lengths[0] * 0.5


@pytest.mark.torch
def test_torch_policies(counting: gymnasium.Env[Any, Any]) -> None:
    import torch

    weight = torch.full((1,), 0.5, requires_grad=True)

    def policy(observations: np.ndarray) -> Any:
        return weight.expand(len(torch.from_numpy(observations)), 1)

    with pytest.raises(InvalidActionError, match="grad"):
        evaluate(policy, counting, 1, seed=0)
    with torch.no_grad():
        detached = evaluate(lambda o: policy(o).detach(), counting, 2, seed=0)
    assert same(detached, evaluate(half, counting, 2, seed=0))


@pytest.mark.parametrize("name", ["episodes", "frame_stack", "workers", "inference_batch"])
def test_counts_start_at_one(name: str) -> None:
    arguments = {"episodes": 1, name: 0}
    with pytest.raises(ValueError, match=name):
        evaluate(half, ID, seed=0, **arguments)


def test_environments_that_cannot_be_evaluated(policy: Any) -> None:
    with pytest.raises(InvalidIdError, match="no version"):
        evaluate(policy, ID.removesuffix("-v0"), 1, seed=0)
    with pytest.raises(UnknownDatasetError, match="Did you mean"):
        evaluate(policy, ID.replace("walker", "waker"), 1, seed=0)
    stacked = FrameStackObservation(gymnasium.make(ID), 3)
    with pytest.raises(ValueError, match="without a frame stack"):
        evaluate(policy, stacked, 1, seed=0)
    with pytest.raises(ValueError, match="observations of uint8"):
        evaluate(policy, "CartPole-v1", 1, seed=0)


@pytest.mark.parametrize("limit", [None, 9])
def test_a_progress_bar_counts_time_steps(
    counting: gymnasium.Env[Any, Any], capsys: pytest.CaptureFixture[str], limit: int | None
) -> None:
    assert counting.spec is not None
    counting.spec.max_episode_steps = limit
    evaluate(half, counting, 3, seed=0)
    assert capsys.readouterr() == ("", "")
    played = evaluate(half, counting, 3, seed=0, progress=True)
    shown = capsys.readouterr().err
    assert "episode 3/3" in shown
    assert (f"{played.lengths.sum()} steps" if limit is None else "27/27") in shown
