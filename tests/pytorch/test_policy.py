"""A network acts on what it was trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from vd4rl_data.pytorch import TorchPolicy, TorchTransitions  # noqa: E402
from vd4rl_data.pytorch.batches import TRANSITION_LAYOUTS  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.mark.parametrize("layout", TRANSITION_LAYOUTS)
@pytest.mark.parametrize("state", [False, True])
def test_it_is_shown_what_the_sampler_gives(columns: Any, layout: str, state: bool) -> None:
    seen: list[Any] = []

    def act(*shown: torch.Tensor) -> torch.Tensor:
        seen.extend(shown)
        return torch.zeros(8, 2, dtype=torch.bfloat16)

    frames = next(TorchTransitions(columns, 8, 3, rng=0)).observations.numpy()
    states = (np.ones((8, 4), np.float32),) if state else ()
    policy = TorchPolicy(act, layout=layout, state=state)
    actions = policy(frames, *states)
    assert policy.wants_state == state
    assert (actions.shape, actions.dtype) == ((8, 2), np.float32)
    expected = next(TorchTransitions(columns, 8, 3, rng=0, layout=layout)).observations
    assert torch.equal(seen[0], expected)
    assert [list(one.shape) for one in seen[1:]] == ([[8, 4]] if state else [])


def test_gradients_are_off(columns: Any) -> None:
    weight = torch.ones(2, requires_grad=True)
    policy = TorchPolicy(lambda frames: weight.expand(len(frames), 2))
    frames = next(TorchTransitions(columns, 4, 3, rng=0)).observations.numpy()
    assert policy(frames).tolist() == [[1.0, 1.0]] * 4


def test_wrong_layouts_and_devices_are_told() -> None:
    with pytest.raises(ValueError, match="layout: expected one of BKHWC, stacked, got 'NCHW'"):
        TorchPolicy(lambda frames: frames, layout="NCHW")
    with pytest.raises(ValueError, match="device: 'gpu' cannot be used"):
        TorchPolicy(lambda frames: frames, device="gpu")
