"""Two updates of each algorithm against numbers that the published code produced."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from baselines.bench.algorithm import Spaces  # noqa: E402
from baselines.bench.registry import ALGORITHMS  # noqa: E402
from baselines.drq.networks import Actor, Critic, Encoder  # noqa: E402
from vd4rl_data.pytorch import TensorTransitions  # noqa: E402

GOLDEN = json.loads((Path(__file__).parent / "golden" / "modelfree.json").read_text())
NAMES = {"bc": "bc", "drq_bc": "drqbc", "cql": "cql"}
B, A, N = 4, 2, 3
SPACES = Spaces(channels=9, size=84, action_size=A)
SETTINGS: dict[str, Any] = {
    "steps": 2,
    "batch_size": B,
    "feature_dim": 8,
    "hidden_dim": 16,
    "learning_rate": 1e-3,
    "stddev_clip": 0.0,
}
OWN: dict[str, dict[str, Any]] = {
    "bc": {},
    "drq_bc": {"bc_weight": 2.5, "tau": 0.01},
    "cql": {"alpha": 2.0, "num_actions": N, "tau": 0.01},
}
UNLOGGED = {"actor_logprob", "actor_ent"}
"""Functions of the noise alone; with the noise switched off they are constants."""


def _fill(network: Any, first: int) -> None:
    for number, (name, parameter) in enumerate(network.named_parameters()):
        index = torch.arange(parameter.numel(), dtype=torch.float64)
        values = torch.sin(1 + 0.7 * index + 0.31 * (number + first))
        if parameter.ndim > 1:
            values = 1.5 * values / math.sqrt(parameter[0].numel())
        elif name == "trunk.1.weight":
            values = 1 + 0.1 * values
        else:
            values = 0.1 * values
        parameter.data.copy_(values.reshape(parameter.shape))


def _agent(name: str) -> Any:
    algorithm = ALGORITHMS[name]
    settings = algorithm.settings(**SETTINGS, **OWN[name])
    agent: Any = algorithm.agent(settings, SPACES, torch.device("cpu"), torch.Generator())
    for number, part in enumerate(("encoder", "actor", "critic")):
        if part in agent.networks:
            _fill(agent.networks[part], 100 * number)
    if name != "bc":
        agent.target_critic.load_state_dict(agent.critic.state_dict())
    return agent


def _batch() -> TensorTransitions:
    index = torch.arange(B * 9 * 84 * 84)

    def pixels(offset: int) -> Any:
        values = (31 * index + 17 * (index // 84) + 5 * (index // 7056) + offset) % 256
        return values.to(torch.uint8).reshape(B, 9, 84, 84)

    return TensorTransitions(
        observations=pixels(0),
        actions=(0.8 * torch.sin(0.9 * torch.arange(B * A) + 0.2)).reshape(B, A),
        rewards=torch.sin(0.9 * torch.arange(B) + 0.5),
        next_observations=pixels(77),
        discounts=torch.full((B,), 0.99**3),
        terminated=torch.zeros(B, dtype=torch.bool),
        truncated=torch.zeros(B, dtype=torch.bool),
    )


def _noise(agent: Any, name: str) -> Any:
    noise = agent.draw(0, torch.Generator().manual_seed(0))
    changes: dict[str, Any] = {"shifts": torch.full_like(noise.shifts, 4)}
    if name == "cql":
        random = torch.sin(1.7 * torch.arange(B * N * A) + 0.4)
        changes["uniform"] = random.reshape(B, N, A)
    return dataclasses.replace(noise, **changes)


@pytest.mark.parametrize("name", NAMES)
def test_two_updates_are_those_of_the_published_code(name: str) -> None:
    golden = GOLDEN[NAMES[name]]
    agent, batch = _agent(name), _batch()
    noise = _noise(agent, name)
    for number, expected in enumerate(golden["metrics_per_update"]):
        metrics = agent.update(batch, noise)
        if name == "drq_bc":  # what the published code logs as the loss is the mean value, negated
            metrics["actor_loss"] = -metrics.pop("actor_q")
        assert set(metrics) == set(expected) - UNLOGGED
        for key, value in metrics.items():
            assert float(value) == pytest.approx(
                expected[key], rel=(1e-5, 1e-3)[number], abs=(1e-6, 1e-4)[number]
            ), (number, key)
    names = {**{name: name for name in agent.networks}, "target_critic": "critic_target"}
    for part, network in agent.networks.items():
        expected = golden["params_after"][names[part]]
        found = dict(network.named_parameters())
        assert set(found) == set(expected)
        for key, parameter in found.items():
            values = parameter.detach().double().flatten()
            first = values[:3].tolist()
            assert first == pytest.approx(expected[key]["first"], abs=1e-5), (part, key)
            sumsq = float(values.square().sum())
            assert sumsq == pytest.approx(expected[key]["sumsq"], rel=1e-5), (part, key)
            tolerance = 2e-5 * math.sqrt(len(values)) + 2e-7 * len(values)
            total = float(values.sum())
            assert total == pytest.approx(expected[key]["sum"], abs=tolerance), (part, key)


@pytest.mark.parametrize("name", NAMES)
def test_networks_are_those_of_the_paper(name: str) -> None:
    """Parameter counts at the published sizes, with six action dimensions."""
    spaces = Spaces(channels=9, size=84, action_size=6)
    settings = ALGORITHMS[name].settings(steps=1)
    with torch.device("meta"):
        encoder = Encoder(spaces)
        sizes = 6, settings.feature_dim, settings.hidden_dim
        actor, critic = Actor(encoder.size, *sizes), Critic(encoder.size, *sizes)
    counts = [sum(p.numel() for p in net.parameters()) for net in (encoder, actor, critic)]
    assert encoder.size == 39_200
    assert counts[0] == 30_368
    assert counts[1] == pytest.approx(3.07e6, rel=2e-3)
    assert counts[2] == pytest.approx(4.18e6, rel=2e-3)
