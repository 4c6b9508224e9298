"""What LOMPO's and COMBO's losses are, what their replay holds, and which choices they make."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from baselines.algorithms.lompo import seen_states  # noqa: E402
from baselines.bench.algorithm import Spaces  # noqa: E402
from baselines.bench.metrics import read_metrics  # noqa: E402
from baselines.bench.phases import PhaseContext  # noqa: E402
from baselines.bench.policy import View  # noqa: E402
from baselines.bench.registry import ALGORITHMS  # noqa: E402
from baselines.bench.settings import Protocol  # noqa: E402
from baselines.dreamer.lompo_settings import combo_preset, preset  # noqa: E402
from baselines.errors import InvalidSettingError  # noqa: E402
from tests.baselines.conftest import (  # noqa: E402
    STATE,
    inputs_of,
    moved_by,
    noise_columns,
    small_settings,
)
from vd4rl_data.registry import get_dataset_spec  # noqa: E402


def replay_of(agent: Any, state: Any = None) -> Any:
    context = PhaseContext(
        dataset=noise_columns(64, 0),
        generator=np.random.default_rng(0),
        device=agent.device,
        state=state,
    )
    return agent.phases()[1].batches(context)


@pytest.mark.parametrize("name", ["lompo", "combo"])
def test_each_phase_moves_its_own(make_agent: Any, name: str) -> None:
    agent = make_agent(name)
    model, learners = {"encoder", "model", "decoder", "reward"}, {"actor", "critics"}
    for number, expected in enumerate((model, {*learners, "slow_critics"})):
        update, (given,) = agent.phases()[number].update, inputs_of(agent, number, 1)
        assert moved_by(update, agent, given) == expected


def test_the_models_loss_has_no_balance_and_sees_the_action_before(make_agent: Any) -> None:
    agent = make_agent("lompo")
    ((batch, noise),) = inputs_of(agent, 0, 1)
    assert batch.actions[:, 0].any()
    with torch.no_grad():
        embeddings = agent.encoder(batch.frames)
        states, q = agent.model.observe(embeddings, batch.actions, noise.latents)
        p = agent.model.priors(states.h, noise.members)
        divergence = agent.latent.divergence(q, p).mean()
    metrics = agent.phases()[0].update(batch, noise)
    torch.testing.assert_close(metrics["divergence"], divergence)
    parts = (metrics[each] for each in ("divergence", "image_loss", "reward_loss"))
    torch.testing.assert_close(metrics["model_loss"], sum(parts))


@pytest.mark.parametrize("alpha", [0.0, 2.5])
def test_the_agents_losses_by_hand(make_agent: Any, alpha: float) -> None:
    agent = make_agent("combo", alpha=alpha)
    ((batch, noise),) = inputs_of(agent, 1, 1)
    assert (noise.uniform is None) == (alpha == 0.0)
    with torch.no_grad():

        def q(critics: Any, features: Any, actions: Any) -> Any:
            return [critic(torch.cat((features, actions), -1))[..., 0] for critic in critics]

        following = torch.tanh(agent.actor(batch.next_features))
        y = batch.rewards + 0.99 * torch.minimum(
            *q(agent.slow_critics, batch.next_features, following)
        )
        own = torch.tanh(agent.actor(batch.features))
        critic_loss = torch.zeros(())
        for number, value in enumerate(q(agent.critics, batch.features, batch.actions)):
            critic_loss += ((value - y) ** 2).mean()
            if alpha:
                tried = [noise.uniform[:, 0], noise.uniform[:, 1], own]
                at = [q(agent.critics, batch.features, each)[number] for each in tried]
                gap = torch.stack(at).logsumexp(0).mean() - value[:3].mean()  # the data's half
                critic_loss += alpha * gap
        actor_loss = -torch.minimum(*q(agent.critics, batch.features, own)).mean()
    metrics = agent.phases()[1].update(batch, noise)
    torch.testing.assert_close(metrics["critic_loss"], critic_loss)
    torch.testing.assert_close(metrics["actor_loss"], actor_loss)  # critics of before the step


def test_targets_begin_as_copies_or_as_networks_of_their_own(make_agent: Any) -> None:
    for synchronized in (True, False):
        agent = make_agent("lompo", synchronized=synchronized)
        pairs = zip(agent.critics.parameters(), agent.slow_critics.parameters(), strict=True)
        same = [torch.equal(*pair) for pair in pairs if pair[0].ndim > 1]
        assert all(same) if synchronized else not any(same)


@pytest.mark.parametrize("penalty", ["deviation", "variance"])
def test_imagined_rewards_are_penalized(make_agent: Any, penalty: Any) -> None:
    """By the members' log-probabilities of what was drawn; the data's rewards are not."""
    agents = [make_agent("lompo", penalty=penalty, penalty_weight=each) for each in (0.0, 2.0)]
    chunk = next(replay_of(agents[0])._chunks)
    plain, cautious = (agent.imagine(chunk, torch.Generator().manual_seed(0)) for agent in agents)
    assert torch.equal(plain.next_features, cautious.next_features)
    z, h = plain.next_features.split((4, 5), -1)
    model = agents[0].model
    log_probs = agents[0].latent.log_prob(model.prior(h), z)
    spread = log_probs.std(0, correction=0) ** (1 if penalty == "deviation" else 2)
    torch.testing.assert_close(plain.rewards - cautious.rewards, 2.0 * spread)
    torch.testing.assert_close(plain.rewards, agents[0].reward(plain.next_features)[..., 0])
    assert len(plain.rewards) == 2 * 3 * 2  # sequences, rows, horizon
    assert plain.actions.abs().max() <= 1


def test_a_replay_holds_the_data_and_a_ring(make_agent: Any) -> None:
    agent = make_agent("lompo")
    replay, columns = replay_of(agent), noise_columns(64, 0)
    real, ring = replay._real, replay._ring
    rows = np.array([*range(7), *range(8, 15)])  # transitions of two episodes of eight frames
    assert np.array_equal(real.actions, columns.actions[rows])
    assert np.array_equal(real.rewards, columns.rewards[rows])
    assert torch.equal(real.next_features[:6], real.features[1:7])
    assert len(ring.rewards) == 14
    assert replay._filled == 14  # as many as the data have, though more were asked for
    batch, before = next(replay), (real.features.clone(), ring.rewards.clone())
    assert len(batch.rewards) == 6
    assert all(bool((each == real.rewards).any()) for each in batch.rewards[:3])
    assert all(bool((each == ring.rewards).any()) for each in batch.rewards[3:])
    agent.refresh(2)
    assert not torch.equal(real.features[:7], before[0][:7])  # drawn anew
    assert torch.equal(real.features[7:], before[0][7:])
    assert int((ring.rewards != before[1]).sum()) == 12


def test_a_replay_goes_on_from_its_state(make_agent: Any) -> None:
    agent = make_agent("lompo")
    first = replay_of(agent)
    next(first)
    state = {**first.state()}
    state["real"] = {name: each.clone() for name, each in state["real"].items()}
    state["ring"] = {name: each.clone() for name, each in state["ring"].items()}
    state["chunks"] = dict(state["chunks"])
    expected = [_drawn(first) for _ in range(3)]
    second = replay_of(agent, state)
    assert all(
        torch.equal(*pair)
        for pair in zip(expected, [_drawn(second) for _ in range(3)], strict=True)
    )


def _drawn(replay: Any) -> Any:
    replay.refresh()
    return next(replay).features


FELT = {"proprioception": 2}  # of three numbers


def test_proprioception_is_seen_and_predicted(make_agent: Any) -> None:
    """By the posterior as it is, and by a head of its own, summed over its numbers."""
    agent = make_agent("lompo", **FELT)
    ((batch, noise),) = inputs_of(agent, 0, 1)
    assert batch.states.shape == (2, 3, STATE)
    with torch.no_grad():
        seen = batch.states[..., :2]
        embeddings = torch.cat((agent.encoder(batch.frames), seen), -1)
        states, q = agent.model.observe(embeddings, batch.actions, noise.latents)
        p = agent.model.priors(states.h, noise.members)
        missed = agent.felt(states.features) - seen
        felt = (0.5 * missed.square() + 0.5 * math.log(2 * math.pi)).sum(-1).mean()
        image, reward = agent.image_loss(states, batch), agent.reward_loss(states, batch)
        whole = agent.latent.divergence(q, p).mean() + image + reward + felt
    phase = agent.phases()[0]
    metrics = phase.update(batch, noise)
    torch.testing.assert_close(metrics["state_loss"], felt)
    torch.testing.assert_close(metrics["model_loss"], whole)
    assert set(phase.metrics) == set(metrics)
    moved = moved_by(phase.update, agent, (batch, noise))
    assert moved == {"encoder", "model", "decoder", "reward", "felt"}


def test_the_replay_and_the_policy_see_proprioception(make_agent: Any) -> None:
    agent = make_agent("lompo", **FELT)
    ((seen, _),) = inputs_of(agent, 0, 1)
    expected = agent.encode(seen.frames.flatten(0, 1), seen.states.flatten(0, 1))
    replay = replay_of(agent)
    found = replay._chunks._embeddings
    assert all(bool((each - found).abs().amax(1).min() < 1e-5) for each in expected)
    assert len(next(replay).rewards) == 6
    policy, other = agent.policy(), agent.policy()
    assert policy.wants_state
    assert not make_agent("lompo").policy().wants_state
    frames, first = seen.frames[:, 0], torch.ones(2, dtype=torch.bool)
    actions = policy(View(frames, first, seen.states[:, 0]))
    for number in range(STATE):
        states = seen.states[:, 0].clone()
        states[:, number] += 1.0
        assert torch.equal(actions, other(View(frames, first, states))) == (number == 2)


def test_proprioception_that_is_not_there(run: Any) -> None:
    """The toy's task names some, its file holds none; other tasks name none."""
    with pytest.raises(ValueError, match="state"):
        run("a", algorithm="lompo", hyper=FELT)
    with pytest.raises(InvalidSettingError, match=r"proprioception: expected 0 to 1.*got 2"):
        seen_states(dataclasses.replace(small_settings("lompo"), **FELT), Spaces(3, 64, 2, 1))


