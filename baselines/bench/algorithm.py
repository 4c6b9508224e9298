"""What the bench asks of an algorithm: a record in a registry, and an agent that can be updated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from baselines.bench.phases import Phase
from baselines.bench.policy import Policy
from vd4rl_data.spec import DatasetSpec


@dataclass(frozen=True, slots=True)
class Spaces:
    """What goes into an agent and what comes out.

    Attributes:
        channels: of an observation, 3 per stacked frame.
        size: height and width of a frame in pixels.
        action_size: A.
        state_size: P, of the proprioception that a policy may ask for; 0 where a task names none.
    """

    channels: int
    size: int
    action_size: int
    state_size: int = 0


class Agent(Protocol):
    """Networks and what changes them."""

    def phases(self) -> tuple[Phase, ...]:
        """What a run consists of, in order; the bound methods of the agent, mostly."""
        ...

    def policy(self) -> Policy:
        """How it acts now, deterministically, with nothing remembered."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything that the next update of any phase depends on, beside batch and noise."""
        ...

    def load_state(self, state: Mapping[str, Any]) -> None:
        """The opposite of :meth:`state`."""
        ...

    def tensors(self) -> list[Tensor]:
        """All that the updates change, as the very tensors that they change in place."""
        ...

    def compile(self) -> None:
        """Let torch fuse what the networks do."""
        ...


class Hyperparameters(Protocol):
    """A frozen dataclass; the bench itself needs two fields of it."""

    @property
    def steps(self) -> int:
        """Gradient steps."""
        ...

    @property
    def frame_stack(self) -> int:
        """Frames per observation."""
        ...

    @property
    def precision(self) -> str:
        """Of matrix products."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """One algorithm.

    Attributes:
        name: as its paper writes it.
        paper: address.
        settings: class of its hyperparameters, a frozen dataclass.
        preset: makes them, from a preset's name and the dataset.
        agent: makes an agent from settings, spaces, device and a generator of the CPU.
        shared: over which scope the paper's hyperparameters are the same.
        check_size: raises ``InvalidSettingError`` for frames of a size, in pixels, that its
            networks cannot take; called before data are looked for. ``None``: they take any.
        caveat: says of settings why results with them must not be ranked beside others, if so.
    """

    name: str
    paper: str
    settings: type[Any]
    preset: Callable[[str, DatasetSpec], Any]
    agent: Callable[[Any, Spaces, torch.device, torch.Generator], Agent]
    shared: Literal["dataset", "suite"]
    check_size: Callable[[int], None] | None = None
    caveat: Callable[[Any], str | None] | None = None
