"""What the losses are, by hand, and what they move."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from baselines.bench.registry import ALGORITHMS, get_algorithm  # noqa: E402
from baselines.drq.noise import linear_schedule, noisy_action  # noqa: E402
from baselines.errors import InvalidSettingError, UnknownAlgorithmError  # noqa: E402
from tests.baselines.conftest import (  # noqa: E402
    MODEL_FREE,
    PHASES,
    A,
    B,
    inputs_of,
    parameters,
    random_batch,
    without_noise,
)

CRITICS = ["drq_bc", "cql"]


def _moved(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """Names of the networks in which some parameter changed."""
    return {name.partition(".")[0] for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize(("name", "number"), PHASES)
def test_metrics_are_those_announced(make_agent: Any, name: str, number: int) -> None:
    agent = make_agent(name)
    phase = agent.phases()[number]
    metrics = phase.update(*inputs_of(agent, number, 1)[0])
    assert set(metrics) == set(phase.metrics)
    assert all(value.shape == () and not value.requires_grad for value in metrics.values())


@pytest.mark.parametrize("name", CRITICS)
def test_targets_equal_the_critics_at_the_start_and_follow(make_agent: Any, name: str) -> None:
    agent = make_agent(name, tau=0.25)
    target, online = (dict(n.named_parameters()) for n in (agent.target_critic, agent.critic))
    assert all(torch.equal(target[key], online[key]) for key in target)
    assert not torch.equal(online["Q1.0.weight"], online["Q2.0.weight"])
    before = {key: value.detach().clone() for key, value in target.items()}
    agent.update(random_batch(), without_noise(agent))
    for key, value in target.items():
        expected = 0.75 * before[key] + 0.25 * online[key]
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-7)
        assert not torch.equal(value, before[key]), key


@pytest.mark.parametrize("name", CRITICS)
def test_the_policy_does_not_move_the_encoder(make_agent: Any, name: str) -> None:
    """Encoder and critics end up the same whatever the policy's optimizer does."""
    agents = [make_agent(name), make_agent(name)]
    agents[1].descents["actor"].adam.param_groups[0]["lr"] = 0.0
    for agent in agents:
        agent.update(random_batch(), agent.draw(0, torch.Generator().manual_seed(0)))
    first, second = (parameters(agent) for agent in agents)
    assert _moved(first, second) == {"actor"}


@pytest.mark.parametrize("name", CRITICS)
def test_critics_and_encoder_follow_the_critics_loss_alone(make_agent: Any, name: str) -> None:
    agent = make_agent(name)
    before = parameters(agent)
    agent.descents["actor"].adam.param_groups[0]["lr"] = 0.0
    agent.update(random_batch(), agent.draw(0, torch.Generator().manual_seed(0)))
    assert _moved(before, parameters(agent)) == {"encoder", "critic", "target_critic"}


def test_cloning_moves_encoder_and_policy(make_agent: Any) -> None:
    agent = make_agent("bc")
    before = parameters(agent)
    agent.update(random_batch(), without_noise(agent))
    assert _moved(before, parameters(agent)) == {"encoder", "actor"}


@pytest.mark.parametrize("name", CRITICS)
def test_the_policy_sees_new_critics_and_old_features(make_agent: Any, name: str) -> None:
    agent = make_agent(name, learning_rate=1e-2)
    batch, noise = random_batch(), without_noise(make_agent(name))
    with torch.no_grad():
        h = agent.encode(batch.observations, noise.shifts[0])
        action = agent.sample(h, noise.stddev, noise.policy)
        old = torch.minimum(*agent.critic(h, action)).mean()
    metrics = agent.update(batch, noise)
    with torch.no_grad():
        new = torch.minimum(*agent.critic(h, action)).mean()
    found = metrics["actor_q"] if name == "drq_bc" else -metrics["actor_loss"]
    torch.testing.assert_close(found, new)
    assert abs(float(new - old)) > 1e-3