@pytest.mark.parametrize(
    ("task", "felt"),
    [("dclaw_screw", 18), ("adroit_pen", 24), ("door_open", 0), ("walker_walk", 0)],
)
def test_presets_see_what_the_papers_observations_have(task: str, felt: int) -> None:
    """The robot's joints, and nothing of what it holds or of the goal."""
    size = 64 if task == "walker_walk" else 128
    spec = get_dataset_spec(f"LOMPO/{task}-expert-{size}px-v0")
    for name in ("paper", "official_code", "smoke"):
        assert preset(name, spec).proprioception == combo_preset(name, spec).proprioception == felt
    seen, left = list[str](), felt
    for name, size in spec.task.state_layout if felt else ():
        if left > 0:
            seen.append(name)
            left -= size
    assert left == 0
    assert set(seen) <= {"claw_position", "claw_velocity", "hand"}


def test_presets() -> None:
    random, expert = (
        get_dataset_spec(f"VD4RL/walker_walk-{behavior}-64px-v0")
        for behavior in ("random", "expert")
    )
    assert preset("paper", random).penalty_weight == 1.0
    assert preset("paper", expert).penalty_weight == 5.0
    assert preset("paper", expert).steps - preset("paper", expert).model_steps == 150_000
    code = preset("official_code", random)
    assert (code.steps, code.synchronized, code.penalty_weight) == (125_000, False, 5.0)
    assert preset("paper", random).synchronized
    combo = combo_preset("paper", random)
    assert (combo.alpha, combo.penalty_weight) == (2.5, 0.0)
    assert preset("paper", random).alpha == 0.0


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
    "dimensions": 3,
    "members": 3,
    "units": 8,
    "reward_layers": 2,
    "actor_layers": 2,
    "critic_layers": 2,
    "epsilon": 1e-2,
    "clip": 1e-3,
    "precision": "bfloat16",
    "horizon": 3,
    "discount_factor": 0.5,
    "agent_batch_size": 4,
    "exploration": 1.0,
    "refresh_every": 3,
    "initial_fill": 12,
    "tau": 0.5,
    "penalty": "variance",
    "penalty_weight": 1.0,
    "alpha": 1.0,
    "num_actions": 3,
    "synchronized": False,
    "shared_noise": True,
}


