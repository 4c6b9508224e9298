"""Frames held in memory on a CPU: the same batches, within the memory that there is."""

from __future__ import annotations

import logging
import pickle
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from vd4rl_data.pytorch import TorchSequences, TorchTransitions, held  # noqa: E402
from vd4rl_data.pytorch import feeds as feeds_module  # noqa: E402
from vd4rl_data.pytorch.held import HeldFrames  # noqa: E402
from vd4rl_data.sampling import SequenceSampler, TransitionSampler  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::vd4rl_data.errors.ShortEpisodesWarning")

FRAME_BYTES = 4 * 6 * 3
CPU = torch.device("cpu")


def _assert_equal(batch: Any, other: Any) -> None:
    for name, tensor in batch.as_dict().items():
        assert torch.equal(tensor, other.as_dict()[name]), name


@pytest.mark.parametrize(
    ("layout", "share", "expected"),
    [("stacked", 0, "device"), ("stacked", -1, "stream"), ("BKHWC", 0, "stream")],
)
def test_auto_holds_what_fits_and_changes_no_batch(
    composite: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    layout: str,
    share: int,
    expected: str,
) -> None:
    needed = len(composite.frames) * FRAME_BYTES
    free = int(needed / feeds_module.HELD_SHARE) + share
    monkeypatch.setattr(feeds_module, "available_memory", lambda: free)
    with caplog.at_level(logging.INFO, "vd4rl_data"):
        auto = TorchTransitions(composite, 16, 3, 2, rng=1, layout=layout)
    said = " ".join(record.getMessage() for record in caplog.records)
    assert (layout == "stacked") == ("free on cpu" in said)
    assert isinstance(auto._feed, feeds_module.HeldFeed) == (expected == "device")
    other = TorchTransitions(composite, 16, 3, 2, rng=1, layout=layout, storage="stream")
    for _ in range(20):
        _assert_equal(next(auto), next(other))


def test_auto_holds_nothing_where_memory_is_unknown(
    composite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds_module, "available_memory", lambda: None)
    assert feeds_module.choose_storage(composite.frames, 1, CPU, "stacked") == "stream"


def test_auto_goes_on_without_where_the_system_refuses(
    composite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(size: int) -> Any:
        raise MemoryError(size)

    monkeypatch.setattr(held, "aligned_empty", refuse)
    batch = next(TorchTransitions(composite, 16, 3, rng=1, layout="stacked"))
    other = TorchTransitions(composite, 16, 3, rng=1, layout="stacked", storage="stream")
    _assert_equal(batch, next(other))
    with pytest.raises(MemoryError):
        TorchTransitions(composite, 16, 3, rng=1, layout="stacked", storage="device")


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("pad", [False, True])
def test_batches_are_the_same_when_memory_becomes_scarce(
    composite: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    threads: int,
    pad: bool,
) -> None:
    """It stops holding more, says so once, and goes on."""
    monkeypatch.setattr(held, "_CHECK_BYTES", 100 * FRAME_BYTES)
    monkeypatch.setattr(held, "available_memory", lambda: held.LEAST_MEMORY - 1)
    options: dict[str, Any] = {"rng": 1, "layout": "BLCHW", "pad": pad, "threads": threads}
    tensors = TorchSequences(composite, 8, 5, storage="device", **options)
    other = TorchSequences(composite, 8, 5, storage="stream", **options)
    for _ in range(40):
        _assert_equal(next(tensors), next(other))
    frames = tensors._feed._frames
    assert 0 < frames.nbytes < len(frames) * FRAME_BYTES
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "memory is scarce" in caplog.text


def test_frames_are_read_once(composite: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    frames = HeldFrames(composite.frames, np.arange(50, 150), channels_first=True)
    take = type(composite.frames).take
    monkeypatch.setattr(
        type(composite.frames),
        "take",
        lambda self, rows: (read.extend(rows.tolist()), take(self, rows))[1],
    )
    rng = np.random.default_rng(0)
    for _ in range(30):
        rows = rng.integers(50, 150, (4, 3))
        out = np.empty((4, 3, 3, 4, 6), np.uint8)
        frames.fetch(rows, out)
        expected = np.moveaxis(take(composite.frames, rows), -1, 2)
        np.testing.assert_array_equal(out, expected)
    assert len(read) == len(set(read)) == frames.nbytes // FRAME_BYTES


def test_a_pickled_sampler_goes_on_alike_and_carries_no_frames(composite: Any) -> None:
    tensors = TorchTransitions(composite, 16, 3, rng=0, layout="stacked", storage="device")
    size = len(pickle.dumps(tensors))
    for _ in range(50):
        next(tensors)
    data = pickle.dumps(tensors)
    assert len(data) < size + 40_000  # batches that are planned ahead
    copy = pickle.loads(data)
    for _ in range(5):
        _assert_equal(next(tensors), next(copy))


def test_kept_batches_are_not_overwritten_unless_asked(composite: Any) -> None:
    options: dict[str, Any] = {"layout": "stacked", "storage": "device"}
    tensors = TorchTransitions(composite, 16, 3, rng=0, **options)
    kept = [next(tensors).observations for _ in range(6)]
    saved = [each.clone() for each in kept]
    for _ in range(5):
        next(tensors)
    assert all(torch.equal(each, copy) for each, copy in zip(kept, saved, strict=True))
    tensors = TorchTransitions(composite, 16, 3, rng=0, reuse_buffers=True, **options)
    assert next(tensors).observations.data_ptr() == next(tensors).observations.data_ptr()


@pytest.mark.parametrize("layout", ["stacked", "BKHWC"])
def test_frames_on_a_device_give_numpys_batches(composite: Any, layout: str) -> None:
    """The feed of a GPU, with its frames on the CPU."""
    samplers = [TransitionSampler(composite, 16, 3, 2, rng=4) for _ in range(2)]
    rows = np.arange(len(composite.frames))
    resident = feeds_module.ResidentFeed(samplers[0], rows, CPU, layout)
    streamed = feeds_module.HostFeed(samplers[1], CPU, layout)
    for _ in range(20):
        found, expected = next(resident), next(streamed)
        assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("pad", [False, True])
def test_windows_on_a_device_give_numpys_batches(composite: Any, pad: bool) -> None:
    samplers = [SequenceSampler(composite, 8, 5, 4, pad=pad) for _ in range(2)]
    rows = np.arange(len(composite.frames))
    resident = feeds_module.ResidentFeed(samplers[0], rows, CPU, "BLCHW")
    streamed = feeds_module.HostFeed(samplers[1], CPU, "BLCHW")
    for _ in range(20):
        found, expected = next(resident), next(streamed)
        assert all(torch.equal(found[name], expected[name]) for name in expected)
