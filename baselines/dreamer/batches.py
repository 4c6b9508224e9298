"""Sequences as world models see them: row t holds a frame and what led to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baselines.bench.batches import SampledBatches, load_sampler
from baselines.bench.phases import PhaseContext
from baselines.dreamer.sources import Marked
from vd4rl_data.pytorch import TensorSequences, TorchSequences
from vd4rl_data.pytorch.feeds import sampled_rows
from vd4rl_data.sampling import SequenceSampler

Encode = Callable[[Tensor, Tensor | None], Tensor]
"""Frames, and states where they are seen → embeddings."""

_FRAMES_AT_ONCE: Final = 256
"""Frames that are encoded at once, when all of a dataset are."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """B sequences of T rows.

    Attributes:
        frames: uint8 (B, T, 3, S, S), or float32 (B, T, E), embedded.
        actions: float32 (B, T, A), that led to each frame; zero before the first of an episode.
        rewards: float32 (B, T), likewise.
        reached: float32 (B,), one where the sequence is of an episode that reaches the goal, else
            zero; ``None`` unless asked for.
        states: float32 (B, T, P), of the task, at each frame; ``None`` unless asked for, and
            where it is embedded with the frames.
    """

    frames: Tensor
    actions: Tensor
    rewards: Tensor
    reached: Tensor | None = None
    states: Tensor | None = None


def chunk_rows(is_first: Tensor, length: int) -> Tensor:
    """Which T of a window's T + 1 rows make a chunk: int64 (B, T).

    The last T, so that action and reward that led to its first frame are known; but the first T
    where the window begins with its episode, before which there is neither. So of an episode of n
    frames each is in some chunk, and of n - T + 1 possible chunks all but the second are drawn,
    uniformly.

    Args:
        is_first: bool (B, T + 1).
        length: T.
    """
    return torch.arange(length, device=is_first.device) + (~is_first[:, :1]).long()


def chunk_of(
    frames: Tensor,
    actions: Tensor,
    rewards: Tensor,
    is_first: Tensor,
    states: Tensor | None = None,
) -> Chunk:
    """Windows of T transitions as a chunk of T rows.

    Args:
        frames: (B, T + 1, ...), observations.
        actions: (B, T, A); row t follows upon frame t.
        rewards: (B, T), likewise.
        is_first: bool (B, T + 1).
        states: (B, T + 1, P), at each frame.
    """
    rows = chunk_rows(is_first, actions.shape[1])
    batch = torch.arange(len(rows), device=rows.device)[:, None]
    led = [torch.cat((torch.zeros_like(each[:, :1]), each), 1) for each in (actions, rewards)]
    seen = None if states is None else states[batch, rows]
    return Chunk(frames[batch, rows], *(each[batch, rows] for each in led), states=seen)


def forgotten(actions: Tensor) -> Tensor:
    """Actions (B, T, A) of which the first ones, before all memory, are zero."""
    return torch.cat((torch.zeros_like(actions[:, :1]), actions[:, 1:]), 1)


class ChunkBatches:
    """Chunks with frames, drawn uniformly."""

    def __init__(
        self,
        context: PhaseContext,
        batch_size: int,
        length: int,
        goal: float | None = None,
        *,
        proprioception: bool = False,
    ) -> None:
        """Args:
        context: of the phase.
        batch_size: B.
        length: T.
        goal: reward of a time step at which an episode has reached the goal; ``None``: nobody asks.
        proprioception: whether chunks have states, too; not together with a goal.

        Raises:
            ValueError: no episode has so many transitions, or the data hold no states.
        """
        marked = self._marked = goal is not None
        assert not (marked and proprioception), "marks take the place of states"
        windows = TorchSequences(
            Marked(context.dataset, goal) if marked else context.dataset,
            batch_size,
            length,
            context.generator,
            device=context.device,
            storage=context.storage,
            state=marked or proprioception,
            layout="BLCHW",
            reuse_buffers=context.device.type == "cpu",
        )
        self._sampled = SampledBatches(windows, context.state)

    def __next__(self) -> Chunk:
        """The next batch."""
        windows: TensorSequences = next(self._sampled)
        told = windows.observations, windows.actions, windows.rewards, windows.is_first
        if windows.states is None or not self._marked:
            return chunk_of(*told, windows.states)
        return replace(chunk_of(*told), reached=windows.states[:, 0, 0].clone())

    def state(self) -> Mapping[str, Any]:
        """Where they are."""
        return self._sampled.state()


class EmbeddedBatches:
    """The same chunks with embeddings in place of frames: each frame is encoded once, at the start.

    For phases in which the encoder does not change. They take 6 KiB a frame on the device.
    """

    def __init__(
        self,
        context: PhaseContext,
        batch_size: int,
        length: int,
        encode: Encode,
        *,
        proprioception: bool = False,
    ) -> None:
        """Args:
        context: of the phase.
        batch_size: B.
        length: T.
        encode: uint8 (N, 3, S, S), and float32 (N, P) or ``None`` → float32 (N, E).
        proprioception: whether it gets states.

        Raises:
            ValueError: no episode has so many transitions, or the data hold no states.
            CheckpointError: the saved state is of other data.
        """
        self._sampler = SequenceSampler(
            context.dataset, batch_size, length, context.generator, state=proprioception
        )
        self._proprioception = proprioception
        self._device, self._taken, self._whole = context.device, 0, None
        if context.state is not None:
            self._taken = int(context.state["taken"])
            load_sampler(self._sampler, context.state["sampler"])
        self._places, self._embeddings = self._encode(encode)

    def __next__(self) -> Chunk:
        """The next batch."""
        plan = self._sampler.draw()
        self._taken += 1
        rows = self._places[plan["observations"]]
        frames = self._embeddings[torch.from_numpy(rows).to(self._device)]
        actions, rewards, is_first = (
            torch.from_numpy(plan[name]).to(self._device)
            for name in ("actions", "rewards", "is_first")
        )
        return chunk_of(frames, actions, rewards, is_first)

    def state(self) -> Mapping[str, Any]:
        """Where they are."""
        return {"taken": self._taken, "sampler": self._sampler.state()}

    def episodes(self) -> list[tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]]:
        """Of each episode that is sampled: its T + 1 rows, actions (T + 1, A), rewards (T + 1,).

        Actions and rewards led to each row; the first ones are zero.
        """
        columns, found = self._sampler.columns, []
        for number in self._sampler.pool.episodes:
            rows = np.arange(columns.starts[number], columns.starts[number + 1])
            led = [np.roll(each[rows], 1, axis=0) for each in (columns.actions, columns.rewards)]
            for each in led:
                each[0] = 0
            found.append((rows, *led))
        return found

    def whole(self, numbers: Sequence[int]) -> Chunk:
        """Whole episodes of the same length, by their numbers in :meth:`episodes`."""
        if self._whole is None:
            self._whole = self.episodes()
        rows, actions, rewards = (
            np.stack(each) for each in zip(*(self._whole[n] for n in numbers), strict=True)
        )
        frames = self._embeddings[torch.from_numpy(self._places[rows]).to(self._device)]
        return Chunk(
            frames, *(torch.from_numpy(each).to(self._device) for each in (actions, rewards))
        )

    def _encode(self, encode: Encode) -> tuple[np.ndarray, Tensor]:
        """The place of each row among those that can be asked for, and their embeddings."""
        columns, rows = self._sampler.columns, sampled_rows(self._sampler)
        places = np.zeros(len(columns.frames), np.int64)
        places[rows] = np.arange(len(rows))
        parts: list[Tensor] = []
        for start in range(0, len(rows), _FRAMES_AT_ONCE):
            chosen = rows[start : start + _FRAMES_AT_ONCE]
            pixels = torch.from_numpy(columns.frames[chosen]).to(self._device).permute(0, 3, 1, 2)
            states = None
            if self._proprioception:
                assert columns.states is not None
                states = torch.from_numpy(columns.states[chosen]).to(self._device)
            parts.append(encode(pixels, states))
        return places, torch.cat(parts)
