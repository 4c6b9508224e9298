"""What users do with an array works with lazy frames, or the error says np.array(frames)."""

from __future__ import annotations

import io
import itertools
import time
from typing import Any

import h5py
import numpy as np
import pytest

from vd4rl_data import frames as frames_module
from vd4rl_data import reductions
from vd4rl_data.errors import LargeArrayWarning
from vd4rl_data.frames import FrameArray

FRAMES = np.random.default_rng(0).integers(0, 256, (23, 4, 5, 3), dtype=np.uint8)
ROWS = np.array([5, 22, 0, 5, 7, 8, 9, 21])
LAYOUTS = {
    "one": (FrameArray(FRAMES), FRAMES),
    "parts": (FrameArray([FRAMES[:7], FRAMES[7:]]), FRAMES),
    "rows": (FrameArray([FRAMES[:7], FRAMES[7:]], ROWS), FRAMES[ROWS]),
    "black": (FrameArray(FRAMES * 0), FRAMES * 0),
}


@pytest.fixture(params=LAYOUTS)
def both(request: pytest.FixtureRequest) -> tuple[FrameArray, np.ndarray]:
    return LAYOUTS[request.param]


USES = [
    lambda a: a.size,
    lambda a: a.itemsize,
    lambda a: a.nbytes,
    lambda a: a.astype(np.float32),
    lambda a: a.astype("int64", copy=False),
    lambda a: a.reshape(-1, 60),
    lambda a: a.reshape((len(a), -1)),
    lambda a: a.transpose(0, 3, 1, 2),
    lambda a: np.transpose(a, (0, 3, 1, 2)),
    lambda a: np.moveaxis(a, -1, 1),
    lambda a: a.T,
    lambda a: a.swapaxes(1, 2),
    lambda a: a.flatten(),
    lambda a: a.ravel(),
    lambda a: a.squeeze(),
    lambda a: a.tolist(),
    lambda a: a.tobytes(),
    lambda a: a.any(),
    lambda a: a.argmax(axis=-1),
    lambda a: a.clip(10, 20),
    lambda a: a.prod(axis=(1, 2, 3)),
    lambda a: a.view(np.int8),
    lambda a: a / 255.0,
    lambda a: 255 - a,
    lambda a: a.astype(np.float32) / 127.5 - 1,
    lambda a: -a,
    lambda a: (a - a.mean(0, keepdims=True)) / (a.std(0, keepdims=True) + 1e-3),
    lambda a: a // 16 * 16,
    lambda a: a == 0,
    lambda a: a > 100,
    lambda a: a + a,
    lambda a: a & 1,
    lambda a: a @ np.ones((3, 2), np.float32),
    lambda a: np.add.reduce(a, axis=0),
    np.sqrt,
    lambda a: np.median(a, axis=0),
    lambda a: np.percentile(a, 30),
    lambda a: np.concatenate([a, a]),
    lambda a: np.stack([a, a]),
    lambda a: np.vstack([a[:2], a[3:5]]),
    lambda a: np.where(a > 100, a, 0),
    np.unique,
    lambda a: np.histogram(a, 4, (0, 256))[0],
    np.ascontiguousarray,
    lambda a: np.array(a, dtype=np.float64),
    lambda a: np.asarray(a, "f4"),
    np.squeeze,
    lambda a: np.array_equal(a, a),
    np.shape,
    np.size,
    np.ndim,
    lambda a: np.full(a.shape, 3).astype(a.dtype),
    list,
    lambda a: list(reversed(a)),
    lambda a: [frame.sum() for frame in a],
    np.from_dlpack,
]


@pytest.mark.parametrize("use", USES, ids=range(len(USES)))
def test_works_as_with_an_array(use: Any, both: tuple[FrameArray, np.ndarray]) -> None:
    frames, array = both
    got, expected = use(frames), use(array)
    assert type(got) is type(expected)
    if isinstance(got, bytes):
        assert got == expected
        return
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    assert getattr(got, "dtype", None) == getattr(expected, "dtype", None)
    assert np.shape(got) == np.shape(expected)


AXES = [None, 0, 3, -1, (0, 1), (0, 1, 2), (1, 2, 3), (-4, -1), ()]


@pytest.mark.parametrize("block", [1, 500, 10**9])
@pytest.mark.parametrize("name", ["sum", "mean", "var", "std", "min", "max"])
def test_reductions_are_numpys_block_by_block(
    name: str, block: int, both: tuple[FrameArray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reductions, "_BLOCK_BYTES", block)
    frames, array = both
    for axis, keepdims in itertools.product(AXES, (False, True)):
        expected = getattr(array, name)(axis=axis, keepdims=keepdims)
        for got in (
            getattr(frames, name)(axis=axis, keepdims=keepdims),
            getattr(np, name)(frames, axis=axis, keepdims=keepdims),
        ):
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)
            assert np.asarray(got).dtype == expected.dtype
            assert np.shape(got) == expected.shape


