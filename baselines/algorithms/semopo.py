"""SeMOPO (Wan et al. 2024): Offline DV2 on the half of the world that actions move.

Phase one, two models on the same frames: s⁺ (endogenous) is fed actions, s⁻ (exogenous) is not.
With m_t and n_t drawn from the K members of each at each time step:

    s⁺_t = (z⁺_t, h⁺_t),  h⁺_t = f⁺(h⁺_{t-1}, z⁺_{t-1}, a_{t-1}),  z⁺_t ~ q⁺(z | h⁺_t, enc⁺(x_t))
    s⁻_t = (z⁻_t, h⁻_t),  h⁻_t = f⁻(h⁻_{t-1}, z⁻_{t-1}),           z⁻_t ~ q⁻(z | h⁻_t, enc⁻(x_t))
    L = KL(q⁺ ‖ p⁺_{m_t}) + KL(q⁻ ‖ p⁻_{n_t})
      - E[log U(x_t | s⁺_t, s⁻_t)] - E[log p(r_t | sg s⁺_t)] - w E[log U⁻(x_t | s⁻_t)]

Both divergences are balanced and have free nats, as Offline DV2's. U mixes what each state shows by
a mask; U⁻ makes the exogenous state explain what it can by itself. Chunks are of few trajectories
at first: see :mod:`baselines.dreamer.conservative`.

Each half has an optimizer. The published code lets both of them step the decoders of U, each with
the gradient of its own part of L, which for those decoders is the same.

Phase two is that of :mod:`~baselines.algorithms.offline_dv2` in the endogenous model: penalty,
policy and values know s⁺ alone.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
from torch import Tensor, nn

from baselines.algorithms.offline_dv2 import SMOKE, OfflineDv2, OfflineDv2Settings
from baselines.bench.algorithm import Algorithm, Spaces
from baselines.bench.phases import PhaseContext
from baselines.dreamer.agent import Metrics
from baselines.dreamer.batches import Chunk, EmbeddedBatches
from baselines.dreamer.cells import Cell
from baselines.dreamer.conservative import ConservativeBatches, Curriculum, Order, Rule
from baselines.dreamer.descent import gradients_of
from baselines.dreamer.latents import Gaussian, Latent
from baselines.dreamer.losses import image_log_prob
from baselines.dreamer.masks import Masked, MaskedDecoders
from baselines.dreamer.networks import Decoder, centered, check_frame_size
from baselines.dreamer.noise import ModelNoise, draw_model_noise
from baselines.dreamer.rssm import EnsembleRSSM, State
from baselines.dreamer.settings import AgentSettings
from vd4rl_data.spec import DatasetSpec

ONLY_WEIGHT: Final[dict[str, float]] = {"hopper_hop": 2.0}
"""w by task where it is not 1.5: the commands that the published code names."""

_USUAL_WEIGHT: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class SemopoSettings(OfflineDv2Settings):
    """Hyperparameters. [P]: the paper with its appendix D; [C]: the published code."""

    exogenous_weight: float = _USUAL_WEIGHT
    """w. [P] does not show the term; [C]: 1.5, hopper 2."""
    squared_weight: bool = False
    """Whether w enters as its square: [C] multiplies by it twice."""
    shared_twice: bool = False
    """Whether both optimizers step the decoders that both states share ([C]), or one. [P]: one."""
    sampling: Rule = "conservative"
    """Which trajectories are sampled while the model learns. [P]: conservative; [C]'s sampler never
    draws the best one, keeps one of those with equal returns, and may end before it has all."""
    episode_order: Order = "return"
    """In which they come. [P] does not say; [C]: the smallest return first."""
    full_at: float = 0.8
    """Share of the model's steps after which conservative sampling has all of them. In [P] it is
    one more in each epoch; with 200 trajectories, as most of its datasets have, that is one more in
    each hundred of 25,000 steps, [C]'s pace."""
    latents: Literal["categorical", "gaussian"] = "categorical"
    """Kind of latent states, of both models. [P]: Gaussian, with --dimensions 32 --hidden 1024;
    [C]: one-hot variables."""
    dimensions: int = 32
    """Of a Gaussian latent state. [P]"""


