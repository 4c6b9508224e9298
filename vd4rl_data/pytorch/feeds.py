"""How batches get to a device: from arrays on the host, through pinned memory, or already there."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vd4rl_data.frames import FrameArray
from vd4rl_data.memory import available_memory
from vd4rl_data.pytorch.batches import (
    FRAME_FIELDS,
    host_tensors,
    is_channels_first,
    joined,
    laid_out,
)
from vd4rl_data.pytorch.held import HeldFrames
from vd4rl_data.pytorch.prefetch import Prefetcher
from vd4rl_data.sampling import Sampler, Sequences, Transitions
from vd4rl_data.sampling.stream import Plan

AnySampler: TypeAlias = Sampler[Transitions | Sequences]
Tensors: TypeAlias = dict[str, Tensor]

STORAGES: Final = ("auto", "device", "stream")
FREE_DEVICE_BYTES: Final = 4 * 2**30
"""What ``storage="auto"`` leaves free on the device, for networks and optimizers."""
HELD_SHARE: Final = 0.5
"""The share of the available memory that ``storage="auto"`` lets frames take on a CPU."""

_UPLOAD_BYTES: Final = 2**26
_LOGGER: Final = logging.getLogger("vd4rl_data")


def make_feed(sampler: AnySampler, device: torch.device, storage: str, layout: str) -> Feed:
    """The sampler's batches on ``device``, as tensors by name.

    Args:
        sampler: makes the batches.
        device: where they arrive.
        storage: one of :data:`STORAGES`.
        layout: of their frames.

    Raises:
        MemoryError: frames are to be held in memory, and the system refuses.
    """
    if device == torch.device("cuda"):  # without a number; another thread has another current one
        device = torch.device("cuda", torch.cuda.current_device())
    changes = sampler.source.changes
    rows = sampled_rows(sampler)
    automatic = storage == "auto"
    if automatic:
        frames = sampler.columns.frames
        storage = "stream" if changes else choose_storage(frames, len(rows), device, layout)
    if storage == "device" and device.type == "cpu":
        try:
            return HeldFeed(sampler, rows, layout)
        except MemoryError:
            if not automatic:
                raise
    elif storage == "device":
        return ResidentFeed(sampler, rows, device, layout)
    # A thread that draws ahead would see what changes sooner or later than the one that changes it.
    ahead = device.type == "cuda" and not changes
    return (PinnedFeed if ahead else HostFeed)(sampler, device, layout)


def choose_storage(frames: FrameArray, count: int, device: torch.device, layout: str) -> str:
    """What ``storage="auto"`` means for ``count`` frames.

    On CUDA ``"device"`` if they fit there beside :data:`FREE_DEVICE_BYTES`. On a CPU ``"device"``
    if the layout is not the file's and they take at most :data:`HELD_SHARE` of the memory that is
    available; in the file's own layout they come as fast from there. Else ``"stream"``.
    """
    needed = frames.nbytes // max(len(frames), 1) * count
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        fits = needed + FREE_DEVICE_BYTES <= free
        kept, streamed = "kept there", "streamed from the host, batch by batch"
    elif device.type == "cpu" and is_channels_first(layout):
        free = available_memory() or 0
        fits = needed <= HELD_SHARE * free
        kept, streamed = "held in memory, channels first", "read from the file, batch by batch"
    else:
        return "stream"
    _LOGGER.info(
        "frames take %.1f GB of %.1f GB free on %s: %s",
        needed / 1e9,
        free / 1e9,
        device,
        kept if fits else streamed,
    )
    return "device" if fits else "stream"


def sampled_rows(sampler: AnySampler) -> NDArray[np.int64]:
    """All rows that the sampler may ask for, ascending; every row of data that can change."""
    columns = sampler.columns
    if sampler.source.changes:
        return np.arange(len(columns.frames))
    chosen = np.zeros(len(columns.frames), np.bool_)
    for number in sampler.pool.episodes:
        chosen[columns.starts[number] : columns.starts[number + 1]] = True
    return np.flatnonzero(chosen)


def _draw_of(sampler: AnySampler, frames: FrameArray) -> Plan:
    """The next batch, which must be of the frames that are held."""
    plan = sampler.draw()
    if sampler.columns.frames is not frames:
        raise ValueError(
            'storage: expected "stream" or "auto" for data that get other frames: "device" holds '
            "those that were there at first"
        )
    return plan


class Feed(Iterator[Tensors], Protocol):
    """A sampler's batches on a device."""

    def begin_pass(self) -> None:
        """Go on with a new pass of the sampler."""
        ...

    def state(self) -> dict[str, Any]:
        """The sampler's state after the batches that were taken from here."""
        ...

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the sampler; raises its ``ValueError``."""
        ...


class _InStep:
    """A feed that asks its sampler for a batch when it is asked for one itself."""

    _sampler: AnySampler

    def begin_pass(self) -> None:
        """Go on with a new pass of the sampler."""
        self._sampler.begin_pass()

    def state(self) -> dict[str, Any]:
        """The sampler's state."""
        return self._sampler.state()

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the sampler."""
        self._sampler.load_state(state)


class HostFeed(_InStep):
    """Batches made on the host; on the CPU they share the memory of the sampler's arrays."""

    def __init__(self, sampler: AnySampler, device: torch.device, layout: str) -> None:
        """Use :func:`make_feed`."""
        self._sampler = sampler
        self._device = device
        self._layout = layout

    def __iter__(self) -> HostFeed:
        return self

    def __next__(self) -> Tensors:
        tensors = host_tensors(next(self._sampler).as_dict())
        moved = {name: tensor.to(self._device) for name, tensor in tensors.items()}
        return laid_out(moved, self._layout)


