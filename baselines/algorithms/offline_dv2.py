"""Offline DV2 (Lu et al. 2023, section 3.2 and appendix C.1): DreamerV2 with a cautious reward.

Phase one is the world model of :mod:`baselines.dreamer.discrete`, on sequences of the data. Phase
two is actor and critic of :mod:`baselines.dreamer.valued`, in the model as it is then, with

    r~_t = r(s_t) - λ u_t,   u_t = (1/K) Σ_k ‖μ_k(h_t) - mean_j μ_j(h_t)‖

The penalty stands at every state, the first one included, and gradients flow through it, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
from torch import Tensor

from baselines.bench.algorithm import Algorithm, Spaces
from baselines.bench.phases import Phase, PhaseContext
from baselines.dreamer.agent import Metrics, RecurrentPolicy
from baselines.dreamer.batches import Chunk, EmbeddedBatches
from baselines.dreamer.imagination import Dream, DreamNoise, dream
from baselines.dreamer.latents import Latent
from baselines.dreamer.networks import check_frame_size
from baselines.dreamer.noise import AgentNoise, draw_agent_noise
from baselines.dreamer.penalties import mean_disagreement, squared_disagreement
from baselines.dreamer.rssm import State
from baselines.dreamer.settings import SMALL, AgentSettings
from baselines.dreamer.valued import ValuedAgent
from vd4rl_data.spec import DatasetSpec

Penalty = Literal["mean_disagreement", "squared_disagreement"]

_PENALTIES: Final[dict[str, Callable[[Latent, Tensor], Tensor]]] = {
    "mean_disagreement": mean_disagreement,
    "squared_disagreement": squared_disagreement,
}

PENALTY_WEIGHT: Final[dict[tuple[str, str], float]] = {
    ("walker_walk", "random"): 3.0,
    ("cheetah_run", "random"): 3.0,
    ("walker_walk", "medium_replay"): 8.0,
}
"""λ by task and behavior where it is not 10. [P], appendix D.1: "both random datasets"."""

_USUAL_WEIGHT: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineDv2Settings(AgentSettings):
    """Hyperparameters. [P]: Table 7; [C]: the published code; [D]: DreamerV2's defaults."""

    model_steps: int
    """How many of them train the model; the rest train actor and critic in it."""
    penalty: Penalty = "mean_disagreement"
    """u: what [C] computes, or equation 1 of [P] as printed, some seven times larger."""
    penalty_weight: float = _USUAL_WEIGHT
    """λ. [P]: 10, 3 on random data, 8 on walker's medium_replay; [C]: 5."""
    drawn_latents: bool = True
    """Whether an evaluation draws latent states ([C]) or takes their mode; actions are the
    policy's mode either way."""


class OfflineDv2(ValuedAgent):
    """A world model, and a policy that avoids what the model is unsure of."""

    def __init__(
        self,
        settings: OfflineDv2Settings,
        spaces: Spaces,
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        self.settings = settings
        super().__init__(settings, spaces, device, generator)
        self._penalize = _PENALTIES[settings.penalty]

    def phases(self) -> tuple[Phase, ...]:
        """The model, then actor and critic in it."""
        settings = self.settings
        return (
            self.model_phase(settings.model_steps),
            Phase(
                name="agent",
                batches=self.embeddings,
                draw=self.draw_agent,
                update=self.update_agent,
                metrics=("actor_loss", "critic_loss", "reward", "penalty", "value", "entropy"),
                every=((settings.slow_every, self.copy_critic),),
            ),
        )

    def embeddings(self, context: PhaseContext) -> EmbeddedBatches:
        """Batches of the second phase, in which the model stays as it is."""
        for part in ("encoder", "model", "reward"):
            self.networks[part].requires_grad_(False)
        return EmbeddedBatches(context, *self.shape, self.encode)

    def draw_agent(self, _: int, generator: torch.Generator) -> AgentNoise:
        """The noise of a step of actor and critic."""
        return draw_agent_noise(self.model, self.shape, self.settings.horizon, generator)

    def update_agent(self, batch: Chunk, noise: AgentNoise) -> Metrics:
        """One gradient step of actor and critic, both from the networks as they were."""
        with self.autocast(), torch.no_grad():
            states, _ = self.model.observe(batch.frames, self.led(batch), noise.posteriors)
        return self.learn(states.flat(), noise)

    def imagine(self, start: State, noise: DreamNoise) -> Dream:
        """A future of the policy, from states (N, ...), with penalties."""
        return dream(self.model, start, noise, self.sample, self.penalize)

    def penalize(self, outputs: Tensor) -> Tensor:
        """u, (...), of the members' outputs (K, ..., O)."""
        return self._penalize(self.latent, outputs)

    def cautious(self, rewards: Tensor, future: Dream) -> Tensor:
        """r~, (H, N)."""
        return rewards - self.settings.penalty_weight * future.penalties

    def policy(self) -> RecurrentPolicy:
        """The mode of the policy, on a latent state of its own."""
        return self.recurrent_policy(draw=self.settings.drawn_latents)


SMOKE: Final[dict[str, Any]] = {"steps": 20, "model_steps": 10, **SMALL}


def preset(name: str, dataset: DatasetSpec) -> OfflineDv2Settings:
    """``paper``, ``official_code`` or ``smoke``.

    Steps of [P]: 800 and 2,400 epochs, that is 25,000 and 75,000 for 100,000 transitions. [C] runs
    25,100 and 200,000 whatever the data.
    """
    weight = PENALTY_WEIGHT.get((dataset.id.task, dataset.id.behavior), _USUAL_WEIGHT)
    model_steps = max(1, epochs(800, dataset))
    own: dict[str, Any] = {
        "paper": {"steps": 4 * model_steps, "model_steps": model_steps, "penalty_weight": weight},
        "official_code": {"steps": 225_100, "model_steps": 25_100, "penalty_weight": 5.0},
        "smoke": {**SMOKE, "penalty_weight": weight},
    }
    return OfflineDv2Settings(**own[name])


def epochs(count: int, dataset: DatasetSpec) -> int:
    """Gradient steps of so many passes over a dataset, in batches of 64 sequences of 50."""
    return count * dataset.num_transitions // (64 * 50)


ALGORITHM = Algorithm(
    name="Offline DV2",
    paper="https://arxiv.org/abs/2206.04779",
    settings=OfflineDv2Settings,
    preset=preset,
    agent=OfflineDv2,
    shared="dataset",
    check_size=check_frame_size,
)
