"""Iterators of batches on a device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from vd4rl_data.dataset import Dataset
from vd4rl_data.pytorch.batches import (
    SEQUENCE_LAYOUTS,
    TRANSITION_LAYOUTS,
    TensorSequences,
    TensorTransitions,
    checked_device,
)
from vd4rl_data.pytorch.feeds import make_feed
from vd4rl_data.sampling import Columns, SequenceSampler, TransitionSampler
from vd4rl_data.sampling.stream import Rng


@runtime_checkable
class SupportsColumns(Protocol):
    """What :class:`vd4rl_data.Dataset` offers to samplers."""

    @property
    def columns(self) -> Columns:
        """All rows."""
        ...

    def episode_numbers(self, split: str = "all") -> NDArray[np.int64]:
        """Numbers of the episodes of a split."""
        ...


Data: TypeAlias = Dataset | Columns | SupportsColumns
"""What can be sampled: a dataset, all episodes of bare columns, or something like a dataset."""


class TorchTransitions:
    """An iterator of :class:`TensorTransitions` on a device.

    ``iter()``, ``next()`` and ``len()`` mean what they do for
    :class:`~vd4rl_data.sampling.TransitionSampler`: endless, it goes on; with ``epochs=k``
    each ``iter()`` is a pass with new permutations.

    Attributes:
        sampler: the sampler whose batches these are.
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
        device: torch.device | str = "cpu",
        storage: str = "auto",
        layout: str = "BKHWC",
        split: str = "all",
        **options: Any,
    ) -> None:
        """Make the sampler and choose where the frames live.

        Args:
            data: a dataset, or its columns.
            batch_size: B.
            frame_stack: K, frames per observation.
            n_step: n, transitions that a reward sums up.
            discount_factor: γ, in [0, 1].
            rng: a generator, a seed, or ``None`` for fresh entropy.
            device: where the batches arrive.
            storage: ``"device"`` keeps all frames of the episodes on the device, as uint8 and in
                ``layout``, and picks batches there: on CUDA copied once, on the CPU each frame
                when it is first asked for, until memory becomes scarce. ``"stream"`` copies batch
                after batch from the dataset, on CUDA from pinned memory, in a background thread
                while the last one is used; on the CPU the tensors are the sampler's own arrays,
                not copies. ``"auto"`` takes ``"device"`` on CUDA if at least 4 GiB stay free
                there, and on the CPU if the layout puts channels first and frames take at most
                half of the memory that is available (limits of containers included); else
                ``"stream"``. It logs what it takes.
            layout: ``"BKHWC"``, or ``"stacked"``: (B, K * 3, H, W), made on the device.
            split: ``"all"``, ``"train"`` or ``"validation"`` episodes of a dataset.
            **options: ``n_step_end``, ``epochs``, ``drop_last``, ``reuse_buffers``, ``threads`` of
                :class:`~vd4rl_data.sampling.TransitionSampler`.

        Raises:
            TypeError: a count is not an integer.
            ValueError: an argument is out of range, there is no such device, or no window fits
                into any episode.
        """
        check_layout(layout, TRANSITION_LAYOUTS)
        columns, episodes = columns_of(data, split)
        self.sampler = TransitionSampler(
            columns, episodes, batch_size, frame_stack, n_step, discount_factor, rng, **options
        )
        self._feed = make_feed(self.sampler, episodes, checked_device(device), storage, layout)

    def __len__(self) -> int:
        """Batches of a pass.

        Raises:
            TypeError: the sampler is endless.
        """
        return len(self.sampler)

    def __iter__(self) -> Iterator[TensorTransitions]:
        if self.sampler.epochs is None:
            return self
        self._feed.begin_pass()
        return self.sampler.rest_of_pass(self)

    def __next__(self) -> TensorTransitions:
        return TensorTransitions(**next(self._feed))


class TorchSequences:
    """An iterator of :class:`TensorSequences` on a device.

    ``iter()``, ``next()`` and ``len()`` mean what they do for
    :class:`~vd4rl_data.sampling.SequenceSampler`: endless, it goes on; with ``epochs=k``
    each ``iter()`` is a pass with new permutations.

    Attributes:
        sampler: the sampler whose batches these are.
    """

    def __init__(
        self,
        data: Data,
        batch_size: int,
        length: int,
        rng: Rng = None,
        *,
        device: torch.device | str = "cpu",
        storage: str = "auto",
        layout: str = "BLHWC",
        split: str = "all",
        **options: Any,
    ) -> None:
        """Make the sampler and choose where the frames live.

        Args:
            data: a dataset, or its columns.
            batch_size: B.
            length: L, transitions per window.
            rng: a generator, a seed, or ``None`` for fresh entropy.
            device: where the batches arrive.
            storage: as in :class:`TorchTransitions`.
            layout: ``"BLHWC"``, or ``"BLCHW"``, made on the device.
            split: ``"all"``, ``"train"`` or ``"validation"`` episodes of a dataset.
            **options: ``pad``, ``epochs``, ``drop_last``, ``reuse_buffers``, ``threads`` of
                :class:`~vd4rl_data.sampling.SequenceSampler`.

        Raises:
            TypeError: a count is not an integer.
            ValueError: an argument is out of range, there is no such device, or no window fits
                into any episode.
        """
        check_layout(layout, SEQUENCE_LAYOUTS)
        columns, episodes = columns_of(data, split)
        self.sampler = SequenceSampler(columns, episodes, batch_size, length, rng, **options)
        self._feed = make_feed(self.sampler, episodes, checked_device(device), storage, layout)

    def __len__(self) -> int:
        """Batches of a pass.

        Raises:
            TypeError: the sampler is endless.
        """
        return len(self.sampler)

    def __iter__(self) -> Iterator[TensorSequences]:
        if self.sampler.epochs is None:
            return self
        self._feed.begin_pass()
        return self.sampler.rest_of_pass(self)

    def __next__(self) -> TensorSequences:
        return TensorSequences(**next(self._feed))


def columns_of(data: Data, split: str) -> tuple[Columns, NDArray[np.int64]]:
    """The columns of a dataset and the episodes of a split.

    Raises:
        ValueError: bare columns have no splits.
    """
    if not isinstance(data, Columns):
        return data.columns, data.episode_numbers(split)
    if split != "all":
        raise ValueError(f"split: bare columns have no splits: pass the dataset, got {split!r}")
    return data, np.arange(data.num_episodes)


def check_layout(layout: str, known: tuple[str, ...]) -> None:
    """Raise ValueError unless ``layout`` is one of ``known``."""
    if layout not in known:
        raise ValueError(f"layout: expected one of {', '.join(known)}, got {layout!r}")
