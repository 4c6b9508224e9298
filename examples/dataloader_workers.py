"""Behavior cloning in plain PyTorch, with batches from worker processes. Prints a loss."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader

import vd4rl_data
from vd4rl_data.pytorch import IterableTransitions

DATASET = "VD4RL/walker_walk-random-sample-64px-v0"
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def main(epochs: int = 3, batch_size: int = 128, workers: int = 2) -> float:
    torch.manual_seed(0)
    data = vd4rl_data.load_dataset(DATASET)
    batches = IterableTransitions(
        data, batch_size, frame_stack=3, rng=0, epochs=1, split="train", layout="stacked"
    )
    loader = DataLoader(  # each item is a batch already: batch_size=None
        batches, batch_size=None, num_workers=workers, pin_memory=DEVICE == "cuda"
    )
    network = nn.Sequential(
        nn.Conv2d(9, 32, 5, 3), nn.ReLU(), nn.Conv2d(32, 32, 5, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(32 * 36, data[0].actions.shape[1]), nn.Tanh(),
    ).to(DEVICE)  # fmt: skip
    steps = torch.optim.Adam(network.parameters(), lr=1e-3)
    loss = torch.zeros(())
    for _ in range(epochs):  # each pass over the loader is a new permutation
        for host_batch in loader:
            batch = host_batch.to(DEVICE, non_blocking=True)
            loss = (network(batch.observations / 255) - batch.actions).square().mean()
            steps.zero_grad()
            loss.backward()
            steps.step()
    return loss.item()


if __name__ == "__main__":
    print(main())
