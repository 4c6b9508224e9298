"""What SeMOPO's losses are, by hand, which trajectories it samples, and which choices it makes."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from baselines.algorithms import offline_dv2  # noqa: E402
from baselines.algorithms.semopo import ALGORITHM, SemopoSettings, preset  # noqa: E402
from baselines.bench.algorithm import Spaces  # noqa: E402
from baselines.bench.phases import PhaseContext  # noqa: E402
from baselines.dreamer.cells import LayerNormCell  # noqa: E402
from baselines.dreamer.conservative import ConservativeBatches, Curriculum  # noqa: E402
from baselines.dreamer.losses import balanced_divergence, image_log_prob  # noqa: E402
from baselines.dreamer.rssm import EnsembleRSSM  # noqa: E402
from baselines.errors import InvalidSettingError  # noqa: E402
from tests.baselines.conftest import inputs_of, moved_by, parameters  # noqa: E402
from vd4rl_data.frames import FrameArray  # noqa: E402
from vd4rl_data.registry import get_dataset_spec  # noqa: E402
from vd4rl_data.sampling import Columns  # noqa: E402

NAME = "semopo"
ENDOGENOUS = ("encoder", "model", "decoder", "reward")
WEIGHTS = {"walker_walk": 1.5, "cheetah_run": 1.5, "hopper_hop": 2.0}
EXOGENOUS = ("exogenous_encoder", "exogenous_model", "exogenous_decoder")


def episodes(returns: list[float], length: int = 3, size: int = 64) -> Columns:
    """Episodes of as many transitions; each pixel of an episode is its number."""
    rows, count = length + 1, len(returns)
    numbers = np.repeat(np.arange(count), rows)
    frames = np.broadcast_to(numbers[:, None, None, None], (len(numbers), size, size, 3))
    rewards = np.zeros(len(numbers), np.float32)
    rewards[::rows] = returns
    return Columns(
        frames=FrameArray([frames.astype(np.uint8)]),
        starts=np.arange(count + 1) * rows,
        actions=np.zeros((len(numbers), 2), np.float32),
        rewards=rewards,
        discounts=np.ones(len(numbers), np.float32),
        terminals=np.zeros(len(numbers), np.bool_),
    )


def of(agent: Any, names: Any) -> list[Any]:
    return [each for name in names for each in agent.networks[name].parameters()]


def published_losses(agent: Any, batch: Any, noise: Any, w: float) -> tuple[Any, Any]:
    """Both losses of the published code: the exogenous model is fed actions that are zero."""
    latent, actions = agent.latent, batch.actions.clone()
    actions[:, 0] = 0
    fed = EnsembleRSSM(
        latent, dataclasses.replace(agent.exogenous_model.sizes, actions=2), LayerNormCell
    )
    weights = dict(agent.exogenous_model.named_parameters())
    padded = torch.cat((weights["inward.weight"], torch.ones(len(weights["inward.weight"]), 2)), 1)

    def call(*args: Any) -> Any:
        return torch.func.functional_call(fed, {**weights, "inward.weight": padded}, args)

    fed.forward = fed.observe
    states, q = agent.model.observe(agent.encoder(batch.frames), actions, noise.latents)
    others, other_q = call(
        agent.exogenous_encoder(batch.frames), torch.zeros_like(actions), noise.exogenous_latents
    )
    kls = [
        balanced_divergence(latent, found, model.priors(state.h, members), 0.8, 0.0)[0]
        for found, model, state, members in (
            (q, agent.model, states, noise.members),
            (other_q, agent.exogenous_model, others, noise.exogenous_members),
        )
    ]
    pixels = batch.frames / 255 - 0.5
    ours = agent.decoder.endogenous(states.features)
    theirs = agent.decoder.exogenous(others.features)
    hints = torch.cat((ours[..., 3:, :, :], theirs[..., 3:, :, :]), -3)
    weight, bias = agent.decoder.mask.weight[0], agent.decoder.mask.bias
    mask = sum(weight[n] * hints[..., n, :, :] for n in range(6)) + bias
    mask = torch.sigmoid(mask)[..., None, :, :]
    mean = mask * ours[..., :3, :, :] + (1 - mask) * theirs[..., :3, :, :]
    image = -image_log_prob(mean, pixels).mean()
    only = -image_log_prob(agent.exogenous_decoder(others.features), pixels).mean()
    missed = agent.reward(states.features.detach())[..., 0] - batch.rewards
    reward = (0.5 * missed.square() + 0.5 * np.log(2 * np.pi)).mean()
    return kls[0] + image + reward, kls[1] + image + w * only


@pytest.mark.parametrize("twice", [False, True])
def test_both_optimizers_descend_as_published(make_agent: Any, twice: bool) -> None:
    """Two losses, differentiated by themselves, against the one that is differentiated here."""
    agent = make_agent(NAME, squared_weight=twice, shared_twice=twice, exogenous_weight=1.5)
    naive = copy.deepcopy(agent)
    ((batch, noise),) = inputs_of(agent, 0, 1)
    losses = published_losses(naive, batch, noise, 2.25 if twice else 1.5)
    groups = of(naive, ENDOGENOUS), of(naive, (*EXOGENOUS, *(["decoder"] if twice else [])))
    found = [
        torch.cat([each.flatten() for each in torch.autograd.grad(loss, group, retain_graph=True)])
        for loss, group in zip(losses, groups, strict=True)
    ]
    norms = [
        naive.descents[name].apply(each)
        for name, each in zip(("model", "exogenous"), found, strict=True)
    ]
    metrics = agent.phases()[0].update(batch, noise)
    for name, norm in zip(("gradient_norm", "exogenous_gradient_norm"), norms, strict=True):
        torch.testing.assert_close(metrics[name], norm, rtol=1e-5, atol=0)
    expected = parameters(naive)
    for key, value in parameters(agent).items():
        torch.testing.assert_close(value, expected[key], rtol=1e-4, atol=2e-6, msg=key)


def test_each_phase_moves_its_own(make_agent: Any) -> None:
    agent = make_agent(NAME)
    for number, expected in enumerate(({*ENDOGENOUS, *EXOGENOUS}, {"actor", "critic"})):
        before = parameters(agent)
        agent.phases()[number].update(*inputs_of(agent, number, 1)[0])
        after = parameters(agent)
        moved = {
            key.partition(".")[0] for key in before if not torch.equal(before[key], after[key])
        }
        assert moved == expected


def test_the_exogenous_half_knows_no_actions_and_the_policy_not_the_exogenous_half(
    make_agent: Any,
) -> None:
    agent = make_agent(NAME)
    ((batch, _),) = inputs_of(agent, 0, 1)
    moved = dataclasses.replace(batch, actions=-batch.actions)
    found, other = (
        agent.observe_frames(each, torch.Generator().manual_seed(0)) for each in (batch, moved)
    )
    assert torch.equal(found[1].h, other[1].h)
    assert not torch.equal(found[0].h, other[0].h)
    ((embedded, noise),) = inputs_of(agent, 1, 1)
    twin = copy.deepcopy(agent)
    for network in EXOGENOUS:
        for each in twin.networks[network].parameters():
            torch.nn.init.zeros_(each)
    ours, theirs = (one.phases()[1].update(embedded, noise) for one in (agent, twin))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def curriculum(
    returns: list[float], rule: Any = "conservative", full: int = 1, order: Any = "return"
) -> Curriculum:
    return Curriculum(episodes(returns, size=1), rule, order, length=3, full=full)


def test_the_papers_rule_reaches_all_at_the_pace_of_its_datasets() -> None:
    """In epoch m the first min(m, n): 200 trajectories, 250 epochs of 100 steps."""
    rule = curriculum([float(number) for number in range(200)], full=20_000)
    for step in (0, 99, 100, 5_050, 19_900, 20_000, 24_999):
        assert rule.size(step) == min(step // 100 + 1, 200)
    twice = curriculum([0.0] * 400, full=20_000)
    assert [twice.size(step) for step in (0, 50, 19_949, 19_950)] == [1, 2, 399, 400]
    uniform = curriculum([1.0, 0.0], "uniform")
    assert uniform.size(0) == 2


@pytest.mark.parametrize("count", [5, 200, 400, 1_000])
def test_the_published_sampler_has_three_defects(count: int) -> None:
    rule = curriculum([float(number) for number in range(count)], "official_code")
    reached = 10
    for step in range(0, 25_100, 100):
        assert rule.size(step) == min(reached, count - 1)
        reached = min(reached + max(int(count / 250.01), 1), count - 1)
    last = rule.at(25_100).pool().episodes
    assert count - 1 not in last  # the best one
    slow = {400: 261, 1_000: 763}  # of more trajectories than it can reach
    assert len(last) == slow.get(count, count - 1)
    twins = curriculum([2.0, 0.0, 1.0, 0.0, 0.0], "official_code")
    assert twins.episodes.tolist() == [4, 2, 0]  # of equal returns the last alone


def test_the_order_of_trajectories() -> None:
    returns, data = [2.0, 0.0, 1.0, 0.0], episodes([2.0, 0.0, 1.0, 0.0], size=1)
    assert curriculum(returns).episodes.tolist() == [1, 3, 2, 0]
    assert curriculum(returns, order="collected").episodes.tolist() == [0, 1, 2, 3]
    changed: dict[str, Any] = {**_fields(data), "starts": np.array([0, 2, 8, 12, 16])}
    for order in ("return", "collected"):  # an episode of one transition never counts
        kept = Curriculum(Columns(**changed), "conservative", order, length=3, full=1).episodes
        assert sorted(kept.tolist()) == [1, 2, 3]


def _fields(columns: Columns) -> dict[str, Any]:
    return {field.name: getattr(columns, field.name) for field in dataclasses.fields(columns)}


@pytest.mark.parametrize("storage", ["auto", "device", "stream"])
def test_batches_grow_and_go_on(storage: str) -> None:
    """From the state after any batch, another process draws the same ones."""
    data = episodes([30.0, 10.0, 20.0])
    rule = Curriculum(data, "conservative", "return", length=2, full=6)

    def batches(state: Any) -> Any:
        rng, device = np.random.default_rng(0), torch.device("cpu")
        context = PhaseContext(
            dataset=data, generator=rng, device=device, storage=storage, state=state
        )
        return ConservativeBatches(context, 16, 2, rule)

    whole, drawn, states = batches(None), [], []
    for _ in range(8):
        states.append(copy.deepcopy(whole.state()))
        drawn.append(next(whole).frames[:, :, 0, 0, 0].clone())
    seen = [set(each.flatten().tolist()) for each in drawn]
    assert seen == [{1}, {1}, {1, 2}, {1, 2}, {0, 1, 2}, {0, 1, 2}, {0, 1, 2}, {0, 1, 2}]
    for begin in (1, 2, 3, 5):
        again = batches(states[begin])
        for number in range(begin, 8):
            assert torch.equal(next(again).frames[:, :, 0, 0, 0], drawn[number])


def test_the_second_phase_samples_what_the_first_had_reached(make_agent: Any) -> None:
    data = episodes([30.0, 10.0, 20.0])
    for sampling, kept in (("conservative", {0, 1, 2}), ("official_code", {1, 2})):
        agent = make_agent(NAME, sampling=sampling)
        context = PhaseContext(
            dataset=data, generator=np.random.default_rng(0), device=torch.device("cpu")
        )
        batches = agent.phases()[1].batches(context)
        assert {int(n) for n in batches._sampler.pool.episodes} == kept


def test_presets_are_the_papers_and_the_codes() -> None:
    specs = {
        task: get_dataset_spec(f"LQVD4RL/{task}-random-video_street-64px-v0") for task in WEIGHTS
    }
    for task, spec in specs.items():
        paper, code = preset("paper", spec), preset("official_code", spec)
        assert (paper.steps, paper.model_steps) == (125_000, 25_000)
        assert (code.steps, code.model_steps) == (125_100, 25_100)
        assert (paper.model_learning_rate, code.model_learning_rate) == (6e-5, 3e-4)
        assert (paper.penalty_weight, code.penalty_weight) == (10.0, 5.0)
        assert paper.penalty == code.penalty == "mean_disagreement"  # not equation 2 as printed
        assert paper.recurrent == code.hidden == 200
        assert paper.exogenous_weight == code.exogenous_weight == WEIGHTS[task]
        assert (paper.sampling, code.sampling) == ("conservative", "official_code")
        assert paper.episode_order == code.episode_order == "return"
        assert (paper.shared_twice, code.shared_twice) == (False, True)
        assert (paper.squared_weight, code.squared_weight) == (False, True)
    assert preset("smoke", specs["walker_walk"]).steps == 20


def test_numbers_of_parameters() -> None:
    """Full-size networks for six action dimensions; the exogenous model has no weights for them."""
    spec = get_dataset_spec("VD4RL/walker_walk-random-64px-v0")
    with torch.device("meta"):
        agent: Any = ALGORITHM.agent(
            preset("paper", spec), Spaces(3, 64, 6), torch.device("meta"), torch.Generator()
        )
    counts = {name: sum(p.numel() for p in n.parameters()) for name, n in agent.networks.items()}
    masked = 9_886_611 + 48 * 3 * 36 + 3
    assert counts == {
        "encoder": 1_551_312,
        "model": 2_723_392,
        "decoder": 2 * masked + 7,
        "reward": 971_601,
        "exogenous_encoder": 1_551_312,
        "exogenous_model": 2_723_392 - 6 * 200,
        "exogenous_decoder": 9_886_611,
        "actor": 976_012,
        "critic": 971_601,
        "slow_critic": 971_601,
    }


CHANGES: dict[str, Any] = {
    "exogenous_weight": 0.5,
    "squared_weight": True,
    "shared_twice": True,
    "sampling": "uniform",
    "episode_order": "collected",
    "full_at": 0.3,
    "latents": "gaussian",
}


def test_every_hyperparameter_is_read(make_agent: Any) -> None:
    """Each changes what is sampled or learned; what Offline DV2 has, too, is tested with it."""
    data = episodes([2.0, 0.0, 1.0, 0.0])

    def outcome(**changes: Any) -> tuple[Any, Any]:
        agent = make_agent(NAME, **changes)
        ((batch, noise),) = inputs_of(agent, 0, 1)
        agent.update_model(batch, noise)
        rng = np.random.default_rng(0)
        rule = agent.curriculum(PhaseContext(dataset=data, generator=rng, device=agent.device))
        sampled = [rule.at(step).pool().episodes.tolist() for step in range(4)]
        weights = torch.cat([each.flatten() for each in parameters(agent).values()])
        return sampled, weights.tolist()

    base = outcome()
    for name, value in CHANGES.items():
        assert outcome(**{name: value}) != base, name
    assert outcome(latents="gaussian", dimensions=3) != outcome(latents="gaussian", dimensions=4)
    ours, theirs = (
        {field.name for field in dataclasses.fields(each)}
        for each in (SemopoSettings, offline_dv2.OfflineDv2Settings)
    )
    assert ours - theirs == {*CHANGES, "dimensions"}


def test_gaussian_latents_as_the_paper_has_them(make_agent: Any) -> None:
    """The penalty is then how far the members' means lie from their mean; both phases learn."""
    agent = make_agent(NAME, latents="gaussian", dimensions=3, members=4)
    outputs = torch.randn((4, 5, 6), generator=torch.Generator().manual_seed(0))
    means = outputs[..., :3]
    expected = (means - means.mean(0)).norm(dim=-1).mean(0)
    torch.testing.assert_close(agent.penalize(outputs), expected)
    for number, moved in enumerate(({"model", "exogenous_model"}, {"actor", "critic"})):
        update, (given,) = agent.phases()[number].update, inputs_of(agent, number, 1)
        assert moved <= moved_by(update, agent, given)


@pytest.mark.parametrize(("name", "value"), [("exogenous_weight", -0.1), ("full_at", 1.1)])
def test_bad_hyperparameters(name: str, value: float) -> None:
    with pytest.raises(InvalidSettingError, match=f"{name}: expected"):
        ALGORITHM.settings(**{"steps": 2, "model_steps": 1, name: value})


def test_episodes_that_are_too_short_are_told(run: Any) -> None:
    with pytest.raises(ValueError, match="length"):
        run("a", algorithm=NAME, hyper={"length": 7})
