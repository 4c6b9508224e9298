"""What MOTO's losses are, by hand, what they move, and which choices it makes."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from baselines.bench.registry import ALGORITHMS  # noqa: E402
from baselines.dreamer.expansion import expanded_values, snippet_advantages  # noqa: E402
from baselines.dreamer.moto_settings import caveat, preset  # noqa: E402
from baselines.dreamer.penalties import logit_deviation  # noqa: E402
from baselines.errors import InvalidSettingError  # noqa: E402
from tests.baselines.conftest import inputs_of, moved_by, parameters, small_settings  # noqa: E402
from vd4rl_data.registry import get_dataset_spec  # noqa: E402

NAME = "moto"
WORLD = {"encoder", "model", "decoder", "reward"}
LEARNERS = {"actor", "critics"}


def test_equation_5_by_its_definition() -> None:
    torch.manual_seed(0)
    gamma, lambda_, horizon = 0.9, 0.7, 4
    r, v = torch.rand(horizon, 3), torch.rand(horizon + 1, 3)  # r[k - 1] is r̂^k
    mixed, final = expanded_values(r, v, gamma, lambda_)
    for t in range(horizon):

        def value(k: int, t: int = t) -> Any:
            gained = sum(gamma ** (j - 1) * r[t + j - 1] for j in range(1, k + 1))
            return gained + gamma**k * v[t + k]

        last = horizon - t
        expected = lambda_ ** (last - 1) * value(last)
        for k in range(1, last):
            expected = expected + (1 - lambda_) * lambda_ ** (k - 1) * value(k)
        torch.testing.assert_close(mixed[t], expected)
        torch.testing.assert_close(final[t], lambda_ * expected + (1 - lambda_) * v[t])


@pytest.mark.parametrize("horizon", [1, 3, 9])
def test_advantages_of_snippets_by_their_definition(horizon: int) -> None:
    """Snippets end with the chunk, at the latest."""
    torch.manual_seed(0)
    rewards, values, gamma, length = torch.rand(2, 6), torch.rand(2, 6), 0.8, 6
    found = snippet_advantages(rewards, values, gamma, horizon)
    for t in range(length - 1):
        h = min(horizon, length - 1 - t)
        brought = sum(gamma ** (j - 1) * rewards[:, t + j] for j in range(1, h + 1))
        expected = brought + gamma**h * values[:, t + h] - values[:, t]
        torch.testing.assert_close(found[:, t], expected)


def test_the_penalty_is_the_mean_deviation_of_logits() -> None:
    torch.manual_seed(0)
    logits = torch.randn(5, 3, 12)
    expected = (logits - logits.mean(0)).square().mean(0).sqrt().mean(-1)
    torch.testing.assert_close(logit_deviation(logits), expected)
    torch.testing.assert_close(logit_deviation(logits.flip(0)), expected)
    same = logits[:1].expand(5, -1, -1).clone().requires_grad_()
    (gradient,) = torch.autograd.grad(logit_deviation(same).sum(), same)
    assert not gradient.any()  # zero, and not none


@pytest.mark.parametrize("number", [0, 1])
def test_both_phases_move_everything_but_the_targets(make_agent: Any, number: int) -> None:
    agent = make_agent(NAME)
    update, (given,) = agent.phases()[number].update, inputs_of(agent, number, 1)
    assert moved_by(update, agent, given) == WORLD | LEARNERS
    ((interval, chore),) = agent.phases()[number].every
    assert interval == 2
    chore(2)
    pairs = zip(agent.slow_critics.parameters(), agent.critics.parameters(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)


@pytest.mark.parametrize("changes", [{}, {"penalty_weight": 0.0, "cloning_weight": 0.0}])
def test_the_losses_by_hand(make_agent: Any, changes: dict[str, float]) -> None:
    """Rewards of imagined states are penalized on arrival, the data's are not; the model steps
    first, actor and critics from the networks as they were.
    """
    settings = {"penalty_weight": 3.0, "cloning_weight": 2.0, **changes}
    agent, twin = (make_agent(NAME, cloning_filter="all", horizon=3, **settings) for _ in range(2))
    ((batch, noise),) = inputs_of(agent, 0, 1)
    for each in (agent, twin):
        with torch.no_grad():
            for weight in each.slow_critics.parameters():
                weight.add_(0.05)  # not the critics themselves
    metrics = agent.update(batch, noise)
    with torch.no_grad():
        actions = batch.actions.clone()
        actions[:, 0] = 0
        embeddings = twin.encoder(batch.frames)
        states, _ = twin.model.observe(embeddings, actions, noise.posteriors)
    twin.networks["model"].load_state_dict(agent.networks["model"].state_dict())
    twin.networks["reward"].load_state_dict(agent.networks["reward"].state_dict())
    with torch.no_grad():
        future = twin.imagine(states.flat(), noise)

        def q(critics: Any, features: Any, actions: Any) -> Any:
            return [critic(torch.cat((features, actions), -1))[..., 0] for critic in critics]

        h = future.features[..., twin.latent.size :]
        logits = twin.model.prior(h[1:])  # of what follows upon each state
        u = logits.std(0, correction=0).mean(-1)
        r = twin.reward(future.features[1:])[..., 0] - settings["penalty_weight"] * u
        values = {}
        for name in ("critics", "slow_critics"):
            v = torch.minimum(*q(getattr(twin, name), future.features, future.actions))
            values[name] = expanded_values(r, v, 0.99, 0.95)
        entropy = twin.actor(future.features[:-1]).entropy().mean()
        likely = twin.actor(states.features[:, :-1]).log_prob(batch.actions[:, 1:]).mean()
        actor_loss = -values["critics"][1].mean() - settings["cloning_weight"] * likely
        actor_loss -= 1e-4 * entropy
        slow, final = values["slow_critics"]
        y = batch.rewards[:, 1:] + 0.99 * final[0].reshape(2, 3)[:, 1:]
        imagined = q(twin.critics, future.features[:-1], future.actions[:-1])
        real = q(twin.critics, states.features[:, :-1], batch.actions[:, 1:])
        data_loss = sum((value - y).square().mean() for value in real)
        critic_loss = sum((value - slow).square().mean() for value in imagined) + data_loss
    torch.testing.assert_close(metrics["actor_loss"], actor_loss)
    torch.testing.assert_close(metrics["data_loss"], data_loss)
    torch.testing.assert_close(metrics["critic_loss"], critic_loss)
    cloned, penalty = float(metrics["cloned"]), float(metrics["penalty"])
    assert (cloned, penalty > 0) == ((0.0, False) if changes else (1.0, True))


def test_gradients_reach_actions_through_model_values_and_penalty(make_agent: Any) -> None:
    """Each alone, with the other two silenced."""
    for kept in ("reward", "critics", "penalty"):
        weight = 1.0 if kept == "penalty" else 0.0
        agent = make_agent(NAME, penalty_weight=weight, horizon=3)
        ((batch, noise),) = inputs_of(agent, 0, 1)
        states, _ = agent.observe(batch, noise.posteriors)
        for name, heads in (("reward", [agent.reward]), ("critics", agent.critics)):
            for head in heads if name != kept else ():
                torch.nn.init.zeros_(head[-1].weight)
        future = agent.imagine(states.flat(), noise)
        rewards = agent.reward(future.features[1:])[..., 0] - weight * future.penalties
        loss = agent.value_loss(future, rewards)
        gradients = torch.autograd.grad(loss, list(agent.actor.parameters()))
        assert any(gradient.any() for gradient in gradients), kept


def test_what_is_cloned(make_agent: Any) -> None:
    """Episodes that reach the goal; or snippets with an advantage; or everything."""
    goal = make_agent(NAME, cloning_filter="goal", goal_reward=0.9)
    batch = inputs_of(goal, 0, 1)[0][0]
    assert batch.reached is not None
    chosen = dataclasses.replace(batch, reached=torch.tensor([1.0, 0.0]))
    values = torch.zeros(batch.rewards.shape)
    assert goal.filtered(chosen, values).tolist() == [[1.0, 1.0], [0.0, 0.0]]
    other = make_agent(NAME, cloning_filter="advantage")
    plain = inputs_of(other, 0, 1)[0][0]
    assert plain.reached is None
    values = torch.full(plain.rewards.shape, 0.5)
    found = snippet_advantages(plain.rewards, values, 0.99, 2)
    assert torch.equal(other.filtered(plain, values), (found > 0).float())
    everything = make_agent(NAME, cloning_filter="all")
    assert bool(everything.filtered(plain, values).all())
    without = make_agent(NAME, cloning_filter="goal", cloning_weight=0.0)
    assert inputs_of(without, 0, 1)[0][0].reached is None


def test_presets_are_the_papers() -> None:
    kitchen, partial, metaworld, dense = (
        get_dataset_spec(name)
        for name in (
            "Kitchen/microwave_kettle_light_slide-demos-64px-v0",
            "Kitchen/microwave_kettle_bottom_burner_light-demos-64px-v0",
            "MetaWorld/assembly-scripted-64px-v0",
            "VD4RL/walker_walk-medium-64px-v0",
        )
    )
    paper = preset("paper", kitchen)
    assert (paper.steps - paper.offline_steps, paper.offline_steps) == (66_300, 10_000)
    assert (paper.updates_per_episode, paper.batch_size, paper.length) == (50, 16, 50)
    assert (paper.model_learning_rate, paper.agent_learning_rate) == (1e-4, 8e-5)
    assert (paper.penalty_weight, paper.cloning_weight, paper.members) == (10.0, 10.0, 7)
    assert (paper.horizon, paper.discount_factor, paper.trace_decay) == (15, 0.99, 0.95)
    assert (paper.slow_every, paper.entropy_weight, paper.depth) == (100, 1e-4, 48)
    assert (paper.cloning_filter, paper.goal_reward, paper.keep_data) == ("goal", 4.0, True)
    assert preset("paper", partial).goal_reward == 3.0
    small = preset("paper", metaworld)
    assert (small.steps, small.offline_steps, small.updates_per_episode) == (21_000, 1_000, 20)
    assert (small.cloning_filter, small.goal_reward) == ("goal", 1.0)
    assert preset("paper", dense).cloning_filter == "advantage"
    assert preset("smoke", dense).steps <= 100
    with pytest.raises(InvalidSettingError, match=r"official_code.*never published"):
        preset("official_code", kitchen)


def test_what_learned_online_alone_is_not_ranked() -> None:
    settings = small_settings(NAME)
    assert caveat(settings) is None
    alone = dataclasses.replace(settings, offline_steps=0, keep_data=False)
    assert "online alone" in (caveat(alone) or "")


def test_numbers_of_parameters() -> None:
    """Full-size networks for six action dimensions, on no device."""
    from baselines.bench.algorithm import Spaces

    with torch.device("meta"):
        settings = preset("paper", get_dataset_spec("VD4RL/walker_walk-medium-64px-v0"))
        agent: Any = ALGORITHMS[NAME].agent(
            settings, Spaces(3, 64, 6), torch.device("meta"), torch.Generator()
        )
    counts = {name: sum(p.numel() for p in n.parameters()) for name, n in agent.networks.items()}
    critic = (1224 + 6) * 400 + 400 + 3 * (400 * 400 + 400) + 400 + 1
    assert counts == {
        "encoder": 1_551_312,
        "model": 2_723_392,
        "decoder": 9_886_611,
        "reward": 971_601,
        "actor": 976_012,
        "critics": 2 * critic,
        "slow_critics": 2 * critic,
    }


CHANGES: dict[str, Any] = {
    "batch_size": 3,
    "length": 2,
    "model_learning_rate": 1e-2,
    "agent_learning_rate": 1e-2,
    "depth": 3,
    "recurrent": 6,
    "hidden": 7,
    "variables": 3,
    "classes": 2,
    "members": 3,
    "layers": 2,
    "units": 8,
    "kl_balance": 0.1,
    "free_nats": 1.0,
    "epsilon": 1e-2,
    "clip": 1e-3,
    "weight_decay": 0.1,
    "precision": "bfloat16",
    "horizon": 3,
    "discount_factor": 0.5,
    "trace_decay": 0.5,
    "entropy_weight": 1.0,
    "penalty_weight": 1.0,
    "cloning_weight": 1.0,
    "cloning_filter": "advantage",
    "goal_reward": 2.0,
}
ELSEWHERE = {"offline_steps", "updates_per_episode", "keep_data", "slow_every", "drawn_latents"}
"""What is tested above, in ``test_fine_tuning.py``, and of every world model."""


def test_every_hyperparameter_is_read(make_agent: Any) -> None:
    """Each changes some metric of two updates, or some weight."""
    base = {"cloning_filter": "goal", "goal_reward": 1e-6}  # which every episode reaches

    def outcome(**changes: Any) -> list[float]:
        agent = make_agent(NAME, **{**base, **changes})
        *_, metrics = [agent.update(*given) for given in inputs_of(agent, 0, 2)]
        sums = [float(weight.double().sum()) for weight in parameters(agent).values()]
        return [float(value) for value in metrics.values()] + sums

    plain = outcome()
    for name, value in CHANGES.items():
        found = outcome(**{name: value})
        assert found != plain, name
        assert all(map(math.isfinite, found)), name
    fields = {field.name for field in dataclasses.fields(small_settings(NAME))}
    assert fields == {*CHANGES, *ELSEWHERE, "steps", "frame_stack"}
