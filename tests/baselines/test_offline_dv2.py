"""What Offline DV2's losses are, by hand, what they move, and which choices its presets make."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from baselines.algorithms.offline_dv2 import ALGORITHM, preset  # noqa: E402
from baselines.bench.metrics import read_metrics  # noqa: E402
from baselines.bench.policy import View  # noqa: E402
from baselines.bench.settings import Protocol  # noqa: E402
from baselines.dreamer.actors import distribution  # noqa: E402
from baselines.dreamer.batches import chunk_of  # noqa: E402
from baselines.errors import InvalidSettingError  # noqa: E402
from tests.baselines.conftest import inputs_of, moved_by, small_settings  # noqa: E402
from vd4rl_data.registry import get_dataset_spec  # noqa: E402

NAME = "offline_dv2"
MODEL = {"encoder", "model", "decoder", "reward"}


def test_chunks_know_what_led_to_every_frame() -> None:
    """Two windows of three transitions: one begins its episode, one does not."""
    frames = torch.tensor([[0, 1, 2, 3], [4, 5, 6, 7]])[..., None]
    actions = torch.tensor([[10.0, 11, 12], [14, 15, 16]])
    is_first = torch.tensor([[True, False, False, False], [False] * 4])
    chunk = chunk_of(frames, actions[..., None], actions * 10, is_first)
    assert chunk.frames[..., 0].tolist() == [[0, 1, 2], [5, 6, 7]]
    assert chunk.actions[..., 0].tolist() == [[0, 10, 11], [14, 15, 16]]
    assert chunk.rewards.tolist() == [[0, 100, 110], [140, 150, 160]]


def test_each_phase_moves_its_own(make_agent: Any) -> None:
    agent = make_agent(NAME)
    for number, expected in enumerate((MODEL, {"actor", "critic"})):
        update, (given,) = agent.phases()[number].update, inputs_of(agent, number, 1)
        assert moved_by(update, agent, given) == expected


def test_the_models_loss_by_hand(make_agent: Any) -> None:
    agent = make_agent(NAME)
    ((batch, noise),) = inputs_of(agent, 0, 1)
    with torch.no_grad():
        actions = batch.actions.clone()
        actions[:, 0] = 0
        embeddings = agent.encoder(batch.frames)
        states, q = agent.model.observe(embeddings, actions, noise.latents)
        p = agent.model.priors(states.h, noise.members)
        divergence = agent.latent.divergence(q, p).mean()
        pixels = batch.frames / 255 - 0.5
        error = (agent.decoder(states.features) - pixels).square().sum((-3, -2, -1))
        image = (0.5 * error + 0.5 * math.log(2 * math.pi) * 3 * 64 * 64).mean()
        missed = agent.reward(states.features)[..., 0] - batch.rewards
        reward = (0.5 * missed.square() + 0.5 * math.log(2 * math.pi)).mean()
    metrics = agent.phases()[0].update(batch, noise)
    torch.testing.assert_close(metrics["model_loss"], divergence + image + reward)
    torch.testing.assert_close(metrics["reward_loss"], reward)


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_the_agents_losses_by_hand(make_agent: Any, weight: float) -> None:
    """The penalty stands at the first state, too; the last state's is not used."""
    agent = make_agent(NAME, penalty_weight=weight, horizon=3, slow_every=1)
    with torch.no_grad():
        for each in agent.slow_critic.parameters():
            each.add_(0.1)  # not the critic itself
    ((batch, noise),) = inputs_of(agent, 1, 1)
    with torch.no_grad():
        actions = batch.actions.clone()
        actions[:, 0] = 0
        states, _ = agent.model.observe(batch.frames, actions, noise.posteriors)
        future = agent.imagine(states.flat(), noise)
        h = future.features[..., agent.latent.size :]
        u = agent.penalize(agent.model.prior(h[:-1]))
        torch.testing.assert_close(future.penalties, u)
        r = agent.reward(future.features)[..., 0][:-1] - weight * u
        v = agent.slow_critic(future.features)[..., 0]
        returns, last = [], v[3]
        for t in (2, 1, 0):
            last = r[t] + 0.99 * (0.05 * v[t + 1] + 0.95 * last)
            returns.insert(0, last)
        entropy = agent.actor(future.features).entropy()
        actor = sum(-(0.99**t) * (returns[t + 1] + 1e-4 * entropy[t]) for t in (0, 1)) / 2
        value = agent.critic(future.features)[..., 0]
        half_log = 0.5 * math.log(2 * math.pi)
        critic = (
            sum(0.99**t * (0.5 * (value[t] - returns[t]) ** 2 + half_log) for t in range(3)) / 3
        )
    metrics = agent.phases()[1].update(batch, noise)
    torch.testing.assert_close(metrics["actor_loss"], actor.mean())
    torch.testing.assert_close(metrics["critic_loss"], critic.mean())


