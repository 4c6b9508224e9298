"""The update that is written out against automatic differentiation on Stable-Baselines3's nets."""

from __future__ import annotations

import copy
import dataclasses
import itertools

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.type_aliases import ReplayBufferSamples

from collection.sac.capture import CapturedUpdate
from collection.sac.mlp import StackedMLP
from collection.sac.update import Batch, Hyperparameters, SACLearner
from collection.sac.weights import initialize

P, A, B = 5, 2, 32
HIDDEN = (16, 24, 16)
RATE, GAMMA, TAU, SCALE = 1e-3, 0.97, 0.02, 3.0


class _Task(gym.Env):  # pyright: ignore[reportMissingTypeArgument]
    observation_space = gym.spaces.Box(-np.inf, np.inf, (P,), np.float32)
    action_space = gym.spaces.Box(-1.0, 1.0, (A,), np.float32)


def _settings(*, low_precision: bool, normalize: bool) -> Hyperparameters:
    """``normalize``: with everything that brings inputs, layers and rewards to another scale."""
    return Hyperparameters(
        RATE,
        GAMMA,
        TAU,
        -float(A),
        low_precision=low_precision,
        critic_layer_norm=normalize,
        normalize_states=normalize,
        reward_scale=SCALE if normalize else 1.0,
        root_rewards=normalize,
    )


def _learner(*, low_precision: bool = False, normalize: bool = False) -> SACLearner:
    settings = _settings(low_precision=low_precision, normalize=normalize)
    learner = SACLearner(P, A, HIDDEN, settings, torch.device("cpu"))
    initialize(learner, 3)
    return learner


def _reference(learner: SACLearner, *, layer_norm: bool = False) -> SAC:
    model = SAC(
        "MlpPolicy",
        _Task(),
        learning_rate=RATE,
        gamma=GAMMA,
        tau=TAU,
        batch_size=B,
        policy_kwargs={"net_arch": list(HIDDEN)},
        device="cpu",
    )
    model.set_logger(Logger(None, []))
    _copy_actor(learner.actor, model)
    for network, ours in ((model.critic, learner.critics), (model.critic_target, learner.targets)):
        for group, critic in enumerate(network.q_networks):
            for linear, layer in zip(_linears(critic), ours.layers, strict=True):
                linear.weight.data.copy_(layer.weight[group])
                linear.bias.data.copy_(layer.bias[group, 0])
            if layer_norm:
                _normalize(critic)
    return model


def _normalize(critic: torch.nn.Module) -> None:
    """Put a layer normalization between each hidden layer and its rectifier."""
    assert isinstance(critic, torch.nn.Sequential)
    places = [place for place, part in enumerate(critic) if isinstance(part, torch.nn.ReLU)]
    assert len(places) == len(HIDDEN)
    for place, width in reversed(list(zip(places, HIDDEN, strict=True))):
        critic.insert(place, torch.nn.LayerNorm(width, elementwise_affine=False))


def _actor_linears(model: SAC) -> list[torch.nn.Linear]:
    return _linears(model.actor.latent_pi)


def _copy_actor(ours: StackedMLP, model: SAC) -> None:
    for linear, layer in zip(_actor_linears(model), ours.layers[:-1], strict=True):
        linear.weight.data.copy_(layer.weight[0])
        linear.bias.data.copy_(layer.bias[0, 0])
    last = ours.layers[-1]
    heads = ((model.actor.mu, slice(0, A)), (model.actor.log_std, slice(A, 2 * A)))
    for module, rows in heads:
        linear = _linear(module)
        linear.weight.data.copy_(last.weight[0, rows])
        linear.bias.data.copy_(last.bias[0, 0, rows])


def _batch(generator: torch.Generator) -> Batch:
    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    bootstraps = (torch.rand((B, 1), generator=generator) > 0.2).float()
    return Batch(normal(B, P), normal(B, A).tanh(), normal(B, 1), normal(B, P), bootstraps)


class _Replay:
    """Hands Stable-Baselines3 the same batches."""

    def __init__(self, batches: list[Batch]) -> None:
        self._batches = iter(batches)

    def sample(self, size: int, env: object = None) -> ReplayBufferSamples:
        batch = next(self._batches)
        assert size == len(batch.states)
        return ReplayBufferSamples(
            batch.states, batch.actions, batch.next_states, 1 - batch.bootstraps, batch.rewards
        )


@pytest.mark.parametrize("normalize", [False, True])
def test_same_as_stable_baselines3(monkeypatch: pytest.MonkeyPatch, normalize: bool) -> None:
    """Twenty updates with the same batches and noise: the same weights, targets, temperature.

    With normalization, of critics with torch's layers for it, and batches of normalized states and
    scaled roots of rewards.
    """
    generator = torch.Generator().manual_seed(0)
    updates = 20
    batches = [_batch(generator) for _ in range(updates)]
    noises = [torch.randn((2 * B, A), generator=generator) for _ in range(updates)]
    learner = _learner(normalize=normalize)
    model = _reference(learner, layer_norm=normalize)
    mean, deviation = torch.linspace(-1, 1, P), torch.linspace(0.5, 3, P)
    if normalize:
        learner.set_statistics(mean, deviation)
        learner.set_reward_power(0.5)
    halves = iter(itertools.chain.from_iterable((n[:B], n[B:]) for n in noises))

    def rsample(self: torch.distributions.Normal, shape: object = ()) -> torch.Tensor:
        return self.loc + self.scale * next(halves)

    monkeypatch.setattr(torch.distributions.Normal, "rsample", rsample)
    seen = [_normal(batch, mean, deviation) for batch in batches] if normalize else batches
    model.replay_buffer = _Replay(seen)  # pyright: ignore[reportAttributeAccessIssue]
    start = learner.actor.parameters.clone()
    model.train(updates, B)
    for batch, noise in zip(batches, noises, strict=True):
        learner.update(batch, noise)
    assert (learner.actor.parameters - start).abs().max() > RATE
    _compare(learner, model)


