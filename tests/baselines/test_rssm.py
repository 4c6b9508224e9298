"""The ensemble model: what is hoisted out of its loops changes nothing, and draws are exact."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from baselines.dreamer.cells import Cell, GRUCell, LayerNormCell  # noqa: E402
from baselines.dreamer.imagination import DreamNoise, draw_dream, dream  # noqa: E402
from baselines.dreamer.latents import Categorical, Gaussian, Latent  # noqa: E402
from baselines.dreamer.losses import balanced_divergence, lambda_returns  # noqa: E402
from baselines.dreamer.networks import Decoder, Encoder, initialize  # noqa: E402
from baselines.dreamer.penalties import (  # noqa: E402
    log_prob_deviation,
    mean_disagreement,
    squared_disagreement,
)
from baselines.dreamer.rssm import EnsembleRSSM, Sizes, State  # noqa: E402
from baselines.errors import InvalidSettingError  # noqa: E402

B, T, A, E, K = 3, 4, 2, 6, 3
KINDS = [
    pytest.param(Categorical(3, 4), LayerNormCell, id="categorical"),
    pytest.param(Gaussian(5), GRUCell, id="gaussian"),
]


def make_model(latent: Latent, cell: type[Cell]) -> EnsembleRSSM:
    model = EnsembleRSSM(latent, Sizes(A, E, 5, 7, K), cell)
    initialize(model, torch.Generator().manual_seed(0))
    return model


def random(*shape: int, seed: int = 0) -> Any:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def member(model: EnsembleRSSM, number: int, h: Any) -> Any:
    """One member by itself, layer by layer."""
    prior = model.prior
    hidden = functional.elu(h @ prior.weight1[number] + prior.bias1[number])
    return hidden @ prior.weight2[number] + prior.bias2[number]


def naive_step(model: EnsembleRSSM, state: State, action: Any) -> Any:
    """h of the next time step, from one product of everything."""
    hidden = functional.elu(model.inward(torch.cat((state.z, action), -1)))
    return model.cell(hidden, state.h)


@pytest.mark.parametrize(("latent", "cell"), KINDS)
def test_observing_is_the_naive_loop(latent: Any, cell: Any) -> None:
    """Values and gradients, with the same noise; a member at each step, and a start within."""
    model = make_model(latent, cell)
    embeddings, actions = random(B, T, E), random(B, T, A, seed=1)
    noise = latent.noise((B, T), torch.Generator().manual_seed(2))
    members = torch.tensor([2, 0, 2, 1])
    is_first = torch.zeros(B, T, dtype=torch.bool)
    is_first[:, 0] = is_first[1, 2] = True
    state, found = model.initial(B), []
    for step in range(T):
        keep = (~is_first[:, step])[:, None].float()
        state, action = State(state.z * keep, state.h * keep), actions[:, step] * keep
        h = naive_step(model, state, action)
        outputs = [member(model, number, h) for number in range(K)]  # all but one in vain
        prior = outputs[int(members[step])]
        hidden = functional.elu(model.observed(torch.cat((h, embeddings[:, step]), -1)))
        posterior = model.posterior(hidden)
        state = State(latent.draw(posterior, noise[:, step]), h)
        found.append((state.z, state.h, posterior, prior))
    naive = [torch.stack(each, 1) for each in zip(*found, strict=True)]
    states, posteriors = model.observe(embeddings, actions, noise, is_first)
    hoisted = [states.z, states.h, posteriors, model.priors(states.h, members)]
    for ours, theirs in zip(hoisted, naive, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    losses = (sum(each.square().sum() for each in some) for some in (hoisted, naive))
    gradients = [torch.autograd.grad(loss, list(model.parameters())) for loss in losses]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("latent", "cell"), KINDS)
def test_imagining_is_the_naive_loop(latent: Any, cell: Any) -> None:
    """Members one by one, twice for every state: for the next one, and for the penalty."""
    model, horizon = make_model(latent, cell), 3
    noise = draw_dream(model, horizon, B, torch.Generator().manual_seed(0))
    start = State(random(B, latent.size), random(B, 5, seed=1))
    weight = random(model.features, A).requires_grad_()

    def act(features: Any, uniform: Any) -> Any:
        return torch.tanh(features.detach() @ weight) + uniform

    def penalize(outputs: Any) -> Any:
        return outputs.std(0).sum(-1)

    state, features, penalties = start, [start.features], []
    for step in range(horizon):
        penalties.append(penalize(torch.stack([member(model, k, state.h) for k in range(K)])))
        h = naive_step(model, state, act(state.features, noise.actions[step]))
        prior = member(model, int(noise.members[step]), h)
        state = State(latent.draw(prior, noise.latents[step]), h)
        features.append(state.features)
    found = dream(model, start, noise, act, penalize)
    lean, naive = (found.features, found.penalties), (torch.stack(features), torch.stack(penalties))
    for ours, theirs in zip(lean, naive, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    losses = (some[0].square().sum() + some[1].sum() for some in (lean, naive))
    gradients = [torch.autograd.grad(loss, weight)[0] for loss in losses]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)
    assert gradients[0].any()


def test_members_are_drawn_per_step_for_all_and_are_tensors() -> None:
    model = make_model(Categorical(3, 4), LayerNormCell)
    noise: DreamNoise = draw_dream(model, 600, B, torch.Generator().manual_seed(0))
    assert noise.members.shape == (600,)
    assert noise.members.dtype == torch.int64
    assert [int((noise.members == k).sum()) > 150 for k in range(K)] == [True] * K


@pytest.mark.parametrize("latent", [Categorical(3, 4), Gaussian(5)])
def test_draws_have_the_distribution_and_its_gradients(latent: Any) -> None:
    outputs = random(latent.outputs)
    noise = latent.noise((60_000,), torch.Generator().manual_seed(0))
    drawn = latent.draw(outputs.expand(60_000, -1), noise)
    if isinstance(latent, Categorical):
        expected = latent.probabilities(outputs).flatten()
        weights = random(latent.size, seed=1)
        inputs = outputs.requires_grad_()
        (found,) = torch.autograd.grad((latent.draw(inputs, noise[0]) * weights).sum(), inputs)
        straight = (latent.probabilities(inputs).flatten() * weights).sum()
        torch.testing.assert_close(found, torch.autograd.grad(straight, inputs)[0])
    else:
        expected, deviation = latent.moments(outputs)
        torch.testing.assert_close(drawn.std(0), deviation, rtol=0.02, atol=0.0)
    torch.testing.assert_close(drawn.mean(0), expected, rtol=0.0, atol=0.02)


def test_gaussian_divergence_and_density_are_torchs() -> None:
    latent, distributions = Gaussian(5), torch.distributions
    ours, theirs, vectors = random(7, 10), random(7, 10, seed=1), random(7, 5, seed=2)
    first, second = (distributions.Normal(*latent.moments(outputs)) for outputs in (ours, theirs))
    expected = distributions.kl_divergence(first, second).sum(-1)
    torch.testing.assert_close(latent.divergence(ours, theirs), expected)
    torch.testing.assert_close(latent.log_prob(ours, vectors), first.log_prob(vectors).sum(-1))
    assert float(latent.moments(ours)[1].min()) > 0.1


def test_equal_distributions_cost_free_nats_and_move_nothing() -> None:
    latent, outputs = Categorical(3, 4), random(5, 12).requires_grad_()
    loss, mean = balanced_divergence(latent, outputs, outputs, 0.8, 1.0)
    assert float(loss.detach()) == pytest.approx(1.0)
    assert float(mean) == pytest.approx(0.0, abs=1e-6)
    assert not torch.autograd.grad(loss, outputs)[0].any()


def test_free_nats_are_of_the_batchs_mean_and_the_balance_is_the_priors() -> None:
    """One distribution far off, nine at home: each below one nat would cost one."""
    latent = Categorical(1, 2)
    posterior = torch.zeros(10, 2)
    posterior[0, 0] = 30.0
    posterior.requires_grad_()
    prior = torch.zeros(10, 2)
    prior[0, 1] = 20.0
    prior.requires_grad_()
    loss, mean = balanced_divergence(latent, posterior, prior, 0.8, 1.0)
    assert float(loss.detach()) == pytest.approx(float(mean)) == pytest.approx(2.0, abs=0.01)
    (toward,) = torch.autograd.grad(loss, prior)
    (whole,) = torch.autograd.grad(latent.divergence(posterior.detach(), prior).mean(), prior)
    torch.testing.assert_close(toward, 0.8 * whole)


def test_penalties_see_disagreement_alone() -> None:
    latent = Categorical(32, 32)
    alike, apart = random(1, 6, 1024).expand(7, -1, -1), 40.0 * random(7, 6, 1024)
    vectors = latent.draw(apart[0], torch.full((6, 32), 0.5))

    def deviation(_: Any, outputs: Any) -> Any:
        return log_prob_deviation(latent, outputs, vectors)

    for penalty in (mean_disagreement, squared_disagreement, deviation):
        assert penalty(latent, alike).shape == (6,)
        torch.testing.assert_close(penalty(latent, alike), torch.zeros(6), rtol=0, atol=1e-4)
        assert (penalty(latent, apart) > 1).all()
        torch.testing.assert_close(penalty(latent, apart), penalty(latent, apart.flip(0)))
    assert (mean_disagreement(latent, apart) <= 8).all()


def test_returns_from_one_step_to_all() -> None:
    rewards, values, last = random(4, 2), random(4, 2, seed=1), random(2, seed=2)
    one = rewards + 0.9 * torch.cat((values[1:], last[None]))
    torch.testing.assert_close(lambda_returns(rewards, values, last, 0.9, 0.0), one)
    everything = sum(0.9**step * rewards[step] for step in range(4)) + 0.9**4 * last
    torch.testing.assert_close(lambda_returns(rewards, values, last, 0.9, 1.0)[0], everything)


@pytest.mark.parametrize("size", [64, 128])
def test_frames_of_both_sizes(size: int) -> None:
    encoder, decoder = Encoder(size, 2), Decoder(9, size, 2, channels=6)
    frames = torch.zeros((2, 3, 3, size, size), dtype=torch.uint8)
    assert encoder(frames).shape == (2, 3, encoder.size) == (2, 3, 64)
    assert decoder(torch.zeros(2, 3, 9)).shape == (2, 3, 6, size, size)


@pytest.mark.parametrize("size", [16, 84])
def test_other_sizes_are_refused(size: int) -> None:
    with pytest.raises(InvalidSettingError, match=f"expected 64 or 128 px.*got {size} px"):
        Encoder(size, 2)
