"""The encoder on a CPU, piece by piece, is the encoder."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from baselines.bench.algorithm import Spaces  # noqa: E402
from baselines.drq.augmentation import PAD, random_shift, shift_into  # noqa: E402
from baselines.drq.networks import Critic, Encoder, initialize  # noqa: E402
from baselines.drq.piecewise import PiecewiseEncoder  # noqa: E402

SIZE = 20


def _encoder(channels: int = 6, size: int = SIZE) -> Encoder:
    encoder = Encoder(Spaces(channels=channels, size=size, action_size=2))
    initialize(encoder, torch.Generator().manual_seed(0))
    return encoder


def _inputs(count: int, channels: int = 6, size: int = SIZE, seed: int = 0) -> tuple[Any, Any]:
    generator = torch.Generator().manual_seed(seed)
    shape = (count, channels, size, size)
    pixels = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    return pixels, torch.randint(0, 2 * PAD + 1, (count, 2), generator=generator)


def _gradients(encoder: Encoder, features: Any) -> list[Any]:
    weights = torch.sin(torch.arange(features.numel()).view(features.shape).float())
    loss = (features.float() * weights).sum()
    return list(torch.autograd.grad(loss, list(encoder.parameters())))


def _assert_close(found: list[Any], expected: list[Any], tolerance: float) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == theirs.dtype == torch.float32
        assert (ours - theirs).abs().max() <= tolerance * theirs.abs().max()


@pytest.mark.parametrize("count", [1, 5, 16, 17, 40])
@pytest.mark.parametrize(("channels", "size"), [(6, SIZE), (9, 16), (3, 21)])
def test_features_and_gradients_are_the_encoders(count: int, channels: int, size: int) -> None:
    encoder = _encoder(channels, size)
    pixels, shifts = _inputs(count, channels, size)
    expected = encoder(random_shift(pixels, shifts))
    piecewise = PiecewiseEncoder(encoder)
    found = piecewise(pixels, shifts)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    with torch.no_grad():
        assert torch.equal(piecewise(pixels, shifts), found)
    _assert_close(_gradients(encoder, found), _gradients(encoder, expected), 1e-5)


def test_in_bfloat16_too() -> None:
    encoder = _encoder()
    pixels, shifts = _inputs(20)
    with torch.autocast("cpu", torch.bfloat16):
        found = PiecewiseEncoder(encoder)(pixels, shifts)
        expected = encoder(random_shift(pixels, shifts))
    assert found.dtype == expected.dtype == torch.bfloat16
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0.05)
    _assert_close(_gradients(encoder, found), _gradients(encoder, expected), 0.05)


def test_what_is_still_referred_to_is_not_written_again() -> None:
    """Memory is lent again only when its last owner is gone, whatever the order of calls."""
    encoder = _encoder()
    piecewise = PiecewiseEncoder(encoder)
    batches = [_inputs(17, seed=seed) for seed in range(5)]
    expected = [encoder(random_shift(*batch)) for batch in batches]
    found = [piecewise(*batch) for batch in batches]  # all alive at once
    for ours, theirs in reversed(list(zip(found, expected, strict=True))):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
        _assert_close(_gradients(encoder, ours), _gradients(encoder, theirs), 1e-5)
    kept = found[0].detach()
    copy = kept.clone()
    del found
    for batch in batches[1:]:
        _gradients(encoder, piecewise(*batch))
    assert torch.equal(kept, copy)


def test_memory_comes_back() -> None:
    encoder = _encoder()
    piecewise = PiecewiseEncoder(encoder)
    places = set[int]()
    for seed in range(6):
        features = piecewise(*_inputs(17, seed=seed))
        places.add(features.data_ptr())
        _gradients(encoder, features)
        del features
    assert len(places) == 1


@pytest.mark.parametrize("y", range(2 * PAD + 1))
def test_copied_shifts_are_the_shifts(y: int) -> None:
    count = 2 * PAD + 1
    pixels, _ = _inputs(count, channels=3, size=11)
    shifts = torch.stack((torch.full((count,), y), torch.arange(count)), dim=1)
    moved = torch.zeros((count, 11, 11, 3), dtype=torch.uint8)
    shift_into(moved.numpy(), pixels.numpy(), shifts.numpy())
    assert torch.equal(moved.permute(0, 3, 1, 2), random_shift(pixels, shifts))


@pytest.mark.parametrize("count", [1, 3, 700])
def test_values_of_many_actions_are_those_of_each(count: int) -> None:
    critic = Critic(12, 2, 5, 8)
    generator = torch.Generator().manual_seed(0)
    initialize(critic, generator)
    features = torch.randn((count, 12), generator=generator)
    actions = torch.randn((count, 4, 2), generator=generator)
    many = critic(features, actions)
    for number in range(4):
        one = critic(features, actions[:, number])
        for values, value in zip(many, one, strict=True):
            torch.testing.assert_close(values[:, number], value)
