"""The pair of MuJoCo and dm_control: what is installed is proved, what is not is refused.

``scripts/pairs.sh`` runs this file with every pair of the table in turn.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement

from tests.simulators import golden
from vd4rl_data.errors import IncompatibleVersionsError
from vd4rl_data.fingerprint import frame_difference
from vd4rl_data.registry import get_task_spec
from vd4rl_data.simulators import Simulation, versions
from vd4rl_data.simulators.dmc import DMCSettings, load_suite
from vd4rl_data.simulators.gl import renderer_name
from vd4rl_data.simulators.versions import PAIRS, REFERENCE, Pair

JUST_RECORDED = os.environ.get("VD4RL_GOLDEN")
"""A folder of episodes that the reference recorded on this very machine, where there is one."""

FOLDER = Path(JUST_RECORDED) if JUST_RECORDED else golden.FOLDER
ROUNDING = 1e-7
"""How far last bits have grown after forty time steps, where versions or processors differ."""


@pytest.mark.render
@pytest.mark.parametrize("name", golden.NAMES)
def test_the_installed_pair_draws_what_the_reference_draws(name: str) -> None:
    recorded = golden.load(FOLDER, name)
    frames = golden.draw(name, recorded)
    if recorded.renderer == renderer_name():
        np.testing.assert_array_equal(frames, recorded.frames)
    else:  # other renderers are a few grey levels away, other pictures some fifty
        assert frame_difference(frames, recorded.frames) < 5


@pytest.mark.render
@pytest.mark.parametrize("name", golden.NAMES)
def test_the_installed_pair_plays_what_the_reference_plays(name: str) -> None:
    recorded, played = golden.load(FOLDER, name), golden.play(name)
    np.testing.assert_allclose(played.states, recorded.states, rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(played.rewards, recorded.rewards, rtol=0, atol=ROUNDING)
    if JUST_RECORDED and versions.installed_pair().same_states:
        np.testing.assert_array_equal(played.states, recorded.states)
        np.testing.assert_array_equal(played.rewards, recorded.rewards)


@pytest.mark.render
@pytest.mark.skipif(not JUST_RECORDED, reason="another processor rounds otherwise, too")
def test_the_table_says_where_states_drift() -> None:
    same = [
        np.array_equal(golden.play(name).states, golden.load(FOLDER, name).states)
        for name in golden.NAMES
    ]
    assert all(same) is versions.installed_pair().same_states


def test_pairs_are_in_order_and_the_reference_is_one() -> None:
    numbers = [tuple(map(int, f"{p.mujoco}.{p.dm_control}".split("."))) for p in PAIRS]
    assert numbers == sorted(set(numbers))
    assert REFERENCE in PAIRS
    assert REFERENCE.same_states


def test_the_extra_allows_what_the_table_holds(repository: Path) -> None:
    """And nothing before or after; a resolver that takes the newest of both takes a pair."""
    project = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {r.name: r for r in map(Requirement, project["optional-dependencies"]["dmc"])}
    for package in versions.PACKAGES:
        allowed = wanted[package].specifier
        mine = [getattr(pair, package) for pair in PAIRS]
        assert all(version in allowed for version in mine)
        assert {(bound.operator, bound.version) for bound in allowed} == {
            (">=", mine[0]),
            ("<=", mine[-1]),
        }
    lines = (repository / "constraints.txt").read_text("utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert (pins["mujoco"], pins["dm_control"]) == (REFERENCE.mujoco, REFERENCE.dm_control)


def install(monkeypatch: pytest.MonkeyPatch, **found: str) -> None:
    monkeypatch.setattr(versions, "versions_of", lambda _: found)


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_pairs_of_the_table_are_taken(monkeypatch: pytest.MonkeyPatch, pair: Pair) -> None:
    install(monkeypatch, mujoco=pair.mujoco, dm_control=pair.dm_control)
    assert versions.installed_pair() is pair


@pytest.mark.parametrize(
    ("mujoco", "dm_control", "advice"),
    [
        ("3.3.3", "1.0.28", "mujoco==3.3.3 dm_control==1.0.31"),  # keeps MuJoCo
        ("3.3.2", "1.0.34", "mujoco==3.3.2 dm_control==1.0.30"),
        ("4.0.0", "1.0.36", "mujoco==3.4.0 dm_control==1.0.36"),  # keeps dm_control
        ("4.0.0", "1.0.50", "mujoco==3.3.0 dm_control==1.0.28"),  # keeps neither
        ("2.3.7", "1.0.14", "mujoco==3.3.0 dm_control==1.0.28"),
    ],
)
def test_others_are_refused_with_the_pair_to_install(
    monkeypatch: pytest.MonkeyPatch, mujoco: str, dm_control: str, advice: str
) -> None:
    install(monkeypatch, mujoco=mujoco, dm_control=dm_control)
    with pytest.raises(IncompatibleVersionsError) as caught:
        load_suite.__wrapped__()
    message = str(caught.value)
    assert message.startswith(f"mujoco {mujoco} and dm_control {dm_control}: expected")
    assert f"`pip install --no-deps {advice}`" in message
    assert "dm_control 1.0.31 with mujoco 3.3.3, 3.3.4, 3.3.5" in message


def test_what_is_installed_is_told_with_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    tell = versions.describe_installed
    install(monkeypatch, mujoco="3.3.0", dm_control="1.0.28")
    assert tell(versions.PACKAGES) == "mujoco 3.3.0, dm_control 1.0.28"
    install(monkeypatch, mujoco="3.3.0")
    assert tell(versions.PACKAGES) == "mujoco 3.3.0, dm_control (not installed)"
    install(monkeypatch, mujoco="3.3.3", dm_control="1.0.28")
    assert "dm_control==1.0.31" in tell(versions.PACKAGES)
    install(monkeypatch, mujoco="9.9.9")
    assert tell(("mujoco",)) == "mujoco 9.9.9"  # a simulator without dm_control is no pair's


def test_same_states_are_those_of_the_reference() -> None:
    def told(one: Pair, other: Pair) -> tuple[bool, bool]:
        mine, yours = ({"mujoco": p.mujoco, "dm_control": p.dm_control} for p in (one, other))
        return versions.same_states(mine, yours), versions.states_drift(mine, yours)

    for pair in PAIRS:
        assert told(pair, pair) == (True, False)
        assert told(pair, REFERENCE) == (pair.same_states, not pair.same_states)
    strange = Pair("9.9.9", "9.9.9")
    assert told(strange, strange) == (True, False)
    assert told(strange, REFERENCE) == (False, False)  # nobody knows
    assert not versions.same_states({}, {})


@pytest.mark.render
def test_quadrupeds_numpy_is_asked_for_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    quadruped = dataclasses.replace(
        get_task_spec(golden.NAMES[0]),
        name="quadruped_walk",
        settings=DMCSettings("quadruped", "walk"),
        action_size=12,
    )
    last = PAIRS[-1]
    install(monkeypatch, mujoco=REFERENCE.mujoco, dm_control=REFERENCE.dm_control)
    monkeypatch.delattr(np, "in1d", raising=False)
    with pytest.raises(IncompatibleVersionsError, match=rf'"numpy<2\.4".*{last.dm_control}'):
        Simulation(quadruped).reset(seed=0)
    install(monkeypatch, mujoco=last.mujoco, dm_control=last.dm_control)
    versions.check_domain("quadruped")  # mended there
