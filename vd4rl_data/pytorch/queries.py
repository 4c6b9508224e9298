"""What is asked of a sampler of tensors: batches as of numpy's samplers, and where they arrive."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from vd4rl_data.pytorch.batches import SEQUENCE_LAYOUTS, TRANSITION_LAYOUTS
from vd4rl_data.pytorch.feeds import STORAGES
from vd4rl_data.sampling.query import SequenceQuery, TransitionQuery, check_choice


@dataclass(frozen=True)
class Delivery:
    """Where batches of tensors arrive.

    Attributes:
        device: where the batches arrive; a ``DataLoader``'s worker makes them on the CPU.
        storage: ``"device"`` keeps all frames of the episodes on the device, as uint8 and in
            ``layout``, and picks batches there: on CUDA copied once, on the CPU each frame when it
            is first asked for, until memory becomes scarce. ``"stream"`` copies batch after batch
            from the data, on CUDA from pinned memory, in a background thread while the last one is
            used; on the CPU the tensors are the sampler's own arrays, not copies. ``"auto"`` takes
            ``"device"`` on CUDA if at least 4 GiB stay free there, and on the CPU if the layout
            puts channels first and frames take at most half of the memory that is available (limits
            of containers included); else, and for data that can change, ``"stream"``. It logs what
            it takes. Data that can change are streamed without the thread.
    """

    device: torch.device | str = field(default="cpu", kw_only=True)
    storage: str = field(default="auto", kw_only=True)


@dataclass(frozen=True, slots=True)
class TensorTransitionQuery(Delivery, TransitionQuery):
    """Which :class:`~vd4rl_data.pytorch.TensorTransitions` are wanted, and where.

    As in :class:`~vd4rl_data.sampling.TransitionQuery` and :class:`Delivery`, and:

    Attributes:
        layout: ``"BKHWC"``, or ``"stacked"``: (B, K * 3, H, W), made on the device.

    Raises:
        TypeError: a count is not an integer.
        ValueError: a value is out of range.
    """

    layout: str = field(default="BKHWC", kw_only=True)

    def __post_init__(self) -> None:
        """Check every value."""
        TransitionQuery.__post_init__(self)
        check_choice("storage", self.storage, STORAGES)
        check_choice("layout", self.layout, TRANSITION_LAYOUTS)


@dataclass(frozen=True, slots=True)
class TensorSequenceQuery(Delivery, SequenceQuery):
    """Which :class:`~vd4rl_data.pytorch.TensorSequences` are wanted, and where.

    As in :class:`~vd4rl_data.sampling.SequenceQuery` and :class:`Delivery`, and:

    Attributes:
        layout: ``"BLHWC"``, or ``"BLCHW"``, made on the device.

    Raises:
        TypeError: a count is not an integer.
        ValueError: a value is out of range.
    """

    layout: str = field(default="BLHWC", kw_only=True)

    def __post_init__(self) -> None:
        """Check every value."""
        SequenceQuery.__post_init__(self)
        check_choice("storage", self.storage, STORAGES)
        check_choice("layout", self.layout, SEQUENCE_LAYOUTS)
