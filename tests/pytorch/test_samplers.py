"""Tensors are the numpy batches, bit by bit, wherever the frames live."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from vd4rl_data.pytorch import TorchSequences, TorchTransitions  # noqa: E402
from vd4rl_data.pytorch import feeds as feeds_module  # noqa: E402
from vd4rl_data.sampling import SequenceSampler, TransitionSampler  # noqa: E402

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore::vd4rl_data.errors.ShortEpisodesWarning"),
]

FRAME_FIELDS = ("observations", "next_observations")
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
CPU = torch.device("cpu")
DEVICES = ["cpu", pytest.param("cuda", marks=needs_cuda)]


def stacked(frames: np.ndarray) -> np.ndarray:
    """(B, K, H, W, C) → (B, K * C, H, W), channel by channel."""
    batch, stack, height, width, channels = frames.shape
    out = np.zeros((batch, stack * channels, height, width), np.uint8)
    for k in range(stack):
        for channel in range(channels):
            out[:, k * channels + channel] = frames[:, k, :, :, channel]
    return out


def in_layout(name: str, array: np.ndarray, layout: str) -> np.ndarray:
    if name in FRAME_FIELDS and layout == "stacked":
        return stacked(array)
    if name in FRAME_FIELDS and layout == "BLCHW":
        return np.moveaxis(array, -1, 2)
    return array


def assert_equals_numpy(tensors: Any, arrays: Any, layout: str, device: str) -> None:
    assert tensors.as_dict().keys() == arrays.as_dict().keys()
    for name, tensor in tensors.as_dict().items():
        wanted = in_layout(name, arrays.as_dict()[name], layout)
        assert tensor.device.type == device
        assert tensor.is_contiguous()
        got = tensor.cpu().numpy()
        assert got.dtype == wanted.dtype
        np.testing.assert_array_equal(got, wanted, err_msg=name)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("storage", ["device", "stream", "auto"])
@pytest.mark.parametrize("layout", ["BKHWC", "stacked"])
@pytest.mark.parametrize("options", [{}, {"epochs": 2, "n_step_end": "shorten"}, {"threads": 2}])
def test_transitions_are_numpys(
    composite: Any, device: str, storage: str, layout: str, options: dict[str, Any]
) -> None:
    arrays = TransitionSampler(composite, 16, 3, 2, 0.9, 4, **options)
    tensors = TorchTransitions(
        composite, 16, 3, 2, 0.9, 4, device=device, storage=storage, layout=layout, **options
    )
    kept = [next(tensors) for _ in range(40)]
    for batch in kept:
        assert_equals_numpy(batch, next(arrays), layout, device)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("storage", ["device", "stream"])
@pytest.mark.parametrize("layout", ["BLHWC", "BLCHW"])
@pytest.mark.parametrize("pad", [False, True])
def test_sequences_are_numpys(
    composite: Any, device: str, storage: str, layout: str, pad: bool
) -> None:
    arrays = SequenceSampler(composite, 8, 5, 4, pad=pad, epochs=1)
    tensors = TorchSequences(
        composite, 8, 5, 4, device=device, storage=storage, layout=layout, pad=pad, epochs=1
    )
    kept = list(tensors)
    for batch, expected in zip(kept, arrays, strict=True):
        assert_equals_numpy(batch, expected, layout, device)
    assert len(kept) > 10


@pytest.mark.parametrize("storage", ["device", "stream"])
def test_only_the_split_is_sampled_and_kept(dataset: Any, storage: str) -> None:
    tensors = TorchTransitions(dataset, 16, rng=0, storage=storage, split="validation", epochs=1)
    batches = list(tensors)
    assert sum(len(batch.actions) for batch in batches) == 40
    assert all((batch.observations[:, 0, 0, 0, 2] == 3).all() for batch in batches)
    if storage == "device":
        assert len(tensors._feed._frames) == 41


def test_cpu_tensors_share_memory_with_the_buffers(columns: Any) -> None:
    tensors = TorchTransitions(columns, 16, 3, rng=0, reuse_buffers=True)
    first = next(tensors)
    saved = first.observations.clone()
    second = next(tensors)
    assert first.observations.data_ptr() == second.observations.data_ptr()
    assert torch.equal(first.observations, second.observations)
    assert not torch.equal(first.observations, saved)


def test_kept_cpu_tensors_are_not_overwritten(columns: Any) -> None:
    tensors = TorchTransitions(columns, 16, 3, rng=0)
    kept = [next(tensors) for _ in range(5)]
    saved = [batch.observations.clone() for batch in kept]
    for _ in range(5):
        next(tensors)
    assert all(
        torch.equal(batch.observations, copy) for batch, copy in zip(kept, saved, strict=True)
    )


@pytest.mark.parametrize(("spare", "expected"), [(0, "device"), (-1, "stream")])
def test_auto_storage_leaves_room_and_says_so(
    composite: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    spare: int,
    expected: str,
) -> None:
    needed = 100 * 4 * 6 * 3
    free = needed + feeds_module.FREE_DEVICE_BYTES + spare
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 2 * free))
    device: Any = torch.device("cuda", 7)
    with caplog.at_level(logging.INFO, "vd4rl_data"):
        assert feeds_module.choose_storage(composite.frames, 100, device, "stacked") == expected
    (record,) = caplog.records
    assert "GB free on cuda:7" in record.getMessage()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"storage": "disk"}, "storage: expected one of auto, device, stream, got 'disk'"),
        ({"layout": "CHW"}, "layout: expected one of BKHWC, stacked, got 'CHW'"),
        ({"split": "train"}, "split: bare columns have no splits"),
        ({"n_step": 999}, "no episode has 999 transitions"),
    ],
)
def test_bad_arguments(columns: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TorchTransitions(columns, 4, **arguments)


def test_bad_sequence_layout(columns: Any) -> None:
    with pytest.raises(ValueError, match="layout: expected one of BLHWC, BLCHW"):
        TorchSequences(columns, 4, 3, layout="stacked")


def test_without_torch_the_error_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from vd4rl_data.errors import MissingDependencyError\n"
        "try:\n"
        "    import vd4rl_data.pytorch\n"
        "except MissingDependencyError as error:\n"
        "    print(error)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert 'pip install "vd4rl-data[torch]"' in result.stdout


class FakeStream:
    """Counts what a CUDA stream would be asked for."""

    def __init__(self, device: Any = None) -> None:
        self.waited: list[Any] = []
        self.recorded = 0

    def record_event(self) -> str:
        self.recorded += 1
        return f"event {self.recorded}"

    def wait_event(self, event: Any) -> None:
        self.waited.append(event)


@pytest.fixture
def noted_cuda(monkeypatch: pytest.MonkeyPatch) -> tuple[FakeStream, list[Any]]:
    """The calls of the CUDA path, on the CPU: a stream that only takes notes, and what it keeps."""
    current, kept, empty = FakeStream(), list[Any](), torch.empty

    def unpinned(*arguments: Any, pin_memory: bool, **options: Any) -> Any:
        return empty(*arguments, **options)

    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    monkeypatch.setattr(torch.cuda, "Stream", FakeStream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: current)
    monkeypatch.setattr(torch, "empty", unpinned)
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda tensor, s: kept.append((tensor, s)))
    return current, kept


def test_pinned_feed_waits_for_each_copy_and_keeps_its_memory(
    composite: Any, noted_cuda: tuple[FakeStream, list[Any]]
) -> None:
    current, kept = noted_cuda
    for make, options in (
        (TransitionSampler, {"frame_stack": 3}),
        (SequenceSampler, {"length": 4}),
    ):
        sampler, arrays = (make(composite, 16, rng=0, epochs=1, **options) for _ in range(2))
        feed = feeds_module.PinnedFeed(sampler, CPU, "BKHWC")
        current.waited.clear()
        for number, (tensors, expected) in enumerate(zip(feed, arrays, strict=True)):
            assert current.waited == [f"event {k + 1}" for k in range(number + 1)]
            for name, array in expected.as_dict().items():
                np.testing.assert_array_equal(tensors[name].numpy(), array, err_msg=name)
            assert {id(tensor) for tensor, _ in kept} >= {id(tensor) for tensor in tensors.values()}
            kept.clear()
        assert number > 5


@pytest.mark.usefixtures("noted_cuda")
@pytest.mark.parametrize("taken", [0, 1, 40])
def test_the_state_of_a_feed_that_runs_ahead_is_of_what_was_taken(
    composite: Any, taken: int
) -> None:
    """Another one goes on with the next batch, and so does one that had read on."""
    first, other = (
        feeds_module.PinnedFeed(TransitionSampler(composite, 4, rng=seed), CPU, "BKHWC")
        for seed in (0, 1)
    )
    for _ in range(taken):
        next(first)
    state = first.state()
    following = [next(first)["actions"].tolist() for _ in range(3)]
    for feed in (other, first):
        feed.load_state(state)
        assert [next(feed)["actions"].tolist() for _ in range(3)] == following


@needs_cuda
@pytest.mark.parametrize("storage", ["device", "stream"])
def test_cuda_batches_wait_for_nothing(composite: Any, storage: str) -> None:
    tensors = TorchTransitions(composite, 16, 3, 2, rng=0, device="cuda", storage=storage)
    next(tensors)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(5):
            next(tensors)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@needs_cuda
def test_cuda_streaming_survives_slow_readers(composite: Any) -> None:
    tensors = TorchTransitions(composite, 64, 3, rng=0, device="cuda", storage="stream")
    arrays = TransitionSampler(composite, 64, 3, rng=0)
    weight = torch.randn(2000, 2000, device="cuda")
    for _ in range(20):
        batch = next(tensors)
        for _ in range(5):
            weight = (weight @ weight).clamp(-1, 1)  # the device is behind when frames are read
        assert_equals_numpy(batch, next(arrays), "BKHWC", "cuda")
