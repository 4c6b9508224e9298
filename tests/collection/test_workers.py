"""The pool: errors cross the process boundary, deaths are told, nothing hangs."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from collection.collect import collect, plan_dataset
from collection.errors import RendererMismatchError
from collection.jobs import RenderJob, RolloutJob
from collection.pipeline import _common_renderer
from collection.players import UniformBehavior
from collection.recipes import find_recipe
from collection.statistics import EpisodeSummary
from vd4rl_data.errors import CorruptFileError, NoSpaceError, WorkerError
from vd4rl_data.processes import LocalEngine
from vd4rl_data.spec import DatasetSpec

RANDOM = "Test/walker_walk_short-random-16px-v0"


class _Broken(UniformBehavior):
    def play(self, simulation: object, *, episode: int, size: int | None = None) -> NoReturn:
        raise KeyError("no such policy")


def test_episodes_are_made_once_each_by_several_workers(rows: list[DatasetSpec]) -> None:
    with LocalEngine(2).open(RolloutJob(rows[0].task, UniformBehavior())) as pool:
        made = {outcome.item: outcome.result for outcome in pool.map(range(7))}
        (again,) = pool.map([3])
    assert sorted(made) == list(range(7))
    assert all(isinstance(summary, EpisodeSummary) for summary in made.values())
    assert again.result == made[3]


def test_a_typed_error_crosses_the_boundary(rows: list[DatasetSpec], tmp_path: Path) -> None:
    source = tmp_path / "source.h5"
    plan = plan_dataset(rows[0], find_recipe(rows[0]), UniformBehavior(), tmp_path, episodes=1)
    header = b"\x89VD4RL\r\n"
    source.write_bytes(header.ljust(8192, b"x"))
    job = RenderJob(rows[0], source, None, plan.parts_folder, plan.job.part_recipe)
    with pytest.raises(CorruptFileError, match="header"), LocalEngine(1).open(job):
        pass


def test_an_unforeseen_error_brings_its_traceback(rows: list[DatasetSpec]) -> None:
    job = RolloutJob(rows[0].task, _Broken())
    with (
        pytest.raises(WorkerError, match=r"(?s)Traceback.*KeyError: 'no such policy'"),
        LocalEngine(2).open(job) as pool,
    ):
        list(pool.map(range(3)))


def test_workers_must_draw_with_one_renderer() -> None:
    assert _common_renderer(["llvmpipe", "llvmpipe"]) == "llvmpipe"
    with pytest.raises(RendererMismatchError, match="another; llvmpipe"):
        _common_renderer(["llvmpipe", "another"])


def test_a_disk_that_is_too_small_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(NoSpaceError, match="needs"):
        collect(RANDOM, tmp_path, show_progress=False)