def test_gradients_reach_actions_through_the_penalty_alone(make_agent: Any) -> None:
    """With reward and values silenced, the policy still moves away from what is uncertain."""
    agent = make_agent(NAME, horizon=3, entropy_weight=0.0, penalty_weight=1.0)
    for network in (agent.reward, agent.slow_critic):
        torch.nn.init.zeros_(network[-1].weight)
    ((batch, noise),) = inputs_of(agent, 1, 1)
    states, _ = agent.model.observe(batch.frames, batch.actions, noise.posteriors)
    future = agent.imagine(states.flat(), noise)
    returns = agent.returns(future, agent.reward(future.features[:-1])[..., 0])
    loss, _ = agent.actor_loss(future, returns, agent.weights(3))
    gradients = torch.autograd.grad(loss, list(agent.actor.parameters()))
    assert any(gradient.any() for gradient in gradients)


def test_the_slow_critic_is_a_copy_now_and_then(make_agent: Any) -> None:
    agent = make_agent(NAME)
    ((interval, chore),) = agent.phases()[1].every
    assert interval == 2
    for given in inputs_of(agent, 1, 2):
        agent.phases()[1].update(*given)
    pairs = list(zip(agent.slow_critic.parameters(), agent.critic.parameters(), strict=True))
    assert not all(torch.equal(slow, fast) for slow, fast in pairs)
    chore(2)
    assert all(torch.equal(slow, fast) for slow, fast in pairs)


def test_embeddings_are_those_of_the_frames(make_agent: Any) -> None:
    """Both phases draw the same chunks from the same generator; one sees them encoded."""
    agent = make_agent(NAME)
    for (seen, _), (embedded, _) in zip(
        inputs_of(agent, 0, 3), inputs_of(agent, 1, 3), strict=True
    ):
        expected = agent.encode(seen.frames.flatten(0, 1)).unflatten(0, seen.frames.shape[:2])
        torch.testing.assert_close(embedded.frames, expected, rtol=1e-5, atol=1e-6)
        assert torch.equal(seen.actions, embedded.actions)
        assert torch.equal(seen.rewards, embedded.rewards)


