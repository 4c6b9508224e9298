"""Gradient steps, one after the other, without waiting for the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from baselines.bench.algorithm import Agent
from baselines.bench.capture import CapturedUpdate


class Stepper:
    """Takes a batch, draws noise, updates, and sums metrics up on the device.

    Attributes:
        agent: what is updated.
        generator: of noise, on the agent's device.
        sums: float32 (M,), sums of the agent's metrics since the last :meth:`take_means`.
        count: gradient steps in them.
    """

    def __init__(
        self,
        agent: Agent,
        batches: Iterator[Any],
        generator: torch.Generator,
        *,
        cuda_graph: bool = True,
    ) -> None:
        """Args:
        agent: its state is as it shall be; on CUDA it must not be restored later.
        batches: endless.
        generator: of the agent's device.
        cuda_graph: on CUDA, start each update as one captured graph.
        """
        self.agent, self.generator, self._batches = agent, generator, batches
        self.sums = torch.zeros(len(agent.METRICS), device=generator.device)
        self.count = 0
        self._captured = cuda_graph and generator.device.type == "cuda"
        self._apply: Callable[[Any, Any], None] | None = None

    def advance(self, step: int) -> None:
        """Gradient step number ``step``, counted from 0."""
        batch = next(self._batches)
        noise = self.agent.draw(step, self.generator)
        if self._apply is None:
            changed = [*self.agent.tensors(), self.sums]
            self._apply = (
                CapturedUpdate(self._update, batch, noise, changed)
                if self._captured
                else self._update
            )
        self._apply(batch, noise)
        self.count += 1

    def take_means(self) -> dict[str, float]:
        """Means of all metrics since the last time; waits for the device."""
        means = (self.sums / self.count).tolist()
        self.sums.zero_()
        self.count = 0
        return dict(zip(self.agent.METRICS, means, strict=True))

    def is_finite(self) -> bool:
        """Whether all that an update changes is; waits for the device."""
        changed = [*self.agent.tensors(), self.sums]
        return all(bool(tensor.isfinite().all()) for tensor in changed)

    def _update(self, batch: Any, noise: Any) -> None:
        metrics = self.agent.update(batch, noise)
        self.sums.add_(torch.stack([metrics[name].float() for name in self.agent.METRICS]))
