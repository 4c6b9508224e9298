"""Batches made by the worker processes of a ``DataLoader``."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
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
from vd4rl_data.pytorch.feeds import AnySampler
from vd4rl_data.pytorch.passes import PassCounter
from vd4rl_data.pytorch.samplers import Data, check_layout, columns_of
from vd4rl_data.sampling import SequenceSampler, TransitionSampler
from vd4rl_data.sampling.stream import Plan, Rng, generator_of


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

    def __init__(
        self, make: Callable[..., AnySampler], rng: Rng, layout: str, options: dict[str, Any]
    ) -> None:
        """Make the sampler here, not in a worker: what is wrong with arguments is told at once.

        Raises:
            ValueError: an argument is out of range, or buffers are to be reused.
        """
        if options.get("reuse_buffers"):
            raise ValueError("reuse_buffers: expected False, as a worker's batches wait in a queue")
        self._sampler = make(rng=copy.deepcopy(generator_of(rng)), **options)
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


def _as_transitions(tensors: dict[str, Tensor]) -> TensorTransitions:
    return TensorTransitions(**tensors)


def _as_sequences(tensors: dict[str, Tensor]) -> TensorSequences:
    return TensorSequences(**tensors)
