"""Training that begins with the policy of another run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collection.errors import InvalidSettingError
from collection.policy_files import PolicyFile, read_policy
from collection.selection import select_tiers


@pytest.fixture
def start(training: Any, tmp_path: Path) -> PolicyFile:
    """The expert of another run."""
    run = training("earlier", steps=2000, seed=5)
    out = select_tiers(run, tmp_path / "tiers", tiers=("expert",)).files[0]
    return read_policy(out)


def test_a_run_may_begin_with_a_policy(training: Any, start: PolicyFile, tmp_path: Path) -> None:
    changes = {"start": start, "initial_policy": start.sha256, "random_steps": 0}
    unmoved = training("a", steps=200, learning_starts=10_000, **changes)
    assert unmoved.actor(200).tensors().keys() == start.actor.tensors().keys()
    for name, tensor in unmoved.actor(200).tensors().items():
        np.testing.assert_array_equal(tensor, start.actor.tensors()[name])
    moved = training("b", steps=1800, **changes)
    assert moved.actor_path(200).read_bytes() != unmoved.actor_path(200).read_bytes()
    changes.pop("start")  # the folder has all that is needed to go on
    again = training("b", steps=2000, **changes)
    policy = read_policy(select_tiers(again, tmp_path / "b", tiers=("expert",)).files[0])
    assert policy.training["start"]["sha256"] == start.sha256
    assert policy.training["start"]["training"]["settings"]["seed"] == 5


def test_critics_may_learn_first(training: Any, start: PolicyFile, tmp_path: Path) -> None:
    """Until the actor may move, it is the policy that the run began with."""
    changes = {"start": start, "initial_policy": start.sha256, "random_steps": 0}
    run = training("a", steps=400, actor_starts=10_000, **changes)
    for name, tensor in run.actor(400).tensors().items():
        np.testing.assert_array_equal(tensor, start.actor.tensors()[name])
    first, second = run.curve()
    assert first["updates"] > 0
    assert first["alpha"] == second["alpha"]
    assert first["losses"]["critics"] != second["losses"]["critics"]


def test_what_a_run_began_with_is_no_tier_of_it(training: Any, tmp_path: Path) -> None:
    run = training("a", steps=1000, actor_starts=250)
    (choice,) = select_tiers(run, tmp_path / "tiers", tiers=("medium",), level=-1.0).choices
    assert choice.environment_steps == 600


def test_a_policy_that_a_run_cannot_begin_with(training: Any, start: PolicyFile) -> None:
    with pytest.raises(InvalidSettingError, match=f"SHA-256 None, got {start.sha256}"):
        training("a", start=start)
    with pytest.raises(InvalidSettingError, match=f"{start.sha256}, got None"):
        training("b", initial_policy=start.sha256)
    with pytest.raises(InvalidSettingError, match="the same robot and have the same hidden layers"):
        training("c", start=start, initial_policy=start.sha256, hidden=(16, 8))
