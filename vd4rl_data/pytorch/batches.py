"""Batches of tensors, and the layouts of their frames."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NoReturn, TypeAlias, TypeVar, get_args

import torch
from jaxtyping import Bool, Float32, UInt8
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data._utils.collate import default_collate_fn_map

from vd4rl_data.sampling.sampler import present
from vd4rl_data.stacks import channels_before

FRAME_FIELDS: Final = ("observations", "next_observations")
TRANSITION_LAYOUTS: Final = ("BKHWC", "stacked")
SEQUENCE_LAYOUTS: Final = ("BLHWC", "BLCHW")


@dataclass(frozen=True, slots=True)
class TensorTransitions:
    """:class:`vd4rl_data.sampling.Transitions` as tensors.

    ``observations`` and ``next_observations`` are uint8 (B, K, H, W, 3), or (B, K * 3, H, W) in the
    layout ``"stacked"``.
    """

    observations: UInt8[Tensor, "B ..."]
    actions: Float32[Tensor, "B A"]
    rewards: Float32[Tensor, " B"]
    next_observations: UInt8[Tensor, "B ..."]
    discounts: Float32[Tensor, " B"]
    terminated: Bool[Tensor, " B"]
    truncated: Bool[Tensor, " B"]
    states: Float32[Tensor, "B P"] | None = None
    next_states: Float32[Tensor, "B P"] | None = None

    def as_dict(self) -> dict[str, Tensor]:
        """The same tensors by name; without states if there are none."""
        return present(self)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> TensorTransitions:
        """A copy on another device.

        Raises:
            ValueError: there is no such device.
        """
        return _moved(self, device, non_blocking=non_blocking)

    def pin_memory(self) -> TensorTransitions:
        """A copy in pinned memory; ``DataLoader(pin_memory=True)`` calls this."""
        return _mapped(self, lambda tensor: tensor.pin_memory())


@dataclass(frozen=True, slots=True)
class TensorSequences:
    """:class:`vd4rl_data.sampling.Sequences` as tensors.

    ``observations`` is uint8 (B, L+1, H, W, 3), or (B, L+1, 3, H, W) in the layout ``"BLCHW"``.
    """

    observations: UInt8[Tensor, "B L1 *frame"]
    actions: Float32[Tensor, "B L A"]
    rewards: Float32[Tensor, "B L"]
    discounts: Float32[Tensor, "B L"]
    is_first: Bool[Tensor, "B L1"]
    terminated: Bool[Tensor, "B L"]
    truncated: Bool[Tensor, "B L"]
    mask: Bool[Tensor, "B L"] | None = None
    states: Float32[Tensor, "B L1 P"] | None = None

    def as_dict(self) -> dict[str, Tensor]:
        """The same tensors by name; without ``mask`` and ``states`` if there are none."""
        return present(self)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> TensorSequences:
        """A copy on another device.

        Raises:
            ValueError: there is no such device.
        """
        return _moved(self, device, non_blocking=non_blocking)

    def pin_memory(self) -> TensorSequences:
        """A copy in pinned memory; ``DataLoader(pin_memory=True)`` calls this."""
        return _mapped(self, lambda tensor: tensor.pin_memory())


_Batch = TypeVar("_Batch", TensorTransitions, TensorSequences)
_AnyBatch: TypeAlias = TensorTransitions | TensorSequences


def _refuse_to_collate(batch: Sequence[Any], **_: Any) -> NoReturn:
    """What a ``DataLoader`` that was not told ``batch_size=None`` makes of our batches."""
    raise ValueError(
        f"DataLoader: got {len(batch)} {type(batch[0]).__name__} to put into one batch, but each "
        "is a whole batch: pass batch_size=None to the DataLoader (the number of samples in a "
        "batch is an argument of the sampler)"
    )


default_collate_fn_map.update(dict.fromkeys(get_args(_AnyBatch), _refuse_to_collate))


def checked_device(device: torch.device | str) -> torch.device:
    """A device on which a tensor can be made.

    Raises:
        ValueError: it cannot, or no device is called so; the message says what is here.
    """
    try:
        found = torch.device(device)
        torch.empty(1, device=found)
    except (TypeError, RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0].rstrip(".:")
        cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        shown = "" if hidden is None else f" (CUDA_VISIBLE_DEVICES is {hidden!r})"
        raise ValueError(
            f"device: {device!r} cannot be used: {reason}. PyTorch {torch.__version__} sees "
            f'{cuda} CUDA devices here{shown}; device="cpu" always works'
        ) from error
    return found


def host_tensors(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    """Tensors that share the memory of the arrays."""
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def laid_out(tensors: Mapping[str, Tensor], layout: str) -> dict[str, Tensor]:
    """Bring frames, (B, K, H, W, 3), into a layout; other tensors stay as they are."""
    if not is_channels_first(layout):
        return dict(tensors)
    return {
        name: joined(_channels_first(tensor), layout) if name in FRAME_FIELDS else tensor
        for name, tensor in tensors.items()
    }


def _channels_first(frames: Tensor) -> Tensor:
    """(B, K, H, W, 3) → (B, K, 3, H, W), contiguous."""
    if frames.device.type != "cpu":
        return frames.permute(0, 1, 4, 2, 3).contiguous()
    # numpy transposes bytes on the CPU three times as fast as torch does.
    return torch.from_numpy(channels_before(frames.numpy()))


def is_channels_first(layout: str) -> bool:
    """Whether the channels of a frame come before its height and width."""
    return layout in ("stacked", "BLCHW")


def joined(frames: Tensor, layout: str) -> Tensor:
    """(B, K, 3, H, W) → (B, K * 3, H, W) in the layout ``"stacked"``."""
    return frames.flatten(1, 2) if layout == "stacked" else frames


def _moved(batch: _Batch, device: torch.device | str, *, non_blocking: bool) -> _Batch:
    try:
        place = torch.device(device)  # Tensor.to takes dtypes and numbers too
        return _mapped(batch, lambda tensor: tensor.to(place, non_blocking=non_blocking))
    except (TypeError, RuntimeError, AssertionError):
        checked_device(device)  # raises, in words of ours, if the device is at fault
        raise


def _mapped(batch: _Batch, change: Callable[[Tensor], Tensor]) -> _Batch:
    return replace(batch, **{name: change(tensor) for name, tensor in present(batch).items()})