class HeldFeed(_InStep):
    """Frames held in memory in the batches' layout; a batch is a copy of them, on the CPU."""

    def __init__(self, sampler: AnySampler, rows: NDArray[np.int64], layout: str) -> None:
        """Use :func:`make_feed`."""
        self._sampler = sampler
        self._layout = layout
        self._source = sampler.columns.frames
        self._frames = HeldFrames(self._source, rows, channels_first=is_channels_first(layout))
        self._gatherer = sampler.gatherer.over(self._frames)

    def __iter__(self) -> HeldFeed:
        return self

    def __next__(self) -> Tensors:
        plan = _draw_of(self._sampler, self._source)
        names = [name for name in FRAME_FIELDS if name in plan]
        gathered = self._gatherer.gather([plan[name] for name in names])
        tensors = host_tensors({**plan, **dict(zip(names, gathered, strict=True))})
        if "mask" in tensors:
            tensors["observations"][:, 1:][~tensors["mask"]] = 0
        return {**tensors, **{name: joined(tensors[name], self._layout) for name in names}}


class ResidentFeed(_InStep):
    """Frames copied to the device once, batches picked there.

    Rows and small arrays come from the host. On CUDA they go through pinned memory, so that nothing
    here waits for the device.
    """

    def __init__(
        self, sampler: AnySampler, rows: NDArray[np.int64], device: torch.device, layout: str
    ) -> None:
        """Copy frames ``rows`` to the device; use :func:`make_feed`."""
        self._sampler = sampler
        self._device = device
        self._layout = layout
        self._source = frames = sampler.columns.frames
        self._places = np.full(len(frames), -1, np.int64)
        self._places[rows] = np.arange(len(rows))
        self._frames = _upload(frames, rows, device, channels_first=is_channels_first(layout))

    def __iter__(self) -> ResidentFeed:
        return self

    def __next__(self) -> Tensors:
        plan = _draw_of(self._sampler, self._source)
        tensors = {
            name: self._picked(values) if name in FRAME_FIELDS else self._to_device(values)
            for name, values in plan.items()
        }
        if "mask" in tensors:
            tensors["observations"][:, 1:] *= tensors["mask"][..., None, None, None]
        return {
            name: joined(tensor, self._layout) if name in FRAME_FIELDS else tensor
            for name, tensor in tensors.items()
        }

    def _picked(self, rows: NDArray[np.int64]) -> Tensor:
        places = self._to_device(self._places[rows])
        frames = self._frames.index_select(0, places.flatten())
        return frames.reshape(*places.shape, *self._frames.shape[1:])

    def _to_device(self, values: NDArray[Any]) -> Tensor:
        return _copied(torch.from_numpy(values), self._device)


