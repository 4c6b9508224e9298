"""How an agent acts: in several episodes at once, with memory and proprioception if it wants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True)
class View:
    """What a policy sees in B lanes, each of which plays one episode at a time.

    Attributes:
        observations: uint8 (B, C, H, W), the last frames, stacked.
        first: bool (B,), where an episode begins: what the policy remembers of that lane is of an
            episode that is over, or of none.
        state: float32 (B, P), proprioception at the last frame; ``None`` unless asked for.
    """

    observations: Tensor
    first: Tensor
    state: Tensor | None = None


class Policy(Protocol):
    """Chooses actions, deterministically. It may remember, lane by lane, what it has seen.

    One that wants proprioception beside the frames has an attribute ``wants_state = True``.
    """

    def __call__(self, view: View, /) -> Tensor:
        """Actions (B, A) in [-1, 1]; B stays the same until an episode begins in every lane."""
        ...


class PixelPolicy:
    """A policy as :func:`vd4rl_data.evaluate` wants it: uint8 (B, K, H, W, 3) → (B, A).

    Attributes:
        wants_state: whether it is called with proprioception, too.
    """

    def __init__(self, policy: Policy, device: torch.device) -> None:
        """Args:
        policy: an agent's.
        device: where it lives.
        """
        self._policy, self._device = policy, device
        self.wants_state = bool(getattr(policy, "wants_state", False))
        self._begins = True

    def reset(self, batch_size: int) -> None:
        """Episodes begin in all lanes."""
        del batch_size  # told by the next observations
        self._begins = True

    def __call__(
        self, observations: NDArray[np.uint8], state: NDArray[np.float32] | None = None, /
    ) -> NDArray[np.float32]:
        """Choose actions."""
        frames = torch.from_numpy(observations).to(self._device)
        view = View(
            observations=frames.permute(0, 1, 4, 2, 3).flatten(1, 2),  # (B, K * 3, H, W)
            first=torch.full((len(frames),), self._begins, device=self._device),
            state=None if state is None else torch.from_numpy(state).to(self._device),
        )
        self._begins = False
        with torch.no_grad():
            return self._policy(view).float().cpu().numpy()
