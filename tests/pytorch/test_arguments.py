"""Devices and counts that cannot be are told in our words, by everything that takes them."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from vd4rl_data.pytorch import (  # noqa: E402
    IterableSequences,
    IterableTransitions,
    TorchSequences,
    TorchTransitions,
)

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("no_type_checks")]

MISSING = [
    f"cuda:{torch.cuda.device_count()}",
    "gpu",
    "cpu:x",
    3.5,
    None,
    torch.float16,
    *([] if torch.cuda.is_available() else ["cuda", 0]),
    *([] if torch.backends.mps.is_available() else ["mps"]),
]


@pytest.mark.parametrize("device", MISSING, ids=repr)
def test_a_device_that_is_not_here_is_told(columns: Any, device: Any) -> None:
    batch = next(TorchTransitions(columns, 4, rng=0))
    sequences = next(TorchSequences(columns, 4, 3, rng=0, pad=True))
    asks = [
        lambda: TorchTransitions(columns, 4, device=device),
        lambda: TorchSequences(columns, 4, 3, pad=True, device=device),
        lambda: batch.to(device),
        lambda: sequences.to(device),
    ]
    for ask in asks:
        with pytest.raises(ValueError, match=r'^device: .* cannot be used: .*device="cpu"'):
            ask()


@pytest.mark.parametrize("value", [2.5, 4.0, "4", True], ids=repr)
@pytest.mark.parametrize("name", ["batch_size", "epochs", "threads"])
@pytest.mark.parametrize(
    "kind", [TorchTransitions, TorchSequences, IterableTransitions, IterableSequences]
)
def test_counts_are_integers(columns: Any, kind: Any, name: str, value: Any) -> None:
    window = {} if "Transitions" in kind.__name__ else {"length": 1}
    with pytest.raises(TypeError, match=f"^{name}: expected an integer, got "):
        kind(columns, **{"batch_size": 4, **window, name: value})


@pytest.mark.parametrize(
    "kind", [TorchTransitions, TorchSequences, IterableTransitions, IterableSequences]
)
def test_generators_are_numpys(columns: Any, kind: Any) -> None:
    window = {} if "Transitions" in kind.__name__ else {"length": 1}
    with pytest.raises(TypeError, match=r"^rng: expected a numpy\.random\.Generator, a seed"):
        kind(columns, 4, **window, rng=torch.Generator())
