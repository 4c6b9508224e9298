"""A replay of latent transitions (Rafailov et al. 2021): half from the data, half imagined."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from baselines.bench.phases import PhaseContext
from baselines.dreamer.batches import Chunk, EmbeddedBatches


@dataclass(frozen=True, slots=True)
class LatentTransitions:
    """N transitions between latent states.

    Attributes:
        features: float32 (N, F).
        actions: float32 (N, A).
        rewards: float32 (N,).
        next_features: float32 (N, F).
    """

    features: Tensor
    actions: Tensor
    rewards: Tensor
    next_features: Tensor


class Dreamer(Protocol):
    """What fills a replay."""

    def encode(self, frames: Tensor, states: Tensor | None = None) -> Tensor:
        """Embeddings (N, E) of frames uint8 (N, 3, S, S), and of states (N, P) if asked for."""
        ...

    def infer(self, chunk: Chunk, generator: torch.Generator) -> Tensor:
        """Posterior features (B, T, F) of embedded chunks."""
        ...

    def imagine(self, chunk: Chunk, generator: torch.Generator) -> LatentTransitions:
        """Imagined transitions from all states of an embedded chunk."""
        ...


@dataclass(frozen=True, slots=True)
class ReplaySizes:
    """How much is drawn, and when.

    Attributes:
        real: transitions of a batch from the data, and as many imagined ones.
        batch_size: chunks that imagination starts from at once.
        length: rows of each.
        fill: imagined transitions that are there before the first batch.
    """

    real: int
    batch_size: int
    length: int
    fill: int


class LatentReplay:
    """Batches of transitions of the data, as the model saw them last, and of imagined ones.

    The latter are as many as the data's at most; then new ones take the place of the oldest.
    """

    def __init__(
        self,
        context: PhaseContext,
        dreamer: Dreamer,
        sizes: ReplaySizes,
        *,
        proprioception: bool = False,
    ) -> None:
        """Encode the data and imagine, or go on where an earlier process was.

        Args:
            context: of the phase.
            dreamer: whose states these are.
            sizes: see there.
            proprioception: whether it sees the data's states.

        Raises:
            ValueError: no episode has so many transitions as a chunk has rows, or the data hold no
                states.
            CheckpointError: the saved state is of other data.
        """
        saved, self._dreamer, self._sizes = context.state, dreamer, sizes
        chunks = replace(context, state=None if saved is None else saved["chunks"])
        self._chunks = EmbeddedBatches(
            chunks,
            sizes.batch_size,
            sizes.length,
            dreamer.encode,
            proprioception=proprioception,
        )
        self._episodes = self._chunks.episodes()
        self._generator = torch.Generator(context.device)
        self._real = self._ring = None
        self._filled = self._place = self._episode = 0
        if saved is None:
            seed = int(context.generator.integers(2**62))
            self._generator.manual_seed(seed)
            self._begin()
        else:
            self._load(saved, context.device)

    def __next__(self) -> LatentTransitions:
        """The next batch: the data's transitions first, then imagined ones."""
        assert self._real is not None
        assert self._ring is not None
        halves = [
            self._picked(self._real, len(self._real.rewards)),
            self._picked(self._ring, self._filled),
        ]
        return _mapped(_joined, *halves)

    def refresh(self) -> None:
        """See one more episode as the model sees it, and imagine from one more batch."""
        self._see([self._episode])
        self._episode = (self._episode + 1) % len(self._episodes)
        self._imagine()

    def state(self) -> Mapping[str, Any]:
        """Where it is; holds all latent transitions."""
        assert self._real is not None
        assert self._ring is not None
        return {
            "chunks": self._chunks.state(),
            "generator": self._generator.get_state(),
            "real": {field.name: getattr(self._real, field.name) for field in fields(self._real)},
            "ring": {field.name: getattr(self._ring, field.name) for field in fields(self._ring)},
            "places": (self._filled, self._place, self._episode),
        }

    def _begin(self) -> None:
        by_length: dict[int, list[int]] = {}
        for number, (rows, *_) in enumerate(self._episodes):
            by_length.setdefault(len(rows), []).append(number)
        for alike in by_length.values():
            for start in range(0, len(alike), self._sizes.batch_size):
                self._see(alike[start : start + self._sizes.batch_size])
        while self._filled < min(self._sizes.fill, self._capacity):
            self._imagine()

    def _load(self, saved: Mapping[str, Any], device: torch.device) -> None:
        self._generator.set_state(saved["generator"].cpu())
        self._real, self._ring = (
            LatentTransitions(**{name: each.to(device) for name, each in saved[part].items()})
            for part in ("real", "ring")
        )
        self._filled, self._place, self._episode = saved["places"]

    @property
    def _capacity(self) -> int:
        """Transitions of the data."""
        return sum(len(rows) - 1 for rows, *_ in self._episodes)

    def _see(self, numbers: list[int]) -> None:
        """Encode episodes of the same length, and keep what they are now."""
        chunk = self._chunks.whole(numbers)
        seen = self._dreamer.infer(chunk, self._generator)
        for number, features, actions, rewards in zip(
            numbers, seen, chunk.actions, chunk.rewards, strict=True
        ):
            made = LatentTransitions(features[:-1], actions[1:], rewards[1:], features[1:])
            if self._real is None:
                self._real = self._empty(made)
            start = sum(len(rows) - 1 for rows, *_ in self._episodes[:number])
            places = torch.arange(start, start + len(made.rewards), device=features.device)
            _write(self._real, places, made)

    def _imagine(self) -> None:
        made = self._dreamer.imagine(next(self._chunks), self._generator)
        if self._ring is None:
            self._ring = self._empty(made)
        count, capacity = len(made.rewards), self._capacity
        if count > capacity:
            made, count = _mapped(_Rows(slice(count - capacity, None)), made), capacity
        places = (self._place + torch.arange(count, device=made.rewards.device)) % capacity
        _write(self._ring, places, made)
        self._place = (self._place + count) % capacity
        self._filled = min(self._filled + count, capacity)

    def _empty(self, like: LatentTransitions) -> LatentTransitions:
        def zeros(each: Tensor) -> Tensor:
            return each.new_zeros(self._capacity, *each.shape[1:])

        return _mapped(zeros, like)

    def _picked(self, stored: LatentTransitions, count: int) -> LatentTransitions:
        device = self._generator.device
        places = torch.randint(count, (self._sizes.real,), generator=self._generator, device=device)
        return _mapped(_Rows(places), stored)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Picks rows."""

    rows: Tensor | slice

    def __call__(self, values: Tensor) -> Tensor:
        return values[self.rows]


def _joined(*parts: Tensor) -> Tensor:
    return torch.cat(parts)


def _mapped(change: Callable[..., Tensor], *records: LatentTransitions) -> LatentTransitions:
    """A record whose fields are a function of those of others."""
    names = [field.name for field in fields(LatentTransitions)]
    return LatentTransitions(
        **{name: change(*(getattr(record, name) for record in records)) for name in names}
    )


def _write(stored: LatentTransitions, places: Tensor, made: LatentTransitions) -> None:
    for field in fields(stored):
        getattr(stored, field.name)[places] = getattr(made, field.name)