def _normal(batch: Batch, mean: torch.Tensor, deviation: torch.Tensor) -> Batch:
    states, following = ((s - mean) / deviation for s in (batch.states, batch.next_states))
    assert (batch.rewards < 0).any()
    rewards = torch.copysign(batch.rewards.abs().sqrt() * SCALE, batch.rewards)
    return dataclasses.replace(batch, states=states, next_states=following, rewards=rewards)


def _compare(learner: SACLearner, model: SAC) -> None:
    actor = _actor_linears(model)
    for linear, layer in zip(actor, learner.actor.layers, strict=False):
        _assert_near(linear.weight, layer.weight[0])
        _assert_near(linear.bias, layer.bias[0, 0])
    last = learner.actor.layers[-1].weight[0]
    _assert_near(
        torch.cat([_linear(model.actor.mu).weight, _linear(model.actor.log_std).weight]), last
    )
    for network, ours in ((model.critic, learner.critics), (model.critic_target, learner.targets)):
        for group, critic in enumerate(network.q_networks):
            for linear, layer in zip(_linears(critic), ours.layers, strict=True):
                _assert_near(linear.weight, layer.weight[group])
                _assert_near(linear.bias, layer.bias[group, 0])
    assert model.log_ent_coef is not None
    _assert_near(model.log_ent_coef, learner.log_alpha)


def _assert_near(theirs: torch.Tensor, ours: torch.Tensor) -> None:
    torch.testing.assert_close(theirs.detach(), ours, rtol=1e-4, atol=2e-5)


def _linear(module: object) -> torch.nn.Linear:
    assert isinstance(module, torch.nn.Linear)
    return module


def _linears(module: torch.nn.Module) -> list[torch.nn.Linear]:
    return [part for part in module.modules() if isinstance(part, torch.nn.Linear)]


def test_low_precision_stays_close() -> None:
    """bfloat16 in the hidden layers: the same direction of learning, within its rounding."""
    generator = torch.Generator().manual_seed(1)
    batch, noise = _batch(generator), torch.randn((2 * B, A), generator=generator)
    exact, rounded = _learner(), _learner(low_precision=True)
    for learner in (exact, rounded):
        learner.update(batch, noise)
    assert not torch.equal(exact.critics.gradients, rounded.critics.gradients)
    for name, network in exact.networks().items():
        theirs = rounded.networks()[name].gradients
        if name != "targets":
            cosine = torch.nn.functional.cosine_similarity(network.gradients, theirs, dim=0)
            assert cosine > 0.999, name
    assert rounded.critics.parameters.dtype == torch.float32
    torch.testing.assert_close(exact.losses, rounded.losses, rtol=0.02, atol=0.02)


def test_the_state_is_everything() -> None:
    """A learner restored from another's state goes on exactly as the other does."""
    generator = torch.Generator().manual_seed(2)
    batches = [_batch(generator) for _ in range(6)]
    noises = [torch.randn((2 * B, A), generator=generator) for _ in range(6)]
    first, second = _learner(), _learner()
    for batch, noise in zip(batches[:3], noises[:3], strict=True):
        first.update(batch, noise)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for learner in (first, second):
        for batch, noise in zip(batches[3:], noises[3:], strict=True):
            learner.update(batch, noise)
    for name, network in first.networks().items():
        assert torch.equal(network.parameters, second.networks()[name].parameters), name
    assert torch.equal(first.log_alpha, second.log_alpha)


def test_targets_equal_the_critics_at_the_start() -> None:
    learner = _learner()
    assert torch.equal(learner.targets.parameters, learner.critics.parameters)
    q1, q2 = (learner.critics.layers[0].weight[group] for group in range(2))
    assert not torch.equal(q1, q2)


def test_preparing_the_optimizers_changes_nothing() -> None:
    learner = _learner()
    for optimizer in learner.optimizers:
        for state in optimizer.state.values():
            assert all(not value.any() for value in state.values())
    assert len(learner.tensors()) == 3 + 2 + 9
    first = learner.critics.parameters.clone()
    generator = torch.Generator().manual_seed(0)
    learner.update(_batch(generator), torch.randn((2 * B, A), generator=generator))
    assert (learner.critics.parameters - first).abs().max() <= RATE * 1.01  # Adam's first step


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("low_precision", [False, True])
def test_a_captured_update_is_the_update(low_precision: bool, normalize: bool) -> None:
    device = torch.device("cuda")
    settings = _settings(low_precision=low_precision, normalize=normalize)
    learners = [SACLearner(P, A, HIDDEN, settings, device) for _ in range(2)]
    generator = torch.Generator().manual_seed(0)
    for learner in learners:
        initialize(learner, 3)
        learner.set_reward_power(0.5)
    captured = None
    for _ in range(5):
        batch = _batch(generator)
        batch = Batch(
            *(getattr(batch, field.name).to(device) for field in dataclasses.fields(batch))
        )
        noise = torch.randn((2 * B, A), generator=generator).to(device)
        if captured is None:
            captured = CapturedUpdate(learners[1], batch, noise)
        learners[0].update(batch, noise)
        captured(batch, noise)
    for ours, theirs in zip(learners[0].tensors(), learners[1].tensors(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
