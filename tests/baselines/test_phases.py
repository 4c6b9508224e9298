"""Runs of several phases: borders, chores, logs, interruptions."""

from __future__ import annotations

import dataclasses
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from baselines.bench.metrics import read_metrics  # noqa: E402
from baselines.bench.phases import Phase, Schedule  # noqa: E402
from baselines.bench.run_folder import RunFolder  # noqa: E402
from baselines.bench.settings import Protocol, RunSettings  # noqa: E402
from baselines.bench.training import train  # noqa: E402
from baselines.errors import CheckpointError, InvalidSettingError  # noqa: E402
from tests.baselines import blob, phased  # noqa: E402
from tests.baselines.conftest import CPU  # noqa: E402
from tests.baselines.test_failures import CHILD  # noqa: E402

OFTEN = dataclasses.replace(CPU, checkpoint_seconds=0.0)
SETTINGS = RunSettings(
    algorithm=phased.NAME,
    dataset=blob.SPEC.name,
    hyperparameters=phased.PhasedSettings(),
    protocol=Protocol(evaluate_every=2, evaluation_episodes=3, log_every=3),
)


def saved(run: RunFolder) -> dict[str, Any]:
    """All that a run has reached, but for clocks."""
    found = run.load_checkpoint(phased.NAME)
    assert found is not None
    return {name: value for name, value in found.items() if name != "seconds"}


def equal(first: Any, second: Any) -> bool:
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(equal(first[k], second[k]) for k in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(equal, first, second))
    return first == second


def same(first: RunFolder, second: RunFolder) -> bool:
    def lines(run: RunFolder) -> list[dict[str, Any]]:
        return [{**line, "seconds": 0} for line in (*read_metrics(run), *run.curve())]

    return equal(saved(first), saved(second)) and lines(first) == lines(second)


@pytest.fixture(scope="module")
def whole(blob_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    blob.register()
    try:
        return train(SETTINGS, tmp_path_factory.mktemp("whole"), CPU, root=blob_folder)
    finally:
        blob.unregister()


def test_a_run_goes_through_its_phases(whole: RunFolder) -> None:
    lines = [(line["step"], line["phase"], set(line)) for line in read_metrics(whole)]
    always = {"step", "phase", "seconds"}
    first, second = {*always, "model_loss"}, {*always, "actor_loss", "latent"}
    assert lines == [
        (3, "model", first),
        (4, "model", first),
        (6, "policy", second),
        (9, "policy", second),
        (10, "policy", second),
    ]
    assert [point["step"] for point in whole.curve()] == [6, 8, 10]
    assert whole.is_done(10)


def test_chores_are_done_when_they_are_due(
    blob_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, int]] = []
    for name in ("follow", "refresh"):
        original = getattr(phased.PhasedAgent, name)

        def noted(self: Any, step: int, name: str = name, original: Any = original) -> None:
            done.append((name, step))
            original(self, step)

        monkeypatch.setattr(phased.PhasedAgent, name, noted)
    train(SETTINGS, tmp_path / "a", CPU, root=blob_root)
    assert [step for name, step in done if name == "follow"] == [2, 4, 6]
    assert [step for name, step in done if name == "refresh"] == [0, 3, 6]


@pytest.mark.parametrize("stop_at", [3, 4, 6, 9])
def test_stopped_in_any_phase_and_gone_on_with(
    whole: RunFolder, blob_root: Path, tmp_path: Path, stop_at: int
) -> None:
    words: list[str] = []

    def stop(step: int, text: str) -> None:
        words.append(text)
        if step >= stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(SETTINGS, tmp_path / "a", OFTEN, root=blob_root, progress=stop)
    assert words[-1].startswith("model" if stop_at <= 4 else "policy")
    assert same(train(SETTINGS, tmp_path / "a", CPU, root=blob_root), whole)


def test_killed_in_the_second_phase(whole: RunFolder, blob_root: Path, tmp_path: Path) -> None:
    job, folder = tmp_path / "job.pickle", tmp_path / "killed"
    job.write_bytes(pickle.dumps((SETTINGS, folder, blob_root, ("save_checkpoint", 7))))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(job)], env=environment, check=False, timeout=100
    )
    assert child.returncode == -signal.SIGKILL
    assert saved(RunFolder(folder))["phases"] == [("model", 0), ("policy", 4)]
    assert same(train(SETTINGS, folder, CPU, root=blob_root), whole)


def test_a_run_whose_first_phase_would_have_been_longer_is_not_prolonged(
    blob_root: Path, tmp_path: Path
) -> None:
    def asked(steps: int) -> RunSettings:
        hyper = dataclasses.replace(SETTINGS.hyperparameters, steps=steps)
        return dataclasses.replace(SETTINGS, hyperparameters=hyper)

    run = train(asked(5), tmp_path / "a", CPU, root=blob_root)
    before = saved(run)
    with pytest.raises(InvalidSettingError, match=r"step 4 asked for, model.*step 2 there"):
        train(asked(10), tmp_path / "a", CPU, root=blob_root)
    assert equal(saved(run), before)


def _phases(*steps: int | float | None) -> list[Phase]:
    nothing: Any = None
    common: dict[str, Any] = {"batches": nothing, "draw": nothing, "update": nothing, "metrics": ()}
    return [Phase(name=str(n), steps=each, **common) for n, each in enumerate(steps)]


@pytest.mark.parametrize(
    ("steps", "starts"),
    [
        ((None,), (0,)),
        ((1.0,), (0,)),
        ((0.25, 0.75), (0, 25)),
        ((0.333, 0.333, None), (0, 33, 67)),
        ((30, None, 0.5), (0, 30, 50)),
        ((99, 1), (0, 99)),
    ],
)
def test_phases_lie_one_after_the_other(steps: Any, starts: tuple[int, ...]) -> None:
    schedule = Schedule(_phases(*steps), 100)
    assert schedule.starts == starts
    assert schedule.number(100) == len(starts) - 1
    for number, start in enumerate(starts):
        assert schedule.number(start) == number
        assert len(schedule.passed(start)) == number
    ends = [step for step in range(1, 101) if schedule.is_end(step)]
    assert ends == [*starts[1:], 100]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((), "different names"),
        ((101,), "they take 0 101"),
        ((50, 49), "they take 0 50, 1 49"),
        ((0.6, 0.6), "they take"),
        ((100, None), "1 0"),
        ((1.5,), "a share in"),
        ((0,), "at least 1"),
    ],
)
def test_phases_that_make_no_run(steps: Any, message: str) -> None:
    with pytest.raises(InvalidSettingError, match=message):
        Schedule(_phases(*steps), 100)


def test_batches_of_another_version_are_refused(run: Any) -> None:
    folder = run("a", hyper={"steps": 5})
    state = folder.load_checkpoint("drq_bc")
    state["batches"]["sampler"] = {"where": "in the words of another version"}
    folder.save_checkpoint(state)
    with pytest.raises(CheckpointError, match=r"another version.*start anew in another folder"):
        run("a")


def test_a_checkpoint_from_before_there_were_phases(run: Any) -> None:
    """It is one of the only phase of its algorithm."""

    def stop(step: int, _: str) -> None:
        if step >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("a", progress=stop)
    folder = RunFolder(Path(run("whole").path).parent / "a")
    state = folder.load_checkpoint("drq_bc")
    assert state is not None
    assert state.pop("phases") == [("training", 0)]
    state["batches"] = {"where": "in the words of an earlier version"}
    folder.save_checkpoint(state)
    assert run("a").curve()[-1]["returns"] == run("whole").curve()[-1]["returns"]