@dataclass(frozen=True, slots=True)
class SeparatedNoise(ModelNoise):
    """Of a step of both models: what an endogenous one needs, and the same for the exogenous one.

    Attributes:
        exogenous_members: int64 (T,).
        exogenous_latents: (B, T, ...).
    """

    exogenous_members: Tensor
    exogenous_latents: Tensor


class Semopo(OfflineDv2):
    """Two world models, and a policy in the one that actions move."""

    model_metrics = (
        *OfflineDv2.model_metrics,
        "exogenous_divergence",
        "exogenous_image_loss",
        "exogenous_gradient_norm",
    )

    def __init__(
        self,
        settings: SemopoSettings,
        spaces: Spaces,
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        self._separation = settings
        super().__init__(settings, spaces, device, generator)

    def make_latent(self, settings: AgentSettings) -> Latent:
        """The kind of latent states, of both models."""
        if self._separation.latents == "gaussian":
            return Gaussian(self._separation.dimensions)
        return super().make_latent(settings)

    def add_world(
        self, cell: type[Cell], head: tuple[int, int], activation: type[nn.Module] = nn.ELU
    ) -> None:
        """Make the networks of both models; the exogenous one has no place for actions."""
        super().add_world(cell, head, activation)
        self.exogenous_encoder, self.exogenous_model = self.make_model(cell, 0)
        features, size = self.exogenous_model.features, self.spaces.size
        self.exogenous_decoder = Decoder(features, size, self.settings.depth)
        for name in ("exogenous_encoder", "exogenous_model", "exogenous_decoder"):
            self.add(name, getattr(self, name))

    def make_decoder(self, activation: type[nn.Module]) -> nn.Module:
        """U."""
        del activation  # ELU, as all of it
        return MaskedDecoders(self.model.features, self.spaces.size, self.settings.depth)

    def add_model_descents(self) -> None:
        """Make the optimizers of the model: one for each half."""
        super().add_model_descents()
        own = ("exogenous_encoder", "exogenous_model", "exogenous_decoder")
        shared = ("decoder",) if self._separation.shared_twice else ()
        rate, decay = self.settings.model_learning_rate, self.settings.weight_decay
        self.add_descent("exogenous", (*own, *shared), rate, decay)

    def curriculum(self, context: PhaseContext) -> Curriculum:
        """Which trajectories the model sees when."""
        settings = self._separation
        full = max(round(settings.full_at * settings.model_steps), 1)
        rule, order = settings.sampling, settings.episode_order
        return Curriculum(context.dataset, rule, order, length=settings.length, full=full)

    def frames(self, context: PhaseContext) -> ConservativeBatches:
        """Batches of the first phase."""
        return ConservativeBatches(context, *self.shape, self.curriculum(context))

    def embeddings(self, context: PhaseContext) -> EmbeddedBatches:
        """Batches of the second phase, of what the sampler had in the end."""
        reached = self.curriculum(context).at(self.settings.model_steps)
        return super().embeddings(dataclasses.replace(context, dataset=reached))

    def draw_model(self, _: int, generator: torch.Generator) -> SeparatedNoise:
        """The noise of a step of both models."""
        ours, theirs = (
            draw_model_noise(model, self.shape, generator)
            for model in (self.model, self.exogenous_model)
        )
        return SeparatedNoise(ours.members, ours.latents, theirs.members, theirs.latents)

    def update_model(self, batch: Chunk, noise: ModelNoise) -> Metrics:
        """One gradient step of both models, both from the networks as they were."""
        with self.autocast():
            loss, metrics = self.model_loss(batch, noise)
        descents = self.descents["model"], self.descents["exogenous"]
        gradients = gradients_of(loss, descents)
        norms = [each.apply(found) for each, found in zip(descents, gradients, strict=True)]
        metrics["gradient_norm"], metrics["exogenous_gradient_norm"] = norms
        return {**metrics, "model_loss": loss.detach()}

    def model_loss(self, batch: Chunk, noise: ModelNoise) -> tuple[Tensor, Metrics]:
        """L, and its parts; what both optimizers descend from, each by its own networks."""
        assert isinstance(noise, SeparatedNoise)
        frames, pixels = batch.frames, centered(batch.frames)
        nothing = batch.actions[..., :0]
        endogenous, posterior = self.model.observe(
            self.encoder(frames), self.led(batch), noise.latents
        )
        exogenous, other_posterior = self.exogenous_model.observe(
            self.exogenous_encoder(frames), nothing, noise.exogenous_latents
        )
        prior = self.model.priors(endogenous.h, noise.members)
        other_prior = self.exogenous_model.priors(exogenous.h, noise.exogenous_members)
        kl_loss, divergence = self.kl_loss(posterior, prior)
        other_kl_loss, other_divergence = self.kl_loss(other_posterior, other_prior)
        seen: Masked = self.decoder(endogenous.features, exogenous.features)
        image = -image_log_prob(seen.mean, pixels).mean()
        only = -image_log_prob(self.exogenous_decoder(exogenous.features), pixels).mean()
        known = State(endogenous.z.detach(), endogenous.h.detach())
        reward = self.reward_loss(known, batch)
        loss = kl_loss + other_kl_loss + image + reward + self.only_weight * only
        parts = {
            "divergence": divergence,
            "image_loss": image,
            "reward_loss": reward,
            "exogenous_divergence": other_divergence,
            "exogenous_image_loss": only,
        }
        return loss, {name: each.detach() for name, each in parts.items()}

    @property
    def models(self) -> tuple[EnsembleRSSM, ...]:
        """The endogenous and the exogenous one."""
        return self.model, self.exogenous_model

    def observe_frames(self, chunk: Chunk, generator: torch.Generator) -> tuple[State, ...]:
        """Posterior states (B, T, ...) of frames, of both models."""
        noise = self.latent.noise(chunk.actions.shape[:2], generator)
        with self.autocast():
            embeddings = self.exogenous_encoder(chunk.frames).float()
        nothing = chunk.actions[..., :0]
        exogenous, _ = self.exogenous_model.observe(embeddings, nothing, noise)
        return *super().observe_frames(chunk, generator), exogenous

    def pictures(self, states: tuple[State, ...]) -> dict[str, Tensor]:
        """What both show together and each by itself; white in the mask is endogenous."""
        seen: Masked = self.decoder(*(each.features for each in states))
        return {
            "both": seen.mean,
            "endogenous": seen.endogenous,
            "exogenous": seen.exogenous,
            "mask": seen.mask - 0.5,
        }

    def uncertainties(self, states: tuple[State, ...]) -> dict[str, Tensor]:
        """The penalty u, and the same of the exogenous model, which nothing depends on."""
        names = "endogenous", "exogenous"
        return {
            name: self.penalize(model.prior(each.h))
            for name, model, each in zip(names, self.models, states, strict=True)
        }

    @property
    def only_weight(self) -> float:
        """How much U⁻ counts."""
        weight = self._separation.exogenous_weight
        return weight**2 if self._separation.squared_weight else weight


def preset(name: str, dataset: DatasetSpec) -> SemopoSettings:
    """``paper``, ``official_code`` or ``smoke``.

    Steps, learning rate of the model and λ are those of [P]'s appendix D or of [C]; [C]'s λ is 5,
    as its option for 10 is not read without another one.
    """
    weight = ONLY_WEIGHT.get(dataset.id.task, _USUAL_WEIGHT)
    own: dict[str, Any] = {
        "paper": {"steps": 125_000, "model_steps": 25_000, "model_learning_rate": 6e-5},
        "official_code": {
            "steps": 125_100,
            "model_steps": 25_100,
            "penalty_weight": 5.0,
            "squared_weight": True,
            "shared_twice": True,
            "sampling": "official_code",
        },
        "smoke": SMOKE,
    }
    return SemopoSettings(exogenous_weight=weight, **own[name])


ALGORITHM = Algorithm(
    name="SeMOPO",
    paper="https://arxiv.org/abs/2406.09486",
    settings=SemopoSettings,
    preset=preset,
    agent=Semopo,
    shared="dataset",
    check_size=check_frame_size,
)
