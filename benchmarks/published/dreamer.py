"""The loops of the published world models, re-implemented: everything at every step.

The members of the ensemble are evaluated one by one for each state, all of them, though one gives
the next state; and again for the penalty. Weights are those of our modules.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from baselines.dreamer.imagination import Dream, DreamNoise
from baselines.dreamer.latents import Categorical, Latent
from baselines.dreamer.rssm import EnsembleRSSM, State


def heads(model: EnsembleRSSM, h: Tensor) -> list[Tensor]:
    """The outputs of all members, one product after the other."""
    prior = model.prior
    return [
        torch.addmm(
            prior.bias2[k],
            functional.elu(torch.addmm(prior.bias1[k], h, prior.weight1[k])),
            prior.weight2[k],
        )
        for k in range(model.sizes.members)
    ]


def draw(model: EnsembleRSSM, outputs: Tensor, noise: Tensor) -> Tensor:
    """One-hot vectors with the gradient of probabilities: sample + p - sg(p)."""
    assert isinstance(model.latent, Categorical)
    probabilities = model.latent.probabilities(outputs)
    with torch.no_grad():
        below = probabilities.cumsum(-1) <= noise[..., None]
        chosen = below.sum(-1).clamp(max=model.latent.classes - 1)
        sample = functional.one_hot(chosen, model.latent.classes).float()
    return (sample + probabilities - probabilities.detach()).flatten(-2)


def img_step(
    model: EnsembleRSSM, state: State, action: Tensor, member: int, noise: Tensor
) -> tuple[State, Tensor]:
    """The next state of the prior, and what its member said."""
    hidden = functional.elu(model.inward(torch.cat((state.z, action), -1)))
    h = model.cell(hidden, state.h)
    outputs = heads(model, h)[member]
    return State(draw(model, outputs, noise), h), outputs


def observe(
    model: EnsembleRSSM,
    embeddings: Tensor,
    actions: Tensor,
    noise: Tensor,
    members: list[int],
) -> tuple[State, Tensor, Tensor]:
    """Posterior states (B, T, ...), posterior and prior outputs (B, T, O)."""
    state = model.initial(len(embeddings))
    found: list[tuple[Tensor, ...]] = []
    for step, member in enumerate(members):
        prior, outputs = img_step(model, state, actions[:, step], member, noise[:, step])
        hidden = functional.elu(model.observed(torch.cat((prior.h, embeddings[:, step]), -1)))
        posterior = model.posterior(hidden)
        state = State(draw(model, posterior, noise[:, step]), prior.h)
        found.append((state.z, state.h, posterior, outputs))
    z, h, posteriors, priors = (torch.stack(each, 1) for each in zip(*found, strict=True))
    return State(z, h), posteriors, priors


def dream(
    model: EnsembleRSSM,
    start: State,
    noise: DreamNoise,
    act: Callable[[Tensor, Tensor], Tensor],
    penalize: Callable[[Tensor], Tensor],
) -> Dream:
    """As :func:`baselines.dreamer.imagination.dream`; the last state has a penalty, too."""
    states = [start]
    for step, member in enumerate(noise.members.tolist()):
        action = act(states[-1].features, noise.actions[step])
        state, _ = img_step(model, states[-1], action, member, noise.latents[step])
        states.append(state)
    penalties = [penalize(torch.stack(heads(model, state.h))) for state in states]
    return Dream(torch.stack([state.features for state in states]), torch.stack(penalties[:-1]))


def mean_disagreement(latent: Latent, outputs: Tensor) -> Tensor:
    """The penalty, operation by operation."""
    means = latent.expected(outputs)
    return (means - means.mean(0, keepdim=True)).norm(dim=-1).mean(0)
