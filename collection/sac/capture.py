"""The update as one CUDA graph: a few hundred small kernels launched at once."""

from __future__ import annotations

from dataclasses import fields

import torch
from torch import Tensor

from collection.sac.update import Batch, SACLearner

_WARM_UP: int = 3
"""Number of updates before the capture, which CUDA libraries require; they are undone."""


class CapturedUpdate:
    """Runs a learner's update by replaying a graph. Restore a learner before capturing it."""

    def __init__(self, learner: SACLearner, batch: Batch, noise: Tensor) -> None:
        """Capture the update.

        Args:
            learner: a learner on a CUDA device; the capture leaves its state unchanged.
            batch: an example batch, for shapes and device.
            noise: example noise, for shape and device.
        """
        self._batch = Batch(*(getattr(batch, field.name).clone() for field in fields(batch)))
        self._noise = noise.clone()
        tensors = learner.tensors()
        before = [tensor.clone() for tensor in tensors]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP):
                learner.update(self._batch, self._noise)
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            learner.update(self._batch, self._noise)
        for tensor, value in zip(tensors, before, strict=True):
            tensor.copy_(value)
        learner.refresh()

    def __call__(self, batch: Batch, noise: Tensor) -> None:
        """Make one update, like :meth:`SACLearner.update`."""
        for field in fields(batch):
            getattr(self._batch, field.name).copy_(getattr(batch, field.name))
        self._noise.copy_(noise)
        self._graph.replay()
