"""The render fingerprint, compared once."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable

import gymnasium
import numpy as np
import pytest

import vd4rl_data.dataset
from vd4rl_data.envs import check_fingerprint, drift, make_fingerprint
from vd4rl_data.errors import RenderDriftWarning
from vd4rl_data.fingerprint import RenderFingerprint
from vd4rl_data.simulators import Simulation
from vd4rl_data.simulators.gl import renderer_name
from vd4rl_data.simulators.versions import installed_pair

pytestmark = pytest.mark.render

ID = "VD4RL/walker_walk-random-64px-v0"
Finder = Callable[[RenderFingerprint | None], list[str]]


@pytest.fixture(scope="module")
def fingerprint() -> RenderFingerprint:
    simulation = Simulation("walker_walk")
    states = []
    for seed in range(2):
        simulation.reset(seed)
        states.append(simulation.physics_state)
    simulation.close()
    return make_fingerprint("walker_walk", np.stack(states), 64)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Finder:
    """Let the local file of every dataset have this fingerprint; returns the ids asked for."""

    def install(fingerprint: RenderFingerprint | None) -> list[str]:
        asked: list[str] = []

        def find(dataset_id: str) -> RenderFingerprint | None:
            asked.append(dataset_id)
            return fingerprint

        monkeypatch.setattr(vd4rl_data.dataset, "find_fingerprint", find)
        monkeypatch.setattr(drift, "_CHECKED", set())
        return asked

    return install


def brighter(fingerprint: RenderFingerprint) -> RenderFingerprint:
    frames = fingerprint.frames.copy()
    frames[0, :32] ^= 1  # one grey level, up or down, in a quarter of all pixels
    return dataclasses.replace(fingerprint, renderer="another renderer", frames=frames)


def test_here_is_like_here(fingerprint: RenderFingerprint) -> None:
    assert fingerprint.renderer == renderer_name()
    assert fingerprint.frames.shape == (2, 64, 64, 3)
    assert check_fingerprint(fingerprint, "walker_walk") == 0.0
    assert check_fingerprint(brighter(fingerprint), "walker_walk") == 0.25


def test_the_first_reset_warns_once(fingerprint: RenderFingerprint, found: Finder) -> None:
    asked = found(brighter(fingerprint))
    env = gymnasium.make(ID)
    with pytest.warns(RenderDriftWarning, match=r"0\.250 gray levels") as caught:
        first, _ = env.reset(seed=0)
    assert len(caught) == 1
    assert "another renderer" in str(caught[0].message)
    assert f"{renderer_name()}; {installed_pair()}".replace(" and ", ", ") in str(caught[0].message)
    again, _ = env.reset(seed=0)
    gymnasium.make(ID).reset(seed=0)
    np.testing.assert_array_equal(first, again)
    assert asked == [ID]
    env.close()


def test_the_same_pixels_and_no_file_are_silent(
    fingerprint: RenderFingerprint, found: Finder
) -> None:
    for known in (fingerprint, None):
        asked = found(known)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            env = gymnasium.make(ID)
            env.reset(seed=0)
            env.close()
        assert asked == [ID]
