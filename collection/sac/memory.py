"""The replay memory: transitions to sample batches from, on the device of the updates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from collection.sac.simulations import FinishedEpisode
from collection.sac.update import Batch


class ReplayMemory:
    """Every transition of the run so far; none is ever overwritten."""

    def __init__(
        self, capacity: int, state_size: int, action_size: int, device: torch.device
    ) -> None:
        """Allocate space for ``capacity`` transitions of float32 vectors."""
        self._device = device
        self._states = torch.zeros(capacity, state_size, device=device)
        self._next_states = torch.zeros(capacity, state_size, device=device)
        self._actions = torch.zeros(capacity, action_size, device=device)
        self._rewards = torch.zeros(capacity, 1, device=device)
        self._bootstraps = torch.zeros(capacity, 1, device=device)
        self._size = 0

    def __len__(self) -> int:
        """Number of transitions so far."""
        return self._size

    def add(
        self,
        states: NDArray[np.float32],
        actions: NDArray[np.float32],
        rewards: NDArray[np.float32],
        next_states: NDArray[np.float32],
        terminated: NDArray[np.bool_],
    ) -> None:
        """Add N transitions: (N, P), (N, A), (N,), (N, P), (N,)."""
        rows = torch.arange(self._size, self._size + len(states))
        self._write(rows, states, actions, rewards, next_states, terminated)
        self._size += len(states)

    def _write(
        self,
        rows: Tensor,
        states: NDArray[np.float32],
        actions: NDArray[np.float32],
        rewards: NDArray[np.float32],
        next_states: NDArray[np.float32],
        terminated: NDArray[np.bool_],
    ) -> None:
        rows = rows.to(self._device)
        bootstraps = 1.0 - terminated.astype(np.float32)
        for target, values in (
            (self._states, states),
            (self._next_states, next_states),
            (self._actions, actions),
            (self._rewards, rewards[:, None]),
            (self._bootstraps, bootstraps[:, None]),
        ):
            target[rows] = torch.from_numpy(values).to(self._device)

    def restore(self, finished: Sequence[FinishedEpisode], stride: int) -> None:
        """Put recorded episodes back into the rows they had; no other rows are filled.

        Args:
            finished: all episodes so far.
            stride: distance between successive rows of an episode: the number of simulations.
        """
        for item in finished:
            episode = item.trajectory
            _, states = episode.recorded()
            length = len(episode.actions)
            rows = item.first_row + stride * np.arange(length)
            ends = np.zeros(length, np.bool_)
            ends[-1] = episode.terminated
            self._write(
                torch.from_numpy(rows),
                states[:-1],
                episode.actions,
                episode.rewards,
                states[1:],
                ends,
            )
            self._size += length

    def sample(self, size: int, rng: np.random.Generator) -> Batch:
        """Draw ``size`` transitions uniformly with replacement."""
        rows = torch.from_numpy(rng.integers(self._size, size=size)).to(self._device)
        return Batch(
            self._states[rows],
            self._actions[rows],
            self._rewards[rows],
            self._next_states[rows],
            self._bootstraps[rows],
        )
