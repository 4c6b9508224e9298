"""Collection on a cluster: the bytes of one machine, and no less resumable."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from collection.collect import collect
from collection.pipeline import Made
from collection.plan import parts_folder
from tests.collection.conftest import RANDOM, Start, small_training
from vd4rl_data.errors import InvalidArgumentError, RenderBackendError
from vd4rl_data.processes.cluster import EngineOptions
from vd4rl_data.storage.naming import flat_path

pytestmark = pytest.mark.render


def test_a_killed_driver_goes_on_and_the_bytes_are_those_of_one_machine(
    cluster: Any, baseline: Made, start: Start, tmp_path: Path
) -> None:
    command = ["collect", RANDOM, "--out", str(tmp_path), "--no-progress", "--engine", "ray"]
    command += ["--address", cluster.address]
    after = "vd4rl_data.processes.cluster.pool:RayPool:_finished"
    killed = start(*command, kill_after=after, calls=2)
    assert killed.wait(120) == -9, killed.communicate()
    path = flat_path(tmp_path, RANDOM)
    assert not path.exists()
    assert list(parts_folder(path).glob("episode-*.h5"))
    last = start(*command)
    out, errors = last.communicate(timeout=120)
    assert last.returncode == 0, errors
    assert "2 workers" in out
    assert path.read_bytes() == baseline.path.read_bytes()


def test_a_policy_trained_on_a_node_is_that_of_this_machine(cluster: Any, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra training")
    from collection.sac.job import TrainJob, train_elsewhere
    from collection.sac.train import train

    settings = dataclasses.replace(small_training("walker_walk", 1000), checkpoint_steps=1000)
    train(settings, tmp_path / "here")
    told: list[tuple[int, float]] = []
    train_elsewhere(
        EngineOptions("ray", cluster.address).engine_of(repeatable=False)(1),
        TrainJob(settings, tmp_path / "there", "cpu", None, threads=1),
        lambda steps, last_return: told.append((steps, last_return)),
    )
    assert told[-1][0] == 1000
    here, there = (sorted((tmp_path / name / "actors").iterdir()) for name in ("here", "there"))
    assert [path.name for path in here] == [path.name for path in there]
    assert [path.read_bytes() for path in here] == [path.read_bytes() for path in there]


def test_a_node_without_opengl_is_named(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUJOCO_GL", "off")
    engine = EngineOptions("ray", cluster.address).engine_of()
    with pytest.raises(RenderBackendError, match=r"node \S+ \(\w{8}\): .*MUJOCO_GL"):
        collect(RANDOM, tmp_path, workers=1, engine=engine, show_progress=False)
    assert not list(tmp_path.rglob("*.h5"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (EngineOptions(address="auto"), "address: applies to a Ray cluster"),
        (EngineOptions(resources=("egl=1",)), "resources: applies to a Ray cluster"),
        (EngineOptions("ray", resources=("egl",)), "resources: expected NAME=NUMBER .* got 'egl'"),
        (EngineOptions("ray", resources=("CPU=-1",)), "resources: expected NAME=NUMBER"),
    ],
)
def test_options_that_make_no_sense(options: EngineOptions, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        options.engine_of()
