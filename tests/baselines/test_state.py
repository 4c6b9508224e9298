"""What an agent is: weights that follow from a seed, and a state that it goes on from."""

from __future__ import annotations

import copy
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from baselines.bench.registry import ALGORITHMS  # noqa: E402
from tests.baselines.conftest import PHASES, SPACES, inputs_of, parameters  # noqa: E402


@pytest.mark.parametrize(("name", "number"), PHASES)
def test_the_state_is_everything(make_agent: Any, name: str, number: int) -> None:
    first, second = make_agent(name), make_agent(name, seed=1)
    inputs = inputs_of(first, number, 4)
    for each in inputs[:2]:
        first.phases()[number].update(*each)
    second.load_state(copy.deepcopy(first.state()))
    for agent in (first, second):
        for each in inputs[2:]:
            agent.phases()[number].update(*each)
    ours, theirs = parameters(first), parameters(second)
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert first.encoder.convnet[0].bias is not second.encoder.convnet[0].bias


@pytest.mark.parametrize(("name", "number"), PHASES)
def test_tensors_are_all_that_an_update_changes(make_agent: Any, name: str, number: int) -> None:
    """Put back, they lead to the same update again: what a CUDA graph's capture relies on."""
    agent = make_agent(name)
    (given,) = inputs_of(agent, number, 1)
    update = agent.phases()[number].update
    changed = agent.tensors()
    before = [tensor.clone() for tensor in changed]
    places = [tensor.data_ptr() for tensor in changed]
    update(*given)
    after = parameters(agent)
    with torch.no_grad():
        for tensor, value in zip(changed, before, strict=True):
            tensor.copy_(value)
    update(*given)
    again = parameters(agent)
    assert all(torch.equal(after[key], again[key]) for key in after)
    assert [tensor.data_ptr() for tensor in agent.tensors()] == places


def test_a_seed_means_weights() -> None:
    algorithm = ALGORITHMS["drq_bc"]
    settings = algorithm.settings(steps=1, feature_dim=8, hidden_dim=16)
    agents: list[Any] = [
        algorithm.agent(settings, SPACES, torch.device("cpu"), torch.Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    ]
    first, second, other = (parameters(agent) for agent in agents)
    assert all(torch.equal(first[key], second[key]) for key in first)
    weight = first["encoder.convnet.2.weight"]
    assert not torch.equal(weight, other["encoder.convnet.2.weight"])
    rows = weight.flatten(1)
    torch.testing.assert_close(rows @ rows.T, 2 * torch.eye(32), rtol=0, atol=1e-4)
    trunk = first["actor.trunk.0.weight"]
    torch.testing.assert_close(trunk @ trunk.T, torch.eye(8), rtol=0, atol=1e-5)
    assert not first["actor.policy.0.bias"].any()