@pytest.mark.filterwarnings("ignore::vd4rl_data.errors.SlowPrecisionWarning")
def test_every_hyperparameter_is_read(run: Any) -> None:
    """Each changes some metric of a short run."""

    def metrics(name: str, **changes: Any) -> Any:
        folder = run(
            name, algorithm="combo", hyper={"penalty_weight": 5.0, **changes}, protocol=ONCE
        )
        lines = [{k: v for k, v in line.items() if k != "seconds"} for line in read_metrics(folder)]
        assert all(
            math.isfinite(v) for line in lines for v in line.values() if isinstance(v, float)
        )
        return lines

    base = metrics("base")
    for name, value in CHANGES.items():
        assert metrics(name, **{name: value}) != base, name
    fields = {field.name for field in dataclasses.fields(small_settings("combo"))}
    assert fields == {*CHANGES, "steps", "frame_stack", "drawn_latents", "proprioception"}


def test_numbers_of_parameters() -> None:
    """Full-size networks for six action dimensions, on no device."""
    with torch.device("meta"):
        spec = get_dataset_spec("VD4RL/walker_walk-expert-64px-v0")
        settings, spaces = preset("paper", spec), Spaces(3, 64, 6)
        agent: Any = ALGORITHMS["lompo"].agent(
            settings, spaces, torch.device("meta"), torch.Generator()
        )
    counts = {name: sum(p.numel() for p in n.parameters()) for name, n in agent.networks.items()}
    head = 256 * 256 + 256 + 256 * 128 + 128
    model = (70 * 256 + 256) + 6 * 256 * 256 + 6 * 256 + 7 * head
    model += (256 + 1024) * 256 + 256 + 256 * 128 + 128
    assert counts["model"] == model
    assert agent.encoder.size == 1024


