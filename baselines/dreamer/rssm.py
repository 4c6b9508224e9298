"""A recurrent state-space model whose prior is an ensemble (Lu et al. 2023; Rafailov et al. 2021).

A latent state is z, drawn from a :mod:`~baselines.dreamer.latents` distribution, and h, which a
recurrent cell carries on:

    h_t = f(h_{t-1}, z_{t-1}, a_{t-1})
    ẑ_t ~ p_k(ẑ_t | h_t)            prior, of one of K members, drawn anew at each time step
    z_t ~ q(z_t | h_t, e_t)         posterior, of an embedded frame

``actions[:, t]`` led to frame t, as in Dreamer's data.

The posterior depends on neither members nor prior draws. So what the published codes compute at
each time step for all members (and throw away but for one) is computed here after the loop, for all
time steps at once and for the drawn members alone; and what depends on frames and actions alone
before it. Outcomes are the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.dreamer.cells import Cell
from baselines.dreamer.latents import Latent


@dataclass(frozen=True, slots=True)
class State:
    """Latent states.

    Attributes:
        z: (..., Z), drawn.
        h: (..., D), carried on.
    """

    z: Tensor
    h: Tensor

    @property
    def features(self) -> Tensor:
        """What heads, actor and critics see: (..., Z + D)."""
        return torch.cat((self.z, self.h), -1)

    def flat(self) -> State:
        """Without gradients and with one leading dimension."""
        return State(self.z.detach().flatten(0, -2), self.h.detach().flatten(0, -2))


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of an ensemble model.

    Attributes:
        actions: A, 0 for a model without actions.
        embedding: E.
        recurrent: D.
        hidden: units of each hidden layer.
        members: K.
    """

    actions: int
    embedding: int
    recurrent: int
    hidden: int
    members: int


class Ensemble(nn.Module):
    """K perceptrons of one hidden layer, (..., I) → (K, ..., O), as two batched products.

    Attributes:
        weight1, bias1, weight2, bias2: (K, I, U), (K, U), (K, U, O), (K, O).
    """

    def __init__(self, members: int, inputs: int, units: int, outputs: int) -> None:
        super().__init__()
        self.weight1 = nn.Parameter(torch.empty(members, inputs, units))
        self.bias1 = nn.Parameter(torch.zeros(members, units))
        self.weight2 = nn.Parameter(torch.empty(members, units, outputs))
        self.bias2 = nn.Parameter(torch.zeros(members, outputs))

    def initialize(self, generator: torch.Generator) -> None:
        """Uniform weights after Glorot, each member's by itself."""
        for stacked in (self.weight1, self.weight2):
            for weight in stacked:
                nn.init.xavier_uniform_(weight, generator=generator)

    def forward(self, inputs: Tensor) -> Tensor:
        """The outputs of all members, (..., I) → (K, ..., O)."""
        flat = inputs.flatten(0, -2).expand(len(self.weight1), -1, -1)
        hidden = functional.elu(torch.baddbmm(self.bias1[:, None], flat, self.weight1))
        outputs = torch.baddbmm(self.bias2[:, None], hidden, self.weight2)
        return outputs.unflatten(1, inputs.shape[:-1])

    def chosen(self, inputs: Tensor, members: Tensor) -> Tensor:
        """Each row by one member.

        Args:
            inputs: (T, N, I).
            members: int64 (T,), on the device.

        Returns:
            (T, N, O).
        """
        weight1, bias1 = self.weight1[members], self.bias1[members, None]
        weight2, bias2 = self.weight2[members], self.bias2[members, None]
        return torch.baddbmm(bias2, functional.elu(torch.baddbmm(bias1, inputs, weight1)), weight2)