class PinnedFeed:
    """Batches gathered into pinned memory by a background thread and copied on a stream of its own.

    The copy of a batch overlaps with the work on the last one. CUDA only.
    """

    def __init__(self, sampler: AnySampler, device: torch.device, layout: str) -> None:
        """Use :func:`make_feed`."""
        self._sampler = sampler
        self._device = device
        self._layout = layout
        self._ahead: Prefetcher | None = None
        self._state: dict[str, Any] = {}

    def begin_pass(self) -> None:
        """Go on with a new pass of the sampler; what was made ahead of the old one is dropped."""
        self._drop()
        self._sampler.begin_pass()

    def state(self) -> dict[str, Any]:
        """The sampler's state when it had drawn the last batch that was taken, and no more."""
        return self._sampler.state() if self._ahead is None else self._state

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the sampler; what was made ahead is dropped."""
        self._drop()
        self._sampler.load_state(state)

    def _drop(self) -> None:
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None

    def __iter__(self) -> PinnedFeed:
        return self

    def __next__(self) -> Tensors:
        if self._ahead is None:
            self._state = self._sampler.state()
            self._ahead = Prefetcher(_pinned_copies(self._sampler, self._device))
        tensors, copied, self._state = next(self._ahead)
        stream = torch.cuda.current_stream(self._device)
        stream.wait_event(copied)
        for tensor in tensors.values():
            # The tensor was made on the copying stream: its memory must outlive our use of it.
            tensor.record_stream(stream)
        return laid_out(tensors, self._layout)


def _pinned_copies(
    sampler: AnySampler, device: torch.device
) -> Iterator[tuple[Tensors, Any, dict[str, Any]]]:
    """The batches on the device, each with the event after which its tensors hold them, and the
    sampler's state after it.
    """
    torch.cuda.set_device(device)  # of this thread: pinned memory and events belong to a device
    stream = torch.cuda.Stream(device)
    frame_shape = sampler.columns.frames.shape[1:]
    for plan in draws(sampler):
        state = sampler.state()
        # torch gives a pinned block to nobody else until the copies that read it are done.
        pinned = [
            torch.empty((*rows.shape, *frame_shape), dtype=torch.uint8, pin_memory=True)
            for rows in (plan[name] for name in FRAME_FIELDS if name in plan)
        ]
        batch = sampler.assemble(plan, [tensor.numpy() for tensor in pinned])
        tensors = host_tensors(batch.as_dict()) | dict(zip(FRAME_FIELDS, pinned, strict=False))
        with torch.cuda.stream(stream):
            copies = {name: _copied(tensor, device) for name, tensor in tensors.items()}
            copied = stream.record_event()
        yield copies, copied, state


def _copied(tensor: Tensor, device: torch.device) -> Tensor:
    """A copy on the device; on CUDA through pinned memory, without waiting for it."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def draws(sampler: AnySampler) -> Iterator[Plan]:
    """All batches, without their pixels; of a sampler with epochs the rest of its pass."""
    while True:
        try:
            plan = sampler.draw()
        except StopIteration:
            return
        yield plan


def _upload(
    frames: FrameArray, rows: NDArray[np.int64], device: torch.device, *, channels_first: bool
) -> Tensor:
    """Frames ``rows`` on the device, uint8 (M, H, W, 3) or (M, 3, H, W), copied piece by piece."""
    height, width, channels = frames.shape[1:]
    shape = (channels, height, width) if channels_first else (height, width, channels)
    uploaded = torch.empty((len(rows), *shape), dtype=torch.uint8, device=device)
    step = max(1, _UPLOAD_BYTES // (height * width * channels))
    for begin in range(0, len(rows), step):
        piece = torch.from_numpy(frames.take(rows[begin : begin + step])).to(device)
        uploaded[begin : begin + step] = piece.permute(0, 3, 1, 2) if channels_first else piece
    return uploaded
