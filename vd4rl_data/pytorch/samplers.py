"""Iterators of batches on a device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from vd4rl_data.pytorch.batches import TensorSequences, TensorTransitions, checked_device
from vd4rl_data.pytorch.feeds import AnySampler, make_feed
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

    def state(self) -> dict[str, Any]:
        """Where it is after the batches that were taken, in plain values, as of
        :meth:`vd4rl_data.sampling.TransitionSampler.state`; of ``sampler`` itself that may be
        further on, as a thread draws ahead where batches are streamed to a GPU.
        """
        return self._feed.state()

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on where another one with the same data and settings was, at once, on any device.

        Args:
            state: what :meth:`state` returned, here or of the sampler of numpy arrays.

        Raises:
            ValueError: it is something else, or of data with other starts.
        """
        self._feed.load_state(state)

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