@pytest.mark.parametrize("shared", [False, True])
def test_a_batch_may_share_the_noise_of_its_latent_states(make_agent: Any, shared: bool) -> None:
    """Published code draws one vector for a batch, at each time step another."""
    agent, generator = make_agent("lompo", shared_noise=shared), torch.Generator().manual_seed(0)
    learned = agent.draw_model(0, generator).latents.transpose(0, 1)
    imagined = agent.draw_future(6, generator).latents
    for noise in (learned, imagined):  # time steps first
        assert len({tuple(each) for each in noise[:, 0].tolist()}) == len(noise)
        distinct = [len({tuple(each) for each in now.tolist()}) for now in noise]
        assert distinct == [1 if shared else noise.shape[1]] * len(noise)


def test_who_shares_noise_in_a_batch_draws_it_anew_at_each_time_step_of_an_episode(
    make_agent: Any,
) -> None:
    frames = torch.from_numpy(noise_columns(64, 0).frames[:5]).movedim(-1, -3)
    acted = []
    for shared in (False, True):
        policy = make_agent("lompo", shared_noise=shared).policy()
        views = [View(frame[None], torch.tensor([step == 0])) for step, frame in enumerate(frames)]
        acted.append(torch.cat([policy(view) for view in views]))
    assert torch.equal(*acted)
