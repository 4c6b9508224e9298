"""The replay buffer that the published code of DrQ+BC reads its batches from: its structure.

Re-implemented from its description, as a reference for speed: single frames channels first in one
array in memory, the first frame of an episode stored ``frame_stack`` times; valid starts drawn with
``numpy.random``; stacks and rewards gathered by index; arrays handed to torch afterwards.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vd4rl_data.dataset import Dataset


class PublishedBuffer:
    """All frames of a dataset in memory, and batches of n-step transitions of them."""

    def __init__(self, dataset: Dataset, frame_stack: int, n_step: int, discount: float) -> None:
        lengths = dataset.lengths + frame_stack
        slots = int(lengths.sum())
        height, width, channels = dataset.spec.observation_shape
        self._frames = np.zeros((slots, channels, height, width), np.uint8)
        self._actions = np.zeros((slots, dataset.spec.task.action_size), np.float32)
        self._rewards = np.zeros((slots, 1), np.float32)
        self._discounts = np.ones((slots, 1), np.float32)
        valid = np.zeros(slots, np.bool_)
        place = 0
        for episode in dataset:
            steps = len(episode.actions)
            pixels = np.asarray(episode.observations).transpose(0, 3, 1, 2)
            self._frames[place : place + frame_stack] = pixels[0]
            first = place + frame_stack
            self._frames[first : first + steps] = pixels[1:]
            # A slot holds the action and the reward that led to its frame.
            self._actions[first : first + steps] = episode.actions
            self._rewards[first : first + steps, 0] = episode.rewards
            self._discounts[first : first + steps, 0] = episode.discounts
            valid[first : first + steps - n_step + 1] = True
            place = first + steps
        self._valid = np.flatnonzero(valid)
        self._stack, self._n_step = frame_stack, n_step
        self._weights = (discount ** np.arange(n_step, dtype=np.float32))[None, :, None]
        self._bootstrap = np.float32(discount**n_step)

    @property
    def nbytes(self) -> int:
        """Bytes of the frames."""
        return self._frames.nbytes

    def batch(self, size: int, rng: np.random.Generator) -> tuple[Tensor, ...]:
        """Observations, actions, rewards, discounts and next observations, as tensors."""
        starts = rng.choice(self._valid, size=size)
        reach = np.stack([np.arange(at - self._stack, at + self._n_step) for at in starts])
        later = reach[:, self._stack :]
        rewards = np.sum(self._rewards[later] * self._weights, axis=1)
        discounts = np.prod(self._discounts[later], axis=1) * self._bootstrap
        arrays: tuple[NDArray[np.generic], ...] = (
            self._stacked(reach[:, : self._stack]),
            self._actions[later[:, 0]],
            rewards,
            discounts,
            self._stacked(reach[:, -self._stack :]),
        )
        return tuple(torch.as_tensor(array) for array in arrays)

    def _stacked(self, places: NDArray[np.int64]) -> NDArray[np.uint8]:
        frames = self._frames[places]
        return frames.reshape(len(places), -1, *frames.shape[3:])
