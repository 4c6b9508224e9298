"""Two decoders and a mask between them: which pixels show what (Fu et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from baselines.dreamer.networks import Decoder

_CHANNELS: Final = 3


@dataclass(frozen=True, slots=True)
class Masked:
    """Pixels as two states explain them together.

    Attributes:
        mean: (..., 3, S, S), of the whole, about [-0.5, 0.5].
        endogenous, exogenous: (..., 3, S, S), what each state shows by itself.
        mask: (..., 1, S, S) in (0, 1), how much of each pixel is endogenous.
    """

    mean: Tensor
    endogenous: Tensor
    exogenous: Tensor
    mask: Tensor


class MaskedDecoders(nn.Module):
    """Each decoder gives three channels of pixels and three of hints, from which the mask is made.

    With the pixels x and the hints y of both:

        mask = σ(w · [y⁺, y⁻] + b),  mean = mask x⁺ + (1 - mask) x⁻
    """

    def __init__(self, features: int, size: int, depth: int) -> None:
        """Args:
        features: of each of the two states.
        size, depth: see :class:`~baselines.dreamer.networks.Decoder`.
        """
        super().__init__()
        self.endogenous, self.exogenous = (
            Decoder(features, size, depth, 2 * _CHANNELS) for _ in range(2)
        )
        self.mask = nn.Linear(2 * _CHANNELS, 1)  # at each pixel

    def forward(self, endogenous: Tensor, exogenous: Tensor) -> Masked:
        """What features (..., F) of both kinds look like together; leading dimensions stay."""
        ours, our_hints = self.endogenous(endogenous).split(_CHANNELS, -3)
        theirs, their_hints = self.exogenous(exogenous).split(_CHANNELS, -3)
        hints = torch.cat((our_hints, their_hints), -3)
        # As a product: a convolution of 1 x 1 takes ten times as long on a CPU.
        logits = torch.einsum("oc,...chw->...ohw", self.mask.weight, hints)
        mask = torch.sigmoid(logits + self.mask.bias[:, None, None])
        return Masked(mask * ours + (1.0 - mask) * theirs, ours, theirs, mask)
