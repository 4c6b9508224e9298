"""The pool: errors cross the process boundary, deaths are told, nothing hangs."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import NoReturn

import pytest

from collection.behaviors import UniformBehavior
from collection.collect import collect, plan
from collection.errors import RendererMismatchError, WorkerError
from collection.jobs import RenderJob, RolloutJob
from collection.pipeline import _common_renderer
from collection.recipes import find_recipe
from collection.statistics import EpisodeSummary
from collection.workers import WorkerPool
from vd4rl_data.errors import CorruptFileError, NoSpaceError
from vd4rl_data.spec import DatasetSpec

RANDOM = "Test/walker_walk_short-random-16px-v0"


class _Broken(UniformBehavior):
    def play(self, simulation: object, *, episode: int) -> NoReturn:
        raise KeyError("no such policy")


def test_episodes_are_made_once_each_by_several_workers(rows: list[DatasetSpec]) -> None:
    with WorkerPool(RolloutJob(rows[0].task, UniformBehavior()), 2) as pool:
        made = list(pool.run(range(7), lambda _: None))
        again = dict(pool.run([3], lambda _: None))
    assert sorted(number for number, _ in made) == list(range(7))
    assert all(isinstance(summary, EpisodeSummary) for _, summary in made)
    assert again[3] == dict(made)[3]
    assert multiprocessing.active_children() == []


def test_a_typed_error_crosses_the_boundary(rows: list[DatasetSpec], tmp_path: Path) -> None:
    source = tmp_path / "source.h5"
    work = plan(rows[0], find_recipe(rows[0]), UniformBehavior(), tmp_path, episodes=1)
    header = b"\x89VD4RL\r\n"
    source.write_bytes(header.ljust(8192, b"x"))
    job = RenderJob(rows[0], source, work.parts_folder, work.job.part_recipe)
    with pytest.raises(CorruptFileError, match="header"), WorkerPool(job, 1):
        pass
    assert multiprocessing.active_children() == []


def test_an_unforeseen_error_brings_its_traceback(rows: list[DatasetSpec]) -> None:
    job = RolloutJob(rows[0].task, _Broken())
    with (
        pytest.raises(WorkerError, match=r"(?s)Traceback.*KeyError: 'no such policy'"),
        WorkerPool(job, 2) as pool,
    ):
        list(pool.run(range(3), lambda _: None))
    assert multiprocessing.active_children() == []


def test_a_dead_worker_is_told_with_its_signal(rows: list[DatasetSpec]) -> None:
    def run_and_terminate_one() -> None:
        with WorkerPool(RolloutJob(rows[0].task, UniformBehavior()), 2) as pool:
            for number, _ in pool.run(range(100_000), lambda _: None):
                if number == 3:
                    multiprocessing.active_children()[0].terminate()

    with pytest.raises(WorkerError, match=r"died while making episode \d+ \(SIGTERM\)"):
        run_and_terminate_one()
    assert multiprocessing.active_children() == []


def test_workers_must_draw_with_one_renderer(rows: list[DatasetSpec]) -> None:
    pool = WorkerPool(RolloutJob(rows[0].task, UniformBehavior()), 2)
    pool.renderers = ("llvmpipe", "llvmpipe")
    assert _common_renderer(pool) == "llvmpipe"
    pool.renderers = ("llvmpipe", "another")
    with pytest.raises(RendererMismatchError, match="another; llvmpipe"):
        _common_renderer(pool)


def test_a_pool_needs_a_worker(rows: list[DatasetSpec]) -> None:
    with pytest.raises(ValueError, match="workers: expected at least 1"):
        WorkerPool(RolloutJob(rows[0].task, UniformBehavior()), 0)


def test_a_disk_that_is_too_small_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(NoSpaceError, match="needs"):
        collect(RANDOM, tmp_path, show_progress=False)
