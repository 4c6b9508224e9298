"""The structure of V-D4RL's published BC, DrQ+BC and CQL, to measure ours against.

Written from a description of that code, for its cost and its function: what is computed in which
order, from which copies, in which layout, with which optimizers. Networks have the parameter names
of ours, so that both can start from the same weights; noise and shifts are passed in, so that both
can compute the same losses.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.distributions import Normal
from torch.nn import functional

PAD: Final = 4
ACTION_EDGE: Final = 1.0 - 1e-6


class RandomShift(nn.Module):
    """Pads by replication, then samples a shifted grid bilinearly."""

    def forward(self, pixels: Tensor, shifts: Tensor) -> Tensor:
        """(B, C, H, W), moved by (y, x) of int64 (B, 2)."""
        count, _, size, _ = pixels.shape
        padded = functional.pad(pixels, (PAD,) * 4, "replicate")
        step = 1.0 / (size + 2 * PAD)
        line = torch.linspace(-1.0 + step, 1.0 - step, size + 2 * PAD, dtype=pixels.dtype)[:size]
        square = line.unsqueeze(0).repeat(size, 1).unsqueeze(2)
        grid = torch.cat((square, square.transpose(1, 0)), dim=2)
        grids = grid.unsqueeze(0).repeat(count, 1, 1, 1)
        moved = shifts.flip(1)[:, None, None].to(pixels.dtype) * (2.0 * step)
        return functional.grid_sample(
            padded, grids + moved, padding_mode="zeros", align_corners=False
        )


class Encoder(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number in range(4):
            first = number == 0
            layers += [nn.Conv2d(channels if first else 32, 32, 3, 2 if first else 1), nn.ReLU()]
        self.convnet = nn.Sequential(*layers)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.convnet(pixels / 255.0 - 0.5).view(len(pixels), -1)


def trunk(features: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(features, 50), nn.LayerNorm(50), nn.Tanh())


def heads(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, 1024),
        nn.ReLU(inplace=True),
        nn.Linear(1024, 1024),
        nn.ReLU(inplace=True),
        nn.Linear(1024, outputs),
    )


class Policy(Normal):
    """A normal distribution whose samples are clipped, with the gradient of the unclipped ones."""

    def draw(self, normal: Tensor, clip: float) -> Tensor:
        noise = torch.clamp(normal * self.scale, -clip, clip)
        action = self.loc + noise
        held = action.clamp(-ACTION_EDGE, ACTION_EDGE)
        return action - action.detach() + held.detach()


class Actor(nn.Module):
    def __init__(self, features: int, actions: int) -> None:
        super().__init__()
        self.trunk = trunk(features)
        self.policy = heads(50, actions)

    def forward(self, features: Tensor, stddev: Tensor) -> Policy:
        mean = torch.tanh(self.policy(self.trunk(features)))
        return Policy(mean, torch.ones_like(mean) * stddev, validate_args=False)


class Critic(nn.Module):
    def __init__(self, features: int, actions: int) -> None:
        super().__init__()
        self.trunk = trunk(features)
        self.Q1 = heads(50 + actions, 1)
        self.Q2 = heads(50 + actions, 1)

    def forward(self, features: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        inputs = torch.cat((self.trunk(features), actions), dim=-1)
        return self.Q1(inputs), self.Q2(inputs)


class PublishedAgent:
    """Networks, one Adam each, and an update of every algorithm.

    Attributes:
        settings: ours of the same algorithm; hyperparameters are read from it.
    """

    def __init__(self, name: str, settings: Any, ours: Any) -> None:
        """Start from the weights of ``ours``, an agent of the same algorithm."""
        self.name, self.settings = name, settings
        features, actions = ours.encoder.size, ours.spaces.action_size
        self.encoder = Encoder(ours.spaces.channels)
        self.actor = Actor(features, actions)
        self.networks: dict[str, nn.Module] = {"encoder": self.encoder, "actor": self.actor}
        if name != "bc":
            self.critic, self.target = Critic(features, actions), Critic(features, actions)
            self.networks |= {"critic": self.critic, "target_critic": self.target}
        for key, network in self.networks.items():
            network.load_state_dict(ours.networks[key].state_dict())
        self.shift = RandomShift()
        self.make_optimizers()

    def make_optimizers(self) -> None:
        self.optimizers = {
            key: torch.optim.Adam(network.parameters(), lr=self.settings.learning_rate)
            for key, network in self.networks.items()
            if key != "target_critic"
        }

    def double(self) -> None:
        """Convert to float64."""
        for network in self.networks.values():
            network.double()
        self.make_optimizers()

    def update(self, batch: Any, noise: Any) -> dict[str, float]:
        """One gradient step; metrics are read back as numbers, as the published code logs them."""
        dtype = next(self.encoder.parameters()).dtype
        moved = self.shift(batch.observations.to(dtype), noise.shifts[0])
        if self.name == "bc":
            return self.update_policy(self.encoder(moved), batch, noise)
        following = self.shift(batch.next_observations.to(dtype), noise.shifts[1])
        features = self.encoder(moved)
        with torch.no_grad():
            next_features = self.encoder(following)
        metrics = self.update_critic(features, next_features, batch, noise)
        metrics |= self.update_actor(features.detach(), batch, noise)
        with torch.no_grad():
            for target, online in zip(
                self.target.parameters(), self.critic.parameters(), strict=True
            ):
                tau = self.settings.tau
                target.copy_(tau * online + (1.0 - tau) * target)
        return metrics

    def update_policy(self, features: Tensor, batch: Any, noise: Any) -> dict[str, float]:
        action = self.actor(features, noise.stddev).draw(noise.policy, self.settings.stddev_clip)
        loss = functional.mse_loss(action, batch.actions.to(action.dtype))
        self.step(loss, "encoder", "actor")
        return {"actor_bc_loss": loss.item()}

    def update_critic(
        self, features: Tensor, next_features: Tensor, batch: Any, noise: Any
    ) -> dict[str, float]:
        clip = self.settings.stddev_clip
        with torch.no_grad():
            action = self.actor(next_features, noise.stddev).draw(noise.target, clip)
            value = torch.min(*self.target(next_features, action))
            y = batch.rewards[:, None] + batch.discounts[:, None] * value
        q = self.critic(features, batch.actions.to(features.dtype))
        loss = functional.mse_loss(q[0], y) + functional.mse_loss(q[1], y)
        if self.name == "cql":
            loss = loss + self.conservative(q, features, next_features, noise)
        self.step(loss, "encoder", "critic")
        return {
            "critic_loss": loss.item(),
            "critic_q1": q[0].mean().item(),
            "critic_q2": q[1].mean().item(),
            "critic_target_q": y.mean().item(),
        }

    def conservative(
        self, q: tuple[Tensor, Tensor], features: Tensor, next_features: Tensor, noise: Any
    ) -> Tensor:
        """CQL's term: features are repeated for every action, and go through the trunk each."""
        number, clip = self.settings.num_actions, self.settings.stddev_clip
        count = len(features)

        def repeated(values: Tensor) -> Tensor:
            return values.unsqueeze(1).repeat(1, number, 1).view(count * number, -1)

        with torch.no_grad():
            current, following = (
                self.actor(repeated(at), noise.stddev).draw(
                    normal.reshape(count * number, -1).to(at.dtype), clip
                )
                for at, normal in ((features, noise.current), (next_features, noise.following))
            )
        uniform = noise.uniform.reshape(count * number, -1).to(features.dtype)
        rows = repeated(features)
        values = [self.critic(rows, action) for action in (uniform, current, following)]
        total = torch.zeros((), dtype=features.dtype)
        for head, data in enumerate(q):
            random, now, then = (pair[head].view(count, number) for pair in values)
            every = torch.cat((random, data, then, now), dim=1)
            total = total + self.settings.alpha * (
                torch.logsumexp(every, dim=1).mean() - data.mean()
            )
        return total

    def update_actor(self, features: Tensor, batch: Any, noise: Any) -> dict[str, float]:
        policy = self.actor(features, noise.stddev)
        action = policy.draw(noise.policy, self.settings.stddev_clip)
        log_prob = policy.log_prob(action).sum(-1, keepdim=True)
        q = torch.min(*self.critic(features, action))
        loss, metrics = -q.mean(), dict[str, float]()
        if self.name == "drq_bc":
            clone = functional.mse_loss(action, batch.actions.to(action.dtype))
            loss = loss * (self.settings.bc_weight / q.detach().abs().mean()) + clone
            metrics["actor_bc_loss"] = clone.item()
        self.step(loss, "actor")
        return {
            **metrics,
            "actor_loss": loss.item(),
            "actor_logprob": log_prob.mean().item(),
            "actor_ent": policy.entropy().sum(-1).mean().item(),
        }

    def step(self, loss: Tensor, *names: str) -> None:
        """Gradients of everything that the loss reaches; steps of some."""
        for name in names:
            self.optimizers[name].zero_grad(set_to_none=True)
        loss.backward()
        for name in reversed(names):
            self.optimizers[name].step()
