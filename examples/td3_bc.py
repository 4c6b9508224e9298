"""TD3+BC from pixels in one file, in the style of CORL. Prints a normalized score."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, pad

import vd4rl_data
from vd4rl_data.pytorch import TorchPolicy, TorchTransitions

DATASET = "VD4RL/walker_walk-random-sample-64px-v0"
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
ALPHA, TAU, NOISE, CLIP = 2.5, 0.01, 0.2, 0.3


def shifted(frames: Tensor) -> Tensor:
    """Each image moved by up to four pixels: DrQ's augmentation."""
    padded, size = pad(frames.float(), (4, 4, 4, 4), mode="replicate"), frames.shape[-1]
    moves = torch.randint(9, (2, len(frames), 1), device=frames.device)
    rows, columns = moves + torch.arange(size, device=frames.device)  # (B, size) each
    images = torch.arange(len(frames), device=frames.device)[:, None, None]
    return padded[images, :, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)


class Network(nn.Module):
    """Frames (B, 9, 64, 64), and actions where there are some, to (B, outputs)."""

    def __init__(self, actions: int, outputs: int) -> None:
        super().__init__()
        layers = [layer for c in (9, 32, 32) for layer in (nn.Conv2d(c, 32, 3, 2), nn.ReLU())]
        self.pixels = nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 49, 50), nn.LayerNorm(50))
        self.head = nn.Sequential(
            nn.Linear(50 + actions, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(),
            nn.Linear(256, outputs),
        )  # fmt: skip

    def forward(self, frames: Tensor, *actions: Tensor) -> Tensor:
        return self.head(torch.cat([self.pixels(frames / 255 - 0.5).tanh(), *actions], -1))


def main(updates: int = 200, batch_size: int = 64) -> float:
    torch.manual_seed(0)
    data = vd4rl_data.load_dataset(DATASET)
    batches = TorchTransitions(
        data, batch_size, frame_stack=3, n_step=3, rng=0, device=DEVICE, layout="stacked"
    )
    size = data[0].actions.shape[1]
    actor, critic = Network(0, size).to(DEVICE), Network(size, 2).to(DEVICE)  # two values: twins
    targets = [net.requires_grad_(False) for net in copy.deepcopy((actor, critic))]
    steps = [torch.optim.Adam(network.parameters(), lr=3e-4) for network in (actor, critic)]
    for update, batch in zip(range(updates), batches, strict=False):
        now, later = shifted(batch.observations), shifted(batch.next_observations)
        with torch.no_grad():
            noise = (torch.randn_like(batch.actions) * NOISE).clamp(-CLIP, CLIP)
            action = (targets[0](later).tanh() + noise).clamp(-1, 1)
            value = targets[1](later, action).min(-1).values
            target = batch.rewards + batch.discounts * value  # discounts: 0 after a termination
        steps[1].zero_grad()
        mse_loss(critic(now, batch.actions), target[:, None].expand(-1, 2)).backward()
        steps[1].step()
        if update % 2 == 0:
            chosen = actor(now).tanh()
            value = critic(now, chosen)[:, 0]
            weight = ALPHA / value.abs().mean().detach()
            steps[0].zero_grad()
            (mse_loss(chosen, batch.actions) - weight * value.mean()).backward()
            steps[0].step()
            for slow, fast in zip(targets, (actor, critic), strict=True):
                for old, new in zip(slow.parameters(), fast.parameters(), strict=True):
                    old.lerp_(new.detach(), TAU)
    policy = TorchPolicy(nn.Sequential(actor, nn.Tanh()), device=DEVICE, layout="stacked")
    result = vd4rl_data.evaluate(policy, DATASET, episodes=1, seed=0, frame_stack=3)
    return float(result.normalized(DATASET).mean())


if __name__ == "__main__":
    print(main())
