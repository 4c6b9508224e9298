"""DreamerV2: Offline DV2's losses without a penalty, in MOTO's order of play and gradient steps."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from baselines.algorithms.dreamer_v2 import ALGORITHM  # noqa: E402
from baselines.dreamer import moto_settings  # noqa: E402
from baselines.errors import InvalidSettingError  # noqa: E402
from tests.baselines.conftest import (  # noqa: E402
    SMALL_JOINT,
    inputs_of,
    moved_by,
    parameters,
    small_settings,
)
from tests.baselines.test_moto import CHANGES, ELSEWHERE, WORLD  # noqa: E402
from vd4rl_data.registry import get_dataset_spec  # noqa: E402

NAME = "dreamer_v2"
ACTING = ("encoder", "model", "decoder", "reward", "actor", "critic", "slow_critic")


@pytest.mark.parametrize("number", [0, 1])
def test_both_phases_move_everything_but_the_target(make_agent: Any, number: int) -> None:
    agent = make_agent(NAME)
    update, (given,) = agent.phases()[number].update, inputs_of(agent, number, 1)
    assert moved_by(update, agent, given) == {*WORLD, "actor", "critic"}
    ((interval, chore),) = agent.phases()[number].every
    assert interval == 2
    chore(2)
    pairs = zip(agent.slow_critic.parameters(), agent.critic.parameters(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)


def test_a_step_is_one_of_the_model_and_then_one_of_offline_dv2_without_its_penalty(
    make_agent: Any,
) -> None:
    """In futures that the new model imagines from the states that the old one saw."""
    agent = make_agent(NAME, horizon=3)
    sizes = {name: value for name, value in SMALL_JOINT.items() if "offline" not in name}
    del sizes["updates_per_episode"]
    twin = make_agent("offline_dv2", penalty_weight=0.0, **{**sizes, "horizon": 3})
    for name in ACTING:
        twin.networks[name].load_state_dict(agent.networks[name].state_dict())
    ((batch, noise),) = inputs_of(agent, 0, 1)
    with torch.no_grad():
        states, _ = twin.observe(batch, noise.posteriors)
    metrics = agent.update(batch, noise)
    for name in ("model", "reward"):
        twin.networks[name].load_state_dict(agent.networks[name].state_dict())
    expected = twin.learn(states.flat(), noise)
    for name in agent.agent_metrics:
        torch.testing.assert_close(metrics[name], expected[name])
    for name in ("actor", "critic", "slow_critic"):
        theirs = twin.networks[name].state_dict()
        for key, value in agent.networks[name].state_dict().items():
            torch.testing.assert_close(value, theirs[key])
    assert float(expected["penalty"]) > 0  # which twin knows, and does not count


def test_its_settings_are_motos_but_for_penalty_and_cloning() -> None:
    """As MOTO's paper says of its baseline."""
    spec = get_dataset_spec("Kitchen/microwave_kettle_light_slide-demos-64px-v0")
    ours = dataclasses.asdict(ALGORITHM.preset("paper", spec))
    theirs = dataclasses.asdict(moto_settings.preset("paper", spec))
    assert {name: theirs[name] for name in ours} == ours
    assert set(theirs) - set(ours) == {
        "penalty_weight",
        "cloning_weight",
        "cloning_filter",
        "goal_reward",
    }
    with pytest.raises(InvalidSettingError, match=r"official_code.*never published"):
        ALGORITHM.preset("official_code", spec)


def test_every_hyperparameter_is_read(make_agent: Any) -> None:
    """Each changes some metric of two updates, or some weight."""

    def outcome(**changes: Any) -> list[float]:
        agent = make_agent(NAME, **changes)
        *_, metrics = [agent.update(*given) for given in inputs_of(agent, 0, 2)]
        sums = [float(weight.double().sum()) for weight in parameters(agent).values()]
        return [float(value) for value in metrics.values()] + sums

    fields = {field.name for field in dataclasses.fields(small_settings(NAME))}
    plain, changes = outcome(), {name: CHANGES[name] for name in CHANGES if name in fields}
    for name, value in changes.items():
        found = outcome(**{name: value})
        assert found != plain, name
        assert all(map(math.isfinite, found)), name
    assert fields == {*changes, *ELSEWHERE, "steps", "frame_stack"}
