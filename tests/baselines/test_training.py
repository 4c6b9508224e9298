"""The loop: reproducible, interruptible, and what it writes is what happened."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from baselines.bench.metrics import read_metrics  # noqa: E402
from baselines.bench.registry import ALGORITHMS  # noqa: E402
from baselines.bench.run_folder import RunFolder  # noqa: E402
from tests.baselines.conftest import MODEL_FREE, small_settings  # noqa: E402
from tests.conftest import Bfloat16Told  # noqa: E402
from vd4rl_data.results import read_result  # noqa: E402


def weights(run: RunFolder) -> dict[str, Any]:
    """All tensors of the last checkpoint that the agent's future depends on."""
    state = run.load_checkpoint(run.settings().algorithm)
    assert state is not None
    return state["agent"]["networks"]


def same(first: RunFolder, second: RunFolder) -> bool:
    """Equal bits: weights, metrics, returns."""
    return (
        same_weights(weights(first), weights(second))
        and _metrics(first) == _metrics(second)
        and _returns(first) == _returns(second)
    )


def same_weights(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """Equal bits."""
    return all(
        torch.equal(value, theirs[name][key])
        for name, network in ours.items()
        for key, value in network.items()
    )


def _metrics(run: RunFolder) -> list[dict[str, Any]]:
    return [{k: v for k, v in line.items() if k != "seconds"} for line in read_metrics(run)]


def _returns(run: RunFolder) -> list[Any]:
    return [(point["step"], point["returns"]) for point in run.curve()]


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_run_leaves_metrics_curve_checkpoint_and_result(
    whole: Any, make_agent: Any, name: str
) -> None:
    folder = whole(name)
    phases = make_agent(name).phases()
    several = {"phase"} if len(phases) > 1 else set[str]()
    named = {phase.name: phase.metrics for phase in phases}
    assert {line["step"] for line in read_metrics(folder)} >= {3, 6, 9, 10}
    assert [point["step"] for point in folder.curve()] == [5, 10]
    for line in read_metrics(folder):
        metrics = named[line.get("phase", "training")]
        assert set(line) == {"step", "seconds", *several, *metrics}
        assert np.isfinite([line[metric] for metric in metrics]).all()
    result, expected = read_result(folder.result_path), dataclasses.asdict(small_settings(name))
    (only,) = result.evaluations[0].runs
    assert list(only.returns) == folder.curve()[-1]["returns"]
    offline = 5 if phases[-1].online else 10  # then the curve goes on by environment steps
    assert [point.step for point in only.curve] == [5, offline][: offline // 5]
    assert result.protocol.train_steps == offline
    assert result.algorithm.name == ALGORITHMS[name].name
    assert result.benchmark == "Toy/blob_push-expert-v0"
    assert result.hyperparameters == {"preset": "paper", **expected}
    assert folder.is_done(10)


def test_one_seed_repeats_and_two_differ(run: Any) -> None:
    first, second, other = run("a"), run("b"), run("c", seed=1)
    assert same(first, second)
    ours, theirs = weights(first), weights(other)
    for name, network in ours.items():
        for key, value in network.items():
            if key.endswith("weight") and value.ndim > 1:
                assert not torch.equal(value, theirs[name][key]), (name, key)
    assert _metrics(first)[0] != _metrics(other)[0]


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("stop_at", [3, 5])
def test_stopped_and_gone_on_with(run: Any, whole: Any, name: str, stop_at: int) -> None:
    def stop(step: int, _: str) -> None:
        if step >= stop_at:
            raise KeyboardInterrupt

    often = _machine(checkpoint_seconds=0.0)
    with pytest.raises(KeyboardInterrupt) as stopped:
        run("stopped", algorithm=name, progress=stop, machine=often)
    assert "keeps step" in stopped.value.__notes__[0]
    again = run("stopped", algorithm=name)
    assert same(again, whole(name))


def _machine(**changes: Any) -> Any:
    from baselines.bench.settings import Machine

    return Machine(**{"device": "cpu", "tensorboard": False, "workers": 1, **changes})


def test_a_finished_run_is_left_alone_and_can_be_prolonged(run: Any, whole: Any) -> None:
    short = run("a", hyper={"steps": 5})
    before = weights(short)
    assert same(run("a", hyper={"steps": 5}), short)
    longer = run("a")
    assert not same_weights(before, weights(longer))
    assert same_weights(weights(longer), weights(whole("drq_bc")))
    assert _returns(longer) == _returns(whole("drq_bc"))


CHANGES: dict[str, dict[str, Any]] = {
    "batch_size": {"batch_size": 7},
    "learning_rate": {"learning_rate": 2e-4},
    "frame_stack": {"frame_stack": 2},
    "feature_dim": {"feature_dim": 9},
    "hidden_dim": {"hidden_dim": 17},
    "stddev_start": {"stddev_start": 0.11},
    "stddev_end": {"stddev_end": 0.01, "stddev_start": 0.1, "stddev_duration": 4.0},
    "stddev_duration": {"stddev_duration": 3.0, "stddev_clip": 1.0},
    "counts_per_step": {"counts_per_step": 1, "stddev_duration": 20.0, "stddev_clip": 1.0},
    "stddev_clip": {"stddev_clip": 0.2},
    "precision": {"precision": "bfloat16"},
    "n_step": {"n_step": 2},
    "discount_factor": {"discount_factor": 0.5},
    "tau": {"tau": 0.5},
    "bc_weight": {"bc_weight": 1.0},
    "alpha": {"alpha": 1.0},
    "num_actions": {"num_actions": 3},
}


@pytest.mark.filterwarnings("ignore::vd4rl_data.errors.SlowPrecisionWarning")
@pytest.mark.parametrize("change", CHANGES)
def test_every_hyperparameter_is_read(run: Any, change: str) -> None:
    name = "cql" if change in ("alpha", "num_actions") else "drq_bc"
    values = CHANGES[change]
    short = {"steps": 3}
    base = {key: value for key, value in values.items() if key != change}
    first = run("a", algorithm=name, hyper={**base, **short})
    second = run("b", algorithm=name, hyper={**values, **short})
    assert _metrics(first) != _metrics(second)


@pytest.mark.parametrize("flag", ["avx2", "amx_bf16"])
def test_bfloat16_on_a_processor_without_it_is_told(
    run: Any, bfloat16_told: Bfloat16Told, flag: str
) -> None:
    """The run goes on; what it ran on stands in its facts and in its result."""
    with bfloat16_told(flag) as processor:
        folder = run("a", hyper={"steps": 2, "precision": "bfloat16"})
    assert folder.facts()["processor"] == processor
    result = read_result(folder.result_path)
    assert result.compute is not None
    assert result.compute.hardware == f"CPU ({processor['name']})"


def test_all_hyperparameters_are_tried_above() -> None:
    names = {
        field.name for name in MODEL_FREE for field in dataclasses.fields(ALGORITHMS[name].settings)
    }
    assert names == {*CHANGES, "steps"}


def test_evaluations_do_not_depend_on_the_number_of_workers(run: Any) -> None:
    one = run("one", hyper={"steps": 2})
    two = run("two", hyper={"steps": 2}, machine=_machine(workers=2))
    assert _returns(one) == _returns(two)


def test_tensorboard_gets_metrics_and_returns(run: Any) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder: RunFolder = run("a", machine=_machine(tensorboard=True))
    events = EventAccumulator(str(folder.tensorboard_path)).Reload()
    losses = events.Scalars("train/critic_loss")
    assert [event.step for event in losses] == [3, 6, 9, 10]
    expected = [line["critic_loss"] for line in read_metrics(folder)]
    np.testing.assert_allclose([event.value for event in losses], expected, rtol=1e-6)
    assert [event.step for event in events.Scalars("evaluation/mean_return")] == [5, 10]


def test_half_a_line_of_metrics_is_dropped(run: Any, tmp_path: Path) -> None:
    folder = run("a", hyper={"steps": 5})
    with folder.metrics_path.open("a") as file:
        file.write('{"step": 6, "critic')
    run("a")
    assert [line["step"] for line in read_metrics(folder)] == [3, 5, 6, 9, 10]


def test_simulators_keep_denormals_and_training_does_not(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from baselines.bench import playing
    from baselines.drq.agent import DrqAgent

    kept: list[tuple[str, bool]] = []

    def note(place: str, original: Any) -> Any:
        def noted(*arguments: Any, **options: Any) -> Any:
            tiny = torch.tensor(1e-310, dtype=torch.float64)
            kept.append((place, bool(tiny * 0.5 > 0)))
            return original(*arguments, **options)

        return noted

    monkeypatch.setattr(playing, "play", note("play", playing.play))
    monkeypatch.setattr(DrqAgent, "draw", note("draw", DrqAgent.draw))
    run("a", hyper={"steps": 2})
    assert set(kept) == {("play", True), ("draw", not torch.set_flush_denormal(False))}
    assert bool(torch.tensor(1e-310, dtype=torch.float64) * 0.5 > 0)


def test_where_frames_lie_changes_nothing(run: Any) -> None:
    stream = run("stream", hyper={"steps": 3}, machine=_machine(storage="stream"))
    assert same(run("device", hyper={"steps": 3}, machine=_machine(storage="device")), stream)


def test_threads_are_set_and_put_back(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from baselines.drq.agent import DrqAgent

    original, seen = DrqAgent.draw, set[int]()

    def noted(*arguments: Any) -> Any:
        seen.add(torch.get_num_threads())
        return original(*arguments)

    monkeypatch.setattr(DrqAgent, "draw", noted)
    run("a", hyper={"steps": 2}, machine=_machine(threads=2))
    assert seen == {2}
    assert torch.get_num_threads() == 1


@pytest.mark.render
def test_a_real_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bundled sample, and the walker for four time steps."""
    import gymnasium

    from baselines.bench.settings import Protocol, RunSettings
    from baselines.bench.training import train

    dataset = "VD4RL/walker_walk-random-sample-64px-v0"
    monkeypatch.setattr(gymnasium.registry[dataset], "max_episode_steps", 4)
    settings = RunSettings(
        algorithm="bc",
        dataset=dataset,
        hyperparameters=ALGORITHMS["bc"].settings(
            steps=2, batch_size=4, feature_dim=8, hidden_dim=16
        ),
        protocol=Protocol(evaluation_episodes=1),
    )
    result = read_result(train(settings, tmp_path / "a", _machine()).result_path)
    assert result.image_size == 64
    assert result.evaluations[0].runs[0].lengths == (4,)
    assert result.traces is not None
    assert result.traces.action_size == 6
    assert result.data is not None
    assert result.data.origin == "other"
