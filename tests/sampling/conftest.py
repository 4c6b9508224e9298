"""Painted episodes: every pixel says which frame of which episode it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from vd4rl_data.frames import FrameArray
from vd4rl_data.sampling import Columns


@dataclass(frozen=True)
class PaintedEpisode:
    """One episode as plain arrays, for the slow references."""

    number: int
    start: int
    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    discounts: np.ndarray
    terminated: bool

    def __len__(self) -> int:
        return len(self.actions)


@dataclass(frozen=True)
class Painted:
    """A dataset of painted episodes, as columns and one by one."""

    columns: Columns
    episodes: list[PaintedEpisode]

    @property
    def numbers(self) -> np.ndarray:
        return np.arange(len(self.episodes))

    def locate(self, row: int) -> tuple[PaintedEpisode, int]:
        """The episode of a row, and its step there."""
        for episode in self.episodes:
            if episode.start <= row <= episode.start + len(episode):
                return episode, row - episode.start
        raise AssertionError(row)


def paint(
    lengths: Sequence[int],
    terminated: Sequence[bool],
    *,
    size: int = 4,
    parts: int = 1,
    seed: int = 0,
    constant_discounts: bool = False,
) -> Painted:
    """Frame t of episode e: channel 0 = t % 256, channel 1 = t // 256, channel 2 = e."""
    rng = np.random.default_rng(seed)
    episodes: list[PaintedEpisode] = []
    start = 0
    for number, (length, ends) in enumerate(zip(lengths, terminated, strict=True)):
        steps = np.arange(length + 1)
        pixels = np.stack([steps % 256, steps // 256, np.full_like(steps, number)], axis=-1)
        frames = np.broadcast_to(pixels[:, None, None], (length + 1, size, size, 3))
        discounts = np.ones(length) if constant_discounts else rng.uniform(0.5, 1.0, length)
        episodes.append(
            PaintedEpisode(
                number=number,
                start=start,
                observations=frames.astype(np.uint8, order="C"),
                actions=rng.uniform(-1, 1, (length, 2)).astype(np.float32),
                rewards=rng.normal(size=length).astype(np.float32),
                discounts=discounts.astype(np.float32),
                terminated=ends,
            )
        )
        start += length + 1
    return Painted(_columns(episodes, parts), episodes)


def _columns(episodes: list[PaintedEpisode], parts: int) -> Columns:
    def rows(values: np.ndarray) -> np.ndarray:
        """The last row belongs to no transition: what stands there must never be seen."""
        return np.concatenate([values, np.full((1, *values.shape[1:]), 77, values.dtype)])

    def flags(episode: PaintedEpisode) -> np.ndarray:
        terminals = np.zeros(len(episode), bool)
        terminals[-1] = episode.terminated
        return rows(terminals)

    cuts = np.linspace(0, len(episodes), parts + 1).astype(int)
    frames = [
        np.concatenate([episode.observations for episode in episodes[begin:end]])
        for begin, end in pairwise(cuts)
    ]
    return Columns(
        frames=FrameArray(frames),
        starts=np.cumsum([0, *(len(episode) + 1 for episode in episodes)]),
        actions=np.concatenate([rows(episode.actions) for episode in episodes]),
        rewards=np.concatenate([rows(episode.rewards) for episode in episodes]),
        discounts=np.concatenate([rows(episode.discounts) for episode in episodes]),
        terminals=np.concatenate([flags(episode) for episode in episodes]),
    )


MIXED_LENGTHS = (501, 1, 2, 7, 300, 1, 3)
MIXED_ENDS = (False, True, False, True, False, False, True)


@pytest.fixture(scope="session")
def painted() -> Painted:
    """Terminated and truncated episodes: long, shorter than any stack or window, of one step."""
    return paint(MIXED_LENGTHS, MIXED_ENDS)


@pytest.fixture(scope="session")
def composite() -> Painted:
    """The same episodes with their frames in three arrays."""
    return paint(MIXED_LENGTHS, MIXED_ENDS, parts=3)


@pytest.fixture(scope="session")
def many_episodes() -> Painted:
    """Forty equal episodes."""
    return paint([50] * 40, [False] * 40)


@pytest.fixture(scope="session")
def make_painted():
    """The factory itself, for properties over random episodes."""
    return paint
