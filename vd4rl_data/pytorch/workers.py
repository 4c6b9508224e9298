"""Batches made by the worker processes of a ``DataLoader``."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from vd4rl_data.pytorch.batches import (
    SEQUENCE_LAYOUTS,
    TRANSITION_LAYOUTS,
    TensorSequences,
    TensorTransitions,
    host_tensors,
    laid_out,
)
from vd4rl_data.pytorch.feeds import AnySampler, draws
from vd4rl_data.pytorch.samplers import Data, check_layout, columns_of
from vd4rl_data.sampling import SequenceSampler, TransitionSampler
from vd4rl_data.sampling.stream import Rng, generator_of


class IterableTransitions(IterableDataset[TensorTransitions]):
    """Transitions for the worker processes of a ``DataLoader``, forked or spawned.

    Items are whole batches: pass ``batch_size=None`` to the ``DataLoader``. Every worker draws the
    same stream from the same seed, and worker w of W assembles the batches w, w + W, w + 2W, … of
    it. So no batch is made twice, an epoch shows every start once, and the ``DataLoader`` returns
    the very batches of a single process, in their order, whatever the number of workers.

    Each ``iter()`` starts the stream again: pass ``epochs=k`` instead of iterating k times over one
    epoch, which would show the same permutation k times.
    """

    def __init__(
        self,
        data: Data,
        batch_size: int,
        frame_stack: int = 1,
        n_step: int = 1,
        discount_factor: float = 0.99,
        rng: Rng = None,
        *,
        layout: str = "BKHWC",
        split: str = "all",
        **options: Any,
    ) -> None:
        """Take the arguments of :class:`~vd4rl_data.pytorch.TorchTransitions`, without a device.

        Raises:
            TypeError: a count is not an integer.
            ValueError: an argument is out of range, or no window fits into any episode.
        """
        super().__init__()
        check_layout(layout, TRANSITION_LAYOUTS)
        arguments = (*columns_of(data, split), batch_size, frame_stack, n_step, discount_factor)
        self._batches = _Batches(partial(TransitionSampler, *arguments), rng, layout, options)

    def __iter__(self) -> Iterator[TensorTransitions]:
        return (TensorTransitions(**tensors) for tensors in self._batches)


class IterableSequences(IterableDataset[TensorSequences]):
    """Sequences for the worker processes of a ``DataLoader``; see :class:`IterableTransitions`."""

    def __init__(
        self,
        data: Data,
        batch_size: int,
        length: int,
        rng: Rng = None,
        *,
        layout: str = "BLHWC",
        split: str = "all",
        **options: Any,
    ) -> None:
        """Take the arguments of :class:`~vd4rl_data.pytorch.TorchSequences`, without a device.

        Raises:
            TypeError: a count is not an integer.
            ValueError: an argument is out of range, or no window fits into any episode.
        """
        super().__init__()
        check_layout(layout, SEQUENCE_LAYOUTS)
        arguments = (*columns_of(data, split), batch_size, length)
        self._batches = _Batches(partial(SequenceSampler, *arguments), rng, layout, options)

    def __iter__(self) -> Iterator[TensorSequences]:
        return (TensorSequences(**tensors) for tensors in self._batches)


class _Batches:
    """The batches that fall to this worker process, from the first on; all outside of a worker."""

    def __init__(
        self, make: Callable[..., AnySampler], rng: Rng, layout: str, options: dict[str, Any]
    ) -> None:
        """Check all arguments by making a sampler: what is wrong is told here, not in a worker.

        Raises:
            ValueError: an argument is out of range, or buffers are to be reused.
        """
        if options.get("reuse_buffers"):
            raise ValueError("reuse_buffers: expected False, as a worker's batches wait in a queue")
        self._make = partial(make, **options)
        self._rng = generator_of(rng)
        self._layout = layout
        self._sampler()

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        worker = get_worker_info()
        mine, workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
        sampler = self._sampler()
        for number, plan in enumerate(draws(sampler)):
            if number % workers == mine:
                yield laid_out(host_tensors(sampler.assemble(plan).as_dict()), self._layout)

    def _sampler(self) -> AnySampler:
        return self._make(rng=copy.deepcopy(self._rng))