class EnsembleRSSM(nn.Module):
    """The model.

    Attributes:
        latent: kind of z.
        sizes: of everything.
        features: Z + D.
    """

    def __init__(self, latent: Latent, sizes: Sizes, cell: type[Cell]) -> None:
        super().__init__()
        self.latent, self.sizes = latent, sizes
        self.features = latent.size + sizes.recurrent
        self.inward = nn.Linear(latent.size + sizes.actions, sizes.hidden)
        self.cell = cell(sizes.hidden, sizes.recurrent)
        self.prior = Ensemble(sizes.members, sizes.recurrent, sizes.hidden, latent.outputs)
        self.observed = nn.Linear(sizes.recurrent + sizes.embedding, sizes.hidden)
        self.posterior = nn.Linear(sizes.hidden, latent.outputs)

    def initial(self, count: int) -> State:
        """States before anything was seen: zeros, (count, ...)."""
        weight = self.inward.weight
        return State(
            weight.new_zeros(count, self.latent.size), weight.new_zeros(count, self.sizes.recurrent)
        )

    def observe(
        self, embeddings: Tensor, actions: Tensor, noise: Tensor, is_first: Tensor | None = None
    ) -> tuple[State, Tensor]:
        """Posterior states of sequences that begin with nothing remembered.

        Args:
            embeddings: (B, T, E).
            actions: (B, T, A); row t led to frame t.
            noise: (B, T, ...) for the posterior draws; see :class:`Latent`.
            is_first: bool (B, T), where all that came before is forgotten, the action included;
                ``None``: nowhere after the start.

        Returns:
            States (B, T, ...) and the posterior's outputs (B, T, O).
        """
        keep = None if is_first is None else (~is_first)[..., None].to(actions.dtype)
        seen, moved = self._hoisted(embeddings, actions if keep is None else actions * keep)
        state, posteriors, zs, hs = self.initial(len(embeddings)), [], [], []
        for step, (seen_now, moved_now, draw) in enumerate(
            zip(seen.unbind(1), moved.unbind(1), noise.unbind(1), strict=True)
        ):
            if keep is not None:
                state = State(state.z * keep[:, step], state.h * keep[:, step])
            h = self._carried(state, moved_now)
            outputs = self.posterior(functional.elu(self._by_h(h) + seen_now))
            state = State(self.latent.draw(outputs, draw), h)
            posteriors.append(outputs)
            zs.append(state.z)
            hs.append(h)
        states = State(torch.stack(zs, 1), torch.stack(hs, 1))
        return states, torch.stack(posteriors, 1)

    def priors(self, h: Tensor, members: Tensor) -> Tensor:
        """Outputs of the drawn members, (B, T, D) and int64 (T,) → (B, T, O)."""
        return self.prior.chosen(h.transpose(0, 1), members).transpose(0, 1)

    def filtered(
        self,
        state: State,
        action: Tensor,
        embedding: Tensor,
        first: Tensor,
        noise: Tensor | None,
    ) -> State:
        """The posterior states one time step on: what a policy remembers.

        Args:
            state: (B, ...), of the time step before.
            action: (B, A), that was taken there.
            embedding: (B, E), of the frame that followed.
            first: bool (B,), where an episode begins instead.
            noise: for the draw; ``None`` takes the mode.
        """
        keep = (~first)[:, None].to(action.dtype)
        seen, moved = self._hoisted(embedding, action * keep)
        h = self._carried(State(state.z * keep, state.h * keep), moved)
        outputs = self.posterior(functional.elu(self._by_h(h) + seen))
        z = self.latent.mode(outputs) if noise is None else self.latent.draw(outputs, noise)
        return State(z, h)

    def carried(self, state: State, action: Tensor) -> Tensor:
        """The next h, (B, D), after actions (B, A)."""
        return self._carried(state, self._moved(action))

    def _hoisted(self, embeddings: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """What of the hidden layers depends on frames and on actions alone."""
        weight = self.observed.weight[:, self.sizes.recurrent :]
        return functional.linear(embeddings, weight, self.observed.bias), self._moved(actions)

    def _moved(self, actions: Tensor) -> Tensor:
        weight = self.inward.weight[:, self.latent.size :]
        return functional.linear(actions, weight, self.inward.bias)

    def _by_h(self, h: Tensor) -> Tensor:
        return functional.linear(h, self.observed.weight[:, : self.sizes.recurrent])

    def _carried(self, state: State, moved: Tensor) -> Tensor:
        by_z = functional.linear(state.z, self.inward.weight[:, : self.latent.size])
        return self.cell(functional.elu(by_z + moved), state.h)
