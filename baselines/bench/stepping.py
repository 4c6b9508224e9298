"""Gradient steps, one after the other, without waiting for the device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from baselines.bench.algorithm import Agent
from baselines.bench.capture import CapturedUpdate
from baselines.bench.phases import Batches, OnlineBatches, Phase


class Stepper:
    """One phase: takes a batch, draws noise, updates, and sums metrics up on the device.

    Attributes:
        phase: whose steps these are.
        generator: of noise, on the agent's device.
        sums: float32 (M,), sums of the phase's metrics since the last :meth:`take_means`.
        count: gradient steps in them.
    """

    def __init__(
        self,
        agent: Agent,
        phase: Phase,
        batches: Batches,
        generator: torch.Generator,
        *,
        cuda_graph: bool = True,
    ) -> None:
        """Args:
        agent: its state is as it shall be; on CUDA it must not be restored later.
        phase: one of the agent's.
        batches: of the phase.
        generator: of the agent's device.
        cuda_graph: on CUDA, start each update as one captured graph.
        """
        self._agent, self.phase, self.generator, self._batches = agent, phase, generator, batches
        self.sums = torch.zeros(len(phase.metrics), device=generator.device)
        self.count = 0
        self._captured = cuda_graph and generator.device.type == "cuda"
        self._apply: Callable[[Any, Any], None] | None = None

    def advance(self, step: int) -> None:
        """Gradient step number ``step`` of the phase, counted from 0, and what is due after it."""
        batch = next(self._batches)
        noise = self.phase.draw(step, self.generator)
        if self._apply is None:
            changed = [*self._agent.tensors(), self.sums]
            self._apply = (
                CapturedUpdate(self._update, batch, noise, changed)
                if self._captured
                else self._update
            )
        self._apply(batch, noise)
        self.count += 1
        for interval, chore in self.phase.every:
            if (step + 1) % interval == 0:
                chore(step + 1)

    def take_means(self) -> dict[str, float]:
        """Means of all metrics since the last time; waits for the device."""
        means = (self.sums / self.count).tolist()
        self.sums.zero_()
        self.count = 0
        return dict(zip(self.phase.metrics, means, strict=True))

    def is_finite(self) -> bool:
        """Whether all that an update changes is; waits for the device."""
        changed = [*self._agent.tensors(), self.sums]
        return all(bool(tensor.isfinite().all()) for tensor in changed)

    @property
    def environment_steps(self) -> int | None:
        """Steps of the simulator that the phase's data took; ``None`` if it does not play."""
        batches = self._batches
        return batches.environment_steps if isinstance(batches, OnlineBatches) else None

    def state(self) -> dict[str, Any]:
        """Where the phase is, beside the agent's own state."""
        return {
            "noise": self.generator.get_state(),
            "sums": self.sums,
            "count": self.count,
            "batches": self._batches.state(),
        }

    def load_sums(self, saved: Mapping[str, Any]) -> None:
        """The sums of :meth:`state`; its batches went on when they were made."""
        self.sums.copy_(saved["sums"])
        self.count = int(saved["count"])

    def _update(self, batch: Any, noise: Any) -> None:
        metrics = self.phase.update(batch, noise)
        self.sums.add_(torch.stack([metrics[name].float() for name in self.phase.metrics]))
