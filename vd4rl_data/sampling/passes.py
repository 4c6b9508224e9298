"""What ``iter()`` of a sampler gives: one pass over it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from vd4rl_data.sampling.stream import PlanStream

Batch_co = TypeVar("Batch_co", covariant=True)


class Pass(Generic[Batch_co]):
    """The batches of the pass that a sampler has just begun."""

    def __init__(self, batches: Iterator[Batch_co], stream: PlanStream) -> None:
        """Args:
        batches: gives the sampler's next batch.
        stream: what the sampler draws from.
        """
        self._batches = batches
        self._stream = stream
        self._number = stream.passes

    def __iter__(self) -> Pass[Batch_co]:
        return self

    def __next__(self) -> Batch_co:
        if self._stream.passes != self._number:
            raise RuntimeError(
                "iter() was called again, which began another pass over this sampler; it makes one "
                "pass at a time: make a second sampler for a second loop"
            )
        return next(self._batches)
