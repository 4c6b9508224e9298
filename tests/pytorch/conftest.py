"""Painted columns (frame t of episode e shows t and e) for the torch samplers."""

from __future__ import annotations

import numpy as np
import pytest

from vd4rl_data.frames import FrameArray
from vd4rl_data.sampling import Columns, Group, Pool, Samplable

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

LENGTHS = (300, 1, 2, 40, 17, 1, 60)
ENDS = (False, True, False, True, False, False, True)


def paint_columns(parts: int = 1) -> Columns:
    """Channel 0 = t % 256, channel 1 = t // 256, channel 2 = e; frames of 4 x 6 pixels."""
    rng = np.random.default_rng(0)
    lengths = np.array(LENGTHS)
    starts = np.concatenate([[0], np.cumsum(lengths + 1)])
    steps = np.concatenate([np.arange(length + 1) for length in lengths])
    owners = np.repeat(np.arange(len(lengths)), lengths + 1)
    frames = np.zeros((len(steps), 4, 6, 3), np.uint8)
    frames[..., 0], frames[..., 1], frames[..., 2] = (
        values[:, None, None] for values in (steps % 256, steps // 256, owners)
    )
    frames[:, 1, 2] = rng.integers(0, 256, (len(steps), 3))  # one pixel that no two frames share
    terminals = np.zeros(len(steps), bool)
    terminals[starts[1:] - 2] = ENDS
    cuts = np.linspace(0, len(steps), parts + 1).astype(int)[1:-1]
    return Columns(
        frames=FrameArray(np.split(frames, cuts)),
        starts=starts,
        actions=rng.uniform(-1, 1, (len(steps), 2)).astype(np.float32),
        rewards=rng.normal(size=len(steps)).astype(np.float32),
        discounts=rng.uniform(0.5, 1, len(steps)).astype(np.float32),
        terminals=terminals,
    )


class PaintedDataset(Samplable):
    """A source with splits, as a dataset is."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns

    def pool(self, split: str = "all", *, state: bool = False) -> Pool:
        numbers = {
            "all": np.arange(7),
            "train": np.array([0, 1, 2, 4, 5, 6]),
            "validation": np.array([3]),
        }
        return Pool(self.columns, (Group(numbers[split]),))


@pytest.fixture(scope="session")
def columns() -> Columns:
    return paint_columns()


@pytest.fixture(scope="session")
def composite() -> Columns:
    return paint_columns(parts=3)


@pytest.fixture(scope="session")
def dataset(composite: Columns) -> PaintedDataset:
    return PaintedDataset(composite)
