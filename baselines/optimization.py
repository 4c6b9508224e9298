"""Gradient steps, and targets that follow."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn


class Descent:
    """Adam on some parameters, and on no others.

    Gradients are taken by these parameters alone, so a loss cannot reach anything else, and nothing
    is computed for parameters that it does not move. Adam's state is there from the beginning: a
    CUDA graph can be captured at once, and a checkpoint of step 0 is complete.
    """

    def __init__(self, parameters: Iterable[Tensor], learning_rate: float) -> None:
        """Args:
        parameters: on their device, all on the same.
        learning_rate: Adam's.
        """
        self.parameters = list(parameters)
        self.adam = torch.optim.Adam(
            self.parameters,
            lr=learning_rate,
            fused=True,
            capturable=self.parameters[0].is_cuda,
        )
        for parameter in self.parameters:
            parameter.grad = torch.zeros_like(parameter)
        with warnings.catch_warnings():
            # It wonders, once, why a capturable step is not being captured.
            warnings.simplefilter("ignore", UserWarning)
            self.adam.step()  # with gradients of zero this changes nothing but the counter
        for state in self.adam.state.values():
            state["step"].zero_()

    def step(self, loss: Tensor) -> None:
        """One step down the gradient of a scalar."""
        gradients = torch.autograd.grad(loss, self.parameters)
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = _laid_out_like(parameter, gradient)
        self.adam.step()

    def tensors(self) -> list[Tensor]:
        """All that a step changes: parameters and Adam's state."""
        states = [value for state in self.adam.state.values() for value in state.values()]
        return [*self.parameters, *states]


class Average:
    """Target parameters that follow online ones: ``target += tau * (online - target)``."""

    def __init__(self, targets: Sequence[nn.Module], online: Sequence[nn.Module]) -> None:
        """Make the targets equal to the online networks."""
        self._targets = [p.detach() for network in targets for p in network.parameters()]
        self._online = [p.detach() for network in online for p in network.parameters()]
        for target, source in zip(self._targets, self._online, strict=True):
            target.copy_(source)

    def step(self, tau: float) -> None:
        """Move the targets by a share ``tau`` of the way."""
        with torch.no_grad():
            for target, online in zip(self._targets, self._online, strict=True):
                target.lerp_(online, tau)

    def tensors(self) -> list[Tensor]:
        """All that a step changes."""
        return list(self._targets)


def _laid_out_like(parameter: Tensor, gradient: Tensor) -> Tensor:
    """The gradient in the parameter's memory layout.

    The fused optimizers walk both as flat memory, and a convolution's gradient has the layout of
    its input. ``backward()`` would see to this; ``autograd.grad`` does not.
    """
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)
