"""An update as one CUDA graph: some hundred small kernels, started at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any, Final

import torch
from torch import Tensor

_WARM_UP: Final = 3
"""Calls before the capture, so that libraries choose their algorithms; they are undone."""


class CapturedUpdate:
    """Replays a function of two records of tensors. Restore state before making it, not after."""

    def __init__(
        self,
        update: Callable[[Any, Any], None],
        batch: Any,
        noise: Any,
        changed: Sequence[Tensor],
    ) -> None:
        """Capture.

        Args:
            update: what to capture; it must write to ``changed`` alone, in place.
            batch: a dataclass of CUDA tensors (``None`` where one was not asked for); gives shapes,
                and is not changed.
            noise: likewise.
            changed: left as it was.
        """
        self._batch, self._noise = _cloned(batch), _cloned(noise)
        before = [tensor.clone() for tensor in changed]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP):
                update(self._batch, self._noise)
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        # Other threads may go on talking to the device: one of them sends batches.
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            update(self._batch, self._noise)
        with torch.no_grad():
            for tensor, value in zip(changed, before, strict=True):
                tensor.copy_(value)

    def __call__(self, batch: Any, noise: Any) -> None:
        """One call with these values."""
        for static, values in ((self._batch, batch), (self._noise, noise)):
            for name, tensor in _tensors(static):
                tensor.copy_(getattr(values, name), non_blocking=True)
        self._graph.replay()


def _cloned(record: Any) -> Any:
    return replace(record, **{name: tensor.clone() for name, tensor in _tensors(record)})


def _tensors(record: Any) -> list[tuple[str, Tensor]]:
    """What a record holds by name; a field that was not asked for is ``None``."""
    found = [(field.name, getattr(record, field.name)) for field in fields(record)]
    return [(name, tensor) for name, tensor in found if tensor is not None]