def test_reductions_take_numpys_other_arguments(both: tuple[FrameArray, np.ndarray]) -> None:
    frames, array = both
    assert frames.mean(dtype=np.float32).dtype == np.float32
    np.testing.assert_allclose(frames.std(0, ddof=1), array.std(0, ddof=1), atol=1e-9)
    out = np.zeros(array.shape[1:])
    assert np.mean(frames, axis=0, out=out) is out
    np.testing.assert_allclose(out, array.mean(0))
    with pytest.raises(np.exceptions.AxisError):
        frames.mean(4)


def test_reductions_read_block_by_block_without_a_warning(
    both: tuple[FrameArray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, array = both
    monkeypatch.setattr(frames_module, "LARGE_ARRAY_BYTES", 100)
    np.testing.assert_allclose(frames.mean(0), array.mean(0))  # warnings are errors here
    for use in (lambda: frames.astype(np.float32), lambda: frames.copy("C"), lambda: frames / 255):
        with pytest.warns(LargeArrayWarning, match="copying 0.0 GB of frames"):
            use()


def _in_place(frames: FrameArray) -> None:
    frames += 1


WRITES = [
    lambda a: a.__setitem__(0, 0),
    lambda a: a.__setitem__((slice(None), 0), 1),
    _in_place,
    lambda a: np.add(a, 1, out=a),
]


@pytest.mark.parametrize("write", WRITES, ids=range(len(WRITES)))
def test_writing_says_what_to_do(write: Any, both: tuple[FrameArray, np.ndarray]) -> None:
    with pytest.raises(ValueError, match=r"read-only: write to a copy of your own, np\.array"):
        write(both[0])


@pytest.mark.parametrize(
    "name",
    [
        *("fill", "sort", "put", "partition", "resize", "setfield", "setflags", "itemset"),
        *("base", "ctypes", "data", "flags", "strides"),
    ],
)
def test_what_lazy_frames_cannot_have_says_what_to_do(
    name: str, both: tuple[FrameArray, np.ndarray]
) -> None:
    if not hasattr(np.ndarray, name):
        pytest.skip(f"this numpy has no {name}")
    assert not hasattr(both[0], name)
    with pytest.raises(AttributeError, match=rf"no '{name}'.*np\.array\(frames\) makes an array"):
        getattr(both[0], name)


def test_every_public_attribute_of_an_array_is_there_or_explained() -> None:
    frames = LAYOUTS["parts"][0]
    for name in dir(np.ndarray):
        if not name.startswith("_"):
            try:
                getattr(frames, name)
            except AttributeError as error:
                known = ("np.array(frames)", "was removed from the ndarray class")
                assert any(words in str(error) for words in known), name  # noqa: PT017
    with pytest.raises(AttributeError, match="'FrameArray' object has no attribute 'cuda'"):
        frames.cuda()


def test_dlpack_hands_over_a_copy_or_refuses() -> None:
    for frames, array in LAYOUTS.values():
        assert frames.__dlpack_device__() == (1, 0)
        np.testing.assert_array_equal(np.from_dlpack(frames), array)
        assert not np.shares_memory(np.from_dlpack(frames), FRAMES)
        for options in ({"copy": False}, {"dl_device": (2, 0)}):
            with pytest.raises(BufferError, match="a copy on the CPU only"):
                frames.__dlpack__(**options)


def test_files_take_lazy_frames(both: tuple[FrameArray, np.ndarray]) -> None:
    frames, array = both
    file = io.BytesIO()
    np.savez(file, frames=frames)
    np.testing.assert_array_equal(np.load(io.BytesIO(file.getvalue()))["frames"], array)
    with h5py.File(io.BytesIO(), "w") as h5:
        np.testing.assert_array_equal(h5.create_dataset("frames", data=frames)[:], array)


@pytest.mark.torch
def test_torch_takes_lazy_frames_in_one_go(both: tuple[FrameArray, np.ndarray]) -> None:
    torch = pytest.importorskip("torch")
    frames, array = both
    takes = (torch.as_tensor, torch.tensor, torch.asarray, torch.from_dlpack)
    for take in takes:
        tensor = take(frames)
        assert tensor.dtype == torch.uint8
        assert np.array_equal(tensor.numpy(), array)
        tensor.zero_()  # its own memory
        np.testing.assert_array_equal(np.asarray(frames), array)
    assert torch.as_tensor(frames, dtype=torch.float32).dtype == torch.float32
    loader = torch.utils.data.TensorDataset(torch.as_tensor(frames))
    assert np.array_equal(loader[1][0].numpy(), array[1])


@pytest.mark.torch
def test_torch_is_about_as_fast_as_numpy() -> None:
    """Value by value it would take minutes: some hundred times as long as the whole test."""
    torch = pytest.importorskip("torch")
    many = FrameArray([np.zeros((600, 64, 64, 3), np.uint8)] * 2)
    started = time.perf_counter()
    assert torch.as_tensor(many).shape == (1200, 64, 64, 3)
    assert time.perf_counter() - started < 5
