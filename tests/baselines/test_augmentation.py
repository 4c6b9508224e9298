"""Random shifts against painted pixels and against DrQ-v2's interpolation."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from baselines.drq.augmentation import PAD, draw_shifts, random_shift  # noqa: E402


def _pixels(size: int, channels: int = 9, count: int = 5) -> Any:
    generator = torch.Generator().manual_seed(0)
    shape = (count, channels, size, size)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def _interpolated(pixels: Any, shifts: Any) -> Any:
    """As DrQ-v2 does it: pad, then sample a shifted grid bilinearly (x comes first there)."""
    size = pixels.shape[-1]
    padded = torch.nn.functional.pad(pixels.float(), (PAD,) * 4, mode="replicate")
    step = 1.0 / (size + 2 * PAD)
    line = torch.linspace(-1.0 + step, 1.0 - step, size + 2 * PAD)[:size]
    x, y = line.expand(size, size), line[:, None].expand(size, size)
    base = torch.stack((x, y), dim=-1)[None]
    moved = shifts.flip(1)[:, None, None].float() * (2.0 / (size + 2 * PAD))
    return torch.nn.functional.grid_sample(
        padded, base + moved, padding_mode="zeros", align_corners=False
    )


@pytest.mark.parametrize("size", [16, 84])
def test_it_is_the_interpolation_without_its_rounding(size: int) -> None:
    pixels = _pixels(size)
    shifts = torch.tensor([[0, 0], [8, 8], [4, 4], [1, 7], [8, 0]])
    found = random_shift(pixels, shifts)
    assert found.dtype == torch.uint8
    assert found.shape == pixels.shape
    difference = (found.float() - _interpolated(pixels, shifts)).abs().max()
    assert difference < 4e-3 * size / 84 + 1e-3


def test_the_middle_moves_nothing() -> None:
    pixels = _pixels(20)
    assert torch.equal(random_shift(pixels, torch.full((5, 2), PAD)), pixels)


def test_shifts_move_rows_and_columns_of_all_channels_alike() -> None:
    size = 12
    painted = (torch.arange(size)[:, None] * 16 + torch.arange(size)).to(torch.uint8)
    pixels = painted.expand(2, 6, size, size)
    found = random_shift(pixels, torch.tensor([[6, 4], [4, 1]]))
    assert torch.equal(found[0, :, :-2], pixels[0, :, 2:])  # two rows up, the border repeated
    assert torch.equal(found[0, :, -1], pixels[0, :, -1])
    assert torch.equal(found[1, :, :, 3:], pixels[1, :, :, :-3])  # three columns to the right
    assert torch.equal(found[1, :, :, 0], pixels[1, :, :, 0])


def test_draws_are_uniform_and_independent() -> None:
    shifts = draw_shifts(torch.Generator().manual_seed(0), 2, 9000)
    assert shifts.shape == (2, 9000, 2)
    counts = torch.bincount(shifts.flatten(), minlength=9)
    assert len(counts) == 9
    assert (counts - 4000).abs().max() < 300
    flat = shifts.permute(0, 2, 1).reshape(4, -1).float()
    correlation = torch.corrcoef(flat) - torch.eye(4)
    assert correlation.abs().max() < 0.05
