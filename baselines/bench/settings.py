"""What a run depends on, and what it merely runs on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Final, Literal

import torch

from baselines.errors import DeviceNotFoundError, InvalidSettingError
from vd4rl_data.pytorch.batches import checked_device

Preset = Literal["paper", "official_code", "smoke"]
Storage = Literal["auto", "device", "stream"]

PRESETS: Final[tuple[Preset, ...]] = ("paper", "official_code", "smoke")

_MOST_WORKERS: Final = 10
"""As many episodes are evaluated at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """When a run is evaluated, and what it logs."""

    evaluate_every: int = 5_000
    """Gradient steps between evaluations; the last step is always followed by one."""
    evaluation_episodes: int = 10
    """Episodes of an evaluation, played by the deterministic policy."""
    log_every: int = 200
    """Gradient steps whose metrics are averaged to one line."""
    max_episodes: int | None = None
    """Train on a random subset of so many episodes of the dataset."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InvalidSettingError: a number is below 1.
        """
        for name in ("evaluate_every", "evaluation_episodes", "log_every", "max_episodes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InvalidSettingError(f"{name}: expected at least 1, got {value}")


SMOKE_PROTOCOL: Final = Protocol(evaluate_every=20, evaluation_episodes=1, log_every=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Everything that decides a run's numbers, but for the machine.

    Attributes:
        algorithm: a name of :data:`baselines.bench.registry.ALGORITHMS`.
        dataset: catalog id.
        seed: decides initial weights, batches, noise and evaluation episodes.
        preset: where the hyperparameters come from; single ones may have been changed.
        hyperparameters: a frozen dataclass of the algorithm.
        protocol: evaluation and logging.
    """

    algorithm: str
    dataset: str
    seed: int = 0
    preset: Preset = "paper"
    hyperparameters: Any
    protocol: Protocol = Protocol()

    def __post_init__(self) -> None:
        """Check the seed.

        Raises:
            InvalidSettingError: it is negative.
        """
        if self.seed < 0:
            raise InvalidSettingError(f"seed: expected at least 0, got {self.seed}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """How a run is computed; on one machine none of it changes what is computed, but device and
    threads change roundings.
    """

    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto takes a GPU if there is one."""
    threads: int | None = None
    """Threads of torch on the CPU; its own default if not given."""
    workers: int | None = None
    """Processes that play evaluation episodes; one per core by default, at most 10."""
    evaluate_beside: Literal["auto", "always", "never"] = "auto"
    """Play evaluations in a process of their own while training goes on, with the same returns.
    auto: where cores are free for it: on a CPU if --threads are at most half of them, with a GPU
    if there are two."""
    storage: Storage = "auto"
    """device keeps all frames in its memory, stream sends each batch; auto sees what fits."""
    cuda_graph: bool = True
    """On CUDA, start each update as one captured graph."""
    compile: bool = False
    """Let torch.compile fuse the networks' operations."""
    checkpoint_seconds: float = 300.0
    """Save at least this often; each evaluation is preceded by a checkpoint, too."""
    tensorboard: bool = True
    """Also write metrics for TensorBoard."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InvalidSettingError: a number makes no sense; the message says which.
        """
        for name in ("threads", "workers"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InvalidSettingError(f"{name}: expected at least 1, got {value}")
        if not self.checkpoint_seconds >= 0:
            raise InvalidSettingError(
                f"checkpoint_seconds: expected at least 0, got {self.checkpoint_seconds}"
            )

    def torch_device(self) -> torch.device:
        """The device to compute on.

        Raises:
            DeviceNotFoundError: it is not here, or torch does not know it.
        """
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            device = checked_device(self.device)
        except ValueError as error:
            raise DeviceNotFoundError(str(error)) from error
        if device.type not in ("cpu", "cuda"):
            raise DeviceNotFoundError(f"device: expected cpu or cuda, got {self.device!r}")
        return device

    def free_cores(self) -> int:
        """Cores that training leaves, at least 1 and at most as many as can be of use."""
        taken = 1 if self.torch_device().type == "cuda" else self.threads or _cores()
        return max(1, min(_MOST_WORKERS, _cores() - taken))

    def evaluates_beside(self) -> bool:
        """Whether evaluations have a process of their own.

        Raises:
            DeviceNotFoundError: the device is not here, or torch does not know it.
        """
        if self.evaluate_beside != "auto":
            return self.evaluate_beside == "always"
        if self.torch_device().type == "cuda":
            return _cores() >= 2
        return self.threads is not None and 2 * self.threads <= _cores()

    def evaluation_workers(self) -> int:
        """How many processes play episodes."""
        return self.workers or min(_MOST_WORKERS, os.cpu_count() or 1)


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


MACHINE: Final = Machine()