def test_drq_bc_losses_by_hand(make_agent: Any) -> None:
    agent = make_agent("drq_bc", bc_weight=1.5)
    batch, noise = random_batch(), agent.draw(3, torch.Generator().manual_seed(1))
    noise = dataclasses.replace(noise, shifts=torch.full_like(noise.shifts, 4))
    clip = agent.settings.stddev_clip

    def encode(pixels: Any) -> Any:
        return agent.encoder(pixels)

    def act(h: Any, normal: Any) -> Any:
        return agent.actor(h) + (agent.stddev(3) * normal).clamp(-clip, clip)

    with torch.no_grad():
        h, h_next = encode(batch.observations), encode(batch.next_observations)
        q1, q2 = agent.target_critic(h_next, act(h_next, noise.target).clamp(-1, 1))
        y = batch.rewards + batch.discounts * torch.where(q1 < q2, q1, q2)
        p1, p2 = agent.critic(h, batch.actions)
        critic_loss = ((p1 - y) ** 2).mean() + ((p2 - y) ** 2).mean()
    metrics = agent.update(batch, noise)
    torch.testing.assert_close(metrics["critic_loss"], critic_loss)
    torch.testing.assert_close(metrics["critic_target_q"], y.mean())
    fresh = make_agent("drq_bc", bc_weight=1.5)  # the policy from before its step
    with torch.no_grad():
        action = (fresh.actor(h) + (agent.stddev(3) * noise.policy).clamp(-clip, clip)).clamp(-1, 1)
        q = torch.minimum(*agent.critic(h, action))
        bc_loss = sum(((action - batch.actions) ** 2).flatten()) / (B * A)
        scale = 1.5 / q.abs().mean()
    torch.testing.assert_close(metrics["actor_bc_loss"], bc_loss)
    torch.testing.assert_close(metrics["actor_loss"], bc_loss - scale * q.mean())


def test_values_are_not_bootstrapped_after_termination(make_agent: Any) -> None:
    agent = make_agent("drq_bc")
    batch = dataclasses.replace(random_batch(), discounts=torch.zeros(B))
    y = agent.target_values(batch, without_noise(agent))
    torch.testing.assert_close(y, batch.rewards)


def test_a_constant_value_costs_alpha_times_log_of_the_actions(make_agent: Any) -> None:
    """With ten actions of each kind, log 31 per critic."""
    agent = make_agent("cql", alpha=2.0, num_actions=10)
    for head in (agent.critic.Q1, agent.critic.Q2):
        torch.nn.init.zeros_(head[-1].weight)
        torch.nn.init.constant_(head[-1].bias, 0.7)
    metrics = agent.update(random_batch(), agent.draw(0, torch.Generator().manual_seed(0)))
    for name in ("q1", "q2"):
        found = float(metrics[f"cql_critic_{name}_loss"])
        assert found == pytest.approx(2.0 * math.log(31), rel=1e-5)


def test_one_trunk_for_many_actions_is_a_trunk_for_each(make_agent: Any) -> None:
    agent = make_agent("cql")
    generator = torch.Generator().manual_seed(0)
    h = torch.randn((B, agent.encoder.size), generator=generator)
    actions = torch.rand((B, 7, A), generator=generator)
    together = agent.critic(h, actions)
    for number in range(7):
        for many, one in zip(together, agent.critic(h, actions[:, number]), strict=True):
            torch.testing.assert_close(many[:, number], one)


def test_cql_samples_are_constants(make_agent: Any) -> None:
    """No gradient flows through the sampled actions, and each kind stands in its place."""
    agent = make_agent("cql", num_actions=3)
    batch, noise = random_batch(), agent.draw(0, torch.Generator().manual_seed(0))
    with torch.no_grad():
        h = agent.encode(batch.observations, noise.shifts[0])
        h_next = agent.encode(batch.next_observations, noise.shifts[1])
        sampled = agent.sampled_actions(h, h_next, batch.actions, noise)
        following = agent.sample(h_next, noise.stddev, noise.following[:, 1])
        current = agent.sample(h, noise.stddev, noise.current[:, 2])
    assert sampled.shape == (B, 10, A)
    assert torch.equal(sampled[:, :3], noise.uniform)
    assert torch.equal(sampled[:, 3], batch.actions)
    torch.testing.assert_close(sampled[:, 5], following)
    torch.testing.assert_close(sampled[:, 9], current)
    assert not torch.equal(noise.following, noise.current)
    assert noise.uniform.abs().max() <= 1


