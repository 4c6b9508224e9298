"""DreamerV2 (Hafner et al. 2021) on a dataset, and then in the environment: MOTO's online baseline.

Model, actor and critic are those of :mod:`baselines.dreamer.discrete` and
:mod:`baselines.dreamer.valued`, with r~ = r: no penalty, no cloning. As MOTO's paper has it, all
other hyperparameters are MOTO's, and so is the order of play and gradient steps
(:mod:`baselines.dreamer.fine_tuning`).
"""

from __future__ import annotations

from torch import Tensor

from baselines.bench.algorithm import Algorithm
from baselines.dreamer.agent import Metrics, RecurrentPolicy
from baselines.dreamer.batches import Chunk
from baselines.dreamer.fine_tuning import FineTunedAgent, JointNoise
from baselines.dreamer.moto_settings import FineTuningSettings, caveat, dreamer_preset
from baselines.dreamer.networks import check_frame_size
from baselines.dreamer.penalties import logit_deviation
from baselines.dreamer.rssm import State
from baselines.dreamer.valued import ValuedAgent


class DreamerV2(FineTunedAgent, ValuedAgent):
    """A world model, a policy in it, and a critic of states."""

    agent_metrics = ("actor_loss", "critic_loss", "reward", "value", "entropy")

    def agent_step(self, batch: Chunk, states: State, noise: JointNoise) -> Metrics:
        """One gradient step of actor and critic, both from the networks as they were."""
        del batch
        told = self.learn(states.flat(), noise)
        return {name: told[name] for name in self.agent_metrics}

    def penalize(self, outputs: Tensor) -> Tensor:
        """How the members differ, (...), of their outputs (K, ..., O); for looking inside alone."""
        return logit_deviation(outputs)

    def copy_critics(self, _: int = 0) -> None:
        """Renew the critic of the targets."""
        self.copy_critic()

    def policy(self) -> RecurrentPolicy:
        """The mode of the policy, on a latent state of its own."""
        return self.recurrent_policy(draw=self._tuning.drawn_latents)


ALGORITHM = Algorithm(
    name="DreamerV2",
    paper="https://arxiv.org/abs/2010.02193",
    settings=FineTuningSettings,
    preset=dreamer_preset,
    agent=DreamerV2,
    shared="suite",
    check_size=check_frame_size,
    caveat=caveat,
)
