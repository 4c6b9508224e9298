"""LOMPO (Rafailov et al. 2021): latent off-policy learning with a cautious reward; and COMBO.

Phase one, the world model, with one Gaussian prior p_m of K drawn at each time step:

    e_t = enc(x_t),  h_t = f(h_{t-1}, z_{t-1}, a_{t-1}),  z_t ~ q(z | h_t, e_t),  s_t = (z_t, h_t)
    L = KL(q ‖ p_{m_t}(z | h_t)) - E[log p(x_t | s_t)] - E[log p(r_t | s_t)]

Where proprioception y_t is seen, e_t = (enc(x_t), y_t), and L has - E[log p(y_t | s_t)], too.

Phase two, actor and critics on a replay of latent transitions (s, a, r~, s'), half of them the
data's with r~ = r, half imagined from the data's states, with a = π(s) + noise and

    r~ = r(s') - λ std_k log p_k(z' | h')

    y = r~ + γ min_i Q̄_i(s', π(s'))
    L(θ) = Σ_i E[(Q_i(s, a) - y)²] + α Σ_i (E[log Σ_{â ∈ Â} exp Q_i(s, â)] - E_data[Q_i(s, a)])
    L(φ) = -E[min_i Q_i(s, π(s))]
    θ̄ ← θ̄ + τ (θ - θ̄)

Â are some uniform actions and the policy's. LOMPO has α = 0; with α > 0 and λ = 0 this is COMBO (Yu
et al. 2021), as MOTO's authors ran it with the same code. Every so many steps an episode of the
data is encoded anew, and more is imagined with the policy as it is then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from baselines.bench.algorithm import Algorithm, Spaces
from baselines.bench.phases import Phase, PhaseContext
from baselines.dreamer.agent import Metrics, RecurrentPolicy
from baselines.dreamer.batches import Chunk
from baselines.dreamer.cells import GRUCell
from baselines.dreamer.imagination import DreamNoise
from baselines.dreamer.latents import Gaussian
from baselines.dreamer.lompo_settings import LompoSettings, combo_preset, preset
from baselines.dreamer.losses import scalar_log_prob
from baselines.dreamer.networks import Perceptron, check_frame_size, initialize
from baselines.dreamer.noise import ModelNoise
from baselines.dreamer.penalties import log_prob_deviation
from baselines.dreamer.replay import LatentReplay, LatentTransitions, ReplaySizes
from baselines.dreamer.rssm import State
from baselines.dreamer.world import WORLD, WorldAgent
from baselines.errors import InvalidSettingError
from baselines.optimization import Average

_STATE_LAYERS: Final = 3
"""Hidden layers of what predicts proprioception. [C]"""


@dataclass(frozen=True, slots=True)
class AgentNoise:
    """All that is random in a step of actor and critics.

    Attributes:
        uniform: (2 B, N, A) in [-1, 1), for COMBO; ``None`` without its gap.
    """

    uniform: Tensor | None


class Lompo(WorldAgent):
    """A Gaussian world model, and a deterministic policy on latent transitions."""

    forgets = False

    def __init__(
        self,
        settings: LompoSettings,
        spaces: Spaces,
        device: torch.device,
        generator: torch.Generator,
    ) -> None:
        latent = Gaussian(settings.dimensions, shared=settings.shared_noise)
        super().__init__(settings, latent, spaces, device, generator)
        actions, units, self.settings = spaces.action_size, settings.units, settings
        self.seen_states = seen_states(settings, spaces)
        self.add_world(GRUCell, (settings.reward_layers, units), nn.ReLU)
        features = self.model.features
        self.actor = Perceptron(features, actions, settings.actor_layers, units)
        self.critics, self.slow_critics = (
            nn.ModuleList(
                Perceptron(features + actions, 1, settings.critic_layers, units) for _ in range(2)
            )
            for _ in range(2)
        )
        for name in ("actor", "critics", "slow_critics"):
            self.add(name, getattr(self, name))
        self.averages["slow_critics"] = Average([self.slow_critics], [self.critics])
        if not settings.synchronized:
            own = Perceptron(features + actions, 1, settings.critic_layers, units)
            for target in self.slow_critics:
                initialize(own, generator)
                target.load_state_dict(own.state_dict())
        world: tuple[str, ...] = WORLD
        if self.seen_states:
            self.felt = Perceptron(features, self.seen_states, _STATE_LAYERS, units)
            self.add("felt", self.felt)
            world, self.model_metrics = (*WORLD, "felt"), (*self.model_metrics, "state_loss")
        self.add_descent("model", world, settings.model_learning_rate)
        for name in ("critics", "actor"):
            self.add_descent(name, (name,), settings.agent_learning_rate)

    def phases(self) -> tuple[Phase, ...]:
        """The model, then actor and critics on what it dreams."""
        settings = self.settings
        return (
            self.model_phase(settings.model_steps),
            Phase(
                name="agent",
                batches=self.replay,
                draw=self.draw_agent,
                update=self.update_agent,
                metrics=("critic_loss", "actor_loss", "q", "target_q", "reward"),
                every=((settings.refresh_every, self.refresh),),
            ),
        )

    def replay(self, context: PhaseContext) -> LatentReplay:
        """Batches of the second phase, in which the model stays as it is."""
        settings = self.settings
        sizes = ReplaySizes(settings.agent_batch_size, *self.shape, settings.initial_fill)
        self._replay = LatentReplay(context, self, sizes, proprioception=self.seen_states > 0)
        return self._replay

    def refresh(self, _: int) -> None:
        """See one more episode of the data, and imagine some more."""
        self._replay.refresh()

    def model_loss(self, batch: Chunk, noise: ModelNoise) -> tuple[Tensor, Metrics]:
        """L of the model, and its parts: no balance, no free nats, real actions before a chunk."""
        embeddings = self.embed(batch.frames, batch.states)
        states, posterior = self.model.observe(embeddings, self.led(batch), noise.latents)
        prior = self.model.priors(states.h, noise.members)
        divergence = self.latent.divergence(posterior, prior).mean()
        image, reward = self.image_loss(states, batch), self.reward_loss(states, batch)
        loss = divergence + image + reward
        parts = {"divergence": divergence, "image_loss": image, "reward_loss": reward}
        if batch.states is not None:
            expected, seen = self.felt(states.features), batch.states[..., : self.seen_states]
            parts["state_loss"] = -scalar_log_prob(expected, seen).sum(-1).mean()
            loss = loss + parts["state_loss"]
        return loss, {name: each.detach() for name, each in parts.items()}

    @torch.no_grad()
    def infer(self, chunk: Chunk, generator: torch.Generator) -> Tensor:
        """Posterior features (B, T, F) of embedded chunks."""
        noise = self.latent.noise(chunk.rewards.shape, generator)
        return self.model.observe(chunk.frames, chunk.actions, noise)[0].features

    def imagine(self, chunk: Chunk, generator: torch.Generator) -> LatentTransitions:
        """H steps from all states of an embedded chunk, with penalized rewards."""
        features = self.infer(chunk, generator).flatten(0, 1)
        return self.dream(features, self.draw_future(len(features), generator))

    def draw_future(self, count: int, generator: torch.Generator) -> DreamNoise:
        """The noise of H steps from ``count`` states; normal, of actions too."""
        settings, device = self.settings, self.device
        shape, drawn = (count, self.spaces.action_size), []
        for _ in range(settings.horizon):
            action = torch.randn(shape, generator=generator, device=device)
            member = torch.randint(settings.members, (1,), generator=generator, device=device)
            drawn.append((member[0], self.latent.noise((count,), generator), action))
        return DreamNoise(*(torch.stack(each) for each in zip(*drawn, strict=True)))

    @torch.no_grad()
    def dream(self, features: Tensor, noise: DreamNoise) -> LatentTransitions:
        """H steps from states (N, F), with penalized rewards: H N transitions, step by step."""
        state = State(*features.split((self.latent.size, self.settings.recurrent), -1))
        found: list[tuple[Tensor, ...]] = []
        for member, latents, moved in zip(noise.members, noise.latents, noise.actions, strict=True):
            mean = self.act(state.features)
            action = (mean + self.settings.exploration * moved).clamp(-1.0, 1.0)
            h = self.model.carried(state, action)
            outputs = self.model.prior(h)
            z = self.latent.draw(outputs[member[None]][0], latents)
            following = State(z, h)
            reward = self.reward(following.features)[..., 0]
            reward = reward - self.settings.penalty_weight * self.penalize(outputs, z)
            found.append((state.features, action, reward, following.features))
            state = following
        return LatentTransitions(*(torch.cat(each) for each in zip(*found, strict=True)))

    def penalize(self, outputs: Tensor, z: Tensor) -> Tensor:
        """How differently the members expected z: (...)."""
        deviation = log_prob_deviation(self.latent, outputs, z)
        return deviation if self.settings.penalty == "deviation" else deviation.square()

    def draw_agent(self, _: int, generator: torch.Generator) -> AgentNoise:
        """The noise of a step of actor and critics."""
        settings = self.settings
        if settings.alpha == 0.0:
            return AgentNoise(None)
        shape = 2 * settings.agent_batch_size, settings.num_actions, self.spaces.action_size
        drawn = torch.rand(shape, generator=generator, device=generator.device)
        return AgentNoise(2.0 * drawn - 1.0)

    def update_agent(self, batch: LatentTransitions, noise: AgentNoise) -> Metrics:
        """One gradient step of critics and actor, both from the networks as they were."""
        with self.autocast():
            y = self.target_values(batch)
            values = self.values(self.critics, batch.features, batch.actions)  # (2, N)
            critic_loss = (values - y).square().mean(1).sum() + self.gap(batch, values, noise)
            own = self.values(self.critics, batch.features, self.act(batch.features))
            actor_loss = -own.amin(0).mean()
        losses = {"critics": critic_loss, "actor": actor_loss}
        gradients = {name: self.descents[name].gradient(loss) for name, loss in losses.items()}
        for name, gradient in gradients.items():
            self.descents[name].apply(gradient)
        self.averages["slow_critics"].step(self.settings.tau)
        return {
            "critic_loss": critic_loss.detach(),
            "actor_loss": actor_loss.detach(),
            "q": values.detach().mean(),
            "target_q": y.mean(),
            "reward": batch.rewards.mean(),
        }

    @torch.no_grad()
    def target_values(self, batch: LatentTransitions) -> Tensor:
        """y, (N,), without noise on the policy; nothing terminates."""
        following = batch.next_features
        values = self.values(self.slow_critics, following, self.act(following))
        return batch.rewards + self.settings.discount_factor * values.amin(0)

    def gap(self, batch: LatentTransitions, values: Tensor, noise: AgentNoise) -> Tensor:
        """COMBO's term: all states against the data's own actions, the first half."""
        if noise.uniform is None:
            return values.new_zeros(())
        own = self.act(batch.features).detach()[:, None]
        actions = torch.cat((noise.uniform, own), 1)  # (N, num_actions + 1, A)
        features = batch.features[:, None].expand(-1, actions.shape[1], -1)
        high = self.values(self.critics, features, actions).logsumexp(-1).mean(1)
        return self.settings.alpha * (high - values[:, : len(own) // 2].mean(1)).sum()

    @staticmethod
    def values(critics: nn.ModuleList, features: Tensor, actions: Tensor) -> Tensor:
        """Of both critics: (2, ...)."""
        inputs = torch.cat((features, actions), -1)
        return torch.stack([critic(inputs)[..., 0] for critic in critics])

    def act(self, features: Tensor) -> Tensor:
        """The policy's actions (..., A) at features (..., F)."""
        return torch.tanh(self.actor(features))

    def policy(self) -> RecurrentPolicy:
        """The policy, on a latent state of its own."""
        return self.recurrent_policy(draw=self.settings.drawn_latents)

    def uncertainties(self, states: tuple[State, ...]) -> dict[str, Tensor]:
        """The penalty at states (..., ...)."""
        (found,) = states
        return {"model": self.penalize(self.model.prior(found.h), found.z)}


def seen_states(settings: LompoSettings, spaces: Spaces) -> int:
    """P, numbers of proprioception that the model sees.

    Raises:
        InvalidSettingError: the task has fewer.
    """
    if settings.proprioception > spaces.state_size:
        raise InvalidSettingError(
            f"proprioception: expected 0 to {spaces.state_size}, which is how many numbers the "
            f"task's state has (state_layout), got {settings.proprioception}"
        )
    return settings.proprioception


ALGORITHM = Algorithm(
    name="LOMPO",
    paper="https://arxiv.org/abs/2012.11547",
    settings=LompoSettings,
    preset=preset,
    agent=Lompo,
    shared="dataset",
    check_size=check_frame_size,
)
COMBO = Algorithm(
    name="COMBO",
    paper="https://arxiv.org/abs/2102.08363",
    settings=LompoSettings,
    preset=combo_preset,
    agent=Lompo,
    shared="suite",
    check_size=check_frame_size,
)
