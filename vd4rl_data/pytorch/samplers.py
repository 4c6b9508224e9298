"""Iterators of batches on a device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from vd4rl_data.pytorch.batches import TensorSequences, TensorTransitions, checked_device
from vd4rl_data.pytorch.feeds import AnySampler, PinnedFeed, make_feed
from vd4rl_data.pytorch.queries import TensorSequenceQuery, TensorTransitionQuery
from vd4rl_data.sampling import SequenceSampler, TransitionSampler
from vd4rl_data.sampling.keywords import takes_with_data
from vd4rl_data.sampling.pool import Data

Batch_co = TypeVar("Batch_co", covariant=True)


class _TensorSampler(Generic[Batch_co]):
    """A sampler's batches on a device, as records of tensors.

    Attributes:
        sampler: the sampler whose batches these are.
    """

    def __init__(
        self,
        sampler: AnySampler,
        query: TensorTransitionQuery | TensorSequenceQuery,
        batch: Callable[..., Batch_co],
    ) -> None:
        self.sampler = sampler
        self._feed = make_feed(sampler, checked_device(query.device), query.storage, query.layout)
        self._batch = batch

    @property
    def draws_ahead(self) -> bool:
        """Whether a thread draws batches before they are asked for: then the sampler's state is
        beyond what was taken. So it is where batches are streamed to a GPU.
        """
        return isinstance(self._feed, PinnedFeed)

    def __len__(self) -> int:
        """Batches of a pass.

        Raises:
            TypeError: the sampler is endless.
        """
        return len(self.sampler)

    def __iter__(self) -> Iterator[Batch_co]:
        if self.sampler.epochs is None:
            return self
        self._feed.begin_pass()
        return self.sampler.rest_of_pass(self)

    def __next__(self) -> Batch_co:
        return self._batch(**next(self._feed))


class TorchTransitions(_TensorSampler[TensorTransitions]):
    """An iterator of :class:`TensorTransitions` on a device.

    ``iter()``, ``next()`` and ``len()`` mean what they do for
    :class:`~vd4rl_data.sampling.TransitionSampler`: endless, it goes on; with ``epochs=k``
    each ``iter()`` is a pass with new permutations.

    Attributes:
        sampler: the sampler whose batches these are.
    """

    @takes_with_data(TensorTransitionQuery)
    def __init__(self, data: Data, query: TensorTransitionQuery) -> None:
        """Make the sampler and choose where the frames live.

        Args:
            data: what is sampled: a dataset, a buffer, a mixture, or bare columns.
            query: a :class:`TensorTransitionQuery`, or its arguments.

        Raises:
            TypeError: a count is not an integer.
            ValueError: an argument is out of range, there is no such device, the data have no such
                split or state, or no window fits into any episode.
            MemoryError: frames are to be held in memory, and the system refuses.
        """
        super().__init__(TransitionSampler(data, query), query, TensorTransitions)


class TorchSequences(_TensorSampler[TensorSequences]):
    """An iterator of :class:`TensorSequences` on a device.

    ``iter()``, ``next()`` and ``len()`` mean what they do for
    :class:`~vd4rl_data.sampling.SequenceSampler`: endless, it goes on; with ``epochs=k``
    each ``iter()`` is a pass with new permutations.

    Attributes:
        sampler: the sampler whose batches these are.
    """

    @takes_with_data(TensorSequenceQuery)
    def __init__(self, data: Data, query: TensorSequenceQuery) -> None:
        """Make the sampler and choose where the frames live.

        Args:
            data: what is sampled: a dataset, a buffer, a mixture, or bare columns.
            query: a :class:`TensorSequenceQuery`, or its arguments.

        Raises:
            TypeError: a count is not an integer.
            ValueError: an argument is out of range, there is no such device, the data have no such
                split or state, or no window fits into any episode.
            MemoryError: frames are to be held in memory, and the system refuses.
        """
        super().__init__(SequenceSampler(data, query), query, TensorSequences)