def test_eight_frames_can_be_learned_by_heart(make_agent: Any) -> None:
    agent = make_agent(NAME, depth=4, model_learning_rate=3e-3, units=16)
    update, ((batch, noise),) = agent.phases()[0].update, inputs_of(agent, 0, 1)
    rows = torch.linspace(0, 255, 64).to(torch.uint8)
    shades = torch.arange(6).reshape(2, 3, 1, 1, 1) * 40
    frames = (rows[:, None] // 2 + shades).expand(2, 3, 3, 64, 64).to(torch.uint8)
    batch = dataclasses.replace(batch, frames=frames.contiguous())
    losses = [update(batch, noise) for _ in range(80)]
    constant = 0.5 * math.log(2 * math.pi)
    first, last = (float(losses[n]["image_loss"]) - constant * 3 * 64 * 64 for n in (0, -1))
    assert last < 0.2 * first
    assert float(losses[-1]["reward_loss"]) - constant < 0.01


def test_policies_actions_do_not_depend_on_other_lanes(make_agent: Any) -> None:
    """Nor on what came before an episode; drawn latents are not the mode."""
    agent = make_agent(NAME, variables=4, classes=8)
    frames = torch.randint(0, 256, (3, 2, 3, 64, 64), dtype=torch.uint8)

    def act(policy: Any, step: int, lanes: slice, first: bool) -> Any:
        shown = frames[step, lanes]
        return policy(View(shown, torch.full((len(shown),), first)))

    both, one = agent.policy(), agent.policy()
    for step in range(3):
        actions = act(both, step, slice(0, 2), step == 0)
    alone = [act(one, step, slice(1, 2), step == 0) for step in range(3)]
    torch.testing.assert_close(actions[1:], alone[-1])
    again = [act(one, step, slice(1, 2), step == 0) for step in range(3)]
    assert all(torch.equal(*pair) for pair in zip(alone, again, strict=True))
    mode = make_agent(NAME, variables=4, classes=8, drawn_latents=False).policy()
    taken = [act(mode, step, slice(1, 2), step == 0) for step in range(3)]
    assert not torch.equal(taken[-1], alone[-1])


def test_actions_are_inside_and_their_gradient_is_that_of_the_quantile() -> None:
    raw = torch.tensor([[0.3, -3.0], [-0.5, 1.0]], dtype=torch.float64).requires_grad_()
    uniform = torch.rand((20_000, 2), generator=torch.Generator().manual_seed(0)).double()
    found = distribution(raw[0], raw[1])
    actions = found.draw(uniform)
    assert float(actions.detach().abs().max()) < 1
    log_probs = distribution(raw[0].detach(), raw[1].detach()).log_prob(actions.detach())
    torch.testing.assert_close(-log_probs.mean(), found.entropy().detach(), rtol=0, atol=0.02)
    fixed = uniform[:50]
    step = 1e-6
    (gradient,) = torch.autograd.grad(found.draw(fixed).sum(), raw)
    for row, column in np.ndindex(2, 2):
        moved = raw.detach().clone()
        moved[row, column] += step
        after = distribution(moved[0], moved[1]).draw(fixed).sum()
        slope = (after - found.draw(fixed).sum().detach()) / step
        assert float(slope) == pytest.approx(float(gradient[row, column]), rel=1e-3)


@pytest.mark.parametrize(
    ("dataset", "weight"),
    [
        ("walker_walk-random", 3.0),
        ("cheetah_run-random", 3.0),
        ("walker_walk-medium_replay", 8.0),
        ("cheetah_run-medium_replay", 10.0),
        ("humanoid_walk-random", 10.0),
    ],
)
def test_presets_are_the_papers_and_the_codes(dataset: str, weight: float) -> None:
    spec = get_dataset_spec(f"VD4RL/{dataset}-64px-v0")
    paper, code = preset("paper", spec), preset("official_code", spec)
    assert paper.penalty_weight == weight
    assert code.penalty_weight == 5.0
    assert (code.steps, code.model_steps) == (225_100, 25_100)
    if spec.num_transitions == 100_000:
        assert (paper.steps, paper.model_steps) == (100_000, 25_000)
    assert paper.penalty == code.penalty == "mean_disagreement"  # not equation 1 as printed
    assert paper.drawn_latents
    common = dataclasses.replace(
        code, steps=paper.steps, model_steps=paper.model_steps, penalty_weight=weight
    )
    assert common == paper


ONCE = Protocol(evaluation_episodes=1, log_every=3)
CHANGES: dict[str, Any] = {
    "model_steps": 5,
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
    "slow_every": 1,
    "penalty": "squared_disagreement",
    "penalty_weight": 1.0,
}


@pytest.mark.filterwarnings("ignore::vd4rl_data.errors.SlowPrecisionWarning")
def test_every_hyperparameter_is_read(run: Any) -> None:
    """Each changes some metric of a short run; how policies act is tested above."""
    short = {"steps": 8}

    def metrics(name: str, **changes: Any) -> Any:
        folder = run(name, algorithm=NAME, hyper={**short, **changes}, protocol=ONCE)
        return [{k: v for k, v in line.items() if k != "seconds"} for line in read_metrics(folder)]

    base = metrics("base")
    for name, value in CHANGES.items():
        assert metrics(name, **{name: value}) != base, name
    fields = {field.name for field in dataclasses.fields(small_settings(NAME))}
    assert fields == {*CHANGES, "steps", "frame_stack", "drawn_latents"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("kl_balance", 1.1), ("free_nats", -1.0), ("members", 0), ("clip", 0.0)],
)
def test_bad_hyperparameters(name: str, value: Any) -> None:
    with pytest.raises(InvalidSettingError, match=f"{name}: expected"):
        ALGORITHM.settings(**{"steps": 2, "model_steps": 1, name: value})


def test_stacked_frames_are_refused(run: Any) -> None:
    with pytest.raises(InvalidSettingError, match=r"frame_stack: expected 1.*got 2"):
        run("a", algorithm=NAME, hyper={"frame_stack": 2})


def test_episodes_that_are_too_short_are_told(run: Any) -> None:
    with pytest.raises(ValueError, match="length"):
        run("a", algorithm=NAME, hyper={"length": 7})