@pytest.mark.parametrize(("stddev", "floor"), [(1.0, 0.4091), (0.28, 0.3773), (0.1, 0.3433)])
def test_the_floor_of_cloning_noise(stddev: float, floor: float) -> None:
    """Uniform actions in [-1, 1] have variance 1/3; the clipped noise adds its own."""
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(400_000, generator=generator)
    actions = torch.rand(400_000, generator=generator) * 2 - 1
    noisy = noisy_action(torch.zeros(400_000), torch.tensor(stddev), normal, 0.3)
    assert float(((noisy - actions) ** 2).mean()) == pytest.approx(floor, abs=2e-3)


def test_noise_is_clipped_held_inside_and_let_through_by_gradients() -> None:
    mean = torch.tensor([0.0, 0.0, 0.9, -1.0, 0.5], requires_grad=True)
    normal = torch.tensor([5.0, -0.1, 5.0, -5.0, 0.0])
    action = noisy_action(mean, torch.tensor(0.5), normal, 0.3)
    edge = 1 - 1e-6
    torch.testing.assert_close(action, torch.tensor([0.3, -0.05, edge, -edge, 0.5]))
    assert action.abs().max() < 1
    (gradient,) = torch.autograd.grad(action.sum(), mean)
    assert torch.equal(gradient, torch.ones(5))


def test_the_schedule_counts_two_per_step(make_agent: Any) -> None:
    agent = make_agent("bc", stddev_duration=100.0)
    assert [agent.stddev(step) for step in (0, 25, 50, 1000)] == pytest.approx([1, 0.55, 0.1, 0.1])
    assert linear_schedule(1.0, 0.1, 500_000, 2 * 100_000) == pytest.approx(0.64)
    noise = agent.draw(25, torch.Generator().manual_seed(0))
    assert float(noise.stddev) == pytest.approx(0.55)


@pytest.mark.parametrize("name", MODEL_FREE)
def test_two_transitions_can_be_learned_by_heart(make_agent: Any, name: str) -> None:
    """Cloning gets to the actions; the others get at least their values right."""
    agent = make_agent(name, batch_size=2, learning_rate=3e-3, hidden_dim=64, **_gentle(name))
    batch = dataclasses.replace(random_batch(size=2), discounts=torch.zeros(2))
    noise = without_noise(agent)
    metrics = {}
    for _ in range(150):
        metrics = agent.update(batch, noise)
    with torch.no_grad():
        values = agent.act(batch.observations)
    if name != "cql":
        assert float((values - batch.actions).square().mean()) < 1e-3
    if name != "bc":
        h = agent.encode(batch.observations, noise.shifts[0])
        for q in agent.critic(h, batch.actions):
            torch.testing.assert_close(q, batch.rewards, rtol=0.0, atol=0.05)
    assert all(math.isfinite(float(value)) for value in metrics.values())


def _gentle(name: str) -> dict[str, Any]:
    return {"bc": {}, "drq_bc": {"bc_weight": 1e-3}, "cql": {"alpha": 0.0}}[name]


def test_unknown_algorithm() -> None:
    with pytest.raises(UnknownAlgorithmError, match="Did you mean 'cql'"):
        get_algorithm("cqll")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0),
        ("batch_size", 0),
        ("learning_rate", 0.0),
        ("learning_rate", math.nan),
        ("stddev_clip", -0.1),
        ("tau", 1.1),
        ("discount_factor", -0.1),
        ("n_step", 0),
        ("alpha", -1.0),
        ("num_actions", 0),
    ],
)
def test_bad_hyperparameters(name: str, value: Any) -> None:
    with pytest.raises(InvalidSettingError, match=f"{name}: expected"):
        ALGORITHMS["cql"].settings(**{"steps": 1, name: value})


def test_frames_that_are_too_small() -> None:
    from baselines.bench.algorithm import Spaces
    from baselines.drq.networks import Encoder

    assert Encoder(Spaces(3, 15, 1)).size == 32
    with pytest.raises(InvalidSettingError, match="at least 15 px"):
        Encoder(Spaces(3, 14, 1))
