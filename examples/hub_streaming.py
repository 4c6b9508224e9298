"""Hugging Face datasets: stream the files of a published dataset. Prints the mean reward."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from datasets import IterableDataset
from torch.utils.data import DataLoader

from vd4rl_data.storage import open_dataset


def transitions(shard: str, episodes: Sequence[int]) -> Iterator[dict[str, Any]]:
    """One row a transition; memory holds one episode. Worker processes share the list out."""
    with closing(open_dataset(shard)) as stored:
        for episode in map(stored.episode, episodes):
            for t in range(len(episode)):
                yield {
                    "observation": episode.observations[t],
                    "action": episode.actions[t],
                    "reward": episode.rewards[t],
                    "next_observation": episode.observations[t + 1],
                    "terminated": episode.terminals[t],
                }


def stream(folder: Path) -> IterableDataset:
    """All transitions of the first dataset in a published folder; its shards stay packed."""
    shard = next(iter(sorted(folder.glob("*/*.packed-00000-*.h5"))))
    with closing(open_dataset(shard)) as stored:
        everything = {"shard": str(shard), "episodes": list(range(len(stored)))}
    return IterableDataset.from_generator(transitions, gen_kwargs=everything)


def main(folder: Path, batch_size: int = 64, workers: int = 2) -> float:
    # No with_format: it makes int64 of uint8. As they are, frames arrive as uint8 (B, H, W, 3).
    rows = stream(folder).shuffle(seed=0, buffer_size=500)
    loader = DataLoader(rows, batch_size=batch_size, num_workers=workers)
    total = count = 0
    for batch in loader:
        total += batch["reward"].sum().item()
        count += len(batch["reward"])
    return total / count


if __name__ == "__main__":
    print(main(Path(sys.argv[1])))
