"""Sweeps: a queue of folders."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from baselines.bench import sweep  # noqa: E402
from baselines.bench.run_folder import RunFolder  # noqa: E402
from baselines.bench.settings import RunSettings  # noqa: E402
from baselines.bench.sweep import Job, run_jobs  # noqa: E402
from baselines.bench.sweep_progress import SweepProgress  # noqa: E402
from baselines.bench.training import train  # noqa: E402
from baselines.cli import main  # noqa: E402
from baselines.errors import InvalidSettingError  # noqa: E402
from tests.baselines import blob  # noqa: E402
from tests.baselines.conftest import CPU  # noqa: E402
from tests.baselines.sweep_worker import Dying, Sleeping, ToyTraining  # noqa: E402
from vd4rl_data.processes.cluster import EngineOptions  # noqa: E402
from vd4rl_data.storage.atomic import write_lock  # noqa: E402


@pytest.fixture
def jobs(settings: RunSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Three runs of two steps; their processes know the toy."""
    monkeypatch.setattr(sweep, "Training", ToyTraining)
    hyper = dataclasses.replace(settings.hyperparameters, steps=2)
    made = [dataclasses.replace(settings, seed=seed, hyperparameters=hyper) for seed in range(3)]
    return [Job(each, tmp_path / f"seed{each.seed}") for each in made]


def test_a_sweep_fails_where_it_must_and_goes_on(jobs: list[Job], blob_root: Path) -> None:
    """One run finds a damaged checkpoint, one is held by another process; then both are mended."""
    broken, held, _ = jobs
    broken.folder.mkdir()
    checkpoint = broken.folder / "checkpoint.pt"
    checkpoint.write_bytes(b"nothing")
    ended: list[tuple[int, str]] = []

    def note(job: Job, state: str) -> None:
        ended.append((job.settings.seed, state))

    with write_lock(held.folder / "run"):
        found = run_jobs(jobs, CPU, root=blob_root, parallel=3, report=note)
    assert sorted(ended) == [(0, "failed"), (1, "busy"), (2, "done")]
    assert found["failed"] == [broken]
    assert "delete it to start this run anew" in (RunFolder(broken.folder).failure() or "")
    before = (jobs[2].folder / "result.json").stat().st_mtime_ns
    checkpoint.unlink()
    found = run_jobs(jobs, CPU, root=blob_root, parallel=2)
    assert len(found["done"]) == 3
    assert RunFolder(broken.folder).failure() is None
    assert (jobs[2].folder / "result.json").stat().st_mtime_ns == before
    assert run_jobs(jobs, CPU)["done"] == jobs  # nothing is started


def test_a_sweep_on_a_cluster_gives_what_this_machine_gives(
    jobs: list[Job], blob_root: Path, cluster: Any
) -> None:
    settings = jobs[0].settings
    here = Job(settings, jobs[0].folder.with_name("here"))
    train(settings, here.folder, CPU, root=blob_root)
    engine = EngineOptions("ray", cluster.address).engine_of(fresh=True, repeatable=False)
    found = run_jobs(jobs[:2], CPU, root=blob_root, parallel=2, engine=engine)
    assert len(found["done"]) == 2
    returns = [RunFolder(job.folder).curve()[-1]["mean_return"] for job in (jobs[0], here)]
    assert returns[0] == returns[1]


def test_the_bar_counts_what_this_call_does(
    jobs: list[Job], blob_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three runs, one was done before and one half done."""
    first, second, _ = jobs
    half = dataclasses.replace(second.settings.hyperparameters, steps=1)
    train(first.settings, first.folder, CPU, root=blob_root)
    train(
        dataclasses.replace(second.settings, hyperparameters=half),
        second.folder,
        CPU,
        root=blob_root,
    )
    bars: list[SweepProgress] = []

    class Kept(SweepProgress):
        def __enter__(self) -> SweepProgress:
            bars.append(self)
            return self

    monkeypatch.setattr(sweep, "SweepProgress", Kept)
    run_jobs(jobs, CPU, root=blob_root, show_progress=True)
    (bar,) = bars
    assert bar.done == 6
    assert bar.done_here == 3


def test_a_process_that_dies(jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "Training", Dying)
    found = run_jobs(jobs[:2], CPU)
    assert found["failed"] == jobs[:2]
    assert f"{jobs[0]}: it was killed by SIGKILL" in (RunFolder(jobs[0].folder).failure() or "")


def test_an_interruption_ends_all_processes(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []

    def interrupted(_: SweepProgress, __: int, pid: int) -> None:
        told.append(pid)
        if len(told) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "Training", Sleeping)
    monkeypatch.setattr(SweepProgress, "tell", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_jobs(jobs[:2], CPU, parallel=2)
    for pid in told:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_finished_runs_are_of_the_data_asked_for(
    jobs: list[Job], blob_root: Path, tmp_path: Path
) -> None:
    """One that was made anew since is told from theirs; one that is not here is not missed."""
    train(jobs[0].settings, jobs[0].folder, CPU, root=blob_root)
    other = tmp_path / "other"
    assert run_jobs(jobs[:1], CPU, root=other)["done"] == jobs[:1]
    blob.make_dataset(other, seed=1)
    with pytest.raises(InvalidSettingError, match=r"nothing was started.*begun on other data"):
        run_jobs(jobs, CPU, root=other)
    assert not jobs[1].folder.exists()


def test_the_command(
    blob_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Which runs it makes, in which order, and its exit status."""
    asked: list[Job] = []

    def noted(jobs: list[Job], machine: Any, **_: Any) -> Any:
        asked.extend(jobs)
        assert machine.device == "cpu"
        return {"done": jobs[1:], "failed": jobs[:1], "busy": []}

    monkeypatch.setattr("baselines.commands.run_jobs", noted)
    names = ["--algorithms", "bc", "cql", "--datasets", blob.SPEC.name, "--seeds", "0", "1"]
    options = ["--preset", "smoke", "--steps", "7", "--device", "cpu", "--out", str(tmp_path)]
    assert main(["sweep", *names, *options]) == 1
    assert "4 runs, 4 to do" in capsys.readouterr().out
    assert [(job.settings.seed, job.settings.algorithm) for job in asked] == [
        (0, "bc"),
        (0, "cql"),
        (1, "bc"),
        (1, "cql"),
    ]
    assert all(job.settings.hyperparameters.steps == 7 for job in asked)
    assert len({job.folder for job in asked}) == 4
    assert asked[0].folder == tmp_path / "bc-smoke" / "Toy" / "blob_push-expert-16px-v0" / "seed0"
