"""Batches made by the worker processes of a ``DataLoader``."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from vd4rl_data.pytorch.batches import (
    TensorSequences,
    TensorTransitions,
    host_tensors,
    laid_out,
)
from vd4rl_data.pytorch.feeds import AnySampler
from vd4rl_data.pytorch.passes import PassCounter
from vd4rl_data.pytorch.queries import TensorSequenceQuery, TensorTransitionQuery
from vd4rl_data.sampling import SequenceSampler, TransitionSampler
from vd4rl_data.sampling.keywords import takes_with_data
from vd4rl_data.sampling.pool import Data
from vd4rl_data.sampling.query import generator_of
from vd4rl_data.sampling.stream import Plan


class IterableTransitions(IterableDataset[TensorTransitions]):
    """Transitions for the worker processes of a ``DataLoader``, forked or spawned.

    Items are whole batches: pass ``batch_size=None`` to the ``DataLoader``. Every worker draws the
    same stream from the same seed, and worker w of W assembles the batches w, w + W, w + 2W, … of
    it. So no batch is made twice, an epoch shows every start once, and the ``DataLoader`` returns
    the very batches of a single process, in their order, whatever the number of workers.

    Each ``iter()``, of this object or of a ``DataLoader`` around it, is a new pass, and the p-th
    pass is the same with any number of workers. With ``epochs=k`` it shows k new permutations, the
    very ones of the p-th ``iter()`` of :class:`~vd4rl_data.pytorch.TorchTransitions`. Endless, it
    goes on: the p-th pass is the p-th endless stream of the seed, each with batches of its own.
    ``len()`` is the number of batches of a pass with epochs.

    A generator that is given as ``rng`` is copied as it is: two objects made from it draw alike.
    """

    @takes_with_data(TensorTransitionQuery)
    def __init__(self, data: Data, query: TensorTransitionQuery) -> None:
        """Take the arguments of :class:`~vd4rl_data.pytorch.TorchTransitions`, on the CPU.

        Raises:
            TypeError: a count is not an integer.
            ValueError: an argument is out of range, no window fits into any episode, or the data
                can change, which a worker would not see.
        """
        super().__init__()
        self._batches = _Batches(TransitionSampler(data, _of_workers(query)), query.layout)

    def __len__(self) -> int:
        """Batches of a pass.

        Raises:
            TypeError: it is endless.
        """
        return len(self._batches)

    def __iter__(self) -> Iterator[TensorTransitions]:
        return map(_as_transitions, self._batches.begin())


class IterableSequences(IterableDataset[TensorSequences]):
    """Sequences for the worker processes of a ``DataLoader``; see :class:`IterableTransitions`."""

    @takes_with_data(TensorSequenceQuery)
    def __init__(self, data: Data, query: TensorSequenceQuery) -> None:
        """Take the arguments of :class:`~vd4rl_data.pytorch.TorchSequences`, on the CPU.

        Raises:
            TypeError: a count is not an integer.
            ValueError: an argument is out of range, no window fits into any episode, or the data
                can change, which a worker would not see.
        """
        super().__init__()
        self._batches = _Batches(SequenceSampler(data, _of_workers(query)), query.layout)

    def __len__(self) -> int:
        """Batches of a pass.

        Raises:
            TypeError: it is endless.
        """
        return len(self._batches)

    def __iter__(self) -> Iterator[TensorSequences]:
        return map(_as_sequences, self._batches.begin())


class _Batches:
    """The batches of a pass that fall to this worker process; all of them outside of a worker."""

    def __init__(self, sampler: AnySampler, layout: str) -> None:
        """Take a sampler that was made here, not in a worker: wrong arguments are told at once.

        Raises:
            ValueError: what is sampled can change.
        """
        if sampler.source.changes:
            raise ValueError(
                "data: expected data that cannot change, as worker processes hold copies of them; "
                "use TorchTransitions or TorchSequences"
            )
        self._sampler = sampler
        self._layout = layout
        self._passes = PassCounter()

    def __len__(self) -> int:
        return len(self._sampler)

    def begin(self) -> Iterator[dict[str, Tensor]]:
        """Begin a pass."""
        worker = get_worker_info()
        mine, workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
        plans = self._sampler.plans(self._passes.begin())
        return map(self._assembled, islice(plans, mine, None, workers))

    def _assembled(self, plan: Plan) -> dict[str, Tensor]:
        return laid_out(host_tensors(self._sampler.assemble(plan).as_dict()), self._layout)


_Asked = TypeVar("_Asked", TensorTransitionQuery, TensorSequenceQuery)


def _of_workers(query: _Asked) -> _Asked:
    """The query with a generator of its own.

    Raises:
        ValueError: buffers are to be reused, or batches to arrive on a device.
    """
    if query.reuse_buffers:
        raise ValueError("reuse_buffers: expected False, as a worker's batches wait in a queue")
    if torch.device(query.device).type != "cpu" or query.storage == "device":
        raise ValueError(
            "device, storage: expected the CPU and no storage, as worker processes make the "
            f"batches, got {query.device!r}, {query.storage!r}; move them with batch.to(device)"
        )
    return replace(query, rng=copy.deepcopy(generator_of(query.rng)))


def _as_transitions(tensors: dict[str, Tensor]) -> TensorTransitions:
    return TensorTransitions(**tensors)


def _as_sequences(tensors: dict[str, Tensor]) -> TensorSequences:
    return TensorSequences(**tensors)
