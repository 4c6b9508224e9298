"""Gradient steps, and targets that follow."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from baselines.optimization import Average, Descent  # noqa: E402


def test_adam_steps_on_gradients_of_any_layout() -> None:
    """A convolution's gradient may lie in memory otherwise than its weight does."""
    weight = torch.randn((8, 4, 3, 3), generator=torch.Generator().manual_seed(0))
    pixels = torch.randn((5, 4, 9, 9), generator=torch.Generator().manual_seed(1))
    results = []
    for memory in (torch.contiguous_format, torch.channels_last):
        parameter = weight.clone().requires_grad_()
        descent = Descent([parameter], 1e-2)
        inputs = pixels.to(memory_format=memory)
        for _ in range(3):
            loss = torch.nn.functional.conv2d(inputs, parameter).square().mean()
            descent.step(loss)
        results.append(parameter.detach())
    torch.testing.assert_close(*results, rtol=1e-3, atol=1e-4)


def test_preparing_adam_changes_nothing() -> None:
    parameter = torch.ones(3, requires_grad=True)
    descent = Descent([parameter], 0.1)
    assert torch.equal(parameter.detach(), torch.ones(3))
    assert all(not value.any() for state in descent.adam.state.values() for value in state.values())
    descent.step((parameter * torch.tensor([1.0, -2.0, 3.0])).sum())
    torch.testing.assert_close(parameter.detach(), torch.tensor([0.9, 1.1, 0.9]))


def test_averages() -> None:
    target, online = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    average = Average([target], [online])
    assert torch.equal(target.weight, online.weight)
    torch.nn.init.zeros_(target.weight)
    torch.nn.init.ones_(online.weight)
    average.step(0.1)
    average.step(0.1)
    np.testing.assert_allclose(target.weight.detach().numpy(), 0.19, rtol=1e-6)
