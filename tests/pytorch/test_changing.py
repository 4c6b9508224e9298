"""Data that change, and states, as tensors: what numpy's samplers give, or words why not."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from tests.storage import tiny
from vd4rl_data import Mixture, Replaceable, ReplayBuffer, Selection
from vd4rl_data.sampling import SequenceSampler, TransitionSampler

torch = pytest.importorskip("torch")

from vd4rl_data.pytorch import (  # noqa: E402
    IterableSequences,
    IterableTransitions,
    TensorSequenceQuery,
    TensorTransitionQuery,
    TorchSequences,
    TorchTransitions,
)

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore::vd4rl_data.errors.ShortEpisodesWarning"),
]
DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=[
            pytest.mark.cuda,
            pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
        ],
    ),
]


@pytest.fixture
def with_states(composite: Any) -> Any:
    rng = np.random.default_rng(1)
    rows = len(composite.frames)
    return dataclasses.replace(composite, states=rng.normal(size=(rows, 5)).astype(np.float32))


def grow(buffer: ReplayBuffer) -> None:
    buffer.add(tiny.episodes_of((5 + len(buffer) % 3,), start=7 * len(buffer))[0])


def assert_equal(tensors: Any, arrays: Any) -> None:
    assert tensors.as_dict().keys() == arrays.as_dict().keys()
    for name, values in arrays.as_dict().items():
        found = getattr(tensors, name).cpu().numpy()
        np.testing.assert_array_equal(found.reshape(-1), values.reshape(-1), err_msg=name)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("storage", ["auto", "stream"])
@pytest.mark.parametrize("kind", ["transitions", "sequences"])
def test_tensors_of_growing_data_are_numpys(device: str, storage: str, kind: str) -> None:
    buffer = ReplayBuffer()
    grow(buffer)
    arrays: Any = getattr(buffer, kind)(8, 2, rng=3)
    make = TorchTransitions if kind == "transitions" else TorchSequences
    tensors = make(buffer, 8, 2, rng=3, device=device, storage=storage)
    for number in range(50):
        assert_equal(next(tensors), next(arrays))
        if number % 5 == 0:
            grow(buffer)
        if number == 30:
            other = make(buffer, 8, 2, rng=99, device=device, storage=storage)
            other.sampler.load_state(tensors.sampler.state())
            tensors = other


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("storage", ["device", "stream"])
@pytest.mark.parametrize("layout", ["BKHWC", "stacked"])
def test_a_pool_of_the_same_frames_is_replaced(
    composite: Any, device: str, storage: str, layout: str
) -> None:
    pool = Replaceable(Selection(composite, [0]))
    plain: Any = Replaceable(Selection(composite, [0]))
    tensors = TorchTransitions(pool, 8, 2, rng=0, device=device, storage=storage, layout=layout)
    arrays = plain.transitions(8, 2, rng=0)
    for chosen in ([3], [4, 6], [0, 1, 2]):
        for each in (pool, plain):
            each.replace(Selection(composite, chosen))
        batch, expected = next(tensors), next(arrays)
        np.testing.assert_array_equal(batch.actions.cpu().numpy(), expected.actions)
        frames = batch.observations.cpu().numpy()
        if layout == "stacked":
            frames = frames.reshape(8, 2, 3, 4, 6).transpose(0, 1, 3, 4, 2)
        np.testing.assert_array_equal(frames, expected.observations)


@pytest.mark.parametrize("storage", ["device", "stream"])
@pytest.mark.parametrize("layout", ["BKHWC", "stacked"])
def test_states_are_numpys(with_states: Any, storage: str, layout: str) -> None:
    whole: Any = Selection(with_states, range(7))
    arrays = whole.transitions(16, 2, rng=0, state=True)
    tensors = TorchTransitions(
        with_states, 16, 2, rng=0, state=True, storage=storage, layout=layout
    )
    workers = iter(IterableTransitions(with_states, 16, 2, rng=0, state=True, layout=layout))
    for _ in range(10):
        expected = next(arrays)
        for batch in (next(tensors), next(workers)):
            np.testing.assert_array_equal(batch.states.numpy(), expected.states)
            np.testing.assert_array_equal(batch.next_states.numpy(), expected.next_states)
    sequences = TorchSequences(with_states, 4, 5, rng=0, state=True, pad=True, storage=storage)
    assert_equal(next(sequences), next(whole.sequences(4, 5, 0, state=True, pad=True)))


def test_frames_that_are_held_cannot_grow() -> None:
    buffer = ReplayBuffer()
    grow(buffer)
    tensors = TorchTransitions(buffer, 4, storage="device", layout="stacked")
    next(tensors)
    grow(buffer)
    with pytest.raises(ValueError, match='storage: expected "stream" or "auto" for data that get'):
        next(tensors)


def test_workers_refuse_what_they_would_not_see(composite: Any) -> None:
    buffer = ReplayBuffer()
    grow(buffer)
    mixture = Mixture([(buffer, 1), (buffer, 1)])
    for data in (buffer, mixture, Replaceable(composite), Selection(buffer, [0])):
        with pytest.raises(ValueError, match="data: expected data that cannot change"):
            IterableTransitions(data, 4)
        with pytest.raises(ValueError, match="data: expected data that cannot change"):
            IterableSequences(data, 4, 1)
    with pytest.raises(ValueError, match="device, storage: expected the CPU and no storage"):
        IterableTransitions(composite, 4, storage="device")
    IterableSequences(Selection(composite, [0, 3]), 4, 2)


def test_a_query_travels_whole(composite: Any) -> None:
    query = TensorTransitionQuery(8, 3, 2, 0.9, 4, layout="stacked", storage="stream")
    spelled = TorchTransitions(composite, 8, 3, 2, 0.9, 4, layout="stacked", storage="stream")
    taken = TorchTransitions(composite, query)
    assert taken.sampler.query == spelled.sampler.query == query
    numpys = TransitionSampler(composite, query)  # where batches arrive is nothing to it
    batch, expected = next(taken), next(numpys)
    assert torch.equal(batch.observations, next(spelled).observations)
    np.testing.assert_array_equal(batch.rewards.numpy(), expected.rewards)
    sequences = TensorSequenceQuery(8, 2, rng=1)
    assert_equal(
        next(TorchSequences(composite, sequences)), next(SequenceSampler(composite, sequences))
    )
