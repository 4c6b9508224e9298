"""An algorithm of two phases: a model of what actions follow, then a policy on its latents."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.bench.algorithm import Algorithm, Spaces
from baselines.bench.batches import SampledBatches
from baselines.bench.phases import Phase, PhaseContext
from baselines.bench.policy import View
from baselines.optimization import Descent
from vd4rl_data.pytorch import TorchSequences, TorchTransitions

BATCH, LATENT, REPLAY = 3, 5, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PhasedSettings:
    steps: int = 10
    model_share: float = 0.4
    frame_stack: int = 1
    precision: str = "float32"


@dataclass(frozen=True, slots=True)
class Noise:
    normal: Tensor


@dataclass(frozen=True, slots=True)
class Latents:
    latents: Tensor
    actions: Tensor


class Replay:
    """Batches of what the agent remembers: latents that grow stale, and are encoded anew."""

    def __init__(self, agent: PhasedAgent, context: PhaseContext) -> None:
        frames = TorchTransitions(
            context.dataset, REPLAY, 1, 1, 1.0, context.generator, layout="stacked"
        )
        self._agent, self._frames = agent, SampledBatches(frames, context.state)
        agent.fresh = self._frames
        if context.state is None:
            agent.refresh(0)
        self._taken = 0 if context.state is None else context.state["rows"]

    def __next__(self) -> Latents:
        rows = (torch.arange(BATCH) + self._taken) % REPLAY
        self._taken += BATCH
        return Latents(self._agent.latents[rows], self._agent.actions[rows])

    def state(self) -> Mapping[str, Any]:
        return {**self._frames.state(), "rows": self._taken}


class PhasedAgent:
    def __init__(
        self,
        settings: PhasedSettings,
        spaces: Spaces,
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        self.settings, self.fresh, self.chores = settings, iter(()), list[tuple[str, int]]()
        inputs = spaces.channels * spaces.size**2
        self.encoder, self.head = nn.Linear(inputs, LATENT), nn.Linear(LATENT, spaces.action_size)
        self.actor = nn.Linear(LATENT, spaces.action_size)
        for network in (self.encoder, self.head, self.actor):
            for parameter in network.parameters():
                nn.init.normal_(parameter, 0, 0.05, generator=generator)
        self.slow_actor = copy.deepcopy(self.actor)
        self.latents = torch.zeros(REPLAY, LATENT)
        self.actions = torch.zeros(REPLAY, spaces.action_size)
        model = [*self.encoder.parameters(), *self.head.parameters()]
        self.descents = {
            "model": Descent(model, 1e-2),
            "actor": Descent(self.actor.parameters(), 1e-2),
        }

    def phases(self) -> tuple[Phase, ...]:
        return (
            Phase(
                name="model",
                steps=self.settings.model_share,
                batches=self.chunks,
                draw=self.draw,
                update=self.update_model,
                metrics=("model_loss",),
                evaluated=False,
            ),
            Phase(
                name="policy",
                batches=lambda context: Replay(self, context),
                draw=self.draw,
                update=self.update_actor,
                metrics=("actor_loss", "latent"),
                every=((2, self.follow), (3, self.refresh)),
            ),
        )

    def chunks(self, context: PhaseContext) -> SampledBatches:
        windows = TorchSequences(context.dataset, BATCH, 2, context.generator, layout="BLCHW")
        return SampledBatches(windows, context.state)

    def draw(self, step: int, generator: torch.Generator) -> Noise:
        return Noise(torch.randn(BATCH, LATENT, generator=generator))

    def encode(self, observations: Tensor) -> Tensor:
        return self.encoder(observations.flatten(1) / 255.0 - 0.5)

    def update_model(self, batch: Any, noise: Noise) -> dict[str, Tensor]:
        latent = self.encode(batch.observations[:, 0]) + 0.1 * noise.normal
        loss = functional.mse_loss(self.head(latent), batch.actions[:, 0])
        self.descents["model"].step(loss)
        return {"model_loss": loss.detach()}

    def update_actor(self, batch: Latents, noise: Noise) -> dict[str, Tensor]:
        guess = self.actor(batch.latents + 0.1 * noise.normal)
        loss = functional.mse_loss(guess, batch.actions)
        self.descents["actor"].step(loss)
        return {"actor_loss": loss.detach(), "latent": batch.latents.mean()}

    def follow(self, step: int) -> None:
        self.chores.append(("follow", step))
        for slow, fast in zip(self.slow_actor.parameters(), self.actor.parameters(), strict=True):
            slow.data.lerp_(fast.data, 0.5)

    def refresh(self, step: int) -> None:
        self.chores.append(("refresh", step))
        batch = next(self.fresh)
        with torch.no_grad():
            self.latents.copy_(self.encode(batch.observations))
        self.actions.copy_(batch.actions)

    def policy(self) -> PhasedPolicy:
        return PhasedPolicy(self)

    def state(self) -> dict[str, Any]:
        networks = (self.encoder, self.head, self.actor, self.slow_actor)
        return {
            "networks": [network.state_dict() for network in networks],
            "optimizers": {name: d.adam.state_dict() for name, d in self.descents.items()},
            "replay": [self.latents, self.actions],
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        networks = (self.encoder, self.head, self.actor, self.slow_actor)
        for network, saved in zip(networks, state["networks"], strict=True):
            network.load_state_dict(saved)
        for name, descent in self.descents.items():
            descent.adam.load_state_dict(state["optimizers"][name])
        self.latents.copy_(state["replay"][0])
        self.actions.copy_(state["replay"][1])

    def tensors(self) -> list[Tensor]:
        return [tensor for descent in self.descents.values() for tensor in descent.tensors()]

    def compile(self) -> None:
        pass


class PhasedPolicy:
    """Sums up what it has seen in an episode, and leans to where the disc is."""

    wants_state = True

    def __init__(self, agent: PhasedAgent) -> None:
        self._agent, self._memory = agent, torch.zeros(1, LATENT)

    def __call__(self, view: View) -> Tensor:
        assert view.state is not None
        before = torch.where(view.first[:, None], torch.zeros(1, LATENT), self._memory)
        self._memory = before + self._agent.encode(view.observations)
        return torch.tanh(self._agent.slow_actor(self._memory) + 0.5 * view.state)


ALGORITHM = Algorithm(
    name="Phased",
    paper="https://example.org",
    settings=PhasedSettings,
    preset=lambda name, dataset: PhasedSettings(),
    agent=PhasedAgent,
    shared="suite",
)
NAME = f"{__name__}:ALGORITHM"
