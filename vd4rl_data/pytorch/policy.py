"""A network as a policy: it sees what it was trained on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from vd4rl_data.pytorch.batches import TRANSITION_LAYOUTS, checked_device, laid_out
from vd4rl_data.sampling.query import check_choice


class TorchPolicy:
    """A function of tensors as :func:`vd4rl_data.evaluate` wants it, a function of arrays.

    Attributes:
        wants_state: whether it is called with proprioception, too.
    """

    def __init__(
        self,
        act: Callable[..., Tensor],
        *,
        device: torch.device | str = "cpu",
        layout: str = "BKHWC",
        state: bool = False,
    ) -> None:
        """Take the function, and what the sampler of its training was asked for.

        Args:
            act: takes observations, as in a batch of :class:`~vd4rl_data.pytorch.TorchTransitions`
                with this device and layout, and with ``state`` also ``states``; returns actions
                (B, A) in [-1, 1], of any number type and on any device. It is called without
                gradients; a module with dropout or batch norm belongs in ``eval()`` mode.
            device: where it lives.
            layout: ``"BKHWC"``: (B, K, H, W, 3), or ``"stacked"``: (B, K * 3, H, W).
            state: it takes float32 (B, P) as well.

        Raises:
            ValueError: there is no such layout or device.
        """
        check_choice("layout", layout, TRANSITION_LAYOUTS)
        self.wants_state = state
        self._act, self._device, self._layout = act, checked_device(device), layout

    def __call__(
        self,
        observations: UInt8[np.ndarray, "B K H W 3"],
        states: Float32[np.ndarray, "B P"] | None = None,
        /,
    ) -> Float32[np.ndarray, "B A"]:
        """Choose actions."""
        frames = laid_out({"observations": torch.from_numpy(observations)}, self._layout)
        shown: list[Any] = [frames["observations"].to(self._device)]
        if states is not None:
            shown.append(torch.from_numpy(states).to(self._device))
        with torch.no_grad():
            return self._act(*shown).float().cpu().numpy()
