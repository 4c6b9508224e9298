"""A run is an ordered list of phases: what is updated on which batches, and for how long."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from baselines.errors import InvalidSettingError
from vd4rl_data.sampling.pool import Data

TRAINING: Final = "training"
"""The name of the one phase of most algorithms."""

Chore = Callable[[int], object]
"""What is done every so many gradient steps; it gets the gradient steps of the phase so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseContext:
    """What the batches of a phase are made from.

    Attributes:
        dataset: what the run trains on.
        generator: decides which batches; of the run's seed and the phase.
        device: where they are wanted.
        storage: see :class:`vd4rl_data.pytorch.TorchTransitions`.
        state: where they were when an earlier process saved them, see :meth:`Batches.state`;
            ``None`` where the phase begins.
        folder: for files of the phase's own, such as episodes that it plays; not there until
            something is written; ``None`` outside of a run.
        environment: id of the dataset in whose environment a phase can play; ``None`` outside of a
            run.
        seed: of the run.
    """

    dataset: Data
    generator: np.random.Generator
    device: torch.device
    storage: str = "auto"
    state: Mapping[str, Any] | None = None
    folder: Path | None = None
    environment: str | None = None
    seed: int = 0


class Batches(Protocol):
    """Batches without end, which a later process can go on with."""

    def __next__(self) -> Any:
        """The next batch: a frozen dataclass of tensors, of the same shapes each time."""
        ...

    def state(self) -> Mapping[str, Any]:
        """Where they are after what was taken, in plain values and tensors."""
        ...


@runtime_checkable
class OnlineBatches(Batches, Protocol):
    """Batches of data that grow by episodes of the agent's own."""

    @property
    def environment_steps(self) -> int:
        """Steps of the simulator so far, repeated actions counted each time."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """So many gradient steps of one kind.

    Attributes:
        name: tells it from an algorithm's other phases, in logs and checkpoints.
        steps: gradient steps; a share of the run's in (0, 1]; or ``None``: what the other phases
            leave.
        batches: makes the phase's batches, once in each process, when the phase begins or goes on;
            the agent has its state by then.
        draw: all that is random in gradient step number ``step`` of the phase, counted from 0: a
            frozen dataclass of tensors, drawn from a generator of the agent's device.
        update: one gradient step, from batch and noise; returns metrics, scalars on the device.
            Nothing is read back from the device, and memory that is written stays where it is: the
            whole can be captured as a CUDA graph.
        metrics: names of what ``update`` returns.
        every: pairs ``(interval, chore)``: after each ``interval`` gradient steps of the phase
            ``chore`` is called, outside of the graph. It changes what is in the state of the agent,
            in place, or of the batches, and nothing else; one that plays episodes does so within
            :func:`~baselines.bench.guards.exact_denormals`.
        evaluated: whether evaluations fall into it; not if it leaves the policy as it is. The last
            step of a run is always followed by one.
        online: whether its batches are :class:`OnlineBatches`. An evaluation precedes its first
            step, too: the offline point.
    """

    name: str = TRAINING
    steps: int | float | None = None
    batches: Callable[[PhaseContext], Batches]
    draw: Callable[[int, torch.Generator], Any]
    update: Callable[[Any, Any], Mapping[str, Tensor]]
    metrics: tuple[str, ...]
    every: tuple[tuple[int, Chore], ...] = ()
    evaluated: bool = True
    online: bool = False

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InvalidSettingError: a number makes no sense; the message says which.
        """
        steps, where = self.steps, f"phase {self.name!r}"
        if isinstance(steps, float):
            if not 0.0 < steps <= 1.0:
                raise InvalidSettingError(
                    f"{where}: steps: expected a share in (0, 1], got {steps}"
                )
        elif steps is not None and steps < 1:
            raise InvalidSettingError(f"{where}: steps: expected at least 1, got {steps}")
        for interval, _ in self.every:
            if interval < 1:
                raise InvalidSettingError(f"{where}: every: expected at least 1, got {interval}")


class Schedule:
    """Which gradient steps of a run belong to which phase.

    Attributes:
        phases: in order.
        starts: the gradient step, counted from 0, at which each begins.
        steps: of the run.
    """

    def __init__(self, phases: Sequence[Phase], steps: int) -> None:
        """Lay the phases out one after the other.

        Raises:
            InvalidSettingError: there is none, two have the same name, or their steps are not those
                of the run.
        """
        self.phases, self.steps = tuple(phases), steps
        names = [phase.name for phase in phases]
        if not names or len(set(names)) < len(names):
            raise InvalidSettingError(f"phases: expected different names, got {names}")
        counts = _counts(self.phases, steps)
        if sum(counts) != steps or min(counts) < 1:
            told = ", ".join(f"{name} {count:,}" for name, count in zip(names, counts, strict=True))
            raise InvalidSettingError(
                f"steps: expected the phases to take the run's {steps:,} gradient steps and at "
                f"least 1 each, they take {told}"
            )
        self.starts = tuple(sum(counts[:number]) for number in range(len(counts)))

    def number(self, step: int) -> int:
        """The phase of gradient step number ``step``, counted from 0; the last one's at the end."""
        return max(n for n, start in enumerate(self.starts) if start <= step)

    def is_end(self, step: int) -> bool:
        """Whether a phase ends after so many gradient steps."""
        return step in (*self.starts[1:], self.steps)

    @property
    def plays(self) -> bool:
        """Whether a phase plays for its data."""
        return any(phase.online for phase in self.phases)

    def begins_online(self, step: int) -> bool:
        """Whether the agent begins to play for its data after so many gradient steps."""
        begun = zip(self.phases, self.starts, strict=True)
        return step in [start for phase, start in begun if phase.online]

    def passed(self, step: int) -> list[tuple[str, int]]:
        """Names and starts of the phases that a run of so many gradient steps has been in."""
        begun = zip(self.phases, self.starts, strict=True)
        return [(phase.name, start) for phase, start in begun if start < step]


def _counts(phases: Sequence[Phase], steps: int) -> list[int]:
    """Gradient steps of each phase; shares are rounded where they end, so that nothing is lost."""
    ends: list[int] = []
    position: float = 0.0
    for phase in phases:
        if phase.steps is None:
            position += steps - sum(_wanted(other, steps) for other in phases)
        else:
            position += _wanted(phase, steps)
        ends.append(round(position))
    return [end - begin for begin, end in zip([0, *ends], ends, strict=False)]


def _wanted(phase: Phase, steps: int) -> float:
    """Gradient steps that a phase asks for by itself."""
    if phase.steps is None:
        return 0.0
    return phase.steps * steps if isinstance(phase.steps, float) else phase.steps
