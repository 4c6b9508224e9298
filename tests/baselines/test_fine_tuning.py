"""Playing for one's data: when, from which seeds, stopped at any time, and what is reported."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from baselines.bench.policy import View  # noqa: E402
from baselines.bench.report import collect_groups, make_table  # noqa: E402
from baselines.bench.settings import Protocol  # noqa: E402
from baselines.dreamer.sources import Marked, Union  # noqa: E402
from tests.baselines.conftest import CPU, noise_columns  # noqa: E402
from tests.baselines.test_training import same, same_weights, weights  # noqa: E402
from vd4rl_data import Episode, ReplayBuffer, seeding  # noqa: E402
from vd4rl_data.results import read_result  # noqa: E402
from vd4rl_data.seeding import Purpose  # noqa: E402

NAME = "moto"
HORIZON = 6


def episode(rewards: list[float]) -> Episode:
    count = len(rewards)
    return Episode(
        observations=np.zeros((count + 1, 64, 64, 3), np.uint8),
        actions=np.zeros((count, 2), np.float32),
        rewards=np.array(rewards, np.float32),
        discounts=np.ones(count, np.float32),
        terminated=False,
        truncated=True,
    )


def played(folder: Any) -> list[Any]:
    """Actions of the episodes of a run."""
    columns = ReplayBuffer(folder.phase_path("online")).pool().columns
    return np.split(columns.actions, columns.starts[1:-1])


def test_every_start_of_a_union_is_alike_and_goals_are_marked() -> None:
    buffer = ReplayBuffer()
    union = Union(noise_columns(64, 0), buffer)
    assert len(union.pool().episodes) == 2  # the buffer has none yet
    marked = Marked(union, goal=2.0)
    sampler = marked.sequences(4, length=3, rng=0, state=True)
    assert not np.any(next(sampler).states)
    buffer.add(episode([0.0, 2.0, 0.0, 0.0]))
    starts = [len(table) for table in (sampler.table, union.sequences(4, length=3, rng=0).table)]
    next(sampler)
    assert starts == [10, 12]
    assert sampler.num_starts == 12
    batches = [next(sampler) for _ in range(60)]
    reached = np.concatenate([np.asarray(batch.states)[:, 0, 0] for batch in batches])
    assert abs(reached.mean() - 2 / 12) < 0.08
    is_new = np.concatenate([~batch.observations.any((1, 2, 3, 4)) for batch in batches])
    assert np.array_equal(reached, is_new)


def test_an_episode_precedes_every_so_many_steps(run: Any) -> None:
    """Two seeds do not play the same, and no two episodes are alike."""
    hyper = {"steps": 8, "offline_steps": 2, "updates_per_episode": 3}
    first, other = (
        run(name, algorithm=NAME, hyper=hyper, seed=seed) for name, seed in (("a", 0), ("b", 1))
    )
    ours, theirs = played(first), played(other)
    assert [len(each) for each in ours] == [HORIZON + 1] * 2
    assert not np.array_equal(ours[0], ours[1])
    assert not np.array_equal(ours[0], theirs[0])


def test_resets_are_of_a_stream_of_their_own() -> None:
    ours = {seeding.word(Purpose.ONLINE_RESET, s, e) for s in range(4) for e in range(50)}
    assert len(ours) == 200
    assert not ours & {seeding.evaluation_seed(2, s, e) for s in range(4) for e in range(50)}


def test_explorers_draw_what_evaluations_do_not(make_agent: Any) -> None:
    agent = make_agent(NAME, variables=4, classes=8)
    frames = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    view = View(frames, torch.ones(1, dtype=torch.bool))
    actions = [agent.explorer(0, number)(view) for number in (0, 0, 1)]
    assert torch.equal(actions[0], actions[1])
    assert not torch.equal(actions[0], actions[2])
    assert not torch.equal(actions[0], agent.policy()(view))
    assert actions[0].abs().max() < 1


@pytest.mark.parametrize(("name", "stop_at"), [("moto", 5), ("moto", 9), ("dreamer_v2", 9)])
def test_stopped_anywhere_and_gone_on_with(run: Any, name: str, stop_at: int) -> None:
    """Between two episodes, and with some played after the last checkpoint."""
    hyper = {"offline_steps": 4, "updates_per_episode": 2}

    def stop(step: int, text: str) -> None:
        if step >= stop_at and "evaluating" not in text:
            raise KeyboardInterrupt

    seconds = 300.0 if stop_at == 9 else 0.0
    machine = dataclasses.replace(CPU, checkpoint_seconds=seconds)
    with pytest.raises(KeyboardInterrupt):
        run("stopped", algorithm=name, hyper=hyper, machine=machine, progress=stop)
    again, whole = (run(folder, algorithm=name, hyper=hyper) for folder in ("stopped", "whole"))
    assert same(again, whole)
    found = [played(each) for each in (again, whole)]
    assert len(found[0]) == len(found[1]) == 3
    assert all(np.array_equal(*pair) for pair in zip(*found, strict=True))


def test_a_run_can_be_prolonged_into_the_environment(run: Any) -> None:
    hyper = {"offline_steps": 5, "updates_per_episode": 3}
    alone = run("a", algorithm=NAME, hyper={**hyper, "steps": 5})
    assert read_result(alone.result_path).protocol.track == "offline"
    assert not alone.phase_path("online").exists()
    longer, whole = (run(name, algorithm=NAME, hyper=hyper) for name in ("a", "whole"))
    assert same_weights(weights(longer), weights(whole))
    assert longer.curve()[-1]["returns"] == whole.curve()[-1]["returns"]
    assert read_result(alone.result_path).protocol.track == "offline_to_online"


def test_both_scores_are_reported_with_the_steps_taken(run: Any, tmp_path: Path) -> None:
    protocol = Protocol(evaluate_every=3, evaluation_episodes=2, log_every=3)
    hyper = {"steps": 9, "offline_steps": 4, "updates_per_episode": 2}
    folder = run("a", algorithm=NAME, hyper=hyper, protocol=protocol)
    points = [(each["step"], each["environment_steps"]) for each in folder.curve()]
    assert points == [(3, 0), (4, 0), (6, HORIZON), (9, 3 * HORIZON)]
    result = read_result(folder.result_path)
    assert (result.protocol.track, result.protocol.environment_steps) == (
        "offline_to_online",
        3 * HORIZON,
    )
    assert result.protocol.train_steps == 4
    (only,) = result.evaluations[0].runs
    assert [point.step for point in only.curve] == [3, 4]
    assert [point.environment_steps for point in only.online_curve] == [0, HORIZON, 3 * HORIZON]
    offline = folder.curve()[1]["mean_return"]
    assert only.online_curve[0].mean_return == only.curve[-1].mean_return == offline
    assert folder.is_done(9)
    table = make_table(collect_groups(tmp_path))
    assert f"(offline {offline:.1f})" in table
    assert f"and {3 * HORIZON} environment steps" in table


def test_online_alone(run: Any) -> None:
    """An untrained agent is the offline point; the dataset is not drawn from."""
    hyper = {"steps": 4, "offline_steps": 0, "keep_data": False, "updates_per_episode": 2}
    folder = run("a", algorithm=NAME, hyper=hyper)
    result = read_result(folder.result_path)
    assert [point["step"] for point in folder.curve()] == [0, 4]
    assert result.protocol.train_steps is None
    assert "online alone" in (result.protocol.not_comparable or "")
    assert folder.is_done(4)
