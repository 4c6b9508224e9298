"""Adam as TensorFlow has it, with clipped gradients and decaying weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor

_BETAS: Final = (0.9, 0.999)


class ClippedDescent:
    """Adam on some parameters, and on no others.

    One step, in the order of DreamerV2's published code: gradients are scaled down to a global norm
    of at most ``clip``; every parameter, biases included, is multiplied by ``1 - decay``; then
    Adam, whose epsilon is added to the root of the *uncorrected* second moment. At step t that is
    torch's Adam with an epsilon of ``epsilon / sqrt(1 - 0.999^t)``: larger at first.

    All of it happens on the parameters' device, in place.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        learning_rate: float,
        *,
        epsilon: float = 1e-5,
        clip: float = 100.0,
        decay: float = 1e-6,
    ) -> None:
        """Args:
        parameters: on their device, all on the same.
        learning_rate: Adam's.
        epsilon: Adam's.
        clip: largest global norm of gradients.
        decay: share of each parameter that is lost at each step.
        """
        self.parameters = list(parameters)
        self._sizes = [each.numel() for each in self.parameters]
        self._rate, self._epsilon, self._clip, self._decay = learning_rate, epsilon, clip, decay
        device = self.parameters[0].device
        self._first, self._second = (torch.zeros(sum(self._sizes), device=device) for _ in range(2))
        self._count = torch.zeros((), device=device)

    def gradient(self, loss: Tensor, *, keep: bool = False) -> Tensor:
        """Of a scalar, by all parameters, one after the other: (P,).

        Args:
            loss: the scalar.
            keep: let others be taken after it.
        """
        found = torch.autograd.grad(loss, self.parameters, retain_graph=keep)
        return torch.cat([each.flatten() for each in found])

    def step(self, loss: Tensor) -> Tensor:
        """One step down the gradient of a scalar; returns its norm before it is clipped."""
        return self.apply(self.gradient(loss))

    @torch.no_grad()
    def apply(self, gradient: Tensor) -> Tensor:
        """One step with a gradient of :meth:`gradient`; returns its norm."""
        norm = gradient.norm()
        scaled = gradient * (self._clip / norm.clamp(min=self._clip))
        beta1, beta2 = _BETAS
        self._count += 1.0
        self._first.lerp_(scaled, 1.0 - beta1)
        self._second.mul_(beta2).addcmul_(scaled, scaled, value=1.0 - beta2)
        rate = self._rate * (1.0 - beta2**self._count).sqrt() / (1.0 - beta1**self._count)
        steps = self._second.sqrt().add_(self._epsilon).reciprocal_().mul_(self._first).mul_(rate)
        for parameter, step in zip(self.parameters, steps.split(self._sizes), strict=True):
            parameter.mul_(1.0 - self._decay).sub_(step.view_as(parameter))
        return norm

    def tensors(self) -> list[Tensor]:
        """All that a step changes."""
        return [*self.parameters, self._first, self._second, self._count]

    def state_dict(self) -> dict[str, Any]:
        """What the next step depends on, beside the parameters."""
        return {"first": self._first, "second": self._second, "count": self._count}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The opposite of :meth:`state_dict`, in place.

        Raises:
            KeyError, RuntimeError: it is of other parameters.
        """
        for name, ours in self.state_dict().items():
            ours.copy_(state[name])


def gradients_of(loss: Tensor, descents: Sequence[ClippedDescent]) -> list[Tensor]:
    """What :meth:`ClippedDescent.gradient` gives for each, in one pass; they may share parameters.

    Args:
        loss: a scalar.
        descents: optimizers, all of parameters that the loss depends on.
    """
    parameters = {id(each): each for descent in descents for each in descent.parameters}
    found = torch.autograd.grad(loss, list(parameters.values()))
    by_id = dict(zip(parameters, found, strict=True))
    return [
        torch.cat([by_id[id(each)].flatten() for each in descent.parameters])
        for descent in descents
    ]
